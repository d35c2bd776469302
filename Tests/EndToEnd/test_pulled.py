"""Upstreams that go away at any moment: what the client hears is what its RFC has for that moment, to the octet, its connection
ends, nothing is acknowledged that the upstream did not acknowledge, and the recording says how the session ended."""

import contextlib
import dataclasses
import os
import signal
import socket
import ssl
import struct
import threading

import pytest

import clients
import conftest
import imap_clients
import mailproxy
import peers
import tls_peers
from mailproxy import command, rows
from processes import HOST, free_port, until
from tls_peers import client_context, server_context
from wire import IMAP, POP3, SMTP

LOST = "The connection to the mail server was lost, "
GONE = {
    "smtp": f"421 4.4.2 {LOST}try again later\r\n".encode(),
    "pop3": f"-ERR [SYS/TEMP] {LOST}try again later\r\n".encode(),
    "imap": f"* BYE [UNAVAILABLE] {LOST}try again later\r\n".encode(),
}
GONE["lmtp"] = GONE["smtp"]
# For a message whose end was sent: nobody took it.
REFUSED = f"451 4.4.2 {LOST}send the message again later\r\n".encode()
# In the place of a greeting.
AWAY = {
    "smtp": b"421 4.4.1 The mail server cannot be reached, try again later\r\n",
    "pop3": b"-ERR [SYS/TEMP] The mail server cannot be reached, try again later\r\n",
    "imap": b"* BYE [UNAVAILABLE] The mail server cannot be reached, try again later\r\n",
}
AWAY["lmtp"] = AWAY["smtp"]


@dataclasses.dataclass
class Moment:
    """What was said before the upstream goes, and what the client hears behind that."""

    name: str
    protocol: str
    # Words of the client ("C"), which arrive, and of the upstream ("S"), which the client hears.
    words: list
    hears: bytes
    # Behind the rules nobody hears half a line.
    hears_ruled: bytes | None = None
    # What the client goes on to send without an answer.
    rest: bytes = b""
    # What the upstream sends at last, and nobody passes on: the rest of it never comes.
    held: bytes = b""
    # No line of ours can stand there: the end says it all.
    cut: bool = False
    # The client leaves before it has sent all.
    leaves: bool = False
    # It is no loss.
    over: bool = False


def _smtp(*words):
    return ["S220 mx.example.com ESMTP\r\n", "CEHLO client.example.org\r\n", "S250 mx.example.com\r\n", *words]


def _pop3(*words):
    login = ["S+OK ready\r\n", "CUSER ann\r\n", "S+OK\r\n", "CPASS s3cret-word\r\n", "S+OK\r\n"]
    return [*login, *words]


def _imap(*words):
    return ["S* OK ready\r\n", "Ca LOGIN ann s3cret-word\r\n", "Sa OK in\r\n", *words]


_MAIL = _smtp("CMAIL FROM:<a@example.org>\r\n", "S250 ok\r\n")
_DATA = [*_MAIL, "CRCPT TO:<b@example.com>\r\n", "S250 ok\r\n", "CDATA\r\n", "S354 go\r\n"]
_CHUNK = [*_MAIL, "CRCPT TO:<b@example.com>\r\n", "S250 ok\r\n"]
_PIPELINE = "CMAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.com>\r\nRCPT TO:<c@example.com>\r\nDATA\r\n"
_LMTP = [
    "S220 ready\r\n", "CLHLO client.example.org\r\n", "S250 ok\r\n", "CMAIL FROM:<a@example.org>\r\n", "S250 ok\r\n",
    "CRCPT TO:<b@example.com>\r\n", "S250 ok\r\n", "CRCPT TO:<c@example.com>\r\n", "S250 ok\r\n", "CDATA\r\n", "S354 go\r\n",
]  # fmt: skip

MOMENTS = [
    *(Moment("before the greeting", p, [], AWAY[p]) for p in ("smtp", "lmtp", "pop3", "imap")),
    Moment("in the greeting", "smtp", ["S220 mx.exam"], b"", AWAY["smtp"], cut=True),
    Moment("in the greeting", "pop3", ["S+OK rea"], b"", AWAY["pop3"], cut=True),
    Moment("in the greeting", "imap", [], AWAY["imap"], held=b"* OK [CAPABI"),
    Moment("in a greeting of two lines", "smtp", ["S220-mx.example.com\r\n"], b"", cut=True),
    Moment("behind a greeting that refuses", "smtp", ["S554 not you\r\n"], b"", over=True),
    # SMTP
    Moment("quiet", "smtp", _smtp(), GONE["smtp"]),
    Moment("EHLO is not answered", "smtp", ["S220 mx\r\n", "CEHLO client.example.org\r\n"], GONE["smtp"]),
    Moment(
        "in the list of EHLO", "smtp", ["S220 mx\r\n", "CEHLO client.example.org\r\n"], GONE["smtp"],
        held=b"250-mx.example.com\r\n250-SIZE 1000\r\n250-AUTH PL",
    ),
    Moment("in a reply of many lines", "smtp", _smtp("CHELP\r\n", "S214-this\r\n214-that\r\n"), b"", cut=True),
    Moment("in a line", "smtp", _smtp("CNOOP\r\n", "S250 do"), b"", GONE["smtp"], cut=True),
    Moment("AUTH is not answered", "smtp", _smtp("CAUTH LOGIN\r\n"), GONE["smtp"]),
    Moment("between challenge and answer", "smtp", _smtp("CAUTH LOGIN\r\n", "S334 VXNlcm5hbWU6\r\n"), GONE["smtp"]),
    Moment("behind the answer", "smtp", _smtp("CAUTH LOGIN\r\n", "S334 VXNlcm5hbWU6\r\n", "CYW5u\r\n"), GONE["smtp"]),
    Moment("MAIL is not answered", "smtp", _MAIL[:-1], GONE["smtp"]),
    Moment("between MAIL and RCPT", "smtp", _MAIL, GONE["smtp"]),
    Moment("DATA is not answered", "smtp", _DATA[:-1], GONE["smtp"]),
    Moment("behind 354", "smtp", _DATA, REFUSED + GONE["smtp"], rest=b"Subject: x\r\n\r\ntext\r\n.\r\n"),
    Moment("in DATA", "smtp", [*_DATA, "CSubject: x\r\n\r\nte"], REFUSED + GONE["smtp"], rest=b"xt\r\n..more\r\n.\r\n"),
    Moment(
        "in a long DATA", "smtp", [*_DATA, "CSubject: x\r\n\r\n"], REFUSED + GONE["smtp"],
        rest=b"0123456789abcdef" * 64 * 1024 + b"\r\n.\r\n",
    ),
    Moment("in DATA that goes no further", "smtp", [*_DATA, "CSubject: x\r\n\r\nte"], b"", rest=b"xt\r\n", leaves=True),
    Moment("behind the dot", "smtp", [*_DATA, "CSubject: x\r\n\r\ntext\r\n.\r\n"], REFUSED + GONE["smtp"]),
    Moment(
        "behind the dot and another command", "smtp", [*_DATA, "CSubject: x\r\n\r\ntext\r\n.\r\nQUIT\r\n"],
        REFUSED + GONE["smtp"],
    ),
    Moment(
        "in the verdict", "smtp", [*_DATA, "CSubject: x\r\n\r\ntext\r\n.\r\n", "S250 2.0"], b"", REFUSED + GONE["smtp"], cut=True
    ),
    Moment("behind a message", "smtp", [*_DATA, "Ctext\r\n.\r\n", "S250 queued\r\n"], GONE["smtp"]),
    Moment("in BDAT", "smtp", [*_CHUNK, "CBDAT 10\r\nSubject"], GONE["smtp"], rest=b": x"),
    Moment("in BDAT LAST", "smtp", [*_CHUNK, "CBDAT 10 LAST\r\nSubject"], REFUSED + GONE["smtp"], rest=b": x"),
    Moment("behind BDAT LAST", "smtp", [*_CHUNK, "CBDAT 10 LAST\r\nSubject: x"], REFUSED + GONE["smtp"]),
    Moment("four replies are owed", "smtp", _smtp(_PIPELINE), GONE["smtp"]),
    Moment("three replies are owed", "smtp", _smtp(_PIPELINE, "S250 ok\r\n"), GONE["smtp"]),
    Moment("QUIT is not answered", "smtp", _smtp("CQUIT\r\n"), GONE["smtp"]),
    Moment("behind QUIT", "smtp", _smtp("CQUIT\r\n", "S221 bye\r\n"), b"", over=True),
    Moment("behind 421", "smtp", _smtp("S421 4.3.2 shutting down\r\n"), b"", over=True),
    Moment("behind the dot, two recipients", "lmtp", [*_LMTP, "Ctext\r\n.\r\n"], REFUSED * 2 + GONE["lmtp"]),
    Moment("one verdict of two", "lmtp", [*_LMTP, "Ctext\r\n.\r\n", "S250 b has it\r\n"], REFUSED + GONE["lmtp"]),
    # POP3
    Moment("quiet", "pop3", _pop3(), b"", over=True),
    Moment("PASS is not answered", "pop3", _pop3()[:-1], GONE["pop3"]),
    Moment("between challenge and answer", "pop3", ["S+OK ready\r\n", "CAUTH PLAIN\r\n", "S+ \r\n"], GONE["pop3"]),
    Moment("LIST is not answered", "pop3", _pop3("CLIST\r\n"), GONE["pop3"]),
    Moment("in LIST", "pop3", _pop3("CLIST\r\n", "S+OK\r\n1 100\r\n"), b"", cut=True),
    Moment("RETR is not answered", "pop3", _pop3("CRETR 1\r\n"), GONE["pop3"]),
    Moment("behind the status of RETR", "pop3", _pop3("CRETR 1\r\n", "S+OK 100 octets\r\n"), b"", cut=True),
    Moment("in RETR", "pop3", _pop3("CRETR 1\r\n", "S+OK\r\nSubject: x\r\n\r\ntext\r\n"), b"", cut=True),
    Moment("in the dot of RETR", "pop3", _pop3("CRETR 1\r\n", "S+OK\r\nSubject: x\r\n\r\ntext\r\n."), b"", b"", cut=True),
    Moment("behind RETR", "pop3", _pop3("CRETR 1\r\n", "S+OK\r\nSubject: x\r\n\r\n.\r\n"), b"", over=True),
    Moment("three replies are owed", "pop3", _pop3("CSTAT\r\nNOOP\r\nRETR 1\r\n"), GONE["pop3"]),
    Moment("QUIT is not answered", "pop3", _pop3("CDELE 1\r\n", "S+OK\r\n", "CQUIT\r\n"), GONE["pop3"]),
    Moment("behind QUIT", "pop3", _pop3("CQUIT\r\n", "S+OK bye\r\n"), b"", over=True),
    # IMAP
    Moment("quiet", "imap", _imap(), GONE["imap"]),
    Moment("LOGIN is not answered", "imap", _imap()[:-1], GONE["imap"]),
    Moment("between challenge and answer", "imap", ["S* OK\r\n", "Ca AUTHENTICATE PLAIN\r\n", "S+ \r\n"], GONE["imap"]),
    Moment("in a line", "imap", _imap("Cb NOOP\r\n"), GONE["imap"], held=b"* 3 EXI"),
    Moment("IDLE is not answered", "imap", _imap("Cb IDLE\r\n"), GONE["imap"]),
    Moment("in IDLE", "imap", _imap("Cb IDLE\r\n", "S+ idling\r\n* 3 EXISTS\r\n"), GONE["imap"]),
    Moment("behind DONE", "imap", _imap("Cb IDLE\r\n", "S+ idling\r\n", "CDONE\r\n"), GONE["imap"]),
    Moment("in a literal", "imap", _imap("Cb FETCH 1 BODY[]\r\n", "S* 1 FETCH (BODY[] {20}\r\nSubject:"), b"", cut=True),
    Moment("behind {n}", "imap", _imap("Cb FETCH 1 BODY[]\r\n", "S* 1 FETCH (BODY[] {20}\r\n"), b"", cut=True),
    Moment("behind a literal", "imap", _imap("Cb FETCH 1 BODY[]\r\n", "S* 1 FETCH (BODY[] {5}\r\nhello"), b"", cut=True),
    Moment("a tagged answer is owed", "imap", _imap("Cb FETCH 1 BODY[]\r\n", "S* 1 FETCH (BODY[] {5}\r\nhello)\r\n"), GONE["imap"]),
    Moment("APPEND is not answered", "imap", _imap("Cb APPEND INBOX {20}\r\n"), GONE["imap"]),
    Moment("behind +", "imap", _imap("Cb APPEND INBOX {20}\r\n", "S+ go\r\n"), GONE["imap"]),
    Moment(
        "in a literal of APPEND", "imap", _imap("Cb APPEND INBOX {20}\r\n", "S+ go\r\n", "CSubject:"), GONE["imap"],
        rest=b" x\r\n\r\ntext\r\n\r\n",
    ),
    Moment(
        "in a long literal of APPEND", "imap", _imap("Cb APPEND INBOX {1000000}\r\n", "S+ go\r\n", "CSubject:"),
        GONE["imap"], rest=b"0123456789abcdef" * 40_000,
    ),
    Moment("in a literal that did not wait", "imap", _imap("Cb APPEND INBOX {20+}\r\nSubject:"), GONE["imap"]),
    Moment(
        "behind a literal of APPEND", "imap",
        _imap("Cb APPEND INBOX {5}\r\n", "S+ go\r\n", "Chello\r\n"), GONE["imap"],
    ),
    Moment("three answers are owed", "imap", _imap("Cb NOOP\r\nc CAPABILITY\r\nd SELECT INBOX\r\n"), GONE["imap"]),
    Moment("LOGOUT is not answered", "imap", _imap("Cb LOGOUT\r\n"), GONE["imap"]),
    Moment("behind BYE", "imap", _imap("Cb LOGOUT\r\n", "S* BYE\r\n"), b"", over=True),
    Moment("behind LOGOUT", "imap", _imap("Cb LOGOUT\r\n", "S* BYE\r\nb OK\r\n"), b"", over=True),
]  # fmt: skip

SECURE = {"smtp": "smtps", "lmtp": "lmtp", "pop3": "pop3s", "imap": "imaps"}


class Stage:
    """A proxy whose upstreams are in the test's hands, for all moments of one way to go."""

    def __init__(self, folder, authority, certificate, is_secure, has_rules):
        self.is_secure, self.has_rules = is_secure, has_rules
        self.client_context, self.context = client_context(authority), server_context(certificate)
        self.listeners = {protocol: socket.create_server((HOST, 0)) for protocol in GONE}
        self.ports = {protocol: free_port() for protocol in GONE}
        routes = []
        for protocol, listener in self.listeners.items():
            scheme = SECURE[protocol] if is_secure else protocol
            options = "?verify=off" if is_secure and protocol != "lmtp" else "?tls=none" if protocol != "lmtp" else ""
            upstream = f"{scheme}://{HOST}:{listener.getsockname()[1]}{options}"
            routes.append(f"{scheme}://{HOST}:{self.ports[protocol]}={upstream}")
        rules = folder / "rules.yaml"
        rules.write_text(
            "rules:\n" + "".join(f"  - {{name: {p}, when: {p}, then: [{{tag: seen}}]}}\n" for p in GONE)
        )
        options = ["--rules", rules] if has_rules else []
        self.proxy = tls_peers.proxy(folder, authority, *routes, options=options)

    def __enter__(self):
        self.proxy.__enter__()
        return self

    def __exit__(self, *what):
        self.proxy.__exit__(*what)
        for listener in self.listeners.values():
            listener.close()

    def is_under_tls(self, protocol):
        return self.is_secure and protocol != "lmtp"

    def meet(self, protocol):
        """The two ends of a session."""
        met = []

        def receive():
            upstream, _ = self.listeners[protocol].accept()
            upstream.settimeout(20)
            met.append(self.context.wrap_socket(upstream, server_side=True) if self.is_under_tls(protocol) else upstream)

        host = threading.Thread(target=receive, daemon=True)
        host.start()
        client = socket.create_connection((HOST, self.ports[protocol]), 10)
        if self.is_under_tls(protocol):
            client = self.client_context.wrap_socket(client, server_hostname=HOST, suppress_ragged_eofs=False)
        host.join(20)
        return client, met[0]

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.proxy.process.pid}/fd"))

    def descriptors_at_rest(self):
        """How many there are when a session has ended and is in the index; 0 before."""
        ended = [row for row in mailproxy.sessions(self.proxy.record) if row["end"] != "open"]
        return self.descriptors() if ended else 0


def _exactly(connection, count):
    seen = b""
    while len(seen) < count:
        piece = connection.recv(count - len(seen))
        assert piece, f"ended after {seen!r}"
        seen += piece
    return seen


def _pull(upstream, way):
    """Goes away: properly, by a reset, or (under TLS) by the end of TCP alone."""
    if way == "reset":
        upstream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif isinstance(upstream, ssl.SSLSocket) and way == "end":
        with contextlib.suppress(OSError):
            upstream.settimeout(0.0)
            upstream.unwrap()
    if isinstance(upstream, ssl.SSLSocket):
        # Closes the descriptor without a word of TLS.
        socket.socket(fileno=upstream.detach()).close()
    else:
        upstream.close()


def _hear(client):
    """All that comes, and whether it came to a proper end."""
    heard = b""
    while True:
        try:
            piece = client.recv(65536)
        except ssl.SSLEOFError:
            return heard, False
        except ConnectionError:
            return heard, False
        if not piece:
            return heard, True
        heard += piece


def _run(stage, moment, way):
    """Plays a moment; gives the client's port, what was heard behind its words, and whether that ended properly."""
    client, upstream = stage.meet(moment.protocol)
    with client:
        port = client.getsockname()[1]
        for word in moment.words:
            who, octets = word[0], word[1:].encode()
            if who == "C":
                client.sendall(octets)
                assert _exactly(upstream, len(octets)) == octets
                continue
            upstream.sendall(octets)
            if stage.has_rules and moment.hears_ruled is not None:
                octets = octets[: octets.rfind(b"\n") + 1]
            assert _exactly(client, len(octets)) == octets
        if moment.held:
            upstream.sendall(moment.held)
        _pull(upstream, way)
        if moment.leaves:
            client.sendall(moment.rest)
            return port, b"", None
        if moment.rest:
            with contextlib.suppress(ConnectionError):
                client.sendall(moment.rest)
        return port, *_hear(client)


@pytest.mark.parametrize("is_secure, way", [(False, "end"), (False, "reset"), (True, "end"), (True, "reset"), (True, "cut")])
@pytest.mark.parametrize("has_rules", [False, True], ids=["", "rules"])
def test_at_any_moment(servers, authority, scratch, is_secure, way, has_rules):
    found, wrong = {}, []
    with Stage(scratch, authority, servers.certificate, is_secure, has_rules) as stage:
        at_rest = None
        for moment in MOMENTS:
            name = f"{moment.protocol}: {moment.name}"
            port, heard, is_proper = _run(stage, moment, way)
            # The kernel may give a port again that was reset.
            found.setdefault(f"{HOST}:{port}", []).append(moment)
            wanted = moment.hears_ruled if has_rules and moment.hears_ruled is not None else moment.hears
            if heard != wanted:
                wrong.append(f"{name}: heard {heard!r} instead of {wanted!r}")
            # Words are followed by an end; what is cut off ends as it did at the upstream.
            if wanted or way == "end" or moment.cut:
                should_be = bool(wanted) or way == "end" or (way == "cut" and not stage.is_under_tls(moment.protocol))
                if is_proper not in (should_be, None):
                    wrong.append(f"{name}: ended {'properly' if is_proper else 'with a failure'}")
            if at_rest is None:
                # Not before the recorder has all its files open.
                at_rest = until("the first session to be over", stage.descriptors_at_rest, 20)
        until("no descriptor to be left", lambda: stage.descriptors() <= at_rest)
    assert wrong == []
    for row in sorted(mailproxy.sessions(stage.proxy.record), key=lambda row: row["start"]):
        moment = found[row["client"]].pop(0)
        name = f"{moment.protocol}: {moment.name}"
        if AWAY[moment.protocol] not in (moment.hears, moment.hears_ruled):
            # One that did not greet may be one that was never reached: a reset takes back what it said.
            assert (row["end"] == "lost") == (not moment.over), (name, row["end"])
    assert not any(found.values())


def _rest(client):
    """What comes until the end, be it a reset."""
    heard = b""
    with contextlib.suppress(ConnectionError):
        while piece := client.reader.read1():
            heard += piece
    return heard


def _kill(servers):
    """kill -9 of all that a server is made of."""
    master = servers.postfix.queue / "pid" / "master.pid"
    os.killpg(int(master.read_text()), signal.SIGKILL)
    servers.postfix.process.stop(signal.SIGKILL)
    servers.dovecot.process.stop(signal.SIGKILL)


@pytest.mark.parametrize("is_secure", [False, True], ids=["clear", "tls"])
def test_real_servers_that_are_killed(workshop, scratch, authority, is_secure):
    """Dovecot in IDLE and in the middle of a message, Postfix in the middle of one: kill -9."""
    accounts = peers.Accounts(3)
    scratch.chmod(0o755)
    certificate = peers.Certificate(scratch)
    dovecot = peers.Dovecot(scratch / "dovecot", accounts, certificate)
    servers = conftest.Servers(accounts, dovecot, peers.Postfix(scratch / "postfix", dovecot, certificate), certificate)
    account = accounts.fresh()
    # More than the buffers between here and there hold.
    large = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 1024 * 1024 + b"\r\n"
    imap_clients.seed(clients.Place(dovecot.side_door), account, [large])
    ports = {protocol: free_port() for protocol in servers.ports}
    mode = "?tls=upgrade" if is_secure else ""
    options = "?verify=off" if is_secure else "?tls=none"
    routes = [
        f"{protocol}://{HOST}:{port}{mode}={protocol}://{HOST}:{servers.ports[protocol]}{options}" for protocol, port in ports.items()
    ]
    with tls_peers.proxy(scratch, authority, *routes) as proxy:
        with IMAP(HOST, ports["imap"]) as idle, IMAP(HOST, ports["imap"]) as fetch, POP3(HOST, ports["pop3"]) as retrieve, SMTP(
            HOST, ports["smtp"]
        ) as send:
            for client in idle, fetch:
                client.login(account)
                client.say("SELECT INBOX")
            idle.send("i IDLE\r\n")
            idle.continuation()
            retrieve.status()
            retrieve.say(f"USER {account.address}")
            retrieve.say(f"PASS {account.password}")
            send.reply(220)
            for words, code in ("EHLO me.example.org", 250), ("MAIL FROM:<a@example.org>", 250), (f"RCPT TO:<{account.address}>", 250):
                send.say(words, code)
            send.say("DATA", 354)
            send.send(b"Subject: never ended\r\n\r\nhalf")
            # Part of each message is on its way.
            fetch.send("f FETCH 1 BODY.PEEK[]\r\n")
            assert fetch.line().startswith(b"* 1 FETCH ")
            retrieve.say("RETR 1")
            _kill(servers)
            assert idle.rest() == GONE["imap"]
            literal = _rest(fetch)
            assert len(literal) < len(large) and large.startswith(literal)
            message = _rest(retrieve)
            assert len(message) < len(large) and large in message + large and not message.endswith(b"\r\n.\r\n")
            send.send(b" of it\r\n.\r\n")
            assert send.rest() == REFUSED + GONE["smtp"]
        for protocol, port in ports.items():
            with socket.create_connection((HOST, port), 10) as client:
                assert tls_peers.read_all(client) == AWAY[protocol]
    lost = [row for row in mailproxy.sessions(proxy.record) if row["user"] or row["protocol"] == "smtp"]
    assert [row["end"] for row in lost if row["exchanges"] > 2] == ["lost"] * 4, lost
    exported = rows(command("sessions", "export", proxy.record, "--format", "eml", "-o", scratch / "eml", "--json", status=0))
    assert sorted((message["carrier"], message["complete"]) for message in exported) == [
        ("DATA", True), ("FETCH", False), ("RETR", False),
    ]  # fmt: skip
