"""A day of mixed mail between real clients and servers: in clear, under TLS, guessed passwords, attachments. Clients come from
addresses of their own."""

import base64
import contextlib
import imaplib
import poplib
import smtplib
import socket
import ssl

import clients
import messages
from imap_clients import ok
from processes import HOST

LAPTOP, PHONE, STRANGER, OFFICE, OLD, SCANNER = (f"127.0.0.{n}" for n in range(11, 17))

DRIVERS = (
    clients.smtp_clients.swaks_auth_plain,
    clients.smtp_clients.swaks_auth_cram_md5,
    clients.smtp_clients.msmtp_send,
    clients.pop3_clients.poplib_apop,
    clients.pop3_clients.fetchmail_delete,
    clients.imap_clients.imaplib_whole,
    clients.imap_clients.mbsync_two_way,
)


def _context():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


class IMAP(imaplib.IMAP4):
    """IMAP in clear from an address."""

    def __init__(self, source, port):
        self.source = source
        super().__init__(HOST, port, timeout=20)

    def _create_socket(self, timeout):
        return socket.create_connection((self.host, self.port), timeout, source_address=(self.source, 0))


class IMAPS(IMAP):
    """IMAP under TLS from the first octet."""

    def _create_socket(self, timeout):
        return _context().wrap_socket(super()._create_socket(timeout), server_hostname=self.host)


class POP3(poplib.POP3):
    """POP3 in clear from an address."""

    def __init__(self, source, port):
        self.source = source
        super().__init__(HOST, port, timeout=20)

    def _create_socket(self, timeout):
        return socket.create_connection((self.host, self.port), timeout, source_address=(self.source, 0))


def program(recipient):
    """A message with a program in it, and with the number of a card."""
    part = base64.encodebytes(b"MZ" + bytes(200)).decode().replace("\n", "\r\n")
    return (
        f"From: ada@example.org\r\nTo: {recipient}\r\nSubject: Rechtsschutzversicherungsgesellschaften\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=cut\r\n\r\n--cut\r\n\r\n"
        "My card is 4111 1111 1111 1111.\r\n--cut\r\nContent-Type: application/octet-stream\r\n"
        'Content-Disposition: attachment; filename="invoice.pdf.exe"\r\nContent-Transfer-Encoding: base64\r\n\r\n'
        f"{part}--cut--\r\n"
    ).encode()


def _imap(client, account, looks=True):
    ok(client.login(account.address, account.password))
    if looks:
        ok(client.select("INBOX"))
        ok(client.search(None, "ALL"))
    client.logout()


def _send(source, port, account, message, starts_tls=False):
    with smtplib.SMTP(HOST, port, "client.lan", 20, source_address=(source, 0)) as client:
        if starts_tls:
            client.starttls(context=_context())
        client.ehlo()
        client.login(account.address, account.password)
        client.sendmail(account.address, [account.address], message)


def spend(servers):
    """Lets the day pass; returns the accounts that took part, the last but one under TLS only."""
    dovecot, postfix = servers.dovecot, servers.postfix
    accounts = [servers.drive(driver, servers.ports) for driver in DRIVERS]
    ada, bob, eve = (servers.accounts.fresh() for _ in range(3))
    _imap(IMAP(LAPTOP, dovecot.imap), ada)
    client = IMAP(LAPTOP, dovecot.imap)
    ok(client.starttls(_context()))
    _imap(client, ada)
    for _ in range(3):
        _imap(IMAPS(PHONE, dovecot.imaps), bob)
    _send(OFFICE, postfix.port, bob, messages.attachment(bob.address), starts_tls=True)
    _send(SCANNER, postfix.port, ada, program(ada.address))
    client = POP3(OLD, dovecot.pop3)
    client.user(eve.address)
    client.pass_(eve.password)
    client.quit()
    client = POP3(OLD, dovecot.pop3)
    client.stls(_context())
    client.user(eve.address)
    client.pass_(eve.password)
    client.quit()
    # One account's password is guessed until it is found, then one password is tried on many accounts.
    client = IMAP(STRANGER, dovecot.imap)
    for guess in ("123456", "password", "qwertz", "sommer2024", "hallo", "schalke04"):
        with contextlib.suppress(imaplib.IMAP4.error):
            client.login(eve.address, guess)
            raise AssertionError("the password was guessed")
    _imap(client, eve)
    client = IMAP(STRANGER, dovecot.imap)
    for account in servers.accounts.all[900:907]:
        with contextlib.suppress(imaplib.IMAP4.error):
            client.login(account.address, "Winter2025")
            raise AssertionError("the password was guessed")
    client.logout()
    return [*accounts, ada, bob, eve]
