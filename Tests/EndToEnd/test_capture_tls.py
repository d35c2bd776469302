"""TLS in captures: sessions of real clients with Dovecot and Postfix, listed without keys and read with them."""

import contextlib
import hashlib
import imaplib
import json
import poplib
import smtplib
import socket
import ssl
import struct
import subprocess
import threading

import pytest

import mailproxy
import pcap
from mailproxy import command
from processes import HOST, checked, free_port, run, until

MESSAGE = b"From: a@example.com\r\nTo: b@example.com\r\nSubject: under TLS\r\n\r\n" + b"A line of text.\r\n" * 200
ONE_TWO = ssl.TLSVersion.TLSv1_2
ONE_THREE = ssl.TLSVersion.TLSv1_3


def _context(version, keys, ciphers=None):
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.minimum_version = made.maximum_version = version
    if ciphers:
        made.set_ciphers(ciphers)
    made.keylog_filename = str(keys)
    return made


def _imap(connection, account):
    connection.login(account.address, account.password)
    connection.append("INBOX", None, None, MESSAGE)
    connection.select("INBOX")
    connection.fetch("1", "(BODY[])")
    connection.logout()


def _pop3(connection, account):
    connection.user(account.address)
    connection.pass_(account.password)
    connection.list()
    connection.quit()


def _smtp(connection, account):
    connection.ehlo("client.example.com")
    connection.login(account.address, account.password)
    connection.sendmail("a@example.com", [account.address], MESSAGE)
    connection.quit()


@pytest.fixture(scope="module", params=[ONE_TWO, ONE_THREE], ids=["1.2", "1.3"])
def captured(request, servers, module_scratch):
    """The capture of six sessions of a version of TLS, the keys, and the account."""
    folder = module_scratch / request.param.name
    folder.mkdir()
    keys, account = folder / "keys", servers.accounts.fresh()
    dovecot, postfix = servers.dovecot, servers.postfix
    context = _context(request.param, keys)
    capture = pcap.Capture(folder, [dovecot.imap, dovecot.imaps, dovecot.pop3, dovecot.pop3s, postfix.port, postfix.smtps])
    _imap(imaplib.IMAP4_SSL(HOST, dovecot.imaps, ssl_context=context), account)
    secured = imaplib.IMAP4(HOST, dovecot.imap)
    secured.starttls(context)
    _imap(secured, account)
    _pop3(poplib.POP3_SSL(HOST, dovecot.pop3s, context=context), account)
    secured = poplib.POP3(HOST, dovecot.pop3)
    secured.stls(context)
    _pop3(secured, account)
    _smtp(smtplib.SMTP_SSL(HOST, postfix.smtps, context=context), account)
    secured = smtplib.SMTP(HOST, postfix.port)
    secured.ehlo("client.example.com")
    secured.starttls(context=context)
    _smtp(secured, account)
    capture.all_closed(dovecot.imaps, dovecot.pop3s, postfix.smtps, postfix.port)
    return capture.stop(), keys, account, request.param


def _list(path, *options):
    return mailproxy.rows(command("sessions", "list", path, "--json", *options, status=0))


def test_with_keys_all_is_read(captured):
    path, keys, account, version = captured
    rows = _list(path, "--keylog", keys)
    found = sorted((row["protocol"], row["tls"]["how"], row["messages"], row["credentials"], row["user"]) for row in rows)
    assert found == [
        (protocol, how, messages, 1, account.address)
        for protocol, messages in (("imap", 2), ("pop3", 0), ("smtp", 1))
        for how in ("implicit", "starttls")
    ]
    for row in rows:
        assert row["tls"]["version"] == {ONE_TWO: "TLSv1.2", ONE_THREE: "TLSv1.3"}[version]
        assert row["tls"]["seen"]["certificates"][0]["subject"] == "CN=mx.example.com"
        assert row["opaque"] is False and row["end"] in ("closed", "reset") and row["gaps"] == 0


def test_messages_are_what_was_sent(captured, scratch):
    path, keys, _, _ = captured
    done = command("sessions", "export", path, "--keylog", keys, "--format", "eml", "-o", scratch / "out", "--json", status=0)
    digests = [row["sha256"] for row in mailproxy.rows(done) if row["carrier"] in ("DATA", "APPEND", "FETCH")]
    assert len(digests) == 6 and set(digests) == {hashlib.sha256(MESSAGE).hexdigest()}


def test_without_keys_they_are_listed(captured):
    """Those behind STARTTLS, as they began in clear; the others are on ports that nobody knows and are counted."""
    path, _, _, version = captured
    rows = _list(path)
    assert sorted(row["protocol"] for row in rows) == ["imap", "pop3", "smtp"]
    for row in rows:
        assert row["opaque"] is True and row["messages"] == row["credentials"] == 0 and row["user"] is None
        assert row["tls"]["version"] == {ONE_TWO: "TLSv1.2", ONE_THREE: "TLSv1.3"}[version]
        assert row["tls"]["how"] == "starttls" and row["tls"]["cipher"].startswith("TLS_")


def test_what_is_seen_is_what_tshark_sees(captured, servers):
    path, keys, _, _ = captured
    dovecot, postfix = servers.dovecot, servers.postfix
    known = {dovecot.imap: "imap", dovecot.pop3: "pop", postfix.port: "smtp"}
    known |= {port: "tls" for port in (dovecot.imaps, dovecot.pop3s, postfix.smtps)}
    decoded = [part for port, name in known.items() for part in ("-d", f"tcp.port=={port},{name}")]
    fields = ("-T", "json", "-e", "tls.handshake.ja3", "-e", "tls.handshake.ja3s")
    done = run(["/usr/bin/tshark", "-n", "-r", path, "-o", f"tls.keylog_file:{keys}", *decoded, *fields], seconds=60)
    theirs = {"ja3": set(), "ja3s": set()}
    for packet in json.loads(done.stdout):
        for name in theirs:
            theirs[name] |= set(packet["_source"]["layers"].get(f"tls.handshake.{name}", []))
    rows = _list(path, "--keylog", keys)
    assert {row["tls"]["seen"]["ja3"] for row in rows} == theirs["ja3"] != set()
    assert {row["tls"]["seen"]["ja3s"] for row in rows} == theirs["ja3s"] != set()


def test_capture_records_the_plaintext(captured, scratch):
    path, keys, account, _ = captured
    command("capture", "-r", path, "--keylog", keys, "--record-dir", scratch / "again", status=0)
    ours = {row["client"]: mailproxy.timeless(row) for row in _list(scratch / "again")}
    theirs = {row["client"]: mailproxy.timeless(row) for row in _list(path, "--keylog", keys)}
    assert ours == theirs
    whole = b"".join(file.read_bytes() for file in (scratch / "again").iterdir())
    assert account.password.encode() not in whole


def test_what_is_sealed_is_recorded_and_opened_later(captured, scratch):
    path, _, _, _ = captured
    command("capture", "-r", path, "--record-dir", scratch / "sealed", status=0)
    ours = {row["client"]: mailproxy.timeless(row) for row in _list(scratch / "sealed")}
    assert ours == {row["client"]: mailproxy.timeless(row) for row in _list(path)} != {}
    assert all(row["tls"]["seen"]["ja3"] for row in ours.values())


def test_a_sealed_recording_is_opened_with_keys(captured, servers, scratch):
    """What was recorded without keys reads with them as the capture does; with the wrong ones as it did."""
    path, keys, account, _ = captured
    known = {servers.dovecot.imaps: 993, servers.dovecot.pop3s: 995, servers.postfix.smtps: 465}
    sealed = scratch / "sealed.pcap"
    sealed.write_bytes(_on_ports(path.read_bytes(), known))
    command("capture", "-r", sealed, "--record-dir", scratch / "record", status=0)
    closed = {row["client"]: mailproxy.timeless(row) for row in _list(scratch / "record")}
    assert len(closed) == 6 and all(row["opaque"] for row in closed.values())
    opened = {row["client"]: mailproxy.timeless(row) for row in _list(scratch / "record", "--keylog", keys)}
    assert opened == {row["client"]: mailproxy.timeless(row) for row in _list(sealed, "--keylog", keys)} != closed
    assert all(row["credentials"] == 1 and not row["opaque"] for row in opened.values())
    wrong = scratch / "wrong"
    wrong.write_text("CLIENT_RANDOM " + "1" * 64 + " " + "2" * 96 + "\n")
    assert {row["client"]: mailproxy.timeless(row) for row in _list(scratch / "record", "--keylog", wrong)} == closed
    report = json.loads(command("audit", scratch / "record", "--keylog", keys, "--format", "json", "--fail-on", "never", status=0).stdout)
    assert [row["account"] for row in report["credentials"]] == [account.address] * 6
    (imap,) = [row for row in _list(scratch / "record") if row["protocol"] == "imap" and row["tls"]["how"] == "implicit"]
    shown = command("sessions", "show", imap["id"], scratch / "record", "--keylog", keys, status=0).stdout
    assert b"FETCH" in shown and account.password.encode() not in shown
    options = ("--format", "json", "--fail-on", "never", "-o", scratch / "watched.json")
    command("audit", "--watch", scratch / "record", "--keylog", keys, "--duration", "1", *options, status=0)
    assert len(json.loads((scratch / "watched.json").read_text())["credentials"]) == 6


def _on_ports(octets, ports):
    """A pcap file of loopback frames with other ports in its TCP headers; their checksums are left to nobody."""
    out, place = bytearray(octets), 24
    (link,) = struct.unpack_from("<I", octets, 20)
    skipped = {1: 14, 101: 0, 113: 16, 276: 20}[link]
    while place + 16 <= len(out):
        (size,) = struct.unpack_from("<I", out, place + 8)
        start = place + 16 + skipped
        tcp = start + (out[start] & 15) * 4
        for field in (tcp, tcp + 2):
            (port,) = struct.unpack_from("!H", out, field)
            struct.pack_into("!H", out, field, ports.get(port, port))
        struct.pack_into("!H", out, tcp + 16, 0)
        place += 16 + size
    return bytes(out)


def test_secrets_in_the_capture(captured, scratch):
    path, keys, _, _ = captured
    inside = scratch / "inside.pcapng"
    checked(["/usr/bin/editcap", "--inject-secrets", f"tls,{keys}", path, inside])
    assert [mailproxy.timeless(row) for row in _list(inside)] == [mailproxy.timeless(row) for row in _list(path, "--keylog", keys)]


def test_audit_reads_with_keys(captured):
    path, keys, account, _ = captured
    report = json.loads(command("audit", path, "--keylog", keys, "--format", "json", "--fail-on", "never", status=0).stdout)
    assert [row["account"] for row in report["credentials"]] == [account.address] * 6
    assert all(row["tls"] for row in report["credentials"])


def test_replays_and_copies_are_made_with_keys(captured, servers, scratch):
    path, keys, account, _ = captured
    done = command("anonymize", path, "--keylog", keys, "-o", scratch / "copy.pcapng", "--json", status=0)
    assert json.loads(done.stdout)["sessions"] == 6
    copied = sorted((row["protocol"], row["messages"], row["credentials"]) for row in _list(scratch / "copy.pcapng"))
    assert copied == sorted((row["protocol"], row["messages"], row["credentials"]) for row in _list(path, "--keylog", keys))
    # The one behind STARTTLS is played up to there: replay begins no TLS.
    to = ("replay", path, "--to", f"imap://{HOST}:{servers.dovecot.imap}", "--user", account.address, "--password", account.password)
    played = {row["session"]: row["exchanges"] for row in mailproxy.rows(command(*to, "--keylog", keys, "--json")) if "session" in row}
    assert len(played) == 2 and max(played.values()) == 7


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"])
def test_suites_and_new_keys(servers, scratch, suite):
    """openssl s_client: each suite of TLS 1.3, and new keys in the middle (`K` asks both sides for them, `k` its own)."""
    port, keys, account = servers.dovecot.imaps, scratch / "keys", servers.accounts.fresh()
    capture = pcap.Capture(scratch, [port])
    lines = [f'a LOGIN {account.address} "{account.password}"\n', "K\n", "b NOOP\n", "k\n", "c LIST \"\" *\n", "K\n", "d LOGOUT\n"]
    talk = _Dialogue(
        ["/usr/bin/openssl", "s_client", "-connect", f"{HOST}:{port}", "-ciphersuites", suite, "-keylogfile", keys, "-crlf"], scratch
    )
    with contextlib.closing(talk):
        talk.until("ready")
        for line, answer in zip(lines, ("a OK", "KEYUPDATE", "b OK", "KEYUPDATE", "c OK", "KEYUPDATE", "d OK")):
            talk.say(line)
            talk.until(answer)
    capture.all_closed(port)
    rows = _list(capture.stop(), "--keylog", keys)
    assert [(row["tls"]["cipher"], row["user"], row["opaque"], row["gaps"]) for row in rows] == [(suite, account.address, False, 0)]
    assert rows[0]["exchanges"] == 5


class _Dialogue:
    """A program that is spoken with over pipes."""

    def __init__(self, arguments, folder):
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=folder)
        self.seen = b""
        self.place = 0
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self):
        while octets := self.process.stdout.read1(65536):
            self.seen += octets

    def say(self, line):
        self.process.stdin.write(line.encode())
        self.process.stdin.flush()

    def until(self, word):
        until(word, lambda: self.seen.find(word.encode(), self.place) >= 0, 20)
        self.place = self.seen.find(word.encode(), self.place) + len(word)

    def close(self):
        self.process.stdin.close()
        self.process.wait(20)
        self.thread.join()
        self.process.stdout.close()


def test_curl_writes_the_keys(servers, scratch):
    port, keys, account = servers.dovecot.imaps, scratch / "keys", servers.accounts.fresh()
    capture = pcap.Capture(scratch, [port])
    checked(
        ["/usr/bin/curl", "-sk", f"imaps://{HOST}:{port}/", "-u", f"{account.address}:{account.password}"],
        env={"PATH": "/usr/bin:/bin", "HOME": str(scratch), "SSLKEYLOGFILE": str(keys)},
    )
    capture.all_closed(port)
    rows = _list(capture.stop(), "--keylog", keys)
    assert [(row["protocol"], row["user"], row["opaque"]) for row in rows] == [("imap", account.address, False)]


def test_the_proxys_own_keys(servers, scratch):
    """SSLKEYLOGFILE of `run` opens both legs; what is read of the client's is what was recorded."""
    keys = scratch / "keys"
    listener = free_port()
    route = f"imaps://{HOST}:{listener}=imaps://{HOST}:{servers.dovecot.imaps}?verify=off"
    account = servers.accounts.fresh()
    with mailproxy.MailProxy(scratch, {}, "--route", route, env={"SSLKEYLOGFILE": str(keys)}) as proxy:
        capture = pcap.Capture(scratch, [listener])
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        _imap(imaplib.IMAP4_SSL(HOST, listener, ssl_context=context), account)
        capture.all_closed(listener)
        path = capture.stop()
    ours, theirs = _list(proxy.record), _list(path, "--keylog", keys)
    for row in (*ours, *theirs):
        assert (row["protocol"], row["user"], row["messages"], row["opaque"]) == ("imap", account.address, 2, False)
    assert [row["exchanges"] for row in ours] == [row["exchanges"] for row in theirs]


def test_what_a_proxy_passed_untouched_is_opened_with_keys(servers, scratch):
    """A session behind STARTTLS that was recorded as it passed, with the keys of its client; one that was intercepted beside it."""
    keys, account = scratch / "keys", servers.accounts.fresh()
    upstream = f"imap://{HOST}:{servers.dovecot.imap}"
    to = ("--record-dir", scratch / "record")
    for name, listener, checked_not in (("untouched", "?tls=passthrough", ""), ("mirrored", "", "?verify=off")):
        with mailproxy.MailProxy(scratch, {"imap": upstream + checked_not}, *to, listener=listener, name=name, record=None) as proxy:
            client = imaplib.IMAP4(HOST, proxy.ports["imap"])
            client.starttls(_context(ONE_THREE, keys))
            _imap(client, account)
    shut, clear = _list(scratch / "record")
    assert (shut["opaque"], shut["messages"], clear["opaque"], clear["messages"]) == (True, 0, False, 2)
    opened, same = _list(scratch / "record", "--keylog", keys)
    assert (opened["opaque"], opened["messages"], opened["user"]) == (False, 2, account.address)
    assert opened["id"] == shut["id"] and mailproxy.timeless(same) == mailproxy.timeless(clear)


@pytest.mark.parametrize("text", [b"\x00\x01nothing of the kind\n" * 10, b"-----BEGIN PRIVATE KEY-----\nMIIB\n"])
def test_what_is_no_key_log(scratch, text):
    keys = scratch / "keys"
    keys.write_bytes(text)
    done = command("sessions", "list", "/dev/null", "--keylog", keys, status=2)
    assert b"no line of it is of a key log" in done.stderr and str(keys).encode() in done.stderr
    done = command("sessions", "list", "/dev/null", "--keylog", scratch / "none", status=2)
    assert b"No such file" in done.stderr


class Socks:
    """A SOCKS 5 server that asks for a name and a password, and lets everybody through."""

    def __init__(self):
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with contextlib.suppress(OSError):
            client, _ = self.listener.accept()
            with client:
                client.recv(257)
                client.sendall(b"\x05\x02")
                client.recv(513)
                client.sendall(b"\x01\x00")
                request = client.recv(262)
                target = socket.create_connection((HOST, struct.unpack("!H", request[-2:])[0]))
                client.sendall(b"\x05\x00\x00\x01" + b"\x7f\x00\x00\x01\x00\x00")
                with target:
                    back = threading.Thread(target=_pump, args=(target, client))
                    back.start()
                    _pump(client, target)
                    back.join()

    def close(self):
        self.listener.close()
        self.thread.join(20)


def _pump(source, sink):
    with contextlib.suppress(OSError):
        while octets := source.recv(65536):
            sink.sendall(octets)
        sink.shutdown(socket.SHUT_WR)


def test_curl_through_socks(servers, scratch):
    account = servers.accounts.fresh()
    with contextlib.closing(Socks()) as socks:
        capture = pcap.Capture(scratch, [socks.port])
        checked(
            [
                "/usr/bin/curl", "-s", "--proxy", f"socks5h://someone:sesame-opens@{HOST}:{socks.port}",
                f"imap://localhost:{servers.dovecot.imap}/", "-u", f"{account.address}:{account.password}",
            ]
        )
        capture.all_closed(socks.port)
        path = capture.stop()
    rows = _list(path)
    assert [(row["protocol"], row["user"], row["via"]) for row in rows] == [("imap", account.address, "socks5")]
    assert rows[0]["destination"] == f"localhost:{servers.dovecot.imap}" and rows[0]["violations"] == 0
    command("capture", "-r", path, "--record-dir", scratch / "record", status=0)
    assert b"sesame-opens" not in b"".join(file.read_bytes() for file in (scratch / "record").iterdir())
