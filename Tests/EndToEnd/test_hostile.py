"""What attackers and broken peers do to the whole program: cross-protocol requests, clients that say who they are in another's place,
cut messages, upstreams that flap, canaries of keys, and what a crash leaves behind."""

import base64
import os
import pathlib
import random
import resource
import signal
import socket
import ssl
import struct
import threading

import pytest

import mailproxy
import tls_peers
from mailproxy import MailProxy, command
from processes import HOST, Process, free_port, run, until
from tls_peers import Upstream, client_context, read_all, server_context
from wire import SMTP

BODIES = {
    "smtp": b"EHLO me.example.org\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nDATA\r\nx\r\n.\r\n",
    "pop3": b"USER b@example.com\r\nPASS secret\r\nSTAT\r\n",
    "imap": b"a LOGIN b@example.com secret\r\nb CREATE made-by-http\r\n",
}


@pytest.mark.parametrize("protocol", BODIES)
def test_a_request_of_a_browser_runs_no_command(protocol, scratch):
    """The commands stand in the body of a form that a page had the browser send."""
    with MailProxy(scratch, {protocol: "fallback"}) as proxy:
        for method in b"POST", b"GET":
            with socket.create_connection((HOST, proxy.ports[protocol]), 10) as client:
                client.sendall(method + b" / HTTP/1.1\r\nHost: mail.example.com\r\n\r\n" + BODIES[protocol])
                heard = read_all(client).split(b"\r\n")
            # The greeting, and one line for the request.
            assert len(heard) == 3 and b"this is no web server" in heard[1] and heard[2] == b"", heard
    for rows in mailproxy.all_exchanges(proxy.record).values():
        answered = [row["command"] for row in rows if row["n"] > 0 and row["reply"]]
        assert answered in (["POST"], ["GET"], ["/"], []), rows
    assert not list(proxy.data.rglob("*made-by-http*")) and not list(proxy.data.rglob("new/*"))


@pytest.mark.parametrize("with_rules", [False, True], ids=["", "rules"])
@pytest.mark.parametrize("is_secure", [False, True], ids=["clear", "tls"])
@pytest.mark.parametrize("word", [b"XCLIENT ADDR=192.0.2.66\r\n", b"xforward NAME=spoof.example.com\r\n"])
@pytest.mark.parametrize("cut", [False, True], ids=["", "cut"])
def test_a_client_that_says_who_it_is_in_anothers_place(servers, authority, scratch, word, with_rules, is_secure, cut):
    """The upstream believes us, so it must not hear of it; nor does it offer it to the client."""

    def serve(upstream, connection):
        connection.sendall(b"220 mx.example.com\r\n")
        upstream.expect(connection, b"EHLO me.example.org\r\n")
        connection.sendall(b"250-mx.example.com\r\n250-XCLIENT NAME ADDR\r\n250-XFORWARD NAME ADDR\r\n250 SIZE\r\n")
        while line := upstream.expect(connection, b"\r\n"):
            connection.sendall(b"250 ok\r\n" if line != b"QUIT\r\n" else b"221 bye\r\n")

    rules = scratch / "rules.yaml"
    rules.write_text("rules: [{name: none, when: smtp, then: [{tag: seen}]}]\n")
    port, scheme = free_port(), "smtps" if is_secure else "smtp"
    options = "?verify=off" if is_secure else "?tls=none"
    context = server_context(servers.certificate) if is_secure else None
    with Upstream(serve, context) as upstream, tls_peers.proxy(
        scratch, authority, f"{scheme}://{HOST}:{port}={scheme}://{HOST}:{upstream.port}{options}",
        options=["--rules", rules] if with_rules else [],
    ) as proxy, socket.create_connection((HOST, port), 10) as raw:  # fmt: skip
        client = client_context(authority).wrap_socket(raw, server_hostname=HOST) if is_secure else raw
        with client, client.makefile("rb") as file:
            assert file.readline().startswith(b"220 ")
            client.sendall(b"EHLO me.example.org\r\n")
            lines = [file.readline()]
            while lines[-1][3:4] == b"-":
                lines.append(file.readline())
            assert lines == [b"250-mx.example.com\r\n", b"250 SIZE\r\n"]
            if cut:
                client.sendall(word[:3])
                until("the first octets to be there", lambda: upstream.got.endswith(b"EHLO me.example.org\r\n"))
                client.sendall(word[3:])
            else:
                client.sendall(b"NOOP\r\n" + word)
                assert file.readline().startswith((b"250 ok", b"421 4.7.0 "))
            if with_rules:
                verb = word.split()[0].upper().decode()
                assert file.readline() == f"502 5.5.1 {verb} is not offered\r\n".encode()
                client.sendall(b"QUIT\r\n")
                assert file.readline() == b"221 bye\r\n"
            else:
                # The session ends with it.
                assert cut is False or file.readline().startswith(b"421 4.7.0 ")
                file.read()
    assert b"XCLIENT" not in upstream.got.upper() and b"XFORWARD" not in upstream.got.upper()


def _data_upstream(upstream, connection):
    """An SMTP server that remembers what it was sent."""
    connection.sendall(b"220 mx.example.com\r\n")
    for reply in b"250 mx\r\n", b"250 ok\r\n", b"250 ok\r\n", b"354 go\r\n":
        upstream.expect(connection, b"\r\n")
        connection.sendall(reply)
    upstream.drain(connection)


@pytest.mark.parametrize("with_rules", [False, True], ids=["", "rules"])
@pytest.mark.parametrize("cut", [b"half a li", b"a line\r\n", b"a line\r\n.", b"a line\r\n.\r"])
def test_a_message_that_is_cut_off_is_never_ended(scratch, cut, with_rules):
    """The client is gone in the middle of its message: the upstream gets nothing that it could take for the end."""
    rules = scratch / "rules.yaml"
    rules.write_text("rules: [{name: none, when: smtp and subject == \"nothing\", then: [{tag: seen}]}]\n")
    with Upstream(_data_upstream) as upstream, MailProxy(
        scratch, {"smtp": upstream.port}, *(["--rules", rules] if with_rules else [])
    ) as proxy:
        with SMTP(HOST, proxy.ports["smtp"]) as client:
            client.reply(220)
            for words, code in ("EHLO me.example.org", 250), ("MAIL FROM:<a@example.org>", 250), ("RCPT TO:<b@example.com>", 250):
                client.say(words, code)
            client.say("DATA", 354)
            client.send(b"Subject: cut\r\n\r\n" + cut)
            until("it to be there", lambda: cut.strip(b"\r\n.") in upstream.got)
            client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        until("the session to be recorded", lambda: [row["end"] for row in mailproxy.sessions(proxy.record)] == ["reset"])
    assert b"\r\n.\r\n" not in upstream.got
    (row,) = mailproxy.sessions(proxy.record)
    assert row["messages"] == 1
    exported = mailproxy.rows(
        command("sessions", "export", row["id"], proxy.record, "--format", "eml", "-o", scratch / "eml", "--json", status=0)
    )
    assert [message["complete"] for message in exported] == [False]


def _spellings(generator):
    """One command in one of the many ways in which it can be written, rightly and wrongly."""
    kind = generator.choice(["HELO", "EHLO", "MAIL", "RCPT", "RSET", "NOOP", "VRFY", "DATA", "HELP", "BOGUS"])
    verb = "".join(generator.choice([letter, letter.lower()]) for letter in kind)
    space = generator.choice([" ", " ", " ", "  ", "\t", ""])
    if kind in ("MAIL", "RCPT"):
        word = generator.choice(["FROM", "from", "From"] if kind == "MAIL" else ["TO", "to", "To"])
        colon = generator.choice([":", ":", ":", ": ", " :", "", ":\t"])
        local = generator.choice(["a", "a.b", '"a b"', '"a\\\\"b"', "a..b", "", "@x:a", "a@b"])
        domain = generator.choice(["@example.com", "@example.com", "@EXAMPLE.com", "@[192.0.2.1]", "", "@", "@-x"])
        path = generator.choice(["<{}>", "<{}>", "{}", "<{}", "< {} >", "<<{}>>"]).format(local + domain)
        more = generator.choice(["", "", "", " SIZE=100", " SIZE=x", " BODY=8BITMIME", " FOO=BAR", " ", "  SIZE=1", " ORCPT=rfc822;a+40b"])
        return f"{verb}{space}{word}{colon}{path}{more}"
    argument = generator.choice(["", "", "me.example.org", "x y", " ", "[127.0.0.1]"])
    return verb + (space + argument if argument else "")


def _codes(port, commands):
    """The status of each reply, and what else was said, but for what differs from one session to the next."""
    heard = []
    with SMTP(HOST, port) as client:
        heard.append(client.reply())
        for command_ in commands:
            client.send(command_ + "\r\n")
            heard.append(reply := client.reply())
            if reply[-1].startswith(b"354"):
                client.send("Subject: spelled\r\n\r\ntext\r\n.\r\n")
                heard.append([client.reply()[-1][:3]])
            if reply[-1].startswith((b"421", b"221")):
                break
    return heard


@pytest.mark.parametrize("with_rules", [False, True], ids=["", "rules"])
def test_every_spelling_means_what_it_means_to_the_server(servers, scratch, with_rules):
    """Commands are told by the proxy as the server tells them, however they are written: each session is the same as without it."""
    rules = scratch / "rules.yaml"
    rules.write_text("rules: [{name: none, when: smtp and sender == \"nobody\", then: [close]}]\n")
    generator = random.Random(20261126)
    sessions = [[_spellings(generator) for _ in range(9)] for _ in range(36)]
    # Some go far enough that recipients and messages matter.
    for number, commands in enumerate(sessions):
        if number % 2:
            commands[:2] = ["EHLO me.example.org", "MAIL FROM:<a@example.org>"]
        if number % 4 == 3:
            commands[2] = f"RCPT TO:<{servers.accounts.quoted.address}>"
    with MailProxy(scratch, {"smtp": servers.postfix.port}, *(["--rules", rules] if with_rules else []), listener="?capabilities=all") as proxy:
        for commands in sessions:
            # Postfix offers STARTTLS where it could be begun, and both legs can.
            assert _codes(proxy.ports["smtp"], commands) == _codes(servers.postfix.port, commands), commands
    assert all(not row["opaque"] for row in mailproxy.sessions(proxy.record))


class Flapping(Upstream):
    """An SMTP server that goes away at random moments. What it answered 250 is kept."""

    def __init__(self):
        super().__init__(Flapping._converse)
        self.random, self.kept = random.Random(4711), []

    def _converse(self, connection):
        file = connection.makefile("rb")

        def answer(words):
            if self.random.random() < 0.03:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", self.random.randrange(2), 0))
                raise EOFError
            connection.sendall(words)

        answer(b"220 mx.example.com\r\n")
        while line := file.readline():
            if line.startswith(b"DATA"):
                answer(b"354 go\r\n")
                message = b""
                while (piece := file.readline()) != b".\r\n":
                    if not piece:
                        return
                    message += piece
                # Whoever is told, it has the message: more than once, when the answer is lost.
                self.kept.append(message)
                answer(b"250 kept\r\n")
            else:
                answer(b"250 ok\r\n")


@pytest.mark.parametrize("fallback", [False, True], ids=["", "fallback"])
def test_an_upstream_that_flaps_loses_nothing_that_was_acknowledged(scratch, fallback):
    """The client sends each message again until it hears 250. Nothing it heard that for is missing, and nothing is there twice but what
    was under way when the upstream went."""
    port, tries, acknowledged = free_port(), 0, []
    count = 300
    with Flapping() as upstream:
        target = f"smtp://{HOST}:{upstream.port}?tls=none" + (",fallback" if fallback else "")
        with MailProxy(scratch, {}, "--route", f"smtp://{HOST}:{port}={target}") as proxy:
            client = None
            while len(acknowledged) < count:
                tries += 1
                assert tries < count * 5
                text = b"Subject: %d\r\n\r\nmessage %d\r\n" % (len(acknowledged), len(acknowledged))
                try:
                    if client is None:
                        client = SMTP(HOST, port)
                        client.reply(220)
                        client.say("EHLO me.example.org", 250)
                    for words in "MAIL FROM:<a@example.org>", "RCPT TO:<b@example.com>":
                        client.say(words, 250)
                    client.say("DATA", 354)
                    client.send(text + b".\r\n")
                    client.reply(250)
                    acknowledged.append(text)
                except (AssertionError, OSError, EOFError):
                    client.__exit__()
                    client = None
            client.__exit__()
        stored = [path.read_bytes().replace(b"\r\n", b"\n") for path in proxy.data.rglob("new/*")]
    kept = [message.replace(b"\r\n", b"\n") for message in upstream.kept] + stored
    missing = [text for text in acknowledged if not any(text.replace(b"\r\n", b"\n") in message for message in kept)]
    assert missing == [] and tries > count
    assert len(kept) <= tries


def test_keys_are_nowhere_but_in_their_file(servers, authority, scratch):
    """Neither the authority's key nor one that was made is in recordings, logs or exports."""
    account = servers.accounts.fresh()
    port = free_port()
    key = authority[0] / "ca" / "ca.key"
    text = key.read_text()
    der = base64.b64decode("".join(line for line in text.splitlines() if not line.startswith("-")))
    # The secret number itself, which every form of the key has.
    shown = run(["/usr/bin/openssl", "pkey", "-in", key, "-noout", "-text"]).stdout.decode()
    number = bytes.fromhex("".join(shown.split("priv:")[1].split("pub:")[0].split()).replace(":", ""))[-32:]
    assert number in der
    needles = [number, base64.b64encode(number)[2:-4], number.hex().encode(), *text.encode().splitlines()[1:-1]]
    with tls_peers.proxy(
        scratch, authority, f"imaps://{HOST}:{port}=imaps://{HOST}:{servers.dovecot.imaps}?verify=off",
        options=["--log-level", "debug"], env={"SSLKEYLOGFILE": str(scratch / "keys.log")},
    ) as proxy, socket.create_connection((HOST, port), 10) as raw:  # fmt: skip
        with client_context(authority).wrap_socket(raw, server_hostname="mx.example.com") as client:
            client.recv(4096)
            client.sendall(f"a LOGIN {account.address} {account.password}\r\nb LOGOUT\r\n".encode())
            read_all(client)
    for form in "pcapng", "eml":
        command("sessions", "export", proxy.record, "--format", form, "-o", scratch / f"export-{form}")
    command("ca", "export", "--data-dir", authority[0], "-o", scratch / "ca.pem", status=0)
    shown = command("ca", "show", "--json", "--data-dir", authority[0], status=0)
    (scratch / "shown").write_bytes(shown.stdout + shown.stderr)
    found = [path for path in scratch.rglob("*") if path.is_file()]
    assert len(found) > 5 and (scratch / "keys.log").stat().st_size > 0
    for path in found + [path for path in authority[0].rglob("*") if path.is_file() and path != key]:
        octets = path.read_bytes()
        assert not any(needle in octets for needle in needles), path
    assert any(needle in key.read_bytes() for needle in needles)


def test_the_authoritys_files_under_any_umask(scratch):
    data = scratch / "data"
    done = run(["/bin/sh", "-c", f"umask 000; exec {mailproxy.binary()} ca create --data-dir {data}"], env=mailproxy.environment(scratch))
    assert done.returncode == 0, done
    modes = {path.name: path.stat().st_mode & 0o777 for path in [data / "ca", *(data / "ca").iterdir()]}
    assert modes["ca.key"] == 0o600 and modes["ca"] == 0o700, modes
    for mode in 0o640, 0o604:
        (data / "ca" / "ca.key").chmod(mode)
        route = f"imaps://{HOST}:{free_port()}=fallback"
        done = command("run", "--no-ui", "--no-record", "--data-dir", data, "--route", route, status=2)
        assert "ca.key: can be read by others" in done.stderr.decode()


@pytest.mark.parametrize("number", [signal.SIGILL, signal.SIGSEGV, signal.SIGABRT], ids=lambda number: number.name)
def test_a_crash_is_over_at_once_and_leaves_no_core(scratch, number):
    """What a trap of Swift ends with is gone for its supervisor to start again; keys and mail are in no file. Its output goes to a pipe
    that nobody reads."""
    environment = mailproxy.environment(scratch)
    # A sanitizer has handlers of its own.
    if mailproxy.PATIENCE == 1:
        del environment["SWIFT_BACKTRACE"]
    for options in "ASAN_OPTIONS", "TSAN_OPTIONS":
        if options in environment:
            environment[options] += ":handle_segv=0:handle_sigill=0:handle_abort=0"
    port = free_port()
    arguments = [mailproxy.binary(), "run", "--no-ui", "--data-dir", scratch / "data", "--record-dir", scratch / "recording"]

    def allow_cores():
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    process = Process([*arguments, "--route", f"imap://{HOST}:{port}=fallback"], scratch, "crash", environment, scratch, allow_cores)
    process.wait_for("it is ready", lambda: "ready" in process.out)
    limits = pathlib.Path(f"/proc/{process.pid}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"], line
    # The files of a process that may not be looked into are root's, whoever runs it.
    process.kill(number)
    assert process.wait(2 * mailproxy.PATIENCE) == -number
    assert not list(scratch.glob("*core*"))
