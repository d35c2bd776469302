"""The built-in server begins TLS when it is asked: STARTTLS and STLS by real clients, with the certificate checked."""

import imaplib
import poplib
import smtplib
import socket
import ssl

import pytest

import mailproxy
import tls_peers
from mailproxy import command
from processes import HOST, free_port, run
from tls_peers import client_context, read_all


@pytest.fixture
def built_in(authority, scratch, request):
    """The built-in server on three ports, with rules before it or not."""
    rules = scratch / "rules.yaml"
    rules.write_text("rules:\n  - name: seen\n    when: tls\n    then:\n      - tag: secured\n")
    ports = {protocol: free_port() for protocol in ("smtp", "pop3", "imap")}
    with tls_peers.proxy(
        scratch,
        authority,
        *(f"{protocol}://{HOST}:{port}=fallback" for protocol, port in ports.items()),
        options=["--rules", rules] if request.param else [],
    ) as proxy:
        yield proxy, ports


@pytest.mark.parametrize("built_in", [False, True], ids=["", "rules"], indirect=True)
def test_real_clients_begin_tls(built_in, authority, scratch):
    proxy, ports = built_in
    user = f"{scratch.name}@example.com"
    (scratch / "mbsyncrc").write_text(
        tls_peers.MBSYNC.format(host=HOST, imap=ports["imap"], certificate=authority[1], folder=scratch, user=user, password="any")
    )
    (scratch / "mbsync").mkdir()
    message = scratch / "message.eml"
    message.write_bytes(b"From: me@example.org\r\nSubject: curl\r\n\r\nhello\r\n")
    login = ["-u", f"{user}:any"]
    for scheme, more in [
        ("smtp", ["--mail-from", "me@example.org", "--mail-rcpt", user, "-T", message]),
        ("pop3", login),
        ("imap", login),
    ]:
        done = run(
            ["/usr/bin/curl", "-sS", "--ssl-reqd", "--cacert", authority[1], f"{scheme}://{HOST}:{ports[scheme]}/", *more]
        )
        assert done.returncode == 0, done.stderr
    done = run(
        [
            "/usr/bin/swaks", "--server", f"{HOST}:{ports['smtp']}", "--tls", "--tls-verify", "--tls-ca-path", authority[1],
            "--from", "me@example.org", "--to", user,
        ]
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    done = run(
        [
            "/usr/bin/msmtp", "--file=/dev/null", f"--host={HOST}", f"--port={ports['smtp']}", "--tls=on",
            "--tls-starttls=on", f"--tls-trust-file={authority[1]}", "--from=me@example.org", user,
        ],
        stdin=b"Subject: msmtp\n\nhello\n",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    env = {"PATH": "/usr/bin:/bin", "HOME": str(scratch), "LC_ALL": "C.UTF-8"}
    done = run(["/usr/bin/mbsync", "-c", scratch / "mbsyncrc", "all"], env=env)
    assert done.returncode == 0, done.stderr
    found = [path for path in (scratch / "mbsync").glob("**/*") if path.is_file() and b"Subject: " in path.read_bytes()]
    assert len(found) == 3, found
    context = client_context(authority)
    with imaplib.IMAP4(HOST, ports["imap"]) as client:
        assert "STARTTLS" in client.capabilities
        client.starttls(ssl_context=context)
        assert "STARTTLS" not in client.capabilities
    pop = poplib.POP3(HOST, ports["pop3"])
    assert "STLS" in pop.capa()
    pop.stls(context=context)
    assert "STLS" not in pop.capa()
    pop.quit()
    with smtplib.SMTP(HOST, ports["smtp"]) as client:
        client.starttls(context=context)
        client.ehlo()
        assert not client.has_extn("starttls")
    proxy.stop()
    rows = mailproxy.sessions(proxy.record)
    assert len(rows) == 9
    for row in rows:
        assert row["tls"]["how"] == "starttls" and row["tls"]["version"] == "TLSv1.3" and not row["opaque"], row
        assert row["violations"] == 0, mailproxy.exchanges(proxy.record, row["id"])
    before = {row["id"]: row for row in rows}
    command("sessions", "reindex", "--record-dir", proxy.record, status=0)
    assert {row["id"]: row for row in mailproxy.sessions(proxy.record)} == before


@pytest.mark.parametrize("built_in", [False, True], ids=["", "rules"], indirect=True)
def test_octets_behind_the_wish_and_a_client_that_leaves(built_in, authority):
    proxy, ports = built_in
    with socket.create_connection((HOST, ports["smtp"]), 10) as client:
        client.sendall(b"STARTTLS\r\nMAIL FROM:<evil@example.org>\r\n")
        assert b"\r\n554 5.5.0 " in read_all(client)
    with socket.create_connection((HOST, ports["smtp"]), 10) as client:
        client.recv(4096)
        client.sendall(b"STARTTLS\r\n")
        assert client.recv(4096).startswith(b"220 ")
        with pytest.raises(ssl.SSLCertVerificationError):
            ssl.create_default_context().wrap_socket(client, server_hostname="mx.example.com")
    proxy.stop()
    hasty, left = sorted(mailproxy.sessions(proxy.record), key=lambda row: row["tls"] is not None)
    assert hasty["tls"] is None
    assert "alert unknown ca" in left["tls"]["failure"] and not left["opaque"]
