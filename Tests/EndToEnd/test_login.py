"""Clients log in with one secret, the upstream gets another: Dovecot and Postfix with passwords, a Dovecot that takes tokens only."""

import base64
import concurrent.futures
import contextlib
import imaplib
import os
import poplib
import re
import signal
import smtplib
import ssl
import threading

import pytest

import clients
import imap_clients
import mailproxy
import messages
import peers
import tls_peers
from login_peers import LOCAL, Provider, TokenEndpoint, TokenProgram, credentials, forms, password_login, told, token_login
from mailproxy import MailProxy, command
from processes import HOST, checked, free_port, run, until
from tls_peers import Upstream
from wire import IMAP, POP3, SMTP


@pytest.fixture(scope="module")
def endpoint():
    endpoint = TokenEndpoint()
    yield endpoint
    endpoint.stop()


@pytest.fixture(scope="module")
def provider(workshop, accounts, endpoint):
    folder = workshop / "provider"
    folder.mkdir()
    folder.chmod(0o755)
    certificate = peers.Certificate(folder)
    dovecot = Provider(folder / "dovecot", accounts, certificate, endpoint)
    try:
        postfix = peers.Postfix(folder / "postfix", dovecot, certificate)
        try:
            yield dovecot, postfix
        finally:
            postfix.stop()
    finally:
        dovecot.stop()


def upstreams(ports, file, options="tls=none"):
    return {name: f"{name}://{HOST}:{port}?credentials={file}&{options}" for name, port in ports.items()}


@contextlib.contextmanager
def swapping(folder, ports, *logins, options="tls=none", **more):
    file = credentials(folder, *logins)
    with MailProxy(folder, upstreams(ports, file, options), **more) as proxy:
        yield proxy


def imap_login(port, user, password=LOCAL):
    client = imaplib.IMAP4(HOST, port, timeout=20)
    client.login(user, password)
    return client


def log_in(protocol, port, user, password=LOCAL):
    """Logs in with Python's own client, and leaves."""
    if protocol == "imap":
        client = imap_login(port, user, password)
        assert client.select()[0] == "OK"
        client.logout()
    elif protocol == "pop3":
        client = poplib.POP3(HOST, port, timeout=20)
        client.user(user)
        client.pass_(password)
        client.stat()
        client.quit()
    else:
        with smtplib.SMTP(HOST, port, timeout=20) as client:
            client.ehlo()
            client.login(user, password)
            client.sendmail(user, [user], b"Subject: hello\r\n\r\nworld\r\n")


ERRORS = (imaplib.IMAP4.error, poplib.error_proto, smtplib.SMTPAuthenticationError)


@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_the_upstream_gets_its_own_password(protocol, servers, scratch, accounts):
    account = accounts.fresh()
    with swapping(scratch, {protocol: servers.ports[protocol]}, password_login(account)) as proxy:
        log_in(protocol, proxy.ports[protocol], account.address)
        # The real password is none here.
        with pytest.raises(ERRORS):
            log_in(protocol, proxy.ports[protocol], account.address, account.password)
        with pytest.raises(ERRORS):
            log_in(protocol, proxy.ports[protocol], "nobody@example.com")
    assert f"'{account.address}' is logged in at the upstream as '{account.address}'" in proxy.said()
    # smtplib tries one mechanism after the other.
    assert proxy.said().count("a login was refused") == (4 if protocol == "smtp" else 2)
    assert told(proxy.record, LOCAL, account.password) == []
    for secret in (LOCAL, account.password):
        assert not any(form.decode() in proxy.said() for form in forms(secret))
    first, *_ = mailproxy.sessions(proxy.record)
    shown = command("sessions", "show", first["id"], proxy.record, status=0).stdout.decode()
    assert "the upstream got another login" in shown, shown


@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_the_upstream_gets_a_token(protocol, mechanism, provider, endpoint, scratch, accounts):
    """Dovecot takes nothing else; the token is asked for once and kept."""
    account = accounts.fresh()
    token = f"ya29.good-token-of-{account.name}-{protocol}-{mechanism}"
    endpoint.users[token] = account.address
    program = TokenProgram(scratch, token + "\n")
    ports = {"smtp": provider[1].port, "pop3": provider[0].pop3, "imap": provider[0].imap}
    with swapping(scratch, {protocol: ports[protocol]}, token_login(account, program, mechanism)) as proxy:
        for _ in range(3):
            log_in(protocol, proxy.ports[protocol], account.address)
    assert program.runs == [account.name]
    assert told(proxy.record, LOCAL, token) == []
    assert not any(form.decode() in proxy.said() for form in forms(token))


@pytest.mark.parametrize("kept", [False, True], ids=["fresh", "kept"])
@pytest.mark.parametrize("mechanism", ["xoauth2", "oauthbearer"])
@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_a_refused_token_is_asked_for_once_more(protocol, mechanism, kept, provider, endpoint, scratch, accounts):
    account = accounts.fresh()
    old, new = (f"ya29.{word}-token-of-{account.name}-{protocol}-{mechanism}" for word in ("old", "new"))
    endpoint.users[new] = account.address
    program = TokenProgram(scratch, old + "\n", '{"access_token": "%s",\n "expires_in": 3600}\n' % new)
    ports = {"smtp": provider[1].port, "pop3": provider[0].pop3, "imap": provider[0].imap}
    with swapping(scratch, {protocol: ports[protocol]}, token_login(account, program, mechanism)) as proxy:
        if kept:
            endpoint.users[old] = account.address
            log_in(protocol, proxy.ports[protocol], account.address)
            del endpoint.users[old]
        log_in(protocol, proxy.ports[protocol], account.address)
        log_in(protocol, proxy.ports[protocol], account.address)
    assert len(program.runs) == 2
    assert told(proxy.record, LOCAL, old, new) == []


class Strict(Upstream):
    """A server that knows one account and one password, keeps every line that it hears, and can be told to go away."""

    def __init__(self, protocol, account, name="strict", dies=None, hushes=None):
        super().__init__(Strict._converse)
        self.protocol, self.account, self.name, self.dies, self.hushes = protocol, account, name, dies, hushes
        self.left = threading.Event()
        self.lines = []

    def _converse(self, connection):
        reader = connection.makefile("rb")
        plain = base64.b64encode(b"\0%s\0%s" % (self.account.address.encode(), self.account.password.encode()))
        name = self.name.encode()
        connection.sendall({"smtp": b"220 %s ESMTP\r\n", "pop3": b"+OK %s <1.2@example.com>\r\n", "imap": b"* OK %s\r\n"}[self.protocol] % name)
        user = b""
        while line := reader.readline():
            self.lines.append(line)
            words = line.split()
            tag = words.pop(0) if self.protocol == "imap" else b""
            verb = words[0].upper() if words else b""
            if self.dies and self.dies in line:
                return
            if self.hushes and self.hushes in line:
                # Says nothing more, and stays until the other side has gone.
                try:
                    while reader.read1():
                        pass
                except ConnectionResetError:
                    pass
                self.left.set()
                return
            if self.protocol == "smtp":
                answer = {b"EHLO": b"250-x\r\n250-AUTH PLAIN DIGEST-MD5\r\n250 PIPELINING\r\n", b"QUIT": b"221 bye\r\n"}.get(verb, b"250 2.0.0 %s\r\n" % name)
                if verb == b"AUTH":
                    answer = b"235 2.7.0 in\r\n" if words[2:] == [plain] else b"535 5.7.8 no\r\n"
            elif self.protocol == "pop3":
                answer = {b"CAPA": b"+OK\r\nUSER\r\nSASL DIGEST-MD5\r\n.\r\n"}.get(verb, b"+OK %s\r\n" % name)
                if verb == b"USER":
                    user = words[1]
                if verb == b"PASS":
                    good = [user, line[5:].strip()] == [self.account.address.encode(), self.account.password.encode()]
                    answer = b"+OK in\r\n" if good else b"-ERR [AUTH] no\r\n"
            else:
                answer = b""
                if verb == b"CAPABILITY":
                    answer = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR AUTH=DIGEST-MD5 XSOMETHING\r\n"
                if verb == b"AUTHENTICATE":
                    good = words[1:] == [b"PLAIN", plain]
                    answer = tag + (b" OK [CAPABILITY IMAP4rev1 IDLE XSOMETHING] in\r\n" if good else b" NO [AUTHENTICATIONFAILED] no\r\n")
                else:
                    answer += tag + b" OK %s\r\n" % name
            connection.sendall(answer)
            if verb in (b"QUIT", b"LOGOUT"):
                return

    def heard(self, words):
        return any(words in line for line in self.lines)


KINDS = {"smtp": SMTP, "pop3": POP3, "imap": IMAP}


@contextlib.contextmanager
def strict(folder, protocol, account, dies=None, login=None):
    """A session with a strict server behind, up to where the client may log in."""
    with Strict(protocol, account, dies=dies) as upstream:
        with swapping(folder, {protocol: upstream.port}, login or password_login(account)) as proxy:
            with KINDS[protocol](HOST, proxy.ports[protocol]) as client:
                greeting = client.line()
                assert b"<" not in greeting, "a timestamp is an offer of APOP"
                if protocol == "smtp":
                    offered = b"".join(client.say("EHLO client.example.org", 250))
                    assert b"AUTH PLAIN LOGIN\r\n" in offered and b"DIGEST" not in offered
                elif protocol == "pop3":
                    assert client.say_block("CAPA") == b"USER\r\nSASL PLAIN LOGIN\r\n"
                else:
                    assert client.say("CAPABILITY")[0] == b"* CAPABILITY IMAP4rev1 AUTH=PLAIN AUTH=LOGIN SASL-IR\r\n"
                yield client, upstream, proxy


def plain(account, secret=LOCAL):
    return base64.b64encode(f"\0{account.address}\0{secret}".encode()).decode()


def b64(text):
    return base64.b64encode(text.encode()).decode()


# Ways to log in, as lines of the client and what it waits for behind each; `W` stands where it hears whether it is in.
def ways(account, secret=LOCAL):
    user, size = account.address, len(secret)
    return {
        "smtp": {
            "initial": [f"AUTH PLAIN {plain(account, secret)}"],
            "plain": ["AUTH PLAIN", plain(account, secret)],
            "login": ["AUTH LOGIN", b64(user), b64(secret)],
        },
        "pop3": {
            "user": [f"USER {user}", f"PASS {secret}"],
            "initial": [f"AUTH PLAIN {plain(account, secret)}"],
            "plain": ["AUTH PLAIN", plain(account, secret)],
            "login": ["AUTH LOGIN", b64(user), b64(secret)],
        },
        "imap": {
            "quoted": [f'a1 LOGIN {user} "{secret}"'],
            "literals": [f"a1 LOGIN {{{len(user)}}}", f"{user} {{{size}}}", secret],
            "literals without waiting": [f"a1 LOGIN {{{len(user)}+}}\r\n{user} {{{size}+}}\r\n{secret}"],
            "initial": [f"a1 AUTHENTICATE PLAIN {plain(account, secret)}"],
            "plain": ["a1 AUTHENTICATE PLAIN", plain(account, secret)],
            "login": ["a1 AUTHENTICATE LOGIN", b64(user), b64(secret)],
        },
    }


ALL_WAYS = [(protocol, way) for protocol, found in ways(peers.Account("x", "y")).items() for way in found]
IN = {"smtp": b"235 ", "pop3": b"+OK", "imap": b"a1 OK"}
OUT = {"smtp": b"535 5.7.8 ", "pop3": b"-ERR [AUTH] ", "imap": b"a1 NO [AUTHENTICATIONFAILED] "}
LATER = {"smtp": b"454 4.7.0 ", "pop3": b"-ERR [SYS/TEMP] ", "imap": b"a1 NO [UNAVAILABLE] "}
NEXT = {"smtp": ("RSET", b"250 "), "pop3": ("STAT", b"+OK"), "imap": ("a2 NOOP", b"a2 OK")}


def go(client, lines):
    """Says the lines, each when it is asked for, and returns what came behind the last."""
    for line in lines[:-1]:
        client.send(line + "\r\n")
        asked = client.line()
        assert asked.startswith((b"334 ", b"+")), asked
    client.send(lines[-1] + "\r\n")
    return client.line()


@pytest.mark.parametrize("protocol, way", ALL_WAYS)
def test_every_way_to_log_in(protocol, way, scratch):
    account = peers.Account("old", "the upstream's own")
    with strict(scratch, protocol, account) as (client, upstream, proxy):
        assert go(client, ways(account)[protocol][way]).startswith(IN[protocol])
        client.send(NEXT[protocol][0] + "\r\n")
        assert client.line().startswith(NEXT[protocol][1])
        assert upstream.heard(NEXT[protocol][0].split()[-1].encode())
        # A second login goes to nobody.
        before = len(upstream.lines)
        client.send({"smtp": "AUTH PLAIN x", "pop3": "USER x", "imap": "a3 LOGIN x y"}[protocol] + "\r\n")
        assert client.line().startswith({"smtp": b"503 ", "pop3": b"-ERR ", "imap": b"a3 BAD "}[protocol])
        assert len(upstream.lines) == before
    assert not any(form in line for line in upstream.lines for form in forms(LOCAL))
    assert told(proxy.record, LOCAL, account.password) == []


@pytest.mark.parametrize("protocol, way", ALL_WAYS)
def test_a_wrong_password_goes_nowhere(protocol, way, scratch):
    account = peers.Account("old", "the upstream's own")
    with strict(scratch, protocol, account) as (client, upstream, proxy):
        before = len(upstream.lines)
        assert go(client, ways(account, "a wrong one")[protocol][way]).startswith(OUT[protocol])
        assert len(upstream.lines) == before
        assert go(client, ways(account)[protocol][way]).startswith(IN[protocol])
    assert told(proxy.record, LOCAL, "a wrong one", account.password) == []


@pytest.mark.parametrize("protocol, way", ALL_WAYS)
def test_what_comes_behind_a_login_waits(protocol, way, scratch):
    """Octet by octet or all at once: behind the last line of the login a command, which the upstream gets when we are in."""
    account = peers.Account("old", "the upstream's own")
    with strict(scratch, protocol, account) as (client, upstream, _):
        lines = ways(account)[protocol][way]
        for line in lines[:-1]:
            client.send(line + "\r\n")
            client.line()
        client.send(lines[-1] + "\r\n" + NEXT[protocol][0] + "\r\n")
        assert client.line().startswith(IN[protocol])
        assert client.line().startswith(NEXT[protocol][1])
    words = [line.split()[-1 if protocol == "imap" else 0] for line in upstream.lines]
    assert words[-1] == NEXT[protocol][0].split()[-1].encode(), upstream.lines


@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
@pytest.mark.parametrize("response", ["*", "%%%", "AGE=", ""], ids=["cancelled", "no-base64", "no-password", "empty"])
def test_a_response_that_is_none(protocol, response, scratch):
    account = peers.Account("old", "the upstream's own")
    with strict(scratch, protocol, account) as (client, upstream, _):
        before = len(upstream.lines)
        begin = ways(account)[protocol]["plain"][0]
        said = go(client, [begin, response])
        assert said.startswith({"smtp": b"501 5.", "pop3": b"-ERR ", "imap": b"a1 BAD "}[protocol]), said
        assert len(upstream.lines) == before
        assert go(client, ways(account)[protocol]["plain"]).startswith(IN[protocol])


@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
@pytest.mark.parametrize("mechanism", ["CRAM-MD5", "SCRAM-SHA-256", "EXTERNAL", "GSSAPI", "XOAUTH2"])
def test_a_mechanism_that_is_not_offered(protocol, mechanism, scratch):
    account = peers.Account("old", "the upstream's own")
    with strict(scratch, protocol, account) as (client, upstream, _):
        before = len(upstream.lines)
        client.send({"smtp": "AUTH ", "pop3": "AUTH ", "imap": "a1 AUTHENTICATE "}[protocol] + mechanism + "\r\n")
        assert client.line().startswith({"smtp": b"504 5.5.4 ", "pop3": b"-ERR ", "imap": b"a1 NO "}[protocol])
        assert len(upstream.lines) == before


@pytest.mark.parametrize("protocol, moment", [
    ("smtp", b"EHLO"), ("smtp", b"AUTH"), ("pop3", b"CAPA"), ("pop3", b"USER"), ("pop3", b"PASS"),
    ("imap", b"CAPABILITY"), ("imap", b"AUTHENTICATE"),
])
def test_the_upstream_goes_away_at_the_login(protocol, moment, scratch):
    account = peers.Account("old", "the upstream's own")
    with Strict(protocol, account, dies=moment) as upstream:
        with swapping(scratch, {protocol: upstream.port}, password_login(account)) as proxy:
            with KINDS[protocol](HOST, proxy.ports[protocol]) as client:
                client.line()
                if protocol == "smtp":
                    upstream.dies = None
                    client.say("EHLO client.example.org", 250)
                    upstream.dies = moment
                assert go(client, list(ways(account)[protocol].values())[0]).startswith(LATER[protocol])
                assert client.rest() == b""
    assert "the upstream ended the connection at the login" in proxy.said()


@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
@pytest.mark.parametrize("body, complaint", [
    ("echo broken >&2; exit 3", "ended with status 3: broken"),
    ("sleep 60", "did not come to its end in 1 seconds"),
    ("exit 0", "prints no token"),
    ("kill -9 $$", "was ended by signal 9"),
], ids=["fails", "hangs", "empty", "killed"])
def test_a_command_that_gives_no_token(protocol, body, complaint, scratch):
    account = peers.Account("old", "the upstream's own")
    program = TokenProgram(scratch, "x", body=body)
    with strict(scratch, protocol, account, login=token_login(account, program, timeout=1)) as (client, _, proxy):
        assert go(client, ways(account)[protocol]["plain"]).startswith(LATER[protocol])
        # The session goes on, and so does everything else meanwhile.
        if protocol == "smtp":
            client.say("RSET", 250)
        assert complaint in proxy.said(), proxy.said()


def test_one_command_at_a_time(scratch, provider, endpoint, accounts):
    """Ten clients at once wait for one run of it."""
    account = accounts.fresh()
    token = f"ya29.slow-token-of-{account.name}"
    endpoint.users[token] = account.address
    program = TokenProgram(scratch, token + "\n", body="sleep 1")
    with swapping(scratch, {"imap": provider[0].imap}, token_login(account, program)) as proxy:
        with concurrent.futures.ThreadPoolExecutor(10) as pool:
            list(pool.map(lambda _: log_in("imap", proxy.ports["imap"], account.address), range(10)))
    assert len(program.runs) == 1


# MARK: Which upstream, by rule


def rule_file(folder, *rules):
    """A file with rules, each a condition and an upstream."""
    path = folder / "route.yaml"
    text = "rules:\n"
    for number, (when, target) in enumerate(rules):
        text += f"  - name: rule{number}\n    when: {when}\n    then:\n      - route: {target}\n"
    path.write_text(text)
    return path


@contextlib.contextmanager
def choosing(folder, protocol, here, there, account, login=None):
    """A session at `here`, from which a rule leads the account to `there`."""
    rules = rule_file(folder, (f'{protocol} and user == "{account.address}"', f"{protocol}://{HOST}:{there}"))
    target = f"{protocol}://{HOST}:{here}?tls=none" + (f"&credentials={login}" if login else "")
    with MailProxy(folder, {protocol: target}, "--rules", rules) as proxy:
        yield proxy


@pytest.mark.parametrize("protocol, way", ALL_WAYS)
def test_a_rule_chooses_the_upstream(protocol, way, scratch):
    """The chosen server gets the client's own login, the first one hears no more than goodbye."""
    moved, stays = peers.Account("moved", "moved.secret-71"), peers.Account("stays", "stays.secret-72")
    with Strict(protocol, stays, "here") as here, Strict(protocol, moved, "there") as there:
        with choosing(scratch, protocol, here.port, there.port, moved) as proxy:
            for account, server in ((moved, there), (stays, here)):
                with KINDS[protocol](HOST, proxy.ports[protocol]) as client:
                    assert b"here" in client.line()
                    if protocol == "smtp":
                        offered = b"".join(client.say("EHLO client.example.org", 250))
                        assert b"AUTH PLAIN LOGIN\r\n" in offered
                    lines = ways(account, account.password)[protocol][way]
                    for line in lines[:-1]:
                        client.send(line + "\r\n")
                        client.line()
                    client.send(lines[-1] + "\r\n" + NEXT[protocol][0] + "\r\n")
                    assert client.line().startswith(IN[protocol])
                    answer = client.line()
                    assert answer.startswith(NEXT[protocol][1]) and server.name.encode() in answer
        goodbye = b"LOGOUT" if protocol == "imap" else b"QUIT"
        until("the first upstream to hear goodbye", lambda: here.heard(goodbye))
        assert not any(form in line for line in here.lines for form in forms(moved.password))
    rows = {row["user"]: row for row in mailproxy.sessions(proxy.record)}
    assert rows[moved.address]["upstream"] == f"{HOST}:{there.port}"
    assert rows[stays.address]["upstream"] == f"{HOST}:{here.port}"
    assert told(proxy.record, moved.password, stays.password) == []


@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_the_chosen_one_is_away(protocol, scratch):
    """A temporary refusal; the session stays where it is."""
    moved, stays = peers.Account("moved", "moved.secret-71"), peers.Account("stays", "stays.secret-72")
    with Strict(protocol, stays, "here") as here:
        with choosing(scratch, protocol, here.port, free_port(), moved) as proxy:
            with KINDS[protocol](HOST, proxy.ports[protocol]) as client:
                client.line()
                if protocol == "smtp":
                    client.say("EHLO client.example.org", 250)
                before = len(here.lines)
                assert go(client, ways(moved, moved.password)[protocol]["plain"]).startswith(LATER[protocol])
                assert len(here.lines) == before
                assert go(client, ways(stays, stays.password)[protocol]["plain"]).startswith(IN[protocol])
        assert "Connection refused" in proxy.said()


@pytest.mark.parametrize("listener, target", [
    ("imap://{host}:{port}", "imap://{host}:{port}"),
    ("imap://{host}:{port}", "imap://localhost:{port}"),
    ("imap://unix:{folder}/in", "imap://unix:{folder}/in"),
    ("imap://unix:{folder}/in", "imap://unix:{folder}//./in"),
], ids=["address", "localhost", "socket", "another spelling"])
def test_a_rule_that_chooses_ourselves_is_refused(listener, target, scratch):
    """The rule would hold there again, and again."""
    place = {"host": HOST, "port": free_port(), "folder": scratch}
    rules = rule_file(scratch, ('imap and user == "a"', target.format(**place)))
    route = f"{listener.format(**place)}=imap://{HOST}:{free_port()}?tls=none"
    done = command("run", "--no-ui", "--no-record", "--data-dir", scratch / "data", "--route", route, "--rules", rules, status=2)
    said = (done.stdout + done.stderr).decode()
    assert f"{rules}:5:16: error: '{target.format(**place)}' is the listener of the route '{route}'" in said, said


@pytest.mark.parametrize("kind", ["address", "link"])
def test_the_chosen_one_turns_out_to_be_ourselves(kind, scratch):
    """What nobody can know when the files are read is seen when it is called: a temporary refusal, and nothing calls anything."""
    moved, stays = peers.Account("moved", "moved.secret-71"), peers.Account("stays", "stays.secret-72")
    with Strict("imap", stays, "here") as here:
        rules = rule_file(scratch, ('imap and user == "nobody"', f"imap://{HOST}:{here.port}"))
        upstream = f"imap://{HOST}:{here.port}?tls=none"
        port = free_port()
        more = [f"imap://{HOST}:0={upstream}", f"imap://unix:{scratch}/in={upstream}"]
        options = ["--rules", rules, *(word for route in more for word in ("--route", route))]
        with MailProxy(scratch, {"imap": upstream}, *options, ports={"imap": port}) as proxy:
            if kind == "link":
                (scratch / "link").symlink_to(scratch / "in")
                target = f"imap://unix:{scratch}/link"
            else:
                free = [found for found in re.findall(rf"{HOST}:(\d+)", proxy.said()) if int(found) not in (0, port, here.port)]
                target = f"imap://{HOST}:{free[0]}"
            rule_file(scratch, (f'imap and user == "{moved.address}"', target))
            proxy.process.kill(signal.SIGHUP)
            until("the rules are read again", lambda: "read again" in proxy.said())
            with IMAP(HOST, port) as client:
                client.line()
                assert go(client, ways(moved, moved.password)["imap"]["plain"]).startswith(LATER["imap"])
                assert go(client, ways(stays, stays.password)["imap"]["plain"]).startswith(IN["imap"])
        assert f"a rule chose {target.partition('://')[2]}, which is a listener of our own" in proxy.said()
    assert len(mailproxy.sessions(proxy.record)) == 1


@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_the_chosen_one_refuses(protocol, scratch):
    """The client hears it, and another login leads home again."""
    moved, stays = peers.Account("moved", "moved.secret-71"), peers.Account("stays", "stays.secret-72")
    with Strict(protocol, stays, "here") as here, Strict(protocol, moved, "there") as there:
        with choosing(scratch, protocol, here.port, there.port, moved) as proxy:
            with KINDS[protocol](HOST, proxy.ports[protocol]) as client:
                client.line()
                if protocol == "smtp":
                    client.say("EHLO client.example.org", 250)
                refused = go(client, ways(moved, "wrong")[protocol]["plain"])
                assert refused.startswith(OUT[protocol]), refused
                assert go(client, ways(stays, stays.password)[protocol]["plain"]).startswith(IN[protocol])
                client.send(NEXT[protocol][0] + "\r\n")
                assert b"here" in client.line()
    assert there.heard(b"LOGOUT" if protocol == "imap" else b"QUIT")


@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
@pytest.mark.parametrize("words", [b"", b"* BYE\r\n-ERR\r\n421 no\r\n", b"garbage\r\n" * 9], ids=["ends", "refuses", "babbles"])
def test_the_chosen_one_does_not_greet(protocol, words, scratch):
    moved, stays = peers.Account("moved", "moved.secret-71"), peers.Account("stays", "stays.secret-72")

    def greet(upstream, connection):
        connection.sendall(words)

    with Strict(protocol, stays, "here") as here, Upstream(greet) as there:
        with choosing(scratch, protocol, here.port, there.port, moved) as proxy:
            with KINDS[protocol](HOST, proxy.ports[protocol]) as client:
                client.line()
                if protocol == "smtp":
                    client.say("EHLO client.example.org", 250)
                assert go(client, ways(moved, moved.password)[protocol]["plain"]).startswith(LATER[protocol])
    assert not any(form in b"".join(here.lines) + there.got for form in forms(moved.password))


def test_real_servers_by_rule_and_under_tls(servers, provider, endpoint, scratch, accounts):
    """From Dovecot in clear to a provider under TLS that takes tokens: the rule's upstream has credentials of its own."""
    account = accounts.fresh()
    token = f"ya29.chosen-token-of-{account.name}"
    endpoint.users[token] = account.address
    file = credentials(scratch, token_login(account, TokenProgram(scratch, token)))
    ca = scratch.parent / "provider" / "certificate.pem"
    rules = rule_file(scratch, (f'imap and user == "{account.address}"', f"imap://{HOST}:{provider[0].imap}?tls=starttls&ca={ca}&credentials={file}"))
    with MailProxy(scratch, {"imap": servers.dovecot.imap}, "--rules", rules) as proxy:
        client = imap_login(proxy.ports["imap"], account.address)
        assert client.select()[0] == "OK"
        client.logout()
        other = accounts.fresh()
        client = imap_login(proxy.ports["imap"], other.address, other.password)
        client.logout()
    row = mailproxy.sessions(proxy.record)[0]
    assert row["upstream"] == f"{HOST}:{provider[0].imap}"
    assert told(proxy.record, LOCAL, token) == []


def test_a_certificate_that_is_not_to_be_trusted(servers, provider, scratch, accounts):
    account = accounts.fresh()
    rules = rule_file(scratch, (f'imap and user == "{account.address}"', f"imap://{HOST}:{provider[0].imap}?tls=starttls"))
    with MailProxy(scratch, {"imap": servers.dovecot.imap}, "--rules", rules) as proxy:
        with pytest.raises(imaplib.IMAP4.error, match="UNAVAILABLE"):
            imap_login(proxy.ports["imap"], account.address, account.password)
    assert "certificate" in proxy.said()


# MARK: Real clients


def test_real_clients(servers, provider, endpoint, authority, scratch, accounts):
    """curl, mbsync, swaks and msmtp with an old password, against servers that take tokens; the client's leg under TLS."""
    account = accounts.fresh()
    token = f"ya29.client-token-of-{account.name}"
    endpoint.users[token] = account.address
    file = credentials(scratch, token_login(account, TokenProgram(scratch, token)))
    ca = scratch.parent / "provider" / "certificate.pem"
    imap, smtp = free_port(), free_port()
    routes = [
        f"imaps://{HOST}:{imap}=imaps://{HOST}:{provider[0].imaps}?credentials={file}&ca={ca}",
        f"smtp://{HOST}:{smtp}?tls=upgrade=smtp://{HOST}:{provider[1].port}?credentials={file}&ca={ca}",
    ]
    with tls_peers.proxy(scratch, authority, *routes) as proxy:
        message = b"Subject: swaks\r\n\r\nhello\r\n"
        checked(["/usr/bin/swaks", "--server", HOST, "--port", str(smtp), "--tls", "--auth", "PLAIN", "--auth-user", account.address,
                 "--auth-password", LOCAL, "--from", account.address, "--to", account.address])
        msmtp = scratch / "msmtprc"
        msmtp.write_text(f"account default\nhost {HOST}\nport {smtp}\nfrom {account.address}\nauth login\nuser {account.address}\n"
                         f"password {LOCAL}\ntls on\ntls_starttls on\ntls_trust_file {authority[1]}\n")
        msmtp.chmod(0o600)
        checked(["/usr/bin/msmtp", "-C", msmtp, account.address], message)
        checked(["/usr/bin/curl", "-s", "--cacert", authority[1], "--ssl-reqd", f"smtp://{HOST}:{smtp}", "--mail-from", account.address,
                 "--mail-rcpt", account.address, "-u", f"{account.address}:{LOCAL}", "-T", "-"], message)
        url = f"imaps://{HOST}:{imap}"

        def arrived():
            status = run(["/usr/bin/curl", "-s", "--cacert", authority[1], "-u", f"{account.address}:{LOCAL}", url, "-X", "STATUS INBOX (MESSAGES)"])
            return b"MESSAGES 3" in status.stdout

        until("three messages to arrive", arrived, 20, 0.1)
        folder = scratch / "mbsync"
        folder.mkdir()
        configuration = scratch / "mbsyncrc"
        text = tls_peers.MBSYNC.replace("SSLType STARTTLS", "SSLType IMAPS").replace("Pass {password}", 'Pass "{password}"')
        configuration.write_text(text.format(host=HOST, imap=imap, user=account.address, password=LOCAL, certificate=authority[1], folder=scratch))
        checked(["/usr/bin/mbsync", "-c", configuration, "all"], env={"HOME": str(scratch), "PATH": "/usr/bin:/bin"})
        assert len(list(folder.rglob("cur/*")) + list(folder.rglob("new/*"))) == 3
    assert told(proxy.record, LOCAL, token) == []


# MARK: Files and rules with mistakes


@pytest.mark.parametrize("text, complaint", [
    ("", "the file names no logins"),
    ("logins:\n  - user: a\n    upstream: {password: b}\n", ":2:5: the login has no 'password'"),
    ("logins:\n  - user: a\n    password: b\n    upstream: {}\n", ":4:15: 'upstream' has neither a password nor a token"),
    ("logins:\n  - user: a\n    password: b\n    upstream: {password: c, token: {command: [x]}}\n", "'upstream' has a password and a token"),
    ("logins:\n  - user: a\n    password: b\n    upstream: {token: {command: x}}\n", ":4:33: 'command' is a list"),
    ("logins:\n  - user: a\n    password: b\n    upstream: {token: {command: [x], mechanism: plain}}\n", "'mechanism' is xoauth2 or oauthbearer"),
    ("logins:\n  - user: a\n    password: $pbkdf2-sha256$1$2\n    upstream: {password: c}\n", ":3:15: this is no hash of a password"),
    ("logins:\n  - user: a\n    pasword: secret\n", ":3:5: unknown key; there are user, password, upstream"),
    ("logins:\n  - user: a\n   password: b\n", ":3:"),
    ("logins:\n  - {user: a, password: b, upstream: {password: c}}\n  - {user: A, password: b, upstream: {password: c}}\n", ":3:5: the user 'a' stands twice"),
])
def test_a_file_with_a_mistake(text, complaint, scratch):
    path = scratch / "credentials.yaml"
    path.write_text(text)
    path.chmod(0o600)
    route = f"imap://{HOST}:{free_port()}=imaps://mail.example.com?credentials={path}"
    done = command("run", "--no-record", "--data-dir", scratch, "--route", route, status=2, folder=scratch)
    assert complaint in done.stderr.decode() and done.stderr.count(b"\n") == 1, done.stderr


def test_a_file_that_others_may_read(scratch):
    path = credentials(scratch, password_login(peers.Account("a", "b")), mode=0o640)
    route = f"imap://{HOST}:{free_port()}=imaps://mail.example.com?credentials={path}"
    done = command("run", "--no-record", "--data-dir", scratch, "--route", route, status=2, folder=scratch)
    assert f"{path}: can be read by others (mode 640); take that away with 'chmod 600 {path}'" in done.stderr.decode()


def test_a_pipe_in_place_of_the_file(scratch):
    """Nobody writes to it: it is refused and not waited for."""
    path = scratch / "credentials.yaml"
    os.mkfifo(path, 0o600)
    route = f"imap://{HOST}:{free_port()}=imaps://mail.example.com?credentials={path}"
    done = command("run", "--no-record", "--data-dir", scratch, "--route", route, status=2, folder=scratch)
    assert f"{path}: is no file" in done.stderr.decode()


@pytest.mark.parametrize("listener, upstream, complaint", [
    ("imap://127.0.0.1:1?tls=passthrough", "imap://mail.example.com?credentials=f", "'credentials' answers logins where 'tls=passthrough'"),
    ("lmtp://127.0.0.1:1", "lmtp://127.0.0.1:2?credentials=f", "nobody logs in with lmtp"),
    ("socks5://127.0.0.1:1", "destination?credentials=f", "would be shown to whatever server a client names"),
])
def test_routes_that_have_no_credentials(listener, upstream, complaint, scratch):
    done = command("run", "--no-record", "--data-dir", scratch, "--route", f"{listener}={upstream}", status=2, folder=scratch)
    assert complaint in done.stderr.decode(), done.stderr


def test_passwords_pass_no_network_in_clear(scratch):
    """Beyond this host the upstream's leg begins TLS before the client hears anything."""
    path = credentials(scratch, password_login(peers.Account("a", "b")))
    with Strict("imap", peers.Account("a", "b")) as upstream:
        # 127.0.0.1 by a name that is not this host's.
        with MailProxy(scratch, {"imap": f"imap://ip6-localhost.example.com:{upstream.port}?credentials={path}"}) as proxy:
            with IMAP(HOST, proxy.ports["imap"]) as client:
                assert client.rest().startswith(b"* BYE [UNAVAILABLE] ")


@pytest.mark.parametrize("when, target, complaint", [
    ('imap and user == "a"', "imap://", ":5:16: error: route 'imap://'"),
    ('imap and user == "a"', "http://x", "the scheme 'http' of the upstream is not known"),
    ('user == "a"', "imap://x", "holds in other protocols than the upstream's; begin 'when' with 'imap and'"),
    ("imap", "imap://x", "it takes effect at a login; ask for 'user'"),
    ('imap and command == "NOOP"', "imap://x", "'route' takes effect at a login; ask for 'user'"),
    ('imap and user == "a"', "imap://x?credentials=", "has no value that this option of the upstream can have"),
])
def test_a_rule_with_a_mistake(when, target, complaint, scratch):
    rules = rule_file(scratch, (when, target))
    done = command("rules", "check", rules, status=2)
    assert complaint in (done.stdout + done.stderr).decode(), done


def test_the_file_is_read_again(servers, scratch, accounts):
    first, second = accounts.fresh(), accounts.fresh()
    with swapping(scratch, {"imap": servers.dovecot.imap}, password_login(first)) as proxy:
        log_in("imap", proxy.ports["imap"], first.address)
        credentials(scratch, password_login(second))
        proxy.process.kill(signal.SIGHUP)
        until("it is read again", lambda: "read again" in proxy.said())
        log_in("imap", proxy.ports["imap"], second.address)
        with pytest.raises(imaplib.IMAP4.error):
            log_in("imap", proxy.ports["imap"], first.address)
        (scratch / "credentials.yaml").write_text("logins: []")
        proxy.process.kill(signal.SIGHUP)
        until("the mistake is told", lambda: "nothing changed" in proxy.said())
        log_in("imap", proxy.ports["imap"], second.address)


def test_a_hashed_password(servers, scratch, accounts):
    """As `mailproxy user` keeps it."""
    account = accounts.fresh()
    command("user", "add", account.address, "--data-dir", scratch / "data", stdin=LOCAL.encode() + b"\n", status=0)
    line = next(path for path in (scratch / "data").rglob("*") if path.is_file() and b"$pbkdf2" in path.read_bytes()).read_text()
    login = password_login(account) | {"password": line.strip().partition(":")[2]}
    with swapping(scratch, {"imap": servers.dovecot.imap}, login) as proxy:
        log_in("imap", proxy.ports["imap"], account.address)
        with pytest.raises(imaplib.IMAP4.error):
            log_in("imap", proxy.ports["imap"], account.address, account.password)
