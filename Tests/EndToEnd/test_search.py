"""`sessions list` over recordings by their index and over captures by reading: the same sessions, in any order, by pages, counted and in
groups; also while a session goes on."""

import collections
import contextlib
import fcntl
import imaplib
import json
import poplib
import re
import smtplib
import socket
import sqlite3
import subprocess

import pytest

import mailproxy
from made_capture import Conversation, pcap
from mailproxy import MailProxy, command
from processes import HOST, run, until


def listed(*arguments, status=0):
    return mailproxy.rows(command("sessions", "list", "--json", *arguments, status=status))


def ids(*arguments):
    return [row["id"] for row in listed(*arguments)]


def converse(proxy, number):
    """A session of each protocol; those of odd numbers break a rule of theirs."""
    user = f"user{number % 3}@example.com"
    with smtplib.SMTP(HOST, proxy.ports["smtp"]) as client:
        client.sendmail("ada@example.org", [user], f"Subject: letter {number}\r\n\r\n" + "x" * 100 * number + "\r\n")
        if number % 2:
            client.docmd("NONSENSE")
    client = poplib.POP3(HOST, proxy.ports["pop3"])
    client.user(user)
    client.pass_("secret")
    client.stat()
    client.quit()
    with imaplib.IMAP4(HOST, proxy.ports["imap"]) as client:
        client.login(user, "secret")
        client.select()
        if number == 4:
            # A name that is a literal stands behind the line.
            client.literal = b"No such 7"
            client._simple_command("EXAMINE")


@pytest.fixture(scope="module")
def recording(module_scratch):
    with MailProxy(module_scratch, {protocol: "fallback" for protocol in ("smtp", "pop3", "imap")}) as proxy:
        for number in range(9):
            converse(proxy, number)
        until("all sessions have ended", lambda: len(ids("--filter", 'end == "closed"', proxy.record)) == 27)
        folder = proxy.record
    return folder


FILTERS = [
    "imap", "not imap", "smtp and messages > 0", 'user == "user1@example.com"', 'user == "user1@example.com" or smtp', "violations > 0",
    "not (violations > 0) and smtp", 'client.address == "127.0.0.1"', 'command == "RCPT"', 'not (command == "RCPT")', "size > 300 B",
    'subject == "letter 4"', 'subject matches "^letter [12]$"', "reply.code == 250", 'reply.code == "+OK"', 'to == "user2@example.com"',
    # What stands in lines.
    'sender == "ada@example.org"', 'sender.domain == "example.org" and violations > 0', 'rcpt == "user1@example.com"', 'not rcpt',
    'rcpt.domain in {"example.com"} and rcpt.count == 1', "rcpt.count > 1", "client.name", 'mailbox == "INBOX"', 'mailbox == "No such 7"', 'line contains "NONSENSE"',
    # What only the messages have.
    'header["subject"] == "letter 4"', 'header["Subject"] matches "^letter [12]$" and not imap', 'not header["subject"]',
    'header["subject"] contains "letter" and rcpt == "user1@example.com"', 'header["x-none"] or imap', 'header["subject"] != "letter 4" and smtp',
    'finding contains "command"', 'end == "closed"', 'user == "nobody"', "bytes.client > 500 B and duration < 1 h", "tls", "opaque",
]


@pytest.mark.parametrize("text", FILTERS)
def test_a_recording_and_its_segments_tell_the_same(recording, text):
    by_index = listed("--filter", text, recording)
    by_reading = listed("--filter", text, *mailproxy.segments(recording))
    assert by_index == by_reading
    count = command("sessions", "list", "--count", "--filter", text, recording, status=0).stdout
    assert int(count) == len(by_index)


def test_most_filters_find_some_and_not_all(recording):
    """What the comparison above is worth."""
    found = [len(ids("--filter", text, recording)) for text in FILTERS]
    assert sum(0 < each < 27 for each in found) >= 15


@pytest.mark.parametrize("key", ["start", "duration", "bytes", "exchanges", "messages", "violations", "user", "client", "server", "protocol"])
def test_orders(recording, key):
    rows = listed("--sort", key, recording)
    value = {
        "start": lambda row: row["start"],
        "duration": lambda row: row["seconds"],
        "bytes": lambda row: row["bytes"]["client"] + row["bytes"]["server"],
        "user": lambda row: row["user"] or "",
    }.get(key, lambda row: row[key])
    values = [value(row) for row in rows]
    largest_first = key in ("duration", "bytes", "exchanges", "messages", "violations")
    if key == "duration":
        # Shown in microseconds, as it is ordered.
        assert all(a >= b for a, b in zip(values, values[1:]))
    else:
        assert values == sorted(values, reverse=largest_first)
    assert [row["id"] for row in listed("--sort", key, "--reverse", recording)] == [row["id"] for row in reversed(rows)]
    assert rows == listed("--sort", key, *mailproxy.segments(recording))
    assert rows[:4] == listed("--sort", key, "--limit", "4", recording)


def test_pages(recording):
    everything = ids(recording)
    assert len(everything) == 27
    assert ids("--limit", "5", recording) == everything[-5:]
    back, before = [], []
    while page := ids("--limit", "4", *before, recording):
        back = page + back
        before = ["--before", page[0]]
    assert back == everything
    assert ids("--limit", "0", recording) == []
    start = {row["id"]: row["start"] for row in listed(recording)}
    since, until_ = start[everything[5]], start[everything[20]]
    assert ids("--since", since, "--until", until_, recording) == [each for each in everything if since <= start[each] < until_]
    assert ids("--since", "1h", recording) == everything
    assert ids("--until", "1h", recording) == []


@pytest.mark.parametrize("key", ["user", "client", "server", "protocol", "route", "end", "hour", "finding"])
def test_groups(recording, key):
    rows = listed("--by", key, recording)
    assert rows == listed("--by", key, *mailproxy.segments(recording))
    wanted = collections.Counter()
    for row in listed(recording):
        values = {
            "user": [row["user"] or ""],
            "client": [row["client"].rpartition(":")[0]],
            "hour": [row["start"][:13] + ":00:00.000000Z"],
            "finding": row["findings"],
        }.get(key) or [row.get(key)]
        if key == "finding":
            values = row["findings"]
        wanted.update(values)
    assert {row["key"]: row["sessions"] for row in rows} == dict(wanted)
    assert [row["sessions"] for row in rows] == sorted(wanted.values(), reverse=True)
    assert all(row["by"] == key for row in rows)


def test_groups_by_command(recording):
    rows = listed("--by", "command", recording)
    assert rows == listed("--by", "command", *mailproxy.segments(recording))
    commands = collections.Counter(
        exchange["command"] for each in mailproxy.all_exchanges(recording).values() for exchange in each if exchange["command"]
    )
    assert {row["key"]: row["exchanges"] for row in rows} == dict(commands)
    table = command("sessions", "list", "--by", "command", recording, status=0).stdout.decode().splitlines()
    assert table[0].split() == ["COMMAND", "SESSIONS", "EXCH"]
    assert len(table) == len(rows) + 1


def test_several_recordings_are_one_view(recording, scratch):
    with MailProxy(scratch, {protocol: "fallback" for protocol in ("smtp", "pop3", "imap")}) as proxy:
        converse(proxy, 1)
        until("all sessions have ended", lambda: len(ids("--filter", 'end == "closed"', proxy.record)) == 3)
        capture = scratch / "copy.pcapng"
        command("sessions", "export", "--format", "pcapng", "-o", capture, recording, status=0)
        both = listed(recording, proxy.record)
        assert both == listed(recording) + listed(proxy.record)
        # A recording that is being written, one that is closed, and a capture of sessions of the latter: these are taken once.
        assert len(listed(recording, proxy.record, capture)) == 27 + 3
        assert int(command("sessions", "list", "--count", "--filter", "imap", recording, proxy.record, capture, status=0).stdout) == 10
    groups = {row["key"]: row["sessions"] for row in listed("--by", "protocol", recording, proxy.record)}
    assert groups == {"smtp": 10, "pop3": 10, "imap": 10}


def test_a_session_that_goes_on(scratch):
    """It is there from its first second, with what is known of it so far, and is found by what it did."""
    with MailProxy(scratch, {"imap": "fallback", "smtp": "fallback"}) as proxy:
        with imaplib.IMAP4(HOST, proxy.ports["imap"]) as client:
            client.login("ada@example.com", "secret")
            client.select()
            until("it is listed", lambda: len(ids("--filter", "imap", proxy.record)) == 1)
            until("it is found by its command", lambda: len(ids("--filter", 'command == "SELECT"', proxy.record)) == 1)
            (row,) = listed(proxy.record)
            assert row["end"] == "open"
            # The greeting, LOGIN and SELECT at least, which nobody has counted yet.
            assert row["exchanges"] >= 3
            assert row["user"] == "ada@example.com"
            until(
                "it is shown up to now",
                lambda: any(each["command"] == "SELECT" for each in mailproxy.exchanges(proxy.record, row["id"])),
            )
            assert listed("--by", "end", "--filter", 'command == "SELECT"', proxy.record)[0]["key"] == "open"
        until("it has ended", lambda: listed(proxy.record)[0]["end"] == "closed")


def test_header_fields_are_read_from_messages(recording, scratch):
    """Of settled sessions a few at a time, in the order that is asked for; and by all commands that take a filter."""
    wanted = 'header["subject"] matches "^letter [3-8]$" and smtp'
    found = ids("--filter", wanted, recording)
    assert len(found) == 6
    assert ids("--filter", wanted, "--limit", "2", recording) == found[-2:]
    largest = ids("--filter", wanted, "--sort", "bytes", recording)
    assert largest == [each for each in ids("--sort", "bytes", recording) if each in found]
    assert listed("--by", "command", "--filter", 'header["subject"] == "letter 4"', recording)
    out = scratch / "out"
    command("sessions", "export", recording, "--filter", wanted, "--format", "eml", "-o", out, status=0)
    subjects = {line for file in out.iterdir() for line in file.read_text().splitlines() if line.startswith("Subject:")}
    assert subjects == {f"Subject: letter {number}" for number in range(3, 9)}
    # Beside words of the same messages.
    assert ids("--filter", wanted, "--text", '"letter 5"', recording) == [
        row["id"] for row in listed("--filter", 'subject == "letter 5" and smtp', recording)
    ]


def test_long_sessions_are_looked_through_in_little_memory(scratch):
    """Whatever is asked of its messages, no more than one of a session is in memory."""
    one = Conversation(1_795_600_000_000_000, port=110).say(1, "S", b"+OK hi\r\n")
    text = b"lorem ipsum dolor sit amet consectetur adipiscing elit\r\n" * 1000
    for number in range(1, 801):
        one.say(number + 1, "C", b"RETR %d\r\n" % number)
        one.say(number + 1.5, "S", b"+OK\r\nSubject: letter %d\r\n\r\n" % number + text + b".\r\n")
    one.say(900, "C", b"QUIT\r\n").say(901, "S", b"+OK\r\n").close(902)
    path = scratch / "long.pcap"
    path.write_bytes(pcap(one))
    peaks = []
    for arguments in ([], ["--text", "consectetur -nothing"], ["--text", "nothing"], ["--filter", 'header["subject"] == "letter 800"']):
        out, peak = _measured(scratch, "--count", *arguments, path)
        assert out == (b"0\n" if "nothing" in arguments else b"1\n")
        peaks.append(peak)
    assert max(peaks) < peaks[0] + 20_000 * mailproxy.PATIENCE, peaks


def _measured(scratch, *arguments):
    """What `sessions list` prints, and how many kB it had at most."""
    done = run(["/usr/bin/time", "-f", "%M", mailproxy.binary(), "sessions", "list", *arguments],
               b"", 60 * mailproxy.PATIENCE, mailproxy.environment(scratch), scratch)  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout, int(done.stderr.split()[-1])


def test_a_recorder_that_never_rests(scratch):
    """Under a load that goes on most sessions wait for their rows: however many, no more than some are in memory."""
    with MailProxy(scratch, {"smtp": "fallback"}) as proxy:
        with smtplib.SMTP(HOST, proxy.ports["smtp"]) as client:
            client.noop()
        until("it has settled", lambda: ids("--filter", 'end == "closed"', proxy.record) != [] and _unsettled(proxy.record) == 0)
    few = _measured(scratch, "--json", proxy.record)[1]
    with contextlib.closing(sqlite3.connect(proxy.record / "index.sqlite")) as index:
        names = [row[1] for row in index.execute("PRAGMA table_info(sessions)") if row[1] not in ("row", "id", "start", "settled")]
        same = ", ".join(names)
        index.execute(
            f"""INSERT INTO sessions (row, id, start, settled, {same})
            WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
            SELECT 1000 + i, printf('u%06d', i), start + i / 3, 0, {same} FROM n, sessions WHERE row = 1"""
        )
        index.execute("INSERT INTO unread (session, behind) SELECT row, 0 FROM sessions WHERE settled = 0")
        index.commit()
    out, many = _measured(scratch, "--json", proxy.record)
    rows = [json.loads(line) for line in out.splitlines()]
    assert len(rows) == 40_001 and [row["start"] for row in rows] == sorted(row["start"] for row in rows)
    assert many < few + 30_000 * mailproxy.PATIENCE, (few, many)
    last = listed("--limit", "5", proxy.record)
    assert last == rows[-5:]
    assert listed("--limit", "5", "--before", last[0]["id"], proxy.record) == rows[-10:-5]
    assert command("sessions", "list", "--count", proxy.record, status=0).stdout == b"40001\n"


def test_one_among_many_is_found_by_its_beginning(recording):
    everything = ids(recording)
    for each in everything:
        shown = command("sessions", "show", each, recording, status=0).stdout
        assert each.encode() in shown
    last = command("sessions", "show", "last", recording, status=0).stdout
    assert everything[-1].encode() in last
    done = command("sessions", "show", everything[0][:2], recording, status=2)
    assert b"is the beginning of more than 5 sessions" in done.stderr
    assert b"there is no such session" in command("sessions", "list", "--before", "nothing", recording, status=2).stderr


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--since", "yesterday"], b"'yesterday' is no time; give 2026-11-23T08:00Z"),
        (["--since", "2026-13-01"], b"is no time"),
        (["--until", "5"], b"is no time"),
        (["--limit=-1"], b"--limit must not be negative"),
        (["--sort", "size"], b"size"),
        (["--by", "weather"], b"weather"),
        (["--count", "--by", "user"], b"--count and --by: one of them"),
        (["--count", "--sort", "user"], b"none are shown"),
        (["--before", "x", "--sort", "user"], b"--before turns pages by the start alone"),
        (["--filter", "user = 3"], b"--filter"),
    ],
)
def test_bad_arguments(recording, arguments, said):
    done = command("sessions", "list", *arguments, recording, status=2)
    assert said in done.stderr


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--filter", "false"], b"no session in %s is what --filter takes\n"),
        (["--text", "nothingofthis", "--since", "1h"], b"no session in %s is what --text and --since take\n"),
    ],
)
def test_what_left_out_all_sessions_is_named(recording, arguments, said):
    done = command("sessions", "list", *arguments, recording, status=0)
    assert done.stderr == b"mailproxy: " + said % str(recording).encode()
    done = command("sessions", "show", "last", "--filter", "false", recording, status=2)
    assert b"is what --filter takes" in done.stderr


TEXTS = ["letter", "letter -4", '"letter 4"', "lett*", "header:letter", "body:letter", "xxx*", "nothing", "LETTER 7"]


@pytest.mark.parametrize("words", TEXTS)
def test_words_of_messages(recording, words):
    """By the index, by reading, and beside a filter."""
    by_index = ids("--text", words, recording)
    assert by_index == ids("--text", words, *mailproxy.segments(recording))
    assert int(command("sessions", "list", "--count", "--text", words, recording, status=0).stdout) == len(by_index)
    sent = [each for each in by_index if each in ids("--filter", "smtp", recording)]
    assert ids("--text", words, "--filter", "smtp", recording) == sent


def test_words_find_what_they_should(recording):
    letters = {row["id"] for row in listed("--filter", "smtp", recording)}
    assert set(ids("--text", "letter", recording)) == letters
    (one,) = ids("--text", '"letter 4"', "--filter", "smtp", recording)
    assert b"letter 4" in command("sessions", "show", one, recording, status=0).stdout
    for words, said in [("-a", b"only words that must not be there"), ('"open', b"does not end"), ("***", b"no letter or digit to look for")]:
        assert said in command("sessions", "list", f"--text={words}", recording, status=2).stderr


def test_without_the_words_of_messages(scratch):
    """Nothing of them is in the index, and they are found all the same, by reading."""
    with MailProxy(scratch, {"smtp": "fallback"}, "--set", "record.full-text=false") as proxy:
        with smtplib.SMTP(HOST, proxy.ports["smtp"]) as client:
            client.sendmail("ada@example.org", ["bob@example.org"], "Subject: hello\r\n\r\nA quick brown dachshund.\r\n")
        until("it has ended", lambda: ids("--filter", 'end == "closed" and size > 0', proxy.record) != [])
        done = command("sessions", "list", "--json", "--text", "dachshund", proxy.record, status=0)
        assert len(mailproxy.rows(done)) == 1
        assert b"the index has no text; 'mailproxy sessions reindex' puts it there" in done.stderr
    assert not any(b"dachshund" in path.read_bytes() for path in proxy.record.glob("index.sqlite*"))
    command("sessions", "reindex", "--record-dir", proxy.record, status=0)
    done = command("sessions", "list", "--json", "--text", "dachshund", proxy.record, status=0)
    assert len(mailproxy.rows(done)) == 1
    assert done.stderr == b""
    command("sessions", "reindex", "--no-text", "--record-dir", proxy.record, status=0)
    assert not any(b"dachshund" in path.read_bytes() for path in proxy.record.glob("index.sqlite*"))


def test_what_a_killed_recorder_left_is_completed(scratch):
    """Sessions that went on when it was killed, and those that had ended a moment before: the next recorder reads what they were, and
    nothing has to be made anew."""
    with MailProxy(scratch, {"imap": "fallback", "smtp": "fallback"}) as proxy:
        with smtplib.SMTP(HOST, proxy.ports["smtp"]) as client:
            client.sendmail("ada@example.org", ["bob@example.org"], "Subject: before\r\n\r\ntext\r\n")
        client = imaplib.IMAP4(HOST, proxy.ports["imap"])
        client.login("ada@example.com", "secret")
        client.select()
        # Its packets are in the segment; the index may lag behind.
        wanted = 'smtp and end == "closed" or command == "SELECT"'
        until("both are recorded", lambda: len(ids("--filter", wanted, *mailproxy.segments(proxy.record))) == 2)
        proxy.kill()
        data, ports, folder = proxy.data, proxy.ports, proxy.record
        client.shutdown()
    with MailProxy(scratch, {"imap": "fallback", "smtp": "fallback"}, data=data, ports=ports) as proxy:
        assert proxy.record == folder
        done = command("sessions", "list", "--json", folder, status=0)
        assert done.stderr == b""
        lost, whole = sorted(mailproxy.rows(done), key=lambda row: row["protocol"])
        assert (lost["protocol"], lost["end"], lost["user"]) == ("imap", "lost", "ada@example.com")
        assert lost["exchanges"] >= 3 and lost["credentials"] == 1
        assert (whole["end"], whole["messages"]) == ("closed", 1)
        assert ids("--filter", 'command == "SELECT"', folder) == [lost["id"]]
        until("nothing is left to be read", lambda: _unsettled(folder) == 0)
        assert listed(folder) == sorted([lost, whole], key=lambda row: row["start"])
    before = listed(folder)
    command("sessions", "reindex", "--record-dir", folder, status=0)
    assert listed(folder) == before


def test_a_killed_recorder_that_had_just_begun_a_segment(scratch):
    """A session that goes on from one segment to the next is whole after a kill, its octets in both."""
    sizes = ("--set", "record.segment-size=65536")
    with MailProxy(scratch, {"imap": "fallback", "smtp": "fallback"}, *sizes) as proxy:
        client = imaplib.IMAP4(HOST, proxy.ports["imap"])
        client.login("ada@example.com", "secret")
        client.select()
        until("it is in the index", lambda: len(ids("--filter", "imap", proxy.record)) == 1)
        for _ in range(8):
            client.noop()
        before = len(mailproxy.segments(proxy.record))
        with smtplib.SMTP(HOST, proxy.ports["smtp"]) as other:
            other.sendmail("ada@example.org", ["bob@example.org"], "Subject: large\r\n\r\n" + ("x" * 70 + "\r\n") * 2000)
        client.noop()
        until("another segment has begun", lambda: len(mailproxy.segments(proxy.record)) > before)
        until(
            "the last command is recorded",
            lambda: listed("--filter", "imap", *mailproxy.segments(proxy.record))[0]["exchanges"] >= 12,
        )
        proxy.kill()
        data, ports, folder = proxy.data, proxy.ports, proxy.record
        client.shutdown()
    by_reading = listed("--filter", "imap", *mailproxy.segments(folder))[0]
    with MailProxy(scratch, {"imap": "fallback", "smtp": "fallback"}, *sizes, data=data, ports=ports) as proxy:
        assert listed("--filter", "imap", folder)[0]["exchanges"] == by_reading["exchanges"]
        until("nothing is left to be read", lambda: _unsettled(folder) == 0)
    (row,) = listed("--filter", "imap", folder)
    for key in ("exchanges", "bytes", "seconds", "user", "credentials"):
        assert row[key] == by_reading[key], key
    assert len(mailproxy.exchanges(folder, row["id"])) == by_reading["exchanges"]


def test_a_segment_that_is_gone(scratch):
    """What else there is is listed and shown, and it is said what is missing."""
    with MailProxy(scratch, {"imap": "fallback", "smtp": "fallback"}) as proxy:
        client = imaplib.IMAP4(HOST, proxy.ports["imap"])
        client.login("ada@example.com", "secret")
        with smtplib.SMTP(HOST, proxy.ports["smtp"]) as other:
            other.sendmail("ada@example.org", ["bob@example.org"], "Subject: one\r\n\r\ntext\r\n")
        until("both are in the index", lambda: len(ids(proxy.record)) == 2)
        for segment in mailproxy.segments(proxy.record):
            segment.unlink()
        done = command("sessions", "list", "--json", proxy.record, status=3)
        assert {row["protocol"] for row in mailproxy.rows(done)} == {"imap", "smtp"}
        assert b"what else there is was read" in done.stderr
        client.logout()


def _unsettled(folder):
    with contextlib.closing(sqlite3.connect(f"file:{folder}/index.sqlite?mode=ro", uri=True)) as index:
        return index.execute("SELECT count(*) FROM sessions WHERE settled = 0").fetchone()[0]


def test_a_long_backlog_is_read_in_parts(scratch):
    """More sessions than are read at once wait for a recorder that had no time and has ended: a filter over exchanges finds the one, and says what it does."""
    words = b"EHLO client.example.org\r\nNOOP\r\nQUIT\r\n"
    with MailProxy(scratch, {"smtp": "fallback"}) as proxy:
        for number in range(1_300):
            with socket.create_connection((HOST, proxy.ports["smtp"]), 20) as client:
                client.sendall(words.replace(b"NOOP", b"VRFY ada") if number == 650 else words)
                while client.recv(4096):
                    pass
    question = ["sessions", "list", proxy.record, "--json", "--filter", 'command == "VRFY" and smtp']
    done = command(*question, status=0, seconds=120)
    (found,) = mailproxy.rows(done)
    said = re.search(r": ([\d,]+) sessions are not all in the index yet, and are read from the segments", done.stderr.decode())
    assert said and int(said.group(1).replace(",", "")) >= 1_000, done.stderr
    # Where the rest of the filter says no, nothing is read.
    refused = command(*question[:-1], 'command == "VRFY" and imap', status=0)
    assert refused.stdout == b"" and refused.stderr.count(b"not all in the index") == 0
    command("sessions", "reindex", "--record-dir", proxy.record, status=0, seconds=120)
    again = command(*question, status=0)
    assert mailproxy.rows(again) == [found] and b"not all in the index" not in again.stderr


def test_what_settles_while_it_is_listed(scratch):
    """Sessions wait for their rows when a list begins, and have them when it comes to them: words and header fields are found all the same."""
    count = 700
    with MailProxy(scratch, {"smtp": "fallback"}) as proxy:
        for _ in range(count):
            with smtplib.SMTP(HOST, proxy.ports["smtp"]) as client:
                client.sendmail("a@example.org", ["b@example.com"], "Subject: an invoice\r\nX-Kind: bill\r\n\r\nhello\r\n")
        until("all have settled", lambda: len(ids(proxy.record)) == count and _unsettled(proxy.record) == 0, 30, 0.1)
    with contextlib.closing(sqlite3.connect(proxy.record / "index.sqlite", timeout=20, isolation_level=None)) as index:
        for question in ["--text", "invoice"], ["--filter", 'header["x-kind"] == "bill"']:
            index.executescript("UPDATE sessions SET settled = 0; INSERT INTO unread SELECT row, 0 FROM sessions")
            asked = [mailproxy.binary(), "sessions", "list", "--json", *question, proxy.record]
            with subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as lister:
                # It goes on only as its lines are taken.
                fcntl.fcntl(lister.stdout, fcntl.F_SETPIPE_SZ, 4_096)
                first = lister.stdout.readline()
                index.executescript("DELETE FROM unread; UPDATE sessions SET settled = 1")
                rows = [json.loads(line) for line in [first, *lister.stdout.readlines()]]
            assert lister.returncode == 0 and len({row["id"] for row in rows}) == len(rows) == count, question
