"""What commands write and where they stop: never over what they read, never in silence, and nothing half done under a name."""

import os
import shutil
import signal
import subprocess

import pytest

import mailproxy
from mailproxy import MailProxy, binary, command, environment
from processes import HOST, until
from wire import SMTP


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    scratch = tmp_path_factory.mktemp("output")
    with MailProxy(scratch, {"smtp": "fallback"}) as proxy:
        with SMTP(HOST, proxy.ports["smtp"]) as client:
            client.line()
            client.send("QUIT\r\n")
            client.line()
    return proxy.record


def _content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_what_is_read_is_never_replaced(recording, scratch):
    before = _content(recording)
    (segment,) = recording.glob("*.pcapng")
    for target in segment, recording / "chain.jsonl", recording / "index.sqlite":
        for words in ("audit",), ("sessions", "export", "--format", "pcapng"), ("sessions", "export", "--format", "mbox"):
            said = command(*words, recording, "-o", target, "--force", folder=scratch, status=2).stderr.decode()
            assert "name another place" in said
    said = command("audit", "--watch", recording, "--duration", "0.1", "-o", segment, folder=scratch, status=2).stderr.decode()
    assert "name another place" in said
    assert _content(recording) == before
    # The report of a directory may stand in it.
    for _ in range(2):
        command("audit", recording, "--fail-on", "never", "-o", recording / "report.html", "--format", "html", "--force", folder=scratch, status=0)
    (recording / "report.html").unlink()


def test_keys_are_never_replaced(recording, scratch):
    keys = scratch / "keys"
    keys.write_text(f"CLIENT_RANDOM {'0' * 64} {'0' * 96}\n")
    before = keys.read_bytes()
    (segment,) = recording.glob("*.pcapng")
    for words in ("audit",), ("sessions", "export", "--format", "pcapng"), ("anonymize",):
        said = command(*words, segment, "--keylog", keys, "-o", keys, "--force", folder=scratch, status=2).stderr.decode()
        assert "name another place" in said
        assert keys.read_bytes() == before


def test_a_watch_writes_its_report_into_a_pipe(recording, scratch):
    os.mkfifo(scratch / "report")
    with subprocess.Popen(["cat", scratch / "report"], stdout=subprocess.PIPE) as reader:
        try:
            command("audit", "--watch", recording, "--duration", "0.1", "--fail-on", "never", "--format", "json", "-o", scratch / "report", folder=scratch, status=0, seconds=30)
            assert b'"verdict"' in reader.stdout.read()
        finally:
            reader.kill()


def test_an_audit_says_first_that_it_cannot_write(scratch):
    # A file that would take for ever to be read.
    os.mkfifo(scratch / "day.pcap")
    (scratch / "report.json").write_text("an older one")
    for target, reason in ("report.json", "--force"), ("nowhere/report.json", "cannot write"):
        said = command("audit", scratch / "day.pcap", "-o", scratch / target, folder=scratch, status=2, seconds=10).stderr.decode()
        assert reason in said


def test_the_key_is_not_written_over(scratch):
    data = scratch / "data"
    command("ca", "create", "--data-dir", data, status=0)
    key = (data / "ca" / "ca.key").read_bytes()
    for force in [], ["--force"]:
        command("ca", "export", "-o", data / "ca" / "ca.key", "--data-dir", data, *force, status=2)
    assert (data / "ca" / "ca.key").read_bytes() == key
    command("ca", "export", "-o", scratch / "ca.crt", "--data-dir", data, status=0)
    command("ca", "export", "-o", scratch / "ca.crt", "--data-dir", data, status=2)
    command("ca", "export", "-o", scratch / "ca.crt", "--data-dir", data, "--force", status=0)
    assert (scratch / "ca.crt").stat().st_mode & 0o777 & ~0o044 == 0o600


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stream_in_which_nothing_comes_can_be_interrupted(recording, scratch, number):
    (segment,) = recording.glob("*.pcapng")
    out = scratch / "out"
    with subprocess.Popen(
        [binary(), "capture", "-r", "-", "--record-dir", out, "--data-dir", scratch / "data"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=environment(scratch), preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as child:  # fmt: skip
        try:
            child.stdin.write(segment.read_bytes())
            child.stdin.flush()
            until("it records", lambda: (out / "recorder.lock").exists() and list(out.glob("*.pcapng")))
            child.send_signal(number)
            said = child.stdout.read().decode()
            assert child.wait(20 * mailproxy.PATIENCE) == 0 and "1 session" in said
        finally:
            child.kill()
    command("verify", out, "--data-dir", scratch / "data", status=0)


@pytest.mark.parametrize("words", [["--help"], ["config", "reference"], ["config", "schema"], ["audit", "--list-findings"]])
def test_a_full_disk_under_standard_output(words, scratch):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([binary(), *words], stdout=full, stderr=subprocess.PIPE, env=environment(scratch), timeout=60)
    assert done.returncode == 3 and done.stderr.startswith(b"mailproxy: standard output: "), done


def test_standard_output_has_several_names(recording, scratch):
    for words in ("sessions", "export", "--format", "mbox"), ("sessions", "export", "--format", "html"), ("audit", "--format", "csv"):
        with open(scratch / "out", "wb") as out:
            done = subprocess.run([binary(), *words, recording, "-o", "/dev/stdout"], stdout=out, stderr=subprocess.PIPE, env=environment(scratch), timeout=60)
        assert done.returncode == 0 and (scratch / "out").read_bytes() == command(*words, recording, "-o", "-", folder=scratch, status=0).stdout


def test_standard_input_is_called_so(scratch):
    for words in ("sessions", "list", "-"), ("audit", "-"), ("capture", "-r", "-", "--record-dir", scratch / "out"):
        said = command(*words, folder=scratch, status=2).stderr.decode()
        assert said == "mailproxy: standard input: the file is empty (at offset 0)\n"


@pytest.mark.parametrize("words, line", [
    (("verify", "."), "there is no recording in this directory"),
    (("rules", "check", "."), "there is no rule file here"),
    (("capture", "-r", "."), "'sessions' and 'audit' read all of a directory"),
    (("config", "check", "mailproxy.yaml"), "mailproxy.yaml:1:14: "),
])  # fmt: skip
def test_what_is_not_there_is_named(scratch, words, line):
    if words[0] == "config":
        (scratch / "mailproxy.yaml").write_text("credentials: nowhere\n")
    said = command(*words, status=2, folder=scratch).stderr.decode()
    assert line in said


def test_an_index_is_made_anew_of_the_directory_given(recording, scratch):
    copy = shutil.copytree(recording, scratch / "copy")
    (copy / "index.sqlite").unlink()
    said = command("sessions", "reindex", copy, folder=scratch, status=0).stdout.decode()
    assert said == f"1 session in {copy}\n"
    command("sessions", "reindex", copy, "--record-dir", copy, folder=scratch, status=2)


def test_a_session_that_is_in_two_places_is_one(recording, scratch):
    (segment,) = recording.glob("*.pcapng")
    shutil.copy(segment, scratch / "copy.pcapng")
    (row,) = mailproxy.sessions(recording)
    said = command("sessions", "show", row["id"][:10], recording, scratch / "copy.pcapng", folder=scratch, status=0).stdout.decode()
    assert row["id"] in said
