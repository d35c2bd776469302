"""The certificate authority: what other people's programs think of its files, and what the commands refuse."""

import json
import stat

from mailproxy import command
from processes import run


def _openssl(*arguments):
    return run(["openssl", *arguments]).stdout.decode()


def test_openssl_takes_the_authority_for_one(scratch):
    data = scratch / "data"
    command("ca", "create", "--data-dir", data, "--days", "30", "--name", "Example CA", status=0)
    certificate, key = data / "ca" / "ca.crt", data / "ca" / "ca.key"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    text = _openssl("x509", "-in", certificate, "-noout", "-text")
    assert "Subject: O = MailProxy, CN = Example CA" in text
    assert "CA:TRUE, pathlen:0" in text
    assert "Certificate Sign, CRL Sign" in text
    assert "ASN1 OID: prime256v1" in text
    assert "OK" in _openssl("verify", "-CAfile", certificate, certificate)
    # The two belong together.
    assert _openssl("pkey", "-in", key, "-pubout") == _openssl("x509", "-in", certificate, "-noout", "-pubkey")
    shown = json.loads(command("ca", "show", "--json", "--data-dir", data, status=0).stdout)
    digest = _openssl("x509", "-in", certificate, "-noout", "-fingerprint", "-sha256").split("=")[1]
    assert shown["sha256"] == digest.strip().replace(":", "").lower()
    assert shown["serial"] == _openssl("x509", "-in", certificate, "-noout", "-serial").split("=")[1].strip().lower()
    assert shown["subject"] == "CN=Example CA,O=MailProxy"
    command("ca", "export", "--format", "der", "-o", scratch / "ca.der", "--data-dir", data, status=0)
    assert "Example CA" in _openssl("x509", "-inform", "DER", "-in", scratch / "ca.der", "-noout", "-subject")
    assert command("ca", "export", "--data-dir", data, status=0).stdout == certificate.read_bytes()


def _refused(*arguments):
    return command("ca", *arguments, status=2).stderr.decode()


def test_an_authority_is_never_overwritten(scratch):
    data = scratch / "data"
    command("ca", "create", "--data-dir", data, status=0)
    before = [path.read_bytes() for path in sorted((data / "ca").iterdir())]
    assert f"{data}/ca/ca.crt: exists, and clients may trust it" in _refused("create", "--data-dir", data)
    assert [path.read_bytes() for path in sorted((data / "ca").iterdir())] == before
    (data / "ca" / "ca.crt").unlink()
    assert "ca.key: exists" in _refused("create", "--data-dir", data)


def test_what_is_wrong_is_named(scratch):
    data = scratch / "data"
    assert "there is no authority; make one with 'mailproxy ca create'" in _refused("show", "--data-dir", data)
    assert "--days 0: is no lifetime" in _refused("create", "--days", "0", "--data-dir", data)
    command("ca", "create", "--data-dir", data, status=0)
    key = data / "ca" / "ca.key"
    key.chmod(0o644)
    assert f"take that away with 'chmod 600 {key}'" in _refused("show", "--data-dir", data)
    key.chmod(0o600)
    key.write_text(_openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout"))
    assert f"{key}: is not the key of {data}/ca/ca.crt" in _refused("show", "--data-dir", data)
