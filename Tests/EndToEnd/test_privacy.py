"""What a recording does not have: secrets, and all that `record.what` leaves out. Every search can fail: the same sessions recorded with
`record.secrets=keep` have every secret."""

import contextlib
import itertools
import json
import re
import stat

import pytest

import canaries
import clients
import imap_clients
import mailproxy
import messages
import pcap
import pop3_clients
import smtp_clients
import spoken
import tshark
import wire
from mailproxy import MailProxy, command, rows
from processes import HOST, until

# What tshark has to say at error level, but for its beliefs that every +OK to TOP has a number, and that LOGIN has two words.
FAULTY = '(_ws.malformed or _ws.expert.severity == "Error") and not pop.response.indicator and not imap.request.command == "LOGIN"'
# Where dialogues pass as they are: nothing is hidden of capability lists.
UNTOUCHED = "?tls=passthrough"


@contextlib.contextmanager
def speakers():
    with contextlib.ExitStack() as stack:
        yield {protocol: stack.enter_context(spoken.Speaker()) for protocol in ("smtp", "pop3", "imap")}


def record(folder, secrets, name, drips, *options, env=()):
    """All dialogues through a proxy; gives it, stopped, the dialogues, and what its folders held while it ran."""
    held = spoken.dialogues()
    with speakers() as behind:
        with MailProxy(
            folder, {protocol: speaker.port for protocol, speaker in behind.items()}, "--set", f"record.secrets={secrets}", "--log-level",
            "debug", "--set", "record.segment-size=65536", *options, name=name, listener=UNTOUCHED, env=env,
        ) as proxy:
            for dialogue, drip in itertools.product(held, drips):
                spoken.hold(proxy.ports[dialogue.protocol], dialogue, behind[dialogue.protocol], drip)
            count = len(held) * len(drips)
            until("all sessions to be indexed", lambda: indexed(proxy.record) == (count, count), 30, 0.1)
            live = canaries.contents(proxy.record, proxy.data)
    return proxy, held, live


def indexed(folder):
    """How many sessions the index has, and of how many it has the commands."""
    found = mailproxy.sessions(folder)
    return len([row for row in found if row["end"] != "open"]), len([row for row in found if row["exchanges"] > 0])


def all_secrets(held):
    return [secret for dialogue in held for secret in dialogue.secrets]


def exported(folder, target):
    """What all exports write, and what is shown."""
    target.mkdir()
    for form, name in (("har", "x.har"), ("html", "x.html"), ("pcapng", "x.pcapng"), ("rawlog", "rawlog"), ("jsonl", "x.jsonl")):
        command("sessions", "export", "--record-dir", folder, "--format", form, "-o", target / name, status=0)
    shown = command("sessions", "show", folder, "--full", status=0).stdout + command("sessions", "show", folder, "--json", status=0).stdout
    (target / "shown").write_bytes(shown + command("sessions", "list", folder, "--json", status=0).stdout)
    return canaries.contents(target)


def without_packets(found):
    """A failure's text names secret, form and file."""
    return sorted({(repr(secret), form, name) for secret, form, name in found})[:20]


@pytest.fixture(scope="module")
def masked(module_scratch):
    return record(module_scratch, "mask", "masked", (False, True), env=(("MAILPROXY_RECORD_COMPRESS", "zstd"),))


@pytest.fixture(scope="module")
def kept(module_scratch):
    return record(module_scratch, "keep", "kept", (False,))


@pytest.fixture(scope="module")
def sealed(module_scratch):
    command("seal", "create", "--data-dir", module_scratch / "keys", status=0)
    public = module_scratch / "keys" / "seal" / "seal.pub"
    proxy, held, live = record(module_scratch, "seal", "sealed", (False,), "--set", f"record.seal-key={public}")
    return proxy, held, live, module_scratch / "keys" / "seal" / "seal.key"


def test_no_secret_is_in_any_file_in_any_form(masked):
    proxy, held, live = masked
    assert len(held) > 100
    assert any(name.endswith("-wal") for name in live), "the index was looked at while it was written"
    assert without_packets(canaries.told(all_secrets(held), live)) == []
    after = canaries.contents(proxy.record, proxy.data, proxy.said())
    assert any(name.endswith("unpacked") for name in after), "a packed segment was looked at"
    assert without_packets(canaries.told(all_secrets(held), after)) == []


def test_no_secret_is_in_what_is_shown_and_exported(masked, scratch):
    proxy, held, _ = masked
    assert without_packets(canaries.told(all_secrets(held), exported(proxy.record, scratch / "out"))) == []


def test_the_search_finds_every_secret_that_is_kept(kept):
    proxy, held, _ = kept
    found = canaries.contents(proxy.record)
    for dialogue in held:
        assert not dialogue.secrets or canaries.told(dialogue.secrets, found), dialogue


def test_the_search_knows_every_form():
    secret = "pass/wort-ö&+9"
    exact, folded = canaries.forms(secret.encode())
    for form, octets in {**exact, **folded}.items():
        assert canaries.told([secret.encode()], {"x": b"before " + octets + b" behind"}), form
    assert {"utf-7", "modified utf-7", "utf-16-le", "percent", "quoted-printable", "hex", "base64 2"} <= set(exact) | set(folded)
    assert canaries.told([secret.encode()], {"x": b"before"}) == []


def test_masked_sessions_are_those_that_were_held(masked, kept):
    """A mask changes no length, no reply and no verdict."""
    drips = itertools.cycle((True, False))
    told = [mailproxy.timeless(row) for row, first in zip(by_start(masked[0].record), drips) if first]
    for row in told:
        row.pop("client")
    same = [mailproxy.timeless(row) for row in by_start(kept[0].record)]
    for row in same:
        row.pop("client")
    assert len(told) == len(same)
    for dialogue, one, other in zip(kept[1], told, same):
        assert one == other, dialogue


def by_start(folder):
    return sorted(mailproxy.sessions(folder), key=lambda row: row["start"])


def test_nothing_sealed_is_told_without_the_key(sealed):
    proxy, held, live, _ = sealed
    assert without_packets(canaries.told(all_secrets(held), live)) == []
    assert without_packets(canaries.told(all_secrets(held), canaries.contents(proxy.record, proxy.data, proxy.said()))) == []
    command("verify", proxy.record, status=0)
    for path in mailproxy.segments(proxy.record):
        assert tshark.count(path, FAULTY) == 0
        assert tshark.count(path, "tcp.analysis.lost_segment or tcp.analysis.retransmission") == 0


def test_unseal_gives_every_octet_back(sealed, scratch):
    proxy, held, _, key = sealed
    copy = scratch / "copy"
    done = command("unseal", proxy.record, "-o", copy, "--key", key, status=0)
    assert len(done.stdout.splitlines()) == len(mailproxy.segments(proxy.record))
    # Sessions go on from one segment to the next.
    octets = b"".join(path.read_bytes() for path in mailproxy.segments(copy))
    restored = [session.both() for session in pcap.sessions(octets)]
    for dialogue in held:
        assert (dialogue.said("C"), dialogue.said("S")) in restored, dialogue
    assert {stat.S_IMODE(path.stat().st_mode) for path in copy.iterdir()} == {0o600}
    # What was sealed is gone from the copy, and a second attempt overwrites nothing.
    assert b"sealed" not in b"".join(path.read_bytes() for path in copy.iterdir())
    assert "is there already" in command("unseal", proxy.record, "-o", copy, "--key", key, status=2).stderr.decode()
    # Among the segments of a recorder they would take the place of the sealed ones.
    before = sorted((path.name, path.read_bytes()) for path in proxy.record.iterdir())
    refused = command("unseal", proxy.record, "-o", proxy.record, "--key", key, status=2).stderr.decode()
    assert f"{proxy.record}: is a directory of recordings" in refused
    assert sorted((path.name, path.read_bytes()) for path in proxy.record.iterdir()) == before


def test_unseal_lists_logins_and_show_reveals_them(sealed):
    proxy, held, _, key = sealed
    listed = rows(command("unseal", proxy.record, "--list", "--json", "--key", key, status=0))
    assert rows(command("unseal", "--record-dir", proxy.record, "--list", "--json", "--key", key, status=0)) == listed
    secrets = {row["secret"] for row in listed}
    for dialogue in held:
        for secret in dialogue.secrets[:1]:
            with contextlib.suppress(UnicodeDecodeError):
                assert not dialogue.listed or any(secret.decode() in told for told in secrets), dialogue
    plain = command("unseal", proxy.record, "--list", "--key", key, status=0).stdout.decode()
    assert plain.splitlines()[0].split() == ["SESSION", "MECHANISM", "ACCOUNT", "SECRET", "OUTCOME"]
    login = next(dialogue for dialogue in held if dialogue.name == "USER and PASS")
    row = next(row for row in listed if row["secret"] == login.secrets[0].decode())
    assert (row["mechanism"], row["account"], row["outcome"]) == ("USER", "maria", "accepted")
    shown = command("sessions", "show", row["session"], proxy.record, "--reveal", key, status=0).stdout
    assert b"PASS " + login.secrets[0] in shown
    assert login.secrets[0] not in command("sessions", "show", row["session"], proxy.record, status=0).stdout


def test_what_does_not_open_is_named(sealed, scratch):
    proxy, _, _, key = sealed
    command("seal", "create", "--data-dir", scratch / "other", status=0)
    other = scratch / "other" / "seal" / "seal.key"
    done = command("unseal", proxy.record, "--list", "--key", other, status=3)
    assert re.search(r"secrets sealed to the key [0-9a-f]{16}; the key given is [0-9a-f]{16}", done.stderr.decode())
    path = mailproxy.segments(proxy.record)[0]
    octets = path.read_bytes()
    place = octets.index(b'"box":"') + 9
    changed = scratch / "changed.pcapng"
    changed.write_bytes(octets[:place] + (b"A" if octets[place : place + 1] != b"A" else b"B") + octets[place + 1 :])
    done = command("unseal", changed, "-o", scratch / "out", "--key", key, status=3)
    assert re.search(r"changed\.pcapng: session \w+: what is sealed at offset \d+ does not open", done.stderr.decode())
    cut = scratch / "cut.pcapng"
    cut.write_bytes(octets[:-10])
    assert f"{cut}: ends in the middle of a block (at offset" in command("unseal", cut, "-o", scratch / "cut", "--key", key, status=0).stderr.decode()
    # Of several, the others are copied all the same.
    several = scratch / "several"
    several.mkdir()
    spoilt = bytearray(octets)
    spoilt[octets.index(b'"box":"') :] = b"\xff" * 400
    for name, content in {"a.pcapng": octets, "b.pcapng": b"no capture at all", "c.pcapng": spoilt, "d.pcapng": octets}.items():
        (several / name).write_bytes(content)
    done = command("unseal", several, "-o", scratch / "copies", "--key", key, status=3)
    copies = {path.name: path.read_bytes() for path in (scratch / "copies").iterdir()}
    assert set(copies) == {"a.pcapng", "c.pcapng", "d.pcapng"} and copies["a.pcapng"] == copies["d.pcapng"]
    assert 0 < len(copies["c.pcapng"]) < len(spoilt)
    said = done.stderr.decode()
    assert "b.pcapng: is none of our recordings (at offset 0); nothing of it was copied" in said
    assert re.search(r"c\.pcapng: .*; what comes before it was copied", said), said
    cut.write_bytes(b"no capture at all")
    assert "is none of our recordings (at offset 0)" in command("unseal", cut, "-o", scratch / "none", "--key", key, status=2).stderr.decode()
    assert "there is no key" in command("unseal", proxy.record, "--list", "--data-dir", scratch / "none", status=2).stderr.decode()
    assert "is a public key" in command("unseal", proxy.record, "--list", "--key", key.with_name("seal.pub"), status=2).stderr.decode()
    key_of_all = scratch / "open.key"
    key_of_all.write_bytes(key.read_bytes())
    key_of_all.chmod(0o644)
    assert "chmod 600" in command("unseal", proxy.record, "--list", "--key", key_of_all, status=2).stderr.decode()


def test_what_is_not_sealed_is_named(kept, sealed):
    done = command("unseal", kept[0].record, "--list", "--key", sealed[3], status=1)
    assert "no secret is sealed here" in done.stderr.decode()


def test_keys_are_never_overwritten_and_told_apart(scratch):
    data = scratch / "data"
    command("seal", "create", "--data-dir", data, status=0)
    private = data / "seal" / "seal.key"
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    before = private.read_bytes()
    assert "never overwritten" in command("seal", "create", "--data-dir", data, status=2).stderr.decode()
    assert private.read_bytes() == before
    command("seal", "export", "--private", "-o", scratch / "kept.key", "--data-dir", data, status=0)
    assert (scratch / "kept.key").read_bytes() == before
    assert "never overwritten" in command("seal", "export", "-o", scratch / "kept.key", "--data-dir", data, status=2).stderr.decode()
    private.unlink()
    told = json.loads(command("seal", "show", "--json", "--data-dir", data, status=0).stdout)
    assert told["private_key"] is None and re.fullmatch("[0-9a-f]{16}", told["key"])
    assert command("seal", "export", "--data-dir", data, status=0).stdout == (data / "seal" / "seal.pub").read_bytes()
    # Who records needs a public key, and is told how to get one.
    done = command("run", "--set", "record.secrets=seal", "--data-dir", scratch / "none", "--record-dir", scratch / "rec", "--route", f"imap://{HOST}:0=fallback", status=2)
    assert "mailproxy seal create" in done.stderr.decode()


# Real clients against real servers.


@pytest.fixture(scope="module")
def real(servers, module_scratch):
    """Clients that log in, each in a way of its own, through the proxy; and who they were. test_recording.py has all the others."""
    accounts = []
    with MailProxy(module_scratch, servers.ports, "--log-level", "debug", "--set", "record.segment-size=65536", name="real", env=(("MAILPROXY_RECORD_COMPRESS", "zstd"),)) as proxy:
        for driver in (smtp_clients.swaks_auth_plain, smtp_clients.swaks_auth_login, smtp_clients.swaks_auth_cram_md5, smtp_clients.login_refused_then_cancelled):
            accounts.append(servers.accounts.fresh())
            driver(clients.Place(proxy.ports["smtp"]), accounts[-1])
        for driver in (
            pop3_clients.poplib_whole, pop3_clients.poplib_apop, pop3_clients.sasl_plain, imap_clients.imaplib_whole, imap_clients.imaplib_sasl,
            imap_clients.imaplib_cram_md5, imap_clients.literals, imap_clients.quoted_password, imap_clients.by_the_byte,
        ):
            accounts.append(servers.drive(driver, proxy.ports))
    return proxy, accounts


def test_no_password_of_a_real_client_is_anywhere(real):
    proxy, accounts = real
    found = canaries.contents(proxy.record, proxy.data, proxy.said())
    assert any(name.endswith("unpacked") for name in found)
    assert without_packets(canaries.told([account.password.encode() for account in accounts], found)) == []


# Scopes.

WHAT = """\
record:
  what:
    - {{when: 'user == "{never}"', what: never}}
    - envelope when sender == "{hidden}" or rcpt == "{hidden}" or user == "{hidden}"
    - {{when: 'subject contains "PRIVATE"', what: headers}}
"""


def canary_message(recipient, number, subject):
    """A message with a canary in each of its parts."""
    return (
        f"From: HEADCANARY{number} <me@example.com>\r\nTo: {recipient}\r\nSubject: {subject} HEADCANARY{number}\r\n"
        f"Message-ID: <HEADCANARY{number}@example.com>\r\nDate: Mon, 23 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        f'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nBODYCANARY{number}\r\n..dots\r\n--b\r\n'
        f'Content-Type: text/plain; name="BODYCANARY{number}.txt"\r\n\r\nBODYCANARY{number}\r\n--b--\r\n'
    ).encode()


def exchange_all(ports, account, number, subject):
    """The message by every carrier: DATA, BDAT, APPEND, RETR, TOP, FETCH in many forms, for one account."""
    message = canary_message(account.address, number, subject)
    with wire.SMTP(HOST, ports["smtp"]) as smtp:
        smtp.reply(220)
        smtp.say("EHLO client.example", 250)
        for carrier in ("DATA", "BDAT"):
            smtp.say("MAIL FROM:<me@example.com>", 250)
            smtp.say(f"RCPT TO:<{account.address}>", 250)
            if carrier == "DATA":
                smtp.say("DATA", 354)
                smtp.send(messages.dot_stuffed(message) + b".\r\n")
                smtp.reply(250)
            else:
                smtp.send(b"BDAT 40\r\n" + message[:40])
                smtp.reply(250)
                smtp.send(b"BDAT %d LAST\r\n" % (len(message) - 40) + message[40:])
                smtp.reply(250)
        smtp.say("QUIT", 221)
    with wire.IMAP(HOST, ports["imap"]) as imap:
        imap.login(account)
        imap.append("INBOX", message)
        imap.say("SELECT INBOX")
        for items in (
            "(FLAGS ENVELOPE BODYSTRUCTURE BODY INTERNALDATE RFC822.SIZE)", "BODY.PEEK[]", "RFC822", "(BODY.PEEK[HEADER] BODY.PEEK[TEXT])",
            "(BODY.PEEK[1] BODY.PEEK[2.MIME] BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)])", "BODY.PEEK[]<0.100>", "BODY.PEEK[]<100.5000>",
        ):
            imap.say(f"FETCH 1:* {items}")
        imap.say("LOGOUT")
    with wire.POP3(HOST, ports["pop3"]) as pop3:
        pop3.status()
        pop3.say(f"USER {account.address}")
        pop3.say(f"PASS {account.password}")
        pop3.say_block("RETR 1")
        pop3.say_block("TOP 1 3")
        pop3.say("QUIT")


@pytest.fixture(scope="module")
def scoped(module_scratch):
    """Four accounts, each with its message by every carrier: of one nothing is recorded, of one the envelopes, of one the headers, of
    one all."""
    account = lambda name: type("Account", (), {"address": f"{name}@example.com", "password": f"secret-of-{name}"})()  # noqa: E731
    never, hidden, private, open_ = map(account, ("never", "hidden", "private", "open"))
    folder = module_scratch / "scoped"
    folder.mkdir()
    file = folder / "mailproxy.yaml"
    file.write_text(WHAT.format(never=never.address, hidden=hidden.address))
    command("config", "check", file, status=0)
    with MailProxy(folder, dict.fromkeys(("smtp", "pop3", "imap"), "fallback"), "--config", file, "--log-level", "debug") as proxy:
        for number, (who, subject) in enumerate(((never, "x"), (hidden, "x"), (private, "PRIVATE"), (open_, "x"))):
            exchange_all(proxy.ports, who, number, subject)
        until("all to be indexed", lambda: all(count == 10 for count in indexed(proxy.record)), 20, 0.1)
        live = canaries.contents(proxy.record)
    return proxy, live


def test_nothing_beyond_the_scope_is_on_the_disk(scoped):
    proxy, live = scoped
    after = canaries.contents(proxy.record, proxy.said())
    for found in (live, after):
        # Of `never` the message alone was recorded, as it came by SMTP, where nobody logged in.
        imap_and_pop3 = [row for row in mailproxy.sessions(proxy.record) if row["user"] == "never@example.com"]
        assert imap_and_pop3 == []
        assert without_packets(canaries.told([b"HEADCANARY1", b"BODYCANARY1", b"BODYCANARY2", b"secret-of-"], found)) == []
    assert canaries.told([b"HEADCANARY2"], live) and canaries.told([b"BODYCANARY3"], live)


def test_the_index_knows_no_more_than_the_packets(scoped):
    proxy, _ = scoped
    for text, count in (("HEADCANARY1", 0), ("BODYCANARY1", 0), ("BODYCANARY2", 0), ("BODYCANARY3", 3), ("hidden", 0)):
        assert len(rows(command("sessions", "list", proxy.record, "--json", "--text", text, status=0))) == count, text
    command("sessions", "reindex", "--record-dir", proxy.record, status=0)
    for text, count in (("HEADCANARY1", 0), ("BODYCANARY2", 0), ("BODYCANARY3", 3)):
        assert len(rows(command("sessions", "list", proxy.record, "--json", "--text", text, status=0))) == count, text


def test_sizes_stay_true_and_readers_follow(scoped):
    proxy, _ = scoped
    command("verify", proxy.record, status=0)
    (path,) = mailproxy.segments(proxy.record)
    assert tshark.count(path, FAULTY) == 0
    assert tshark.count(path, "tcp.analysis.lost_segment or tcp.analysis.retransmission") == 0
    seen = tshark.commands(path)
    assert seen["smtp"].count("DATA") == 4 and {"RETR", "TOP"} <= set(seen["pop"])
    assert seen["imap"].count("FETCH") == 21
    found = by_start(proxy.record)
    assert {row["end"] for row in found} == {"closed"} and len(found) == 10
    codes = {code for row in found for code in row["findings"] if not code.startswith("imap-login")}
    assert codes <= {"pop3-no-such-message", "credentials-in-clear", "refused-credentials-in-clear", "attackable-hash", "tokens-in-clear", "scram-in-clear"}
    sizes = {}
    for row in rows(command("sessions", "export", "--record-dir", proxy.record, "--format", "eml", "-o", path.parent / "eml", "--json", status=0)):
        sizes.setdefault(row["carrier"], []).append((row["bytes"], row["complete"], bool(row["sha256"])))
    # Of all four the same message, but for the lengths of names.
    lengths = [len(canary_message(f"{name}@example.com", 0, subject)) for name, subject in (("never", "x"), ("hidden", "x"), ("private", "PRIVATE"), ("open", "x"))]
    assert [size for size, _, _ in sizes["DATA"]] == lengths == [size for size, _, _ in sizes["BDAT"]]
    assert [complete for _, complete, _ in sizes["DATA"]] == [True, False, False, True] == [whole for _, _, whole in sizes["DATA"]]


def test_captures_are_recorded_as_they_may_be(kept, scratch):
    """`capture` of what was kept: with the scopes and masks that it is told."""
    proxy, held, _ = kept
    source = scratch / "all.pcapng"
    source.write_bytes(b"".join(path.read_bytes() for path in mailproxy.segments(proxy.record)))
    command("capture", "-r", source, "--record-dir", scratch / "masked", "--data-dir", scratch, status=0)
    assert without_packets(canaries.told(all_secrets(held), canaries.contents(scratch / "masked"))) == []
    command("capture", "-r", source, "--record-dir", scratch / "pop3", "--data-dir", scratch, "--what", "never when not pop3", status=0)
    assert {row["protocol"] for row in mailproxy.sessions(scratch / "pop3")} == {"pop3"}
    done = command("capture", "-r", source, "--record-dir", scratch / "x", "--data-dir", scratch, "--what", "body", status=2)
    assert "'body' is no scope" in done.stderr.decode()


@pytest.mark.parametrize(
    "what, complaint",
    [
        ("what: body", "2:9: 'record.what': 'body' is no scope"),
        ("what: [headers, never when imap]", "2:10: 'record.what': 'headers' without 'when' holds always"),
        ("what:\n    - {what: never, when: rcpt == \"a\"}", "3:7: 'record.what': 'never' leaves out whole sessions"),
        ("what:\n    - {when: imap}", "3:7: 'what' is missing"),
        ("what:\n    - {what: all, if: imap}", "3:19: an entry of 'record.what' has the keys"),
        ("what:\n    - envelope when usr == \"a\"", "3:7: 'record.what': in the expression at 1:1: unknown field 'usr'"),
        ("secrets: seal\n  seal-key: /nonexistent/key", "3:13: 'record.secrets' is seal: /nonexistent/key: cannot be read"),
        ("secrets: hide", "2:12: 'record.secrets' must be one of mask, seal, keep"),
    ],
)
def test_config_check_names_the_place(scratch, what, complaint):
    file = scratch / "c.yaml"
    file.write_text(f"record:\n  {what}\n")
    assert f"{file}:{complaint}" in command("config", "check", file, status=2).stderr.decode()
