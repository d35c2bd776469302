"""Implicit TLS on either leg: what clients and servers see, what the recording holds, what is refused."""

import imaplib
import poplib
import smtplib
import socket
import ssl

import pytest

import mailproxy
import tls_peers
import tshark
from mailproxy import MailProxy, command
from processes import HOST, free_port, run
from tls_peers import client_context


def _curl(port, scheme, path, account, certificate, *more):
    # The name that a real client would use, led to the proxy.
    return run(
        [
            "/usr/bin/curl", "-sS", "--cacert", certificate, "--resolve", f"mx.example.com:{port}:{HOST}",
            "-u", f"{account.address}:{account.password}", f"{scheme}://mx.example.com:{port}{path}", *more,
        ]
    )  # fmt: skip


def test_both_legs_under_tls(servers, authority, scratch):
    account = servers.accounts.fresh()
    imaps, pop3s = free_port(), free_port()
    roots = servers.certificate.certificate
    upstream = f"ca={roots}&sni=mx.example.com"
    with tls_peers.proxy(
        scratch,
        authority,
        f"imaps://{HOST}:{imaps}=imaps://{HOST}:{servers.dovecot.imaps}?{upstream}",
        f"pop3s://{HOST}:{pop3s}=pop3s://{HOST}:{servers.dovecot.pop3s}?{upstream}",
    ) as proxy:
        assert f"imaps {HOST}:{imaps} -> imaps://{HOST}:{servers.dovecot.imaps}" in proxy.said()
        done = _curl(imaps, "imaps", "/INBOX", account, authority[1], "-X", "NOOP")
        assert done.returncode == 0, done.stderr
        done = _curl(pop3s, "pop3s", "/", account, authority[1])
        assert done.returncode == 0, done.stderr
        # Who does not trust the authority speaks to nobody.
        assert _curl(imaps, "imaps", "/INBOX", account, roots).returncode == 60
        context = client_context(authority)
        with socket.create_connection((HOST, imaps)) as raw, context.wrap_socket(
            raw, server_hostname="mx.example.com"
        ) as secured:
            names = {value for _, value in secured.getpeercert()["subjectAltName"]}
            # What it asked for, and what the upstream's certificate is for.
            assert {"mx.example.com", HOST} <= names
            assert secured.version() == "TLSv1.3"
            secured.settimeout(10)
            assert secured.recv(4) == b"* OK"
    rows = {row["protocol"]: row for row in mailproxy.sessions(proxy.record) if row["user"]}
    assert set(rows) == {"imap", "pop3"}
    for row in rows.values():
        assert row["tls"]["version"] == "TLSv1.3" and row["tls"]["how"] == "implicit"
        assert row["tls"]["sni"] == "mx.example.com"
        assert row["upstream_tls"]["version"] == "TLSv1.3" and "distrust" not in row["upstream_tls"]
        assert row["user"] == account.address
    assert "TLSv1.3" in command("sessions", "show", rows["imap"]["id"], proxy.record, status=0).stdout.decode()
    # The evidence is plaintext: other people's dissectors read the commands.
    (segment,) = proxy.record.glob("*.pcapng")
    seen = tshark.commands(segment)
    assert {"AUTHENTICATE", "SELECT", "NOOP", "LOGOUT"} <= set(seen["imap"])
    assert {"CAPA", "AUTH", "LIST", "QUIT"} <= set(seen["pop"])
    assert account.password.encode() not in segment.read_bytes()


def test_tls_on_one_leg(servers, authority, scratch):
    account = servers.accounts.fresh()
    old, new = free_port(), free_port()
    with tls_peers.proxy(
        scratch,
        authority,
        f"imap://{HOST}:{old}=imaps://{HOST}:{servers.dovecot.imaps}?ca={servers.certificate.certificate}",
        f"imaps://{HOST}:{new}=imap://{HOST}:{servers.dovecot.imap}?tls=none",
    ) as proxy:
        with imaplib.IMAP4(HOST, old) as clear:
            clear.login(account.address, account.password)
            assert clear.select()[0] == "OK"
        context = client_context(authority)
        with imaplib.IMAP4_SSL(HOST, new, ssl_context=context) as secured:
            secured.login(account.address, account.password)
            assert secured.select()[0] == "OK"
    rows = {row["server"].rsplit(":", 1)[1]: row for row in mailproxy.sessions(proxy.record)}
    assert rows[str(old)]["tls"] is None and rows[str(old)]["upstream_tls"]["how"] == "implicit"
    assert rows[str(new)]["upstream_tls"] is None and rows[str(new)]["tls"]["sni"] is None


def test_large_messages_under_tls(servers, authority, scratch):
    account = servers.accounts.fresh()
    port = free_port()
    message = b"Subject: large\r\n\r\n" + b"0123456789abcdef" * 64 * 1024 * 8 + b"\r\n"
    with tls_peers.proxy(
        scratch, authority, f"imaps://{HOST}:{port}=imaps://{HOST}:{servers.dovecot.imaps}?verify=off"
    ) as proxy:
        assert "is not checked" in proxy.said()
        context = client_context(authority)
        with imaplib.IMAP4_SSL(HOST, port, ssl_context=context) as client:
            client.login(account.address, account.password)
            for _ in range(2):
                assert client.append("INBOX", None, None, message)[0] == "OK"
            client.select()
            for number in b"1", b"2":
                assert client.fetch(number, "(BODY.PEEK[])")[1][0][1] == message
    (row,) = mailproxy.sessions(proxy.record)
    assert row["messages"] == 4
    assert row["upstream_tls"]["distrust"]


def test_the_built_in_server_under_tls(authority, scratch):
    smtps, pop3s, imaps = free_port(), free_port(), free_port()
    with tls_peers.proxy(
        scratch,
        authority,
        f"smtps://{HOST}:{smtps}=fallback",
        f"pop3s://{HOST}:{pop3s}=fallback",
        f"imaps://{HOST}:{imaps}=fallback",
    ) as proxy:
        context = client_context(authority)
        with smtplib.SMTP_SSL(HOST, smtps, context=context) as client:
            client.sendmail("me@example.org", ["tls@example.com"], b"Subject: hello\r\n\r\nworld\r\n")
        pop = poplib.POP3_SSL(HOST, pop3s, context=context)
        pop.user("tls@example.com")
        pop.pass_("any")
        assert pop.stat()[0] == 1
        pop.quit()
        with imaplib.IMAP4_SSL(HOST, imaps, ssl_context=context) as client:
            client.login("tls@example.com", "any")
            assert client.select()[1] == [b"1"]
    assert {row["tls"]["how"] for row in mailproxy.sessions(proxy.record)} == {"implicit"}


def test_an_upstream_that_is_not_trusted(servers, authority, scratch):
    clear, secured = free_port(), free_port()
    with tls_peers.proxy(
        scratch,
        authority,
        f"imap://{HOST}:{clear}=imaps://{HOST}:{servers.dovecot.imaps}",
        f"imaps://{HOST}:{secured}=imaps://{HOST}:{servers.dovecot.imaps}",
    ) as proxy:
        with socket.create_connection((HOST, clear), timeout=10) as client:
            assert client.recv(100).startswith(b"* BYE")
        context = client_context(authority)
        with socket.create_connection((HOST, secured), timeout=10) as raw, context.wrap_socket(
            raw, server_hostname=HOST
        ) as client:
            assert client.recv(100).startswith(b"* BYE")
        proxy.process.wait_for("the reason", lambda: proxy.said().count("is not to be trusted: self-signed") == 2)
        assert "give its root with 'ca=FILE', or do without the check with 'verify=off'" in proxy.said()


def test_an_upstream_that_is_down_or_speaks_no_tls(servers, authority, scratch):
    down, clear = free_port(), free_port()
    with tls_peers.proxy(
        scratch,
        authority,
        f"imaps://{HOST}:{down}=imaps://{HOST}:{free_port()}",
        f"imaps://{HOST}:{clear}=imaps://{HOST}:{servers.dovecot.imap}",
    ):
        context = client_context(authority)
        for port in down, clear:
            with socket.create_connection((HOST, port), timeout=20) as raw, context.wrap_socket(
                raw, server_hostname=HOST
            ) as client:
                assert client.recv(100).startswith(b"* BYE")


def test_a_client_that_speaks_no_tls_or_an_old_one(servers, authority, scratch):
    port = free_port()
    with tls_peers.proxy(
        scratch, authority, f"imaps://{HOST}:{port}=imaps://{HOST}:{servers.dovecot.imaps}?verify=off"
    ) as proxy:
        with socket.create_connection((HOST, port), timeout=10) as client:
            client.sendall(b"a LOGIN ann secret\r\n")
            while client.recv(1000):
                pass
        proxy.process.wait_for("the reason", lambda: "no TLS was agreed upon" in proxy.said())
        for version in "-tls1", "-tls1_1":
            done = run(
                ["/usr/bin/openssl", "s_client", "-connect", f"{HOST}:{port}", version, "-cipher", "ALL:@SECLEVEL=0"]
            )
            assert done.returncode != 0
        # No cipher without forward secrecy, none that is broken.
        for cipher in "AES256-SHA", "AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA", "ADH-AES128-SHA":
            done = run(
                [
                    "/usr/bin/openssl", "s_client", "-connect", f"{HOST}:{port}", "-tls1_2",
                    "-cipher", f"{cipher}:@SECLEVEL=0",
                ]
            )  # fmt: skip
            assert done.returncode != 0, cipher
    # Nobody's password that came in clear is followed or kept.
    assert b"LOGIN ann" not in b"".join(p.read_bytes() for p in proxy.record.glob("*.pcapng"))


def test_rules_under_tls(servers, authority, scratch):
    account = servers.accounts.fresh()
    rules = scratch / "rules.yaml"
    rules.write_text(
        'rules:\n  - name: none\n    when: tls and imap and command == "SELECT"\n    then:\n      - reject: "not here"\n'
    )
    port = free_port()
    route = f"imaps://{HOST}:{port}=imaps://{HOST}:{servers.dovecot.imaps}?verify=off"
    with MailProxy(scratch, {}, "--route", route, "--rules", rules, data=authority[0]):
        context = client_context(authority)
        with imaplib.IMAP4_SSL(HOST, port, ssl_context=context) as client:
            client.login(account.address, account.password)
            status, text = client.select()
            assert (status, text) == ("NO", [b"not here"])


@pytest.mark.parametrize(
    "route, reason",
    [
        ("imap://127.0.0.1:1=imaps://192.0.2.1?ca=none.pem", "none.pem: cannot be read: No such file or directory"),
        ("imaps://127.0.0.1:1?cert=a.pem&key=a.key=fallback", "a.pem: cannot be read: No such file or directory"),
        ("imaps://127.0.0.1:1?cert=a.pem=fallback", "the listener has 1 cert and 0 key"),
    ],
)
def test_what_is_wrong_is_said_before_anything_listens(scratch, route, reason):
    done = command("run", "--no-ui", "--no-record", "--data-dir", scratch, "--route", route, status=2, folder=scratch)
    assert f"route '{route}': " in done.stderr.decode() and reason in done.stderr.decode()


def test_given_certificates(servers, authority, scratch):
    port, other = free_port(), free_port()
    mine = servers.certificate
    mine.key.chmod(0o600)
    with tls_peers.proxy(scratch, authority, f"imaps://{HOST}:{port}?cert={mine.certificate}&key={mine.key}=fallback"):
        context = ssl.create_default_context(cafile=mine.certificate)
        with imaplib.IMAP4_SSL(HOST, port, ssl_context=context) as client:
            assert client.login("a@example.com", "any")[0] == "OK"
    key = authority[0] / "ca" / "ca.key"
    route = f"imaps://{HOST}:{other}?cert={mine.certificate}&key={key}=fallback"
    done = command("run", "--no-ui", "--no-record", "--data-dir", scratch, "--route", route, status=2)
    assert f"{key}: is not the key of {mine.certificate}" in done.stderr.decode()
