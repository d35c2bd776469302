"""TLS that does not come to its end: clients that are slow in the handshake or leave it, and what the recording says of them."""

import contextlib
import imaplib
import socket
import ssl

import pytest

import mailproxy
import tls_peers
from mailproxy import command
from processes import HOST, free_port
from tls_peers import client_context, read_all


@pytest.mark.parametrize(
    "action, greeting",
    [("delay: 300ms", b"* OK"), ("delay: 300ms\n      - reject: not here", b"* BYE not here\r\n")],
    ids=["delay", "refused"],
)
@pytest.mark.parametrize("is_slow", [False, True], ids=["", "slow"])
def test_a_rule_that_delays_while_a_client_shakes_hands(servers, authority, scratch, action, greeting, is_slow):
    """The delay may end before the client's handshake, or behind it."""
    rules = scratch / "rules.yaml"
    rules.write_text(f"rules:\n  - name: slow\n    when: imap\n    then:\n      - {action}\n")
    port = free_port()
    with tls_peers.proxy(
        scratch,
        authority,
        f"imaps://{HOST}:{port}=imaps://{HOST}:{servers.dovecot.imaps}?verify=off",
        options=["--rules", rules],
    ) as proxy, socket.create_connection((HOST, port), 10) as raw:
        if is_slow:
            # The proxy's own clock says when the delay is over: another session is through by then.
            with contextlib.suppress(imaplib.IMAP4.error):
                imaplib.IMAP4_SSL(HOST, port, ssl_context=client_context(authority), timeout=10).logout()
        with client_context(authority).wrap_socket(raw, server_hostname=HOST) as client:
            assert client.recv(4096).startswith(greeting)
            if greeting.startswith(b"* OK"):
                client.sendall(b"a LOGOUT\r\n")
            read_all(client)
    assert all(row["tls"]["how"] == "implicit" for row in mailproxy.sessions(proxy.record))


def _reset(client, raw):
    """The client does not trust the authority."""
    with pytest.raises(ssl.SSLCertVerificationError):
        ssl.create_default_context().wrap_socket(raw, server_hostname="mx.example.com")


def _leave(client, raw):
    raw.shutdown(socket.SHUT_RDWR)


def _babble(client, raw):
    raw.sendall(b"EHLO in.clear.example.org\r\n")
    read_all(raw)


@pytest.mark.parametrize("with_rules", [False, True], ids=["", "rules"])
@pytest.mark.parametrize("mode", ["mirror", "upgrade"])
@pytest.mark.parametrize(
    "leaves, reason",
    [
        (_reset, "alert unknown ca"),
        (_leave, "client: it ended the connection in the TLS handshake"),
        (_babble, "wrong version number"),
    ],
    ids=["distrust", "leaves", "clear"],
)
def test_a_client_that_leaves_its_handshake_behind_starttls(
    servers, authority, scratch, leaves, reason, mode, with_rules
):
    rules = scratch / "rules.yaml"
    rules.write_text("rules:\n  - name: none\n    when: imap\n    then:\n      - tag: seen\n")
    port = free_port()
    with tls_peers.proxy(
        scratch,
        authority,
        f"smtp://{HOST}:{port}?tls={mode}=smtp://{HOST}:{servers.postfix.port}?verify=off",
        options=["--rules", rules] if with_rules else [],
    ) as proxy, socket.create_connection((HOST, port), 10) as raw:
        raw.recv(4096)
        raw.sendall(b"STARTTLS\r\n")
        assert raw.recv(4096).startswith(b"220 ")
        leaves(proxy, raw)
        proxy.process.wait_for("the reason", lambda: reason in proxy.said())
    (row,) = mailproxy.sessions(proxy.record)
    assert row["upstream_tls"]["how"] == "starttls" and row["upstream_tls"]["version"] == "TLSv1.3"
    assert row["tls"]["version"] is None and row["tls"]["how"] == "starttls"
    assert reason in row["tls"]["failure"]
    assert row["tls"]["sni"] == ("mx.example.com" if leaves is _reset else None)
    # Nothing passed that nobody followed.
    assert not row["opaque"]
    assert "the handshake failed: " in command("sessions", "show", row["id"], proxy.record, status=0).stdout.decode()
    assert mailproxy.rows(command("sessions", "list", proxy.record, "--json", "--filter", "tls", status=0)) == []
    # The recording alone says the same.
    command("sessions", "reindex", "--record-dir", proxy.record, status=0)
    assert mailproxy.sessions(proxy.record) == [row]
