"""Routes with several upstreams: who gets a session, what happens when one is away, sends clients away, or comes back."""

import contextlib
import smtplib
import socket
import ssl
import struct
import time

import pytest

import mailproxy
from mailproxy import MailProxy
from processes import HOST, free_port, until
from test_watched import figures, value
from tls_peers import Upstream
from wire import IMAP, SMTP, Wire

GREETING = {"smtp": b"220 %s ESMTP\r\n", "pop3": b"+OK %s\r\n", "imap": b"* OK %s\r\n"}


class Named(Upstream):
    """A server that greets with its name and says nothing more."""

    def __init__(self, protocol, name):
        super().__init__(Named._greet)
        self.greeting = GREETING[protocol] % name.encode()

    def _greet(self, connection):
        connection.sendall(self.greeting)
        self.drain(connection)


def urls(protocol, *ports):
    return ",".join(port if isinstance(port, str) else f"{protocol}://{HOST}:{port}" for port in ports)


@pytest.mark.parametrize("protocol", GREETING)
def test_the_next_one_takes_the_place_of_one_that_is_away(protocol, scratch):
    with Named(protocol, "second") as second:
        with MailProxy(scratch, {protocol: urls(protocol, free_port(), second.port)}) as proxy:
            for _ in range(5):
                with Wire(HOST, proxy.ports[protocol]) as client:
                    assert client.line() == GREETING[protocol] % b"second"
        # After three failures in a row it is left alone.
        assert proxy.said().count("the next upstream is tried") == 3, proxy.said()
        assert proxy.said().count("failed too often") == 1
    rows = mailproxy.sessions(proxy.record)
    assert len(rows) == 5 and all(row["upstream"] == f"{HOST}:{second.port}" for row in rows if "upstream" in row)


REFUSALS = {"smtp": b"421 4.3.2 busy\r\n", "pop3": b"-ERR [SYS/TEMP] busy\r\n", "imap": b"* BYE busy\r\n"}


@pytest.mark.parametrize("protocol", GREETING)
def test_one_that_sends_clients_away(protocol, scratch):
    """The next one has the session; from the last one the client hears it as it was said."""

    def busy(upstream, connection):
        connection.sendall(REFUSALS[protocol])

    with Upstream(busy) as first, Named(protocol, "second") as second:
        with MailProxy(scratch, {protocol: urls(protocol, first.port, second.port)}, name="a") as proxy:
            with Wire(HOST, proxy.ports[protocol]) as client:
                assert client.line() == GREETING[protocol] % b"second"
        with Upstream(busy) as last, MailProxy(scratch, {protocol: urls(protocol, first.port, last.port)}, name="b") as proxy:
            with Wire(HOST, proxy.ports[protocol]) as client:
                assert client.rest() == REFUSALS[protocol]


def test_sessions_are_shared_by_weight(scratch):
    """Of those with the same priority; one with a higher number gets none as long as they answer."""
    names = ["first", "second", "third"]
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Named("smtp", name)) for name in names]
        options = ["?priority=1&weight=2", "?priority=1", "?priority=2"]
        target = ",".join(f"smtp://{HOST}:{server.port}{option}" for server, option in zip(servers, options))
        proxy = stack.enter_context(MailProxy(scratch, {"smtp": target}, "--set", "threads=1"))
        heard = []
        for _ in range(9):
            with SMTP(HOST, proxy.ports["smtp"]) as client:
                heard.append(client.line().split()[1].decode())
        assert [heard.count(name) for name in names] == [6, 3, 0]


@pytest.mark.parametrize("scheme", ["", "s"])
@pytest.mark.parametrize("protocol", GREETING)
def test_the_built_in_server_when_all_are_away(protocol, scheme, scratch):
    """`fallback` at the end of the list, in clear and under TLS from the first octet."""
    port = free_port()
    name = f"{protocol}{scheme}"
    with MailProxy(scratch, {}, "--route", f"{name}://{HOST}:{port}={protocol}://{HOST}:{free_port()}?tls=none,fallback") as proxy:
        if scheme:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(socket.create_connection((HOST, port), 20)) as client:
                said = client.recv(1000)
        else:
            with Wire(HOST, port) as client:
                said = client.line()
        assert said.startswith(GREETING[protocol].split(b"%")[0]), said
        assert "the next upstream is tried" in proxy.said()


def test_the_built_in_server_in_the_place_of_another_begins_tls(scratch):
    with MailProxy(scratch, {"smtp": urls("smtp", free_port(), "fallback")}) as proxy:
        with smtplib.SMTP(HOST, proxy.ports["smtp"]) as client:
            client.ehlo()
            assert client.has_extn("starttls")
            insecure = ssl.create_default_context()
            insecure.check_hostname, insecure.verify_mode = False, ssl.CERT_NONE
            assert client.starttls(context=insecure)[0] == 220
            assert client.ehlo()[0] == 250 and not client.has_extn("starttls")


def test_mail_comes_into_the_built_in_server_while_the_upstream_is_away(servers, accounts, scratch):
    """A real client, a real server that is away, and back: the message of the meantime is not lost."""
    port = servers.postfix.port
    away = free_port()
    with MailProxy(scratch, {"smtp": urls("smtp", away, "fallback"), "imap": "fallback"}) as proxy:
        with smtplib.SMTP(HOST, proxy.ports["smtp"]) as client:
            client.sendmail("a@example.com", ["b@example.com"], "Subject: meanwhile\r\n\r\nhello\r\n")
        with IMAP(HOST, proxy.ports["imap"]) as client:
            client.line()
            client.send("a LOGIN b@example.com x\r\nb SELECT INBOX\r\nc FETCH 1 BODY[]\r\nd LOGOUT\r\n")
            assert b"Subject: meanwhile" in client.rest()
    with MailProxy(scratch, {"smtp": urls("smtp", away, port)}, name="real") as proxy:
        with smtplib.SMTP(HOST, proxy.ports["smtp"]) as client:
            assert client.ehlo()[0] == 250 and client.noop()[0] == 250
    (row,) = mailproxy.sessions(proxy.record)
    assert row["end"] == "closed" and row["exchanges"] >= 3


def test_figures_of_upstreams_and_the_way_back(scratch):
    """One that fails is left alone, which the figures say; when its time is over one session tries it."""
    port, metrics = free_port(), free_port()
    with Named("smtp", "second") as second:
        target = urls("smtp", port, second.port)
        with MailProxy(scratch, {"smtp": target}, "--metrics", f"{HOST}:{metrics}") as proxy:
            first = f"smtp://{HOST}:{port}"

            def greeted():
                with SMTP(HOST, proxy.ports["smtp"]) as client:
                    return client.line()

            for _ in range(3):
                assert greeted() == b"220 second ESMTP\r\n"
            now = figures(metrics)
            assert value(now, "mailproxy_upstream_up", upstream=first) == 0
            assert value(now, "mailproxy_upstream_tries_failed_total", upstream=first) == 3
            assert value(now, "mailproxy_upstream_up", upstream=f"smtp://{HOST}:{second.port}") == 1
            assert value(now, "mailproxy_upstream_sessions_total") == 3
            back = Named("smtp", "first")
            back.listener.close()
            back.listener = socket.create_server((HOST, port))
            with back:
                until("it has sessions again", lambda: greeted() == b"220 first ESMTP\r\n", seconds=30)
                assert value(figures(metrics), "mailproxy_upstream_up", upstream=first) == 1
                assert "answers again" in proxy.said()


@pytest.mark.parametrize("words", ["421 4.3.2 busy", "554 5.7.1 not you"])
def test_a_refusal_of_one_client_is_no_fault_of_the_upstream(words, scratch):
    """It goes on to be tried: who is sent away may be one client among many."""

    def refuse(upstream, connection):
        connection.sendall(words.encode() + b"\r\n")

    with Upstream(refuse) as first, Named("smtp", "second") as second:
        with MailProxy(scratch, {"smtp": urls("smtp", first.port, second.port)}) as proxy:
            for _ in range(5):
                with SMTP(HOST, proxy.ports["smtp"]) as client:
                    assert client.line() == b"220 second ESMTP\r\n"
            assert proxy.said().count(f"says '{words}'; the next upstream is tried") == 5
            assert "left alone" not in proxy.said()


def test_who_is_told_of_the_client_and_refuses(scratch):
    """The greeting is read for XCLIENT before the client hears it, and is a refusal all the same."""

    def busy(upstream, connection):
        connection.sendall(b"421 4.3.2 busy\r\n")

    with Upstream(busy) as first, Named("smtp", "second") as second:
        ports = ",".join(f"smtp://{HOST}:{server.port}?client-address=xclient" for server in (first, second))
        with MailProxy(scratch, {"smtp": ports}) as proxy:
            wire = SMTP(HOST, proxy.ports["smtp"])
            until("the next is tried", lambda: "says '421 4.3.2 busy'; the next upstream is tried" in proxy.said())
            wire.__exit__()


def silent(upstream, connection):
    """Takes connections and never says a word."""
    upstream.drain(connection)


@pytest.mark.parametrize("way", ["ends", "is reset", "ends under TLS"])
def test_a_client_that_leaves_meanwhile_gives_its_place_back(way, scratch):
    """While an upstream keeps it waiting: at once, or two seconds behind its end when it may still want to see the greeting."""
    metrics, port = free_port(), free_port()
    scheme = "smtps" if way.endswith("TLS") else "smtp"
    with Upstream(silent) as first, Upstream(silent) as second:
        target = urls("smtp", first.port, second.port).replace(",", "?tls=none,") + "?tls=none"
        options = ("--route", f"{scheme}://{HOST}:{port}={target}", "--metrics", f"{HOST}:{metrics}")
        with MailProxy(scratch, {}, *options) as proxy:
            client = socket.create_connection((HOST, port), 20)
            if scheme == "smtps":
                # The first octets of a handshake.
                client.sendall(bytes.fromhex("16030100050100000100"))
            until("it has its place", lambda: value(figures(metrics), "mailproxy_sessions_open") == 1)
            if way == "is reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            client.close()
            until("its place is free", lambda: value(figures(metrics), "mailproxy_sessions_open") == 0, seconds=10)
            assert "it left before its upstream answered" in proxy.said()
            now = figures(metrics)
            assert value(now, "mailproxy_upstream_tries_failed_total") == 0
            assert value(now, "mailproxy_tls_failures_total", side="client", reason="left") == (scheme == "smtps")
            assert value(now, "mailproxy_sessions_ended_total", end="reset" if way == "is reset" else "closed") == 1


def test_a_client_that_has_said_all_is_still_served(scratch):
    """Who sends all its commands and its end at once waits for the answers, however long the upstream takes."""
    with Upstream(lambda upstream, connection: (time.sleep(3), connection.sendall(b"220 late\r\n"), upstream.drain(connection))) as slow:
        with MailProxy(scratch, {"smtp": urls("smtp", slow.port, free_port())}) as proxy:
            with SMTP(HOST, proxy.ports["smtp"]) as client:
                client.send("QUIT\r\n")
                client.finish()
                assert client.line() == b"220 late\r\n"
            until("it arrived", lambda: slow.got == b"QUIT\r\n")


def test_rules_act_once_on_a_connection_that_falls_back(scratch):
    """Tags, lines and delays at connect are of the connection, whoever answers it in the end."""
    metrics = free_port()
    rules = scratch / "rules.yaml"
    rules.write_text(
        "rules:\n  - name: seen\n    when: smtp\n    then: [{tag: first}, {log: came}, {delay: 600ms}]\n"
        '  - name: later\n    when: command == "NOOP" and tag == "first"\n    then: [{tag: second}]\n'
    )
    options = ("--rules", rules, "--metrics", f"{HOST}:{metrics}")
    with MailProxy(scratch, {"smtp": urls("smtp", free_port(), "fallback")}, *options) as proxy:
        begun = time.monotonic()
        with SMTP(HOST, proxy.ports["smtp"]) as client:
            client.reply(220)
            assert 0.55 < time.monotonic() - begun < 5
            client.say("NOOP", 250)
            client.say("QUIT", 221)
        now = figures(metrics)
        assert value(now, "mailproxy_rule_hits_total", rule="seen") == 1
        assert value(now, "mailproxy_rule_hits_total", rule="later") == 1
        assert value(now, "mailproxy_upstream_fallbacks_total") == 1
        assert proxy.said().count("rule seen at exchange") == 1
    (row,) = mailproxy.sessions(proxy.record)
    assert row["tags"] == ["first", "second"], row


def test_sessions_that_fall_back_are_counted(scratch):
    """Also those that find all upstreams left alone; not those of a route that leads nowhere else."""
    metrics = free_port()
    upstreams = {"smtp": urls("smtp", free_port(), "fallback"), "pop3": "fallback"}
    with MailProxy(scratch, upstreams, "--metrics", f"{HOST}:{metrics}") as proxy:
        for _ in range(5):
            with SMTP(HOST, proxy.ports["smtp"]) as client:
                client.reply(220)
        with Wire(HOST, proxy.ports["pop3"]) as client:
            client.line()
        assert value(figures(metrics), "mailproxy_upstream_fallbacks_total", protocol="smtp") == 5
        assert value(figures(metrics), "mailproxy_upstream_fallbacks_total") == 5
