"""The PROXY protocol, in from relays that may say who the client is, and out to upstreams that want to know it."""

import contextlib
import imaplib
import socket
import ssl
import struct
import threading

import pytest

import mailproxy
from mailproxy import MailProxy, command
from processes import HOST, Process, checked, free_port, listens, run, until
from wire import IMAP, SMTP

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v2(client, server, fields=b"", family=socket.AF_INET, verb=0x21):
    """A header of version 2; ends are (address, port)."""
    body = socket.inet_pton(family, client[0]) + socket.inet_pton(family, server[0])
    body += struct.pack("!HH", client[1], server[1]) + fields
    return SIGNATURE + struct.pack("!BBH", verb, 0x11 if family == socket.AF_INET else 0x21, len(body)) + body


def session(record):
    """The one session of a recording."""
    found = mailproxy.sessions(record)
    assert len(found) == 1, found
    return found[0]


class Listening:
    """A server that keeps what comes first, greets, and answers each line with a line."""

    def __init__(self, greeting=b"* OK ready\r\n", answer=b"%s OK\r\n", until=b"\n"):
        self.until, self.greeting, self.answer, self.first = until, greeting, answer, []
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            first = b""
            while self.until not in first:
                first += connection.recv(512)
            self.first.append(first)
            connection.sendall(self.greeting)
            for line in connection.makefile("rb"):
                connection.sendall(self.answer % line.split()[0])

    def close(self):
        self.listener.close()


def _route(port, options, upstream="fallback", protocol="imap"):
    return ["--route", f"{protocol}://{HOST}:{port}?{options}={upstream}"]


@pytest.mark.parametrize(
    "header, client, server",
    [
        (b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 143\r\n", "192.0.2.1:56324", "198.51.100.7:143"),
        (b"PROXY TCP6 2001:db8::1 2001:db8::2 56324 143\r\n", "[2001:db8::1]:56324", "[2001:db8::2]:143"),
        (v2(("192.0.2.1", 56324), ("198.51.100.7", 143)), "192.0.2.1:56324", "198.51.100.7:143"),
        (
            v2(("192.0.2.1", 56324), ("198.51.100.7", 143), b"\x02\0\x04mail\xee\0\xff"),
            "192.0.2.1:56324",
            "198.51.100.7:143",
        ),
        (
            v2(("2001:db8::1", 1), ("2001:db8::2", 143), family=socket.AF_INET6),
            "[2001:db8::1]:1",
            "[2001:db8::2]:143",
        ),
    ],
    ids=["v1", "v1-ipv6", "v2", "v2-fields", "v2-ipv6"],
)
@pytest.mark.parametrize("drip", [False, True], ids=["whole", "dripping"])
def test_the_client_is_who_the_header_says(scratch, header, client, server, drip):
    port = free_port()
    with MailProxy(scratch, {}, *_route(port, "proxy-protocol=in")) as proxy:
        with IMAP(HOST, port, drip=drip) as wire:
            # The first command in the same segment: what stands behind the header is the client's.
            wire.send(header + b"a1 NOOP\r\n")
            wire.until(b"* OK")
            wire.until(b"a1 OK")
            peer = "%s:%d" % wire.socket.getsockname()
            wire.drip = False
            wire.say("LOGOUT")
    found = session(proxy.record)
    assert (found["client"], found["server"], found["via"], found["peer"]) == (client, server, "proxy-protocol", peer)
    shown = command("sessions", "show", found["id"], proxy.record, status=0).stdout.decode()
    assert f"PROXY protocol from {peer}" in shown
    # The packets have the client's address too, not only our comment on them.
    assert client.rsplit(":", 1)[0].strip("[]") in _addresses(mailproxy.segments(proxy.record)[0])


def _addresses(segment):
    fields = ["-T", "fields", "-e", "ip.src", "-e", "ipv6.src"]
    return checked(["/usr/bin/tshark", "-r", segment, *fields]).stdout.decode().split()


@pytest.mark.parametrize(
    "header",
    [b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN 192.0.2.1 x\r\n", v2(("192.0.2.1", 9), ("192.0.2.2", 9), verb=0x20)],
    ids=["unknown", "unknown-more", "local"],
)
def test_headers_without_ends_keep_the_peer(scratch, header):
    port = free_port()
    with MailProxy(scratch, {}, *_route(port, "proxy-protocol=in")) as proxy:
        with IMAP(HOST, port) as wire:
            wire.send(header)
            wire.until(b"* OK")
            peer = "%s:%d" % wire.socket.getsockname()
            wire.say("LOGOUT")
    found = session(proxy.record)
    assert found["client"] == peer and "via" not in found


def _closed(port, octets, source=None):
    """Sends octets and reads to the end."""
    with socket.create_connection((HOST, port), 10, source_address=source and (source, 0)) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(octets)
            connection.shutdown(socket.SHUT_WR)
        try:
            return connection.recv(1000)
        except ConnectionResetError:
            return b""


def test_what_is_no_header_is_closed_and_logged(scratch):
    port = free_port()
    with MailProxy(scratch, {}, *_route(port, "proxy-protocol=in")) as proxy:
        for octets, reason in [
            (b"a1 NOOP\r\n", "it does not begin with a PROXY header"),
            (b"\x16\x03\x01\0\x05\x01", "it does not begin with a PROXY header"),
            (b"PROXY TCP4 192.0.2.1", "its PROXY header is cut off"),
            (b"PROXY TCP4 a b c d\r\n", "its PROXY line has no two addresses and ports"),
            (SIGNATURE + b"\x21\x11\xff\xff", "its PROXY header has 65551 octets, more than 4096"),
        ]:
            assert _closed(port, octets) == b""
            until(reason, lambda: f"{reason}; the connection is closed" in proxy.said())
        # Nothing at all is somebody who looks whether we are there.
        said = proxy.said()
        assert _closed(port, b"") == b""
        with IMAP(HOST, port) as wire:
            wire.send(b"PROXY UNKNOWN\r\n")
            wire.until(b"* OK")
        assert proxy.said() == said
    assert len(mailproxy.sessions(proxy.record)) == 1


def test_only_the_trusted_may_say_who_the_client_is(scratch):
    port, other = free_port(), free_port()
    header = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 143\r\n"
    routes = _route(port, "proxy-protocol=in&trust=127.0.0.64/26,192.0.2.1") + _route(
        other, "proxy-protocol=in&trust=10.0.0.0/8"
    )
    with MailProxy(scratch, {}, *routes) as proxy:
        assert _closed(port, header, "127.0.0.63") == b""
        assert b"* OK" in _closed(port, header, "127.0.0.64")
        assert _closed(other, header) == b""
        assert proxy.said().count("is not among those who may send a PROXY header; the connection is closed") == 2
    assert [row["client"] for row in mailproxy.sessions(proxy.record)] == ["192.0.2.1:56324"]


def test_the_header_stands_before_the_handshake(scratch):
    data = scratch / "authority"
    command("ca", "create", "--data-dir", data, status=0)
    port = free_port()
    with MailProxy(scratch, {}, *_route(port, "proxy-protocol=in", protocol="imaps"), data=data) as proxy:
        done = run(
            ["/usr/bin/curl", "-sS", "--haproxy-protocol", "--cacert", data / "ca" / "ca.crt"]
            + [f"imaps://{HOST}:{port}/", "-u", "you@example.com:x"]
        )
        assert b"LIST" in done.stdout, done
        with socket.create_connection((HOST, port), 10) as connection:
            connection.sendall(v2(("192.0.2.1", 7), ("198.51.100.7", 993)))
            context = ssl.create_default_context(cafile=str(data / "ca" / "ca.crt"))
            with context.wrap_socket(connection, server_hostname="mail.example.com") as secured:
                assert secured.recv(100).startswith(b"* OK")
                secured.sendall(b"a LOGOUT\r\n")
    clients = [row["client"] for row in mailproxy.sessions(proxy.record)]
    assert clients[1] == "192.0.2.1:7" and clients[0].startswith("127.0.0.1:")
    assert all(row["via"] == "proxy-protocol" and row["tls"] for row in mailproxy.sessions(proxy.record))


@pytest.mark.parametrize("word", ["send-proxy", "send-proxy-v2"])
def test_haproxy_in_front(scratch, word):
    front, port = free_port(), free_port()
    configuration = scratch / "haproxy.cfg"
    configuration.write_text(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n"
        f"listen mail\n bind {HOST}:{front}\n server us {HOST}:{port} {word}\n"
    )
    with MailProxy(scratch, {}, *_route(port, "proxy-protocol=in", protocol="smtp")) as proxy:
        haproxy = Process(["/usr/sbin/haproxy", "-db", "-f", configuration], scratch, "haproxy")
        haproxy.wait_for("haproxy listens", lambda: listens(front))
        with SMTP(HOST, front) as wire:
            wire.reply(220)
            wire.say("EHLO client.example.com", 250)
            client = "%s:%d" % wire.socket.getsockname()
            wire.say("QUIT", 221)
        haproxy.stop()
    found = [row for row in mailproxy.sessions(proxy.record) if row["client"] == client]
    assert len(found) == 1 and found[0]["server"] == f"{HOST}:{front}" and found[0]["peer"] != client


@pytest.mark.parametrize("options", ["", "?verify=off"], ids=["clear", "tls"])
def test_out_before_everything_else(scratch, options):
    """The upstream gets the header before TLS, and with what the client's relay said of it."""
    upstream = Listening(until=b"\x16\x03" if options else b"\n")
    port, chained = free_port(), free_port()
    scheme = "imaps" if options else "imap"
    target = f"{scheme}://{HOST}:{upstream.port}?proxy-protocol=%s" + options.replace("?", "&")
    routes = ["--route", f"imap://{HOST}:{port}={target % 'v1'}"]
    routes += _route(chained, "proxy-protocol=in", target % "v2")
    with MailProxy(scratch, {}, *routes, record=False):
        with socket.create_connection((HOST, port), 10) as connection:
            until("the header", lambda: upstream.first)
            ours = connection.getsockname()
        line = b"PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\n" % (ours[1], port)
        assert upstream.first[0].startswith(line)
        # Behind it a ClientHello, or nothing.
        assert upstream.first[0][len(line) :][:2] == (b"\x16\x03" if options else b""), upstream.first
        with socket.create_connection((HOST, chained), 10) as connection:
            connection.sendall(b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 143\r\n")
            until("the header", lambda: len(upstream.first) == 2)
        assert upstream.first[1].startswith(v2(("192.0.2.1", 56324), ("198.51.100.7", 143)))
    upstream.close()


def test_out_to_haproxy_and_back(scratch):
    """Two of us with haproxy between them, which takes our header and sends its own on."""
    first, middle, last = free_port(), free_port(), free_port()
    configuration = scratch / "haproxy.cfg"
    configuration.write_text(
        "defaults\n mode tcp\n timeout connect 5s\n timeout client 30s\n timeout server 30s\n"
        f"listen mail\n bind {HOST}:{middle} accept-proxy\n server us {HOST}:{last} send-proxy-v2\n"
    )
    haproxy = Process(["/usr/sbin/haproxy", "-db", "-f", configuration], scratch, "haproxy")
    routes = ["--route", f"smtp://{HOST}:{first}=smtp://{HOST}:{middle}?proxy-protocol=v2&tls=none"]
    routes += _route(last, "proxy-protocol=in", protocol="smtp")
    with MailProxy(scratch, {}, *routes) as proxy:
        haproxy.wait_for("haproxy listens", lambda: listens(middle))
        with SMTP(HOST, first) as wire:
            wire.reply(220)
            wire.say("EHLO client.example.com", 250)
            client = "%s:%d" % wire.socket.getsockname()
            wire.say("QUIT", 221)
    haproxy.stop()
    clients = [row["client"] for row in mailproxy.sessions(proxy.record) if row["exchanges"] > 1]
    assert clients == [client, client]


def test_rules_and_limits_see_the_client(scratch):
    port = free_port()
    rules = scratch / "rules.yaml"
    rules.write_text(
        "rules:\n  - name: not-them\n    when: imap and client.address == \"192.0.2.1\"\n    then:\n      - close\n"
    )
    options = [*_route(port, "proxy-protocol=in"), "--rules", rules]
    with MailProxy(scratch, {}, *options) as proxy:
        assert b"* OK" not in _closed(port, b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 143\r\n")
        assert b"* OK" in _closed(port, b"PROXY TCP4 192.0.2.2 198.51.100.7 56324 143\r\n")
    assert len(mailproxy.sessions(proxy.record)) == 2


@pytest.mark.parametrize(
    "route, reason",
    [
        ("imap://127.0.0.1?proxy-protocol=v2=fallback", "'proxy-protocol=v2' does not fit a listener"),
        ("imap://127.0.0.1?trust=10.0.0.0/8=fallback", "'trust' says who may send PROXY headers, and none are taken"),
        ("imap://127.0.0.1?proxy-protocol=in&trust=10.0.0.1/8=fallback", "'10.0.0.1/8' in 'trust' is no network"),
        ("imap://127.0.0.1?proxy-protocol=in&trust==fallback", "'' in 'trust' is no network"),
        ("imap://127.0.0.1=imap://192.0.2.1?proxy-protocol=in", "'proxy-protocol=in' is no version that an upstream"),
    ],
)
def test_config_check_names_the_place(scratch, route, reason):
    file = scratch / "mailproxy.yaml"
    file.write_text(f"routes:\n  - imap://127.0.0.1:1143=fallback\n  - {route}\n")
    said = command("config", "check", file, status=2).stderr.decode()
    assert said.startswith(f"mailproxy: {file}:3:5: route '{route}': {reason}") or (
        f"{file}:3:5: route '{route}': {reason}" in said
    ), said
    assert f"{file}:3:5: route '{route}': {reason}" in command("run", "--config", file, status=2).stderr.decode()
