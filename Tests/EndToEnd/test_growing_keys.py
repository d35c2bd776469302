"""A key log that programs write while an interface is captured: what they say is read, what others say is listed."""

import imaplib
import json
import signal
import smtplib
import ssl

import mailproxy
import test_capture_live as living
import test_capture_tls as sealed
from mailproxy import command
from processes import HOST, Process, until


def _talk(servers, account, keys):
    """Sessions of both versions and both ways of TLS whose keys are told, and one whose keys are not."""
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        context = sealed._context(version, keys)
        sealed._imap(imaplib.IMAP4_SSL(HOST, servers.dovecot.imaps, ssl_context=context), account)
        secured = smtplib.SMTP(HOST, servers.postfix.port)
        secured.ehlo("client.example.com")
        secured.starttls(context=context)
        sealed._smtp(secured, account)
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    silent = imaplib.IMAP4(HOST, servers.dovecot.imap)
    silent.starttls(context)
    silent.login(account.address, account.password)
    silent.logout()


def _filter(servers):
    ports = (servers.dovecot.imap, servers.dovecot.imaps, servers.postfix.port)
    return " or ".join(f"tcp port {port}" for port in ports)


def test_capture_reads_keys_that_come(servers, scratch):
    keys, account = scratch / "keys", servers.accounts.fresh()
    keys.touch()
    live = living.Live(scratch, "lo", "-f", _filter(servers), "--keylog", keys)
    _talk(servers, account, keys)
    summary = live.stop()
    assert summary["gaps"] == 0
    rows = mailproxy.sessions(live.record)
    opened = sorted((row["protocol"], row["tls"]["how"], row["credentials"], row["user"]) for row in rows if not row["opaque"])
    assert opened == [("imap", "implicit", 1, account.address)] * 2 + [("smtp", "starttls", 1, account.address)] * 2
    (closed,) = [row for row in rows if row["opaque"]]
    assert (closed["protocol"], closed["tls"]["how"], closed["user"]) == ("imap", "starttls", None)
    command("verify", live.record, status=0)


def test_watching_reads_keys_that_come(servers, scratch):
    keys, account, report = scratch / "keys", servers.accounts.fresh(), scratch / "report.json"
    keys.touch()
    options = ("--format", "json", "--fail-on", "never", "-o", report)
    watch = Process(
        [mailproxy.binary(), "audit", "--watch", "-i", "lo", "-f", _filter(servers), "--keylog", keys, *options],
        scratch, "watch", env=mailproxy.environment(scratch), cwd=scratch,
    )  # fmt: skip
    watch.wait_for("it watches", lambda: "watching" in watch.err)
    _talk(servers, account, keys)
    assert watch.stop(signal.SIGINT) == 0, watch.err
    found = json.loads(report.read_text())["credentials"]
    assert [row["account"] for row in found] == [account.address] * len(found) and len(found) >= 1


def _recorded(live):
    done = command("sessions", "list", live.record, "--json", status=None)
    return done.stdout.splitlines()


def test_the_file_may_come_and_be_replaced(servers, scratch):
    """It is not there when the capture begins, is written anew, and another takes its place."""
    keys, account = scratch / "keys", servers.accounts.fresh()
    live = living.Live(scratch, "lo", "-f", _filter(servers), "--keylog", keys)
    assert "is not there yet" in live.process.err
    for number, former in enumerate([None, "written anew", "replaced"], 1):
        if former == "written anew":
            keys.write_text("")
        elif former == "replaced":
            keys.rename(scratch / "keys.1")
        context = sealed._context(ssl.TLSVersion.TLSv1_3, keys)
        sealed._imap(imaplib.IMAP4_SSL(HOST, servers.dovecot.imaps, ssl_context=context), account)
        # What was cut off before it was read is gone.
        until("the keys are read", lambda count=number: len(_recorded(live)) == count)
    live.stop()
    rows = mailproxy.sessions(live.record)
    assert [(row["opaque"], row["user"]) for row in rows] == [(False, account.address)] * 3


def test_its_directory_must_be_there(scratch):
    done = command("capture", "-i", "lo", "--keylog", scratch / "none" / "keys", "--record-dir", scratch / "record", status=(2, 64))
    assert "there is no directory" in done.stderr.decode()
    assert not (scratch / "record").exists()
