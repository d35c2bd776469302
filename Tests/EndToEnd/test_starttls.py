"""STARTTLS and STLS on either leg: both legs begin TLS or neither, what was said in clear is forgotten, and nothing crosses
the edge of the cleartext."""

import contextlib
import imaplib
import poplib
import smtplib
import socket
import ssl

import pytest

import mailproxy
import peers
import tls_peers
import tshark
from mailproxy import MailProxy, command
from processes import HOST, free_port, run, until
from tls_peers import Upstream, client_context, read_all, server_context
from wire import IMAP, POP3, SMTP

RULES = 'rules:\n  - name: none\n    when: not tls and imap and command == "NOOP"\n    then:\n      - reject: "in clear"\n'


def _send(port, account, context, sender="me@example.org"):
    with smtplib.SMTP(HOST, port) as client:
        assert client.starttls(context=context)[0] == 220
        assert client.sock.version() == "TLSv1.3"
        client.sendmail(sender, [account.address], b"Subject: under TLS\r\n\r\nhello\r\n")


@pytest.mark.parametrize("with_rules", [False, True], ids=["", "rules"])
@pytest.mark.parametrize(
    "listener, upstream",
    [("", ""), ("?tls=upgrade", ""), ("?tls=require", ""), ("", "tls=starttls&")],
    ids=["mirror", "upgrade", "require", "own"],
)
def test_both_legs_begin_tls(servers, authority, scratch, listener, upstream, with_rules):
    account = servers.accounts.fresh()
    trust = f"?{upstream}ca={servers.certificate.certificate}&sni=mx.example.com"
    smtp, pop3, imap = free_port(), free_port(), free_port()
    (scratch / "rules.yaml").write_text(RULES)
    context = client_context(authority)
    with tls_peers.proxy(
        scratch,
        authority,
        f"smtp://{HOST}:{smtp}{listener}=smtp://{HOST}:{servers.postfix.port}{trust}",
        f"pop3://{HOST}:{pop3}{listener}=pop3://{HOST}:{servers.dovecot.pop3}{trust}",
        f"imap://{HOST}:{imap}{listener}=imap://{HOST}:{servers.dovecot.imap}{trust}",
        options=["--rules", scratch / "rules.yaml"] if with_rules else [],
    ) as proxy:
        _send(smtp, account, context)
        with imaplib.IMAP4(HOST, imap) as client:
            assert "STARTTLS" in client.capabilities
            client.starttls(ssl_context=context)
            assert "STARTTLS" not in client.capabilities
            client.login(account.address, account.password)
            until("the message to arrive", lambda: client.select()[1] == [b"1"], 20, 0.05)
            assert b"Subject: under TLS" in client.fetch("1", "(BODY.PEEK[])")[1][0][1]
        pop = poplib.POP3(HOST, pop3)
        assert "STLS" in pop.capa()
        pop.stls(context=context)
        assert "STLS" not in pop.capa()
        pop.user(account.address)
        pop.pass_(account.password)
        assert pop.stat()[0] == 1
        pop.quit()
    rows = {row["protocol"]: row for row in mailproxy.sessions(proxy.record)}
    assert set(rows) == {"smtp", "pop3", "imap"}
    for row in rows.values():
        assert row["tls"]["how"] == "starttls" and row["tls"]["version"] == "TLSv1.3", row
        assert row["upstream_tls"]["how"] == "starttls" and "distrust" not in row["upstream_tls"]
        assert not row["opaque"]
        assert row["violations"] == 0, mailproxy.exchanges(proxy.record, row["id"])
    assert rows["smtp"]["messages"] == 1 and rows["imap"]["user"] == rows["pop3"]["user"] == account.address
    # Exchanges are numbered on over the edge.
    numbers = [row["n"] for row in mailproxy.exchanges(proxy.record, rows["imap"]["id"])]
    assert numbers == list(range(len(numbers)))
    # Read from its segments alone the recording says the same.
    before = {row["id"]: mailproxy.exchanges(proxy.record, row["id"]) for row in rows.values()}
    command("sessions", "reindex", "--record-dir", proxy.record, status=0)
    assert {row["id"]: row for row in mailproxy.sessions(proxy.record)} == {row["id"]: row for row in rows.values()}
    (segment,) = proxy.record.glob("*.pcapng")
    assert {row["id"]: mailproxy.exchanges(segment, row["id"]) for row in rows.values()} == before
    assert "under TLS from here on" in command("sessions", "show", rows["smtp"]["id"], proxy.record).stdout.decode()
    # Other people's dissectors see what came under TLS, in a conversation of its own.
    seen = tshark.commands(segment)
    assert {"EHLO", "STAR", "MAIL", "RCPT", "DATA", "QUIT"} <= set(seen["smtp"])
    assert {"CAPA", "STLS", "USER", "PASS", "STAT", "QUIT"} <= set(seen["pop"])
    assert {"STARTTLS", "LOGIN", "SELECT", "FETCH", "LOGOUT"} <= set(seen["imap"])
    assert account.password.encode() not in segment.read_bytes()


@contextlib.contextmanager
def _before_all(servers, authority, scratch, options="", ports=None):
    """A proxy before Postfix and both of Dovecot's protocols, whose certificates it trusts: itself, and its ports."""
    smtp, pop3, imap = ports or (free_port(), free_port(), free_port())
    trust = f"ca={servers.certificate.certificate}"
    routes = (
        f"smtp://{HOST}:{smtp}{options}=smtp://{HOST}:{servers.postfix.port}?{trust}",
        f"pop3://{HOST}:{pop3}{options}=pop3://{HOST}:{servers.dovecot.pop3}?{trust}",
        f"imap://{HOST}:{imap}{options}=imap://{HOST}:{servers.dovecot.imap}?{trust}",
    )
    with tls_peers.proxy(scratch, authority, *routes) as proxy:
        yield proxy, smtp, pop3, imap


def test_curl_swaks_and_msmtp_insist_on_tls(servers, authority, scratch):
    account = servers.accounts.fresh()
    with _before_all(servers, authority, scratch) as (proxy, smtp, pop3, imap):
        message = scratch / "message.eml"
        message.write_bytes(b"From: me@example.org\r\nSubject: curl\r\n\r\nhello\r\n")
        for scheme, port, more in [
            ("smtp", smtp, ["--mail-from", "me@example.org", "--mail-rcpt", account.address, "-T", message]),
            ("pop3", pop3, ["-u", f"{account.address}:{account.password}"]),
            ("imap", imap, ["-u", f"{account.address}:{account.password}"]),
        ]:
            done = run(
                ["/usr/bin/curl", "-sS", "--ssl-reqd", "--cacert", authority[1], f"{scheme}://{HOST}:{port}/", *more]
            )
            assert done.returncode == 0, done.stderr
        done = run(
            [
                "/usr/bin/swaks", "--server", f"{HOST}:{smtp}", "--tls", "--tls-verify", "--tls-ca-path", authority[1],
                "--from", "me@example.org", "--to", account.address,
            ]
        )  # fmt: skip
        assert b"TLS started with cipher" in done.stdout, done.stdout
        assert done.returncode == 0, done.stdout
        done = run(
            [
                "/usr/bin/msmtp", "--file=/dev/null", f"--host={HOST}", f"--port={smtp}", "--tls=on", "--tls-starttls=on",
                f"--tls-trust-file={authority[1]}", "--from=me@example.org", account.address,
            ],
            stdin=b"Subject: msmtp\n\nhello\n",
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    rows = mailproxy.sessions(proxy.record)
    assert len(rows) == 5 and all(row["tls"]["how"] == "starttls" for row in rows)
    assert sum(row["messages"] for row in rows) == 3


MUTT = """set smtp_url=smtp://{host}:{smtp}
set ssl_starttls=yes
set ssl_force_tls=yes
set certificate_file={certificate}
set ssl_verify_host=yes
set from=me@example.org
set use_envelope_from=yes
set copy=no
"""

OFFLINEIMAP = """[general]
accounts = one
metadata = {folder}/offlineimap
ui = basic
socktimeout = 30
[Account one]
localrepository = local
remoterepository = remote
[Repository local]
type = Maildir
localfolders = {folder}/mail
[Repository remote]
type = IMAP
remotehost = {host}
remoteport = {imap}
ssl = no
starttls = yes
sslcacertfile = {certificate}
remoteuser = {user}
remotepass = {password}
"""

FETCHMAIL = """poll localhost service {pop3} protocol POP3 user "{user}" password "{password}" is root here
  sslproto TLS1.2+ sslcertck sslcertfile {certificate} keep mda "cat >> {folder}/fetched"
"""


def test_mail_programs_begin_tls(servers, authority, scratch):
    """Programs that people use, told to insist on STARTTLS and to check the certificate."""
    account = servers.accounts.fresh()
    smtp, pop3, imap = ports = free_port(), free_port(), free_port()
    values = {
        "host": HOST, "smtp": smtp, "pop3": pop3, "imap": imap, "folder": scratch, "certificate": authority[1],
        "user": account.address, "password": account.password,
    }  # fmt: skip
    files = {"muttrc": MUTT, "offlineimaprc": OFFLINEIMAP, "mbsyncrc": tls_peers.MBSYNC, "fetchmailrc": FETCHMAIL}
    for name, text in files.items():
        (scratch / name).write_text(text.format(**values))
        (scratch / name).chmod(0o600)
    (scratch / "mbsync").mkdir()
    env = {"PATH": "/usr/bin:/bin", "HOME": str(scratch), "LC_ALL": "C.UTF-8"}
    with _before_all(servers, authority, scratch, ports=ports) as (proxy, *_):
        done = run(
            ["/usr/bin/mutt", "-n", "-F", scratch / "muttrc", "-s", "from mutt", "--", account.address],
            stdin=b"hello\n",
            env=env,
        )
        assert done.returncode == 0, done.stderr
        with imaplib.IMAP4(HOST, imap) as client:
            client.starttls(ssl_context=client_context(authority))
            client.login(account.address, account.password)
            until("the message to arrive", lambda: client.select()[1] == [b"1"], 20, 0.05)
        done = tls_peers.offlineimap("-o", "-c", scratch / "offlineimaprc", env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        done = run(["/usr/bin/mbsync", "-c", scratch / "mbsyncrc", "all"], env=env)
        assert done.returncode == 0, done.stderr
        done = run(["/usr/bin/fetchmail", "-f", scratch / "fetchmailrc", "--pidfile", scratch / "fetchmail.pid"], env=env)
        assert done.returncode == 0, done.stdout + done.stderr
    for place in scratch / "mail", scratch / "mbsync", scratch:
        pattern = "fetched" if place == scratch else "**/*"
        found = [path for path in place.glob(pattern) if path.is_file() and b"Subject: from mutt" in path.read_bytes()]
        assert len(found) == 1, (place, found)
    rows = mailproxy.sessions(proxy.record)
    assert all(row["tls"] and row["tls"]["how"] == "starttls" for row in rows), rows
    assert {row["protocol"] for row in rows} == {"smtp", "pop3", "imap"}


def test_starttls_on_one_side_implicit_on_the_other(servers, authority, scratch):
    account = servers.accounts.fresh()
    old, new = free_port(), free_port()
    trust = f"ca={servers.certificate.certificate}"
    with tls_peers.proxy(
        scratch,
        authority,
        f"imap://{HOST}:{old}?tls=require=imaps://{HOST}:{servers.dovecot.imaps}?{trust}",
        f"imaps://{HOST}:{new}=imap://{HOST}:{servers.dovecot.imap}?{trust}",
    ) as proxy:
        with imaplib.IMAP4(HOST, old) as client:
            assert "STARTTLS" in client.capabilities and "LOGINDISABLED" in client.capabilities
            client.starttls(ssl_context=client_context(authority))
            assert "LOGINDISABLED" not in client.capabilities
            client.login(account.address, account.password)
        with imaplib.IMAP4_SSL(HOST, new, ssl_context=client_context(authority)) as client:
            client.login(account.address, account.password)
            assert client.select()[0] == "OK"
    hows = sorted((row["tls"]["how"], row["upstream_tls"]["how"]) for row in mailproxy.sessions(proxy.record))
    assert hows == [("implicit", "starttls"), ("starttls", "implicit")]


def test_nothing_is_done_in_clear_where_tls_is_required(servers, authority, scratch):
    with _before_all(servers, authority, scratch, "?tls=require") as (proxy, smtp, pop3, imap):
        with SMTP(HOST, smtp) as client:
            client.reply(220)
            offers = client.say("EHLO me.example.org", 250)
            assert any(b"STARTTLS" in line for line in offers) and not any(b"AUTH" in line for line in offers)
            client.say("MAIL FROM:<me@example.org>", "530")
            # Pipelined, each has its own answer and in its place.
            client.send(b"MAIL FROM:<me@example.org>\r\nNOOP\r\nRCPT TO:<a@example.com>\r\nDATA\r\n")
            for code in 530, 250, 530, 530:
                client.reply(code)
            client.say("QUIT", 221)
        with POP3(HOST, pop3) as client:
            client.status()
            offers = client.say_block("CAPA")
            assert b"STLS" in offers and b"USER" not in offers and b"SASL" not in offers
            client.say("USER someone", good=False)
            client.say("QUIT")
        with IMAP(HOST, imap) as client:
            client.response()
            client.say("CAPABILITY")
            tag = client.tag()
            client.send(f"{tag} LOGIN someone secret\r\n")
            assert b"NO [PRIVACYREQUIRED]" in client.until(tag.encode())[-1]


def test_login_though_it_is_disabled(scratch):
    """A route that leaves TLS to its clients passes on what they say, also this; its recording says what is wrong with it."""
    words = b"a LOGIN someone secret-of-someone\r\n"

    def serve(upstream, connection):
        connection.sendall(b"* OK [CAPABILITY IMAP4rev1 LOGINDISABLED STARTTLS] ready\r\n")
        upstream.got += connection.recv(4096)
        connection.sendall(b"a NO [PRIVACYREQUIRED] not in clear\r\n")
        upstream.got += connection.recv(4096)

    with tls_peers.Upstream(serve) as upstream:
        with mailproxy.MailProxy(scratch, {"imap": upstream.port}) as proxy, IMAP(HOST, proxy.ports["imap"]) as client:
            assert b"LOGINDISABLED" in client.line()
            client.send(words)
            assert client.line() == b"a NO [PRIVACYREQUIRED] not in clear\r\n"
    assert upstream.got == words
    (row,) = mailproxy.sessions(proxy.record)
    (exchange,) = [one for one in mailproxy.exchanges(proxy.record, row["id"]) if one["command"] == "LOGIN"]
    assert [one["code"] for one in exchange["violations"]] == ["imap-login-though-disabled"]


def test_an_old_client_speaks_in_clear_and_the_upstream_under_tls(servers, authority, scratch):
    account = servers.accounts.fresh()
    with _before_all(servers, authority, scratch, "?tls=upgrade") as (proxy, smtp, pop3, imap):
        with smtplib.SMTP(HOST, smtp) as client:
            client.sendmail("me@example.org", [account.address], b"Subject: old\r\n\r\nhello\r\n")
        with imaplib.IMAP4(HOST, imap) as client:
            client.login(account.address, account.password)
            until("the message to arrive", lambda: client.select()[1] == [b"1"], 20, 0.05)
        pop = poplib.POP3(HOST, pop3)
        pop.user(account.address)
        pop.pass_(account.password)
        assert pop.stat()[0] == 1
        pop.quit()
    for row in mailproxy.sessions(proxy.record):
        assert row["tls"] is None and row["upstream_tls"]["how"] == "starttls" and row["violations"] == 0, row


def test_an_authority_is_made_when_it_is_needed(servers, scratch):
    port = free_port()
    data = scratch / "data"
    route = f"imap://{HOST}:{port}=imap://{HOST}:{servers.dovecot.imap}?verify=off"
    with MailProxy(scratch, {}, "--route", route, data=data) as proxy:
        with imaplib.IMAP4(HOST, port) as client:
            assert client.noop()[0] == "OK"
        assert not (data / "ca").exists()
        client = imaplib.IMAP4(HOST, port)
        with pytest.raises(ssl.SSLCertVerificationError):
            client.starttls(ssl_context=ssl.create_default_context())
        # The library's client has given its socket away.
        with contextlib.suppress(OSError):
            client.shutdown()
        certificate = data / "ca" / "ca.crt"
        assert f"clients have to trust {certificate}" in proxy.said()
        with imaplib.IMAP4(HOST, port) as client:
            client.starttls(ssl_context=ssl.create_default_context(cafile=certificate))


GREETING = {"smtp": b"220 mx.example.com ESMTP\r\n", "pop3": b"+OK ready\r\n", "imap": b"* OK ready\r\n"}
ASK = {"smtp": b"STARTTLS\r\n", "pop3": b"STLS\r\n", "imap": b"a STARTTLS\r\n"}
CONSENT = {"smtp": b"220 go\r\n", "pop3": b"+OK go\r\n", "imap": b"a OK go\r\n"}
MORE = {"smtp": b"EHLO evil.example.org\r\n", "pop3": b"CAPA\r\n", "imap": b"b NOOP\r\n"}
REFUSAL = {"smtp": b"554 5.5.0 ", "pop3": b"-ERR ", "imap": b"a BAD "}
LATER = {"smtp": b"454 4.7.0 ", "pop3": b"-ERR [SYS/TEMP] ", "imap": b"a NO [UNAVAILABLE] "}


@pytest.mark.parametrize("with_rules", [False, True], ids=["", "rules"])
@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_a_command_behind_starttls_is_never_carried_out(servers, authority, scratch, protocol, with_rules):
    def serve(upstream, connection):
        connection.sendall(GREETING[protocol])
        upstream.expect(connection, ASK[protocol])
        connection.sendall(CONSENT[protocol])
        upstream.drain(connection)

    (scratch / "rules.yaml").write_text(RULES)
    port = free_port()
    with Upstream(serve) as upstream, tls_peers.proxy(
        scratch,
        authority,
        f"{protocol}://{HOST}:{port}={protocol}://{HOST}:{upstream.port}?verify=off",
        options=["--rules", scratch / "rules.yaml"] if with_rules else [],
    ) as proxy:
        with socket.create_connection((HOST, port), 20) as client:
            client.sendall(ASK[protocol] + MORE[protocol])
            seen = read_all(client)
        assert seen.startswith(GREETING[protocol] + REFUSAL[protocol]), seen
        assert upstream.got == ASK[protocol]
        assert "the client sent octets in clear behind its command to begin TLS" in proxy.said()
    (row,) = mailproxy.sessions(proxy.record)
    assert row["tls"] is None and row["upstream_tls"] is None


@pytest.mark.parametrize("with_rules", [False, True], ids=["", "rules"])
@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_octets_behind_the_consent_are_never_shown_under_tls(servers, authority, scratch, protocol, with_rules):
    def serve(upstream, connection):
        connection.sendall(GREETING[protocol])
        upstream.expect(connection, ASK[protocol])
        connection.sendall(CONSENT[protocol] + b"250-AUTH PLAIN\r\n250 evil\r\n")
        upstream.drain(connection)

    (scratch / "rules.yaml").write_text(RULES)
    port = free_port()
    with Upstream(serve) as upstream, tls_peers.proxy(
        scratch,
        authority,
        f"{protocol}://{HOST}:{port}={protocol}://{HOST}:{upstream.port}?verify=off",
        options=["--rules", scratch / "rules.yaml"] if with_rules else [],
    ) as proxy:
        with socket.create_connection((HOST, port), 20) as client:
            client.sendall(ASK[protocol])
            seen = read_all(client)
        assert seen.startswith(GREETING[protocol] + LATER[protocol]) and b"evil" not in seen, seen
        assert "the server sent octets in clear behind its reply to begin TLS" in proxy.said()
    assert mailproxy.sessions(proxy.record)[0]["tls"] is None


@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_an_upstream_that_is_not_trusted_gets_nobody_under_tls(servers, authority, scratch, protocol):
    ports = {"smtp": servers.postfix.port, "pop3": servers.dovecot.pop3, "imap": servers.dovecot.imap}
    port = free_port()
    with tls_peers.proxy(scratch, authority, f"{protocol}://{HOST}:{port}={protocol}://{HOST}:{ports[protocol]}") as proxy:
        with socket.create_connection((HOST, port), 20) as client:
            if protocol == "smtp":
                client.recv(4096)
                client.sendall(b"EHLO me.example.org\r\n")
            client.recv(4096)
            client.sendall(ASK[protocol])
            seen = read_all(client)
        assert LATER[protocol] in seen, seen
        assert "its certificate is not to be trusted: self-signed certificate" in proxy.said()
    (row,) = mailproxy.sessions(proxy.record)
    assert row["tls"] is None and row["upstream_tls"] is None
    (asked,) = [e for e in mailproxy.exchanges(proxy.record, row["id"]) if e["command"] in ("STARTTLS", "STLS")]
    # What the client heard is what is recorded.
    assert asked["reply"]["status"] != "ok", asked


@pytest.mark.parametrize(
    "protocol, words, reason",
    [
        ("smtp", [GREETING["smtp"], b"250-mx.example.com\r\n250 SIZE\r\n"], "it does not offer STARTTLS"),
        ("smtp", [b"554 5.7.1 no\r\n"], "it greets with '554 5.7.1 no'"),
        ("smtp", [GREETING["smtp"], b"250-a\r\n250 STARTTLS\r\n", b"454 4.7.0 no\r\n"], "it answers STARTTLS with"),
        ("pop3", [GREETING["pop3"], b"-ERR no\r\n"], "it answers STLS with '-ERR no'"),
        ("imap", [b"* PREAUTH welcome\r\n"], "it greets with '* PREAUTH welcome'"),
        ("imap", [GREETING["imap"], b"* 1 EXISTS\r\nmailproxy OK go\r\n* 5 EXISTS\r\n"], "behind its consent to TLS"),
        ("imap", [GREETING["imap"] + b"* 5 EXISTS\r\n"], "it speaks out of turn"),
        ("imap", [GREETING["imap"]], "it ended the connection before TLS"),
        ("imap", [b"* " + b"x" * 10_000], "its line is longer than 8192 octets"),
    ],
)
def test_an_upstream_that_must_begin_tls_and_does_not(authority, scratch, protocol, words, reason):
    def serve(upstream, connection):
        connection.sendall(words[0])
        for word in words[1:]:
            upstream.expect(connection, b"\r\n")
            connection.sendall(word)
        if "ended" in reason:
            # What it was asked is read: its end is no reset.
            upstream.expect(connection, b"\r\n")
        else:
            upstream.drain(connection)

    port = free_port()
    with Upstream(serve) as upstream, tls_peers.proxy(
        scratch, authority, f"{protocol}://{HOST}:{port}?tls=upgrade={protocol}://{HOST}:{upstream.port}?verify=off"
    ) as proxy:
        with socket.create_connection((HOST, port), 20) as client:
            seen = read_all(client)
        assert seen.startswith((b"421 4.4.1 ", b"-ERR [SYS/TEMP] ", b"* BYE [UNAVAILABLE] ")), seen
        assert reason in proxy.said()


def test_starttls_where_it_may_not_be(servers, authority, scratch):
    """After the login and in a transaction, where the answer is ours."""
    account = servers.accounts.fresh()
    smtp, imap, pop3 = free_port(), free_port(), free_port()
    with tls_peers.proxy(
        scratch,
        authority,
        f"smtp://{HOST}:{smtp}?tls=upgrade=smtp://{HOST}:{servers.postfix.port}?verify=off",
        f"imap://{HOST}:{imap}?tls=upgrade=imap://{HOST}:{servers.dovecot.imap}?verify=off",
        f"pop3://{HOST}:{pop3}?tls=upgrade=pop3://{HOST}:{servers.dovecot.pop3}?verify=off",
    ):
        with SMTP(HOST, smtp) as client:
            client.reply(220)
            client.say("EHLO me.example.org", 250)
            client.say("MAIL FROM:<me@example.org>", 250)
            client.say("STARTTLS", "503 5.5.1")
            client.say("RSET", 250)
            client.say("STARTTLS", 220)
        with IMAP(HOST, imap) as client:
            client.login(account)
            tag = client.tag()
            client.send(f"{tag} STARTTLS\r\n")
            assert client.until(tag.encode())[-1].startswith(f"{tag} BAD ".encode())
            client.say("NOOP")
        with POP3(HOST, pop3) as client:
            client.status()
            client.say(f"USER {account.address}")
            client.say(f"PASS {account.password}")
            client.say("STLS", good=False)
            client.say("STAT")


def test_what_was_said_in_clear_is_forgotten(servers, authority, scratch):
    """RFC 3207 section 4.2: EHLO, a sender and recipients count no more; on either side of the proxy."""
    port = free_port()
    with tls_peers.proxy(
        scratch, authority, f"smtp://{HOST}:{port}=smtp://{HOST}:{servers.postfix.port}?verify=off"
    ), socket.create_connection((HOST, port), 20) as raw:
        file = raw.makefile("rb")
        assert file.readline().startswith(b"220 ")
        raw.sendall(b"EHLO me.example.org\r\n")
        while file.readline()[3:4] == b"-":
            pass
        raw.sendall(b"STARTTLS\r\n")
        assert file.readline().startswith(b"220 ")
        with client_context(authority).wrap_socket(raw, server_hostname=HOST) as client:
            client.sendall(b"RCPT TO:<someone@example.com>\r\n")
            assert client.recv(4096).startswith(b"503 ")


def _shake(connection, certificate, words):
    """The server's side of a TLS 1.2 handshake whose last octets come in one segment with `words`."""
    context = server_context(certificate)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    secured = context.wrap_bio(incoming, outgoing, server_side=True)
    while True:
        try:
            secured.do_handshake()
            break
        except ssl.SSLWantReadError:
            connection.sendall(outgoing.read())
            incoming.write(connection.recv(65536))
    secured.write(words)
    connection.sendall(outgoing.read())
    return secured, incoming


@pytest.mark.parametrize("upstream_scheme", ["imaps", "imap"])
def test_words_in_one_segment_with_the_end_of_the_handshake(servers, authority, scratch, upstream_scheme):
    """TLS 1.2: a server may speak in the segment that ends its handshake, before the client's leg is under TLS."""

    def serve(upstream, connection):
        if upstream_scheme == "imap":
            connection.sendall(GREETING["imap"])
            upstream.expect(connection, ASK["imap"])
            connection.sendall(CONSENT["imap"])
        _shake(connection, servers.certificate, b"* OK first words\r\n")
        upstream.drain(connection)

    port = free_port()
    with Upstream(serve) as upstream, tls_peers.proxy(
        scratch, authority, f"{upstream_scheme}://{HOST}:{port}={upstream_scheme}://{HOST}:{upstream.port}?verify=off"
    ):
        for _ in range(5):
            with socket.create_connection((HOST, port), 20) as raw:
                if upstream_scheme == "imap":
                    raw.recv(4096)
                    raw.sendall(ASK["imap"])
                    assert raw.recv(4096) == CONSENT["imap"]
                with client_context(authority).wrap_socket(raw, server_hostname=HOST) as client:
                    assert client.recv(4096) == b"* OK first words\r\n"


LOGINS = {
    "smtp": [(b"EHLO a.example.org\r\n", b"250-mx\r\n250 AUTH PLAIN\r\n"), (b"AUTH PLAIN AGEAYg==\r\n", b"235 in\r\n")],
    "pop3": [(b"USER a\r\n", b"+OK\r\n"), (b"PASS b\r\n", b"+OK\r\n")],
    "imap": [(b"l LOGIN a b\r\n", b"l OK in\r\n")],
}


@pytest.mark.parametrize("with_rules", [False, True], ids=["", "rules"])
@pytest.mark.parametrize("behind", [True, False], ids=["haste", ""])
@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_tls_is_not_begun_behind_a_login(authority, scratch, protocol, behind, with_rules):
    """Whatever a server says to it: RFC 3207 section 4, RFC 2595 section 4, RFC 9051 section 6.2.1."""

    def serve(upstream, connection):
        connection.sendall(GREETING[protocol])
        for command_line, reply in [*LOGINS[protocol], (ASK[protocol], CONSENT[protocol])]:
            upstream.expect(connection, command_line)
            connection.sendall(reply)
        upstream.drain(connection)

    (scratch / "rules.yaml").write_text(RULES)
    port = free_port()
    with Upstream(serve) as upstream, tls_peers.proxy(
        scratch,
        authority,
        f"{protocol}://{HOST}:{port}={protocol}://{HOST}:{upstream.port}?verify=off",
        options=["--rules", scratch / "rules.yaml"] if with_rules else [],
    ):
        with socket.create_connection((HOST, port), 20) as client:
            client.recv(4096)
            for line, reply in LOGINS[protocol]:
                client.sendall(line)
                heard = b""
                while len(heard) < len(reply):
                    heard += client.recv(4096)
            client.sendall(ASK[protocol] + (MORE[protocol] if behind else b""))
            seen = read_all(client)
        refusal = {"smtp": b"503 ", "pop3": b"-ERR ", "imap": b"a BAD "}[protocol]
        assert seen.startswith(REFUSAL[protocol] if behind else refusal), seen
        assert upstream.got == b"".join(line for line, _ in LOGINS[protocol]) + ASK[protocol]


@pytest.mark.parametrize("with_rules", [False, True], ids=["", "rules"])
@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_a_flood_behind_starttls_goes_nowhere(authority, scratch, protocol, with_rules):
    """More than may wait for the answer: 256 KiB."""

    def serve(upstream, connection):
        connection.sendall(GREETING[protocol])
        upstream.expect(connection, ASK[protocol])
        upstream.drain(connection)

    (scratch / "rules.yaml").write_text(RULES)
    port = free_port()
    with Upstream(serve) as upstream, tls_peers.proxy(
        scratch,
        authority,
        f"{protocol}://{HOST}:{port}={protocol}://{HOST}:{upstream.port}?verify=off",
        options=["--rules", scratch / "rules.yaml"] if with_rules else [],
    ) as proxy:
        with socket.create_connection((HOST, port), 20) as client, contextlib.suppress(ConnectionError):
            client.sendall(ASK[protocol] + MORE[protocol] * (400_000 // len(MORE[protocol])))
            read_all(client)
        until("the session ends", lambda: "sent octets in clear behind its command" in proxy.said(), 10, 0.05)
    assert upstream.got == ASK[protocol]


@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_a_line_that_is_too_long_does_not_open_a_way_around_tls(authority, scratch, protocol):
    logins = {"smtp": b"AUTH PLAIN AGEAYg==\r\n", "pop3": b"USER a\r\n", "imap": b"a LOGIN a b\r\n"}

    def serve(upstream, secured):
        secured.sendall(GREETING[protocol])
        upstream.drain(secured)

    port = free_port()
    with Upstream(serve, server_context(peers.Certificate(scratch))) as upstream, tls_peers.proxy(
        scratch, authority, f"{protocol}://{HOST}:{port}?tls=require={protocol}s://{HOST}:{upstream.port}?verify=off"
    ):
        with socket.create_connection((HOST, port), 20) as client, contextlib.suppress(ConnectionError):
            client.recv(4096)
            client.sendall(b"x" * 100_000 + b"\r\n" + logins[protocol])
            read_all(client)
    assert logins[protocol] not in upstream.got


def test_a_client_hears_when_no_certificate_can_be_made(servers, scratch):
    port = free_port()
    route = f"imap://{HOST}:{port}=imap://{HOST}:{servers.dovecot.imap}?verify=off"
    with MailProxy(scratch, {}, "--route", route, data="/proc/none", record=False) as proxy:
        with socket.create_connection((HOST, port), 20) as client:
            client.recv(4096)
            client.sendall(ASK["imap"])
            assert read_all(client).startswith(LATER["imap"])
        assert "/proc/none: cannot be made: No such file or directory" in proxy.said()


LISTS = {
    "smtp": (
        b"250-mx.example.com\r\n250-XSECRET\r\n250-SIZE 1000\r\n250-AUTH PLAIN SCRAM-SHA-256 SCRAM-SHA-256-PLUS EXTERNAL\r\n"
        b"250-BURL imap\r\n250 X-ANONYMOUSTLS\r\n",
        b"250-mx.example.com\r\n250-SIZE 1000\r\n250 AUTH PLAIN\r\n",
    ),
    "pop3": (
        b"+OK\r\nUSER\r\nXTND\r\nSASL PLAIN SCRAM-SHA-1 SCRAM-SHA-1-PLUS GSSAPI\r\nUIDL\r\n.\r\n",
        b"+OK\r\nUSER\r\nSASL PLAIN\r\nUIDL\r\n.\r\n",
    ),
    "imap": (
        b"* CAPABILITY IMAP4rev1 XSECRET AUTH=PLAIN AUTH=SCRAM-SHA-1 AUTH=SCRAM-SHA-1-PLUS LOGIN-REFERRALS IDLE\r\n"
        b"a OK done\r\n",
        b"* CAPABILITY IMAP4rev1 AUTH=PLAIN IDLE\r\na OK done\r\n",
    ),
}


@pytest.mark.parametrize("drip", [False, True], ids=["", "drip"])
@pytest.mark.parametrize("with_rules", [False, True], ids=["", "rules"])
@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_capabilities_that_do_not_hold_are_hidden(authority, scratch, protocol, with_rules, drip):
    asks = {"smtp": b"EHLO me.example.org\r\n", "pop3": b"CAPA\r\n", "imap": b"a CAPABILITY\r\n"}[protocol]
    offered, shown = LISTS[protocol]

    def serve(upstream, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(GREETING[protocol])
        upstream.expect(connection, asks)
        for at in range(len(offered)) if drip else [None]:
            connection.sendall(offered if at is None else offered[at : at + 1])
        upstream.drain(connection)

    (scratch / "rules.yaml").write_text(RULES)
    hidden, everything = free_port(), free_port()
    with Upstream(serve) as upstream, tls_peers.proxy(
        scratch,
        authority,
        f"{protocol}://{HOST}:{hidden}={protocol}://{HOST}:{upstream.port}",
        f"{protocol}://{HOST}:{everything}?tls=passthrough={protocol}://{HOST}:{upstream.port}",
        options=["--rules", scratch / "rules.yaml"] if with_rules else [],
    ) as proxy:
        for port, wanted in (hidden, shown), (everything, offered):
            with socket.create_connection((HOST, port), 20) as client:
                client.sendall(asks)
                wanted = GREETING[protocol] + wanted
                seen = b""
                while len(seen) < len(wanted):
                    seen += (piece := client.recv(4096))
                    assert piece, seen
                client.shutdown(socket.SHUT_WR)
                assert seen + read_all(client) == wanted
    rows = {row["server"].rsplit(":", 1)[1]: row for row in mailproxy.sessions(proxy.record)}
    changed = [e["changed"] for e in mailproxy.exchanges(proxy.record, rows[str(hidden)]["id"]) if e["n"] == 1]
    assert changed == [["(capabilities)"]]
    untouched = [e["changed"] for e in mailproxy.exchanges(proxy.record, rows[str(everything)]["id"]) if e["n"] == 1]
    assert untouched == [[]]
