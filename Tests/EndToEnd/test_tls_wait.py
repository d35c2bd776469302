"""One port in clear and under TLS: who begins with TLS speaks first, and is waited for before the greeting (tls-wait)."""

import socket
import ssl
import time

import pytest

import mailproxy
from mailproxy import MailProxy, command
from processes import HOST, free_port, run
from wire import IMAP


@pytest.fixture(scope="module")
def authority(module_scratch):
    data = module_scratch / "authority"
    command("ca", "create", "--data-dir", data, status=0)
    return data, data / "ca" / "ca.crt"


def _curl(authority, *arguments):
    return run(["/usr/bin/curl", "-sS", "-m", "20", "--cacert", authority[1], *arguments])


@pytest.mark.parametrize("protocol", ["imap", "pop3"])
def test_both_on_one_port_before_dovecot(servers, authority, scratch, protocol):
    account = servers.accounts.fresh()
    port = free_port()
    target = f"{protocol}://{HOST}:{servers.ports[protocol]}?tls=none"
    route = f"{protocol}://{HOST}:{port}?tls-wait=150={target}"
    with MailProxy(scratch, {}, "--route", route, data=authority[0]) as proxy:
        for scheme in protocol, protocol + "s":
            where = f"{scheme}://{HOST}:{port}/"
            done = _curl(authority, where, "-u", f"{account.address}:{account.password}")
            assert done.returncode == 0, (scheme, done)
    clear, secured = mailproxy.sessions(proxy.record)
    assert clear["tls"] is None and secured["tls"]["how"] == "implicit"
    assert clear["user"] == secured["user"] == account.address


def test_both_on_one_port_of_the_built_in_server(authority, scratch):
    port = free_port()
    message = scratch / "message"
    message.write_bytes(b"Subject: hello\r\n\r\nworld\r\n")
    route = f"smtp://{HOST}:{port}?tls-wait=100=fallback"
    with MailProxy(scratch, {}, "--route", route, data=authority[0]) as proxy:
        for scheme in "smtp", "smtps":
            sender = ["--mail-from", "me@example.com", "--mail-rcpt", "you@example.com", "-T", message]
            done = _curl(authority, f"{scheme}://{HOST}:{port}", *sender)
            assert done.returncode == 0, done
    assert [row["messages"] for row in mailproxy.sessions(proxy.record)] == [1, 1]


def test_how_long_is_waited(authority, scratch):
    port = free_port()
    route = f"imap://{HOST}:{port}?tls-wait=2000=fallback"
    with MailProxy(scratch, {}, "--route", route, data=authority[0]):
        with IMAP(HOST, port) as wire:
            begun = time.monotonic()
            wire.until(b"* OK")
            assert 1.9 < time.monotonic() - begun < 10
            wire.say("LOGOUT")
        # Who speaks in clear is not waited for any longer.
        with IMAP(HOST, port) as wire:
            begun = time.monotonic()
            wire.send(b"a NOOP\r\n")
            wire.until(b"a OK")
            assert time.monotonic() - begun < 1.5
        # Nor is a client that has ended.
        with IMAP(HOST, port) as wire:
            wire.finish()
            begun = time.monotonic()
            wire.rest()
            assert time.monotonic() - begun < 1.5


def test_a_handshake_octet_by_octet(authority, scratch):
    port = free_port()
    route = f"imap://{HOST}:{port}?tls-wait=3000=fallback"
    with MailProxy(scratch, {}, "--route", route, data=authority[0]):
        context = ssl.create_default_context(cafile=authority[1])
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_hostname="mail.example.com")
        with socket.create_connection((HOST, port), 20) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                try:
                    tls.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    for octet in outgoing.read():
                        connection.sendall(bytes([octet]))
                    incoming.write(connection.recv(65536))
            for octet in outgoing.read():
                connection.sendall(bytes([octet]))
            greeting = b""
            while not greeting:
                try:
                    greeting = tls.read(100)
                except ssl.SSLWantReadError:
                    incoming.write(connection.recv(65536))
            assert greeting.startswith(b"* OK")


def test_half_a_hello_is_no_reason_to_wait_for_ever(authority, scratch):
    port = free_port()
    route = f"imap://{HOST}:{port}?tls-wait=200=fallback"
    with MailProxy(scratch, {}, "--route", route, data=authority[0]):
        with IMAP(HOST, port) as wire:
            wire.send(b"\x16\x03")
            # It is taken for a client in clear: the greeting comes.
            wire.until(b"* OK")


def test_strict_routes_stay_strict(authority, scratch):
    """tls=require and TLS from the first octet on one port: in clear there is STARTTLS and nothing else."""
    upstream, port = free_port(), free_port()
    routes = ["--route", f"imaps://{HOST}:{upstream}=fallback"]
    routes += ["--route", f"imap://{HOST}:{port}?tls-wait=100&tls=require=imaps://{HOST}:{upstream}?verify=off"]
    with MailProxy(scratch, {}, *routes, data=authority[0]):
        with IMAP(HOST, port) as wire:
            wire.until(b"* OK")
            wire.say("LOGIN you@example.com x", good=b"NO")
        done = _curl(authority, f"imaps://{HOST}:{port}/", "-u", "you@example.com:x")
        assert b"LIST" in done.stdout, done
