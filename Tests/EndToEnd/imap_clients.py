"""IMAP clients. Each driver works on the INBOX of `account`, which holds exactly `stored`, and asserts what it read and
changed."""

import base64
import imaplib
import re
import shutil

import messages
import pop3_clients
from processes import checked
from wire import IMAP, Typist


def _curl(place, account, path, *options):
    return checked(
        [
            "/usr/bin/curl",
            "-sS",
            f"imap://{place.host}:{place.port}/{path}",
            "--user",
            f"{account.address}:{account.password}",
            *options,
        ]
    ).stdout


def _login(place, account):
    client = imaplib.IMAP4(place.host, place.port, timeout=20)
    assert client.login(account.address, account.password)[0] == "OK"
    return client


def ok(answer):
    """The data of an imaplib answer that must be OK."""
    assert answer[0] == "OK", answer
    return answer[1]


def inbox(place, account):
    """The messages in the INBOX, read without a mark being left on them."""
    client = _login(place, account)
    if ok(client.select("INBOX", readonly=True)) == [b"0"]:
        client.logout()
        return []
    found = [part[1] for part in ok(client.fetch("1:*", "(BODY.PEEK[])")) if isinstance(part, tuple)]
    client.logout()
    return found


def seed(place, account, stored):
    """Puts messages into the INBOX."""
    client = _login(place, account)
    for message in stored:
        ok(client.append("INBOX", None, None, message))
    client.logout()


def curl_list(place, account, stored):
    assert b"INBOX" in _curl(place, account, "")


def curl_fetch(place, account, stored):
    for n, message in enumerate(stored, 1):
        assert _curl(place, account, f"INBOX/;MAILINDEX={n}") == message
    assert _curl(place, account, "INBOX/;MAILINDEX=1/;SECTION=TEXT") == stored[0].split(b"\r\n\r\n", 1)[1]


def curl_search(place, account, stored):
    assert _curl(place, account, "INBOX?SUBJECT%20dots").split() == [b"*", b"SEARCH", b"2"]
    assert b"NOOP" not in _curl(place, account, "INBOX", "--request", "STATUS INBOX (MESSAGES UNSEEN)")


def curl_append(place, account, stored):
    message = messages.attachment(account.address)
    _curl(place, account, "INBOX", "--upload-file", place.file(message))
    assert inbox(place, account) == stored + [message]


def imaplib_whole(place, account, stored):
    client = _login(place, account)
    assert any(b"INBOX" in line for line in ok(client.list()))
    count = re.search(rb"MESSAGES (\d+)", ok(client.status("INBOX", "(MESSAGES UIDNEXT UIDVALIDITY UNSEEN)"))[0])
    assert int(count.group(1)) == len(stored)
    assert ok(client.select("INBOX")) == [str(len(stored)).encode()]
    for n, message in enumerate(stored, 1):
        data = ok(client.fetch(str(n), "(FLAGS INTERNALDATE RFC822.SIZE ENVELOPE BODYSTRUCTURE UID BODY.PEEK[])"))
        assert data[0][1] == message
        assert (
            f"RFC822.SIZE {len(message)}".encode() in data[0][0] + data[-1]
            if isinstance(data[-1], bytes)
            else data[0][0]
        )
    assert ok(client.fetch("1", "(BODY[]<10.20>)"))[0][1] == stored[0][10:30]
    assert ok(client.fetch("1", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])"))[0][1] == b"Subject: plain words\r\n\r\n"
    assert b"\\Seen" in ok(client.fetch("1", "(FLAGS)"))[0]
    assert ok(client.search(None, "SUBJECT", "dots")) == [b"2"]
    assert ok(client.search(None, "ALL")) == [b" ".join(str(n).encode() for n in range(1, len(stored) + 1))]
    assert ok(client.search("UTF-8", "UNSEEN"))[0].split()[0] == b"2"
    assert b"\\Flagged" in ok(client.store("2", "+FLAGS", "(\\Flagged)"))[0]
    assert b"\\Flagged" not in ok(client.store("2", "-FLAGS", "(\\Flagged)"))[0]
    ok(client.create("Archive"))
    ok(client.copy("1:2", "Archive"))
    ok(client.store("1", "+FLAGS.SILENT", "(\\Deleted)"))
    assert ok(client.expunge()) == [b"1"]
    ok(client.close())
    ok(client.select("Archive"))
    assert [part[1] for part in ok(client.fetch("1:*", "(RFC822)")) if isinstance(part, tuple)] == stored[:2]
    ok(client.close())
    ok(client.rename("Archive", '"Old things"'))
    ok(client.delete('"Old things"'))
    assert client.logout()[0] == "BYE"


def imaplib_uid(place, account, stored):
    client = _login(place, account)
    ok(client.select("INBOX"))
    uids = ok(client.uid("SEARCH", None, "ALL"))[0].split()
    assert len(uids) == len(stored)
    for uid, message in zip(uids, stored):
        data = ok(client.uid("FETCH", uid.decode(), "(BODY.PEEK[])"))
        assert data[0][1] == message
    assert b"\\Answered" in ok(client.uid("STORE", uids[0].decode(), "+FLAGS", "(\\Answered)"))[0]
    ok(client.create("Copies"))
    ok(client.uid("COPY", uids[1].decode(), "Copies"))
    ok(client.uid("STORE", uids[1].decode(), "+FLAGS", "(\\Deleted)"))
    ok(client.expunge())
    assert ok(client.uid("SEARCH", None, "ALL"))[0].split() == uids[:1] + uids[2:]
    ok(client.select("Copies"))
    assert ok(client.fetch("1", "(BODY[])"))[0][1] == stored[1]
    client.logout()


def imaplib_sasl(place, account, stored):
    client = imaplib.IMAP4(place.host, place.port, timeout=20)
    ok(client.authenticate("PLAIN", lambda _: f"\0{account.address}\0{account.password}".encode()))
    ok(client.select("INBOX"))
    client.logout()
    plain = base64.b64encode(f"\0{account.address}\0{account.password}".encode()).decode()
    with IMAP(place.host, place.port) as client:
        client.until(b"* OK")
        client.say("AUTHENTICATE PLAIN " + plain)
        client.say("LOGOUT")


def imaplib_cram_md5(place, account, stored):
    client = imaplib.IMAP4(place.host, place.port, timeout=20)
    ok(client.login_cram_md5(account.address, account.password))
    assert ok(client.select("INBOX")) == [str(len(stored)).encode()]
    client.logout()


def literals(place, account, stored):
    """Synchronising and non-synchronising literals in any argument (RFC 9051 section 4.3, RFC 7888), one after
    another."""
    message = messages.dotted(account.address)
    with IMAP(place.host, place.port) as client:
        client.until(b"* OK")
        client.send(f"a1 LOGIN {{{len(account.address)}}}\r\n")
        client.continuation()
        client.send(f"{account.address} {{{len(account.password)}}}\r\n")
        client.continuation()
        client.send(account.password + "\r\n")
        client.until(b"a1 OK")
        assert b"LITERAL" in b"".join(client.say("CAPABILITY"))
        client.append("INBOX", message)
        client.send(f"a2 APPEND {{5+}}\r\nINBOX (\\Seen) {{{len(message)}+}}\r\n".encode() + message + b"\r\n")
        client.until(b"a2 OK")
        client.say(b"SELECT {5+}\r\nINBOX")
        found = client.say(b"SEARCH SUBJECT {4+}\r\ndots")
        assert b"* SEARCH 2 " in found[0] + b" "
        client.say("FETCH 1 (FLAGS", b"BAD")
        client.send("a3 APPEND nowhere {10}\r\n")
        answer = client.response()
        if answer.startswith(b"+"):
            client.send("0123456789\r\n")
            client.until(b"a3 NO")
        client.say("LOGOUT")
        assert client.rest() == b""
    assert inbox(place, account) == stored + [message, message]


def binary_literal(place, account, stored):
    """literal8 (RFC 3516), with octets that a plain literal may not hold."""
    message = messages.plain(account.address)
    with IMAP(place.host, place.port) as client:
        client.login(account)
        assert b"BINARY" in b"".join(client.say("CAPABILITY")), "the server offers no BINARY"
        client.send(f"b1 APPEND INBOX ~{{{len(message)}}}\r\n")
        client.continuation()
        client.send(message + b"\r\n")
        client.until(b"b1 OK")
        client.send(f"b2 APPEND INBOX ~{{{len(message)}+}}\r\n".encode() + message + b"\r\n")
        client.until(b"b2 OK")
        client.say("LOGOUT")
    assert inbox(place, account) == stored + [message, message]


def quoted_password(place, account, stored):
    """Quoted strings with escapes, as imaplib and most clients write them."""
    client = _login(place, account)
    ok(client.select('"INBOX"'))
    client.logout()


def idle(place, account, stored):
    """IDLE (RFC 2177): told of a message that another connection appends, twice."""
    with IMAP(place.host, place.port) as waiting, IMAP(place.host, place.port) as other:
        waiting.login(account)
        waiting.say("SELECT INBOX")
        other.login(account)
        count = len(stored)
        for _ in range(2):
            waiting.send("i1 IDLE\r\n")
            waiting.continuation()
            other.append("INBOX", messages.plain(account.address))
            count += 1
            waiting.until(f"* {count} EXISTS".encode())
            waiting.send("DONE\r\n")
            waiting.until(b"i1 OK")
        waiting.say("LOGOUT")
        other.say("LOGOUT")


def burst(place, account, stored):
    """Commands one upon the other without waiting (RFC 9051 section 5.5), a literal among them."""
    message = messages.plain(account.address)
    with IMAP(place.host, place.port) as client:
        client.login(account)
        client.send(
            b"p1 NOOP\r\np2 SELECT INBOX\r\np3 FETCH 1:* (FLAGS)\r\np4 XYZZY\r\n"
            + f"p5 APPEND INBOX {{{len(message)}+}}\r\n".encode()
            + message
            + b"\r\n"
            b"p6 STORE 1 +FLAGS (\\Flagged)\r\np7 FETCH 1 (BODY.PEEK[])\r\np8 LOGOUT\r\n"
        )
        # A server may work on commands at the same time (RFC 9051 section 5.5), so their results come in any order.
        found = client.until(b"p8 OK")
        for result in (b"p1 OK", b"p2 OK", b"p3 OK", b"p4 BAD", b"p5 OK", b"p6 OK", b"p7 OK"):
            assert sum(part.startswith(result) for part in found) == 1, (result, found)
        assert any(stored[0] in part for part in found)
        assert client.rest() == b""


def by_the_byte(place, account, stored):
    message = messages.dotted(account.address)
    with IMAP(place.host, place.port, drip=True) as client:
        client.login(account)
        client.say("SELECT INBOX")
        client.append("INBOX", message, "(\\Seen)")
        client.send(f"a2 APPEND INBOX {{{len(message)}+}}\r\n".encode() + message + b"\r\n")
        client.until(b"a2 OK")
        found = client.say(f"FETCH {len(stored) + 1} BODY.PEEK[]")
        assert any(message in part for part in found)
        client.send("i1 IDLE\r\n")
        client.continuation()
        client.send("DONE\r\n")
        client.until(b"i1 OK")
        client.say("LOGOUT")


def nc_typed(place, account, stored):
    with Typist(place.host, place.port) as nc:
        nc.see(rb"^\* OK.*\n")
        nc.type("hello there", rb"^hello BAD.*\n")
        nc.type(f"a login {account.address} {account.password}", rb"^a OK.*\n")
        assert f"* {len(stored)} EXISTS".encode() in nc.type("b select inbox", rb"^b OK.*\n")
        assert stored[0] in nc.type("c fetch 1 body.peek[]", rb"^c OK.*\n")
        nc.type("d logout", rb"^d OK.*\n")
        nc.leave()


def mbsync_two_way(place, account, stored):
    """mbsync brings the mailbox here, carries a new message there, and removes on this side what was removed there."""
    near = place.folder / "near"
    near.mkdir()
    settings = place.file(
        f'IMAPAccount far\nHost {place.host}\nPort {place.port}\nUser {account.address}\nPass "{account.password}"\n'
        f"SSLType None\nAuthMechs LOGIN\n\nIMAPStore far\nAccount far\n\n"
        f"MaildirStore near\nPath {near}/\nInbox {near}/INBOX\n"
        f"SubFolders Verbatim\n\nChannel both\nFar :far:\nNear :near:\nPatterns INBOX\n"
        f"Create Both\nExpunge Both\nSync All\n"
        f"SyncState *\n".encode(),
        0o600,
    )

    def sync():
        checked(
            ["/usr/bin/mbsync", "--config", settings, "--all"], env={"HOME": str(place.folder), "PATH": "/usr/bin:/bin"}
        )
        return [path.read_bytes() for part in ("new", "cur") for path in sorted((near / "INBOX" / part).iterdir())]

    def carried(message):
        """Without the header line by which mbsync finds a message again, with the line ends of a Maildir."""
        return re.sub(rb"^X-TUID: .*\r?\n", b"", message, flags=re.MULTILINE).replace(b"\r\n", b"\n")

    assert sorted(map(carried, sync())) == sorted(map(carried, stored))
    added = messages.eight_bit(account.address)
    (near / "INBOX" / "cur" / "1.added.example:2,S").write_bytes(added.replace(b"\r\n", b"\n"))
    sync()
    there = inbox(place, account)
    assert sorted(map(carried, there)) == sorted(map(carried, stored + [added]))
    client = _login(place, account)
    ok(client.select("INBOX"))
    ok(client.store("1", "+FLAGS", "(\\Deleted)"))
    ok(client.expunge())
    client.logout()
    assert sorted(map(carried, sync())) == sorted(map(carried, stored[1:] + [added]))
    shutil.rmtree(near)


def fetchmail_delete(place, account, stored):
    pop3_clients.fetchmail(place, account, stored, "imap")


ALL = [
    curl_list,
    curl_fetch,
    curl_search,
    curl_append,
    imaplib_whole,
    imaplib_uid,
    imaplib_sasl,
    imaplib_cram_md5,
    literals,
    binary_literal,
    quoted_password,
    idle,
    burst,
    by_the_byte,
    nc_typed,
    mbsync_two_way,
    fetchmail_delete,
]
