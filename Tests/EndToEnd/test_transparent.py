"""Connections that the kernel turns to us: a client, a router with the proxy on it and a server, each in a network namespace of its own,
and nftables on the router."""

import contextlib
import ctypes
import os
import socket
import ssl
import threading

import pytest

import mailproxy
from mailproxy import MailProxy, command
from processes import checked, run, until
from wire import IMAP

LISTENER = 2525
CLIENT, ROUTER, SERVER = "10.81.1.2", "10.81.1.1", "10.81.2.2"
CLIENT6, ROUTER6, SERVER6 = "fd81:1::2", "fd81:1::1", "fd81:2::2"
IP = "/usr/sbin/ip"
_libc = ctypes.CDLL(None, use_errno=True)


@contextlib.contextmanager
def inside(space):
    """Sockets that are made meanwhile by this thread belong to the namespace."""

    def enter(path):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if _libc.setns(descriptor, 0x40000000) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        finally:
            os.close(descriptor)

    home = os.open(f"/proc/self/task/{threading.get_native_id()}/ns/net", os.O_RDONLY)
    try:
        enter(f"/run/netns/{space}")
        try:
            yield
        finally:
            enter(f"/proc/self/fd/{home}")
    finally:
        os.close(home)


class Network:
    """client - router - server, with addresses and routes for both families."""

    def __init__(self):
        self.spaces = [f"mailproxy-{os.getpid()}-{name}" for name in ("client", "router", "server")]
        self.client, self.router, self.server = self.spaces
        for space in self.spaces:
            checked([IP, "netns", "add", space])
            checked([IP, "-n", space, "link", "set", "lo", "up"])
        self._join(self.client, CLIENT, CLIENT6, "c", ROUTER, ROUTER6)
        self._join(self.server, SERVER, SERVER6, "s", "10.81.2.1", "fd81:2::1")
        for name in "ipv4/ip_forward", "ipv6/conf/all/forwarding":
            checked([IP, "netns", "exec", self.router, "/bin/sh", "-c", f"echo 1 > /proc/sys/net/{name}"])

    def _join(self, space, address, address6, name, gateway, gateway6):
        checked([IP, "-n", space, "link", "add", "eth0", "type", "veth", "peer", "name", name, "netns", self.router])
        for where, link, four, six in [(space, "eth0", address, address6), (self.router, name, gateway, gateway6)]:
            checked([IP, "-n", where, "addr", "add", f"{four}/24", "dev", link])
            checked([IP, "-n", where, "-6", "addr", "add", f"{six}/64", "dev", link, "nodad"])
            checked([IP, "-n", where, "link", "set", link, "up"])
        checked([IP, "-n", space, "route", "add", "default", "via", gateway])
        checked([IP, "-n", space, "-6", "route", "add", "default", "via", gateway6])

    def turn(self, rules):
        """Loads rules on the router in place of those it had."""
        checked(
            [IP, "netns", "exec", self.router, "/usr/sbin/nft", "-f", "-"], f"flush ruleset\ntable inet turn {{\n{rules}\n}}\n"
        )

    def remove(self):
        for space in self.spaces:
            run([IP, "netns", "del", space])


@pytest.fixture(scope="module")
def network():
    made = Network()
    try:
        yield made
    finally:
        made.remove()


TURNING = f"""
chain prerouting {{
    type nat hook prerouting priority dstnat;
    iifname "c" tcp dport {{ 25, 110, 143, 993, 4000, 4001 }} redirect to :{LISTENER}
}}"""
OUTPUT = f"""
chain output {{
    type nat hook output priority -100;
    tcp dport {{ 143, 4000 }} redirect to :{LISTENER}
}}"""


class Server:
    """A server in the namespace for servers: greets, and answers each line."""

    def __init__(self, network, port, greeting=b"* OK ready\r\n", host=SERVER, context=None):
        self.greeting, self.context, self.peers = greeting, context, []
        with inside(network.server):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self.listener = socket.create_server((host, port), family=family)
        threading.Thread(target=self._run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # A thread that waits in accept keeps the socket listening.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, peer = self.listener.accept()
                self.peers.append(peer[0])
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            connection.sendall(self.greeting)
            for line in connection.makefile("rb"):
                connection.sendall(line.split()[0] + b" OK done\r\n" if self.greeting[:1] == b"*" else b"+OK\r\n")


def _proxy(network, folder, *options, upstream="", **more):
    routes = [f"transparent://{host}:{LISTENER}{upstream}" for host in ("0.0.0.0", "[::]")]
    arguments = [part for route in routes for part in ("--route", route)]
    prefix = [IP, "netns", "exec", network.router]
    return MailProxy(folder, {}, "--allow-remote", *arguments, *options, prefix=prefix, **more)


def _call(network, host, port):
    with inside(network.client):
        return IMAP(host, port)


@pytest.mark.parametrize(
    "client, host, router", [(CLIENT, SERVER, ROUTER), (CLIENT6, SERVER6, ROUTER6)], ids=["ipv4", "ipv6"]
)
@pytest.mark.parametrize(
    "port, greeting, protocol",
    [
        (143, b"* OK ready\r\n", "imap"),
        (110, b"+OK ready\r\n", "pop3"),
        (25, b"220 ready\r\n", "smtp"),
        (4000, b"* OK ready\r\n", "imap"),
        (4001, b"+OK ready\r\n", "pop3"),
    ],
)
def test_a_turned_connection_reaches_its_server(network, scratch, client, host, router, port, greeting, protocol):
    network.turn(TURNING)
    with Server(network, port, greeting, host) as server, _proxy(network, scratch) as proxy:
        with _call(network, host, port) as wire:
            assert wire.exactly(len(greeting)) == greeting
            wire.send("a NOOP\r\n")
            wire.line()
            ends = wire.socket.getsockname()[:2]
    # The router called, not the client: it did not only let the packets through.
    assert server.peers == [router.replace(".1.", ".2.").replace(":1:", ":2:")]
    (row,) = mailproxy.sessions(proxy.record)
    bracketed = "[%s]:%d" if ":" in host else "%s:%d"
    assert (row["protocol"], row["via"]) == (protocol, "transparent")
    assert (row["client"], row["server"]) == (bracketed % ends, bracketed % (host, port))


def test_curl_under_tls_with_the_name_that_it_wants(network, scratch):
    data = scratch / "authority"
    command("ca", "create", "--data-dir", data, status=0)
    key, roots = scratch / "key.pem", scratch / "certificate.pem"
    run(
        ["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + ["-keyout", key, "-out", roots, "-subj", "/CN=x", "-days", "2", "-addext", "subjectAltName=DNS:imap.example.com"]
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(roots, key)
    network.turn(TURNING)
    with Server(network, 993, context=context), _proxy(
        network, scratch, upstream=f"=destination?ca={roots}", data=data
    ) as proxy:
        done = run(
            [IP, "netns", "exec", network.client, "/usr/bin/curl", "-sSv", "-m", "10", "--cacert", data / "ca" / "ca.crt"]
            + ["--resolve", f"imap.example.com:993:{SERVER}", "imaps://imap.example.com/", "-X", "NOOP"]
        )
        assert b"* OK ready" in done.stderr, done
    (row,) = mailproxy.sessions(proxy.record)
    assert row["tls"]["sni"] == "imap.example.com" and row["upstream_tls"]["how"] == "implicit"


def test_who_comes_to_the_listener_itself_is_not_sent_round(network, scratch):
    for rules in TURNING, "":
        network.turn(rules)
        with _proxy(network, scratch) as proxy:
            with _call(network, ROUTER, LISTENER) as wire:
                assert wire.rest() == b""
            reason = "it came to the listener itself, so nothing says where it wants to go; the connection is closed"
            until("the log", lambda: reason in proxy.said())
        assert mailproxy.sessions(proxy.record) == []


@pytest.mark.parametrize("port", [143, 4000], ids=["known", "unknown"])
def test_our_own_connections_turned_back_end_at_once(network, scratch, port):
    network.turn(TURNING + OUTPUT)
    with Server(network, port), _proxy(network, scratch) as proxy:
        with _call(network, SERVER, port) as wire:
            wire.rest()
        reason = "this is our own connection to a server, turned back to us; let the rule that turns connections leave out ours"
        until("the log", lambda: reason in proxy.said())
        assert proxy.said().count(reason) == 1
        assert proxy.said().count("\n") < 20


def test_a_server_that_is_away(network, scratch):
    network.turn(TURNING)
    with _proxy(network, scratch) as proxy:
        with _call(network, SERVER, 143) as wire:
            assert wire.line().startswith(b"* BYE")
            assert wire.rest() == b""
        with _call(network, SERVER, 25) as wire:
            assert wire.line().startswith(b"421")
        with _call(network, SERVER, 4000) as wire:
            assert wire.rest() == b""
        until("the log", lambda: f"{SERVER}:4000: Connection refused; the connection is closed" in proxy.said())
    assert [row["protocol"] for row in mailproxy.sessions(proxy.record)] == ["imap", "smtp"]


def test_the_proxy_protocol_tells_the_server_the_client(network, scratch):
    network.turn(TURNING)
    with Server(network, 143) as server, _proxy(network, scratch, upstream="=destination?proxy-protocol=v1&tls=none"):
        with _call(network, SERVER, 143) as wire:
            wire.until(b"* OK")
            # The server takes the header for a command.
            assert wire.line() == b"PROXY OK done\r\n"
    assert server.peers
