"""Messages that were carried in every way, taken out of the recording to the byte, and the forms in which sessions are written."""

import hashlib
import imaplib
import json
import mailbox
import os
import pathlib
import poplib
import re
import shutil
import smtplib
import stat
import subprocess
import zlib

import pytest

import clients
import imap_clients
import mailproxy
import messages
from made_capture import Conversation, pcap
from mailproxy import MailProxy, command, rows
from processes import HOST, checked, run
from tls_peers import Upstream
from wire import IMAP, POP3, SMTP

CASES = pathlib.Path(os.environ.get("MAILPROXY_CASES") or pathlib.Path(__file__).parents[3] / "shared" / "cases")

ODD = [
    b"Subject: no end", b"Subject: empty\r\n\r\n", b"x\r\n.\r\n..\r\n.y\r\n", b".\r\n", b"bare\n.\nlf\n.\r\n", b"a\r\n\x00\xff\xfe\r\n",
    b"a\rb\r\n", b"From x\r\n>From y\r\n\r\nFrom z\r\n", b"Subject: x\r\n\r\n" + b"y" * 70_000 + b"\r\n", b"\r\n", b"a\r\n\r\n.",
]  # fmt: skip


@pytest.fixture(scope="module")
def every():
    """All messages that there are: those of public suites where they are at hand, those of the other tests, odd ones."""
    found = [path.read_bytes() for path in sorted((CASES / "eml").rglob("*.eml"))]
    assert not CASES.exists() or len(found) > 500
    return found + messages.many("you@example.com") + ODD


def ended(message):
    """As DATA and RETR can carry it: with a line end at its end."""
    return message if message.endswith(b"\r\n") else message + b"\r\n"


def stuffed(message):
    return (b"." if message.startswith(b".") else b"") + message.replace(b"\r\n.", b"\r\n..")


class Lines:
    """Lines and octets of a connection."""

    def __init__(self, connection):
        self.connection, self.kept = connection, b""

    def more(self):
        piece = self.connection.recv(65536)
        if not piece:
            raise EOFError
        self.kept += piece

    def to(self, words):
        while words not in self.kept:
            self.more()
        end = self.kept.index(words) + len(words)
        line, self.kept = self.kept[:end], self.kept[end:]
        return line

    def exactly(self, count):
        while len(self.kept) < count:
            self.more()
        piece, self.kept = self.kept[:count], self.kept[count:]
        return piece


def submission(upstream, connection):
    """An SMTP or LMTP server that takes everything, in every way."""
    lines = Lines(connection)
    connection.sendall(b"220 mx.example.com\r\n")
    recipients = 0
    while True:
        line = lines.to(b"\r\n")
        verb = line[:4].upper()
        if verb in (b"EHLO", b"LHLO"):
            connection.sendall(b"250-mx.example.com\r\n250-8BITMIME\r\n250-PIPELINING\r\n250 CHUNKING\r\n")
        elif verb == b"MAIL":
            recipients = 0
            connection.sendall(b"250 ok\r\n")
        elif verb == b"RCPT":
            recipients += 1
            connection.sendall(b"250 ok\r\n")
        elif verb == b"DATA":
            connection.sendall(b"354 go\r\n")
            # A message may begin with the lone dot.
            lines.kept = b"\r\n" + lines.kept
            lines.to(b"\r\n.\r\n")
            connection.sendall(b"250 ok\r\n" * (recipients if upstream.is_lmtp else 1))
        elif verb == b"BDAT":
            words = line.split()
            lines.exactly(int(words[1]))
            connection.sendall(b"250 ok\r\n" * (recipients if upstream.is_lmtp and len(words) > 2 else 1))
        elif verb == b"QUIT":
            connection.sendall(b"221 bye\r\n")
            return
        else:
            connection.sendall(b"250 ok\r\n")


def maildrop(upstream, connection):
    """A POP3 server with the messages."""
    lines = Lines(connection)
    connection.sendall(b"+OK hi\r\n")
    while True:
        words = lines.to(b"\r\n").split()
        if words[0] == b"RETR":
            connection.sendall(b"+OK\r\n" + stuffed(ended(upstream.messages[int(words[1]) - 1])) + b".\r\n")
        elif words[0] == b"TOP":
            connection.sendall(b"+OK\r\n" + stuffed(ended(upstream.messages[int(words[1]) - 1]))[:20] + b"\r\n.\r\n")
        else:
            connection.sendall(b"+OK\r\n")
        if words[0] == b"QUIT":
            return


class Plain:
    """A connection on which nothing is compressed."""

    def __init__(self, connection):
        self.recv, self.sendall = connection.recv, connection.sendall


class Deflated:
    """The same under COMPRESS (RFC 4978)."""

    def __init__(self, connection):
        self.connection, self.inflater = connection, zlib.decompressobj(-15)
        self.deflater = zlib.compressobj(wbits=-15)

    def recv(self, count):
        while piece := self.connection.recv(count):
            if plain := self.inflater.decompress(piece):
                return plain
        return b""

    def sendall(self, octets):
        self.connection.sendall(self.deflater.compress(octets) + self.deflater.flush(zlib.Z_SYNC_FLUSH))


def store(upstream, connection):
    """An IMAP server with the messages, which takes more of them."""
    connection = Plain(connection)
    lines = Lines(connection)
    connection.sendall(b"* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+ CATENATE MULTIAPPEND COMPRESS=DEFLATE BINARY] hi\r\n")
    while True:
        line = lines.to(b"\r\n")
        tag, verb = line.split()[:2]
        answer = b""
        while literal := re.search(rb"~?\{(\d+)(\+?)\}\r\n$", line):
            if not literal[2]:
                connection.sendall(b"+ go\r\n")
            lines.exactly(int(literal[1]))
            line = lines.to(b"\r\n")
        if verb == b"CAPABILITY":
            answer = b"* CAPABILITY IMAP4rev1\r\n"
        elif verb == b"SELECT":
            answer = b"* %d EXISTS\r\n" % len(upstream.messages)
        elif verb == b"FETCH":
            number = int(line.split()[2])
            message = upstream.messages[number - 1]
            head, gap, text = message.partition(b"\r\n\r\n")
            sections = {b"BODY[]": message, b"BODY[HEADER]": head + gap, b"BODY[TEXT]": text, b"BODY[1]": text}
            items = []
            for name, start, count in re.findall(rb"(BODY(?:\.PEEK)?\[\w*\])(?:<(\d+)\.(\d+)>)?", line):
                name = name.replace(b".PEEK", b"")
                value = sections[name]
                if start:
                    value = value[int(start) : int(start) + int(count)]
                    name += b"<" + start + b">"
                items.append(b"%s {%d}\r\n%s" % (name, len(value), value))
            answer = b"* %d FETCH (FLAGS (\\Seen) RFC822.SIZE %d %s)\r\n" % (number, len(message), b" ".join(items))
        connection.sendall(answer + tag + b" OK done\r\n")
        if verb == b"COMPRESS":
            connection = Deflated(connection)
            lines = Lines(connection)
        if verb == b"LOGOUT":
            return


class Way:
    """A way of messages: by which carrier they are told, and what of them can pass."""

    def __init__(self, protocol, carrier, serve, drive, form=lambda message: message):
        self.protocol, self.carrier, self.serve, self.drive, self.form = protocol, carrier, serve, drive, form


def _transactions(port, verb, every, send):
    with SMTP(HOST, port) as client:
        client.reply(220)
        client.say(f"{verb} me.example.org", 250)
        for message in every:
            client.say("MAIL FROM:<a@example.org>", 250)
            for name in "bc":
                client.say(f"RCPT TO:<{name}@example.com>", 250)
            send(client, message)
            for _ in range(2 if verb == "LHLO" else 1):
                client.reply(250)
        client.say("QUIT", 221)


def _data(client, message):
    client.say("DATA", 354)
    client.send(stuffed(ended(message)) + b".\r\n")


def by_data(port, every):
    _transactions(port, "EHLO", every, _data)


def by_lmtp(port, every):
    _transactions(port, "LHLO", every, _data)


def by_library(port, every):
    with smtplib.SMTP(HOST, port) as client:
        for message in every:
            client.sendmail("a@example.org", ["b@example.com"], message)


def by_chunks(port, every):
    def send(client, message):
        sizes = [7, 1, 0, 4096]
        pieces = []
        while message:
            size = sizes[len(pieces) % len(sizes)]
            pieces.append(message[:size])
            message = message[size:]
        for piece in pieces:
            client.send(b"BDAT %d\r\n" % len(piece) + piece)
            client.reply(250)
        client.send(b"BDAT 0 LAST\r\n")

    _transactions(port, "EHLO", every, send)


def by_one_chunk(port, every):
    _transactions(port, "EHLO", every, lambda client, m: client.send(b"BDAT %d LAST\r\n" % len(m) + m))


def by_retr(port, every):
    """Without a library: poplib takes a dot between two LF for the end."""
    with POP3(HOST, port, seconds=60) as client:
        client.status()
        lines = Lines(client.socket)
        for number in range(1, len(every) + 1):
            client.send(f"RETR {number}\r\n")
            lines.to(b"+OK\r\n")
            lines.kept = b"\r\n" + lines.kept
            lines.to(b"\r\n.\r\n")
        client.send("TOP 1 0\r\nQUIT\r\n")
        client.rest()


def by_poplib(port, every):
    client = poplib.POP3(HOST, port, timeout=60)
    # The library refuses lines that are longer.
    poplib._MAXLINE = 1 << 20
    for number in range(1, len(every) + 1):
        client.retr(number)
    client.quit()


def _imap(port, every, work):
    with IMAP(HOST, port, seconds=60) as client:
        client.until(b"* PREAUTH")
        client.say("SELECT INBOX")
        work(client)
        client.say("LOGOUT")


def by_fetch(port, every):
    client = imaplib.IMAP4(HOST, port, timeout=60)
    client.select()
    for number in range(1, len(every) + 1):
        client.fetch(str(number), "(BODY.PEEK[])")
    client.logout()


def by_header_and_text(port, every):
    def work(client):
        for number in range(1, len(every) + 1):
            if number % 2:
                client.say(f"FETCH {number} (BODY.PEEK[HEADER] BODY.PEEK[TEXT])")
            else:
                client.say(f"FETCH {number} BODY.PEEK[HEADER]")
                client.say(f"FETCH {number} BODY.PEEK[TEXT]")

    _imap(port, every, work)


def by_pieces(port, every):
    def work(client):
        for number, message in enumerate(every, 1):
            size = max(len(message) // (1 + number % 3), 1)
            for start in range(0, max(len(message), 1), size):
                client.say(f"FETCH {number} BODY.PEEK[]<{start}.{size}>")

    _imap(port, every, work)


def by_append(port, every):
    def work(client):
        for number, message in enumerate(every):
            kind = "+" if number % 2 else ""
            client.send(f"{client.tag()} APPEND INBOX (\\Seen) {{{len(message)}{kind}}}\r\n")
            if not kind:
                client.continuation()
            client.send(message + b"\r\n")
            client.result(f"t{client.number}")

    _imap(port, every, work)


def by_many_appended(port, every):
    def work(client):
        for start in range(0, len(every), 20):
            literals = b"".join(b" {%d+}\r\n%s" % (len(m), m) for m in every[start : start + 20])
            client.say(b"APPEND INBOX" + literals)

    _imap(port, every, work)


def by_catenated(port, every):
    def work(client):
        for m in every:
            half = len(m) // 2
            texts = b" ".join(b"TEXT {%d+}\r\n%s" % (len(piece), piece) for piece in (m[:half], m[half:]))
            client.say(b"APPEND INBOX CATENATE (" + texts + b")")

    _imap(port, every, work)


def by_compressed(port, every):
    with IMAP(HOST, port, seconds=60) as client:
        client.until(b"* PREAUTH")
        client.say("SELECT INBOX")
        client.say("COMPRESS DEFLATE")
        deflated = Deflated(client.socket)
        lines = Lines(deflated)
        for number in range(1, len(every) + 1):
            deflated.sendall(b"f%d FETCH %d BODY[]\r\n" % (number, number))
            lines.to(b"\r\nf%d OK done\r\n" % number)


def _library_form(message):
    return ended(re.sub(rb"(?:\r\n|\n|\r(?!\n))", b"\r\n", message))


WAYS = {
    "data": Way("smtp", "DATA", submission, by_data, ended),
    "smtplib": Way("smtp", "DATA", submission, by_library, _library_form),
    "lmtp": Way("lmtp", "LMTP", submission, by_lmtp, ended),
    "chunks": Way("smtp", "BDAT", submission, by_chunks),
    "one chunk": Way("smtp", "BDAT", submission, by_one_chunk),
    "retr": Way("pop3", "RETR", maildrop, by_retr, ended),
    "poplib": Way("pop3", "RETR", maildrop, by_poplib, _library_form),
    "fetch": Way("imap", "FETCH", store, by_fetch),
    "header and text": Way("imap", "FETCH", store, by_header_and_text),
    "pieces": Way("imap", "FETCH", store, by_pieces),
    "append": Way("imap", "APPEND", store, by_append),
    "multiappend": Way("imap", "APPEND", store, by_many_appended),
    "catenate": Way("imap", "APPEND", store, by_catenated),
    "compress": Way("imap", "FETCH", store, by_compressed),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_message_comes_out_as_it_passed(way, every, scratch):
    name, way = way, WAYS[way]
    sent = every
    if name in ("smtplib", "poplib"):
        sent = [_library_form(message) for message in every]
    if name == "header and text":
        # A header without the empty line behind it has no text.
        sent = [message for message in every if b"\r\n\r\n" in message]
    with Upstream(way.serve) as upstream:
        upstream.messages, upstream.is_lmtp = sent, way.protocol == "lmtp"
        options = "?capabilities=all" if name == "compress" else ""
        with MailProxy(scratch, {way.protocol: upstream.port}, listener=options) as proxy:
            way.drive(proxy.ports[way.protocol], sent)
    found = rows(command("sessions", "export", proxy.record, "--format", "eml", "-o", scratch / "eml", "--json", status=0, seconds=120))
    tops = [row for row in found if row["carrier"] == "TOP"]
    assert [row["complete"] for row in tops] == [False] * (name == "retr")
    found = [row for row in found if row["carrier"] != "TOP"]
    assert {row["carrier"] for row in found} == {way.carrier}
    got = [pathlib.Path(row["file"]).read_bytes() for row in found]
    wanted = [way.form(message) for message in sent]
    assert len(got) == len(wanted)
    different = [n for n, (a, b) in enumerate(zip(got, wanted)) if a != b]
    assert different == [], (got[different[0]][:300], wanted[different[0]][:300])
    assert [row["complete"] for row in found] == [True] * len(found)
    for row, content in zip(found, got):
        assert (row["bytes"], row["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture(scope="module")
def recording(module_scratch, every):
    """A session of SMTP, one of POP3 and one of IMAP, with what was sent."""
    folder = module_scratch / "recording"
    folder.mkdir()
    few = messages.many("you@example.com") + ODD
    with Upstream(submission) as mx, Upstream(maildrop) as drop, Upstream(store) as imap:
        for upstream in mx, drop, imap:
            upstream.messages, upstream.is_lmtp = few, False
        with MailProxy(folder, {"smtp": mx.port, "pop3": drop.port, "imap": imap.port}) as proxy:
            by_data(proxy.ports["smtp"], few)
            by_retr(proxy.ports["pop3"], few)
            by_append(proxy.ports["imap"], few)
    return proxy.record, [ended(m) for m in few] * 2 + few


def _export(recording, form, out, *more, status=0):
    return command("sessions", "export", recording[0], "--format", form, "-o", out, *more, status=status)


def test_an_mbox_gives_the_messages_back(recording, scratch):
    out = scratch / "box"
    _export(recording, "mbox", out, "--filter", "not pop3")
    box = out.read_bytes()
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    found = []
    for part in re.split(rb"^From (?=\S+ \w{3} \w{3} )", box, flags=re.M)[1:]:
        line, _, rest = part.partition(b"\n")
        message = rest[: -2 if line.endswith(b" unterminated") else -1]
        found.append(re.sub(rb"^>(>*From )", rb"\1", message, flags=re.M))
    few = len(recording[1]) // 3
    assert found == recording[1][:few] + recording[1][2 * few :]
    assert len(mailbox.mbox(out, create=False)) == len(found)


def test_a_maildir_has_the_messages_and_grows(recording, scratch):
    for turn in 1, 2:
        _export(recording, "maildir", scratch / "box")
        box = mailbox.Maildir(scratch / "box", create=False, factory=None)
        found = sorted(p.read_bytes() for folder in ("new", "cur") for p in (scratch / "box" / folder).iterdir())
        parts = [message for message in found if message == b"From: Ada <ada@examp\r\n"]
        assert sorted(m for m in found if m not in parts) == sorted(recording[1] * turn)
        assert len(box) == len(found) and not list((scratch / "box" / "tmp").iterdir())
        assert {m.get_flags() for m in box} == {"", "S"}


def test_what_is_there_is_not_replaced(recording, scratch):
    for form in "transcript", "html", "json", "har", "mbox", "pcapng":
        out = scratch / form
        _export(recording, form, out)
        before = out.read_bytes()
        refused = _export(recording, form, out, status=2)
        assert b"is there already; --force replaces it" in refused.stderr and out.read_bytes() == before
        _export(recording, form, out, "--force")
        link = scratch / "link"
        link.symlink_to(out)
        assert b"is a symbolic link" in _export(recording, form, link, "--force", status=2).stderr
        link.unlink()
    _export(recording, "eml", scratch / "eml")
    assert b"is there already" in _export(recording, "eml", scratch / "eml", status=2).stderr
    _export(recording, "eml", scratch / "eml", "--force")
    assert not list(scratch.rglob("*.part"))


def test_a_message_that_does_not_fit_leaves_no_part(recording, scratch):
    """Files of 1 KiB at most: the first message that is longer ends the export, and what is there is whole."""
    out = scratch / "eml"
    limited = ["/bin/bash", "-c", 'trap "" XFSZ; ulimit -f 1; exec "$@"', "-"]
    arguments = ["sessions", "export", recording[0], "--format", "eml", "-o", out]
    done = run([*limited, mailproxy.binary(), *arguments], b"", 60.0, mailproxy.environment("/"), "/")
    assert done.returncode not in (0, 2) and b"File too large" in done.stderr
    found = [path.read_bytes() for path in out.iterdir()]
    assert found and all(message in recording[1] for message in found)


def test_a_page_needs_nothing_else(recording, scratch):
    _export(recording, "html", scratch / "page.html")
    page = (scratch / "page.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and page.rstrip().endswith("</html>")
    assert "<script" not in page and "http://" not in page and "https://" not in page and " src=" not in page
    assert page.count("<section ") == page.count("</section>") == 3
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", page)


def test_an_archive_is_one_document(recording, scratch):
    _export(recording, "har", scratch / "all.har")
    log = json.loads((scratch / "all.har").read_bytes())["log"]
    sessions = mailproxy.sessions(recording[0])
    assert log["version"] == "1.2" and len(log["pages"]) == len(sessions) == 3
    assert len(log["entries"]) == sum(row["exchanges"] for row in sessions)
    for entry in log["entries"]:
        assert {"startedDateTime", "time", "request", "response", "cache", "timings", "pageref"} <= set(entry)
        assert {"method", "url", "httpVersion", "cookies", "headers", "queryString", "headersSize", "bodySize"} <= set(entry["request"])
        assert {"status", "statusText", "content", "redirectURL", "headersSize", "bodySize"} <= set(entry["response"])


def test_json_lines_are_those_of_show(recording, scratch):
    for form in "json", "jsonl":
        _export(recording, form, scratch / form)
    shown = command("sessions", "show", recording[0], "--json", status=0).stdout
    assert (scratch / "json").read_bytes() == (scratch / "jsonl").read_bytes() == shown


def test_a_cut_is_read_by_tshark(recording, scratch):
    row = next(r for r in mailproxy.sessions(recording[0]) if r["protocol"] == "smtp")
    command("sessions", "export", row["id"], recording[0], "--format", "pcapng", "-o", scratch / "cut.pcapng", status=0)
    done = run(["/usr/bin/tshark", "-r", scratch / "cut.pcapng", "-T", "fields", "-e", "tcp.stream", "-e", "smtp.req.command"], b"", 60)
    assert done.returncode == 0
    fields = [line.split("\t") for line in done.stdout.decode().splitlines()]
    assert {stream for stream, _ in fields} == {"0"} and {"EHLO", "MAIL", "QUIT"} <= {verb for _, verb in fields}


def test_attachments_are_files(recording, scratch):
    found = rows(_export(recording, "attachments", scratch / "files", "--json"))
    assert len(found) == 3 and {row["name"] for row in found} == {"data.bin"}
    assert sorted(p.name for p in (scratch / "files").iterdir()) == ["data-2.bin", "data-3.bin", "data.bin"]
    for row in found:
        content = pathlib.Path(row["file"]).read_bytes()
        assert (row["bytes"], row["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert row["part"] == "2" and row["type"] == "application/octet-stream"
    again = rows(_export(recording, "attachments", scratch / "hashes", "--json", "--by", "hash"))
    assert len(again) == 3 and [p.name for p in (scratch / "hashes").iterdir()] == [found[0]["sha256"]]
    none = _export(recording, "attachments", scratch / "none", "--type", "image/*")
    assert b"there is no such attachment" in none.stderr and not list((scratch / "none").iterdir())


def test_rawlogs_hold_both_sides(recording, scratch):
    found = rows(_export(recording, "rawlog", scratch / "logs", "--json"))
    assert len(found) == 6
    for row in found:
        path = pathlib.Path(row["file"])
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        lines = path.read_bytes().splitlines(keepends=True)
        content = b"".join(re.sub(rb"^\d{10}\.\d{6} ", b"", line) for line in path.read_bytes().split(b"\n") if line)
        assert lines and all(re.match(rb"\d{10}\.\d{6} ", line) for line in path.read_bytes().split(b"\n") if line)
        assert (b"EHLO me" in content or b"RETR 1" in content or b"SELECT INBOX" in content) == path.name.endswith(".in")


def test_a_session_of_several_places_is_taken_once(scratch):
    """A capture and the recording that was made of it, with its index and without."""
    capture, record = scratch / "made.pcap", scratch / "record"
    turns = ["S: 220 mx", "C: EHLO c", "S: 250 mx", "C: MAIL FROM:<a@b>", "S: 250", "C: RCPT TO:<c@d>", "S: 250", "C: DATA", "S: 354"]
    turns += ["C: Subject: x\r\n\r\nhi\r\n.", "S: 250 kept", "C: QUIT", "S: 221"]
    made = [Conversation(1_700_000_000_000_000, client_port=port).play(enumerate(turns, 10)).close(40) for port in (40_000, 40_001)]
    capture.write_bytes(pcap(*made))
    command("capture", "-r", capture, "--record-dir", record, "--no-chain", status=0)
    for form, count in ("eml", 2), ("maildir", 2), ("rawlog", 4):
        for number, places in enumerate([(capture, record), (record, capture)]):
            out = scratch / f"{form}{number}"
            done = command("sessions", "export", *places, "--format", form, "-o", out, "--json", status=0)
            assert len(rows(done)) == count
            assert len([path for path in out.rglob("*") if path.is_file()]) == count
    bare, twice = scratch / "bare", scratch / "copy.pcap"
    shutil.copytree(record, bare, ignore=shutil.ignore_patterns("index*"))
    shutil.copy(capture, twice)
    for places in (capture, record), (bare, capture), (capture, twice), (record, bare, capture, twice):
        for words in ("list", "--json"), ("list", "--json", "--sort", "bytes"), ("list", "--json", "--filter", 'command == "EHLO"'):
            done = command("sessions", *words, *places, status=0)
            # Packets of a file that repeat those of the file before are none of another session.
            told = b"2 sessions are in several of these places; each is taken once" in done.stderr
            assert len(rows(done)) == 2 and (told or record not in places), places
        assert command("sessions", "list", "--count", *places, status=0).stdout.split() == [b"2"]
        groups = rows(command("sessions", "list", "--by", "client", "--json", *places, status=0))
        assert sum(row["sessions"] for row in groups) == 2
        text = command("sessions", "show", *places, status=0).stdout.decode()
        assert text.count("Session ") == 2 and text.count("MAIL FROM") == 2
        report = json.loads(command("audit", *places, "--format", "json", "--fail-on", "never", status=0).stdout)
        assert (report["sessions"], len(report["messages"])) == (2, 2)
        cost = command("sessions", "cost", *places, "--by", "protocol", status=0).stdout.decode()
        assert cost.splitlines()[1].split()[:2] == ["smtp", "2"]


def test_parts_are_marked(scratch):
    with Upstream(store) as upstream:
        upstream.messages = [b"Subject: x\r\n\r\nhi\r\n"]
        with MailProxy(scratch, {"imap": upstream.port}) as proxy:
            _imap(proxy.ports["imap"], [], lambda client: client.say("FETCH 1 (BODY[HEADER] BODY[1])"))
    done = command("sessions", "export", proxy.record, "--format", "eml", "-o", scratch / "none", status=0)
    assert b"there is no message" in done.stderr
    found = rows(command("sessions", "export", proxy.record, "--format", "eml", "--parts", "-o", scratch / "eml", "--json", status=0))
    # The header waited for its text to the end.
    assert [(row["section"], row["bytes"], row["complete"]) for row in found] == [("BODY[1]", 4, True), ("BODY[HEADER]", 14, True)]


def test_a_big_message_needs_no_memory(scratch):
    """A message of 120 MB, in the forms that hold it, in less than 100 MB of memory."""
    size = 120 << 20
    line = b"The quick brown fox jumps over the lazy dog, again and again and again.\r\n" * 1000

    def write(client, _):
        client.say("DATA", 354)
        for _ in range(size // len(line)):
            client.send(line)
        client.send(b".\r\n")

    def take(upstream, connection):
        # Without looking at all of it twice.
        connection.sendall(b"220 mx\r\n")
        for words in b"EHLO", b"MAIL", b"RCPT", b"RCPT", b"DATA":
            upstream.expect(connection, b"\r\n")
            connection.sendall(b"354 go\r\n" if words == b"DATA" else b"250 ok\r\n")
        tail = b""
        while not tail.endswith(b"\r\n.\r\n"):
            tail = (tail + connection.recv(1 << 20))[-5:]
        connection.sendall(b"250 ok\r\n")
        upstream.expect(connection, b"\r\n")
        connection.sendall(b"221 bye\r\n")

    with Upstream(take) as upstream, MailProxy(scratch, {"smtp": upstream.port}) as proxy:
        _transactions(proxy.ports["smtp"], "EHLO", [b""], write)
    for form in "eml", "mbox", "attachments":
        out = scratch / form
        done = run(["/usr/bin/time", "-f", "%M", mailproxy.binary(), "sessions", "export", proxy.record, "--format", form, "-o", out],
                   b"", 300, mailproxy.environment(scratch), scratch)  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert int(done.stderr.split()[-1]) < 100_000 * mailproxy.PATIENCE, (form, done.stderr)
        subprocess.run(["rm", "-rf", out], check=True)


def _fetch_apart(client, mails):
    """All headers first, then the texts from the last message on."""
    numbers = range(1, len(mails) + 1)
    client.say("FETCH 1:* (FLAGS BODY.PEEK[HEADER])")
    for number in reversed(numbers):
        client.say(f"FETCH {number} BODY.PEEK[TEXT]")


def _fetch_texts_first(client, mails):
    client.say("FETCH 1:* BODY.PEEK[TEXT]")
    client.say("UID FETCH 1:* BODY.PEEK[HEADER]")


def _fetch_by_turns(client, mails):
    """A piece of each message, then the next of each."""
    for start in range(0, max(map(len, mails)) + 1, 9000):
        client.say(f"UID FETCH 1:* BODY.PEEK[]<{start}.9000>")


def _fetch_from_the_end(client, mails):
    """Pieces in the wrong order, all asked for at once, and a whole message between them."""
    tags = []
    for number, message in enumerate(mails, 1):
        size = len(message) // 5 + 1
        for place in (3, 4, 1, 2, 0):
            tags.append(client.tag())
            client.send(f"{tags[-1]} FETCH {number} (UID BODY.PEEK[]<{place * size}.{size}>)\r\n")
    for tag in tags:
        client.result(tag)


APART = {"apart": _fetch_apart, "texts first": _fetch_texts_first, "by turns": _fetch_by_turns, "from the end": _fetch_from_the_end}


@pytest.fixture(scope="module")
def many_stored(servers):
    """An account with messages, and what Dovecot says that they are."""
    account = servers.accounts.fresh()
    place = clients.Place(servers.dovecot.side_door)
    imap_clients.seed(place, account, messages.many(account.address) + [messages.of_size(account.address, 100_000)] * 2)
    return account, imap_clients.inbox(place, account)


@pytest.mark.parametrize("way", APART)
def test_what_dovecot_gave_in_pieces_is_whole(way, servers, many_stored, scratch):
    account, stored = many_stored
    with MailProxy(scratch, {"imap": servers.ports["imap"]}) as proxy, IMAP(HOST, proxy.ports["imap"], seconds=30) as client:
        client.login(account)
        client.say("EXAMINE INBOX")
        APART[way](client, stored)
        client.say("LOGOUT")
    _whole(proxy, stored, scratch)


def test_what_curl_asks_for_apart_is_whole(servers, many_stored, scratch):
    """One connection: all headers, then all texts."""
    account, stored = many_stored
    uids = range(1, len(stored) + 1)
    with MailProxy(scratch, {"imap": servers.ports["imap"]}) as proxy:
        inbox = f"imap://{HOST}:{proxy.ports['imap']}/INBOX"
        login = ["/usr/bin/curl", "-sS", "--user", f"{account.address}:{account.password}"]
        checked([*login, *(f"{inbox}/;UID={uid}/;SECTION={part}" for part in ("HEADER", "TEXT") for uid in uids)])
    _whole(proxy, stored, scratch)


def _whole(proxy, stored, scratch):
    found = rows(command("sessions", "export", proxy.record, "--format", "eml", "--parts", "-o", scratch / "eml", "--json", status=0))
    assert [(row["complete"], row.get("section", "")) for row in found] == [(True, "")] * len(stored)
    got = sorted(pathlib.Path(row["file"]).read_bytes() for row in found)
    assert got == sorted(stored)
    [session] = rows(command("sessions", "list", proxy.record, "--json", status=0))
    assert session["messages"] == len(stored)
    done = rows(command("sessions", "mailbox", proxy.record, "--maildir", scratch / "seen", "--json", status=0))[0]
    seen = mailbox.Maildir(scratch / "seen", create=False)
    assert sorted(seen.get_bytes(key) for key in seen.keys()) == sorted(stored), done
