"""Limits at their edge: one that is kept changes nothing; beyond it the right answer of the protocol, or the octets pass."""

import contextlib
import socket
import struct
import threading

import pytest

import mailproxy
from mailproxy import MailProxy
from processes import HOST, free_port, never, until
from test_upstreams import GREETING
from test_watched import figures, value
from tls_peers import Upstream, read_all
from wire import Wire

LINE, COMMAND_LINE, HELD = 24_576, 65_536, 262_144


def script(*turns):
    """A server that says a word, waits for one, and so on; what is not to be answered ends with None."""

    def serve(upstream, connection):
        for turn in turns:
            if turn is None:
                break
            expected, words = turn
            if expected:
                upstream.expect(connection, expected)
            connection.sendall(words)
        upstream.drain(connection)

    return serve


LINES = {"smtp": LINE, "pop3": LINE, "imap": COMMAND_LINE}


@pytest.mark.parametrize("more", [0, 1])
@pytest.mark.parametrize("protocol", LINES)
def test_a_line_at_its_limit(protocol, more, scratch):
    """It passes to the octet; one octet more, and the session is not followed behind it."""
    tag = b"a " if protocol == "imap" else b""
    line = tag + b"NOOP " + b"x" * (LINES[protocol] + more - len(tag) - 7) + b"\r\n"
    assert len(line) == LINES[protocol] + more
    answer = {"smtp": b"250 ok\r\n", "pop3": b"+OK\r\n", "imap": b"a OK done\r\n"}[protocol]
    greeting = GREETING[protocol] % b"there"
    with Upstream(script((b"", greeting), (b"\r\n", answer))) as server:
        with MailProxy(scratch, {protocol: server.port}) as proxy:
            with Wire(HOST, proxy.ports[protocol]) as client:
                assert client.line() == greeting
                client.send(line)
                assert client.line() == answer
                client.finish()
                assert client.rest() == b""
            until("all arrived", lambda: server.got == line)
    shown = mailproxy.command("sessions", "show", proxy.record, status=0).stdout.decode()
    assert ("not followed from here on" in shown) == bool(more), shown[-2000:]


@pytest.mark.parametrize("more", [0, 1])
def test_what_waits_for_an_answer_at_its_limit(more, scratch):
    """Behind DATA nobody knows what the octets are before 354: so many may wait, one more and they pass as they are."""
    octets = b"x" * (HELD + more)
    with Upstream(script((b"", b"220 there\r\n"))) as server:
        with MailProxy(scratch, {"smtp": server.port}) as proxy:
            with Wire(HOST, proxy.ports["smtp"]) as client:
                assert client.line() == b"220 there\r\n"
                client.send(b"DATA\r\n" + octets)
                # Without a word of the server they go on as soon as they are too many, or the client has ended.
                if more:
                    until("all arrived", lambda: len(server.got) == len(octets) + 6)
                client.finish()
                until("all arrived", lambda: server.got == b"DATA\r\n" + octets)
    shown = mailproxy.command("sessions", "show", proxy.record, status=0).stdout.decode()
    assert ("not followed from here on" in shown) == bool(more), shown[-2000:]


LATE = {
    "greeting": [None],
    "smtp-command": [(b"", b"220 there\r\n"), None],
    "smtp-data-start": [(b"", b"220 there\r\n"), (b"EHLO", b"250 hi\r\n"), (b"MAIL", b"250 ok\r\n"), (b"RCPT", b"250 ok\r\n"), None],
    "smtp-data-end": [
        (b"", b"220 there\r\n"), (b"EHLO", b"250 hi\r\n"), (b"MAIL", b"250 ok\r\n"), (b"RCPT", b"250 ok\r\n"), (b"DATA", b"354 go\r\n"), None,
    ],
}
COMMANDS = [b"EHLO c\r\n", b"MAIL FROM:<a@example.com>\r\n", b"RCPT TO:<b@example.com>\r\n", b"DATA\r\n", b"x\r\n.\r\n"]


@pytest.mark.parametrize("limit", LATE)
def test_a_server_that_is_late(limit, scratch):
    """421 and no acknowledgment; the recording says that it was the time."""
    port = free_port()
    options = ("--set", "limits.allow-short=true", "--set", f"limits.{limit}=1", "--metrics", f"{HOST}:{port}")
    with Upstream(script(*LATE[limit])) as server, MailProxy(scratch, {"smtp": server.port}, *options) as proxy:
        with Wire(HOST, proxy.ports["smtp"]) as client:
            said = [client.line()]
            for command in COMMANDS:
                if said[-1].startswith(b"421"):
                    break
                client.send(command)
                said.append(client.line())
            assert said[-1].startswith(b"421 4.4.2 ") and client.rest() == b""
            assert not any(line.startswith(b"250") for line in said[5:])
            assert len(said) == len(LATE[limit])
        until("it is counted", lambda: value(figures(port), "mailproxy_sessions_timed_out_total", limit=limit) == 1)
        assert f"(limits.{limit})" in proxy.said()
    (row,) = mailproxy.sessions(proxy.record)
    assert row["end"] == "timeout" and row["messages"] in (0, 1), row
    shown = mailproxy.exchanges(proxy.record, row["id"])
    assert not any(exchange.get("accepted") for exchange in shown)


@pytest.mark.parametrize("protocol,half,words", [
    ("smtp", b"MAIL FR", b"421 4.4.2 "), ("imap", b"a LOGIN {3+}\r\nx", b"* BYE "), ("pop3", b"US", b""),
])
def test_a_client_that_stops_in_the_middle(protocol, half, words, scratch):
    name = "smtp-command" if protocol == "smtp" else f"idle-{protocol}"
    options = ("--set", "limits.allow-short=true", "--set", f"limits.{name}=1")
    greeting = GREETING[protocol] % b"there"
    with Upstream(script((b"", greeting))) as server, MailProxy(scratch, {protocol: server.port}, *options) as proxy:
        with Wire(HOST, proxy.ports[protocol]) as client:
            assert client.line() == greeting
            client.send(half)
            said = client.rest()
            assert said.startswith(words) and (bool(said) == bool(words)) and said.count(b"\r\n") == bool(words)
        until("the session is over", lambda: f"(limits.{name})" in proxy.said())
        assert half.startswith(server.got)
    (row,) = mailproxy.sessions(proxy.record)
    assert row["end"] == "timeout"


class Crowded(Upstream):
    """Serves all at once."""

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection):
        with connection, contextlib.suppress(OSError):
            self.serve(self, connection)


def test_hundreds_that_stall(scratch):
    """Clients that stop in the middle of a line or a TLS greeting, and servers that do not answer: each session ends by its own limit, with
    a word where one can stand, and nothing of them is left."""
    metrics, plain = free_port(), free_port()

    def serve(upstream, connection):
        connection.sendall(b"220 mx\r\n")
        while connection.recv(65536):
            pass

    with Crowded(serve) as server:
        options = ["--set", "limits.allow-short=true", "--set", "limits.smtp-command=2", "--metrics", f"{HOST}:{metrics}"]
        options += ["--route", f"smtp://{HOST}:{plain}=smtp://{HOST}:{server.port}"]
        with MailProxy(scratch, {}, *options, record=False) as proxy:
            clients = []
            for number in range(200):
                client = socket.create_connection((HOST, plain), 60)
                client.sendall((b"EHL", b"NOOP\r\n", b"NOOP\r\n" * 1_000, b"x" * 20_000)[number % 4])
                clients.append(client)
            for number, client in enumerate(clients):
                heard = read_all(client).splitlines()
                assert heard[0] == b"220 mx", (number, heard)
                words = b"421 4.4.2 The mail server does not answer" if number % 4 in (1, 2) else b"421 4.4.2 Idle for too long"
                assert len(heard) == 2 and heard[1].startswith(words), (number, heard)
                client.close()

            def is_over():
                now = figures(metrics)
                return value(now, "mailproxy_sessions_open") == 0 and value(now, "mailproxy_memory_in_flight_bytes") == 0

            until("nothing is left", is_over)
            assert value(figures(metrics), "mailproxy_sessions_timed_out_total", limit="smtp-command") == 200


@pytest.mark.parametrize("how", ["reset", "closed"])
def test_who_is_held_back_and_leaves_is_gone_at_once(scratch, how):
    """While memory is short a client with half a line is not read; that it has left is noticed all the same, not when its time is over."""
    metrics = free_port()

    def serve(upstream, connection):
        connection.sendall(b"* OK there\r\n")
        with contextlib.suppress(OSError):
            while connection.recv(65536):
                pass

    options = ("--set", "limits.memory=65536", "--metrics", f"{HOST}:{metrics}")
    with Crowded(serve) as server, MailProxy(scratch, {"imap": server.port}, *options, record=False) as proxy:
        clients = []
        for _ in range(8):
            client = socket.create_connection((HOST, proxy.ports["imap"]), 30)
            if client.recv(100).startswith(b"* BYE"):
                break
            # Half a line, and not one that is too long.
            client.sendall(b"a LOGIN " + b"x" * 30_000)
            clients.append(client)
            until("it is counted", lambda: value(figures(metrics), "mailproxy_memory_in_flight_bytes") > 0)
        until("memory is short", lambda: value(figures(metrics), "mailproxy_memory_in_flight_bytes") > 65536)
        # The others stay, and with them what memory they take.
        leaver = clients.pop()
        if how == "reset":
            leaver.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        leaver.close()
        until("it is gone", lambda: value(figures(metrics), "mailproxy_sessions_open") == len(clients))
        for client in clients:
            client.close()
        until("nobody is left", lambda: value(figures(metrics), "mailproxy_sessions_open") == 0)
        assert value(figures(metrics), "mailproxy_memory_in_flight_bytes") == 0


@pytest.mark.parametrize("to", ["proxy", "fallback"])
def test_who_takes_all_goes_on_while_others_stall(to, scratch):
    """Clients with half a command have taken more memory than there may be, and stay: one that takes what it gets is served to the end, in
    both directions."""
    metrics, port = free_port(), free_port()
    limit = 1 << 20
    lines = b"".join(b"* OK %d " % number + b"x" * 2_500 + b"\r\n" for number in range(800))

    def serve(upstream, connection):
        connection.sendall(b"* OK there\r\n")
        # Nobody but the one asks for anything.
        with contextlib.suppress(EOFError):
            upstream.expect(connection, b"\r\n")
            connection.sendall(lines + b"a OK done\r\n")
            upstream.drain(connection)

    def waiting():
        return value(figures(metrics), "mailproxy_memory_in_flight_bytes")

    with Crowded(serve) as server:
        upstream = f"imap://{HOST}:{server.port}" if to == "proxy" else "fallback"
        options = ["--route", f"imap://{HOST}:{port}={upstream}", "--set", f"limits.memory={limit}", "--metrics", f"{HOST}:{metrics}"]
        with MailProxy(scratch, {}, *options, record=False), contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Wire(HOST, port)) for _ in range(26)]
            for client in clients:
                assert client.line().startswith(b"* OK ")
            reader, *others = clients
            for client in others:
                client.send(b"a LOGIN " + b"x" * 55_000)
            # One has its turn, and the next read of each that had none would bring a bit.
            until("far too much waits", lambda: waiting() >= limit + limit // 4)
            if to == "proxy":
                reader.send(b"a NOOP\r\n")
                assert reader.exactly(len(lines)) == lines
                assert reader.line() == b"a OK done\r\n"
            else:
                reader.send(b"a LOGIN me me\r\n")
                while not reader.line().startswith(b"a OK"):
                    pass
                message = b"Subject: x\r\n\r\n" + b"y" * 2_500 + b"\r\n"
                for number in range(100):
                    reader.send(b"b APPEND INBOX {%d+}\r\n" % len(message) + message + b"\r\n")
                    assert reader.line().startswith((b"b OK", b"*")), number
            assert limit + limit // 4 <= waiting() < 2 * limit


def test_memory_is_kept_when_clients_are_slow(scratch):
    """Many clients who take nothing of long answers: what waits stays bounded, new ones are refused, and nobody loses an octet."""
    metrics = free_port()
    limit = 1 << 20
    body = b"* OK " + b"x" * 2_000 + b"\r\n"
    whole = b"* OK there\r\n" + body * 2_000
    over = threading.Event()

    def flood(upstream, connection):
        connection.sendall(whole)
        upstream.drain(connection)
        connection.shutdown(socket.SHUT_WR)
        # The kernel of a server that closes gives up what is left after some seconds, when nobody takes it.
        over.wait(120)

    options = ("--set", f"limits.memory={limit}", "--metrics", f"{HOST}:{metrics}")
    with Crowded(flood) as server, MailProxy(scratch, {"imap": server.port}, *options, record=False) as proxy:
        clients = []
        refused = None
        for _ in range(64):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.settimeout(30)
            client.connect((HOST, proxy.ports["imap"]))
            line = client.recv(10)
            if line.startswith(b"* BYE"):
                refused = line + read_all(client)
                client.close()
                break
            clients.append((client, line))
        assert refused and refused.startswith(b"* BYE [UNAVAILABLE] Too many"), len(clients)
        now = figures(metrics)
        assert value(now, "mailproxy_memory_limit_bytes") == limit
        # What one read brings may come on top, for each that was read at that moment.
        assert limit <= value(now, "mailproxy_memory_in_flight_bytes") < 2 * limit
        assert value(now, "mailproxy_sessions_refused_total", limit="memory") == 1
        for client, line in clients:
            client.shutdown(socket.SHUT_WR)
        for client, line in clients:
            assert line + read_all(client) == whole
            client.close()
        over.set()
        until("nothing waits", lambda: value(figures(metrics), "mailproxy_memory_in_flight_bytes") == 0)
        with Wire(HOST, proxy.ports["imap"]) as client:
            assert client.line() == b"* OK there\r\n"


@pytest.mark.parametrize("with_rules", [False, True], ids=["followed", "ruled"])
@pytest.mark.parametrize("protocol", ["smtp", "pop3"])
def test_memory_is_kept_when_servers_do_not_answer(protocol, with_rules, scratch):
    """Many clients with thousands of commands at once, whose servers are silent: what the proxy has to remember of the commands counts, so that
    clients are read no more once it is too much. When the servers answer, everybody hears all answers."""
    metrics, commands, limit = free_port(), 3_000, 1 << 18
    greeting, answer = {"smtp": (b"220 mx\r\n", b"250 ok\r\n"), "pop3": (b"+OK mx\r\n", b"+OK\r\n")}[protocol]
    may_answer = threading.Event()

    def serve(upstream, connection):
        connection.sendall(greeting)
        owed = 0
        connection.settimeout(0.1)
        while True:
            with contextlib.suppress(TimeoutError):
                piece = connection.recv(65536)
                if not piece:
                    break
                owed += piece.count(b"\n")
            if may_answer.is_set() and owed:
                connection.sendall(answer * owed)
                owed = 0

    options = ["--set", f"limits.memory={limit}", "--metrics", f"{HOST}:{metrics}"]
    if with_rules:
        rules = scratch / "expn.yaml"
        rules.write_text(f"rules:\n  - name: a\n    when: {protocol} and reply.code == \"999\"\n    then: [close]\n")
        options += ["--rules", rules]
    with Crowded(serve) as server, MailProxy(scratch, {protocol: server.port}, *options, record=False) as proxy, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Wire(HOST, proxy.ports[protocol], seconds=60)) for _ in range(16)]
        for client in clients:
            assert client.line() == greeting
        for client in clients:
            client.send(b"NOOP\r\n" * commands)
        until("far too much waits", lambda: value(figures(metrics), "mailproxy_memory_in_flight_bytes") >= limit + limit // 4)
        until("clients have to wait", lambda: value(figures(metrics), "mailproxy_sessions_held_back") > 0)
        with Wire(HOST, proxy.ports[protocol]) as late:
            assert late.line().startswith((b"421 ", b"-ERR "))
        may_answer.set()
        for client in clients:
            assert client.exactly(len(answer) * commands) == answer * commands
        until("nothing waits", lambda: value(figures(metrics), "mailproxy_memory_in_flight_bytes") == 0)


def test_a_client_that_names_long_mailboxes_to_a_silent_server(scratch):
    """What one session may have the proxy remember is bounded: beyond it the octets pass, and it goes on unfollowed."""
    recipient = b"RCPT TO:<" + b"x" * 20_000 + b"@example.com>\r\n"
    sent = b"EHLO me\r\nMAIL FROM:<>\r\n" + recipient * 60

    def serve(upstream, connection):
        connection.sendall(b"220 mx\r\n")
        upstream.expect(connection, recipient * 60)
        upstream.drain(connection)

    with Upstream(serve) as server:
        with MailProxy(scratch, {"smtp": server.port}) as proxy:
            with Wire(HOST, proxy.ports["smtp"]) as client:
                assert client.line() == b"220 mx\r\n"
                client.send(sent)
                client.finish()
                client.rest()
        assert server.got == sent
    (row,) = mailproxy.sessions(proxy.record)
    assert row["opaque"] is True and row["exchanges"] < 60


def test_a_client_that_pauses_behind_the_end_of_its_server(scratch):
    """It gets all that its server had said, also when it takes nothing for longer than a client is awaited that has all."""
    metrics = free_port()
    # More than its host takes for the client, and less than the proxy holds for it: so the server's end is seen while all of it waits.
    whole = b"* OK there\r\n" + (b"* OK " + b"x" * 1_000 + b"\r\n") * 50

    def flood(upstream, connection):
        connection.sendall(whole)

    def is_over():
        return value(figures(metrics), "mailproxy_sessions_open") == 0

    with Upstream(flood) as server:
        with MailProxy(scratch, {"imap": server.port}, "--metrics", f"{HOST}:{metrics}", record=False) as proxy:
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
                client.settimeout(30)
                client.connect((HOST, proxy.ports["imap"]))
                until("the server's end is seen", lambda: "in the middle of the session" in proxy.said())
                never("the session ended", is_over, 5)
                got = read_all(client)
                assert got.startswith(whole)
                assert got[len(whole) :].startswith(b"* BYE [UNAVAILABLE]") and got.endswith(b"\r\n"), got[len(whole) :]
            until("the session ends", is_over)
