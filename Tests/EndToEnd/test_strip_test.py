"""Strip tests: real clients before routes that keep TLS from them or show wrong certificates. What they give away is seen, and goes
nowhere: not to the upstream, not into the recording, the log or the file of verdicts."""

import base64
import contextlib
import imaplib
import json
import poplib
import smtplib
import socket
import ssl
import stat
import urllib.request

import pytest

import mailproxy
import strip_clients
import tls_peers
from mailproxy import command
from processes import HOST, free_port, until
from strip_clients import PASSWORD, USER, Errand

VECTORS = {
    "smtp": [
        "control", "capability-removed", "extensions-refused", "starttls-temporary-error", "starttls-error", "starttls-invalid-answer",
        "starttls-clear-answer", "untrusted-certificate", "wrong-name", "expired", "tls-1.0", "injected-response",
    ],
    "imaps": ["control", "untrusted-certificate", "wrong-name", "expired", "tls-1.0"],
}  # fmt: skip
VECTORS["pop3"] = VECTORS["smtp"]
VECTORS["imap"] = [*(vector for vector in VECTORS["smtp"] if vector != "extensions-refused"), "preauth"]

# Of a client that insists on TLS and looks at certificates nothing is to be had, but for what it may fall for in the version that is
# installed: isync 1.4 and swaks take words from before the edge, GnuTLS has TLS 1.0 in its defaults.
STRICT = {
    "curl --ssl-reqd smtp": set(),
    "msmtp": {"tls-1.0"},
    "smtplib": set(),
    "swaks --tls --tls-verify": {"wrong-name", "injected-response"},
    "openssl s_client smtp": set(),
    "curl --ssl-reqd pop3": set(),
    "poplib": set(),
    "fetchmail pop3 sslproto": set(),
    "curl --ssl-reqd imap": set(),
    "imaplib": set(),
    "mbsync STARTTLS": {"injected-response"},
    "fetchmail imap sslproto": set(),
    "curl imaps": set(),
    "imaplib imaps": set(),
    "mbsync imaps": set(),
}
# What others fall for at least.
LAX = {
    "curl --ssl smtp": {"capability-removed", "starttls-error"},
    "curl --ssl pop3": {"capability-removed"},
    "curl --ssl imap": {"capability-removed"},
    "curl --ssl-reqd -k smtp": {"untrusted-certificate", "wrong-name", "expired"},
    "swaks --tls-optional": {"capability-removed", "starttls-temporary-error"},
    "swaks --tls": {"untrusted-certificate"},
    "smtplib opportunistic": {"capability-removed"},
    "smtplib unverified": {"untrusted-certificate", "wrong-name", "expired"},
    "poplib opportunistic": {"capability-removed"},
    "imaplib opportunistic": {"capability-removed", "preauth"},
    # OfflineIMAP was measured by hand: it hangs behind STARTTLS now and then, also where it talks to Dovecot alone.
    "curl -k imaps": {"untrusted-certificate", "wrong-name", "expired"},
    "imaplib imaps unverified": {"untrusted-certificate", "wrong-name", "expired"},
}


class Lure(tls_peers.Upstream):
    """A server under TLS that says yes to all, and keeps every octet that it hears."""

    def __init__(self, protocol, context):
        super().__init__(getattr(Lure, protocol), context)

    def smtp(self, secured):
        secured.sendall(b"220 mail.example.com ESMTP\r\n")
        for line in self.lines(secured):
            listed = line.upper().startswith(b"EHLO")
            secured.sendall(b"250-mail.example.com\r\n250-AUTH PLAIN LOGIN\r\n250 SIZE\r\n" if listed else b"250 yes\r\n")

    def pop3(self, secured):
        secured.sendall(b"+OK ready <1.2@mail.example.com>\r\n")
        for line in self.lines(secured):
            secured.sendall(b"+OK\r\nUSER\r\nUIDL\r\n.\r\n" if line.upper().startswith(b"CAPA") else b"+OK\r\n")

    def imap(self, secured):
        secured.sendall(b"* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready\r\n")
        for line in self.lines(secured):
            tag, verb = line.split()[:2]
            if verb.upper() == b"CAPABILITY":
                secured.sendall(b"* CAPABILITY IMAP4rev1 SASL-IR ID AUTH=PLAIN\r\n")
            secured.sendall(tag + b" OK done\r\n")

    def lines(self, secured):
        for line in secured.makefile("rb"):
            self.got += line
            yield line


def verdicts(proxy):
    """The lines of the file of verdicts, those that are whole."""
    path = proxy.data / "strip-test.jsonl"
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]] if path.exists() else []


def lure(protocol, servers):
    return Lure(protocol.removesuffix("s") if protocol == "imaps" else protocol, tls_peers.server_context(servers.certificate))


def own(folder, authority):
    """The same authority in a data folder of the test's own: verdicts are kept there."""
    data = folder / "data"
    (data / "ca").mkdir(parents=True)
    for file in ("ca.crt", "ca.key"):
        (data / "ca" / file).write_bytes((authority[0] / "ca" / file).read_bytes())
        (data / "ca" / file).chmod(0o600)
    return data, authority[1]


def run_trial(client, folder, authority, servers):
    """Runs the client through all tests of its protocol; returns the proxy, which has stopped, and what came of each test."""
    protocol, session = strip_clients.CLIENTS[client]
    port = free_port()
    trust = f"ca={servers.certificate.certificate}"
    secure = {"smtp": "smtps", "pop3": "pop3s"}.get(protocol, "imaps")
    vectors = VECTORS[protocol]
    with lure(protocol, servers) as upstream:
        route = f"{protocol}://{HOST}:{port}?tls=strip-test={secure}://{HOST}:{upstream.port}?{trust}"
        with tls_peers.proxy(folder, own(folder, authority), route) as proxy:
            assert "attacks its clients on purpose" in proxy.said()
            errand = Errand(port, authority[1], folder)
            for number in range(len(vectors)):
                session(errand)
                until("the verdict", lambda: len(verdicts(proxy)) > number, 20)
    assert PASSWORD.encode() not in upstream.got
    assert b"MAIL" not in upstream.got and b"AUTH" not in upstream.got.replace(b"AUTH=", b"") and b"LOGIN" not in upstream.got
    return proxy, verdicts(proxy)


def holds_no_secret(proxy, folder):
    """The password is in no file that the proxy wrote, neither as it is nor as SASL has it."""
    forms = [PASSWORD.encode(), base64.b64encode(PASSWORD.encode())]
    forms += [base64.b64encode(name + USER.encode() + b"\0" + PASSWORD.encode()) for name in (b"\0", USER.encode() + b"\0")]
    files = [path for path in folder.rglob("*") if path.is_file() and "mailproxy" in path.name]
    files += [path for place in (proxy.record, proxy.data) for path in place.rglob("*") if path.is_file()]
    assert len(files) > 4
    for path in files:
        for form in forms:
            assert form not in path.read_bytes(), path


@pytest.mark.parametrize("client", STRICT)
def test_a_strict_client_gives_nothing_away(servers, authority, scratch, client):
    proxy, found = run_trial(client, scratch, authority, servers)
    assert [row["vector"] for row in found] == VECTORS[strip_clients.CLIENTS[client][0]]
    fell = {row["vector"] for row in found if row["verdict"] == "fell"}
    assert fell <= STRICT[client], found
    assert all(row["verdict"] != "none" for row in found), found
    holds_no_secret(proxy, scratch)
    shown = command("strip-test", "show", "--data-dir", proxy.data)
    assert shown.returncode == (1 if fell else 0), shown.stdout


@pytest.mark.parametrize("client", LAX)
def test_a_lax_client_is_found_out(servers, authority, scratch, client):
    protocol = strip_clients.CLIENTS[client][0]
    proxy, found = run_trial(client, scratch, authority, servers)
    assert [row["vector"] for row in found] == VECTORS[protocol]
    fell = {row["vector"] for row in found if row["verdict"] == "fell"}
    assert fell >= LAX[client], found
    holds_no_secret(proxy, scratch)
    file = proxy.data / "strip-test.jsonl"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    for row in found:
        if row["verdict"] == "fell" and row["evidence"].startswith(("PLAIN", "LOGIN", "USER")):
            assert row["account"] == USER
    # The recording says the same of each session.
    marks = {row["id"]: row["strip_test"] for row in mailproxy.sessions(proxy.record)}
    assert marks == {row["session"]: {"vector": row["vector"], "verdict": row["verdict"]} for row in found}
    session = next(row["session"] for row in found if row["verdict"] == "fell")
    text = command("sessions", "show", session, proxy.record, status=0).stdout.decode()
    assert f"strip test: {marks[session]['vector']} — fell" in text
    shown = command("strip-test", "show", "--data-dir", proxy.data, status=1).stdout.decode()
    assert all(vector in shown for vector in VECTORS[protocol])
    (row,) = mailproxy.rows(command("strip-test", "show", "--data-dir", proxy.data, "--json", status=1))
    assert row["fell"] and {test["vector"] for test in row["tests"] if test["verdict"] == "fell"} == fell


def test_a_client_that_fails_anyway_shows_nothing(servers, authority, scratch):
    """It does not know the authority, so that nothing wrong with the certificate is why it leaves."""
    port = free_port()
    trust = f"ca={servers.certificate.certificate}"
    route = f"imaps://{HOST}:{port}?tls=strip-test=imaps://{HOST}:{servers.dovecot.imaps}?{trust}"
    with tls_peers.proxy(scratch, own(scratch, authority), route) as proxy:
        for number in range(len(VECTORS["imaps"])):
            with pytest.raises(ssl.SSLError):
                imaplib.IMAP4_SSL(HOST, port, ssl_context=ssl.create_default_context())
            until("the verdict", lambda: len(verdicts(proxy)) > number, 20)
        found = {row["vector"]: row["verdict"] for row in verdicts(proxy)}
    assert list(found) == VECTORS["imaps"]
    assert found["control"] == "none" and found["untrusted-certificate"] == "inconclusive"
    assert "withstood" not in found.values()
    (row,) = mailproxy.rows(command("strip-test", "show", "--data-dir", proxy.data, "--json", status=0))
    assert {test["vector"]: test["verdict"] for test in row["tests"]} == found


class Buffered:
    """A client that keeps what it has read over the edge of the cleartext, or that drops it."""

    # What is said in clear, how its answer ends, and what is said under TLS.
    WORDS = {
        "smtp": ([b"EHLO me", b"STARTTLS"], b"250 ", [b"EHLO me", b"AUTH PLAIN " + base64.b64encode(b"\0anna\0" + PASSWORD.encode())]),
        "pop3": ([b"STLS"], b".", [b"CAPA", b"USER anna", b"PASS " + PASSWORD.encode()]),
        "imap": ([b"a1 CAPABILITY", b"a2 STARTTLS"], b"a", [b"a3 CAPABILITY", b"a4 LOGIN anna " + PASSWORD.encode()]),
    }  # fmt: skip

    def __init__(self, protocol, keeps):
        self.protocol, self.keeps = protocol, keeps

    def session(self, errand):
        clear, last, secret = self.WORDS[self.protocol]
        with contextlib.suppress(OSError, EOFError), socket.create_connection((HOST, errand.port), 20) as plain:
            reader = plain.makefile("rb")
            reader.readline()
            for words in clear:
                plain.sendall(words + b"\r\n")
                answer = self.answer(reader, last if words.startswith((b"EHLO", b"a1")) else b"")
                if answer.startswith(b"5"):
                    return
            if not answer.startswith((b"220", b"+OK", b"a2 OK")):
                return
            # What is there already, and not what would have to be waited for.
            plain.settimeout(0)
            left = reader.peek() if self.keeps else b""
            plain.settimeout(20)
            with ssl.create_default_context(cafile=errand.certificate).wrap_socket(plain, server_hostname=HOST) as secured:
                under = secured.makefile("rb")
                for words in secret:
                    secured.sendall(words + b"\r\n")
                    # The first answer is the one that lies there.
                    if left:
                        left = b""
                    else:
                        self.answer(under, last if words in (b"EHLO me", b"CAPA", b"a3 CAPABILITY") else b"")

    @staticmethod
    def answer(reader, last):
        while line := reader.readline():
            if line.startswith((last, b"5") if last else last):
                return line
        raise EOFError


@pytest.mark.parametrize("keeps", [True, False], ids=["keeps", "drops"])
@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_who_keeps_what_came_in_clear_falls_for_an_injected_answer(servers, authority, scratch, protocol, keeps, monkeypatch):
    monkeypatch.setitem(strip_clients.CLIENTS, "buffered", (protocol, Buffered(protocol, keeps).session))
    proxy, found = run_trial("buffered", scratch, authority, servers)
    (row,) = [row for row in found if row["vector"] == "injected-response"]
    assert row["verdict"] == ("fell" if keeps else "withstood"), row
    assert all(row["verdict"] != "fell" for row in found if row["vector"] != "injected-response"), found
    holds_no_secret(proxy, scratch)


def strip_routes(servers, ports, mode):
    trust = f"ca={servers.certificate.certificate}"
    return [f"{protocol}://{HOST}:{ports[protocol]}{mode}={protocol}://{HOST}:{servers.ports[protocol]}?{trust}" for protocol in ports]


def test_between_tests_clients_are_served(servers, authority, scratch):
    """Every second connection of a client is one to its server, real ones here, and the list of a test is the server's."""
    account = servers.accounts.fresh()
    ports = {protocol: free_port() for protocol in ("smtp", "pop3", "imap")}
    context = tls_peers.client_context(authority)
    routes = strip_routes(servers, ports, "?tls=strip-test&strip-interval=2")
    with tls_peers.proxy(scratch, own(scratch, authority), *routes, options=["--metrics", "127.0.0.1:0"]) as proxy:
        for port in ports.values():
            # The control, and a connection to the server, of somebody who says nothing.
            for _ in range(2):
                socket.create_connection((HOST, port), 20).close()
        until("the controls to end", lambda: [row["vector"] for row in verdicts(proxy)] == 3 * ["control"])
        with smtplib.SMTP(HOST, ports["smtp"]) as client:
            client.ehlo()
            assert not client.has_extn("STARTTLS") and client.has_extn("CHUNKING") and client.has_extn("AUTH")
            # It tries another mechanism, and nobody is there any more.
            with pytest.raises(smtplib.SMTPServerDisconnected):
                client.login(account.address, account.password)
        with smtplib.SMTP(HOST, ports["smtp"]) as client:
            client.starttls(context=context)
            client.sendmail("me@example.org", [account.address], b"Subject: served\r\n\r\nx\r\n")
        with pytest.raises(imaplib.IMAP4.error), imaplib.IMAP4(HOST, ports["imap"]) as client:
            assert "STARTTLS" not in client.capabilities and "LOGINDISABLED" not in client.capabilities
            client.login(account.address, account.password)
        with imaplib.IMAP4(HOST, ports["imap"]) as client:
            client.starttls(ssl_context=context)
            client.login(account.address, account.password)
            until("the message to arrive", lambda: client.select()[1] == [b"1"], 20, 0.05)
        pop = poplib.POP3(HOST, ports["pop3"])
        assert "STLS" not in pop.capa()
        pop.user(account.address)
        with pytest.raises(poplib.error_proto):
            pop.pass_(account.password)
        pop.close()
        pop = poplib.POP3(HOST, ports["pop3"])
        pop.stls(context=context)
        pop.user(account.address)
        pop.pass_(account.password)
        assert pop.stat()[0] == 1
        pop.quit()
        page = next(word for word in proxy.said().split() if word.endswith("/metrics"))
        figures = urllib.request.urlopen(page).read().decode()
        assert figures.count('verdict="fell"} 1') == 3, figures
    found = verdicts(proxy)[3:]
    assert [(row["protocol"], row["vector"], row["verdict"]) for row in found] == [
        (protocol, "capability-removed", "fell") for protocol in ("smtp", "imap", "pop3")
    ]
    assert all(row["account"] == account.address for row in found)
    rows = [row for row in mailproxy.sessions(proxy.record) if row["bytes"]["client"]]
    assert sum("strip_test" in row for row in rows) == 3 and len(rows) == 6
    assert all(row["tls"] and row["upstream_tls"] for row in rows if "strip_test" not in row)
    # Nobody logged in at the real server but those who were served.
    log = servers.dovecot.log()
    assert log.count(f"user=<{account.address}>, method=PLAIN") + log.count(f"user=<{account.address}>, method=LOGIN") <= 2
    filtered = command("sessions", "list", proxy.record, "--filter", 'tag matches "^strip-test/.*/fell$"', "--json", status=0)
    assert len(mailproxy.rows(filtered)) == 3
    command("sessions", "reindex", "--record-dir", proxy.record, status=0)
    assert sum("strip_test" in row for row in mailproxy.sessions(proxy.record)) == 6


def test_the_built_in_server_and_lists_of_upstreams(servers, authority, scratch):
    account = servers.accounts.fresh()
    built_in, listed = free_port(), free_port()
    trust = f"ca={servers.certificate.certificate}"
    with tls_peers.proxy(
        scratch,
        own(scratch, authority),
        f"imap://{HOST}:{built_in}?tls=strip-test=fallback",
        f"imap://{HOST}:{listed}?tls=strip-test=imap://{HOST}:{free_port()}?{trust},imap://{HOST}:{servers.dovecot.imap}?{trust}",
    ) as proxy:
        for port in (built_in, listed):
            with pytest.raises(imaplib.IMAP4.error), imaplib.IMAP4(HOST, port) as client:
                client.login(account.address, account.password)
        # All twelve, and then the client is served.
        for _ in range(40):
            with contextlib.suppress(OSError, imaplib.IMAP4.error), imaplib.IMAP4(HOST, built_in, timeout=20) as client:
                client.starttls(ssl_context=tls_peers.client_context(authority))
                client.login(account.address, account.password)
                client.logout()
                break
        else:
            raise AssertionError(verdicts(proxy))
    assert {row["vector"] for row in verdicts(proxy) if row["route"].endswith("=fallback")} == set(VECTORS["imap"])


def test_rules_hold_at_connect_and_an_upstream_that_is_away_ends_it(servers, authority, scratch):
    (scratch / "rules.yaml").write_text('rules:\n  - name: no-imap\n    when: imap\n    then:\n      - reject: "not today"\n')
    imap, smtp = free_port(), free_port()
    trust = f"ca={servers.certificate.certificate}"
    with tls_peers.proxy(
        scratch,
        own(scratch, authority),
        f"imap://{HOST}:{imap}?tls=strip-test=imap://{HOST}:{servers.dovecot.imap}?{trust}",
        f"smtp://{HOST}:{smtp}?tls=strip-test=smtps://{HOST}:{free_port()}?{trust}",
        options=["--rules", scratch / "rules.yaml"],
    ) as proxy:
        with socket.create_connection((HOST, imap), 20) as client:
            assert tls_peers.read_all(client).startswith(b"* BYE not today")
        with socket.create_connection((HOST, smtp), 20) as client:
            assert tls_peers.read_all(client).startswith(b"421 4.4.1")
    assert verdicts(proxy) == []


def test_a_client_that_goes_back_to_the_clear_is_followed(servers, authority, scratch):
    """Behind a handshake that failed on the same connection, which a recording shows as a conversation of its own."""
    port = free_port()
    with tls_peers.proxy(scratch, own(scratch, authority), *strip_routes(servers, {"imap": port}, "?tls=strip-test")) as proxy:
        for _ in range(5):
            socket.create_connection((HOST, port), 20).close()
        until("five verdicts", lambda: len(verdicts(proxy)) == 5)
        with socket.create_connection((HOST, port), 20) as client:
            reader = client.makefile("rb")
            reader.readline()
            client.sendall(b"a STARTTLS\r\n")
            assert reader.readline().startswith(b"a OK")
            # A record with a handshake that nobody answers.
            client.sendall(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x0a")
            assert reader.readline().startswith(b"* BAD")
            client.sendall(f"b LOGIN anna {PASSWORD}\r\n".encode())
            assert reader.readline().startswith(b"b NO [UNAVAILABLE]")
            assert reader.read() == b""
    row = verdicts(proxy)[-1]
    assert (row["vector"], row["verdict"], row["evidence"]) == ("starttls-clear-answer", "fell", "LOGIN in clear")
    holds_no_secret(proxy, scratch)
    assert [line["command"] for line in mailproxy.exchanges(proxy.record, row["session"])] == ["", "STARTTLS", "LOGIN"]


@pytest.mark.parametrize(
    "route, words",
    [
        ("lmtp://127.0.0.1:0?tls=strip-test=lmtp://127.0.0.1:1", "there is no strip test of LMTP"),
        ("imap://127.0.0.1:0?tls=strip-test&cert=a&key=b=imap://127.0.0.1:1", "leave cert and key away"),
        ("imap://127.0.0.1:0?tls=strip-test=imap://127.0.0.1:1?tls=none", "forbids what the listener's 'tls=strip-test' demands"),
        ("imap://127.0.0.1:0?tls=strip-test&strip-interval=x=imap://127.0.0.1:1", "no number from 1 to 1000"),
        ("imap://127.0.0.1:0?strip-interval=2=imap://127.0.0.1:1", "add tls=strip-test"),
    ],
)
def test_routes_that_do_not_go_together(scratch, route, words):
    done = command("run", "--no-record", "--data-dir", scratch, "--route", route, status=2)
    assert words in done.stderr.decode()


def test_what_the_command_says(scratch):
    shown = command("strip-test", "--data-dir", scratch, status=0)
    assert b"no verdicts in" in shown.stderr and shown.stdout == b""
    (scratch / "strip-test.jsonl").write_text("{}\n")
    assert b"line 1: this is no verdict" in command("strip-test", "--data-dir", scratch, status=3).stderr
    vectors = mailproxy.rows(command("strip-test", "vectors", "--json", status=0))
    for protocol in ("smtp", "pop3", "imap"):
        assert [row["vector"] for row in vectors if protocol in row["protocols"]] == VECTORS[protocol]
    assert [row["vector"] for row in vectors if row["implicit_tls"]] == VECTORS["imaps"]
