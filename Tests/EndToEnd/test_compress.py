"""A session under COMPRESS=DEFLATE (RFC 4978): relayed to the octet, followed, and read again from its recording."""

import pathlib
import socket
import threading
import zlib

import pytest

import mailproxy
from mailproxy import MailProxy, command
from processes import HOST
from wire import Wire

OPENED = b"* FLAGS (\\Seen)\r\n* 7 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n"


class Deflated:
    """Deflates what goes one way and inflates what comes the other."""

    def __init__(self):
        self.deflater = zlib.compressobj(wbits=-15)
        self.inflater = zlib.decompressobj(wbits=-15)

    def pack(self, data):
        return self.deflater.compress(data) + self.deflater.flush(zlib.Z_SYNC_FLUSH)

    def unpack(self, data):
        return self.inflater.decompress(data)


def _serve(listener):
    """An IMAP server that deflates, for one client."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as lines:
        connection.sendall(b"* PREAUTH [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE] ready\r\n")
        tag = lines.readline().split()[0]
        connection.sendall(tag + b" OK deflating\r\n")
        stream, pending = Deflated(), b""
        while True:
            while b"\r\n" in pending:
                line, pending = pending.split(b"\r\n", 1)
                tag, verb = line.split()[:2]
                answer = {b"SELECT": OPENED, b"LOGOUT": b"* BYE\r\n"}.get(verb, b"")
                connection.sendall(stream.pack(answer + tag + b" OK done\r\n"))
                if verb == b"LOGOUT":
                    return
            data = lines.read1(65536)
            if not data:
                return
            pending += stream.unpack(data)


def test_what_was_inflated_is_not_inflated_again(scratch):
    with socket.create_server((HOST, 0)) as listener:
        server = threading.Thread(target=_serve, args=(listener,), daemon=True)
        server.start()
        with MailProxy(scratch, {"imap": listener.getsockname()[1]}, listener="?capabilities=all") as proxy:
            with Wire(HOST, proxy.ports["imap"]) as client:
                assert client.line().startswith(b"* PREAUTH")
                client.send("a COMPRESS DEFLATE\r\n")
                assert client.line() == b"a OK deflating\r\n"
                stream = Deflated()
                client.send(stream.pack(b"b SELECT INBOX\r\nc NOOP\r\n"))
                client.send(stream.pack(b"d LOGOUT\r\n"))
                assert stream.unpack(client.rest()) == (
                    OPENED + b"b OK done\r\nc OK done\r\n* BYE\r\nd OK done\r\n"
                )
        server.join(10)
    for _ in range(2):
        (row,) = mailproxy.sessions(proxy.record)
        # The one violation is the greeting: PREAUTH leaves no way to STARTTLS.
        assert (row["violations"], row["opaque"], row["exchanges"]) == (1, False, 5), row
        shown = command("sessions", "show", row["id"], proxy.record, status=0).stdout.decode()
        assert "d LOGOUT" in shown and "imap-broken-compression" not in shown
        # The index is made again from what the segments hold.
        command("sessions", "reindex", "--record-dir", proxy.record, status=0)
    exchanges = mailproxy.exchanges(proxy.record, row["id"])
    assert [e["command"] for e in exchanges] == ["", "COMPRESS", "SELECT", "NOOP", "LOGOUT"], exchanges


def _serve_and_unauthenticate(listener, ends):
    """Deflates up to the answer to UNAUTHENTICATE, then speaks in clear; or, where it does not end, sends no stream at all."""
    connection, _ = listener.accept()
    with connection, connection.makefile("rb") as lines:
        connection.sendall(b"* PREAUTH [CAPABILITY IMAP4rev1 COMPRESS=DEFLATE UNAUTHENTICATE] ready\r\n")
        tag = lines.readline().split()[0]
        connection.sendall(tag + b" OK deflating\r\n")
        if not ends:
            connection.sendall(b"g this is no stream\r\n")
            lines.read()
            return
        stream, pending = Deflated(), b""
        while b"\r\n" not in pending:
            pending += stream.unpack(lines.read1(65536))
        connection.sendall(stream.pack(pending.split()[0] + b" OK done\r\n"))
        connection.sendall(lines.readline().split()[0] + b" OK in\r\n")
        connection.sendall(b"* BYE\r\n" + lines.readline().split()[0] + b" OK done\r\n")


@pytest.mark.parametrize("ends", [True, False])
def test_a_stream_that_ends_and_one_that_breaks(scratch, ends):
    with socket.create_server((HOST, 0)) as listener:
        server = threading.Thread(target=_serve_and_unauthenticate, args=(listener, ends), daemon=True)
        server.start()
        with MailProxy(scratch, {"imap": listener.getsockname()[1]}, listener="?capabilities=all") as proxy:
            with Wire(HOST, proxy.ports["imap"]) as client:
                assert client.line().startswith(b"* PREAUTH")
                client.send("a COMPRESS DEFLATE\r\n")
                assert client.line() == b"a OK deflating\r\n"
                stream = Deflated()
                if ends:
                    client.send(stream.pack(b"b UNAUTHENTICATE\r\n"))
                    answer = b""
                    while b"\r\n" not in answer:
                        answer += stream.unpack(client.reader.read1(65536))
                    assert answer == b"b OK done\r\n"
                    client.send("c LOGIN alice s3cret\r\n")
                    client.send("d LOGOUT\r\n")
                    assert client.rest() == b"c OK in\r\n* BYE\r\nd OK done\r\n"
                else:
                    assert client.line() == b"g this is no stream\r\n"
                    client.send("c LOGIN alice s3cret\r\n")
        server.join(10)
    violations = ["imap-preauth"] + ([] if ends else ["imap-reply-broken-compression"])
    found = (["credentials-in-clear"] if ends else []) + violations
    commands = ["", "COMPRESS"] + (["UNAUTHENTICATE", "LOGIN", "LOGOUT"] if ends else [])
    for _ in range(2):
        (row,) = mailproxy.sessions(proxy.record)
        assert (row["opaque"], row["findings"], row["user"]) == (not ends, found, "alice" if ends else None), row
        exchanges = mailproxy.exchanges(proxy.record, row["id"])
        assert [e["command"] for e in exchanges] == commands, exchanges
        command("sessions", "reindex", "--record-dir", proxy.record, status=0)
    for segment in pathlib.Path(proxy.record).glob("*.pcapng"):
        assert b"s3cret" not in segment.read_bytes()
