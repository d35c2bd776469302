"""What TLS a route takes and shows: versions, ciphers, application protocols, certificates of ours for the upstream, sessions taken
up again, and the keys for Wireshark."""

import contextlib
import imaplib
import socket
import ssl
import threading

import pytest

import mailproxy
from mailproxy import MailProxy, command
from processes import HOST, free_port, run


@pytest.fixture(scope="module")
def authority(module_scratch):
    data = module_scratch / "authority"
    command("ca", "create", "--data-dir", data, status=0)
    return data, data / "ca" / "ca.crt"


def _proxy(folder, authority, *routes, **more):
    arguments = [part for route in routes for part in ("--route", route)]
    return MailProxy(folder, {}, *arguments, data=authority[0], **more)


def _s_client(port, *options):
    return run(["/usr/bin/openssl", "s_client", "-connect", f"{HOST}:{port}", *options], stdin=b"")


def test_sslscan_finds_nothing_weak(authority, scratch):
    smtp, imap = free_port(), free_port()
    with _proxy(scratch, authority, f"imaps://{HOST}:{imap}=fallback", f"smtps://{HOST}:{smtp}=fallback", record=False):
        done = run(["/usr/bin/sslscan", "--no-colour", "--show-ciphers", f"{HOST}:{imap}"], seconds=60)
    said = done.stdout.decode()
    for version in "SSLv2", "SSLv3", "TLSv1.0", "TLSv1.1":
        assert f"{version}     disabled" in said or f"{version}   disabled" in said, said
    assert "TLSv1.2   enabled" in said and "TLSv1.3   enabled" in said, said
    accepted = [line for line in said.splitlines() if line.startswith(("Accepted", "Preferred"))]
    assert accepted and all("GCM" in line or "CHACHA20" in line for line in accepted), accepted
    assert all("ECDHE" in line or "DHE" in line or "TLSv1.3" in line for line in accepted), accepted


def test_old_versions_are_for_routes_that_say_so(authority, scratch):
    new, old = free_port(), free_port()
    options = ["-tls1", "-cipher", "ALL:@SECLEVEL=0"]
    with _proxy(
        scratch, authority, f"imaps://{HOST}:{new}=fallback", f"imaps://{HOST}:{old}?tls-min=1.0=fallback", record=False
    ):
        refused = _s_client(new, *options)
        assert refused.returncode != 0 and b"alert protocol version" in refused.stderr, refused.stderr
        taken = _s_client(old, *options)
        assert b"Protocol  : TLSv1\n" in taken.stdout, taken.stdout
    done = command("run", "--route", f"imaps://{HOST}:1?tls-min=3=fallback", status=2)
    assert "'tls-min=3' is no version of TLS; use one of 1.0, 1.1, 1.2, 1.3" in done.stderr.decode()


def test_an_application_protocol_that_is_not_ours_is_refused(authority, scratch):
    port = free_port()
    with _proxy(scratch, authority, f"imaps://{HOST}:{port}=fallback", record=False):
        done = _s_client(port, "-alpn", "http/1.1")
        assert b"alert no application protocol" in done.stderr, done.stderr
        assert b"ALPN protocol: imap" in _s_client(port, "-alpn", "http/1.1,imap").stdout
        assert b"No ALPN negotiated" in _s_client(port).stdout


class Server:
    """An IMAP server under TLS that greets, answers one NOOP and LOGOUT, and knows what the handshakes were."""

    def __init__(self, context):
        self.context, self.certificates, self.reused = context, [], []
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                connection.settimeout(20)
                with connection, contextlib.suppress(OSError):
                    with self.context.wrap_socket(connection, server_side=True) as secured:
                        self.certificates.append(secured.getpeercert())
                        self.reused.append(secured.session_reused)
                        secured.sendall(b"* OK ready\r\n")
                        while line := secured.recv(1000):
                            tag, verb = line.split()[:2]
                            if verb == b"CAPABILITY":
                                secured.sendall(b"* CAPABILITY IMAP4rev1\r\n")
                            secured.sendall(tag + b" OK done\r\n")

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(20)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_sessions_with_an_upstream_are_taken_up_again(servers, authority, scratch, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(servers.certificate.certificate, servers.certificate.key)
    context.maximum_version = version
    port = free_port()
    with Server(context) as server, _proxy(
        scratch, authority, f"imap://{HOST}:{port}=imaps://{HOST}:{server.port}?ca={servers.certificate.certificate}"
    ):
        for _ in range(3):
            with imaplib.IMAP4(HOST, port) as client:
                assert client.noop()[0] == "OK"
        assert server.reused == [False, True, True]


def test_we_prove_ourselves_to_an_upstream_that_asks(servers, authority, scratch):
    mine = servers.certificate
    mine.key.chmod(0o600)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(mine.certificate, mine.key)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(mine.certificate)
    known, unknown = free_port(), free_port()
    with Server(context) as server, _proxy(
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
    with _proxy(scratch, authority, route, env={"SSLKEYLOGFILE": str(keys)}) as proxy:
        context = ssl.create_default_context(cafile=authority[1])
        with imaplib.IMAP4_SSL(HOST, port, ssl_context=context) as client:
            assert client.noop()[0] == "OK"
        assert f"the keys of all TLS connections are written to {keys}" in proxy.said()
    lines = keys.read_text().splitlines()
    # Both legs.
    assert len({line.split()[1] for line in lines if line.startswith("CLIENT_TRAFFIC_SECRET_0 ")}) == 2, lines
    assert keys.stat().st_mode & 0o777 == 0o600
    assert mailproxy.sessions(proxy.record)[0]["end"] in ("closed", "reset")
