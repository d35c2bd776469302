"""What the tests share: scratch folders, the real servers, and the comparison of the two legs of a proxy.

MailProxy itself is the program that the environment variable MAILPROXY names."""

import contextlib
import itertools
import pathlib
import resource
import shutil
import signal
import sys
import tempfile

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).parent))

import clients
import imap_clients
import messages
import pcap
import peers
from mailproxy import command
from processes import Process, until

_numbers = itertools.count(1)


def pytest_configure(config):
    """Thousands of connections at once need as many descriptors as the machine gives."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@pytest.fixture(autouse=True)
def nothing_left_running():
    """Ends what a failed test did not come to end. What fixtures of a wider scope started was there before."""
    before = set(Process.live)
    yield
    for process in Process.live - before:
        process.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def workshop():
    """A folder of the run that every user may enter (the servers change to users of their own)."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mailproxy-e2e-"))
    folder.chmod(0o755)
    yield folder
    for process in set(Process.live):
        process.stop(signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def _new_folder(workshop):
    folder = workshop / f"t{next(_numbers):03}"
    folder.mkdir()
    return folder


@pytest.fixture
def scratch(workshop):
    """A folder of the test's own."""
    folder = _new_folder(workshop)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def module_scratch(workshop):
    """A folder of the test file's own."""
    folder = _new_folder(workshop)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def authority(module_scratch):
    """The data folder with an authority, and the certificate that clients trust."""
    data = module_scratch / "authority"
    command("ca", "create", "--data-dir", data, status=0)
    return data, data / "ca" / "ca.crt"


class Servers:
    """Dovecot and Postfix, and how a driver is run against them, be it through something in between."""

    def __init__(self, accounts, dovecot, postfix, certificate):
        self.accounts, self.dovecot, self.postfix, self.certificate = accounts, dovecot, postfix, certificate
        self.ports = {"smtp": postfix.port, "pop3": dovecot.pop3, "imap": dovecot.imap}

    def drive(self, driver, ports, account=None):
        """Runs the driver against the server behind `ports`, with a mailbox prepared directly at the real server and
        the result of an SMTP driver looked up there; returns the account."""
        protocol = driver.__module__.removesuffix("_clients")
        if account is None:
            account = self.accounts.quoted if driver is imap_clients.quoted_password else self.accounts.fresh()
        run_driver(driver, protocol, ports[protocol], account, clients.Place(self.dovecot.side_door))
        return account


def run_driver(driver, protocol, port, account, mailbox):
    """Runs a driver against `port`; `mailbox` is the place where IMAP reaches the account's mail without what is
    tested."""
    if protocol == "smtp":
        wanted = driver(clients.Place(port), account)

        def arrived():
            found = imap_clients.inbox(mailbox, account)
            return [found] if len(found) >= len(wanted) else None

        check_delivered(until(f"{len(wanted)} messages to arrive", arrived, 20, 0.05)[0], wanted)
    else:
        stored = messages.many(account.address)
        if driver is imap_clients.quoted_password:
            stored = []
        imap_clients.seed(mailbox, account, stored)
        driver(clients.Place(port), account, stored)


def check_delivered(found, wanted):
    """Every wanted message is there once, unchanged but for the header lines of the servers, and nothing else is."""
    left = list(found)
    for message in wanted:
        matching = [f for f in left if messages.is_delivered_form(f, message)]
        assert matching, f"not delivered as sent:\n{message!r}\namong\n{left!r}"
        left.remove(matching[0])
    assert left == [], f"delivered, but never sent: {left!r}"


@pytest.fixture(scope="session")
def accounts():
    return peers.Accounts()


@pytest.fixture(scope="session")
def servers(workshop, accounts):
    certificate = peers.Certificate(workshop)
    dovecot = peers.Dovecot(workshop / "dovecot", accounts, certificate)
    try:
        postfix = peers.Postfix(workshop / "postfix", dovecot, certificate)
        try:
            yield Servers(accounts, dovecot, postfix, certificate)
        finally:
            postfix.stop()
    finally:
        dovecot.stop()


@contextlib.contextmanager
def compared(folder, front, back):
    """Captures both legs while the body runs; afterwards each session of the client leg (ports of `front`) must have
    one of the server leg (`back`) with the same bytes in both directions. Nothing else may connect to those ports
    meanwhile."""
    capture = pcap.Capture(folder, [*front.values(), *back.values()])
    yield capture
    found = capture.all_closed(*front.values(), *back.values())
    for protocol, ours, theirs in zip(front, found, found[len(front) :]):
        assert pcap.differences(ours, theirs) == [], protocol
    capture.stop()
