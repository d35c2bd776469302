"""The live proxy before Dovecot and Postfix: every client, and the bytes of both legs compared by capture."""

import concurrent.futures
import imaplib
import poplib
import smtplib
import socket
import ssl
import threading

import pytest

import clients
import conftest
import imap_clients
import messages
from mailproxy import MailProxy
from processes import HOST
from wire import IMAP, POP3, SMTP


@pytest.fixture(scope="module")
def untouched(servers, module_scratch):
    with MailProxy(module_scratch, servers.ports, listener="?tls=passthrough", name="untouched") as running:
        yield running


@pytest.fixture(scope="module")
def proxy(servers, module_scratch):
    # Not even a capability is hidden: what one side sent the other receives.
    with MailProxy(module_scratch, servers.ports, listener="?capabilities=all") as running:
        yield running


@pytest.mark.parametrize("driver", clients.SMTP_DRIVERS + clients.POP3_DRIVERS + clients.IMAP_DRIVERS, ids=clients.name)
def test_client(driver, servers, proxy, scratch):
    with conftest.compared(scratch, proxy.ports, servers.ports) as capture:
        servers.drive(driver, proxy.ports)
        capture.expect_sessions(proxy.ports)


def test_all_clients_at_once(servers, proxy, scratch):
    """Sessions do not mix: a dozen drivers of each protocol run side by side."""
    drivers = clients.SMTP_DRIVERS + clients.POP3_DRIVERS + clients.IMAP_DRIVERS
    with conftest.compared(scratch, proxy.ports, servers.ports):
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda driver: servers.drive(driver, proxy.ports), drivers))


def test_large_mail_both_ways(servers, proxy, scratch):
    """8 MB by DATA, BDAT and APPEND, and back by RETR and FETCH."""
    account = servers.accounts.fresh()
    message = messages.of_size(account.address, 8_000_000)
    with conftest.compared(scratch, proxy.ports, servers.ports):
        with SMTP(HOST, proxy.ports["smtp"]) as client:
            client.reply(220)
            client.say("EHLO client.example.org", 250)
            client.send(f"MAIL FROM:<ada@example.org>\r\nRCPT TO:<{account.address}>\r\nDATA\r\n")
            for code in (250, 250, 354):
                client.reply(code)
            client.send(messages.dot_stuffed(message) + b".\r\n")
            client.reply(250)
            client.say("MAIL FROM:<ada@example.org>", 250)
            client.say(f"RCPT TO:<{account.address}>", 250)
            client.send(f"BDAT {len(message)} LAST\r\n".encode() + message)
            client.reply(250)
            client.say("QUIT", 221)
        with IMAP(HOST, proxy.ports["imap"]) as client:
            client.login(account)
            client.append("INBOX", message)
            found = client.say("SELECT INBOX")
            count = next(int(line.split()[1]) for line in found if line.endswith(b" EXISTS\r\n"))
            assert any(message in part for part in client.say(f"FETCH {count} BODY.PEEK[]"))
            client.say("LOGOUT")
        with POP3(HOST, proxy.ports["pop3"]) as client:
            client.status()
            client.say("USER " + account.address)
            client.say("PASS " + account.password)
            assert client.say_block(f"RETR {count}").endswith(message)
            client.say("QUIT")


def _unverified():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_smtp_starttls_passes(servers, untouched, scratch):
    account = servers.accounts.fresh()
    with conftest.compared(scratch, untouched.ports, servers.ports):
        with smtplib.SMTP(HOST, untouched.ports["smtp"], timeout=20) as client:
            client.starttls(context=_unverified())
            client.login(account.address, account.password)
            assert client.sendmail("ada@example.org", [account.address], messages.plain(account.address)) == {}


def test_pop3_stls_passes(servers, untouched, scratch):
    account = servers.accounts.fresh()
    with conftest.compared(scratch, untouched.ports, servers.ports):
        client = poplib.POP3(HOST, untouched.ports["pop3"], timeout=20)
        client.stls(_unverified())
        client.user(account.address)
        client.pass_(account.password)
        assert client.stat() == (0, 0)
        client.quit()


def test_imap_starttls_passes(servers, untouched, scratch):
    account = servers.accounts.fresh()
    with conftest.compared(scratch, untouched.ports, servers.ports):
        client = imaplib.IMAP4(HOST, untouched.ports["imap"], timeout=20)
        client.starttls(_unverified())
        client.login(account.address, account.password)
        assert imap_clients.ok(client.select("INBOX")) == [b"0"]
        client.logout()


class Script:
    """A server that says what it is told to, whatever the client says; for what no real server does."""

    def __init__(self, play):
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.received = []
        self.failure = None
        self.thread = threading.Thread(target=self._serve, args=(play,), daemon=True)
        self.thread.start()

    def _serve(self, play):
        try:
            connection, _ = self.listener.accept()
            with connection:
                connection.settimeout(20)
                play(connection, self.received)
        except Exception as failure:  # handed to the test, which asks for it
            self.failure = failure

    def finish(self):
        self.thread.join(20)
        self.listener.close()
        assert not self.thread.is_alive(), "the session never ended at the server"
        assert self.failure is None, self.failure


def _read_to_end(connection, received):
    while data := connection.recv(65536):
        received.append(data)


# What no client and no server should send: each must pass unchanged all the same.
NONSENSE = {
    "smtp": (
        b"220 mx.example.com\r\n",
        b"EHLO x\nMAIL\rFROM\r\n\x00\xff\xfe" + b"A" * 70_000 + b"\r\n\r\n.\r\nno line end",
    ),
    "pop3": (b"+OK ready\r\n", b"RETR 99999999999999999999999999\r\nUSER\r\n\x80\x81\r\n" + b"x" * 70_000 + b"\n\n"),
    "imap": (
        b"* OK ready\r\n",
        b"a LOGIN {99999999999999999999}\r\n{5}\r\n\r\n~{1\r\n a b {-1+}\r\n" + b"(" * 70_000 + b"\r\n",
    ),
}


@pytest.mark.parametrize("protocol", NONSENSE)
def test_nonsense_passes_from_client_to_server(protocol, scratch):
    greeting, nonsense = NONSENSE[protocol]

    def play(connection, received):
        connection.sendall(greeting)
        _read_to_end(connection, received)

    server = Script(play)
    with MailProxy(scratch, {protocol: server.port}) as proxy:
        with socket.create_connection((HOST, proxy.ports[protocol]), 20) as client:
            assert client.recv(1000) == greeting
            client.sendall(nonsense)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        server.finish()
    assert b"".join(server.received) == nonsense


@pytest.mark.parametrize("protocol", NONSENSE)
def test_nonsense_passes_from_server_to_client(protocol, scratch):
    nonsense = (
        b"999 what\r\n* 1 FETCH (BODY[] {5}\r\nabc)\r\n+OK\r\n-\r\n" + b"\x00\xff" * 40_000 + b"\r\n* BYE no line end"
    )

    def play(connection, received):
        connection.sendall(nonsense)
        connection.shutdown(socket.SHUT_WR)
        _read_to_end(connection, received)

    server = Script(play)
    with MailProxy(scratch, {protocol: server.port}) as proxy:
        with socket.create_connection((HOST, proxy.ports[protocol]), 20) as client:
            found = b""
            while data := client.recv(65536):
                found += data
            client.sendall(b"still here\r\n")
        server.finish()
    assert found == nonsense
    assert b"".join(server.received) == b"still here\r\n", "the client's half stays open after the server's end"


def test_server_that_goes_away_ends_the_session(scratch):
    def play(connection, received):
        connection.sendall(b"220 mx.example.com\r\n")
        received.append(connection.recv(1000))

    server = Script(play)
    with MailProxy(scratch, {"smtp": server.port}) as proxy:
        with SMTP(HOST, proxy.ports["smtp"]) as client:
            client.reply(220)
            client.send("EHLO client.example.org\r\n")
            client.reply(421)
            assert client.rest() == b""
        server.finish()
    assert server.received == [b"EHLO client.example.org\r\n"]
