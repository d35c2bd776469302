"""Upstreams that are told who the client is: Postfix with XCLIENT, Dovecot with ID and with the PROXY protocol; and clients who would like
to tell them something else."""

import smtplib
import socket

import pytest

import imap_clients
import clients
import mailproxy
import messages
import peers
import tls_peers
from mailproxy import MailProxy, command
from processes import HOST, free_port, until
from wire import IMAP, SMTP

HEADER = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 25\r\n"
HEADER6 = b"PROXY TCP6 2001:db8::7 2001:db8::25 56324 25\r\n"


class TrustingDovecot(peers.Dovecot):
    def _configuration(self, *arguments):
        self.proxied = free_port()
        return super()._configuration(*arguments) + (
            f"login_trusted_networks = {HOST}\nhaproxy_trusted_networks = {HOST}\n"
            "service imap-login {\n  inet_listener imap-proxied {\n"
            f"    address = {HOST}\n    port = {self.proxied}\n    haproxy = yes\n  }}\n}}\n"
        )


class TrustingPostfix(peers.Postfix):
    def _main(self, *arguments):
        return super()._main(*arguments) + f"smtpd_authorized_xclient_hosts = {HOST}\ninet_protocols = all\n"


@pytest.fixture(scope="module")
def trusting(workshop, accounts):
    """Servers that believe whoever connects from loopback."""
    folder = workshop / "trusting"
    folder.mkdir()
    folder.chmod(0o755)
    certificate = peers.Certificate(folder)
    dovecot = TrustingDovecot(folder / "dovecot", accounts, certificate)
    try:
        postfix = TrustingPostfix(folder / "postfix", dovecot, certificate)
        try:
            yield dovecot, postfix, certificate
        finally:
            postfix.stop()
    finally:
        dovecot.stop()


class Behind:
    """A connection that begins with a PROXY header, as a load balancer makes it."""

    def __init__(self, kind, port, header=HEADER):
        self.wire = kind(HOST, port)
        self.wire.send(header)

    def __enter__(self):
        return self.wire

    def __exit__(self, *_):
        self.wire.__exit__()


def _route(protocol, upstream, *options):
    port = free_port()
    return port, ["--route", f"{protocol}://{HOST}:{port}?proxy-protocol=in={upstream}", *options]


@pytest.mark.parametrize("tls", ["tls=none", "verify=off", "tls=starttls&verify=off"], ids=["clear", "mirror", "starttls"])
@pytest.mark.parametrize("header, said", [(HEADER, "192.0.2.1"), (HEADER6, "IPv6:2001:db8::7")], ids=["ipv4", "ipv6"])
def test_postfix_learns_the_client(trusting, scratch, accounts, tls, header, said):
    dovecot, postfix, _ = trusting
    account = accounts.fresh()
    port, options = _route("smtp", f"smtp://{HOST}:{postfix.port}?client-address=xclient&{tls}")
    with MailProxy(scratch, {}, *options) as proxy:
        with Behind(SMTP, port, header) as wire:
            wire.reply(220)
            offered = wire.say("EHLO client.example.com", 250)
            assert not any(b"XCLIENT" in line for line in offered), offered
            wire.say("MAIL FROM:<me@example.com>", 250)
            wire.say(f"RCPT TO:<{account.address}>", 250)
            wire.say("DATA", 354)
            wire.say("Subject: hello\r\n\r\nworld\r\n.", 250)
            wire.say("QUIT", 221)
    until("the log", lambda: "client=unknown[192.0.2.1]" in postfix.log() or "client=unknown[2001:db8::7]" in postfix.log())
    place = clients.Place(dovecot.side_door)
    (found,) = until("the message", lambda: imap_clients.inbox(place, account))
    assert f"from client.example.com (unknown [{said}])".encode() in found, found.decode()[:600]
    (row,) = mailproxy.sessions(proxy.record)
    assert row["violations"] == 0 and row["exchanges"] == 6, row


def test_clients_do_not_say_it_themselves(trusting, scratch):
    """Postfix would believe them, as it believes us."""
    _, postfix, _ = trusting
    port, options = _route("smtp", f"smtp://{HOST}:{postfix.port}?client-address=xclient&tls=none")
    with MailProxy(scratch, {}, *options):
        with Behind(SMTP, port) as wire:
            wire.reply(220)
            for verb in "XCLIENT ADDR=203.0.113.9", "xclient NAME=x", "XFORWARD ADDR=203.0.113.9":
                (line,) = wire.say(verb, 550)
                assert b"not the client's to say" in line
            wire.say("EHLO a.example", 250)
            wire.say("XCLIENT ADDR=203.0.113.9", 550)
            # In a group, too, behind what is allowed.
            wire.send("NOOP\r\nXCLIENT ADDR=203.0.113.9\r\nNOOP\r\n")
            assert [wire.reply()[0][:3] for _ in range(3)] == [b"250", b"550", b"250"]
            wire.say("QUIT", 221)
    assert "203.0.113.9" not in postfix.log()


@pytest.mark.parametrize("tls", ["tls=none", "verify=off", "tls=starttls&verify=off"], ids=["clear", "mirror", "starttls"])
def test_dovecot_learns_the_client(trusting, scratch, accounts, tls):
    dovecot, _, _ = trusting
    account = accounts.fresh()
    port, options = _route("imap", f"imap://{HOST}:{dovecot.imap}?client-address=id&{tls}")
    with MailProxy(scratch, {}, *options):
        with Behind(IMAP, port) as wire:
            wire.login(account)
            wire.say('ID ("name" "x")')
            wire.say("LOGOUT")
    until("the log", lambda: f"Login: user=<{account.address}>, method=PLAIN, rip=192.0.2.1, lip=198.51.100.7" in dovecot.log())


def test_nobody_else_tells_dovecot(trusting, scratch, accounts):
    dovecot, _, _ = trusting
    account = accounts.fresh()
    port, options = _route("imap", f"imap://{HOST}:{dovecot.imap}?client-address=id&tls=none")
    with MailProxy(scratch, {}, *options):
        with Behind(IMAP, port) as wire:
            wire.until(b"* OK")
            for words in [
                'ID ("x-originating-ip" "203.0.113.9")',
                'id ("name" "x" "X-Originating-IP" "203.0.113.9")',
                "ID (x-originating-ip 203.0.113.9)",
                r'ID ("x\-originating-ip" "203.0.113.9")',
                'ID ("x-session-id" "a")',
                'ID ("x-forward-y" "a")',
            ]:
                wire.say(words, good=b"NO")
            # A name in a literal comes after its line.
            tag = wire.tag()
            wire.send(f"{tag} ID ({{16+}}\r\nx-originating-ip \"203.0.113.9\")\r\n")
            assert wire.until(tag.encode())[-1].startswith(tag.encode() + b" NO")
            wire.say(f"LOGIN {account.address} {account.password}")
            wire.say("LOGOUT")
    until("the log", lambda: f"Login: user=<{account.address}>, method=PLAIN, rip=192.0.2.1" in dovecot.log())
    assert "203.0.113.9" not in dovecot.log()


def test_who_does_not_offer_it_is_not_told(servers, scratch, accounts):
    """The client is served all the same, and the log says that it is not known."""
    port, options = _route("smtp", f"smtp://{HOST}:{servers.postfix.port}?client-address=xclient&tls=none")
    with MailProxy(scratch, {}, *options) as proxy:
        with Behind(SMTP, port) as wire:
            (greeting,) = wire.reply(220)
            assert greeting.startswith(b"220 mx.example.com")
            wire.say("EHLO a.example", 250)
            wire.say("QUIT", 221)
        assert "it does not offer XCLIENT; it is not told who the client is" in proxy.said()


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_dovecot_and_the_proxy_protocol(trusting, scratch, accounts, version):
    dovecot, _, _ = trusting
    account = accounts.fresh()
    port, options = _route("imap", f"imap://{HOST}:{dovecot.proxied}?proxy-protocol={version}&verify=off")
    with MailProxy(scratch, {}, *options):
        with Behind(IMAP, port) as wire:
            wire.login(account)
            wire.say("LOGOUT")
    until("the log", lambda: f"Login: user=<{account.address}>, method=PLAIN, rip=192.0.2.1, lip=198.51.100.7" in dovecot.log())


def test_the_proxys_own_client_without_a_balancer(trusting, scratch, accounts):
    _, postfix, _ = trusting
    account = accounts.fresh()
    port = free_port()
    with MailProxy(scratch, {}, "--route", f"smtp://{HOST}:{port}=smtp://{HOST}:{postfix.port}?client-address=xclient&tls=none"):
        with smtplib.SMTP(HOST, port, "client.example.com", source_address=("127.0.0.77", 0)) as smtp:
            smtp.sendmail("me@example.com", account.address, messages.many(account.address)[0])
    until("the log", lambda: "client=unknown[127.0.0.77]" in postfix.log())


def test_the_next_upstream_is_told_when_the_first_is_away(trusting, scratch):
    _, postfix, _ = trusting
    port = free_port()
    targets = [f"smtp://{HOST}:{place}?client-address=xclient&tls=none" for place in (free_port(), postfix.port)]
    with MailProxy(scratch, {}, "--route", f"smtp://{HOST}:{port}?proxy-protocol=in={','.join(targets)}"):
        with Behind(SMTP, port, b"PROXY TCP4 192.0.2.99 198.51.100.7 56324 25\r\n") as wire:
            wire.reply(220)
            wire.say("EHLO a.example", 250)
            wire.say("XCLIENT ADDR=203.0.113.9", 550)
            wire.say("QUIT", 221)
    until("the log", lambda: "connect from unknown[192.0.2.99]" in postfix.log() or "from unknown[192.0.2.99]" in postfix.log())


def test_an_upstream_that_goes_away_meanwhile(scratch):
    port = free_port()
    with socket.create_server((HOST, 0)) as listener:
        target = f"smtp://{HOST}:{listener.getsockname()[1]}?client-address=xclient&tls=none"
        with MailProxy(scratch, {}, "--route", f"smtp://{HOST}:{port}={target}") as proxy:
            for said, reason in [
                (b"", "it ended the connection before its greeting"),
                (b"220 ready\r\n", "it ended the connection before its greeting"),
                (b"hello\r\n", "it says 'hello'"),
            ]:
                with SMTP(HOST, port) as wire:
                    connection, _ = listener.accept()
                    with connection:
                        connection.sendall(said)
                        if said.startswith(b"220"):
                            assert connection.recv(100) == b"EHLO localhost\r\n"
                    wire.reply(421)
                until("the log", lambda: reason in proxy.said())
            # One that wants nobody says so to the client.
            with SMTP(HOST, port) as wire:
                connection, _ = listener.accept()
                with connection:
                    connection.sendall(b"554 nobody\r\n")
                    assert wire.reply(554) == [b"554 nobody\r\n"]


@pytest.mark.parametrize(
    "route, reason",
    [
        ("pop3://127.0.0.1=pop3://a.example?client-address=xclient", "'client-address=xclient' is not for pop3"),
        ("imap://127.0.0.1=imap://a.example?client-address=xclient", "'client-address=xclient' is not for imap"),
        ("smtp://127.0.0.1=smtp://a.example?client-address=id", "'client-address=id' is not for smtp"),
        ("socks5://127.0.0.1=destination?client-address=xclient", "would tell every server that a client names"),
        ("smtp://127.0.0.1?tls=passthrough=smtp://a.example?client-address=xclient", "lets all pass untouched"),
    ],
)
def test_routes_that_do_not_fit(scratch, route, reason):
    file = scratch / "mailproxy.yaml"
    file.write_text(f"routes:\n  - {route}\n")
    said = command("config", "check", file, status=2).stderr.decode()
    assert f"{file}:2:5: route '{route}': " in said and reason in said, said


def test_an_id_passes_where_nobody_is_told_who_the_client_is(scratch):
    """What it says is the client's word, and the server's affair: the octets pass, and the recording has them."""
    words = b'a ID ("name" "x" "x-originating-ip" "192.0.2.1")\r\n'

    def serve(upstream, connection):
        connection.sendall(b"* OK [CAPABILITY IMAP4rev1 ID] ready\r\n")
        upstream.got += connection.recv(4096)
        connection.sendall(b"* ID NIL\r\na OK done\r\n")
        upstream.got += connection.recv(4096)

    with tls_peers.Upstream(serve) as upstream:
        with MailProxy(scratch, {"imap": upstream.port}) as proxy, IMAP(HOST, proxy.ports["imap"]) as client:
            client.line()
            client.send(words)
            assert client.line() == b"* ID NIL\r\n" and client.line() == b"a OK done\r\n"
    assert upstream.got == words
    assert any(b'"x-originating-ip" "192.0.2.1"' in path.read_bytes() for path in mailproxy.segments(proxy.record))
