"""Logins by us that come to no good end: clients that leave meanwhile, commands that outlive the proxy, lines that are no logins."""

import os
import signal
import socket
import struct
import time

import pytest

import mailproxy
import peers
from login_peers import TokenProgram, password_login, token_login, told
from mailproxy import MailProxy
from processes import HOST, until
from test_login import KINDS, Strict, rule_file, strict, swapping, ways

SILENT = [("smtp", b"AUTH"), ("pop3", b"CAPA"), ("pop3", b"PASS"), ("imap", b"CAPABILITY"), ("imap", b"AUTHENTICATE")]


def descriptors(proxy):
    return len(os.listdir(f"/proc/{proxy.process.pid}/fd"))


def begin(client, protocol):
    client.line()
    if protocol == "smtp":
        client.say("EHLO client.example.org", 250)


def rests(proxy):
    """The recorder has opened its files, and no session is there: so many descriptors there are."""
    ended = [row for row in mailproxy.sessions(proxy.record) if row["end"] != "open"]
    return descriptors(proxy) if ended else 0


def leave(client, how):
    client.reader.close()
    if how == "reset":
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.socket.close()


@pytest.mark.parametrize("how", ["end", "reset"])
@pytest.mark.parametrize("protocol, moment", SILENT)
def test_a_client_that_leaves_a_silent_upstream(protocol, moment, how, scratch):
    """Nobody waits for an answer that nobody will hear: the upstream is let go, and so is everything else."""
    account = peers.Account("old", "the upstream's own")
    with Strict(protocol, account) as upstream:
        with swapping(scratch, {protocol: upstream.port}, password_login(account)) as proxy:
            with KINDS[protocol](HOST, proxy.ports[protocol]) as client:
                begin(client, protocol)
            until("the first session to end", lambda: rests(proxy))
            before = descriptors(proxy)
            for line in list(ways(account)[protocol].values())[:1]:
                client = KINDS[protocol](HOST, proxy.ports[protocol])
                begin(client, protocol)
                upstream.hushes = moment
                for part in line[:-1]:
                    client.send(part + "\r\n")
                    client.line()
                client.send(line[-1] + "\r\n")
                until("the upstream is spoken to", lambda: upstream.heard(moment))
                leave(client, how)
            began = time.monotonic()
            assert upstream.left.wait(10)
            assert time.monotonic() - began < 8
            until("the descriptors are back", lambda: descriptors(proxy) <= before)
    assert "it left before its login was over" in proxy.said() or how == "reset"


def test_a_client_that_leaves_on_the_way_to_another_upstream(scratch):
    moved, stays = peers.Account("moved", "moved.secret-71"), peers.Account("stays", "stays.secret-72")
    with Strict("imap", stays, "here") as here, Strict("imap", moved, "there", hushes=b"CAPABILITY") as there:
        rules = rule_file(scratch, (f'imap and user == "{moved.address}"', f"imap://{HOST}:{there.port}"))
        with MailProxy(scratch, {"imap": f"imap://{HOST}:{here.port}?tls=none"}, "--rules", rules) as proxy:
            client = KINDS["imap"](HOST, proxy.ports["imap"])
            begin(client, "imap")
            client.send(ways(moved, moved.password)["imap"]["initial"][0] + "\r\n")
            until("the other one is spoken to", lambda: there.heard(b"CAPABILITY"))
            leave(client, "end")
            assert there.left.wait(10)


def test_a_client_that_leaves_during_the_command(scratch):
    """The command goes on for those who come next; the session does not."""
    account = peers.Account("old", "a token")
    program = TokenProgram(scratch, "a token\n", body="while [ ! -e go ]; do sleep 0.1; done")
    with Strict("imap", account) as upstream:
        login = token_login(account, program, timeout=30)
        with swapping(scratch, {"imap": upstream.port}, login) as proxy:
            client = KINDS["imap"](HOST, proxy.ports["imap"])
            begin(client, "imap")
            client.send(ways(account)["imap"]["initial"][0] + "\r\n")
            until("the command runs", lambda: program.runs)
            leave(client, "end")
            until("the session ends", lambda: [row for row in mailproxy.sessions(proxy.record) if row["end"] != "open"])
            assert len(program.runs) == 1
            (scratch / "go").touch()


def test_what_was_said_behind_a_login_is_done(scratch):
    """A script says all at once and then nothing more: it hears all its answers, as slow as they may be."""
    account = peers.Account("old", "the upstream's own")
    with strict(scratch, "imap", account) as (client, upstream, proxy):
        client.send(ways(account)["imap"]["initial"][0] + "\r\na2 NOOP\r\na3 LOGOUT\r\n")
        client.finish()
        said = client.rest()
        assert said.startswith(b"a1 OK") and b"a2 OK" in said and b"a3 OK" in said


def processes_of(words):
    """The numbers of the processes in whose command line the words stand."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                if words in file.read():
                    found.append(int(entry))
        except OSError:
            continue
    return found


@pytest.mark.parametrize("reload", [False, True], ids=["of the start", "of a file that was read again"])
def test_a_command_ends_with_the_proxy(reload, scratch):
    """With all that it has started, and without anybody waiting for it."""
    account = peers.Account("old", "a token")
    mark = str(scratch / "token").encode()
    program = TokenProgram(scratch, "x", body="sleep 300 & sleep 300; exit 1")
    with Strict("imap", account) as upstream:
        login = token_login(account, program, timeout=120)
        with swapping(scratch, {"imap": upstream.port}, login) as proxy:
            client = KINDS["imap"](HOST, proxy.ports["imap"])
            begin(client, "imap")
            client.send(ways(account)["imap"]["initial"][0] + "\r\n")
            until("the command runs", lambda: program.runs)
            assert processes_of(mark)
            if reload:
                proxy.process.kill(signal.SIGHUP)
                until("it is read again", lambda: "read again" in proxy.said())
            began = time.monotonic()
            proxy.stop()
            assert time.monotonic() - began < 15
            until("the command is gone", lambda: not processes_of(mark), 5)
            leave(client, "end")


ODD = {
    "imap": ["x LOGIN {pw}", "x LOGIN {pw} {pw} {pw}", 'x LOGIN "{pw}', "x XLOGIN me {pw}", "x PASS {pw}", "x AUTHENTICATE {pw}"],
    "pop3": ["XPASS {pw}", "PASS {pw}", "USER me {pw}", "USER", "APOP {pw}", "LOGIN me {pw}", "AUTH {pw}"],
    "smtp": ["XAUTH {pw}", "AUTH {pw}", "AUTH PLAIN {pw}", "LOGIN me {pw}", "PASS {pw}"],
}


@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
def test_what_may_have_been_a_login_is_masked(protocol, scratch):
    account = peers.Account("old", "the upstream's own")
    secret = "hunter2-in-the-wrong-place"
    with Strict(protocol, account) as upstream:
        with swapping(scratch, {protocol: upstream.port}, password_login(account)) as proxy:
            for line in ODD[protocol]:
                with KINDS[protocol](HOST, proxy.ports[protocol]) as client:
                    begin(client, protocol)
                    client.send(line.format(pw=secret) + "\r\n")
                    client.line()
    assert told(proxy.record, secret) == []
    assert secret not in proxy.said()
    sent = sum(len(line.format(pw=secret)) + 2 for line in ODD[protocol])
    rows = mailproxy.sessions(proxy.record)
    hello = len("EHLO client.example.org\r\n") * len(rows) if protocol == "smtp" else 0
    assert sum(row["bytes"]["client"] for row in rows) == sent + hello, "masks have the length of what they hide"
