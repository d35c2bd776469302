"""`sessions mailbox`: after real clients worked with Dovecot through the proxy, the view is what the server says of the folders that
they opened; at a moment in between it is what it was then."""

import datetime
import email.utils
import imaplib
import mailbox
import poplib
import re

import pytest

import clients
import imap_clients
import messages
import pop3_clients
from imap_clients import ok
from made_capture import Conversation, pcap
from mailproxy import MailProxy, command, rows
from processes import HOST, checked, until


@pytest.fixture
def proxy(servers, scratch):
    with MailProxy(scratch, {"imap": servers.ports["imap"], "pop3": servers.ports["pop3"]}) as running:
        yield running


def login(port, account):
    client = imaplib.IMAP4(HOST, port, timeout=20)
    ok(client.login(account.address, account.password))
    return client


def actual(servers, account):
    """{folder: {uid: (flags, size)}} and {folder: (uidvalidity, uidnext, count)} as doveadm says."""

    def doveadm(*arguments):
        return checked(["/usr/bin/doveadm", "-c", servers.dovecot.folder / "dovecot.conf", *arguments]).stdout.decode()

    folders, status = {}, {}
    for line in doveadm("-f", "tab", "mailbox", "status", "-u", account.address, "messages uidnext uidvalidity", "*").splitlines()[1:]:
        name, count, uidnext, validity = line.split("\t")
        status[name], folders[name] = (int(validity), int(uidnext), int(count)), {}
    for line in doveadm("-f", "tab", "fetch", "-u", account.address, "mailbox uid flags size.virtual", "ALL").splitlines()[1:]:
        name, uid, flags, size = line.split("\t")
        folders[name][int(uid)] = (frozenset(flags.split()) - {"\\Recent"}, int(size))
    return folders, status


class View:
    """What `sessions mailbox --json` says of one account."""

    def __init__(self, *arguments):
        self.rows = rows(command("sessions", "mailbox", "--json", *arguments, status=0))
        self.accounts = [row for row in self.rows if "folders" in row]
        self.folders = {row["folder"]: row for row in self.rows if "folder" in row}

    def messages(self, folder):
        return [row for row in self.rows if row.get("in") == folder]

    def known(self, folder):
        return {row["uid"]: (frozenset(row["flags"]) - {"\\Recent"}, row["size"]) for row in self.messages(folder)}

    def check(self, truth, folders):
        found, status = truth
        for name in folders:
            row = self.folders[name]
            assert self.known(name) == found[name], name
            assert (row["uidvalidity"], row["messages"], row["known"]) == (status[name][0], status[name][2], len(found[name])), name


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="microseconds")


def test_imaplib_and_the_moments_between(servers, proxy, scratch):
    account = servers.accounts.fresh()
    sent = messages.many(account.address)
    client = login(proxy.ports["imap"], account)
    for message in sent[:4]:
        ok(client.append("INBOX", "(\\Seen $Work)", '"17-Jul-2026 02:44:25 +0000"', message))
    ok(client.create("Archive"))
    ok(client.create("Arch&AOQ-olog"))
    ok(client.list())
    ok(client.select("INBOX"))
    ok(client.uid("FETCH", "1:*", "(FLAGS RFC822.SIZE INTERNALDATE ENVELOPE)"))
    ok(client.uid("FETCH", "1:2", "(BODY.PEEK[])"))
    first, first_moment = actual(servers, account), now()
    ok(client.uid("STORE", "2", "+FLAGS.SILENT", "(\\Flagged)"))
    ok(client.uid("STORE", "3", "FLAGS", "(\\Answered)"))
    ok(client.uid("COPY", "1:2", "Archive"))
    ok(client.store("4", "+FLAGS", "(\\Deleted)"))
    ok(client.expunge())
    second, second_moment = actual(servers, account), now()
    ok(client.select("Archive"))
    ok(client.fetch("1:*", "(UID FLAGS RFC822.SIZE)"))
    ok(client.uid("MOVE", "1", '"Arch&AOQ-olog"'))
    ok(client.append("Archive", None, None, sent[4]))
    ok(client.noop())
    ok(client.uid("FETCH", "1:*", "(FLAGS RFC822.SIZE)"))
    ok(client.close())
    ok(client.select('"Arch&AOQ-olog"'))
    ok(client.fetch("1:*", "(UID FLAGS RFC822.SIZE)"))
    client.logout()
    third = actual(servers, account)
    proxy.stop()

    View(proxy.record, "--at", first_moment).check(first, ["INBOX"])
    view = View(proxy.record, "--at", second_moment, "--user", account.address)
    view.check(second, ["INBOX"])
    copies = view.messages("Archive")
    assert {(row["uid"], row["size"], row["origin"], row["flags_inferred"]) for row in copies} == {
        (uid, size, "copied", True) for uid, (_, size) in second[0]["Archive"].items()
    }
    view = View(proxy.record)
    view.check(third, ["INBOX", "Archive", "Archäolog"])
    assert view.folders["INBOX"]["open"] is False and view.accounts[0]["not_followed"] == 0
    whole = {row["uid"] for row in view.messages("INBOX") if row["seen"] == "whole"}
    assert whole == {1, 2, 3}
    subject = {row["envelope"]["subject"] for row in view.messages("INBOX")}
    assert "plain words" in subject

    text = command("sessions", "mailbox", proxy.record, "--at", second_moment, status=0).stdout.decode()
    assert re.search(r"^INBOX +\d+ +\d+ +3 +3 +3 ", text, re.M) and "plain words" in text

    done = rows(command("sessions", "mailbox", proxy.record, "--maildir", scratch / "out", "--json", status=0))[0]
    assert (done["written"], done["not_seen"], done["not_known"]) == (sum(map(len, third[0].values())), 0, 0)
    box = mailbox.Maildir(scratch / "out", factory=None, create=False)
    assert sorted(box.list_folders()) == ["Arch&AOQ-olog", "Archive"]
    written = {int(re.search(r",U=(\d+)", name).group(1)): (scratch / "out" / box._toc[name]).read_bytes() for name in box.keys()}
    stored = {n + 1: message for n, message in enumerate(sent[:3])}
    assert written == stored
    for name in box.keys():
        uid = int(re.search(r",U=(\d+)", name).group(1))
        flags = third[0]["INBOX"][uid][0]
        letters = "".join(sorted(l for l, f in zip("DFRST", ("\\Draft", "\\Flagged", "\\Answered", "\\Seen", "\\Deleted")) if f in flags))
        path = scratch / "out" / box._toc[name]
        assert path.name.rpartition(":2,")[2] == letters + ("a" if "$Work" in flags else "")
        assert path.stat().st_mtime == email.utils.parsedate_to_datetime("Fri, 17 Jul 2026 02:44:25 +0000").timestamp()
    assert (scratch / "out" / "dovecot-keywords").read_text() == "0 $Work\n"
    assert b"is not empty" in command("sessions", "mailbox", proxy.record, "--maildir", scratch / "out", status=2).stderr


def test_mbsync(servers, proxy):
    account = servers.accounts.fresh()
    stored = messages.many(account.address)
    imap_clients.seed(clients.Place(servers.dovecot.side_door), account, stored)
    imap_clients.mbsync_two_way(clients.Place(proxy.ports["imap"]), account, stored)
    truth = actual(servers, account)
    proxy.stop()
    view = View(proxy.record)
    found = truth[0]["INBOX"]
    # mbsync asks for no sizes of what it fetches whole.
    assert {row["uid"]: frozenset(row["flags"]) - {"\\Recent"} for row in view.messages("INBOX")} == {
        uid: flags for uid, (flags, _) in found.items()
    }
    for row in view.messages("INBOX"):
        assert row["size"] is None or row["size"] == found[row["uid"]][1]
    assert view.folders["INBOX"]["messages"] == len(found)
    assert all(row["seen"] == "whole" for row in view.messages("INBOX"))


def test_curl_and_fetchmail_over_imap(servers, proxy, scratch):
    account = servers.accounts.fresh()
    stored = messages.many(account.address)
    imap_clients.seed(clients.Place(servers.dovecot.side_door), account, stored)
    imap_clients.curl_fetch(clients.Place(proxy.ports["imap"]), account, stored)
    moment = now()
    imap_clients.fetchmail_delete(clients.Place(proxy.ports["imap"]), account, stored)
    proxy.stop()
    # curl names no UIDs: the messages of its last session are known by their numbers.
    view = View(proxy.record, "--at", moment)
    assert view.folders["INBOX"]["messages"] == len(stored)
    assert [row["uid"] for row in view.messages("INBOX")] == [None] * len(view.messages("INBOX"))
    view = View(proxy.record)
    assert view.messages("INBOX") == [] and view.folders["INBOX"]["messages"] == 0
    assert actual(servers, account)[0]["INBOX"] == {}


def test_pop3(servers, proxy, scratch):
    account = servers.accounts.fresh()
    stored = messages.many(account.address)
    imap_clients.seed(clients.Place(servers.dovecot.side_door), account, stored)
    client = poplib.POP3(HOST, proxy.ports["pop3"], timeout=20)
    client.user(account.address)
    client.pass_(account.password)
    client.stat(), client.list()
    ids = [line.split()[1].decode() for line in client.uidl()[1]]
    client.retr(1), client.top(2, 0)
    client.dele(1)
    moment = now()
    client.quit()
    middle = now()
    pop3_clients.fetchmail_delete(clients.Place(proxy.ports["pop3"]), account, stored[1:])
    proxy.stop()
    view = View(proxy.record, "--at", moment)
    assert [(row["uidl"], row["marked"]) for row in view.messages("INBOX")] == [(uidl, n == 0) for n, uidl in enumerate(ids)]
    assert [row["size"] for row in view.messages("INBOX")] == [len(message) for message in stored]
    assert [row["seen"] for row in view.messages("INBOX")][:3] == ["whole", "header", "none"]
    command("sessions", "mailbox", proxy.record, "--at", moment, "--maildir", scratch / "out", status=0)
    (path,) = (scratch / "out" / "new").iterdir()
    assert path.read_bytes() == stored[0]
    assert [row["uidl"] for row in View(proxy.record, "--at", middle).messages("INBOX")] == ids[1:]
    assert View(proxy.record).messages("INBOX") == []


def test_two_sessions_at_once_and_idle(servers, proxy):
    account = servers.accounts.fresh()
    imap_clients.seed(clients.Place(servers.dovecot.side_door), account, messages.many(account.address))
    one, two = login(proxy.ports["imap"], account), login(proxy.ports["imap"], account)
    ok(one.select("INBOX"))
    ok(one.uid("SEARCH", "ALL"))
    ok(one.fetch("1:*", "(FLAGS RFC822.SIZE)"))
    ok(two.select("INBOX"))
    ok(two.store("2", "+FLAGS", "(\\Deleted)"))
    ok(two.expunge())
    ok(one.noop())
    truth = actual(servers, account)
    # Both go on: the recording tells of them already, as soon as the recorder has written what passed.
    until("what both heard to be recorded", lambda: View(proxy.record).known("INBOX") == truth[0]["INBOX"], 20, 0.05)
    View(proxy.record).check(truth, ["INBOX"])
    assert View(proxy.record).folders["INBOX"]["open"] is True
    one.logout(), two.logout()


def test_what_is_not_recorded_was_not_seen(servers, scratch):
    account = servers.accounts.fresh()
    message = messages.plain(account.address).replace(b"Message-ID: <", b"Message-ID: <headers.")
    imap_clients.seed(clients.Place(servers.dovecot.side_door), account, [message])
    with MailProxy(scratch, {"imap": servers.ports["imap"]}, "--set", "record.what=headers") as proxy:
        client = login(proxy.ports["imap"], account)
        ok(client.select("INBOX"))
        ok(client.uid("FETCH", "1", "(FLAGS RFC822.SIZE BODY.PEEK[])"))
        client.logout()
    (row,) = View(proxy.record).messages("INBOX")
    assert (row["seen"], row["content"], row["envelope"]["subject"], row["size"]) == ("header", None, "plain words", len(message))
    done = rows(command("sessions", "mailbox", proxy.record, "--maildir", scratch / "out", "--json", status=0))[0]
    assert (done["written"], done["not_seen"]) == (0, 1)
    assert [path for path in (scratch / "out").rglob("*") if path.is_file()] == []
    identity = re.search(rb"^Message-ID: (.*)\r$", message, re.M).group(1).decode()
    (station,) = rows(command("sessions", "trace", identity, proxy.record, "--json", status=0))
    assert (station["left_out"], station["sha256"], station["bytes"]) == (True, None, len(message))


MIXED = [
    (1, "S: * OK hi"), (2, "C: a LOGIN you@example.com secret"), (3, "S: a OK"), (4, "C: b SELECT INBOX"), (5, "S: * 1 EXISTS\r\n* OK [UIDVALIDITY 5] ok\r\nb OK"),
    (6, "C: c FETCH 1 (UID BODY.PEEK[])"), (7, "S: * 1 FETCH (UID 12 BODY[] {3}\r\nabc)\r\nc OK"),
]  # fmt: skip


def test_captures_and_wrong_use(scratch):
    path = scratch / "known.pcap"
    start = 1_790_000_000_000_000
    path.write_bytes(
        pcap(
            Conversation(start, port=143).play(MIXED).close(20),
            Conversation(start, client_port=40001, server="192.0.2.26", port=143).play(MIXED).close(20),
        )
    )
    view = View(path)
    assert [row["server"] for row in view.accounts] == ["192.0.2.25", "192.0.2.26"]
    refused = command("sessions", "mailbox", path, "--maildir", scratch / "out", status=2)
    assert b"here are 2: you@example.com at 192.0.2.25 over imap" in refused.stderr and not (scratch / "out").exists()
    said = command("sessions", "mailbox", path, "--server", "192.0.2.26:143", "--maildir", scratch / "out", status=0).stdout
    assert said == f"1 message in 1 folder to {scratch / 'out'}\n".encode()
    assert [file.read_bytes() for file in (scratch / "out" / "new").iterdir()] == [b"abc"]
    for arguments in (["--user", "nobody@example.com"], ["--at", "2026-09-21T14:13:19Z"], ["--filter", "pop3"]):
        done = command("sessions", "mailbox", path, *arguments, status=0)
        assert done.stdout == b"" and b"no mailbox" in done.stderr
    assert b"no mailbox" in command("sessions", "mailbox", path, "--user", "x", "--maildir", scratch / "no", status=2).stderr
    assert command("sessions", "mailbox", path, "--at", "yesterday", status=2).stdout == b""
