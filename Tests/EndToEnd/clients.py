"""All client drivers: real programs and hand-written dialogues, for a server given by host and port.

An SMTP driver takes (place, account) and returns what must arrive; POP3 and IMAP drivers take (place, account,
stored), where `stored` is what the INBOX holds. Each asserts its own result."""

import itertools
import pathlib
import tempfile

import imap_clients
import pop3_clients
import smtp_clients
from processes import HOST


class Place:
    """Where a client connects to, and a folder for its files."""

    def __init__(self, port, host=HOST):
        self.host, self.port = host, port
        self._folder = tempfile.TemporaryDirectory(prefix="client-")
        self.folder = pathlib.Path(self._folder.name)
        self._number = itertools.count()

    def file(self, content, mode=0o644):
        path = self.folder / f"file{next(self._number)}"
        path.write_bytes(content)
        path.chmod(mode)
        return path


SMTP_DRIVERS = smtp_clients.ALL
POP3_DRIVERS = pop3_clients.ALL
IMAP_DRIVERS = imap_clients.ALL

# What the fallback does not offer: it keeps no plain passwords to compute a digest from, nor the BINARY extension.
REAL_SERVERS_ONLY = {
    smtp_clients.swaks_auth_cram_md5,
    pop3_clients.poplib_apop,
    imap_clients.imaplib_cram_md5,
    imap_clients.binary_literal,
}


def name(driver):
    return f"{driver.__module__.removesuffix('_clients')}-{driver.__name__}"


def for_fallback(drivers):
    return [d for d in drivers if d not in REAL_SERVERS_ONLY]
