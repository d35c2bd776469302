"""Bad input and daily operation: one clear line, the right exit status, nothing half-done; SIGTERM and SIGHUP."""

import json
import os
import re
import signal
import socket

import pytest

import clients
import mailproxy
import smtp_clients
from mailproxy import MailProxy, command
from processes import HOST, Process, free_port, listening, run, until
from tls_peers import Upstream
from wire import IMAP, POP3, SMTP

USAGE, FAULT = 2, 3


def one_line(done, *words):
    """stderr has exactly one line, with these words in it, and stdout nothing."""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1, done.stderr.decode()
    for word in words:
        assert str(word) in lines[0], lines[0]
    assert done.stdout == b""
    return lines[0]


GARBAGE = {
    "noise": os.urandom(5000),
    "text": b"this is no capture\n" * 50,
    "nothing": b"",
    "half-a-header": b"\x0a\x0d\x0d\x0a\x1c\x00",
    "pcapng-then-noise": bytes.fromhex("0a0d0d0a1c0000004d3c2b1a01000000ffffffffffffffff1c000000") + os.urandom(4000),
}


@pytest.mark.parametrize("kind", GARBAGE)
@pytest.mark.parametrize(
    "words",
    [("sessions", "list"), ("sessions", "show", "1"), ("sessions", "export"), ("capture",), ("replay",)],
    ids=" ".join,
)
def test_garbage_instead_of_a_recording(words, kind, scratch):
    path = scratch / "garbage.pcapng"
    path.write_bytes(GARBAGE[kind])
    out = scratch / "out"
    listener = socket.create_server((HOST, 0))
    options = {
        ("sessions", "export"): ["--format", "eml", "-o", out],
        ("replay",): ["--to", f"smtp://{HOST}:{listener.getsockname()[1]}"],
    }
    arguments = (
        ["capture", "-r", path, "--record-dir", out]
        if words == ("capture",)
        else [*words, path, *options.get(words, [])]
    )
    done = command(*arguments, status=(USAGE, FAULT), folder=scratch)
    one_line(done, path)
    assert not out.exists() or not any(p.is_file() for p in out.rglob("*")), "something was written all the same"
    listener.settimeout(0.05)
    with pytest.raises(TimeoutError):
        listener.accept()
    listener.close()
    assert path.read_bytes() == GARBAGE[kind]


@pytest.mark.parametrize(
    "words",
    [
        ("sessions", "list"),
        ("sessions", "show", "1"),
        ("sessions", "export", "--format", "eml", "-o", "out"),
        ("replay", "--to", "smtp://127.0.0.1:9"),
    ],
    ids=lambda words: " ".join(words[:2]),
)
def test_file_that_is_not_there(words, scratch):
    done = command(*words, "missing.pcapng", status=(USAGE, FAULT), folder=scratch)
    one_line(done, "missing.pcapng")
    assert not (scratch / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["run", "--nonsense"],
        ["run", "--route", "nonsense"],
        ["run", "--route", "ftp://127.0.0.1:1=fallback"],
        ["run", "--route", "smtp://127.0.0.1:99999=fallback"],
        ["run", "--route", "smtp://127.0.0.1:2525"],
        ["replay"],
        ["sessions", "show"],
        ["sessions", "list", "--filter", "imap and and"],
        ["capture"],
        ["replay", "x", "--to", "gopher://h"],
        ["rules", "check"],
        ["config", "check", "missing.yaml"],
    ],
    ids=lambda a: " ".join(a) or "no command",
)
def test_wrong_usage(arguments, scratch):
    if not arguments:
        done = command(folder=scratch)
        assert done.returncode in (0, USAGE)
        assert b"run" in done.stdout + done.stderr, "it names its commands"
        return
    done = command(*arguments, status=USAGE, folder=scratch)
    one_line(done)
    assert not any(scratch.iterdir()), "a wrong command line leaves nothing behind"


def test_port_in_use(scratch):
    """Nothing is left behind of the listeners that could be opened before."""
    taken = socket.create_server((HOST, 0))
    port, other = taken.getsockname()[1], free_port()
    done = command(
        "run",
        "--no-ui",
        "--record-dir",
        scratch / "r",
        "--data-dir",
        scratch / "d",
        "--route",
        f"imap://{HOST}:{other}=fallback",
        "--route",
        f"smtp://{HOST}:{port}=fallback",
        status=FAULT,
        folder=scratch,
    )
    taken.close()
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1 and str(port) in lines[0] and "in use" in lines[0], lines
    assert b"ready" not in done.stdout
    assert not (scratch / "r").exists() and not (scratch / "d").exists()


def test_listener_beyond_loopback_is_refused(scratch):
    done = command(
        "run",
        "--no-ui",
        "--record-dir",
        scratch / "r",
        "--data-dir",
        scratch / "d",
        "--route",
        f"smtp://0.0.0.0:{free_port()}=fallback",
        status=USAGE,
        folder=scratch,
    )
    one_line(done, "0.0.0.0")


def test_unreachable_upstream_is_said_in_the_protocol(scratch):
    dead = {protocol: free_port() for protocol in ("smtp", "pop3", "imap")}
    with MailProxy(scratch, dead) as proxy:
        with SMTP(HOST, proxy.ports["smtp"]) as client:
            assert re.fullmatch(rb"421 [ -~]+\r\n", client.rest())
        with POP3(HOST, proxy.ports["pop3"]) as client:
            assert re.fullmatch(rb"-ERR [ -~]+\r\n", client.rest())
        with IMAP(HOST, proxy.ports["imap"]) as client:
            assert re.fullmatch(rb"\* BYE [ -~]+\r\n", client.rest())
    lines = [line for line in proxy.process.err.splitlines() if any(str(port) in line for port in dead.values())]
    assert len(lines) == 3, proxy.process.err


RULES = """\
rules:
  - name: no-such-sender
    when: smtp and command == "MAIL"
    then:
      - reject: "{reply}"
"""

BROKEN_RULES = {
    "no-yaml": ("rules:\n  - name: [\n", None),
    "unknown-action": ('rules:\n  - name: a\n    when: smtp\n    then:\n      - explode: "now"\n', (5, 9)),
    "unknown-field": ('rules:\n  - name: a\n    when: smtp and colour == "red"\n    then:\n      - pass\n', (3, None)),
    "bad-expression": ("rules:\n  - name: a\n    when: smtp and (\n    then:\n      - pass\n", (3, None)),
    "unknown-key": ("rules:\n  - name: a\n    whenever: smtp\n    then:\n      - pass\n", (3, 5)),
    "bad-reply": ('rules:\n  - name: a\n    when: smtp\n    then:\n      - reject: "999 no"\n', (5, None)),
}


@pytest.mark.parametrize("kind", BROKEN_RULES)
def test_broken_rules_name_the_place(kind, scratch):
    text, place = BROKEN_RULES[kind]
    path = scratch / "broken.yaml"
    path.write_text(text)
    for arguments in (
        ["rules", "check", path],
        ["run", "--no-ui", "--rules", path, "--record-dir", scratch / "r", "--data-dir", scratch / "d"],
    ):
        done = command(*arguments, status=USAGE, folder=scratch)
        # `rules check` lists what it finds as its data and sums it up; `run` has only its one line.
        said = (done.stdout or done.stderr).decode().splitlines()
        assert len(said) == 1 and len(done.stderr.splitlines()) == 1, (said, done.stderr)
        match = re.search(r"broken\.yaml:(\d+):(\d+)", said[0])
        assert match, said
        if place:
            assert int(match.group(1)) == place[0] and place[1] in (None, int(match.group(2))), said


def test_rules_check_json(scratch):
    path = scratch / "broken.yaml"
    path.write_text(BROKEN_RULES["unknown-action"][0])
    (row,) = mailproxy.rows(command("rules", "check", "--json", path, status=USAGE))
    assert {"file", "line", "column", "severity", "message"} <= set(row)
    assert row["line"] == 5 and row["file"].endswith("broken.yaml") and row["severity"] == "error"


def test_good_rules_pass_the_check(scratch):
    path = scratch / "good.yaml"
    path.write_text(RULES.format(reply="550 5.7.1 no"))
    command("rules", "check", path, status=0)


def test_config_with_unknown_key(scratch):
    path = scratch / "mailproxy.yaml"
    path.write_text("record:\n  dir: somewhere\n  colour: red\n")
    for arguments in (["config", "check", path], ["run", "--no-ui", "--config", path]):
        done = command(*arguments, status=USAGE, folder=scratch)
        assert re.search(r"mailproxy\.yaml:3:3\b.*colour", one_line(done))
    assert sorted(p.name for p in scratch.iterdir()) == ["mailproxy.yaml"]


def test_the_check_reads_all_that_a_start_reads(scratch):
    """What `run` refuses the check refuses, all of it at once, each with its place."""
    (scratch / "rules.yaml").write_text("rules:\n  - name: x\n    when: nonsense\n    then: [drop]\n")
    (scratch / "logins.yaml").write_text("logins: 1\n")
    (scratch / "logins.yaml").chmod(0o600)
    path = scratch / "mailproxy.yaml"
    path.write_text(
        "routes:\n"
        "  - imaps://127.0.0.1:11993?cert=nothing.pem&key=nothing.key=imap://127.0.0.1?tls=none\n"
        "  - imap://127.0.0.1:11143=nonsense://x\n"
        "  - socks5://127.0.0.1:11080?users=nobody.txt\n"
        "  - imap://0.0.0.0:11144=fallback\n"
        "rules: [rules.yaml, elsewhere]\n"
        "credentials: logins.yaml\n"
        "user: nobody-of-that-name\n"
        "metrics:\n  listen: nowhere\n"
    )
    done = command("config", "check", path, status=2, folder=scratch)
    lines = done.stderr.decode().splitlines()
    wanted = [
        f"{path}:3:5: route 'imap://127.0.0.1:11143=nonsense://x'",
        f"{path}:5:5: 0.0.0.0:11144 can be reached from other machines",
        f"{path}:6:21: cannot read the rules elsewhere",
        "logins.yaml:1:9: 'logins' is a list",
        f"{path}:2:5: route 'imaps://127.0.0.1:11993?cert=nothing.pem&key=nothing.key=imap://127.0.0.1?tls=none': nothing.pem: cannot be read",
        f"{path}:4:5: route 'socks5://127.0.0.1:11080?users=nobody.txt': cannot read the file of users nobody.txt",
        f"{path}:8:7: user 'nobody-of-that-name': there is no user",
        f"{path}:10:11: metrics on 'nowhere'",
    ]
    for words in wanted:
        assert any(line.startswith(f"mailproxy: {words}") for line in lines), (words, lines)
    assert len(lines) == len(wanted) and done.stdout == b"", lines
    done = command("config", "check", path, "--json", status=2, folder=scratch)
    rows = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert len(rows) == len(wanted) and done.stderr == b""
    assert rows[0]["file"] == str(path) and (rows[0]["line"], rows[0]["column"]) == (3, 5) and rows[0]["severity"] == "error"
    path.write_text("rules: [rules.yaml]\n")
    done = command("config", "check", path, status=2, folder=scratch)
    assert done.stderr.startswith(b"mailproxy: rules.yaml:3:"), done.stderr
    # The start names the same places.
    path.write_text("metrics:\n  listen: nowhere\n")
    assert command("run", "--config", path, status=2, folder=scratch).stderr.startswith(f"mailproxy: {path}:2:11: metrics".encode())
    path.write_text("threads: 2\n")
    assert command("config", "check", path, status=0, folder=scratch).stdout == f"{path}: ok\n".encode()
    assert not (scratch / ".local").exists()


def test_what_is_in_force_is_shown(scratch):
    path = scratch / "mailproxy.yaml"
    path.write_text("threads: 2\nlog:\n  level: debug\n")
    done = command("config", "show", "--config", path, "--set", "threads=3", status=0, folder=scratch)
    lines = {line.split(":")[0]: line.split("  #") for line in done.stdout.decode().splitlines()}
    assert lines["threads"] == [lines["threads"][0], " flag"] and lines["threads"][0].split() == ["threads:", "3"]
    assert lines["log.level"][1] == f" {path}:3:10"
    assert lines["limits.greeting"][0].split() == ["limits.greeting:", "360"] and lines["limits.greeting"][1] == " default"
    shown = json.loads(command("config", "show", "--json", status=0, folder=scratch).stdout)
    assert shown["record.enabled"] == {"value": True, "from": "default"}
    assert shown["record.dir"]["value"] == f"{scratch}/.local/state/mailproxy/recordings"
    assert "imap://127.0.0.1:1143=fallback" in shown["routes"]["value"] and shown["metrics.listen"]["value"] is None


def test_flags_and_variables_are_named(scratch):
    done = command("run", "--log-format", "xml", status=2)
    assert done.stderr.startswith(b"mailproxy: --log-format xml: 'log.format' must be one of text, json"), done.stderr
    environment = mailproxy.environment(scratch, MAILPROXY_ROUTES="imap://127.0.0.1:11143=bla://x")
    done = run([mailproxy.binary(), "run"], env=environment)
    assert done.returncode == 2 and done.stderr.startswith(b"mailproxy: variable MAILPROXY_ROUTES: route "), done.stderr


def test_config_file_is_followed(scratch):
    """Routes and folders from the file; a flag wins over it."""
    port = free_port()
    (scratch / "mailproxy.yaml").write_text(
        f"routes:\n  - smtp://{HOST}:{port}=fallback\nrecord:\n  dir: {scratch}/from-file\n"
        f"data:\n  dir: {scratch}/data\n"
    )
    process = Process(
        [mailproxy.binary(), "run", "--no-ui", "--config", "mailproxy.yaml", "--record-dir", scratch / "from-flag"],
        scratch,
        "configured",
        env=mailproxy.environment(scratch),
        cwd=scratch,
    )
    process.wait_for("it is ready", lambda: re.search(r"^ready\s*$", process.out + process.err, re.MULTILINE))
    with SMTP(HOST, port) as client:
        client.reply(220)
        client.say("QUIT", 221)
    assert process.stop() == 0, process.err
    assert mailproxy.segments(scratch / "from-flag") and not (scratch / "from-file").exists()


def test_start_says_what_listens_and_then_ready(scratch):
    with MailProxy(scratch, {"smtp": "fallback", "imap": "fallback"}) as proxy:
        lines = proxy.process.out.splitlines() or proxy.process.err.splitlines()
        for port in proxy.ports.values():
            assert sum(f"{HOST}:{port}" in line for line in lines) == 1, lines
        assert lines[-1].strip() == "ready", lines


def test_what_the_start_proposes_works(scratch):
    """Each line that `run` says one may try in another terminal."""
    with MailProxy(scratch, {"smtp": "fallback", "pop3": "fallback", "imap": "fallback"}) as proxy:
        _, _, proposed = proxy.process.out.partition("try, in another terminal:\n")
        lines = [line for line in proposed.splitlines() if line.startswith("  ")]
        assert len(lines) == 5, proxy.process.out
        environment = mailproxy.environment(scratch, MAILPROXY_RECORD_DIR=str(proxy.record))
        define = f'mailproxy() {{ "{mailproxy.binary()}" "$@"; }}\n'
        said = [run(["/bin/bash", "-e", "-o", "pipefail", "-c", define + line], env=environment, cwd=scratch) for line in lines]
        assert all(done.returncode == 0 for done in said), said
        assert b"Subject: hello" in said[1].stdout and b"FETCH" not in said[1].stdout
        assert said[3].stdout.count(b"127.0.0.1:") >= 3 and b"IMAP" in said[4].stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_it_cleanly(number, servers, scratch):
    """Status 0, with a session open, which is told (or closed) and whole in the recording."""
    proxy = MailProxy(scratch, {"smtp": servers.ports["smtp"]})
    with SMTP(HOST, proxy.ports["smtp"]) as client:
        client.reply(220)
        client.say("EHLO client.example.org", 250)
        proxy.process.kill(number)
        assert proxy.process.wait() == 0, proxy.process.err
        try:
            client.rest()
        except ConnectionResetError:
            pass
    (row,) = mailproxy.sessions(proxy.record)
    assert [e["command"] for e in mailproxy.exchanges(proxy.record, row["id"])][-1] == "EHLO"


@pytest.mark.parametrize("hurries", [False, True], ids=["deadline", "second signal"])
def test_busy_sessions_end_with_a_word(hurries, scratch):
    """A session that waits for its server has the time of `drain`; then, or at a second signal, its client is told."""

    def serve(upstream, connection):
        connection.sendall(b"220 mx\r\n")
        upstream.drain(connection)

    with Upstream(serve) as upstream:
        proxy = MailProxy(scratch, {"smtp": upstream.port}, "--set", f"drain={600 if hurries else 1}")
        with SMTP(HOST, proxy.ports["smtp"]) as client:
            client.reply(220)
            client.send(b"EHLO client.example.org\r\n")
            until("the server to have it", lambda: b"EHLO" in upstream.got)
            proxy.process.kill(signal.SIGTERM)
            # Before the deadline: nobody may wait for a server that takes no more.
            until("the listener to close", lambda: not listening(proxy.ports["smtp"]))
            if hurries:
                proxy.process.kill(signal.SIGTERM)
            assert client.reply()[-1].startswith(b"421 ")
            assert client.rest() == b""
        assert proxy.process.wait() == 0, proxy.process.err
        assert ("stopping at once" in proxy.process.err) == hurries
    (row,) = mailproxy.sessions(proxy.record)
    assert row["end"] == "closed"


def test_message_under_way_at_sigterm_is_told_its_fate(scratch):
    """The server is told to stop amid its data: it is taken and kept, or refused with 421 and not there."""
    proxy = MailProxy(scratch, {"smtp": "fallback"})
    with SMTP(HOST, proxy.ports["smtp"]) as client:
        client.reply(220)
        client.say("EHLO client.example.org", 250)
        client.say("MAIL FROM:<ada@example.org>", 250)
        client.say("RCPT TO:<someone@example.com>", 250)
        client.say("DATA", 354)
        client.send(b"Subject: late\r\n\r\n")
        proxy.process.kill(signal.SIGTERM)
        until("the listener to close", lambda: not listening(proxy.ports["smtp"]))
        try:
            client.send(b"but not lost\r\n.\r\n")
        except ConnectionError:
            pass  # closed already; the reply stands before the close
        reply = client.reply()[-1]
    assert proxy.process.wait() == 0, proxy.process.err
    kept = [path for path in proxy.data.rglob("*") if path.is_file() and b"Subject: late" in path.read_bytes()]
    assert reply[:3] in (b"250", b"421") and len(kept) == (1 if reply.startswith(b"250") else 0), (reply, kept)


def _mail_reply(port):
    with SMTP(HOST, port) as client:
        client.reply(220)
        client.say("EHLO client.example.org", 250)
        reply = client.say("MAIL FROM:<ada@example.org>")
        client.say("QUIT", 221)
        return reply[-1]


def test_rules_are_read_again_on_sighup(servers, scratch):
    """A new rule acts on new commands, the open session stays; a broken file is named and the old rules stay in
    force."""
    rules = scratch / "rules"
    rules.mkdir()
    (rules / "a.yaml").write_text(RULES.format(reply="550 5.7.1 the first answer"))
    with MailProxy(scratch, {"smtp": servers.ports["smtp"]}, "--rules", rules) as proxy:
        port = proxy.ports["smtp"]
        assert _mail_reply(port) == b"550 5.7.1 the first answer\r\n"
        with SMTP(HOST, port) as open_session:
            open_session.reply(220)
            open_session.say("EHLO client.example.org", 250)
            (rules / "a.yaml").write_text(RULES.format(reply="550 5.7.1 the second answer"))
            proxy.process.kill(signal.SIGHUP)
            until("the second answer", lambda: _mail_reply(port) == b"550 5.7.1 the second answer\r\n")
            open_session.say("NOOP", 250)
            open_session.say("QUIT", 221)
        (rules / "a.yaml").write_text(BROKEN_RULES["unknown-action"][0])
        proxy.process.kill(signal.SIGHUP)
        until("the complaint", lambda: re.search(r"a\.yaml:5:9", proxy.process.err))
        assert _mail_reply(port) == b"550 5.7.1 the second answer\r\n"
        assert len(re.findall(r"a\.yaml:5:9", proxy.process.err)) == 1
        (rules / "a.yaml").unlink()
        proxy.process.kill(signal.SIGHUP)
        until("no rule", lambda: _mail_reply(port).startswith(b"250"))
    changed = [
        e["changed"]
        for row in mailproxy.sessions(proxy.record)
        for e in mailproxy.exchanges(proxy.record, row["id"])
        if e["command"] == "MAIL"
    ]
    assert ["no-such-sender"] in changed and [] in changed


def test_both_legs_are_recorded_where_a_rule_changed_something(servers, scratch):
    """A header set by a rule: the client sent one message, the server got another, and the mailbox holds the latter."""
    rules = scratch / "stamp.yaml"
    rules.write_text(
        'rules:\n  - name: stamp\n    when: smtp and header["subject"] == "dots"\n    then:\n'
        '      - set-header: {name: X-Checked, value: "yes"}\n      - tag: stamped\n'
    )
    account = servers.accounts.fresh()
    with MailProxy(scratch, {"smtp": servers.ports["smtp"]}, "--rules", rules) as proxy:
        (message,) = smtp_clients.by_the_byte(clients.Place(proxy.ports["smtp"]), account)
    side_door = clients.Place(servers.dovecot.side_door)
    (found,) = until("the message", lambda: clients.imap_clients.inbox(side_door, account))
    head, body = message.split(b"\r\n\r\n", 1)
    assert found.endswith(b"\r\n\r\n" + body) and found.count(b"X-Checked: yes\r\n") == 1
    assert all(line in found for line in head.split(b"\r\n"))
    interfaces = {bytes(part) for part in [path.read_bytes() for path in mailproxy.segments(proxy.record)]}
    assert any(b"X-Checked" in part for part in interfaces), "what the server saw is in the recording"


@pytest.mark.parametrize(
    "path", sorted(os.listdir(os.path.join(os.path.dirname(__file__), "..", "..", "Rules"))) or ["none"]
)
def test_shipped_rules_are_good(path):
    folder = os.path.join(os.path.dirname(__file__), "..", "..", "Rules")
    assert path != "none", "no rule file is shipped"
    if path.endswith(".yaml"):
        command("rules", "check", os.path.join(folder, path), status=0)
        assert os.path.exists(os.path.join(folder, path.replace(".yaml", ".test"))), "each has its test beside it"


def test_help_and_version():
    for arguments in (
        ["--help"],
        ["run", "--help"],
        ["sessions", "--help"],
        ["replay", "--help"],
        ["capture", "--help"],
        ["rules", "--help"],
    ):
        assert b"USAGE" in command(*arguments, status=0).stdout.upper()
    assert re.fullmatch(rb"(mailproxy )?\d+\.\d+\.\d+\S*\n", command("--version", status=0).stdout)


def test_reader_that_goes_away_is_no_fault(servers, scratch):
    """`sessions show … | head -1` ends quietly."""
    with MailProxy(scratch, {"smtp": servers.ports["smtp"]}) as proxy:
        smtp_clients.burst(clients.Place(proxy.ports["smtp"]), servers.accounts.fresh())
    done = run(
        ["/bin/bash", "-c", f"{mailproxy.binary()} sessions list {proxy.record} | head -c 1"],
        env=mailproxy.environment(scratch),
    )
    assert done.returncode == 0 and done.stderr == b""
