"""Files of other programs as sessions: rawlogs that Dovecot wrote, transcripts of swaks and of openssl, each of a real run."""

import hashlib
import shutil

import pytest

import mailproxy
import messages
import tls_peers
from mailproxy import MailProxy, command, rows
from processes import HOST, free_port, run
from wire import IMAP, POP3


@pytest.fixture(scope="module")
def rawlogs(servers, module_scratch):
    """A folder of rawlogs: Dovecot writes them where a user has a folder for them. With the account and its messages."""
    account = servers.accounts.fresh()
    sent = [m for m in messages.many(account.address)]
    with IMAP(HOST, servers.dovecot.side_door) as client:
        client.login(account)
        for message in sent:
            client.send(f"x APPEND INBOX {{{len(message)}}}\r\n")
            client.continuation()
            client.send(message + b"\r\n")
            client.until(b"x OK")
        client.say("LOGOUT")
    folder = servers.dovecot.home(account) / "rawlog"
    folder.mkdir()
    shutil.chown(folder, "nobody")
    with IMAP(HOST, servers.dovecot.imap) as client:
        client.login(account)
        client.say("SELECT INBOX")
        client.say("FETCH 1:* (FLAGS BODY.PEEK[])")
        client.say("LOGOUT")
    with POP3(HOST, servers.dovecot.pop3) as client:
        client.status()
        client.say("USER " + account.address)
        client.say("PASS " + account.password)
        for number in range(1, len(sent) + 1):
            client.say_block(f"RETR {number}")
        client.say("QUIT")
    target = module_scratch / "rawlogs"
    shutil.copytree(folder, target)
    assert len(list(target.iterdir())) == 4, list(target.iterdir())
    return target, account, sent


def test_rawlogs_of_dovecot_are_sessions(rawlogs, scratch):
    folder, account, sent = rawlogs
    found = mailproxy.sessions(folder)
    assert sorted(row["protocol"] for row in found) == ["imap", "pop3"]
    for row in found:
        assert (row["messages"], row["violations"], row["end"], row["opaque"]) == (len(sent), 0, "closed", False), row
        assert row["route"].startswith("import:rawlog")
    done = rows(command("sessions", "export", folder, "--format", "eml", "-o", scratch / "eml", "--json", status=0))
    assert sorted(row["sha256"] for row in done) == sorted(hashlib.sha256(m).hexdigest() for m in sent * 2)
    assert all(row["complete"] for row in done)
    # A file of the pair stands for both, and a recording that is made of it tells the same.
    for path in sorted(folder.iterdir()):
        assert len(mailproxy.sessions(path)) == 1
    command("sessions", "export", folder, "--format", "pcapng", "-o", scratch / "made.pcapng", status=0)
    again = mailproxy.sessions(scratch / "made.pcapng")
    assert [mailproxy.timeless(row) for row in again] == [mailproxy.timeless(row) for row in found]
    shown = run(["/usr/bin/tshark", "-r", scratch / "made.pcapng", "-Y", "imap.request or pop.request", "-T", "fields", "-e", "tcp.stream"], b"", 60)
    assert len(set(shown.stdout.split())) == 2


def test_our_rawlogs_are_read_again(rawlogs, scratch):
    """What we write in Dovecot's form is what we read in it."""
    folder, account, sent = rawlogs
    command("sessions", "export", folder, "--format", "rawlog", "-o", scratch / "logs", status=0)
    first, second = (mailproxy.all_exchanges(place) for place in (folder, scratch / "logs"))
    lines = [sorted([row["line"] for row in exchanges] for exchanges in found.values()) for found in (first, second)]
    assert lines[0] == lines[1] and sum(map(len, lines[0])) > 8


def test_a_rawlog_that_is_damaged(rawlogs, scratch):
    folder, account, sent = rawlogs
    for path in folder.iterdir():
        shutil.copy(path, scratch)
    victim = next(path for path in sorted(scratch.iterdir()) if path.suffix == ".out")
    whole = victim.read_bytes()
    place = whole.index(b"\n", len(whole) // 2) + 1
    victim.write_bytes(whole[:place] + b"no time\n" + whole[place:])
    done = command("sessions", "list", victim, status=3)
    assert f"a line of this rawlog has no time in front (at offset {place})" in done.stderr.decode()
    # Half of a pair is read alone, and said to be half.
    half = scratch / "half.out"
    half.write_bytes(whole)
    done = command("sessions", "list", half, status=0)
    assert b"what the client sent is in another file, which is not there" in done.stderr


def _swaks(proxy, *more):
    arguments = ["/usr/bin/swaks", "--server", HOST, "--port", proxy.ports["smtp"], "--from", "a@example.org", "--to", "b@example.com"]
    return run([*arguments, *more], b"", 60)


def test_transcripts_of_swaks_are_sessions(scratch):
    with MailProxy(scratch, {"smtp": "fallback"}) as proxy:
        plain = _swaks(proxy, "--auth", "PLAIN", "--auth-user", "ann", "--auth-password", "s3cret.Pferd", "--body", ".dots\n..\nFrom x")
        secured = _swaks(proxy, "--tls", "--to", "b@example.com,c@example.com")
        short = _swaks(proxy, "-n")
        refused = _swaks(proxy, "--to", "nobody at all")
    recorded = rows(command("sessions", "export", proxy.record, "--format", "eml", "-o", scratch / "eml", "--json", status=0))
    for name, done in ("plain", plain), ("secured", secured), ("short", short), ("refused", refused):
        (scratch / f"{name}.txt").write_bytes(done.stdout + done.stderr)
    # The session was carried by the proxy: its recording knows what the transcript must say.
    lines = {}
    for exchanges in mailproxy.all_exchanges(proxy.record).values():
        lines[len(lines)] = [(row["command"], row["reply"] and row["reply"]["code"]) for row in exchanges]
    for number, name in enumerate(["plain", "secured"]):
        path = scratch / f"{name}.txt"
        (row,) = mailproxy.sessions(path)
        assert (row["protocol"], row["server"], row["messages"], row["end"]) == ("smtp", f"{HOST}:{proxy.ports['smtp']}", 1, "closed")
        found = rows(command("sessions", "export", path, "--format", "eml", "-o", scratch / name, "--json", status=0))
        assert [(m["sha256"], m["complete"]) for m in found] == [(recorded[number]["sha256"], True)]
        said = [(r["command"], r["reply"] and r["reply"]["code"]) for r in mailproxy.exchanges(path, "last")]
        assert said == lines[number]
    (row,) = mailproxy.sessions(scratch / "plain.txt")
    assert row["user"] == "ann"
    shown = command("sessions", "show", "last", scratch / "plain.txt", "--full", status=0).stdout
    assert b"s3cret" not in shown and b"AGFubgBzM2NyZXQuUGZlcmQ" not in shown
    (row,) = mailproxy.sessions(scratch / "secured.txt")
    assert row["tls"]["how"] == "starttls" and row["tls"]["version"] == "TLSv1.3"
    done = command("sessions", "list", scratch / "short.txt", "--json", status=0)
    assert b"message data were left out" in done.stderr and rows(done)[0]["gaps"] == 1
    assert len(mailproxy.sessions(scratch / "refused.txt")) == 1


def _openssl(port, typed, *more, protocol=None):
    arguments = ["/usr/bin/openssl", "s_client", "-connect", f"{HOST}:{port}", "-ign_eof", "-crlf", *more]
    return run([*arguments, *(["-starttls", protocol] if protocol else [])], typed, 60)


def test_what_openssl_printed_is_a_session(authority, scratch):
    ports = {name: free_port() for name in ("imaps", "pop3s", "imap")}
    routes = [f"{name}://{HOST}:{port}=fallback" for name, port in ports.items()]
    typed = b"a LOGIN ann s3cret\nb SELECT INBOX\nc LOGOUT\n"
    with tls_peers.proxy(scratch, authority, *routes):
        heard = _openssl(ports["imaps"], typed)
        noisy = _openssl(ports["imaps"], typed, "-msg", "-debug")
        dropped = _openssl(ports["pop3s"], b"CAPA\nQUIT\n")
        upgraded = _openssl(ports["imap"], typed, protocol="imap")
    for done, protocol in (heard, "imap"), (noisy, "imap"), (dropped, "pop3"), (upgraded, "imap"):
        path = scratch / "session.txt"
        path.write_bytes(done.stdout)
        listed = command("sessions", "list", path, "--json", status=0)
        (row,) = rows(listed)
        assert row["protocol"] == protocol and row["tls"]["version"] == "TLSv1.3", row
        assert b"what the client sent is not in it" in listed.stderr
        assert b"certificate" not in command("sessions", "show", "last", path, "--full", status=0).stdout.lower()
    # As a terminal shows it: what is typed stands between.
    lines = heard.stdout.decode().split("\r\n")
    start = next(n for n, line in enumerate(lines) if "* OK" in line)
    script, rest = ["\r\n".join(lines[: start + 1])], lines[start + 1 :]
    for command_line in typed.decode().splitlines():
        script.append(command_line)
        tag = command_line.split()[0]
        while rest:
            script.append(rest.pop(0))
            if script[-1].startswith(tag + " "):
                break
    path = scratch / "typed.txt"
    path.write_text("\n".join(script + rest))
    (row,) = mailproxy.sessions(path)
    assert (row["user"], row["tls"]["how"]) == ("ann", "implicit")
    assert [r["command"] for r in mailproxy.exchanges(path, "last")] == ["", "LOGIN", "SELECT", "LOGOUT"]
    assert b"s3cret" not in command("sessions", "show", "last", path, "--full", status=0).stdout


BAD = {
    "words": b"Dear Ann,\n\nthis is a letter.\n",
    "empty": b"",
    "zeros": bytes(100_000),
    "endless": b"x" * 30_000_000,
    "stamp": b"1795687200.000250 " + b"x" * 5_000_000,
    "swaks": b"=== Trying \xff:99999999...\n<-  220 \xff\x00\n" + b" -> " + b"y" * 5_000_000,
    "openssl": b"CONNECTED(00000003)\n---\n* OK hi {99999999999999999999}\na {9223372036854775807}\n" + b"{1}\n" * 100_000,
    "marks": b"1.000001 I> " + b"1.00000" * 500_000,
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("form", [None, "rawlog", "swaks", "openssl"])
def test_foreign_and_hostile_files(scratch, name, form):
    """A line that says what is wrong, or no session; never more than 100 MB."""
    path = scratch / name
    path.write_bytes(BAD[name])
    options = ["--from", form] if form else []
    done = run(["/usr/bin/time", "-f", "%M", mailproxy.binary(), "sessions", "list", path, *options], b"", 60 * mailproxy.PATIENCE,
               mailproxy.environment(scratch), scratch)  # fmt: skip
    assert done.returncode in (0, 2, 3), done.stderr
    lines = done.stderr.decode().splitlines()
    assert int(lines[-1]) < 100_000 * mailproxy.PATIENCE, lines
    assert len(lines) <= 5 and all(len(line) < 400 for line in lines), lines


def test_a_form_that_nobody_knows(scratch):
    (scratch / "x").write_text("x\n")
    assert b"--from" in command("sessions", "list", scratch / "x", "--from", "eudora", status=2).stderr
