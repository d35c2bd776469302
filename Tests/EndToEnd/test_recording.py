"""The recording of the live proxy: read by tshark, by our own commands and by a reader of our own; and no secret in
it."""

import base64
import datetime
import hashlib
import json
import re
import socket
import stat
import time

import pytest

import clients
import conftest
import mailproxy
import pcap
import smtp_clients
import tshark
from mailproxy import MailProxy, command
from processes import HOST, until
from tls_peers import Upstream
from wire import SMTP


class Recorded:
    """A finished run: its recording, the capture of its client legs, who logged in, and what was sent."""

    def __init__(self, proxy, capture, accounts, sent):
        self.folder, self.ports, self.said = proxy.record, proxy.ports, proxy.said()
        self.capture, self.accounts, self.sent = capture, accounts, sent
        self.data = proxy.data


@pytest.fixture(scope="module")
def recorded(servers, module_scratch):
    """Every client once through the proxy, which has ended since."""
    accounts, sent = [], []
    with MailProxy(module_scratch, servers.ports) as proxy:
        capture = pcap.Capture(module_scratch, list(proxy.ports.values()))
        for driver in clients.SMTP_DRIVERS:
            account = servers.accounts.fresh()
            sent += driver(clients.Place(proxy.ports["smtp"]), account)
            accounts.append(account)
        accounts += [
            servers.drive(driver, proxy.ports)
            for driver in clients.POP3_DRIVERS + clients.IMAP_DRIVERS
            if driver is not clients.imap_clients.quoted_password
        ]
        # The quoted password is shared with other test files: another user of the same password would not do, since
        # both the escaped and the plain form must be looked for.
        clients.imap_clients.quoted_password(clients.Place(proxy.ports["imap"]), servers.accounts.quoted, [])
        accounts.append(servers.accounts.quoted)
        capture.all_closed(*proxy.ports.values())
        path = capture.stop()
    return Recorded(proxy, path, accounts, sent)


@pytest.fixture(scope="module")
def sessions(recorded):
    return mailproxy.sessions(recorded.folder)


def test_tshark_reads_every_segment(recorded):
    files = mailproxy.segments(recorded.folder)
    assert files
    seen = {name: set() for name in tshark.FIELDS}
    for path in files:
        for name, words in tshark.commands(path).items():
            seen[name] |= set(words)
        assert tshark.count(path, "tcp") > 100
        assert tshark.count(path, "tcp.analysis.lost_segment or tcp.analysis.retransmission") == 0
    assert {"EHLO", "HELO", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT"} <= seen["smtp"]
    assert {"USER", "PASS", "STAT", "LIST", "UIDL", "RETR", "TOP", "DELE", "CAPA", "APOP", "AUTH", "QUIT"} <= seen[
        "pop"
    ]
    assert {"LOGIN", "SELECT", "FETCH", "STORE", "SEARCH", "APPEND", "COPY", "EXPUNGE", "IDLE", "LOGOUT"} <= {
        word.removeprefix("UID ") for word in seen["imap"]
    }


def test_tshark_sees_the_commands_of_the_wire(recorded):
    """Of our recording the dissectors list what they list of tcpdump's capture of the same sessions. (At least:
    of commands that lie in one segment they miss some on the wire.) Where the end of a message lies in several small segments, they may
    miss it, and take what follows for more of it: clients that send octet by octet are left out."""
    single = tshark.senders_of_single_octets(recorded.capture)
    assert single
    ours = {name: [] for name in tshark.FIELDS}
    for path in mailproxy.segments(recorded.folder):
        for name, words in tshark.commands(path, without=single).items():
            ours[name] += words
    theirs = tshark.commands(recorded.capture, recorded.ports, without=single)
    # What is counted: commands that no masking can touch.
    for name, words in {
        "smtp": ("MAIL", "RCPT", "DATA", "QUIT"),
        "pop": ("RETR", "DELE", "QUIT"),
        "imap": ("SELECT", "APPEND", "LOGOUT"),
    }.items():
        for word in words:
            assert ours[name].count(word) >= theirs[name].count(word) > 0, (name, word)


def test_segments_are_private(recorded):
    for path in mailproxy.segments(recorded.folder):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def _forms(account):
    """A password as it goes over the wire: plain, with IMAP's escapes, and in base64 at each of the three places that
    it may have in a triple of octets, cut to what does not depend on its neighbours."""
    secret = account.password.encode()
    forms = {secret, secret.replace(b"\\", b"\\\\").replace(b'"', b'\\"')}
    for before in range(3):
        encoded = base64.b64encode(b"x" * before + secret)
        first = -(-before * 8 // 6)
        forms.add(encoded[first : (before + len(secret)) * 8 // 6])
    return forms


def test_forms_find_a_password_in_base64():
    account = conftest.peers.Account("someone", "correct-horse-77")
    for user in ("a", "bb", "ccc"):
        text = base64.b64encode(f"\0{user}\0{account.password}".encode())
        assert any(form in text for form in _forms(account))


def test_no_password_anywhere(recorded, sessions, scratch):
    places = {
        str(p): p.read_bytes()
        for folder in (recorded.folder, recorded.data)
        if folder.exists()
        for p in folder.rglob("*")
        if p.is_file()
    }
    places["what the process said"] = recorded.said.encode()
    for options in ([], ["--json"]):
        places[f"sessions list {options}"] = command("sessions", "list", recorded.folder, *options, status=0).stdout
        places[f"sessions show {options}"] = command("sessions", "show", recorded.folder, *options, status=0).stdout
    for form in ("transcript", "json", "pcapng"):
        target = scratch / form
        command("sessions", "export", recorded.folder, "--format", form, "-o", target, status=0)
        files = [p for p in target.rglob("*") if p.is_file()] if target.is_dir() else [target]
        places |= {f"export {form} {p}": p.read_bytes() for p in files}
    wire = recorded.capture.read_bytes()
    hidden = [account for account in recorded.accounts if any(form in wire for form in _forms(account))]
    assert len(hidden) > 20, "the clients sent passwords in clear, or this test would prove nothing"
    for account in recorded.accounts:
        for form in _forms(account):
            for place, content in places.items():
                assert form not in content, f"{account}'s password, as {form!r}, stands in {place}"


LIST_FIELDS = {
    "id",
    "protocol",
    "start",
    "seconds",
    "client",
    "server",
    "route",
    "tls",
    "user",
    "exchanges",
    "messages",
    "credentials",
    "violations",
    "findings",
    "bytes",
    "end",
    "opaque",
    "gaps",
}


def test_list_has_every_session_with_the_documented_fields(recorded, sessions):
    wire = pcap.sessions(recorded.capture.read_bytes())
    assert len(sessions) == len(wire)
    # The kernel may give a client the port again that another had to another server.
    by_client = {(row["client"], row["protocol"]): row for row in sessions}
    protocols = {port: protocol for protocol, port in recorded.ports.items()}
    for session in wire:
        row = by_client[f"{session.client[0]}:{session.client[1]}", protocols[session.server[1]]]
        assert LIST_FIELDS <= set(row), LIST_FIELDS - set(row)
        assert row["bytes"] == {"client": len(session.sent.bytes()), "server": len(session.received.bytes())}
        assert row["end"] == "closed" and row["gaps"] == 0 and row["tls"] is None and row["opaque"] is False
        assert abs(row["seconds"] - 0) < 60 and row["exchanges"] > 0
    users = {row["user"] for row in sessions if row["user"]}
    assert {account.address for account in recorded.accounts} & users
    assert sum(row["messages"] for row in sessions if row["protocol"] == "smtp") >= len(recorded.sent)
    assert sum(row["credentials"] for row in sessions) > 20


def test_show_has_the_documented_fields(recorded, sessions):
    shown = mailproxy.all_exchanges(recorded.folder)
    for row in sessions:
        assert len(shown[row["id"]]) == row["exchanges"]
        for exchange in shown[row["id"]]:
            assert {"n", "time", "seconds", "command", "line", "reply", "content", "violations", "changed"} <= set(
                exchange
            )
            assert exchange["reply"] is None or {"status", "code", "text"} <= set(exchange["reply"])
            assert exchange["content"] is None or {"side", "bytes", "sha256"} <= set(exchange["content"])
            assert exchange["changed"] in ([], ["(capabilities)"])
    words = {exchange["command"] for exchanges in shown.values() for exchange in exchanges}
    assert {
        "EHLO",
        "AUTH",
        "MAIL",
        "RCPT",
        "DATA",
        "BDAT",
        "USER",
        "PASS",
        "RETR",
        "LOGIN",
        "SELECT",
        "APPEND",
    } <= words
    one = mailproxy.exchanges(recorded.folder, sessions[0]["id"])
    assert [{**e, "session": sessions[0]["id"]} for e in one] == shown[sessions[0]["id"]]


def test_transcript_shows_the_dialogue(recorded, sessions):
    row = next(r for r in sessions if r["protocol"] == "smtp" and r["messages"] == 1 and r["user"])
    text = command("sessions", "show", row["id"], recorded.folder, status=0).stdout.decode()
    for word in ("220 ", "EHLO client.example.org", "AUTH ", "MAIL FROM:<ada@example.org>", "354 ", "QUIT", "221 "):
        assert word in text, text


def test_filter_selects(recorded, sessions):
    chosen = mailproxy.rows(command("sessions", "list", recorded.folder, "--filter", "imap", "--json", status=0))
    assert sorted(r["id"] for r in chosen) == sorted(r["id"] for r in sessions if r["protocol"] == "imap") != []


def test_filters_find_what_the_index_does_not_have_yet(scratch):
    """Rows of exchanges are indexed when a session has ended: until then they are read from the segments."""

    def found(proxy):
        chosen = command("sessions", "list", proxy.record, "--filter", 'command == "NOOP"', "--json", status=0)
        return mailproxy.rows(chosen)

    with MailProxy(scratch, {"imap": "fallback"}) as proxy:
        with socket.create_connection((HOST, proxy.ports["imap"]), timeout=30) as connection:
            reader = connection.makefile("rb")
            reader.readline()
            for tag in (b"a", b"b"):
                connection.sendall(tag + b" NOOP\r\n")
                assert reader.readline().startswith(tag + b" OK")
            # The index hears of a session that goes on within two seconds.
            until("the open session is found", lambda: found(proxy), 20)
            assert [r["end"] for r in found(proxy)] == ["open"]
            connection.sendall(b"c LOGOUT\r\n")
            reader.read()
        until("the session has ended", lambda: [r["end"] for r in found(proxy)] == ["closed"], 20)
    assert [r["exchanges"] for r in found(proxy)] == [4]


def test_exported_messages_are_the_sent_ones(recorded, scratch):
    done = command("sessions", "export", recorded.folder, "--format", "eml", "-o", scratch / "eml", "--json", status=0)
    rows = mailproxy.rows(done)
    files = {p.name: p.read_bytes() for p in (scratch / "eml").rglob("*.eml")}
    assert len(files) == len(rows) > 0
    found = []
    for row in rows:
        assert {
            "session",
            "exchange",
            "carrier",
            "complete",
            "bytes",
            "sha256",
            "file",
            "from",
            "to",
            "subject",
            "message_id",
        } <= set(row)
        assert row["carrier"] in ("DATA", "BDAT", "LMTP", "RETR", "TOP", "FETCH", "APPEND")
        content = files[row["file"].rsplit("/", 1)[-1]]
        assert len(content) == row["bytes"] and hashlib.sha256(content).hexdigest() == row["sha256"]
        if row["carrier"] in ("DATA", "BDAT") and row["complete"]:
            found.append(content)
    assert sorted(found) == sorted(recorded.sent)
    carriers = {row["carrier"] for row in rows}
    assert {"DATA", "BDAT", "RETR", "FETCH", "APPEND"} <= carriers
    assert [r["complete"] for r in rows if r["carrier"] == "DATA"].count(
        False
    ) == 1, "the one that broke off in the middle"


def test_export_of_pcapng_is_a_recording_again(recorded, sessions, scratch):
    row = next(r for r in sessions if r["protocol"] == "imap" and r["messages"])
    target = scratch / "one.pcapng"
    command("sessions", "export", row["id"], recorded.folder, "--format", "pcapng", "-o", target, status=0)
    again = mailproxy.sessions(target)
    assert [mailproxy.timeless(r) for r in again] == [mailproxy.timeless(row)]


def _is_secret(line, forms):
    """Whether a line holds what must not be kept: a password, a digest made of one, a refused attempt, or what stands behind a verb that
    nobody knows."""
    if line.startswith((b"APOP ", b"XYZZY ")) or line == b"!!! not base64 !!!\r" or any(form in line for form in forms):
        return True
    try:
        return re.fullmatch(rb"\S+ [0-9a-f]{32}", base64.b64decode(line.strip(), validate=True)) is not None
    except ValueError:
        return False


def test_every_byte_is_recorded(recorded):
    """The recording's payload is that of the wire, line for line as long; only lines with a secret differ."""
    kept = {}
    # In recordings a session has the port of its protocol, on the wire that of its listener.
    listeners = {25: "smtp", 110: "pop3", 143: "imap"}
    for path in mailproxy.segments(recorded.folder):
        for session in pcap.sessions(path.read_bytes()):
            key = session.client, recorded.ports[listeners[session.server[1]]]
            kept.setdefault(key, []).append(session)
    forms = {form for account in recorded.accounts for form in _forms(account)}
    masked = 0
    for session in pcap.sessions(recorded.capture.read_bytes()):
        (ours,) = kept[session.client, session.server[1]]
        for mine, theirs in zip(ours.both(), session.both()):
            assert len(mine) == len(theirs), pcap.first_difference(mine, theirs)
            for kept_line, line in zip(mine.split(b"\n"), theirs.split(b"\n"), strict=True):
                if kept_line != line:
                    assert len(kept_line) == len(line) and _is_secret(line, forms), (kept_line, line)
                    masked += 1
    assert masked > 40


def test_index_is_rebuilt_from_the_segments(recorded, sessions):
    for name in ("index.sqlite", "index.sqlite-wal", "index.sqlite-shm"):
        (recorded.folder / name).unlink(missing_ok=True)
    again = mailproxy.sessions(recorded.folder)
    assert [json.dumps(r, sort_keys=True) for r in again] == [json.dumps(r, sort_keys=True) for r in sessions]


def test_no_record_leaves_nothing(servers, scratch):
    with MailProxy(scratch, servers.ports, record=False) as proxy:
        smtp_clients.burst(clients.Place(proxy.ports["smtp"]), servers.accounts.fresh())
    assert not any(scratch.rglob("*.pcapng")) and not any(scratch.rglob("index.sqlite"))


@pytest.mark.parametrize("with_rules", [False, True], ids=["", "rules"])
@pytest.mark.parametrize(
    "protocol, long, login",
    [
        ("smtp", b"NOOP ", b"AUTH PLAIN AGFsaWNlAHMzY3JldA==\r\n"),
        ("pop3", b"NOOP ", b"USER alice\r\nPASS s3cret\r\n"),
        ("imap", b"a NOOP ", b"b LOGIN alice s3cret\r\n"),
    ],
)
def test_a_login_that_nobody_reads_is_masked(scratch, protocol, long, login, with_rules):
    """Behind a line beyond its limit: it passes to the octet, and is not kept."""
    words = long + b"x" * 70_000 + b"\r\n" + login
    got = b""
    rules = scratch / "rules.yaml"
    rules.write_text(f"rules:\n  - name: none\n    when: {protocol}\n    then:\n      - tag: seen\n")
    with socket.create_server((HOST, 0)) as listener, MailProxy(
        scratch, {protocol: listener.getsockname()[1]}, *(["--rules", rules] if with_rules else [])
    ) as proxy, socket.create_connection((HOST, proxy.ports[protocol]), 10) as client:
        server, _ = listener.accept()
        with server:
            server.settimeout(10)
            client.sendall(words)
            client.shutdown(socket.SHUT_WR)
            while piece := server.recv(65536):
                got += piece
    assert got == words
    kept = b"".join(segment.read_bytes() for segment in mailproxy.segments(proxy.record))
    assert long + b"x" * 100 in kept
    for secret in b"s3cret", b"AGFsaWNl":
        assert secret not in kept
    assert mailproxy.sessions(proxy.record)[0]["opaque"]


@pytest.mark.parametrize("with_rules", [False, True], ids=["", "rules"])
def test_times_are_those_of_arrival(scratch, with_rules):
    """What the other side can have read already was there before, though the thread that passes it on comes back late from the system call
    that sends it: `sessions mailbox --at` and others ask what was known at a moment."""
    heard = []

    def serve(upstream, connection):
        connection.sendall(b"220 mx.example.com\r\n")
        upstream.expect(connection, b"NOOP\r\n")
        heard.append(time.time())
        connection.sendall(b"250 here\r\n")
        upstream.drain(connection)

    rules = scratch / "rules.yaml"
    rules.write_text("rules:\n  - name: none\n    when: smtp\n    then:\n      - tag: seen\n")
    late = ["strace", "-D", "-f", "-qq", "-o", scratch / "trace", "-e", "trace=sendto", "-e", "inject=sendto:delay_exit=200000"]
    options = ["--rules", rules] if with_rules else []
    with Upstream(serve) as upstream, MailProxy(scratch, {"smtp": upstream.port}, *options, prefix=late) as proxy:
        with SMTP(HOST, proxy.ports["smtp"]) as client:
            client.reply(220)
            client.say("NOOP", 250)
            heard.append(time.time())
    (row,) = [row for row in mailproxy.rows(command("sessions", "show", proxy.record, "--json", status=0)) if row["command"] == "NOOP"]
    came = datetime.datetime.fromisoformat(row["time"]).timestamp()
    assert came <= heard[0] and came + row["seconds"] <= heard[1], (row["time"], row["seconds"], heard)
