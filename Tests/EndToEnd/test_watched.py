"""A proxy under watch: figures for Prometheus, the service manager, limits that an operator sets, words at the end."""

import json
import signal
import socket
import time
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

import mailproxy
from mailproxy import MailProxy, command
from processes import HOST, free_port, run, until
from wire import IMAP, POP3, SMTP, Wire

USAGE = 2


def page(port, path="/metrics", host=None, method="GET"):
    request = urllib.request.Request(f"http://{HOST}:{port}{path}", method=method)
    if host:
        request.add_header("Host", host)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, answer.headers, answer.read().decode()


def figures(port):
    """{name: {labels: value}} as Prometheus' own library reads the page."""
    found = {}
    for family in text_string_to_metric_families(page(port)[2]):
        assert family.documentation and family.type in ("counter", "gauge"), family
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def value(found, name, **labels):
    return sum(number for key, number in found[name].items() if set(labels.items()) <= set(key))


def test_figures(servers, scratch):
    """Two sessions and a login through the proxy, and what the page says of them."""
    port = free_port()
    upstreams = {"imap": servers.dovecot.imap, "smtp": servers.postfix.port}
    rules = scratch / "rules.yaml"
    rules.write_text('rules:\n  - name: watched\n    when: command == "NOOP"\n    then: [{tag: seen}]\n')
    with MailProxy(scratch, upstreams, "--metrics", f"{HOST}:{port}", "--rules", rules) as proxy:
        assert f"figures on http://{HOST}:{port}/metrics" in proxy.said()
        before = figures(port)
        assert value(before, "mailproxy_sessions_total") == 0
        assert value(before, "process_resident_memory_bytes") > 1_000_000
        assert value(before, "process_start_time_seconds") > 1_700_000_000
        with IMAP(HOST, proxy.ports["imap"]) as client:
            client.line()
            client.send("a NOOP\r\n")
            assert client.line().startswith(b"a OK")
            now = figures(port)
            assert value(now, "mailproxy_sessions_open", protocol="imap") == 1
            assert value(now, "mailproxy_rule_hits_total", rule="watched") == 1
        with SMTP(HOST, proxy.ports["smtp"]) as client:
            client.line()
            client.send("QUIT\r\n")
            client.rest()
        until("both sessions are over", lambda: value(figures(port), "mailproxy_sessions_open") == 0)
        after = figures(port)
        assert value(after, "mailproxy_sessions_total") == 2
        assert value(after, "mailproxy_sessions_ended_total") == 2
        assert value(after, "mailproxy_octets_total", protocol="imap", side="client") == len(b"a NOOP\r\n")
        assert value(after, "mailproxy_octets_total", protocol="smtp", side="server") > 20
        assert value(after, "mailproxy_recorder_failed") == 0


def test_an_upstream_that_is_away_is_counted(scratch):
    port = free_port()
    with MailProxy(scratch, {"pop3": free_port()}, "--metrics", f"{HOST}:{port}") as proxy:
        with POP3(HOST, proxy.ports["pop3"]) as client:
            assert client.line().startswith(b"-ERR [SYS/TEMP]")
        until("it is counted", lambda: value(figures(port), "mailproxy_upstream_failures_total", protocol="pop3") == 1)


def test_who_may_read_the_figures(scratch):
    """A page of another origin reaches us under a name of its own, and gets nothing; what is no request ends."""
    port = free_port()
    with MailProxy(scratch, {"smtp": "fallback"}, "--metrics", f"{HOST}:{port}"):
        status, headers, text = page(port)
        assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4")
        assert "mailproxy_build_info{version=" in text
        assert page(port, "/healthz")[2] == "ok\n"
        assert page(port, host="localhost:80")[0] == 200
        for kind, code in (
            ({"host": "attacker.example.com"}, 421),
            ({"path": "/"}, 404),
            ({"path": "/../metrics"}, 404),
            ({"method": "POST"}, 405),
        ):
            with pytest.raises(urllib.error.HTTPError) as error:
                page(port, **kind)
            assert error.value.code == code, kind
        assert page(port, method="HEAD")[2] == ""
        for junk, answer in ((b"\0" * 9000, b"HTTP/1.1 431 "), (b"EHLO x\r\n\r\n", b"HTTP/1.1 400 ")):
            with Wire(HOST, port) as wire:
                wire.send(junk)
                assert wire.rest().startswith(answer)
        # Those that never ask do not keep others from it, however many they are, and are not kept.
        silent = [socket.create_connection((HOST, port), 20) for _ in range(300)]
        assert page(port)[0] == 200
        begun = time.monotonic()
        assert silent[-1].recv(100) == b"" and time.monotonic() - begun < 8
        for connection in silent:
            connection.close()
        assert run(["/usr/bin/curl", "-fsS", f"http://{HOST}:{port}/healthz"]).stdout == b"ok\n"


def ask(port, head):
    with Wire(HOST, port) as wire:
        wire.send(head + b"\r\n\r\n")
        return wire.rest().split(b"\r\n", 1)[0]


def test_by_which_names_the_figures_may_be_asked_for(scratch):
    """Names that an operator gives; and none in HTTP/1.0, which no browser speaks."""
    port = free_port()
    options = ("--metrics", f"{HOST}:{port}", "--set", "metrics.hosts=Proxy.example.com", "--set", "metrics.hosts=other.example.com")
    with MailProxy(scratch, {"smtp": "fallback"}, *options):
        for name, code in (("proxy.example.com", 200), ("OTHER.example.com:9125", 200), ("example.com", 421)):
            assert ask(port, f"GET /metrics HTTP/1.1\r\nHost: {name}".encode()).split()[1] == str(code).encode(), name
        assert ask(port, b"GET /healthz HTTP/1.0") == b"HTTP/1.1 200 OK"
        assert ask(port, b"GET /healthz HTTP/1.0\r\nOrigin: http://attacker.example.com").split()[1] == b"400"
        assert ask(port, b"GET /healthz HTTP/1.1").split()[1] == b"400"
        assert ask(port, b"GET /healthz HTTP/1.0\r\nHost: attacker.example.com").split()[1] == b"421"


@pytest.mark.parametrize("text", ["9125", "127.0.0.1", "example.com:9125", "0.0.0.0:9125"])
def test_an_address_for_figures_that_is_none(text, scratch):
    done = command("run", "--no-record", "--metrics", text, status=USAGE, folder=scratch)
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1 and "metrics on" in lines[0], done.stderr


def test_the_service_manager_is_told(scratch):
    """As systemd does: a datagram socket whose path is in NOTIFY_SOCKET."""
    path = scratch / "notify"
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(path))
    manager.settimeout(30)

    def said():
        return dict(line.split("=", 1) for line in manager.recv(4096).decode().splitlines())

    with MailProxy(scratch, {"smtp": "fallback"}, env=[("NOTIFY_SOCKET", str(path))]) as proxy:
        ready = said()
        assert ready["READY"] == "1" and int(ready["MAINPID"]) == proxy.process.pid
        proxy.process.kill(signal.SIGHUP)
        reloading = said()
        assert reloading["RELOADING"] == "1" and int(reloading["MONOTONIC_USEC"]) > 0
        assert said()["READY"] == "1"
        proxy.stop()
        assert said()["STOPPING"] == "1"
    manager.close()


REFUSED = {"smtp": b"421 4.7.0 Too many", "pop3": b"-ERR [SYS/TEMP] Too many", "imap": b"* BYE [UNAVAILABLE] Too many"}


@pytest.mark.parametrize("limit", ["sessions", "sessions-per-address", "connections-per-second"])
def test_limits(limit, scratch):
    """One more than may be is refused in the words of its protocol, is in the log and in the figures, and others go on."""
    port = free_port()
    upstreams = dict.fromkeys(REFUSED, "fallback")
    with MailProxy(scratch, upstreams, "--metrics", f"{HOST}:{port}", "--set", f"limits.{limit}=2") as proxy:
        kept = []
        # Two may come at once; at a rate of two in a second a slow machine would let a third one come in time.
        for protocol in ("smtp", "imap", "pop3", "smtp", "imap"):
            wire = Wire(HOST, proxy.ports[protocol])
            line = wire.line()
            if len(kept) < 2:
                assert line.startswith((b"220 ", b"* OK", b"+OK")), line
                kept.append(wire)
            elif limit == "connections-per-second" and not line.startswith(REFUSED[protocol]):
                kept.append(wire)
            else:
                assert line.startswith(REFUSED[protocol]) and wire.rest() == b"", line
        refused = value(figures(port), "mailproxy_sessions_refused_total", limit=limit)
        assert refused >= 1 and refused + len(kept) == 5
        assert f"refused by limits.{limit}" in proxy.said()
        kept[0].send("QUIT\r\n")
        assert kept[0].line().startswith(b"221 ")
        for wire in kept:
            wire.__exit__()
        until("there is room again", lambda: Wire(HOST, proxy.ports["smtp"]).line().startswith(b"220 "))


LEAST = {
    "greeting": (300, "RFC 5321 §4.5.3.2.1"),
    "smtp-command": (300, "RFC 5321 §4.5.3.2.7"),
    "smtp-data-start": (120, "RFC 5321 §4.5.3.2.4"),
    "smtp-data-block": (180, "RFC 5321 §4.5.3.2.5"),
    "smtp-data-end": (600, "RFC 5321 §4.5.3.2.6"),
    "idle-smtp": (300, "RFC 5321 §4.5.3.2.7"),
    "idle-pop3": (600, "RFC 1939 §3"),
    "idle-imap": (1800, "RFC 9051 §5.4"),
}


@pytest.mark.parametrize("name", LEAST)
def test_times_that_may_not_be(name, scratch):
    """Who waits for less breaks the protocol: it is refused with the section that says so, unless a laboratory wants it."""
    least, section = LEAST[name]
    config = scratch / "mailproxy.yaml"
    for value in (least, least - 1):
        config.write_text(f"limits:\n  {name}: {value}\n")
        checked = command("config", "check", config, status=0 if value == least else USAGE, folder=scratch)
        if value < least:
            words = f"{config}:2:{name_column(name)}: 'limits.{name}' must be at least {least} seconds ({section}), not {value}"
            assert checked.stderr.decode().startswith(f"mailproxy: {words}") or words in checked.stderr.decode()
            started = command("run", "--no-record", "--set", f"limits.{name}={value}", status=USAGE, folder=scratch)
            assert section in started.stderr.decode() and "allow-short" in started.stderr.decode()
    config.write_text(f"limits:\n  {name}: 1\n  allow-short: true\n")
    command("config", "check", config, status=0, folder=scratch)


def name_column(name):
    return len(f"  {name}: ") + 1


@pytest.mark.parametrize("setting", ["limits.sessions=-1", "limits.memory=-1", "limits.smtp-command=0", "limits.allow-short=maybe"])
def test_limits_that_may_not_be(setting, scratch):
    done = command("run", "--set", setting, status=USAGE, folder=scratch)
    assert setting.split("=")[0] in done.stderr.decode()


@pytest.mark.parametrize("protocol,words", [("smtp", b"421 4.3.2 "), ("imap", b"* BYE "), ("pop3", b"")])
def test_a_stop_is_said_to_a_client_of_a_real_server(protocol, words, servers, scratch):
    """SIGTERM: a quiet session ends with the words that its protocol has for it."""
    upstream = {"smtp": servers.postfix.port, "imap": servers.dovecot.imap, "pop3": servers.dovecot.pop3}[protocol]
    with MailProxy(scratch, {protocol: upstream}) as proxy:
        with Wire(HOST, proxy.ports[protocol]) as client:
            client.line()
            proxy.process.kill(signal.SIGTERM)
            said = client.rest()
            assert said.startswith(words) and (said.endswith(b"\r\n") if words else said == b""), said
        assert proxy.process.wait() == 0
    (row,) = mailproxy.sessions(proxy.record)
    assert row["end"] == "closed" and row["violations"] == 0, row


def test_limits_behind_a_relay(scratch):
    """What counts is the client that the PROXY header names, not the relay that all come through."""
    options = ("--set", "limits.sessions-per-address=1")
    with MailProxy(scratch, {"smtp": "fallback"}, *options, listener="?proxy-protocol=in") as proxy:

        def come(address):
            wire = Wire(HOST, proxy.ports["smtp"])
            wire.send(f"PROXY TCP4 {address} 192.0.2.1 4000 25\r\n")
            return wire, wire.line()

        first, line = come("198.51.100.1")
        assert line.startswith(b"220 "), line
        assert come("198.51.100.2")[1].startswith(b"220 ")
        other, line = come("198.51.100.1")
        assert line.startswith(REFUSED["smtp"]) and other.rest() == b"", line
        first.send("QUIT\r\n")
        first.rest()
        first.__exit__()
        until("there is room again", lambda: come("198.51.100.1")[1].startswith(b"220 "))


def test_a_log_for_machines(servers, scratch):
    """One JSON document a line; what is about a session has its id, which is that of the recording."""
    rules = scratch / "rules.yaml"
    rules.write_text('rules:\n  - name: watched\n    when: command == "NOOP"\n    then: [{tag: seen}]\n')
    upstreams = {"imap": servers.dovecot.imap, "pop3": free_port()}
    with MailProxy(scratch, upstreams, "--log-format", "json", "--rules", rules) as proxy:
        with IMAP(HOST, proxy.ports["imap"]) as client:
            client.line()
            client.send("a NOOP\r\n")
            assert client.line().startswith(b"a OK")
        with POP3(HOST, proxy.ports["pop3"]) as client:
            client.rest()
    lines = [json.loads(line) for line in proxy.process.err.splitlines()]
    assert all({"time", "level", "message"} <= set(line) for line in lines)
    rows = {row["protocol"]: row for row in mailproxy.sessions(proxy.record)}
    (hit,) = [line for line in lines if "rule watched" in line["message"]]
    assert (hit["session"], hit["protocol"], hit["level"]) == (rows["imap"]["id"], "imap", "info")
    assert hit["client"] == rows["imap"]["client"] and hit["upstream"] == f"{HOST}:{servers.dovecot.imap}"
    assert hit["route"] == rows["imap"]["route"] and hit["route"] not in hit["message"]
    (away,) = [line for line in lines if line["level"] == "warning"]
    assert away["session"] == rows["pop3"]["id"] and "refused" in away["message"]
