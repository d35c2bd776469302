"""Dialogues with secrets, as octets of both sides: every mechanism and every way to show a password, right and wrong. And a server that
speaks its side of them, whatever the client says."""

import base64
import hashlib
import hmac
import itertools
import socket
import struct
import threading

from processes import HOST

_numbers = itertools.count(1)


def fresh(form="kanarie{}-Zw9q"):
    """A password that occurs nowhere else."""
    return form.format(f"{next(_numbers) * 7919 % 100003:06}")


def coded(octets):
    return base64.b64encode(octets if isinstance(octets, bytes) else octets.encode()).decode()


class Dialogue:
    """What each side says in turn: [("S", octets), ("C", octets), ...]; and the secrets in it: as they are known, and as
    `unseal --list` gives them."""

    def __init__(self, protocol, name, turns, *secrets, listed=True):
        self.protocol, self.name = protocol, name
        self.turns = [(side, text if isinstance(text, bytes) else text.encode()) for side, text in turns]
        self.secrets = [secret if isinstance(secret, bytes) else secret.encode() for secret in secrets]
        self.listed = listed

    def said(self, side):
        return b"".join(octets for who, octets in self.turns if who == side)

    def __repr__(self):
        return f"{self.protocol} {self.name}"


# Exchanges of SASL: (mechanism, responses of the client with the challenges before them, secrets). A challenge of None before the first
# response says that the client begins.


def _digest(challenge, password):
    return hmac.new(password.encode(), challenge.encode(), hashlib.md5).hexdigest()


def exchanges():
    password = fresh()
    yield "PLAIN", [(None, f"\0maria\0{password}")], [password]
    password = fresh("kanarie{}-\N{LATIN SMALL LETTER O WITH DIAERESIS}\N{EURO SIGN}")
    yield "PLAIN", [(None, f"admin\0maria\0{password}")], [password]
    password = fresh()
    yield "LOGIN", [("Username:", "maria"), ("Password:", password)], [password]
    challenge = "<1896.697170952@mail.example.com>"
    digest = _digest(challenge, fresh())
    yield "CRAM-MD5", [(challenge, f"maria {digest}")], [digest]
    response = hashlib.md5(fresh().encode()).hexdigest()
    yield "DIGEST-MD5", [
        ('realm="example.com",nonce="OA6MG9tEQGm2hh",qop="auth",charset=utf-8,algorithm=md5-sess',
         'username="maria",realm="example.com",nonce="OA6MG9tEQGm2hh",cnonce="OA6MHXh6VqTrRk",nc=00000001,qop=auth,'
         f'digest-uri="imap/mail.example.com",response={response},charset=utf-8'),
    ], [response]
    for name, size in (("SCRAM-SHA-1", 20), ("SCRAM-SHA-256", 32)):
        proof = hashlib.sha512(fresh().encode()).digest()[:size]
        nonce = f"r=rOprNGfwEbeRWgbNEkqO{size}"
        yield name, [
            (None, f"n,,n=maria,{nonce}"),
            (f"{nonce}%hvYDpWUa2RaTCAfuxFIlj,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
             f"c=biws,{nonce}%hvYDpWUa2RaTCAfuxFIlj,p={coded(proof)}"),
        ], [proof, coded(proof)]
    lm, nt = (hashlib.sha256(fresh().encode()).digest()[:24] for _ in range(2))
    yield "NTLM", [
        (None, b"NTLMSSP\0" + struct.pack("<II", 1, 0x8207) + b"\0" * 16),
        (b"NTLMSSP\0" + struct.pack("<IHHII", 2, 0, 0, 48, 0x8205) + b"challeng" + b"\0" * 8 + struct.pack("<HHI", 0, 0, 48), _ntlm(lm, nt)),
    ], [lm, nt]
    token = fresh("ya29.kanarie{}-vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg")
    yield "XOAUTH2", [(None, f"user=maria@example.com\1auth=Bearer {token}\1\1")], [token]
    token = fresh("ya29.kanarie{}-cG9vcmx5IGRpc2d1aXNlZA")
    yield "OAUTHBEARER", [(None, f"n,a=maria@example.com,\1host=mail.example.com\1port=143\1auth=Bearer {token}\1\1")], [token]
    secret = fresh()
    yield "X-UNHEARD-OF", [(None, f"something {secret}")], [secret]


def _ntlm(lm, nt):
    """An AUTHENTICATE_MESSAGE (MS-NLMP 2.2.1.3)."""
    parts = [lm, nt, "EXAMPLE".encode("utf-16le"), "maria".encode("utf-16le"), "HOST".encode("utf-16le"), b""]
    head, at = b"NTLMSSP\0" + struct.pack("<I", 3), 64
    for part in parts:
        head += struct.pack("<HHI", len(part), len(part), at)
        at += len(part)
    return head + struct.pack("<I", 0x8205) + b"".join(parts)


# Each protocol's own words around them.

GREETINGS = {"smtp": "220 mx ESMTP\r\n", "pop3": "+OK <1896.697170952@mail.example.com>\r\n", "imap": "* OK hello\r\n"}
BEGINNINGS = {"smtp": [("S", GREETINGS["smtp"]), ("C", "EHLO c\r\n"), ("S", "250 mx\r\n")], "pop3": [("S", GREETINGS["pop3"])], "imap": [("S", GREETINGS["imap"])]}
ENDS = {
    "smtp": [("C", "QUIT\r\n"), ("S", "221 bye\r\n")],
    "pop3": [("C", "QUIT\r\n"), ("S", "+OK\r\n")],
    "imap": [("C", "z LOGOUT\r\n"), ("S", "* BYE\r\nz OK\r\n")],
}
VERBS = {"smtp": "AUTH ", "pop3": "AUTH ", "imap": "a AUTHENTICATE "}
CHALLENGES = {"smtp": "334 ", "pop3": "+ ", "imap": "+ "}
ACCEPTED = {"smtp": "235 ok\r\n", "pop3": "+OK\r\n", "imap": "a OK\r\n"}
REFUSED = {"smtp": "535 5.7.8 no {}\r\n", "pop3": "-ERR no {}\r\n", "imap": "a NO no {}\r\n"}


def _sasl(protocol, mechanism, steps, secrets, initial, refused):
    turns = list(BEGINNINGS[protocol])
    verb = VERBS[protocol] + mechanism
    steps = list(steps)
    if initial:
        verb += " " + coded(steps.pop(0)[1])
    turns.append(("C", verb + "\r\n"))
    for challenge, response in steps:
        turns.append(("S", CHALLENGES[protocol] + (coded(challenge) if challenge else "") + "\r\n"))
        turns.append(("C", coded(response) + "\r\n"))
    # A server that repeats what it does not take.
    last = secrets[0].decode("latin-1") if isinstance(secrets[0], bytes) else secrets[0]
    turns.append(("S", REFUSED[protocol].format(last if last.isascii() and last.isprintable() else "") if refused else ACCEPTED[protocol]))
    name = f"{mechanism} {'with initial response' if initial else 'in steps'} {'refused' if refused else ''}"
    # Of a mechanism that nobody knows all is the secret, as it came.
    return Dialogue(protocol, name, turns + ENDS[protocol], *secrets, listed=not mechanism.startswith("X-"))


def _own(protocol, name, turns, *secrets, ends=True, **more):
    return Dialogue(protocol, name, BEGINNINGS[protocol] + turns + (ENDS[protocol] if ends else []), *secrets, **more)


def _smtp():
    p = [fresh() for _ in range(16)]
    no = ("S", "535 no\r\n")
    yield _own("smtp", "pipelined", [("C", f"AUTH PLAIN {coded(chr(0) + 'maria' + chr(0) + p[0])}\r\nMAIL FROM:<a@example.com>\r\n"), ("S", "235 ok\r\n250 ok\r\n")], p[0])
    yield _own("smtp", "in clear for base64", [("C", f"AUTH PLAIN maria {p[1]}\r\n"), ("S", "501 what\r\n")], p[1], listed=False)
    yield _own("smtp", "in clear as the response", [("C", "AUTH LOGIN\r\n"), ("S", "334 VXNlcm5hbWU6\r\n"), ("C", "maria\r\n"), ("S", "334 UGFzc3dvcmQ6\r\n"), ("C", f"{p[2]}!\r\n"), no], p[2], listed=False)
    yield _own("smtp", "hasty", [("C", f"AUTH LOGIN\r\n{coded('maria')}\r\n{coded(p[3])}\r\n"), ("S", "535 no\r\n500 what\r\n500 what\r\n")], p[3], listed=False)
    yield _own("smtp", "words of another protocol", [("C", f"USER maria\r\nPASS {p[4]}\r\n"), ("S", "500 what\r\n500 what\r\n")], p[4], listed=False)
    yield _own("smtp", "LOGIN of IMAP", [("C", f"a LOGIN maria {p[5]}\r\n"), ("S", f"500 5.5.1 a LOGIN maria {p[5]} what\r\n")], p[5], listed=False)
    yield _own("smtp", "unknown command", [("C", f"XFOO {p[6]}\r\n"), ("S", f"500 5.5.1 unknown XFOO {p[6]}\r\n")], p[6], listed=False)
    yield _own("smtp", "small letters and too many blanks", [("C", f"auth  plain  {coded(chr(0) + 'maria' + chr(0) + p[7])}\r\n"), ("S", "235 ok\r\n")], p[7], listed=False)
    yield _own("smtp", "cut in the middle", [("C", "AUTH PLAIN\r\n"), ("S", "334 \r\n"), ("C", coded(f"\0maria\0{p[8]}"))], p[8], ends=False, listed=False)
    yield _own("smtp", "cut in the middle of AUTH", [("C", f"AUTH PLAIN {coded(chr(0) + 'maria' + chr(0) + p[9])}")], p[9], ends=False, listed=False)
    yield _own("smtp", "bare LF", [("C", f"AUTH PLAIN {coded(chr(0) + 'maria' + chr(0) + p[10])}\n"), ("S", "235 ok\r\n")], p[10], listed=False)
    yield _own("smtp", "late", [("C", "AUTH LOGIN\r\n"), ("S", "334 VXNlcm5hbWU6\r\n"), ("C", "*\r\n"), ("S", "501 cancelled\r\n"), ("C", "NOOP\r\n"), ("S", "250 ok\r\n"), ("C", f"{coded(p[11])}\r\n"), ("S", "500 what\r\n")], p[11], listed=False)
    yield _own("smtp", "error of XOAUTH2", [("C", f"AUTH XOAUTH2 {coded(f'user=maria{chr(1)}auth=Bearer {p[12]}{chr(1)}{chr(1)}')}\r\n"), ("S", "334 eyJzdGF0dXMiOiI0MDAifQ==\r\n"), ("C", "\r\n"), no], p[12])
    yield _own("smtp", "padded inside", [("C", f"AUTH PLAIN {coded('ab')}{coded(chr(0) + 'maria' + chr(0) + p[13])}\r\n"), ("S", "501 no\r\n")], p[13], listed=False)
    yield _own("smtp", "EXTERNAL with a password in it", [("C", f"AUTH EXTERNAL {coded(chr(0) + 'maria' + chr(0) + p[14])}\r\n"), no], p[14], listed=False)
    yield _own("smtp", "EXTERNAL", [("C", f"AUTH EXTERNAL {coded('maria@example.com')}\r\n"), ("S", "235 ok\r\n")])


def _pop3():
    p = [fresh() for _ in range(14)]
    yield _own("pop3", "USER and PASS", [("C", "USER maria\r\n"), ("S", "+OK\r\n"), ("C", f"PASS {p[0]}\r\n"), ("S", "+OK\r\n")], p[0])
    yield _own("pop3", "a password with blanks", [("C", "USER maria\r\n"), ("S", "+OK\r\n"), ("C", f"PASS two  {p[1]} words \r\n"), ("S", f"-ERR no two  {p[1]} words\r\n")], p[1])
    yield _own("pop3", "pipelined", [("C", f"USER maria\r\nPASS {p[2]}\r\nSTAT\r\n"), ("S", "+OK\r\n+OK\r\n+OK 0 0\r\n")], p[2])
    digest = hashlib.md5(f"<1896.697170952@mail.example.com>{p[3]}".encode()).hexdigest()
    yield _own("pop3", "APOP", [("C", f"APOP maria {digest}\r\n"), ("S", "+OK\r\n")], digest)
    yield _own("pop3", "APOP with the password", [("C", f"APOP maria {p[4]}\r\n"), ("S", "-ERR\r\n")], p[4])
    yield _own("pop3", "PASS alone, in small letters", [("C", f"pass {p[5]}\r\n"), ("S", "-ERR\r\n")], p[5], listed=False)
    yield _own("pop3", "both behind USER", [("C", f"USER maria {p[6]}\r\n"), ("S", f"-ERR what maria {p[6]}\r\n")], p[6], listed=False)
    yield _own("pop3", "unknown command", [("C", f"XFOO {p[7]}\r\n"), ("S", f"-ERR what XFOO {p[7]}\r\n")], p[7], listed=False)
    yield _own("pop3", "LOGIN of IMAP", [("C", f"a1 LOGIN maria {p[8]}\r\n"), ("S", "-ERR\r\n")], p[8], listed=False)
    yield _own("pop3", "hasty", [("C", f"AUTH PLAIN\r\n{coded(chr(0) + 'maria' + chr(0) + p[9])}\r\n"), ("S", "-ERR\r\n-ERR\r\n")], p[9], listed=False)
    yield _own("pop3", "cut in the middle", [("C", "USER maria\r\n"), ("S", "+OK\r\n"), ("C", f"PASS {p[10]}")], p[10], ends=False, listed=False)
    yield _own("pop3", "a password that is a line", [("C", "USER maria\r\n"), ("S", "+OK\r\n"), ("C", "PASS x\r\n"), ("S", "-ERR\r\n"), ("C", f"{p[11]}\r\n"), ("S", "-ERR\r\n")], p[11], listed=False)
    yield _own("pop3", "glued", [("C", f"PASS{p[12]}\r\n"), ("S", "-ERR\r\n")], p[12], listed=False)


def _imap():
    p = [fresh() for _ in range(18)]
    yield _own("imap", "LOGIN", [("C", f"a LOGIN maria {p[0]}\r\n"), ("S", "a OK\r\n")], p[0])
    quoted = fresh('ka"na\\rie{}-Zw9q')
    escaped = quoted.replace("\\", "\\\\").replace('"', '\\"')
    yield _own("imap", "LOGIN in quotes", [("C", f'a LOGIN "maria" "{escaped}"\r\n'), ("S", f'a NO no "{escaped}"\r\n')], quoted, escaped)
    yield _own("imap", "LOGIN with literals", [("C", "a LOGIN {5}\r\n"), ("S", "+ \r\n"), ("C", f"maria {{{len(p[1])}}}\r\n"), ("S", "+ \r\n"), ("C", f"{p[1]}\r\n"), ("S", "a OK\r\n")], p[1])
    yield _own("imap", "LOGIN with literals at once", [("C", f"a LOGIN {{5+}}\r\nmaria {{{len(p[2])}+}}\r\n{p[2]}\r\n"), ("S", "a OK\r\n")], p[2])
    yield _own("imap", "LOGIN in one literal of two", [("C", f"a LOGIN maria {{{len(p[3])}+}}\r\n{p[3]}\r\n"), ("S", f"a NO {p[3]}\r\n")], p[3])
    yield _own("imap", "an open quote", [("C", f'a LOGIN maria "{p[4]}\r\n'), ("S", "a BAD\r\n")], p[4], listed=False)
    yield _own("imap", "without a tag", [("C", f"LOGIN maria {p[5]}\r\n"), ("S", f"* BAD LOGIN maria {p[5]}\r\n")], p[5], listed=False)
    yield _own("imap", "small letters and too many blanks", [("C", f"a  login  maria  {p[6]}\r\n"), ("S", "a BAD\r\n")], p[6], listed=False)
    yield _own("imap", "pipelined", [("C", f"a LOGIN maria {p[7]}\r\nb SELECT INBOX\r\n"), ("S", "a OK\r\n* 0 EXISTS\r\nb OK [READ-WRITE]\r\n")], p[7])
    yield _own("imap", "hasty", [("C", f"a AUTHENTICATE PLAIN\r\n{coded(chr(0) + 'maria' + chr(0) + p[8])}\r\n"), ("S", "a NO\r\n* BAD\r\n")], p[8], listed=False)
    yield _own("imap", "unknown command", [("C", f"a XFOO {p[9]}\r\n"), ("S", f"a BAD what XFOO {p[9]}\r\n")], p[9], listed=False)
    yield _own("imap", "unknown command with a literal", [("C", f"a XFOO {{{len(p[10])}+}}\r\n{p[10]}\r\n"), ("S", "a BAD\r\n")], p[10], listed=False)
    yield _own("imap", "words of POP3", [("C", f"USER maria\r\nPASS {p[11]}\r\n"), ("S", "* BAD\r\n* BAD\r\n")], p[11], listed=False)
    yield _own("imap", "cut in the middle", [("C", f"a LOGIN maria {p[12]}")], p[12], ends=False, listed=False)
    yield _own("imap", "cut in the literal", [("C", f"a LOGIN maria {{{len(p[13]) + 4}+}}\r\n{p[13]}")], p[13], ends=False, listed=False)
    yield _own("imap", "too many arguments", [("C", f"a LOGIN maria middle {p[14]}\r\n"), ("S", "a BAD\r\n")], p[14], listed=False)
    yield _own("imap", "a refused literal", [("C", f"a LOGIN maria {{{len(p[15])}}}\r\n"), ("S", "a NO\r\n"), ("C", f"{p[15]}\r\n"), ("S", "* BAD\r\n")], p[15], listed=False)


def dialogues():
    """All of them, each with secrets of its own."""
    found = []
    for protocol in ("smtp", "pop3", "imap"):
        for initial, refused in itertools.product((True, False), (True, False)):
            for mechanism, steps, secrets in exchanges():
                if initial and steps[0][0] is not None:
                    continue
                found.append(_sasl(protocol, mechanism, steps, secrets, initial, refused))
    return found + list(_smtp()) + list(_pop3()) + list(_imap())


class Speaker:
    """A server that says its side of the dialogue that is next."""

    def __init__(self):
        self.listener = socket.create_server((HOST, 0))
        self.port = self.listener.getsockname()[1]
        self.dialogue = None
        self.faults = []
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            connection.settimeout(20)
            with connection:
                try:
                    speak(connection, self.dialogue, "S")
                except OSError as fault:
                    self.faults.append((self.dialogue, fault))
            self.done.set()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(20)


def speak(connection, dialogue, side, drip=False):
    """One side's part; what the other side says must be what the dialogue has."""
    for who, octets in dialogue.turns:
        if who == side:
            if drip:
                for at in range(len(octets)):
                    connection.sendall(octets[at : at + 1])
            else:
                connection.sendall(octets)
            continue
        seen = b""
        while len(seen) < len(octets):
            piece = connection.recv(len(octets) - len(seen))
            if not piece:
                break
            seen += piece
        if seen != octets:
            raise OSError(f"{octets!r} expected, {seen!r} seen")


def hold(port, dialogue, speaker, drip=False):
    """Has the dialogue between a client of ours, the proxy on `port`, and the speaker behind it."""
    speaker.dialogue = dialogue
    speaker.done.clear()
    with socket.create_connection((HOST, port), 20) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        speak(client, dialogue, "C", drip)
        client.shutdown(socket.SHUT_WR)
        while client.recv(4096):
            pass
    assert speaker.done.wait(20), dialogue
    assert not speaker.faults, speaker.faults
