"""One listener under TLS for several servers: which one a client gets is decided by the name that it asks for (SNI)."""

import contextlib
import socket
import ssl
import struct

import pytest

import mailproxy
from mailproxy import command
from processes import HOST, free_port, until
from test_upstreams import GREETING, Named
from test_watched import figures, value
from tls_peers import client_context, proxy, read_all
from wire import IMAP


def servers(*names):
    """Servers that greet with their names, and their entries for a list of upstreams."""
    return [Named("imap", name) for name in names]


def entry(server, options=""):
    return f"imap://{HOST}:{server.port}?tls=none{options}"


def greeted(context, port, name):
    """What is said to a client that asks for `name`, and for which names it is shown a certificate."""
    with context.wrap_socket(socket.create_connection((HOST, port), 20), server_hostname=name) as client:
        line = client.recv(1000)
        names = {kind_and_name[1] for kind_and_name in client.getpeercert().get("subjectAltName", ())}
        return line.split()[2].decode(), names


def asks(name=None, version=ssl.TLSVersion.TLSv1_3):
    """The first flight of a client that asks for `name`, or for none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.maximum_version = version
    out = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return out.read()


def answer(port, octets, pieces=None):
    with socket.create_connection((HOST, port), 20) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(octets), pieces or len(octets)):
            client.sendall(octets[at : at + (pieces or len(octets))])
        return read_all(client)


UNRECOGNIZED = bytes([21, 3, 3, 0, 2, 2, 112])
MISSING = bytes([21, 3, 3, 0, 2, 2, 109])


def test_each_name_has_its_server(authority, scratch):
    port, metrics = free_port(), free_port()
    with contextlib.ExitStack() as stack:
        a, b, wild, other = [stack.enter_context(server) for server in servers("a", "b", "wild", "other")]
        upstreams = [
            entry(wild, "&for=*.example.com"), entry(a, "&for=a.example.com"), entry(b, "&for=b.example.com,*.b.example.com"), entry(other)
        ]
        route = f"imaps://{HOST}:{port}={','.join(upstreams)}"
        running = stack.enter_context(proxy(scratch, authority, route, options=("--metrics", f"{HOST}:{metrics}")))
        context = client_context(authority)
        wanted = {
            "a.example.com": "a", "A.Example.COM": "a", "b.example.com": "b", "x.b.example.com": "b", "c.example.com": "wild",
            "x.y.example.com": "other", "example.org": "other",
        }
        for name, server in wanted.items():
            found, names = greeted(context, port, name)
            assert found == server, name
            assert name.lower() in names
        # Without a name.
        context.check_hostname = False
        with context.wrap_socket(socket.create_connection((HOST, port), 20)) as client:
            assert client.recv(1000).split()[2] == b"other"
        until("all are over", lambda: value(figures(metrics), "mailproxy_sessions_open") == 0)
        assert value(figures(metrics), "mailproxy_tls_failures_total") == 0
    rows = mailproxy.sessions(running.record)
    assert [row["tls"]["sni"] for row in rows] == [name.lower() for name in wanted] + [None]
    assert [row["upstream"] for row in rows[:2]] == [f"{HOST}:{a.port}"] * 2


def test_a_name_that_nobody_has(authority, scratch):
    """The alert of RFC 6066 section 3, a line in the log with the name, and a count; nobody is called."""
    port, metrics = free_port(), free_port()
    with contextlib.ExitStack() as stack:
        (a,) = [stack.enter_context(server) for server in servers("a")]
        route = f"imaps://{HOST}:{port}={entry(a, '&for=a.example.com')}"
        running = stack.enter_context(proxy(scratch, authority, route, options=("--metrics", f"{HOST}:{metrics}")))
        context = client_context(authority)
        assert greeted(context, port, "a.example.com")[0] == "a"
        with pytest.raises(ssl.SSLError, match="(?i)unrecognized name"):
            greeted(context, port, "b.example.com")
        assert "it asks for 'b.example.com', and no upstream is for that name" in running.said()
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            assert answer(port, asks("b.example.com", version)) == UNRECOGNIZED
            assert answer(port, asks(None, version)) == MISSING
        assert "it asks for no name" in running.said()
        assert answer(port, asks("b.example.com"), pieces=1) == UNRECOGNIZED
        failed = value(figures(metrics), "mailproxy_tls_failures_total", side="client", reason="name")
        assert failed == 6
        assert value(figures(metrics), "mailproxy_sessions_total") == 1


def test_names_that_are_none(authority, scratch):
    """Whatever a client writes there goes nowhere, and not into the log as it is."""
    port = free_port()
    hello = asks("a" * 60 + ".example.com")
    at = hello.index(b"a" * 60)
    with contextlib.ExitStack() as stack:
        a, other = [stack.enter_context(server) for server in servers("a", "other")]
        route = f"imaps://{HOST}:{port}={entry(a, '&for=a.example.com')},{entry(other)}"
        running = stack.enter_context(proxy(scratch, authority, route))
        for bad in (b"\n", b"\0", b"\x1b[31m", "ä".encode(), b" "):
            changed = hello[:at] + bad + hello[at + len(bad) :]
            assert answer(port, changed) == UNRECOGNIZED, bad
        # Longer than a name may be: the octets of it are made a name of 254, its length fields with it.
        longer = bytearray(hello)
        more = 254 - 72
        longer[at + 72 : at + 72] = b"b" * more
        for place, width in ((3, 2), (6, 3), (at - 2, 2), (at - 5, 2), (at - 7, 2)):
            number = int.from_bytes(longer[place : place + width], "big") + more
            longer[place : place + width] = number.to_bytes(width, "big")
        extensions = 5 + 4 + 34
        extensions += 1 + longer[extensions]
        extensions += 2 + struct.unpack(">H", longer[extensions : extensions + 2])[0]
        extensions += 1 + longer[extensions]
        longer[extensions : extensions + 2] = struct.pack(">H", struct.unpack(">H", longer[extensions : extensions + 2])[0] + more)
        assert answer(port, bytes(longer)) == UNRECOGNIZED
        said = running.said()
        assert said.count("it asks for a name that is none") == 6
        assert "\x1b" not in said and "\0" not in said
    assert mailproxy.sessions(running.record) == []


def test_what_is_no_tls(authority, scratch):
    port, metrics = free_port(), free_port()
    with contextlib.ExitStack() as stack:
        (a,) = [stack.enter_context(server) for server in servers("a")]
        route = f"imaps://{HOST}:{port}={entry(a, '&for=a.example.com')}"
        stack.enter_context(proxy(scratch, authority, route, options=("--metrics", f"{HOST}:{metrics}")))
        assert answer(port, b"a LOGIN b c\r\n") == b""
        assert value(figures(metrics), "mailproxy_tls_failures_total", reason="disagreed") == 1


def test_upstreams_of_a_name_stand_in_for_each_other_and_for_nobody_else(authority, scratch):
    port = free_port()
    with contextlib.ExitStack() as stack:
        second, other = [stack.enter_context(server) for server in servers("second", "other")]
        away = f"imap://{HOST}:{free_port()}?tls=none"
        route = f"imaps://{HOST}:{port}={away}&for=a.example.com,{entry(second, '&for=a.example.com')},{away}&for=b.example.com,{entry(other)}"
        running = stack.enter_context(proxy(scratch, authority, route))
        context = client_context(authority)
        assert greeted(context, port, "a.example.com")[0] == "second"
        assert greeted(context, port, "b.example.com")[0] == "[UNAVAILABLE]"
        assert greeted(context, port, "c.example.com")[0] == "other"
        assert running.said().count("the next upstream is tried") == 1


def test_the_built_in_server_for_all_others_and_as_the_last_resort(authority, scratch):
    port = free_port()
    with contextlib.ExitStack() as stack:
        (a,) = [stack.enter_context(server) for server in servers("a")]
        away = f"imap://{HOST}:{free_port()}?tls=none&for=b.example.com"
        route = f"imaps://{HOST}:{port}={entry(a, '&for=a.example.com')},{away},fallback"
        stack.enter_context(proxy(scratch, authority, route))
        context = client_context(authority)
        assert greeted(context, port, "a.example.com")[0] == "a"
        for name in ("b.example.com", "c.example.com"):
            assert greeted(context, port, name)[0].startswith("[CAPABILITY"), name


def test_names_on_a_port_in_clear_and_under_tls(authority, scratch):
    """Who begins with TLS is asked for a name; who speaks in clear has what is for no name."""
    port = free_port()
    with contextlib.ExitStack() as stack:
        a, other = [stack.enter_context(server) for server in servers("a", "other")]
        route = f"imap://{HOST}:{port}?tls-wait=300={entry(a, '&for=a.example.com')},{entry(other)}"
        stack.enter_context(proxy(scratch, authority, route))
        context = client_context(authority)
        assert greeted(context, port, "a.example.com")[0] == "a"
        assert greeted(context, port, "b.example.com")[0] == "other"
        with IMAP(HOST, port) as client:
            assert client.line() == b"* OK other\r\n"


def test_names_behind_a_relay(authority, scratch):
    """The PROXY header comes first, then the ClientHello."""
    port = free_port()
    with contextlib.ExitStack() as stack:
        a, other = [stack.enter_context(server) for server in servers("a", "other")]
        route = f"imaps://{HOST}:{port}?proxy-protocol=in={entry(a, '&for=a.example.com')},{entry(other)}"
        running = stack.enter_context(proxy(scratch, authority, route))
        context = client_context(authority)
        for name, wanted in (("a.example.com", b"a"), ("b.example.com", b"other")):
            raw = socket.create_connection((HOST, port), 20)
            raw.sendall(b"PROXY TCP4 192.0.2.7 198.51.100.1 4000 993\r\n")
            with context.wrap_socket(raw, server_hostname=name) as client:
                assert client.recv(1000).split()[2] == wanted
    assert {row["client"].split(":")[0] for row in mailproxy.sessions(running.record)} == {"192.0.2.7"}


@pytest.mark.parametrize(
    "route,words",
    [
        ("imaps://127.0.0.1:1993=imaps://a.example.com?for=not a name", "no name of a host"),
        ("imap://127.0.0.1:1143=imap://a.example.com?for=a.example.com", "before STARTTLS"),
        ("imap://127.0.0.1:1143?tls-wait=100=imap://a.example.com?for=a.example.com", "clients in clear ask for no name"),
    ],
)
def test_routes_that_cannot_be(route, words, scratch):
    done = command("run", "--route", route, status=2, folder=scratch)
    assert words in done.stderr.decode() and len(done.stderr.splitlines()) == 1


def test_a_handshake_that_is_left_is_counted(authority, scratch):
    """By reason, and with a line in the log, before the built-in server and before another."""
    port, own, metrics = free_port(), free_port(), free_port()
    with contextlib.ExitStack() as stack:
        (a,) = [stack.enter_context(server) for server in servers("a")]
        routes = (f"imaps://{HOST}:{port}={entry(a)}", f"imaps://{HOST}:{own}=fallback")
        running = stack.enter_context(proxy(scratch, authority, *routes, options=("--metrics", f"{HOST}:{metrics}")))
        for where in (port, own):
            with socket.create_connection((HOST, where), 20):
                pass
            with socket.create_connection((HOST, where), 20) as client:
                client.sendall(asks("a.example.com"))
                client.recv(100)
            assert answer(where, b"a NOOP\r\n")[:1] in (b"", b"\x15")
            with pytest.raises(ssl.SSLCertVerificationError):
                greeted(ssl.create_default_context(), where, "a.example.com")

        def counted():
            now = figures(metrics)
            return {
                reason: value(now, "mailproxy_tls_failures_total", side="client", reason=reason)
                for reason in ("left", "disagreed", "refused")
            }

        until("all are counted", lambda: counted() == {"left": 4, "disagreed": 2, "refused": 2}, seconds=10)
        assert running.said().count(": client: ") >= 8, running.said()


def test_an_upstream_that_is_not_to_be_trusted_is_counted(servers_with_tls, authority, scratch):
    port, metrics = free_port(), free_port()
    route = f"imaps://{HOST}:{port}=imaps://{HOST}:{servers_with_tls}"
    with proxy(scratch, authority, route, options=("--metrics", f"{HOST}:{metrics}")):
        context = client_context(authority)
        context.check_hostname = False
        with context.wrap_socket(socket.create_connection((HOST, port), 20)) as client:
            assert client.recv(1000).startswith(b"* BYE")
        assert value(figures(metrics), "mailproxy_tls_failures_total", side="server", reason="untrusted") == 1


@pytest.fixture
def servers_with_tls(authority, scratch):
    """A server whose certificate nobody trusts who has only the system's roots."""
    port = free_port()
    with proxy(scratch, authority, f"imaps://{HOST}:{port}=fallback", name="upstream"):
        yield port
