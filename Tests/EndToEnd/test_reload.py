"""SIGHUP: routes, certificates and rules are read again, and no session and no connection is lost by it."""

import base64
import signal
import socket
import ssl
import threading
import time

import pytest

import mailproxy
from mailproxy import MailProxy, command
from peers import Certificate
from processes import HOST, free_port, until
from test_upstreams import GREETING, Named
from test_watched import figures, value
from wire import SMTP, Wire


def written(path, *routes, more=""):
    path.write_text("routes:\n" + "".join(f'  - "{route}"\n' for route in routes) + more)


def reload(proxy, words):
    """SIGHUP, and the words that it must say then."""
    before = proxy.said().count(words)
    proxy.process.kill(signal.SIGHUP)
    until(words, lambda: proxy.said().count(words) > before)


def greeting(port):
    with Wire(HOST, port) as client:
        return client.line()


def refused(port):
    try:
        socket.create_connection((HOST, port), 5).close()
    except ConnectionRefusedError:
        return True
    return False


def test_routes_come_and_go_and_lead_elsewhere(scratch):
    kept, gone, new = free_port(), free_port(), free_port()
    config = scratch / "mailproxy.yaml"
    with Named("smtp", "one") as one, Named("smtp", "two") as two, Named("smtp", "three") as three:
        here, there, away = (f"smtp://{HOST}:{server.port}" for server in (one, two, three))
        written(config, f"smtp://{HOST}:{kept}={here}", f"smtp://{HOST}:{gone}={away}")
        with MailProxy(scratch, {}, "--config", config) as proxy:
            with SMTP(HOST, kept) as first, SMTP(HOST, gone) as second:
                assert first.line() == b"220 one ESMTP\r\n" and second.line() == b"220 three ESMTP\r\n"
                written(config, f"smtp://{HOST}:{kept}={there}", f"smtp://{HOST}:{new}={there}")
                reload(proxy, "read again: 2 listeners")
                assert greeting(kept) == greeting(new) == b"220 two ESMTP\r\n"
                assert refused(gone)
                # Sessions of the old routes go on, also where nobody listens any more.
                for client in (first, second):
                    client.send("NOOP\r\n")
                until("both arrived", lambda: one.got == three.got == b"NOOP\r\n")
            said = proxy.said()
            assert f"no longer: smtp {HOST}:{gone} -> {away}" in said and f"now: smtp {HOST}:{new} -> {there}" in said
            assert f"now: smtp {HOST}:{kept} -> {there}" in said
            # And the way back.
            written(config, f"smtp://{HOST}:{gone}={here}")
            reload(proxy, "read again: 1 listeners")
            assert greeting(gone) == b"220 one ESMTP\r\n" and refused(kept) and refused(new)


def test_a_mistake_changes_nothing(scratch):
    """Whatever is wrong is said with its place, and all goes on as before: the good parts of a bad file too."""
    port, other = free_port(), free_port()
    config, rules = scratch / "mailproxy.yaml", scratch / "rules.yaml"
    taken = socket.create_server((HOST, 0))
    with Named("smtp", "one") as one:
        route = f"smtp://{HOST}:{port}=smtp://{HOST}:{one.port}"
        new = f"smtp://{HOST}:{other}=smtp://{HOST}:{one.port}"
        written(config, route)
        with MailProxy(scratch, {}, "--config", config) as proxy:
            for routes, more, words in (
                ([new, "smtp://nowhere"], "", "mailproxy.yaml:3"),
                ([new], "unknown: 1\n", "mailproxy.yaml:3:1: unknown key 'unknown'"),
                ([new, f"smtp://{HOST}:{taken.getsockname()[1]}=smtp://{HOST}:{one.port}"], "", "Address already in use"),
                ([new, f"smtp://0.0.0.0:{free_port()}=smtp://{HOST}:{one.port}"], "", "can be reached from other machines"),
                ([new, f"imaps://{HOST}:{free_port()}?cert=/nowhere&key=/nowhere=imap://{HOST}:1"], "", "/nowhere"),
                ([new, f"pop3://{HOST}:{free_port()}=fallback"], "", "opened at the start only"),
                ([new], f"rules: ['{rules}']\n", "rules.yaml"),
            ):
                written(config, *routes, more=more)
                rules.write_text("rules: [{name: x, when: nonsense ==, then: [{tag: y}]}]\n")
                reload(proxy, "nothing changed: ")
                assert words in proxy.process.err.splitlines()[-1], (words, proxy.process.err.splitlines()[-1])
                assert greeting(port) == b"220 one ESMTP\r\n" and refused(other), words
            config.unlink()
            reload(proxy, "nothing changed: ")
            written(config, route, new)
            reload(proxy, "read again: 2 listeners")
            assert greeting(other) == b"220 one ESMTP\r\n"
    taken.close()


def test_an_empty_file_changes_nothing(scratch):
    """As an editor leaves it for a moment."""
    port = free_port()
    config = scratch / "mailproxy.yaml"
    with Named("smtp", "one") as one:
        written(config, f"smtp://{HOST}:{port}=smtp://{HOST}:{one.port}")
        content = config.read_text()
        with MailProxy(scratch, {}, "--config", config) as proxy:
            for nothing in "", "\n\n", "# nothing\n":
                config.write_text(nothing)
                reload(proxy, f"nothing changed: {config}: is empty")
                assert greeting(port) == b"220 one ESMTP\r\n"
            config.write_text(content)
            reload(proxy, "read again: 1 listeners")


def test_a_reload_that_fails_makes_no_authority(scratch):
    """What is made is made last, when nothing else can go wrong; and a start that fails makes none either."""
    port, secured = free_port(), free_port()
    config = scratch / "mailproxy.yaml"
    old, new = f"smtp://{HOST}:{port}=fallback", f"smtps://{HOST}:{secured}=fallback"
    taken = socket.create_server((HOST, 0))
    busy = f"smtp://{HOST}:{taken.getsockname()[1]}=fallback"
    written(config, old)
    with MailProxy(scratch, {}, "--config", config) as proxy:
        made = proxy.data / "ca"
        for routes, more in (([old, new, busy], ""), ([old, new], "rules: ['nowhere.yaml']\n"), ([new, "smtp://nowhere"], "")):
            written(config, *routes, more=more)
            reload(proxy, "nothing changed: ")
            assert not made.exists()
        written(config, f"imaps://{HOST}:{free_port()}?cert=/nowhere&key=/nowhere=fallback", new)
        reload(proxy, "nothing changed: ")
        assert not made.exists()
        written(config, old, new)
        reload(proxy, "read again: 2 listeners")
        assert (made / "ca.crt").exists()
    written(config, new, busy)
    command("run", "--config", config, "--data-dir", scratch / "other", "--no-record", status=3, folder=scratch)
    assert not (scratch / "other" / "ca").exists()
    taken.close()


def test_permissions_of_a_socket_file_are_changed(scratch):
    """By a reload: the file stays the same, and so do the sessions on it."""
    config, path = scratch / "mailproxy.yaml", scratch / "smtp.sock"

    def come():
        client = socket.socket(socket.AF_UNIX)
        client.settimeout(20)
        client.connect(str(path))
        assert client.recv(1000).startswith(b"220 ")
        return client

    written(config, f"smtp://unix:{path}?mode=0600=fallback")
    with MailProxy(scratch, {}, "--config", config) as proxy:
        before = path.stat()
        assert before.st_mode & 0o777 == 0o600
        with come() as kept:
            written(config, f"smtp://unix:{path}?mode=0666=fallback")
            reload(proxy, "read again: 1 listeners")
            after = path.stat()
            assert (after.st_mode & 0o777, after.st_ino) == (0o666, before.st_ino)
            kept.sendall(b"NOOP\r\n")
            assert kept.recv(1000).startswith(b"250 ")
            come().close()
        # A reload that fails leaves them as they are.
        written(config, f"smtp://unix:{path}?mode=0600=fallback", "smtp://nowhere")
        reload(proxy, "nothing changed: ")
        assert path.stat().st_mode & 0o777 == 0o666
    assert not path.exists()


def test_what_is_known_of_upstreams_stays_known(scratch):
    """One that is left alone is left alone behind a reload too, and nothing that was counted is lost."""
    port, away, metrics = free_port(), free_port(), free_port()
    config = scratch / "mailproxy.yaml"
    with Named("smtp", "one") as one, Named("smtp", "two") as two:
        target = f"smtp://{HOST}:{away},smtp://{HOST}:{one.port}"
        written(config, f"smtp://{HOST}:{port}={target}")
        with MailProxy(scratch, {}, "--config", config, "--metrics", f"{HOST}:{metrics}") as proxy:
            for _ in range(3):
                assert greeting(port) == b"220 one ESMTP\r\n"
            for routes in ([f"smtp://{HOST}:{port}={target}"], [f"smtp://{HOST}:{port}={target},smtp://{HOST}:{two.port}"]):
                written(config, *routes)
                reload(proxy, "read again: 1 listeners")
                now = figures(metrics)
                assert value(now, "mailproxy_upstream_up", upstream=f"smtp://{HOST}:{away}") == 0
                assert value(now, "mailproxy_upstream_tries_failed_total", upstream=f"smtp://{HOST}:{away}") == 3
                assert value(now, "mailproxy_upstream_sessions_total", upstream=f"smtp://{HOST}:{one.port}") == 3
            # Another entry for the same server is another upstream.
            written(config, f"smtp://{HOST}:{port}={target.replace(str(away), f'{away}?proxy-protocol=v1')}")
            reload(proxy, "read again: 1 listeners")
            assert value(figures(metrics), "mailproxy_upstream_up", upstream=f"smtp://{HOST}:{away}") == 1


def test_what_waits_for_the_next_start_is_said(scratch):
    port = free_port()
    config = scratch / "mailproxy.yaml"
    written(config, f"smtp://{HOST}:{port}=fallback")
    with MailProxy(scratch, {}, "--config", config) as proxy:
        written(config, f"smtp://{HOST}:{port}=fallback", more="server:\n  name: other.example.com\nlimits:\n  sessions: 5\n")
        reload(proxy, "after the next start only")
        assert "limits.sessions" in proxy.said() and "server.name" in proxy.said()
        assert b"other.example.com" not in greeting(port)


def test_certificates_are_read_again(scratch):
    """The files of a route have other contents: new sessions are shown the new certificate, old ones go on."""
    (scratch / "a").mkdir()
    (scratch / "b").mkdir()
    old, new = Certificate(scratch / "a"), Certificate(scratch / "b")
    certificate, key = scratch / "now.pem", scratch / "now.key"

    def put(source):
        certificate.write_bytes(source.certificate.read_bytes())
        key.write_bytes(source.key.read_bytes())
        key.chmod(0o600)

    def shown(connection):
        return connection.getpeercert(binary_form=True)

    def pem(source):
        return ssl.PEM_cert_to_DER_cert(source.certificate.read_text())

    def connect():
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context.wrap_socket(socket.create_connection((HOST, port), 20))

    put(old)
    port = free_port()
    with MailProxy(scratch, {}, "--route", f"imaps://{HOST}:{port}?cert={certificate}&key={key}=fallback") as proxy:
        with connect() as first:
            assert shown(first) == pem(old) and first.recv(1000).startswith(b"* OK")
            put(new)
            reload(proxy, "read again: 1 listeners")
            with connect() as second:
                assert shown(second) == pem(new) and second.recv(1000).startswith(b"* OK")
            first.sendall(b"a NOOP\r\n")
            assert first.recv(1000).startswith(b"a OK")
            # Half a change: the key is not that of the certificate.
            certificate.write_bytes(old.certificate.read_bytes())
            reload(proxy, "nothing changed: ")
            with connect() as third:
                assert shown(third) == pem(new)


@pytest.mark.parametrize("protocol", GREETING)
def test_no_connection_is_lost(protocol, scratch):
    """Clients come without a pause while all is read again and again; each of them is greeted and answered."""
    port = free_port()
    config = scratch / "mailproxy.yaml"
    failures, count = [], [0]
    over = threading.Event()
    line = {"smtp": b"QUIT\r\n", "pop3": b"QUIT\r\n", "imap": b"a LOGOUT\r\n"}[protocol]

    def come():
        while not over.is_set():
            try:
                with Wire(HOST, port) as client:
                    if not client.line().startswith(GREETING[protocol].split(b"%")[0]):
                        failures.append("no greeting")
                    client.send(line)
                    if not client.rest():
                        failures.append("no answer")
                    count[0] += 1
            except OSError as error:
                failures.append(repr(error))

    written(config, f"{protocol}://{HOST}:{port}=fallback")
    with MailProxy(scratch, {}, "--config", config) as proxy:
        threads = [threading.Thread(target=come) for _ in range(4)]
        for thread in threads:
            thread.start()
        for round in range(20):
            extra = [f"{protocol}://{HOST}:{free_port()}=fallback"] if round % 2 else []
            written(config, f"{protocol}://{HOST}:{port}=fallback", *extra)
            reload(proxy, "read again: ")
            time.sleep(0.02)
        over.set()
        for thread in threads:
            thread.join()
    assert not failures and count[0] > 20, (failures[:5], count)


class Recorded:
    """A proxy to the built-in server whose configuration has lines of `record`."""

    def __init__(self, scratch, *lines):
        self.config, self.port = scratch / "mailproxy.yaml", free_port()
        self.write(*lines)
        self.proxy = MailProxy(scratch, {}, "--config", self.config)

    def write(self, *lines):
        written(self.config, f"smtp://{HOST}:{self.port}=fallback", more="record:\n" + "".join(f"  {line}\n" for line in lines))

    def mail(self, client, word):
        client.send(f"MAIL FROM:<ada@example.org>\r\nRCPT TO:<user@example.com>\r\nDATA\r\nSubject: {word}\r\n\r\nbody-{word}\r\n.\r\n")
        for code in (250, 250, 354, 250):
            client.reply(code)

    def client(self):
        client = SMTP(HOST, self.port)
        client.reply(220)
        client.say("EHLO client.example.org", 250)
        return client

    def octets(self):
        return b"".join(path.read_bytes() for path in sorted(self.proxy.record.glob("*.pcapng")))


def test_what_is_recorded_is_read_again(scratch):
    """For sessions that begin then; one that goes on is recorded as it was begun."""
    recorded = Recorded(scratch, "what: all")
    with recorded.proxy as proxy:
        with recorded.client() as old:
            recorded.mail(old, "first")
            recorded.write("what: envelope")
            reload(proxy, "read again: 1 listeners")
            assert "in force from now on: record.what" in proxy.said()
            recorded.mail(old, "second")
            with recorded.client() as new:
                recorded.mail(new, "third")
        recorded.write("what: never")
        reload(proxy, "read again: 1 listeners")
        with recorded.client() as none:
            recorded.mail(none, "fourth")
        # A mistake leaves it so.
        recorded.write("what: 'envelope when nonsense =='")
        reload(proxy, "nothing changed: ")
        assert "mailproxy.yaml:4" in proxy.process.err.splitlines()[-1]
        with recorded.client() as none:
            recorded.mail(none, "fifth")
        recorded.write("what: headers")
        reload(proxy, "read again: 1 listeners")
        with recorded.client() as new:
            recorded.mail(new, "sixth")
    kept = recorded.octets()
    there = [word for word in ("first", "second", "third", "fourth", "fifth", "sixth") if f"Subject: {word}".encode() in kept]
    whole = [word for word in ("first", "second", "third", "fourth", "fifth", "sixth") if f"body-{word}".encode() in kept]
    assert (there, whole) == (["first", "second", "sixth"], ["first", "second"])
    assert len(mailproxy.sessions(proxy.record)) == 3
    assert "next start" not in proxy.said()


def test_what_becomes_of_secrets_is_read_again(scratch):
    """A session that is sealed stays sealed, one that began later is masked."""
    password = "one-pass-word-71"
    command("seal", "create", "--data-dir", scratch / "keys", status=0)
    public, private = (scratch / "keys" / "seal" / name for name in ("seal.pub", "seal.key"))
    login = base64.b64encode(f"\0you@example.com\0{password}".encode()).decode()
    recorded = Recorded(scratch, "secrets: seal", f"seal-key: {public}")
    with recorded.proxy as proxy:
        with recorded.client() as old:
            recorded.write("secrets: mask")
            reload(proxy, "read again: 1 listeners")
            assert "in force from now on: record.secrets, record.seal-key" in proxy.said()
            old.say(f"AUTH PLAIN {login}", 235)
            with recorded.client() as new:
                new.say(f"AUTH PLAIN {login}", 235)
        # The key of a new setting is looked for before anything changes.
        recorded.write("secrets: seal", "seal-key: /nowhere")
        reload(proxy, "nothing changed: ")
        assert "/nowhere" in proxy.process.err.splitlines()[-1]
    logins = mailproxy.rows(command("unseal", "--list", "--json", proxy.record, "--key", private, status=0))
    assert sorted(row["secret"] for row in logins) == ["*" * len(password), password]
    assert password.encode() not in recorded.octets()


def test_how_segments_are_kept_is_read_again(scratch):
    """At once, for what is there already."""
    recorded = Recorded(scratch, "segment-size: 65536")
    with recorded.proxy as proxy:
        with recorded.client() as client:
            for number in range(12):
                recorded.mail(client, f"{number}" + "\r\nX: " * 3 + ("y" * 900 + "\r\n") * 20)
        until("two segments to be closed", lambda: len(mailproxy.segments(proxy.record)) >= 3)
        first = mailproxy.segments(proxy.record)[0]
        recorded.write("segment-size: 65536", "keep: ['1 minute: smtp']")
        reload(proxy, "nothing changed: ")
        assert "'1 minute' is no time" in proxy.process.err.splitlines()[-1]
        recorded.write("segment-size: 65536", "keep-size: 1048576")
        # The variable says that nothing is packed.
        reload(proxy, "read again: 1 listeners")
        assert "in force from now on: record.keep-size" in proxy.said()
        with recorded.client() as client:
            for number in range(60):
                recorded.mail(client, f"{number}" + "\r\nX: " * 3 + ("y" * 900 + "\r\n") * 20)
        until("the first segment to be removed", lambda: not first.exists())
    assert "the recording had more than 1048576 octets" in proxy.said()
