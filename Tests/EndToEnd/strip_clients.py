"""Client programs as people set them up, for strip tests: some insist on TLS, some take what they get. Each runs one session with a
login against a port and returns nothing: what it gave away is seen by the proxy."""

import contextlib
import imaplib
import poplib
import smtplib
import ssl

from processes import run

USER, PASSWORD = "anna@example.com", "Quitte.Kirsche-4711"


class Errand:
    """What a client needs to know: where to go, whom to trust, where to keep its files."""

    def __init__(self, port, certificate, folder):
        self.port, self.certificate, self.folder = port, certificate, folder

    def file(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o600)
        return path


def _run(*arguments, stdin=b"", env=None):
    run(arguments, stdin, 60, env=env)


def _curl(scheme, errand, *options):
    more = ["--mail-from", USER, "--mail-rcpt", USER, "-T", "-"] if scheme.startswith("smtp") else []
    _run(
        "/usr/bin/curl", "-sS", "-m", "20", *options, "-u", f"{USER}:{PASSWORD}", f"{scheme}://localhost:{errand.port}/",
        *more, stdin=b"Subject: x\r\n\r\nx\r\n",
    )  # fmt: skip


def curl_ssl(scheme):
    return lambda errand: _curl(scheme, errand, "--ssl", "--cacert", errand.certificate)


def curl_ssl_reqd(scheme):
    return lambda errand: _curl(scheme, errand, "--ssl-reqd", "--cacert", errand.certificate)


def curl_insecure(scheme):
    return lambda errand: _curl(scheme, errand, "--ssl-reqd", "-k")


def _swaks(errand, *options):
    _run(
        "/usr/bin/swaks", "--server", f"localhost:{errand.port}", "--from", USER, "--to", USER, "--auth", "PLAIN",
        "--auth-user", USER, "--auth-password", PASSWORD, "--timeout", "20", *options,
    )  # fmt: skip


def swaks_optional(errand):
    _swaks(errand, "--tls-optional")


def swaks_required(errand):
    _swaks(errand, "--tls")


def swaks_verifying(errand):
    _swaks(errand, "--tls", "--tls-verify", "--tls-ca-path", errand.certificate)


def _msmtp(errand, *options):
    _run(
        "/usr/bin/msmtp", "--file=/dev/null", "--host=localhost", f"--port={errand.port}", "--tls-starttls=on", "--auth=on",
        f"--user={USER}", f"--passwordeval=echo {PASSWORD}", f"--from={USER}", *options, USER, stdin=b"Subject: x\n\nx\n",
    )  # fmt: skip


def msmtp(errand):
    _msmtp(errand, "--tls=on", f"--tls-trust-file={errand.certificate}")


def msmtp_unchecked(errand):
    _msmtp(errand, "--tls=on", "--tls-certcheck=off")


def _context(errand, verifies):
    return ssl.create_default_context(cafile=errand.certificate) if verifies else ssl._create_unverified_context()


_FAILURES = (OSError, smtplib.SMTPException, imaplib.IMAP4.error, poplib.error_proto, EOFError, ValueError)


def smtplib_session(verifies=True, insists=True):
    def session(errand):
        with contextlib.suppress(*_FAILURES):
            with smtplib.SMTP("localhost", errand.port, timeout=20) as client:
                client.ehlo()
                if insists or client.has_extn("STARTTLS"):
                    client.starttls(context=_context(errand, verifies))
                client.login(USER, PASSWORD)

    return session


def poplib_session(verifies=True, insists=True):
    def session(errand):
        with contextlib.suppress(*_FAILURES):
            client = poplib.POP3("localhost", errand.port, timeout=20)
            if insists or "STLS" in client.capa():
                client.stls(context=_context(errand, verifies))
            client.user(USER)
            client.pass_(PASSWORD)

    return session


def imaplib_session(verifies=True, insists=True):
    def session(errand):
        with contextlib.suppress(*_FAILURES):
            with imaplib.IMAP4("localhost", errand.port, timeout=20) as client:
                if insists or "STARTTLS" in client.capabilities:
                    client.starttls(ssl_context=_context(errand, verifies))
                # PREAUTH leaves nothing to log in to.
                if client.state == "NONAUTH":
                    client.login(USER, PASSWORD)
                client.select()

    return session


def imaplib_implicit(verifies=True):
    def session(errand):
        with contextlib.suppress(*_FAILURES):
            with imaplib.IMAP4_SSL("localhost", errand.port, ssl_context=_context(errand, verifies), timeout=20) as client:
                client.login(USER, PASSWORD)

    return session


MBSYNC = """IMAPStore remote
Host localhost
Port {port}
User {user}
Pass "{password}"
{tls}
CertificateFile {certificate}
AuthMechs *

MaildirStore local
Path {folder}/mail/
Inbox {folder}/mail/INBOX

Channel all
Far :remote:
Near :local:
Patterns INBOX
Create Near
SyncState *
"""


def mbsync(tls="SSLType STARTTLS"):
    def session(errand):
        text = MBSYNC.format(
            port=errand.port, user=USER, password=PASSWORD, certificate=errand.certificate, folder=errand.folder, tls=tls
        )
        (errand.folder / "mail").mkdir(exist_ok=True)
        _run("/usr/bin/mbsync", "-c", errand.file("mbsyncrc", text), "all")

    return session


def fetchmail(protocol, options=""):
    def session(errand):
        text = (
            f"poll localhost service {errand.port} protocol {protocol} auth password user '{USER}' password '{PASSWORD}' "
            + options.format(certificate=errand.certificate)
            + " mda '/bin/cat'\n"
        )
        _run(
            "/usr/bin/fetchmail", "-f", errand.file("fetchmailrc", text), "--check", "-t", "20", "--nosyslog",
            env={"HOME": str(errand.folder), "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip

    return session


def mutt(options=""):
    def session(errand):
        user = USER.replace("@", "%40")
        text = f"""set ssl_starttls=yes
set certificate_file={errand.certificate}
set ssl_usesystemcerts=no
set smtp_url=smtp://{user}@localhost:{errand.port}
set smtp_pass={PASSWORD}
set from={USER}
{options}
"""
        _run(
            "/usr/bin/mutt", "-n", "-F", errand.file("muttrc", text), "-s", "x", USER, stdin=b"x\n",
            env={"HOME": str(errand.folder), "PATH": "/usr/bin:/bin", "TERM": "dumb", "LC_ALL": "C.UTF-8"},
        )  # fmt: skip

    return session


def openssl(protocol):
    def session(errand):
        _run(
            "/usr/bin/openssl", "s_client", "-connect", f"localhost:{errand.port}", "-servername", "localhost", "-starttls",
            protocol, "-verify_return_error", "-verify_hostname", "localhost", "-CAfile", errand.certificate, "-quiet",
            stdin=b"a LOGOUT\r\n" if protocol == "imap" else b"QUIT\r\n",
        )  # fmt: skip

    return session


# name: (protocol, session)
CLIENTS = {
    "curl --ssl smtp": ("smtp", curl_ssl("smtp")),
    "curl --ssl-reqd smtp": ("smtp", curl_ssl_reqd("smtp")),
    "curl --ssl-reqd -k smtp": ("smtp", curl_insecure("smtp")),
    "swaks --tls-optional": ("smtp", swaks_optional),
    "swaks --tls": ("smtp", swaks_required),
    "swaks --tls --tls-verify": ("smtp", swaks_verifying),
    "msmtp": ("smtp", msmtp),
    "msmtp tls_certcheck off": ("smtp", msmtp_unchecked),
    "smtplib": ("smtp", smtplib_session()),
    "smtplib unverified": ("smtp", smtplib_session(verifies=False)),
    "smtplib opportunistic": ("smtp", smtplib_session(insists=False)),
    "mutt smtp": ("smtp", mutt()),
    "mutt ssl_force_tls smtp": ("smtp", mutt("set ssl_force_tls=yes")),
    "openssl s_client smtp": ("smtp", openssl("smtp")),
    "curl --ssl pop3": ("pop3", curl_ssl("pop3")),
    "curl --ssl-reqd pop3": ("pop3", curl_ssl_reqd("pop3")),
    "poplib": ("pop3", poplib_session()),
    "poplib opportunistic": ("pop3", poplib_session(insists=False)),
    "fetchmail pop3": ("pop3", fetchmail("pop3", "sslcertfile {certificate}")),
    "fetchmail pop3 sslproto": ("pop3", fetchmail("pop3", "sslproto 'tls1.2+' sslcertck sslcertfile {certificate}")),
    "openssl s_client pop3": ("pop3", openssl("pop3")),
    "curl --ssl imap": ("imap", curl_ssl("imap")),
    "curl --ssl-reqd imap": ("imap", curl_ssl_reqd("imap")),
    "imaplib": ("imap", imaplib_session()),
    "imaplib opportunistic": ("imap", imaplib_session(insists=False)),
    "mbsync STARTTLS": ("imap", mbsync()),
    "fetchmail imap": ("imap", fetchmail("imap", "sslcertfile {certificate}")),
    "fetchmail imap sslproto": ("imap", fetchmail("imap", "sslproto 'tls1.2+' sslcertck sslcertfile {certificate}")),
    "openssl s_client imap": ("imap", openssl("imap")),
    "curl imaps": ("imaps", lambda errand: _curl("imaps", errand, "--cacert", errand.certificate)),
    "curl -k imaps": ("imaps", lambda errand: _curl("imaps", errand, "-k")),
    "imaplib imaps": ("imaps", imaplib_implicit()),
    "imaplib imaps unverified": ("imaps", imaplib_implicit(verifies=False)),
    "mbsync imaps": ("imaps", mbsync("SSLType IMAPS")),
}
