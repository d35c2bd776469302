"""Strip tests: real clients before routes that keep TLS from them or show wrong certificates. What they give away is seen, and goes
nowhere: not to the upstream, not into the recording, the log or the file of verdicts."""

import base64
import json
import stat

import pytest

import mailproxy
import strip_clients
import tls_peers
from mailproxy import command
from processes import HOST, free_port, until
from strip_clients import PASSWORD, USER, Errand

VECTORS = {
    "smtp": [
        "capability-removed", "extensions-refused", "starttls-temporary-error", "starttls-error", "starttls-invalid-answer",
        "starttls-clear-answer", "untrusted-certificate", "wrong-name", "expired", "tls-1.0", "injected-response",
    ],
    "imaps": ["untrusted-certificate", "wrong-name", "expired", "tls-1.0"],
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
    "offlineimap starttls": {"capability-removed"},
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
    """The lines of the file of verdicts."""
    path = proxy.data / "strip-test.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def lure(protocol, servers):
    return Lure(protocol.removesuffix("s") if protocol == "imaps" else protocol, tls_peers.server_context(servers.certificate))


def run_trial(client, folder, authority, servers):
    """Runs the client through all tests of its protocol; returns the proxy, which has stopped, and what came of each test."""
    protocol, session = strip_clients.CLIENTS[client]
    port = free_port()
    trust = f"ca={servers.certificate.certificate}"
    secure = {"smtp": "smtps", "pop3": "pop3s"}.get(protocol, "imaps")
    data = folder / "data"
    (data / "ca").mkdir(parents=True)
    for file in ("ca.crt", "ca.key"):
        (data / "ca" / file).write_bytes((authority[0] / "ca" / file).read_bytes())
        (data / "ca" / file).chmod(0o600)
    vectors = VECTORS[protocol]
    with lure(protocol, servers) as upstream:
        route = f"{protocol}://{HOST}:{port}?tls=strip-test={secure}://{HOST}:{upstream.port}?{trust}"
        with tls_peers.proxy(folder, (data,), route) as proxy:
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
