"""What the tests of TLS share: a proxy with an authority that clients trust, and upstreams that do as a test says."""

import contextlib
import socket
import ssl
import threading

from mailproxy import MailProxy
from processes import HOST, run

# mbsync that begins TLS with STARTTLS and trusts one authority.
MBSYNC = """IMAPStore remote
Host {host}
Port {imap}
User {user}
Pass {password}
SSLType STARTTLS
CertificateFile {certificate}
AuthMechs LOGIN

MaildirStore local
Path {folder}/mbsync/
Inbox {folder}/mbsync/INBOX

Channel all
Far :remote:
Near :local:
Patterns INBOX
Create Near
SyncState *
"""


def proxy(folder, authority, *routes, options=(), **more):
    """`mailproxy run` with such routes. The certificates that it makes are signed by `authority`."""
    arguments = [part for route in routes for part in ("--route", route)]
    return MailProxy(folder, {}, *arguments, *options, data=authority[0], **more)


def client_context(authority):
    """A client that trusts the authority alone."""
    return ssl.create_default_context(cafile=authority[1])


def server_context(certificate):
    """A server with this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    return context


def read_all(connection):
    """All that comes until the other side ends, or the connection fails."""
    seen = bytearray()
    with contextlib.suppress(ConnectionError):
        while piece := connection.recv(65_536):
            seen += piece
    return bytes(seen)


class Upstream:
    """A server that does as the test says, with one connection after the other; with a context, under TLS from the first octet.

    `serve` gets the upstream and the connection."""

    def __init__(self, serve, context=None):
        self.serve, self.context = serve, context
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.got = b""
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                connection.settimeout(20)
                with connection, contextlib.suppress(OSError, EOFError):
                    if not self.context:
                        self.serve(self, connection)
                        continue
                    with self.context.wrap_socket(connection, server_side=True) as secured:
                        self.serve(self, secured)

    def expect(self, connection, words):
        """Reads up to `words`."""
        seen = b""
        while words not in seen:
            piece = connection.recv(4096)
            if not piece:
                raise EOFError
            seen += piece
            self.got += piece
        return seen

    def drain(self, connection):
        """Reads to the end."""
        while piece := connection.recv(4096):
            self.got += piece

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(20)


class IMAPUpstream(Upstream):
    """An IMAP server under TLS that greets, says OK to all, and knows what the handshakes were."""

    def __init__(self, context):
        super().__init__(IMAPUpstream._converse, context)
        self.certificates, self.reused = [], []

    def _converse(self, secured):
        self.certificates.append(secured.getpeercert())
        self.reused.append(secured.session_reused)
        secured.sendall(b"* OK ready\r\n")
        while line := secured.recv(1000):
            tag, verb = line.split()[:2]
            if verb == b"CAPABILITY":
                secured.sendall(b"* CAPABILITY IMAP4rev1\r\n")
            secured.sendall(tag + b" OK done\r\n")


def offlineimap(*options, env):
    """Its library waits for ever behind STARTTLS in one of some twenty runs, also where it talks to Dovecot alone: then once more."""
    for _ in range(5):
        with contextlib.suppress(AssertionError):
            return run(["/usr/bin/offlineimap", *options], env=env, seconds=20)
    raise AssertionError("offlineimap did not end five times")
