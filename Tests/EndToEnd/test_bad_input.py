"""What is wrong with files, routes and options: one line that names the place and says what to do, and nothing is begun."""

import os
import socket
import ssl

import pytest

import peers
import tls_peers
from mailproxy import binary, command, environment
from processes import HOST, checked, free_port, run

AT = "imaps://127.0.0.1:1"

# The section of OpenSSL's configuration that signs a certificate for other days than today's.
SIGNER = """[ca]
default_ca = own
[own]
database = index
new_certs_dir = .
serial = serial
default_md = sha256
policy = any
[any]
commonName = supplied
[req]
distinguished_name = name
[name]
"""


@pytest.fixture(scope="module")
def files(module_scratch):
    """A folder of certificates and keys, one good pair and many bad files. Routes name them without a path."""
    folder = module_scratch / "files"
    folder.mkdir()
    good = peers.Certificate(folder)
    good.key.rename(folder / "good.key")
    good.certificate.rename(folder / "good.pem")

    def openssl(*arguments):
        checked(["/usr/bin/openssl", *arguments], cwd=folder)

    (folder / "signer.cnf").write_text(SIGNER)
    for name, start, end in ("past", "20200101000000Z", "20210101000000Z"), ("future", "20700101000000Z", "20710101000000Z"):
        openssl("req", "-new", "-key", "good.key", "-subj", "/CN=mx.example.com", "-out", f"{name}.csr")
        (folder / "index").write_text("")
        (folder / "serial").write_text("01\n")
        openssl(
            "ca", "-batch", "-config", "signer.cnf", "-selfsign", "-notext", "-keyfile", "good.key", "-in", f"{name}.csr",
            "-startdate", start, "-enddate", end, "-out", f"{name}.pem",
        )  # fmt: skip
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-out", "other.key")
    openssl("pkey", "-in", "good.key", "-aes256", "-passout", "pass:secret", "-out", "encrypted.key")
    openssl("ec", "-in", "good.key", "-aes256", "-passout", "pass:secret", "-out", "encrypted-old.key")
    openssl("x509", "-in", "good.pem", "-outform", "DER", "-out", "good.der")
    (folder / "wide.key").write_bytes((folder / "good.key").read_bytes())
    (folder / "words").write_text("no certificate\n")
    (folder / "empty").write_text("")
    (folder / "cut.pem").write_bytes((folder / "good.pem").read_bytes()[:300])
    (folder / "folder").mkdir()
    for path in folder.iterdir():
        if path.is_file():
            path.chmod(0o600)
    (folder / "wide.key").chmod(0o644)
    return folder


def _listen(certificate, key="good.key"):
    return f"{AT}?cert={certificate}&key={key}=fallback"


FILES = [
    (_listen("past.pem"), "past.pem: has expired; have it renewed"),
    (_listen("future.pem"), "future.pem: is not valid yet; look whether the clock of this machine is right"),
    (_listen("none.pem"), "none.pem: cannot be read: No such file or directory"),
    (_listen("folder"), "folder: is no file"),
    (_listen("words"), "words: holds no certificate: no start line; give a PEM file with CERTIFICATE blocks"),
    (_listen("empty"), "empty: holds no certificate"),
    (_listen("cut.pem"), "cut.pem: holds no certificate"),
    (_listen("good.der"), "good.der: is in DER, not in PEM; write it so: 'openssl x509 -inform DER"),
    (_listen("good.pem", "other.key"), "other.key: is not the key of good.pem; give the two that belong together"),
    (_listen("good.pem", "none.key"), "none.key: cannot be read: No such file or directory"),
    (_listen("good.pem", "words"), "words: holds no private key that can be read"),
    (_listen("good.pem", "good.pem"), "good.pem: holds no private key that can be read"),
    (_listen("good.pem", "wide.key"), "wide.key: can be read by others (mode 644); take that away with 'chmod 600 wide.key'"),
    (_listen("good.pem", "encrypted.key"), "encrypted.key: is encrypted, and nobody is there to give its passphrase; write it"),
    (_listen("good.pem", "encrypted-old.key"), "encrypted-old.key: is encrypted, and nobody is there to give its passphrase"),
    ("imap://127.0.0.1:1=imaps://192.0.2.1?ca=past.pem", "past.pem: has expired, and nobody can be trusted for it"),
    ("imap://127.0.0.1:1=imaps://192.0.2.1?ca=words", "words: holds no certificate"),
    ("imap://127.0.0.1:1=imaps://192.0.2.1?cert=good.pem&key=other.key", "other.key: is not the key of good.pem"),
    ("socks5://127.0.0.1:1?users=wide.key", "wide.key holds passwords and can be read by others (mode 644)"),
]

OPTIONS = [
    ("http://127.0.0.1:1=fallback", "the scheme 'http' of the listener is not known; use one of smtp, submission, smtps"),
    ("imap://127.0.0.1:1=http://192.0.2.1", "the scheme 'http' of the upstream is not known; use one of smtp"),
    ("imap://127.0.0.1:1=pop3://192.0.2.1", "the listener speaks imap, the upstream pop3; use one protocol on both sides"),
    ("imap://127.0.0.1:1", "no '=' before an upstream; write LISTEN=UPSTREAM"),
    ("imap://127.0.0.1:99999=fallback", "the port of the listener '127.0.0.1:99999' is not a number up to 65535"),
    ("imap://mail.example.com:143=fallback", "the listener 'mail.example.com' is no IP address"),
    ("imap://127.0.0.1:1=imap://", "the upstream has no host; write imap://HOST:PORT"),
    ("imap://127.0.0.1:1?colour=red=fallback", "the option 'colour=red' of the listener is not one that this version has"),
    ("imap://127.0.0.1:1=imap://192.0.2.1?colour=red", "the option 'colour=red' of the upstream is not one that this version"),
    ("imap://127.0.0.1:1?tls=maybe=imap://192.0.2.1", "'tls=maybe' does not fit this listener; use one of mirror, require"),
    ("imap://127.0.0.1:1=imap://192.0.2.1?verify=no", "'verify=no' has no value that this option of the upstream can have"),
    ("imap://127.0.0.1:1?capabilities=some=imap://192.0.2.1", "'capabilities=some' has no value that this option of the"),
    ("imap://127.0.0.1:1=imaps://192.0.2.1?pin=12", "the pin '12' is no SHA-256 digest; write the 64 hexadecimal digits"),
    ("imap://127.0.0.1:1?tls-min=1.4=imap://192.0.2.1", "'tls-min=1.4' is no version of TLS; use one of 1.0, 1.1, 1.2, 1.3"),
]

TOGETHER = [
    ("imap://127.0.0.1:1=fallback", "pop3://127.0.0.1:1=fallback"),
    ("imap://0.0.0.0:1=fallback", "pop3://127.0.0.1:1=fallback"),
    ("imap://[::1]:1=fallback", "pop3://[::]:1=fallback"),
    ("imap://unix:/nowhere/s=fallback", "imap://unix:/nowhere/s=imap://192.0.2.1"),
]

LOOPS = [
    ["smtp://127.0.0.1:1=smtp://127.0.0.1:1"],
    ["smtp://127.0.0.1:1=smtp://localhost:1"],
    ["smtp://127.0.0.1:1=smtp://[::ffff:127.0.0.1]:1"],
    ["smtp://127.0.0.1:1=smtp://0.0.0.0:1"],
    ["smtp://0.0.0.0:1=smtp://127.0.0.9:1"],
    ["smtp://[::1]:1=smtp://localhost:1"],
    ["smtp://[::]:1=smtp://[::1]:1"],
    ["smtp://127.0.0.1:1=smtp://192.0.2.1,smtp://127.0.0.1:1"],
    ["smtp://unix:/nowhere/s=smtp://unix:/nowhere/s"],
    ["smtp://127.0.0.1:1=smtp://127.0.0.1:2", "smtp://127.0.0.1:2=smtp://127.0.0.1:1"],
    ["smtp://127.0.0.1:1=smtp://127.0.0.1:2", "smtp://127.0.0.1:2=smtp://localhost:3", "smtp://127.0.0.1:3=smtp://127.0.0.1:1"],
]


def _refused(folder, scratch, *routes, options=()):
    """What `run` says of the routes, and that it says it in one line, named by its program."""
    arguments = [part for route in routes for part in ("--route", route)]
    done = command(
        "run", "--no-ui", "--no-record", "--allow-remote", "--data-dir", scratch / "data", *arguments, *options, status=2, folder=folder
    )
    (line,) = done.stderr.decode().splitlines()
    assert done.stdout == b"" and line.startswith("mailproxy: ")
    return line.removeprefix("mailproxy: ")


@pytest.mark.parametrize("route, reason", FILES + OPTIONS)
def test_routes(files, scratch, route, reason):
    said = _refused(files, scratch, route)
    assert said.startswith(f"route '{route}': ") and reason in said, said


@pytest.mark.parametrize("route, reason", FILES + OPTIONS)
def test_routes_of_a_file(files, scratch, route, reason):
    """The line and the column of the route."""
    config = scratch / "mailproxy.yaml"
    config.write_text(f"routes:\n  - pop3://127.0.0.1:2=fallback\n  - '{route}'\n")
    said = _refused(files, scratch, options=["--config", config])
    assert said.startswith(f"{config}:3:5: route '{route}': ") and reason in said, said
    if (route, reason) in OPTIONS:
        assert command("config", "check", config, status=2).stderr.decode() == f"mailproxy: {said}\n"


@pytest.mark.parametrize("first, second", TOGETHER)
def test_two_routes_on_one_listener(files, scratch, first, second):
    said = _refused(files, scratch, first, second)
    assert said.startswith(f"route '{second}': it listens where the route '{first}' does; choose another port"), said


def test_figures_where_a_route_listens(scratch):
    port = free_port()
    route = f"imap://{HOST}:{port}=fallback"
    words = f"metrics on {HOST}:{port}: the route '{route}' listens there; choose another port for one of them"
    done = command("run", "--route", route, "--metrics", f"{HOST}:{port}", status=2, folder=scratch)
    assert done.stderr.decode() == f"mailproxy: {words}\n"
    config = scratch / "mailproxy.yaml"
    config.write_text(f"routes:\n  - '{route}'\nmetrics:\n  listen: {HOST}:{port}\n")
    assert command("config", "check", config, status=2).stderr.decode() == f"mailproxy: {config}:4:11: {words}\n"


def test_listeners_of_both_families_on_one_port(scratch):
    port = free_port()
    with tls_peers.MailProxy(
        scratch, {}, "--allow-remote", "--route", f"imap://[::]:{port}=fallback", "--route", f"imap://{HOST}:{port}=fallback"
    ) as proxy:
        assert f"imap  [::]:{port} -> fallback" in proxy.said() and f"imap  {HOST}:{port} -> fallback" in proxy.said()


@pytest.mark.parametrize("routes", LOOPS, ids=lambda routes: routes[0])
def test_routes_that_come_back_to_themselves(files, scratch, routes):
    said = _refused(files, scratch, *routes)
    assert said.startswith(f"route '{routes[0]}': it leads ") and "to its own listener" in said, said
    assert "name the mail server that is meant" in said
    config = scratch / "mailproxy.yaml"
    config.write_text("routes:\n" + "".join(f"  - '{route}'\n" for route in routes))
    assert command("config", "check", config, status=2).stderr.decode() == f"mailproxy: {config}:2:5: {said}\n"


def test_routes_one_behind_the_other(scratch):
    """No loop: the built-in server is at its end."""
    ports = [free_port() for _ in range(3)]
    routes = [f"smtp://{HOST}:{a}=smtp://{HOST}:{b}?tls=none" for a, b in zip(ports, ports[1:])]
    routes.append(f"smtp://{HOST}:{ports[2]}=fallback")
    with tls_peers.MailProxy(scratch, {}, *(part for route in routes for part in ("--route", route))):
        with socket.create_connection((HOST, ports[0]), 10) as client:
            assert client.recv(4096).startswith(b"220 ")
            client.sendall(b"QUIT\r\n")
            assert tls_peers.read_all(client).startswith(b"221 ")


def test_an_upstream_whose_name_is_ours(scratch):
    """A name is looked up for each session. Each session is refused, and none begins another."""
    port = free_port()
    name = socket.gethostname()
    address = socket.gethostbyname(name)
    route = f"smtp://{address}:{port}=smtp://{name}:{port}?tls=none"
    with tls_peers.MailProxy(scratch, {}, "--allow-remote", "--route", route) as proxy:
        with socket.create_connection((address, port), 10) as client:
            assert tls_peers.read_all(client).startswith(b"421 4.4.1 ")
        assert f"{name} is {address}:{port}, a listener of ours" in proxy.said()
        assert len(os.listdir(f"/proc/{proxy.process.pid}/fd")) < 100


def test_a_key_that_only_others_may_read(files, scratch):
    """The reason is the system's, for whoever is not root."""
    place = scratch / "key"
    place.write_bytes((files / "good.key").read_bytes())
    place.chmod(0o600)
    certificate = scratch / "pem"
    certificate.write_bytes((files / "good.pem").read_bytes())
    certificate.chmod(0o644)
    route = f"imaps://{HOST}:{free_port()}?cert={certificate}&key={place}=fallback"
    done = run(
        [
            "/usr/bin/setpriv", "--reuid=nobody", "--clear-groups", binary(), "run", "--no-ui", "--no-record", "--data-dir",
            scratch / "data", "--route", route,
        ],
        env=environment(scratch),
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.decode() == f"mailproxy: route '{route}': {place}: cannot be read: Permission denied\n"


@pytest.mark.parametrize("is_implicit", [True, False], ids=["implicit", "starttls"])
@pytest.mark.parametrize("is_minted", [True, False], ids=["minted", "given"])
def test_a_client_that_does_not_trust_us(files, authority, scratch, is_implicit, is_minted):
    """The log says how it comes to do so."""
    port = free_port()
    options = "" if is_minted else f"?cert={files}/good.pem&key={files}/good.key"
    route = f"imap{'s' if is_implicit else ''}://{HOST}:{port}{options}=fallback"
    with tls_peers.proxy(scratch, authority, route) as proxy:
        with socket.create_connection((HOST, port), 10) as raw:
            if not is_implicit:
                raw.recv(4096)
                raw.sendall(b"a STARTTLS\r\n")
                assert raw.recv(4096).startswith(b"a OK ")
            with pytest.raises(ssl.SSLCertVerificationError):
                ssl.create_default_context().wrap_socket(raw, server_hostname="mx.example.com")
        advice = "make it trust our authority, as 'mailproxy ca show' says" if is_minted else "make it trust whoever signed"
        proxy.process.wait_for("the reason", lambda: "it does not trust the certificate that it was shown" in proxy.said())
        assert advice in proxy.said()
    shown = command("ca", "show", "--data-dir", authority[0], status=0).stdout.decode()
    assert str(authority[1]) in shown
