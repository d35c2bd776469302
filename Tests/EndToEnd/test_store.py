"""How recordings are kept: segments that change, are packed, and go; and captures that others packed."""

import os

import pytest

import mailproxy
from mailproxy import MailProxy, command, rows
from processes import HOST, checked, until
from test_verify import _send, verify
from wire import SMTP


def _timeless(folder):
    return [mailproxy.timeless(row) | {"id": row["id"]} for row in mailproxy.sessions(folder)]


def test_packed_segments_are_read_as_the_plain_ones(scratch):
    with MailProxy(scratch, {"smtp": "fallback"}, "--set", "record.compress=none") as proxy:
        _send(proxy.ports["smtp"], 20)
    (plain,) = mailproxy.segments(proxy.record)
    octets = plain.read_bytes()
    listed, shown = _timeless(proxy.record), mailproxy.all_exchanges(proxy.record)
    assert len(listed) == 20
    with MailProxy(scratch, {"smtp": "fallback"}, "--set", "record.compress=zstd") as proxy:
        until("the closed segment is packed", lambda: not plain.exists(), 20)
    packed = plain.with_name(plain.name + ".zst")
    assert checked(["/usr/bin/zstd", "-d", "-q", "-c", packed]).stdout == octets
    assert packed.stat().st_size < len(octets) / 2
    assert _timeless(proxy.record) == listed and mailproxy.all_exchanges(proxy.record) == shown
    assert _timeless(packed) == listed
    command("sessions", "reindex", "--record-dir", proxy.record, status=0)
    assert _timeless(proxy.record) == listed and mailproxy.all_exchanges(proxy.record) == shown
    one = listed[10]["id"]
    assert mailproxy.exchanges(proxy.record, one) == [{k: v for k, v in row.items() if k != "session"} for row in shown[one]]
    assert verify(proxy.record, status=0)[-1]["faults"] == 0
    command("sessions", "export", one, proxy.record, "--format", "pcapng", "-o", scratch / "one.pcapng", status=0)
    assert [row["id"] for row in mailproxy.sessions(scratch / "one.pcapng")] == [one]


def test_captures_that_others_packed(scratch):
    with MailProxy(scratch, {"smtp": "fallback"}, "--set", "record.compress=none") as proxy:
        _send(proxy.ports["smtp"])
    (plain,) = mailproxy.segments(proxy.record)
    listed = _timeless(plain)
    for program, ending in (("gzip", "gz"), ("zstd", "zst")):
        packed = scratch / f"day.pcapng.{ending}"
        packed.write_bytes(checked([f"/usr/bin/{program}", "-q", "-c", plain]).stdout)
        assert _timeless(packed) == listed
        through = command("sessions", "list", "-", "--json", stdin=packed.read_bytes(), status=0)
        assert [row["id"] for row in rows(through)] == [row["id"] for row in listed]
        command("capture", "-r", packed, "--record-dir", scratch / program, "--data-dir", scratch / "data", status=0)
        assert len(mailproxy.sessions(scratch / program)) == 3
        # Cut: what it has is read, and the rest is told with its place.
        whole = packed.read_bytes()
        packed.write_bytes(whole[:-20])
        done = command("sessions", "list", packed, "--json", status=0)
        assert "the file ends in the middle of what is packed" in done.stderr.decode()
        # Damaged: told too, and in the exit status.
        packed.write_bytes(whole[: len(whole) // 2] + bytes(50) + whole[len(whole) // 2 + 50 :])
        done = command("sessions", "list", packed, status=(2, 3))
        assert "what is packed is damaged" in done.stderr.decode() and len(done.stderr.splitlines()) <= 2


def test_bombs(scratch):
    """Case F4: a mebibyte that unpacks to gigabytes, and is a capture at its beginning."""
    with MailProxy(scratch, {"smtp": "fallback"}, "--set", "record.compress=none") as proxy:
        _send(proxy.ports["smtp"], 1)
    (plain,) = mailproxy.segments(proxy.record)
    # A block of an unknown type, of a mebibyte of zeros, as often as it takes; each is a frame of its own.
    block = (0xBAD).to_bytes(4, "little") + (1 << 20).to_bytes(4, "little") + bytes((1 << 20) - 12) + (1 << 20).to_bytes(4, "little")
    (scratch / "block").write_bytes(block)
    frame = checked(["/usr/bin/zstd", "-q", "-c", scratch / "block"]).stdout
    bomb = scratch / "bomb.pcapng.zst"
    bomb.write_bytes(checked(["/usr/bin/zstd", "-q", "-c", plain]).stdout + frame * 10_000)
    done = command("sessions", "list", bomb, status=3)
    assert "it unpacks to more than 250 times its size" in done.stderr.decode()
    peak = checked(
        ["/usr/bin/python3", "-c", "import resource,subprocess,sys; subprocess.run(sys.argv[1:], capture_output=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
         mailproxy.binary(), "sessions", "list", bomb], env=mailproxy.environment(scratch),
    )  # fmt: skip
    usual = checked(
        ["/usr/bin/python3", "-c", "import resource,subprocess,sys; subprocess.run(sys.argv[1:], capture_output=True); print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)",
         mailproxy.binary(), "sessions", "list", plain], env=mailproxy.environment(scratch),
    )  # fmt: skip
    assert int(peak.stdout) < int(usual.stdout) + 16_384 * mailproxy.PATIENCE


def test_a_session_over_segments(scratch):
    """It is found in its first second, and read whole, also when what it began in is packed."""
    with MailProxy(scratch, {"smtp": "fallback"}, "--set", "record.segment-size=65536", "--set", "record.compress=zstd") as proxy:
        with SMTP(HOST, proxy.ports["smtp"]) as client:
            client.reply(220)
            client.say("EHLO client.example.org", 250)
            (row,) = until("it is listed", lambda: mailproxy.sessions(proxy.record), 10, 0.1)
            assert row["end"] == "open"
            for number in range(30):
                client.send("MAIL FROM:<ada@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
                for code in (250, 250, 354):
                    client.reply(code)
                client.send(f"Subject: {number}\r\n\r\n{'line of text ' * 800}\r\n.\r\n".encode())
                client.reply(250)
            until("the first segments are packed", lambda: len(list(proxy.record.glob("*.zst"))) > 2, 20, 0.1)

            def commands():
                return [row["command"] for row in mailproxy.exchanges(proxy.record, row_id)]

            row_id = row["id"]
            until("all of it is read", lambda: commands().count("DATA") == 30, 10, 0.2)
            client.say("QUIT", 221)
    (row,) = mailproxy.sessions(proxy.record)
    assert row["messages"] == 30 or len(mailproxy.exchanges(proxy.record, row["id"])) >= 91
    assert verify(proxy.record, status=0)[-1]["faults"] == 0


def test_retention(scratch):
    """Case F15: the recording stays within its size, but for one segment; the chain says what was removed."""
    options = ["record.segment-size=65536", "record.keep-size=1048576", "record.compress=none"]
    with MailProxy(scratch, {"smtp": "fallback"}, *[w for o in options for w in ("--set", o)]) as proxy:

        def kept():
            return sum(p.stat().st_size for p in proxy.record.glob("2*") if p.exists())

        for _ in range(8):
            with SMTP(HOST, proxy.ports["smtp"]) as client:
                client.reply(220)
                client.say("EHLO client.example.org", 250)
                for number in range(10):
                    client.send("MAIL FROM:<ada@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\n")
                    for code in (250, 250, 354):
                        client.reply(code)
                    client.send(b"Subject: x\r\n\r\n" + os.urandom(15_000).hex().encode().replace(b"0a", b"0b\r\n") + b"\r\n.\r\n")
                    client.reply(250)
                client.say("QUIT", 221)
            until("it is small enough again", lambda: kept() < 1_048_576 + 2 * 65_536, 20, 0.1)
    states = [r["state"] for r in verify(proxy.record, status=0) if not r.get("summary")]
    assert states.count("removed") > 10 and "faulty" not in states
    listed = mailproxy.sessions(proxy.record)
    assert 0 < len(listed) < 8
    assert all(mailproxy.exchanges(proxy.record, row["id"]) for row in listed)


@pytest.mark.parametrize(
    "setting, reason",
    [
        ("record.compress=lz4", "must be one of zstd, none"),
        ("record.compress-level=0", "must be a number from 1 to 19"),
        ("record.keep-size=5", "must be a number from 1048576"),
        ("record.keep-days=x", "must be a number from 1"),
        ("record.segment-age=0", "must be a number from 1"),
        ("record.midnight=mars", "must be one of utc, local, none"),
    ],
)
def test_bad_settings(scratch, setting, reason):
    done = command("run", "--set", setting, "--record-dir", scratch / "r", "--data-dir", scratch / "d", status=2)
    assert reason in done.stderr.decode()
