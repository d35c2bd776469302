"""SOCKS 5 (RFC 1928, RFC 1929): clients that say where they want to go, and how the protocol there is recognised."""

import contextlib
import socket
import ssl
import struct
import threading

import pytest

import mailproxy
from mailproxy import MailProxy, command
from processes import HOST, free_port, run, until
from wire import IMAP


@pytest.fixture(scope="module")
def authority(module_scratch):
    data = module_scratch / "authority"
    command("ca", "create", "--data-dir", data, status=0)
    return data, data / "ca" / "ca.crt"


class Socks(IMAP):
    """A client of SOCKS, word by word."""

    def greet(self, *methods):
        self.send(bytes([5, len(methods), *methods]))
        return self.exactly(2)

    def login(self, name, password):
        self.send(bytes([1, len(name)]) + name.encode() + bytes([len(password)]) + password.encode())
        return self.exactly(2)

    def ask(self, host, port, command=1):
        """Asks for a connection; gives the code of the reply."""
        try:
            address = b"\1" + socket.inet_pton(socket.AF_INET, host)
        except OSError:
            try:
                address = b"\4" + socket.inet_pton(socket.AF_INET6, host)
            except OSError:
                address = b"\3" + bytes([len(host)]) + host.encode()
        self.send(bytes([5, command, 0]) + address + struct.pack("!H", port))
        version, code, _, kind = self.exactly(4)
        assert version == 5
        self.exactly({1: 4, 4: 16}[kind] + 2)
        return code


class Server:
    """Says something first, or nothing, and then what it is told."""

    def __init__(self, greeting, host=HOST, port=0, family=socket.AF_INET, context=None):
        self.greeting, self.seen, self.context = greeting, [], context
        self.listener = socket.create_server((host, port), family=family)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._run, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with contextlib.suppress(OSError), connection:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            connection.sendall(self.greeting)
            for line in connection.makefile("rb"):
                self.seen.append(line)
                word = line.split()[0] if line.split() else b""
                connection.sendall(b"%s OK done\r\n" % word if self.greeting[:1] == b"*" else b"250 OK\r\n")


def _proxy(folder, options="", upstream="", **more):
    port = free_port()
    return port, MailProxy(folder, {}, "--route", f"socks5://{HOST}:{port}{options}{upstream}", **more)


def _row(proxy):
    rows = mailproxy.sessions(proxy.record)
    assert len(rows) == 1, rows
    return rows[0]


@pytest.mark.parametrize("scheme", ["socks5", "socks5h"])
def test_curl_reads_mail_of_dovecot(servers, scratch, scheme):
    account = servers.accounts.fresh()
    port, started = _proxy(scratch)
    host = HOST if scheme == "socks5" else "localhost"
    with started as proxy:
        for protocol in "imap", "pop3":
            where = f"{protocol}://{host}:{servers.ports[protocol]}/"
            done = run(
                ["/usr/bin/curl", "-sSv", "--proxy", f"{scheme}://{HOST}:{port}", where]
                + ["-u", f"{account.address}:{account.password}"]
            )
            assert done.returncode == 0, done
    rows = mailproxy.sessions(proxy.record)
    assert [row["protocol"] for row in rows] == ["imap", "pop3"]
    assert all(row["via"] == "socks5" and row["user"] == account.address for row in rows)
    assert [row["server"] for row in rows] == [f"{HOST}:{servers.ports[p]}" for p in ("imap", "pop3")]
    if scheme == "socks5h":
        assert rows[0]["destination"] == f"localhost:{servers.ports['imap']}"
        shown = command("sessions", "show", rows[0]["id"], proxy.record, status=0).stdout.decode()
        assert f"SOCKS 5 to localhost:{servers.ports['imap']}" in shown


def test_starttls_with_the_server_that_the_client_names(servers, authority, scratch):
    account = servers.accounts.fresh()
    port, started = _proxy(scratch, "", f"=destination?ca={servers.certificate.certificate}", data=authority[0])
    with started as proxy:
        for host, status in (HOST, 0), ("localhost", 64):
            # The certificate is for the address, and not for localhost: then TLS is refused, and curl insists on it.
            done = run(
                ["/usr/bin/curl", "-sSv", "--proxy", f"socks5h://{HOST}:{port}", "--ssl-reqd", "--cacert", authority[1]]
                + [f"imap://{host}:{servers.ports['imap']}/", "-u", f"{account.address}:{account.password}"]
            )
            assert done.returncode == status, done
    good, bad = mailproxy.sessions(proxy.record)
    assert good["tls"]["how"] == good["upstream_tls"]["how"] == "starttls" and good["user"] == account.address
    assert bad["user"] is None


def test_netcat(scratch):
    port, started = _proxy(scratch)
    with Server(b"* OK ready\r\n") as server, started as proxy:
        done = run(["/usr/bin/nc", "-N", "-X", "5", "-x", f"{HOST}:{port}", HOST, str(server.port)], b"a NOOP\r\n")
        assert done.stdout == b"* OK ready\r\na OK done\r\n", done
    assert _row(proxy)["via"] == "socks5"


@pytest.mark.parametrize("drip", [False, True], ids=["whole", "dripping"])
@pytest.mark.parametrize(
    "greeting, protocol",
    [(b"220 ready\r\n", "smtp"), (b"+OK ready\r\n", "pop3"), (b"* OK ready\r\n", "imap"), (b"220-a\r\n220 b\r\n", "smtp")],
)
def test_the_greeting_tells_the_protocol(scratch, greeting, protocol, drip):
    port, started = _proxy(scratch)
    with Server(greeting) as server, started as proxy:
        with Socks(HOST, port, drip=drip) as wire:
            assert wire.greet(0) == b"\5\0"
            assert wire.ask(HOST, server.port) == 0
            assert wire.exactly(len(greeting)) == greeting
            # What the client says before it hears the greeting arrives, too.
            wire.send("NOOP\r\n")
            until("the command", lambda: server.seen == [b"NOOP\r\n"])
    assert _row(proxy)["protocol"] == protocol


def test_a_client_in_haste_loses_nothing(scratch):
    port, started = _proxy(scratch)
    with Server(b"* OK ready\r\n") as server, started as proxy:
        with Socks(HOST, port) as wire:
            request = b"\5\1\0" + b"\5\1\0\1\x7f\0\0\1" + struct.pack("!H", server.port)
            wire.send(request + b"a NOOP\r\nb LOGOUT\r\n")
            assert wire.exactly(4)[:2] == b"\5\0"
            assert wire.exactly(2 + 4) is not None
            wire.until(b"b OK")
        assert server.seen == [b"a NOOP\r\n", b"b LOGOUT\r\n"]
    assert _row(proxy)["exchanges"] >= 2


def test_ipv6(scratch):
    port, started = _proxy(scratch)
    with Server(b"* OK ready\r\n", "::1", family=socket.AF_INET6) as server, started as proxy:
        with Socks(HOST, port) as wire:
            wire.greet(0)
            assert wire.ask("::1", server.port) == 0
            wire.until(b"* OK")
            wire.say("NOOP")
    assert _row(proxy)["server"] == f"[::1]:{server.port}"


def test_failures_have_their_codes(scratch):
    port, started = _proxy(scratch)
    closed = free_port()
    with started as proxy:
        for host, wanted, code, verb in [
            (HOST, closed, 5, 1),
            ("nobody.invalid", 143, 4, 1),
            ("255.255.255.255", 143, 3, 1),
            (HOST, 143, 7, 2),
            (HOST, 143, 7, 3),
            (HOST, port, 2, 1),
            ("localhost", port, 2, 1),
        ]:
            with Socks(HOST, port) as wire:
                wire.greet(0)
                assert wire.ask(host, wanted, verb) == code, (host, wanted)
                assert wire.rest() == b""
        with Socks(HOST, port) as wire:
            assert wire.greet(2) == b"\5\xff" and wire.rest() == b""
        with Socks(HOST, port) as wire:
            wire.send(b"\4\1\0\x19\x7f\0\0\1\0")
            assert wire.rest() == b""
        until("the log", lambda: "it speaks SOCKS 4; it is refused" in proxy.said())
        assert f"{HOST}:{port} is a listener of ours, a loop; it is refused" in proxy.said()
        assert f"{HOST}:{closed}: Connection refused; it is refused" in proxy.said()
        # curl says what it was told.
        done = run(["/usr/bin/curl", "-sS", "--proxy", f"socks5h://{HOST}:{port}", f"imap://{HOST}:{closed}/"])
        assert done.returncode == 97 and b"(5)" in done.stderr, done
    assert mailproxy.sessions(proxy.record) == []


def test_users(scratch):
    users = scratch / "users"
    users.write_text("# those who may\nyou:se:cret\n")
    users.chmod(0o644)
    done = command("run", "--route", f"socks5://{HOST}:1?users={users}", status=2)
    assert f"{users} holds passwords and can be read by others (mode 644)" in done.stderr.decode()
    users.chmod(0o600)
    port, started = _proxy(scratch, f"?users={users}")
    with Server(b"* OK ready\r\n") as server, started as proxy:
        for login, status in [("you:se:cret@", 8), ("you:wrong@", 97), ("me:se:cret@", 97), ("", 97)]:
            where = f"imap://{HOST}:{server.port}/"
            done = run(["/usr/bin/curl", "-sS", "-m", "5", "--proxy", f"socks5h://{login}{HOST}:{port}", where])
            if status == 97:
                assert done.returncode == 97, (login, done)
            else:
                assert server.seen, done
        with Socks(HOST, port) as wire:
            assert wire.greet(0, 2) == b"\5\2"
            assert wire.login("you", "se:cret") == b"\1\0"
            assert wire.ask(HOST, server.port) == 0
        assert "its user name or its password is wrong" in proxy.said()
        # No secret in the log, nor in what is recorded.
        assert "se:cret" not in proxy.said() and "wrong@" not in proxy.said()
    for file in proxy.record.iterdir():
        assert b"se:cret" not in file.read_bytes()
    for text, reason in [("nobody\n", "names no users"), ("", "names no users")]:
        users.write_text(text)
        done = command("run", "--route", f"socks5://{HOST}:1?users={users}", status=2)
        assert reason in done.stderr.decode()
    done = command("run", "--route", f"socks5://{HOST}:1?users={scratch}/none", status=2)
    assert "cannot read the file of users" in done.stderr.decode()


def test_what_is_no_mail_is_closed(scratch):
    port, started = _proxy(scratch)
    with Server(b"SSH-2.0-x\r\n") as server, Server(b"", HOST) as silent, started as proxy:
        with Socks(HOST, port) as wire:
            wire.greet(0)
            assert wire.ask(HOST, server.port) == 0
            assert wire.rest() == b""
        until("the log", lambda: "does not greet as a mail server does" in proxy.said())
        with Socks(HOST, port) as wire:
            wire.greet(0)
            assert wire.ask(HOST, silent.port) == 0
            context = ssl._create_unverified_context()
            with pytest.raises(OSError):
                context.wrap_socket(wire.socket)
        until("the log", lambda: "neither the port nor the client says which protocol is in it" in proxy.said())


@contextlib.contextmanager
def _secured(folder, port=0):
    """An IMAP server under TLS with a certificate of its own for imap.example.com."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    run(
        ["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + ["-keyout", key, "-out", certificate, "-subj", "/CN=imap.example.com", "-days", "2"]
        + ["-addext", "subjectAltName=DNS:imap.example.com,DNS:localhost"]
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Server(b"* OK secured\r\n", port=port, context=context) as server:
        yield server, certificate


def test_tls_on_any_port_is_recognised_by_its_application_protocol(authority, scratch):
    with _secured(scratch) as (server, roots):
        port, started = _proxy(scratch, "", f"=destination?ca={roots}", data=authority[0])
        with started as proxy:
            with Socks(HOST, port) as wire:
                wire.greet(0)
                # The address says nothing of a name: the one that the client asks for is checked.
                assert wire.ask(HOST, server.port) == 0
                context = ssl.create_default_context(cafile=authority[1])
                context.set_alpn_protocols(["imap"])
                with context.wrap_socket(wire.socket, server_hostname="imap.example.com") as secured:
                    assert secured.recv(100) == b"* OK secured\r\n"
                    secured.sendall(b"a NOOP\r\n")
                    assert secured.recv(100) == b"a OK done\r\n"
        row = _row(proxy)
        assert row["protocol"] == "imap" and row["tls"]["sni"] == "imap.example.com", row
        assert row["upstream_tls"]["how"] == "implicit"


def test_a_protocol_for_unknown_ports(authority, scratch):
    with _secured(scratch) as (server, roots):
        port, started = _proxy(scratch, "?protocol=imap", f"=destination?ca={roots}", data=authority[0])
        with started as proxy:
            done = run(
                ["/usr/bin/curl", "-sSv", "-m", "10", "--no-alpn", "--proxy", f"socks5h://{HOST}:{port}"]
                + ["--cacert", authority[1], f"imaps://localhost:{server.port}/", "-X", "NOOP"]
            )
            assert b"* OK secured" in done.stderr, done
        assert _row(proxy)["destination"] == f"localhost:{server.port}"


def test_a_certificate_for_another_name_is_refused(authority, scratch):
    with _secured(scratch) as (server, roots):
        port, started = _proxy(scratch, "?protocol=imap", f"=destination?ca={roots}", data=authority[0])
        with started as proxy:
            with Socks(HOST, port) as wire:
                wire.greet(0)
                wire.ask(HOST, server.port)
                context = ssl.create_default_context(cafile=authority[1])
                with context.wrap_socket(wire.socket, server_hostname="other.example.com") as secured:
                    assert secured.recv(100).startswith(b"* BYE")
            until("the log", lambda: "other.example.com" in proxy.said() or "certificate" in proxy.said())


def test_rules_and_their_client(scratch):
    rules = scratch / "rules.yaml"
    rules.write_text("rules:\n  - name: no-noop\n    when: imap and command == \"NOOP\"\n    then:\n      - reject: \"NO not now\"\n")
    port = free_port()
    options = ["--rules", rules, "--route", f"socks5://{HOST}:{port}"]
    with Server(b"* OK ready\r\n") as server, MailProxy(scratch, {}, *options):
        with Socks(HOST, port) as wire:
            wire.greet(0)
            wire.ask(HOST, server.port)
            wire.until(b"* OK")
            wire.say("NOOP", good=b"NO")
        assert server.seen == []


def test_a_listener_for_anybody_is_refused(scratch):
    port = free_port()
    done = command("run", "--route", f"socks5://0.0.0.0:{port}", status=2)
    assert "can be reached from other machines" in done.stderr.decode()
    with MailProxy(scratch, {}, "--route", f"socks5://0.0.0.0:{port}=destination?verify=off", "--allow-remote") as proxy:
        assert f"anybody may use socks5 0.0.0.0:{port}; '?users=FILE' asks for a login" in proxy.said()
        assert "the certificate of destination is not checked" in proxy.said()
        assert "clients under TLS have to trust" in proxy.said()
