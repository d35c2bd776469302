"""What TLS a route takes and shows: versions, ciphers, application protocols, certificates of ours for the upstream, sessions taken
up again, and the keys for Wireshark."""

import hashlib
import imaplib
import ssl

import pytest

import mailproxy
import pcap
import peers
import tls_peers
from mailproxy import MailProxy, command
from processes import HOST, checked, free_port, run
from tls_peers import IMAPUpstream, client_context, server_context


def _s_client(port, *options):
    return run(["/usr/bin/openssl", "s_client", "-connect", f"{HOST}:{port}", *options], stdin=b"")


def test_sslscan_finds_nothing_weak(authority, scratch):
    smtp, imap = free_port(), free_port()
    with tls_peers.proxy(scratch, authority, f"imaps://{HOST}:{imap}=fallback", f"smtps://{HOST}:{smtp}=fallback", record=False):
        done = run(["/usr/bin/sslscan", "--no-colour", "--show-ciphers", f"{HOST}:{imap}"], seconds=60)
    _nothing_weak(done.stdout.decode())


@pytest.mark.parametrize("protocol", ["smtp", "pop3", "imap"])
@pytest.mark.parametrize("upstream", ["fallback", "mirror", "upgrade"])
def test_sslscan_finds_nothing_weak_behind_starttls(servers, authority, scratch, protocol, upstream):
    port = free_port()
    real = {"smtp": servers.postfix.port, "pop3": servers.dovecot.pop3, "imap": servers.dovecot.imap}[protocol]
    target = "fallback" if upstream == "fallback" else f"{protocol}://{HOST}:{real}?verify=off"
    mode = "?tls=upgrade" if upstream == "upgrade" else ""
    with tls_peers.proxy(scratch, authority, f"{protocol}://{HOST}:{port}{mode}={target}", record=False):
        done = run(["/usr/bin/sslscan", "--no-colour", f"--starttls-{protocol}", f"{HOST}:{port}"], seconds=120)
    _nothing_weak(done.stdout.decode())


def _nothing_weak(said):
    for version in "SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1":
        assert f"{version}     disabled" in said or f"{version}   disabled" in said, said
    assert "TLSv1.2   enabled" in said and "TLSv1.3   enabled" in said, said
    accepted = [line for line in said.splitlines() if line.startswith(("Accepted", "Preferred"))]
    assert accepted and all("GCM" in line or "CHACHA20" in line for line in accepted), accepted
    assert all("ECDHE" in line or "DHE" in line or "TLSv1.3" in line for line in accepted), accepted


def test_old_versions_are_for_routes_that_say_so(authority, scratch):
    new, old = free_port(), free_port()
    options = ["-tls1", "-cipher", "ALL:@SECLEVEL=0"]
    with tls_peers.proxy(
        scratch, authority, f"imaps://{HOST}:{new}=fallback", f"imaps://{HOST}:{old}?tls-min=1.0=fallback", record=False
    ):
        refused = _s_client(new, *options)
        assert refused.returncode != 0 and b"alert protocol version" in refused.stderr, refused.stderr
        taken = _s_client(old, *options)
        assert b"Protocol  : TLSv1\n" in taken.stdout, taken.stdout
    done = command("run", "--route", f"imaps://{HOST}:1?tls-min=3=fallback", status=2)
    assert "'tls-min=3' is no version of TLS; use one of 1.0, 1.1, 1.2, 1.3" in done.stderr.decode()


def test_an_upstream_of_the_old_versions_is_none(servers, authority, scratch):
    """Nobody is spoken to who has nothing newer than TLS 1.1."""
    context = server_context(servers.certificate)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    port, bold = free_port(), free_port()
    with IMAPUpstream(context) as upstream, tls_peers.proxy(
        scratch,
        authority,
        f"imap://{HOST}:{port}=imaps://{HOST}:{upstream.port}?verify=off",
        f"imap://{HOST}:{bold}=imaps://{HOST}:{upstream.port}?verify=off&tls-min=1.0",
    ) as proxy:
        with pytest.raises(imaplib.IMAP4.error, match="BYE"):
            imaplib.IMAP4(HOST, port)
        assert "no TLS was agreed upon" in proxy.said()
        imaplib.IMAP4(HOST, bold).logout()


def test_an_application_protocol_that_is_not_ours_is_refused(authority, scratch):
    port = free_port()
    with tls_peers.proxy(scratch, authority, f"imaps://{HOST}:{port}=fallback", record=False):
        done = _s_client(port, "-alpn", "http/1.1")
        assert b"alert no application protocol" in done.stderr, done.stderr
        assert b"ALPN protocol: imap" in _s_client(port, "-alpn", "http/1.1,imap").stdout
        assert b"No ALPN negotiated" in _s_client(port).stdout


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_sessions_with_an_upstream_are_taken_up_again(servers, authority, scratch, version):
    context = server_context(servers.certificate)
    context.maximum_version = version
    port = free_port()
    with IMAPUpstream(context) as server, tls_peers.proxy(
        scratch, authority, f"imap://{HOST}:{port}=imaps://{HOST}:{server.port}?ca={servers.certificate.certificate}"
    ):
        for _ in range(3):
            with imaplib.IMAP4(HOST, port) as client:
                assert client.noop()[0] == "OK"
        assert server.reused == [False, True, True]


def test_a_pinned_key_is_proved_by_each_connection(servers, authority, scratch):
    """The server changes its certificate and keeps the keys of its tickets."""
    first, second = peers.Certificate(scratch), servers.certificate
    context = server_context(first)
    pinned, other = free_port(), free_port()
    pin = run(["/usr/bin/openssl", "x509", "-in", first.certificate, "-noout", "-pubkey"]).stdout
    pin = run(["/usr/bin/openssl", "pkey", "-pubin", "-outform", "DER"], stdin=pin).stdout
    with IMAPUpstream(context) as server, tls_peers.proxy(
        scratch,
        authority,
        f"imap://{HOST}:{pinned}=imaps://{HOST}:{server.port}?verify=off&pin={hashlib.sha256(pin).hexdigest()}",
        f"imap://{HOST}:{other}=imaps://{HOST}:{server.port}?verify=off",
    ) as proxy:
        for port in pinned, pinned, other, other:
            with imaplib.IMAP4(HOST, port) as client:
                assert client.noop()[0] == "OK"
        assert server.reused == [False, False, False, True]
        context.load_cert_chain(second.certificate, second.key)
        with pytest.raises((imaplib.IMAP4.error, OSError)):
            imaplib.IMAP4(HOST, pinned).noop()
        assert "shows no key that is pinned" in proxy.said()


def test_we_prove_ourselves_to_an_upstream_that_asks(servers, authority, scratch):
    mine = servers.certificate
    mine.key.chmod(0o600)
    context = server_context(mine)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(mine.certificate)
    known, unknown = free_port(), free_port()
    with IMAPUpstream(context) as server, tls_peers.proxy(
        scratch,
        authority,
        f"imap://{HOST}:{known}=imaps://{HOST}:{server.port}?ca={mine.certificate}&cert={mine.certificate}&key={mine.key}",
        f"imap://{HOST}:{unknown}=imaps://{HOST}:{server.port}?ca={mine.certificate}",
    ):
        with imaplib.IMAP4(HOST, known) as client:
            assert client.noop()[0] == "OK"
        assert server.certificates and server.certificates[0]["subject"]
        with pytest.raises((imaplib.IMAP4.error, OSError)):
            imaplib.IMAP4(HOST, unknown).noop()
    done = command("run", "--route", f"imap://{HOST}:1=imaps://{HOST}?cert=a.pem", status=2)
    assert "the upstream has one of cert and key" in done.stderr.decode()


def test_keys_for_wireshark(servers, authority, scratch):
    port, keys = free_port(), scratch / "keys.log"
    route = f"imaps://{HOST}:{port}=imaps://{HOST}:{servers.dovecot.imaps}?verify=off"
    upstream = servers.dovecot.imaps
    capture = pcap.Capture(scratch, [port, upstream])
    with tls_peers.proxy(scratch, authority, route, env={"SSLKEYLOGFILE": str(keys)}) as proxy:
        context = client_context(authority)
        with imaplib.IMAP4_SSL(HOST, port, ssl_context=context) as client:
            assert client.noop()[0] == "OK"
        assert f"the keys of all TLS connections are written to {keys}" in proxy.said()
    wire = capture.stop()
    lines = keys.read_text().splitlines()
    # Both legs.
    assert len({line.split()[1] for line in lines if line.startswith("CLIENT_TRAFFIC_SECRET_0 ")}) == 2, lines
    assert keys.stat().st_mode & 0o777 == 0o600
    # With them tshark reads what tcpdump saw of both.
    options = [f"tls.keylog_file:{keys}", *(f"tcp.port=={number},tls" for number in (port, upstream))]
    options = ["-o", options[0], *(part for option in options[1:] for part in ("-d", option))]
    options += [part for number in (port, upstream) for part in ("-d", f"tls.port=={number},imap")]
    fields = ["-Y", "imap.request.command", "-T", "fields", "-e", "tcp.dstport", "-e", "imap.request.command"]
    seen = checked(["/usr/bin/tshark", "-r", wire, *options, *fields]).stdout.decode().split()
    assert [seen[at : at + 2] for at in range(0, len(seen), 2) if seen[at + 1] == "NOOP"] == [
        [str(port), "NOOP"],
        [str(upstream), "NOOP"],
    ], seen
    assert mailproxy.sessions(proxy.record)[0]["end"] in ("closed", "reset")


def _certificate(folder, name, *names):
    """Files of a self-signed certificate for these names, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    alternatives = ",".join(f"DNS:{other}" for other in names)
    checked(
        ["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        + ["-subj", f"/CN={name}", "-addext", f"subjectAltName={alternatives}", "-keyout", key, "-out", certificate]
    )
    key.chmod(0o600)
    return certificate, key


def test_a_certificate_for_each_name(scratch):
    """Several certificates on a listener: the client is shown the one that is for the name that it asks for, else the first."""
    first = _certificate(scratch, "first", "mail.example.com", "imap.example.com")
    second = _certificate(scratch, "second", "*.example.org")
    options = "&".join(f"cert={certificate}&key={key}" for certificate, key in (first, second))
    port, clear = free_port(), free_port()
    routes = ["--route", f"imaps://{HOST}:{port}?{options}=fallback", "--route", f"smtp://{HOST}:{clear}?{options}=fallback"]
    with MailProxy(scratch, {}, *routes):
        for place in (["-connect", f"{HOST}:{port}"], ["-connect", f"{HOST}:{clear}", "-starttls", "smtp"]):
            for name, shown in (
                (["-servername", "imap.example.com"], "first"),
                (["-servername", "MX.example.org"], "second"),
                (["-servername", "a.b.example.org"], "first"),
                (["-servername", "elsewhere.example.net"], "first"),
                (["-noservername"], "first"),
            ):
                done = run(["/usr/bin/openssl", "s_client", *place, *name], b"Q\n")
                assert f"subject=CN = {shown}".encode() in done.stdout, (place, name, done.stdout[:600])


@pytest.mark.parametrize("options", ["cert=a.pem", "cert=a.pem&key=a.key&cert=b.pem", "key=a.key&key=b.key&cert=a.pem"])
def test_a_certificate_without_its_key(options, scratch):
    done = command("run", "--route", f"imaps://{HOST}:{free_port()}?{options}=fallback", status=2, folder=scratch)
    assert b"cert and" in done.stderr and b"write both for each" in done.stderr
