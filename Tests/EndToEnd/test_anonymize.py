"""Anonymous copies: nothing of the original is in them, and they replay against a server that holds the anonymous mailbox."""

import contextlib
import hashlib
import json
import mailbox
import re
import stat

import pytest

import clients
import imap_clients
import mailproxy
import messages
import peers
import pop3_clients
import smtp_clients
from mailproxy import MailProxy, command
from processes import HOST


def _imap_session(place, account, stored):
    """What a mail program does: folders, lists, messages whole and in parts, searches, flags."""
    client = imap_clients._login(place, account)
    ok = imap_clients.ok
    ok(client.list())
    ok(client.create('"Family matters"'))
    ok(client.status("INBOX", "(MESSAGES UIDNEXT UNSEEN)"))
    ok(client.select("INBOX"))
    for n in range(1, len(stored) + 1):
        ok(client.fetch(str(n), "(FLAGS RFC822.SIZE ENVELOPE BODYSTRUCTURE UID BODY.PEEK[])"))
        ok(client.fetch(str(n), "(BODY.PEEK[HEADER] BODY.PEEK[TEXT] BODY.PEEK[1] BODY.PEEK[HEADER.FIELDS (SUBJECT FROM)])"))
    assert ok(client.search(None, "SUBJECT", "dots")) == [b"2"]
    assert ok(client.search(None, "FROM", account.name))[0].split() or True
    ok(client.uid("STORE", "1", "+FLAGS", "(\\Flagged)"))
    ok(client.copy("1:2", '"Family matters"'))
    ok(client.append('"Family matters"', "(\\Seen)", None, messages.plain(account.address)))
    ok(client.select('"Family matters"'))
    ok(client.uid("FETCH", "1:*", "(UID BODY.PEEK[])"))
    ok(client.close())
    client.logout()


def _anonymous(record, scratch, *options):
    copy = scratch / "copy.pcapng"
    done = command("anonymize", record, "-o", copy, "--json", *options, status=0)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    return copy, json.loads(done.stdout)


def _messages(source, folder, session):
    """The messages of one session, in the order in which they passed, each once."""
    done = command("sessions", "export", session, source, "--format", "eml", "-o", folder, "--json", status=0)
    found = []
    for row in mailproxy.rows(done):
        octets = (folder / row["file"].split("/")[-1]).read_bytes()
        if row["complete"] and octets not in found:
            found.append(octets)
    return found


def _logins(source):
    return {row["id"]: row["user"] for row in mailproxy.sessions(source)}


@pytest.fixture(scope="module")
def second(workshop, servers):
    """Another Dovecot, whose users are yet to be told."""
    started = []

    def start(folder, account):
        people = peers.Accounts(0)
        people.all = [account]
        dovecot = peers.Dovecot(workshop / folder, people, servers.certificate)
        started.append(dovecot)
        return dovecot

    yield start
    for dovecot in started:
        dovecot.stop()


class _Person:
    """A user of the copy."""

    def __init__(self, address, password):
        self.address, self.name, self.password = address, address.split("@")[0], password


def _residues(octets, secrets):
    return [word for word in secrets if word.lower().encode() in octets.lower()]


@pytest.mark.parametrize("protocol", ["imap", "pop3", "mbsync"])
def test_copy_replays_against_the_anonymous_mailbox(protocol, servers, scratch, second):
    account = servers.accounts.fresh()
    stored = messages.many(account.address)
    kind = "pop3" if protocol == "pop3" else "imap"
    imap_clients.seed(clients.Place(servers.dovecot.side_door), account, stored)
    with MailProxy(scratch, {kind: servers.ports[kind]}) as proxy:
        place = clients.Place(proxy.ports[kind])
        if protocol == "imap":
            _imap_session(place, account, stored)
        elif protocol == "pop3":
            pop3_clients.poplib_whole(place, account, stored)
        else:
            imap_clients.mbsync_two_way(place, account, stored)
    copy, summary = _anonymous(proxy.record, scratch)
    before, after = mailproxy.sessions(proxy.record), mailproxy.sessions(copy)
    assert summary["sessions"] == len(before) == len(after)
    for a, b in zip(before, after):
        for key in ("start", "exchanges", "messages", "violations", "bytes", "end", "protocol"):
            assert a[key] == b[key], key
    names = [account.name, account.address, peers.DOMAIN, "Family", "dotted", "brown fox"]
    assert _residues(copy.read_bytes(), names) == []

    # A server whose mailbox is the one that the copy shows.
    address = next(user for user in _logins(copy).values() if user)
    assert address != account.address and len(address) == len(account.address)
    person = _Person(address, "another.Pferd-1")
    dovecot = second(f"second-{protocol}", person)
    first = min(after, key=lambda row: row["start"])["id"]
    held = _messages(copy, scratch / "held", first)[: len(stored)]
    assert sorted(map(len, held)) == sorted(map(len, stored))
    imap_clients.seed(clients.Place(dovecot.side_door), person, held)
    port = dovecot.pop3 if kind == "pop3" else dovecot.imap
    done = command(
        "replay", copy, "--to", f"{kind}://{HOST}:{port}", "--user", person.address, "--password", person.password, "--json", "-v", seconds=120
    )
    lines = mailproxy.rows(done)
    counted = [d for line in lines[:-1] for d in line["differences"] if d["class"] != "allowed"]
    assert counted == [], done.stderr
    assert lines[-1]["same"] == len(after) and done.returncode == 0


def test_same_key_gives_the_same_copy(servers, scratch):
    account = servers.accounts.fresh()
    with MailProxy(scratch, {"smtp": "fallback"}) as proxy:
        smtp_clients.burst(clients.Place(proxy.ports["smtp"]), account)
    key = scratch / "key"
    key.write_bytes(bytes(range(32)))
    digests = []
    for options in (["--key", key], ["--key", key], []):
        copy, _ = _anonymous(proxy.record, scratch, "--force", *options)
        digests.append(hashlib.sha256(copy.read_bytes()).hexdigest())
    assert digests[0] == digests[1] != digests[2]


def test_directory_becomes_a_recording(servers, scratch):
    account = servers.accounts.fresh()
    with MailProxy(scratch, {"smtp": "fallback"}) as proxy:
        smtp_clients.burst(clients.Place(proxy.ports["smtp"]), account)
    place = scratch / "copies"
    command("anonymize", proxy.record, "-o", f"{place}/", "--data-dir", scratch / "keys", status=0)
    assert command("verify", place, status=0)
    rows = mailproxy.sessions(place)
    assert [row["bytes"] for row in rows] == [row["bytes"] for row in mailproxy.sessions(proxy.record)]
    assert (place / "index.sqlite").exists()
    for path in place.rglob("*"):
        assert not path.is_file() or _residues(path.read_bytes(), [account.name, peers.DOMAIN]) == []
    assert not list(place.glob(".mailproxy-*"))
    assert b"holds a recording already" in command("anonymize", proxy.record, "-o", place, status=2).stderr


@pytest.mark.parametrize(
    "options, complaint",
    [
        (["-o", "-"], b"searched before it is given away"),
        (["-o", "/dev/null"], b"searched before it is given away"),
        (["-o", "copy", "--shift", "soon"], b"--shift"),
    ],
)
def test_wrong_usage(options, complaint, scratch):
    capture = scratch / "x.pcap"
    capture.write_bytes(b"")
    done = command("anonymize", capture, *options, status=2, folder=scratch)
    assert complaint in done.stderr and len(done.stderr.decode().splitlines()) == 1


def test_copy_never_replaces_what_is_read(scratch):
    folder = scratch / "captures"
    folder.mkdir()
    capture = folder / "a.pcap"
    capture.write_bytes(b"what is here stays")
    (scratch / "link").symlink_to(capture)
    (scratch / "second").hardlink_to(capture)
    for source, output in (
        (capture, capture),
        (folder, capture),
        (scratch / "link", capture),
        (capture, scratch / "second"),
        (capture, folder),
        (folder, folder),
    ):
        done = command("anonymize", source, "-o", output, "--force", status=2)
        assert b"is read from" in done.stderr
        assert capture.read_bytes() == b"what is here stays"
