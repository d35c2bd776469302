"""A graphical client, Claws Mail on a display of its own (Xvfb), through intercepting routes to Dovecot and Postfix: every certificate
is checked on either side, and a question to its user, such as whether to trust one, would leave the test waiting in vain."""

import signal

import pytest

import clients
import imap_clients
import mailproxy
import messages
import tls_peers
import tshark
from processes import HOST, Process, free_port, run, until

# How a client comes to TLS, as its settings number it.
TUNNEL, STARTTLS = 1, 2

ACCOUNTS = """\
[Account: 1]
account_name=imap
is_default=1
name=Ann
address={address}
protocol=3
receive_server=localhost
user_id={address}
smtp_server=localhost
use_smtp_auth=1
smtp_auth_method=0
ssl_imap={how}
ssl_smtp={how}
set_imapport=1
imap_port={imap}
set_smtpport=1
smtp_port={smtp}
use_nonblocking_ssl=1
receive_at_get_all=1
ssl_certs_auto_accept=1
imap_batch_size=500
sent_folder=#mh/Mailbox/sent
queue_folder=#mh/Mailbox/queue
draft_folder=#mh/Mailbox/draft
trash_folder=#mh/Mailbox/trash
set_sent_folder=1
set_queue_folder=1

[Account: 2]
account_name=pop3
name=Ann
address={address}
protocol=0
receive_server=localhost
user_id={address}
smtp_server=localhost
ssl_pop={how}
ssl_smtp={how}
set_popport=1
pop_port={pop3}
remove_mail=0
get_all_mail=1
receive_at_get_all=1
ssl_certs_auto_accept=1
inbox=#mh/Mailbox/inbox
"""

PASSWORDS = """\
[config_version:0]
[account:1]
recv {password}
send {password}
[account:2]
recv {password}
"""

FOLDERS = """\
<?xml version="1.0" encoding="UTF-8"?>
<folderlist>
<folder type="mh" name="Mailbox" path="Mail">
<folderitem type="inbox" name="inbox" path="inbox" />
<folderitem type="outbox" name="sent" path="sent" />
<folderitem type="draft" name="draft" path="draft" />
<folderitem type="queue" name="queue" path="queue" />
<folderitem type="trash" name="trash" path="trash" />
</folder>
<folder type="imap" name="imap" account_id="1">
<folderitem type="inbox" name="INBOX" path="INBOX" />
</folder>
</folderlist>
"""

# What the client keeps of a message that waits to be sent.
QUEUED = """\
S:{sender}
SSV:localhost
R:<{recipient}>
MAID:1
X-Claws-End-Special-Headers: 1
"""


@pytest.fixture(scope="module")
def display(module_scratch):
    """The name of a display that nobody sees."""
    server = Process(
        ["/usr/bin/Xvfb", "-displayfd", "1", "-screen", "0", "1024x768x24", "-nolisten", "tcp"], module_scratch, "xvfb"
    )
    server.wait_for("the display", lambda: server.out.endswith("\n"))
    yield f":{server.out.strip()}"
    server.stop(signal.SIGKILL)


class ClawsMail:
    """Claws Mail with an account of IMAP and SMTP, one of POP3, and one message in its queue."""

    def __init__(self, folder, display, account, certificate, how, friend, queued, **ports):
        self.home, self.account = folder / "home", account
        settings = self.home / ".claws-mail"
        settings.mkdir(parents=True)
        for name in "inbox", "sent", "draft", "queue", "trash":
            (self.home / "Mail" / name).mkdir(parents=True)
        (settings / "accountrc").write_text(ACCOUNTS.format(address=account.address, how=how, **ports))
        (settings / "passwordstorerc").write_text(PASSWORDS.format(password=account.password))
        (settings / "folderlist.xml").write_text(FOLDERS)
        (self.home / "Mail/queue/1").write_bytes(QUEUED.format(sender=account.address, recipient=friend.address).encode() + b"\n" + queued)
        self.environment = {
            "HOME": str(self.home),
            "DISPLAY": display,
            "PATH": "/usr/bin:/bin",
            "LC_ALL": "C.UTF-8",
            "NO_AT_BRIDGE": "1",
            # The trust of the whole program: our authority and nobody else.
            "SSL_CERT_FILE": str(certificate),
        }
        arguments = ["/usr/bin/claws-mail", "--debug", "--receive-all", "--send"]
        self.process = Process(arguments, folder, "claws-mail", env=self.environment, cwd=self.home)

    def tell(self, *words):
        """Asks the running program for something."""
        run(["/usr/bin/claws-mail", *words], env=self.environment, cwd=self.home)

    def files(self, *place):
        """Messages in a folder of the client."""
        return [path for path in self.home.joinpath(*place).glob("*") if path.name.isdigit()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stop(signal.SIGKILL)


@pytest.mark.parametrize(
    "how, listeners, upstreams, tls",
    [
        (TUNNEL, "imaps pop3s smtps", "imaps pop3s smtps", ""),
        (STARTTLS, "imap pop3 smtp", "imap pop3 smtp", ""),
        (STARTTLS, "imap pop3 smtp", "imaps pop3s smtps", "?tls=require"),
        (TUNNEL, "imaps pop3s smtps", "imap pop3 smtp", ""),
    ],
    ids=["implicit", "starttls", "starttls-implicit", "implicit-starttls"],
)
def test_claws_mail(servers, authority, scratch, display, how, listeners, upstreams, tls):
    account, friend = servers.accounts.fresh(), servers.accounts.fresh()
    direct = clients.Place(servers.dovecot.side_door)
    waiting, sent = messages.plain(account.address, "waits for Claws"), messages.plain(friend.address, "sent by Claws")
    imap_clients.seed(direct, account, [waiting])
    ports = {name: free_port() for name in ("imap", "pop3", "smtp")}
    real = {
        "imap": servers.dovecot.imap, "pop3": servers.dovecot.pop3, "smtp": servers.postfix.port,
        "imaps": servers.dovecot.imaps, "pop3s": servers.dovecot.pop3s, "smtps": servers.postfix.smtps,
    }  # fmt: skip
    options = f"?ca={servers.certificate.certificate}&sni=mx.example.com"
    routes = [
        f"{listener}://{HOST}:{ports[name]}{tls}={upstream}://{HOST}:{real[upstream]}{options}"
        for name, listener, upstream in zip(ports, listeners.split(), upstreams.split())
    ]
    with tls_peers.proxy(scratch, authority, *routes) as proxy:
        with ClawsMail(scratch, display, account, authority[1], how, friend, sent, **ports) as claws:
            # By POP3, into its own folder.
            claws.process.wait_for("the message to be fetched", lambda: claws.files("Mail", "inbox"), 30)
            # By SMTP.
            claws.process.wait_for("the message to be sent", lambda: not claws.files("Mail", "queue"), 30)
            until("the message to arrive", lambda: imap_clients.inbox(direct, friend))
            # By IMAP: it is shown, and kept.
            claws.tell("--select", "#imap/imap/INBOX/1")
            cache = (".claws-mail", "imapcache", "localhost", account.address, "INBOX")
            claws.process.wait_for("the message to be shown", lambda: claws.files(*cache), 30)
            claws.tell("--exit")
            claws.process.wait()
            (fetched,) = claws.files("Mail", "inbox")
            assert waiting.replace(b"\r\n", b"\n") in fetched.read_bytes()
            (shown,) = claws.files(*cache)
            assert shown.read_bytes().replace(b"\r\n", b"\n") == waiting.replace(b"\r\n", b"\n")
    found = mailproxy.sessions(proxy.record)
    assert {row["protocol"] for row in found} == {"smtp", "pop3", "imap"}
    for row in found:
        assert row["tls"]["version"] == "TLSv1.3" and row["tls"]["how"] == ("implicit" if how == TUNNEL else "starttls"), row
        assert row["upstream_tls"]["version"] == "TLSv1.3" and "distrust" not in row["upstream_tls"], row
        assert row["user"] == account.address and not row["opaque"], row
    seen = {}
    for segment in mailproxy.segments(proxy.record):
        for protocol, commands in tshark.commands(segment).items():
            seen.setdefault(protocol, set()).update(commands)
    assert {"EHLO", "MAIL", "RCPT", "DATA"} <= seen["smtp"], seen
    assert {"PASS", "RETR"} <= seen["pop"] and {"AUTHENTICATE", "SELECT", "FETCH"} <= seen["imap"], seen


def test_claws_mail_that_does_not_trust_the_authority(servers, authority, scratch, display):
    """It asks its user, who is not there: nobody logs in."""
    account = servers.accounts.fresh()
    ports = {name: free_port() for name in ("imap", "pop3", "smtp")}
    routes = [f"{name}s://{HOST}:{port}=fallback" for name, port in ports.items()]
    queued = messages.plain(account.address)
    with tls_peers.proxy(scratch, authority, *routes) as proxy:
        # It trusts another one.
        certificate = servers.certificate.certificate
        with ClawsMail(scratch, display, account, certificate, TUNNEL, account, queued, **ports) as claws:
            claws.process.wait_for("the question", lambda: "Creating alert panel window" in claws.process.out + claws.process.err)
            assert len(claws.files("Mail", "queue")) == 1
    assert all(row["user"] is None for row in mailproxy.sessions(proxy.record))
