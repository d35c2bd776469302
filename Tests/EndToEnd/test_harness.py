"""Proves the harness itself: every client against the real servers directly, and through a byte relay in a few lines
that stands where MailProxy stands. A comparer that cannot tell a changed byte would prove nothing, so that is tested
too."""

import contextlib
import socket
import threading

import pytest

import clients
import conftest
import messages
import pcap
from processes import HOST, free_port, listening, until
from wire import SMTP


class ByteRelay:
    """Accepts on a port and carries bytes to and from another; `spoil` may change what goes to the server."""

    def __init__(self, target, spoil=lambda data: data):
        self.target, self.spoil = target, spoil
        self.listener = socket.create_server((HOST, 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                front, _ = self.listener.accept()
            except OSError:
                return
            back = socket.create_connection((HOST, self.target))
            threading.Thread(target=self._carry, args=(front, back, self.spoil), daemon=True).start()
            threading.Thread(target=self._carry, args=(back, front, lambda data: data), daemon=True).start()

    @staticmethod
    def _carry(source, target, change):
        # Dovecot takes a CR for the end of LOGOUT and is gone when the LF comes: a reset is an end, too.
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(change(data))
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


@pytest.fixture
def relayed(servers):
    """The ports of relays before the servers."""
    relays = {name: ByteRelay(port) for name, port in servers.ports.items()}
    yield {name: relay.port for name, relay in relays.items()}
    for relay in relays.values():
        relay.close()


@pytest.mark.parametrize("driver", clients.SMTP_DRIVERS + clients.POP3_DRIVERS + clients.IMAP_DRIVERS, ids=clients.name)
def test_client_against_the_real_server(driver, servers, relayed, scratch):
    with conftest.compared(scratch, relayed, servers.ports) as capture:
        servers.drive(driver, relayed)
        capture.expect_sessions(relayed)


def test_comparer_sees_one_changed_byte(servers, scratch):
    relay = ByteRelay(servers.postfix.port, lambda data: data.replace(b"NOOP", b"NOOp"))
    capture = pcap.Capture(scratch, [relay.port, servers.postfix.port])
    with SMTP(HOST, relay.port) as client:
        client.reply(220)
        client.say("NOOP", 250)
        client.say("QUIT", 221)
        client.rest()
    front, back = capture.all_closed(relay.port, servers.postfix.port)
    capture.stop()
    relay.close()
    found = pcap.differences(front, back)
    assert len(found) == 1 and "client's bytes differ" in found[0] and "at byte 3 " in found[0]


def test_comparer_misses_a_leg(servers, scratch):
    """A session that never reached the server is a difference."""
    port = free_port()
    listener = socket.create_server((HOST, port))
    capture = pcap.Capture(scratch, [port, servers.postfix.port])
    client = socket.create_connection((HOST, port))
    served, _ = listener.accept()
    client.sendall(b"EHLO\r\n")
    client.close()
    served.recv(100)
    served.close()
    listener.close()
    front, back = capture.all_closed(port, servers.postfix.port)
    capture.stop()
    assert len(front) == 1 and back == []
    assert pcap.differences(front, back) and pcap.differences(back, front)


def test_delivered_form_is_strict():
    sent = messages.plain("user@example.com")
    assert messages.is_delivered_form(b"Received: by a\r\n" + sent, sent)
    assert not messages.is_delivered_form(b"Received: by a\r\n\r\n" + sent, sent)
    assert not messages.is_delivered_form(b"Received: by a\r\n" + sent[:-3] + b"\r\n", sent)


def test_ports_are_seen_without_connecting():
    with socket.create_server((HOST, 0)) as listener:
        port = listener.getsockname()[1]
        assert listening(port)
    until("the port to close", lambda: not listening(port))
