"""The fallback's IMAP beside Dovecot's: the same mailbox, the same questions, and answers that mean the same."""

import re

import pytest

import messages
from mailproxy import MailProxy, command
from processes import HOST
from wire import IMAP, POP3, SMTP


def parse(data):
    """An IMAP data item list as nested Python lists; atoms and NIL as strings, quoted strings and literals as bytes."""
    at = 0

    def value():
        nonlocal at
        if data[at : at + 1] == b"(":
            at += 1
            items = []
            while data[at : at + 1] != b")":
                if data[at : at + 1] == b" ":
                    at += 1
                else:
                    items.append(value())
            at += 1
            return items
        if data[at : at + 1] == b'"':
            end = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL).match(data, at)
            at = end.end()
            return re.sub(rb"\\(.)", rb"\1", end.group(1))
        literal = re.compile(rb"~?\{(\d+)\}\r\n").match(data, at)
        if literal:
            at = literal.end() + int(literal.group(1))
            return data[literal.end() : at]
        # An atom; a section's brackets may hold spaces and parentheses.
        atom = re.compile(rb"(?:[^ ()\[\r]|\[[^\]]*\])+").match(data, at)
        at = atom.end()
        return atom.group().decode().upper()

    return value()


def fetched(client, items, messages_="1:*"):
    """{message number: {item: value}}."""
    found = {}
    for response in client.say(f"FETCH {messages_} ({items})")[:-1]:
        match = re.match(rb"\* (\d+) FETCH ", response)
        if match:
            parts = parse(response[match.end() :])
            found.setdefault(int(match.group(1)), {}).update(zip(parts[::2], parts[1::2]))
    return found


def meaning(value):
    """Text without the difference of letter case (media types and parameter names have none)."""
    if isinstance(value, list):
        return [meaning(item) for item in value]
    return value.lower()


NESTED = (
    b'From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>, "Last, First" <l.f@example.com>\r\n'
    b"To: undisclosed-recipients:;\r\nCc: Friends: a@example.org, B <b@example.org>;\r\nReply-To: <r@example.org>\r\n"
    b'Subject: =?iso-8859-1?q?gr=FC=DFe?= "quoted" \\ and\r\n folded\r\nDate: Mon, 23 Nov 2026 08:00:00 +0100 (CET)\r\n'
    b"In-Reply-To: <first@example.org>\r\nMessage-ID: <nested@example.org>\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="outer"\r\n\r\n--outer\r\n'
    b'Content-Type: multipart/alternative; boundary="in ner"\r\nContent-Language: de, en\r\n\r\n--in ner\r\n'
    b"Content-Type: text/plain; charset=utf-8; format=flowed\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    b"Gr\xc3\xbc\xc3\x9fe\r\n\r\n--in ner\r\nContent-Type: text/html\r\nContent-ID: <html@example.org>\r\n"
    b"Content-Description: the same in HTML\r\n\r\n<p>Hi</p>\r\n--in ner--\r\n\r\n--outer\r\n"
    b'Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename="forwarded.eml"\r\n\r\n'
    b"From: inner@example.org\r\nSubject: inside\r\nDate: Sun, 22 Nov 2026 08:00:00 +0000\r\n\r\n"
    b"line one\r\nline two\r\n"
    b'--outer\r\nContent-Type: image/png; name="x.png"\r\nContent-Transfer-Encoding: base64\r\n'
    b"Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\nContent-Location: http://example.org/x.png\r\n\r\n"
    b"iVBORw0KGgo=\r\n--outer--\r\n"
)


class Pair:
    """The same mailbox at both servers, each with a client that has selected it."""

    def __init__(self, servers, fallback, account):
        self.stored = messages.many(account.address) + [messages.international(account.address), NESTED]
        self.clients = []
        for port in (servers.dovecot.side_door, fallback.ports["imap"]):
            client = IMAP(HOST, port)
            client.login(account)
            for n, message in enumerate(self.stored):
                client.append("INBOX", message, "(\\Seen)" if n % 2 else "(\\Flagged custom)" if n == 2 else "")
            client.say("SELECT INBOX")
            self.clients.append(client)

    def close(self):
        for client in self.clients:
            client.say("LOGOUT")
            client.__exit__()


@pytest.fixture(scope="module")
def fallback(module_scratch):
    with MailProxy(module_scratch, {protocol: "fallback" for protocol in ("smtp", "pop3", "imap")}) as running:
        yield running


@pytest.fixture(scope="module")
def pair(servers, fallback, accounts):
    both = Pair(servers, fallback, accounts.fresh())
    yield both
    both.close()


ITEMS = [
    "RFC822.SIZE FLAGS",
    "ENVELOPE",
    "BODY",
    "BODYSTRUCTURE",
    "BODY.PEEK[]",
    "BODY.PEEK[HEADER]",
    "BODY.PEEK[TEXT]",
    "BODY.PEEK[1]",
    "BODY.PEEK[]<5.40>",
    "BODY.PEEK[]<0.10>",
    "BODY.PEEK[TEXT]<3.1000000>",
    "BODY.PEEK[HEADER.FIELDS (From Subject X-None)]",
    "BODY.PEEK[HEADER.FIELDS.NOT (From Subject Date)]",
    "RFC822.HEADER",
]


@pytest.mark.parametrize("items", ITEMS)
def test_fetch_means_the_same(items, pair):
    dovecot, ours = (fetched(client, items) for client in pair.clients)
    assert set(dovecot) == set(ours) == set(range(1, len(pair.stored) + 1))
    for n, theirs in dovecot.items():
        mine = ours[n]
        for values in (mine, theirs):
            if "FLAGS" in values:
                values["FLAGS"] = sorted(flag for flag in values["FLAGS"] if flag != "\\RECENT")
        assert meaning(list(mine.values())) == meaning(list(theirs.values())), pair.stored[n - 1]
        assert set(mine) == set(theirs)


@pytest.mark.parametrize(
    "section",
    [
        "1",
        "1.1",
        "1.2",
        "1.1.MIME",
        "1.MIME",
        "2",
        "2.MIME",
        "2.HEADER",
        "2.TEXT",
        "2.1",
        "2.HEADER.FIELDS (Subject)",
        "3",
        "3.MIME",
    ],
)
def test_sections_of_a_nested_message(section, pair):
    number = str(len(pair.stored))
    dovecot, ours = (fetched(client, f"BODY.PEEK[{section}]", number) for client in pair.clients)
    assert list(ours[int(number)].values()) == list(dovecot[int(number)].values())


SEARCHES = [
    "ALL",
    "UNSEEN",
    "SEEN",
    "FLAGGED",
    "KEYWORD custom",
    "UNKEYWORD custom",
    "NOT SEEN",
    "OR FLAGGED SEEN",
    "2:4 UNSEEN",
    "(SEEN 1:3)",
    "SUBJECT dots",
    "SUBJECT DOTS",
    "FROM ada",
    "TO example.com",
    "CC friends",
    "BODY hidden",
    'TEXT "nothing to see"',
    "LARGER 1000",
    "SMALLER 300",
    "SENTSINCE 23-Nov-2026",
    "SENTBEFORE 23-Nov-2026",
    "SENTON 23-Nov-2026",
    "SINCE 1-Jan-2020",
    "BEFORE 1-Jan-2020",
    'HEADER Message-ID "nested@"',
    'HEADER Reply-To ""',
    "UID 1:*",
    "ANSWERED",
    "DELETED",
    "UNDRAFT",
    "NOT (OR SEEN FLAGGED)",
    "*",
]


@pytest.mark.parametrize("words", SEARCHES)
def test_search_finds_the_same(words, pair):
    dovecot, ours = (
        sorted(
            word
            for line in client.say("SEARCH " + words)[:-1]
            if line.startswith(b"* SEARCH")
            for word in line.split()[2:]
        )
        for client in pair.clients
    )
    assert ours == dovecot


REFUSED = [
    "SELECT nowhere",
    "FETCH 1 (NONSENSE)",
    "FETCH 999 (FLAGS)",
    "FETCH abc (FLAGS)",
    "STORE 1 FLAGS",
    "SEARCH NONSENSE",
    "SEARCH SENTON yesterday",
    "COPY 1 nowhere",
    "DELETE INBOX",
    "RENAME nowhere elsewhere",
    "LOGIN a b",
    "NONSENSE",
    "UID NONSENSE 1",
    "FETCH 1 BODY[",
    "APPEND INBOX",
]


@pytest.mark.parametrize("words", REFUSED)
def test_refused_alike(words, pair):
    """What Dovecot refuses our server refuses, and neither loses its place."""
    for client in pair.clients:
        tag = client.tag()
        client.send(f"{tag} {words}\r\n")
        result = client.until(tag.encode() + b" ")[-1].split()[1]
        assert result in (b"NO", b"BAD"), (words, result)
        client.say("NOOP")


def test_users_are_the_only_ones_once_there_is_one(scratch):
    """`user add`; then unknown recipients and wrong passwords are refused over all protocols, also after a restart."""
    data = scratch / "data"
    command("user", "add", "ann@example.com", "--data-dir", data, stdin=b"right-password-1\n", status=0)
    assert command("user", "list", "--data-dir", data, status=0).stdout == b"ann@example.com\n"
    with MailProxy(scratch, {protocol: "fallback" for protocol in ("smtp", "pop3", "imap")}, data=data) as proxy:
        with SMTP(HOST, proxy.ports["smtp"]) as client:
            client.reply(220)
            client.say("EHLO client.example.org", 250)
            client.say("MAIL FROM:<ada@example.org>", 250)
            client.say("RCPT TO:<stranger@example.com>", 550)
            client.say("RCPT TO:<ann@example.org>", 55)
            client.say("RCPT TO:<ann@example.com>", 250)
            client.say("RSET", 250)
            client.say("AUTH PLAIN AGFubkBleGFtcGxlLmNvbQB3cm9uZw==", 535)
            client.say("QUIT", 221)
        with IMAP(HOST, proxy.ports["imap"]) as client:
            client.until(b"* OK")
            client.say("LOGIN ann@example.com wrong", b"NO")
            client.say("LOGIN stranger@example.com right-password-1", b"NO")
            client.say("LOGIN ann@example.com right-password-1")
            client.say("LOGOUT")
        with POP3(HOST, proxy.ports["pop3"]) as client:
            client.status()
            client.say("USER ann@example.com")
            client.say("PASS wrong", good=False)
            client.say("USER ann@example.com")
            client.say("PASS right-password-1")
            client.say("QUIT")
    for path in [*data.rglob("*"), *proxy.record.rglob("*")]:
        assert not path.is_file() or b"right-password-1" not in path.read_bytes(), path
    assert "right-password-1" not in proxy.said()
