"""Each kind of finding that traffic in clear can show: a session made for it, and the audit names it there and explains it."""

import base64
import json

from made_capture import Conversation, pcap
from mailproxy import command

START = 1_700_000_000_000_000
MAIL = ["S: 220 mx.example.net ESMTP", "C: EHLO c.example.org", "S: 250 mx.example.net"]
ENVELOPE = ["C: MAIL FROM:<a@example.org>", "S: 250 ok", "C: RCPT TO:<b@example.net>", "S: 250 ok", "C: DATA", "S: 354 go"]
IMAP = ["S: * OK [CAPABILITY IMAP4rev1 STARTTLS] hi"]
POP3 = ["S: +OK hi"]
SMTP, POP, MAP = 25, 110, 143


def _coded(text):
    return base64.b64encode(text.encode()).decode()


def _offers(*keywords):
    return [MAIL[0], MAIL[1], "S: " + "\r\n".join(["250-mx.example.net", *(f"250-{word}" for word in keywords[:-1]), f"250 {keywords[-1]}"])]


def _plain(account, secret, answer="235 in"):
    return [f"C: AUTH PLAIN {_coded(f'{chr(0)}{account}{chr(0)}{secret}')}", f"S: {answer}"]


def _message(*lines):
    return [*MAIL, *ENVELOPE, "C: " + "\r\n".join([*lines, "."]), "S: 250 kept"]


def _login(account, secret, answer="a OK in"):
    return [*IMAP, f"C: a LOGIN {account} {secret}", f"S: {answer}"]


def _many(count, line, answer):
    return [turn for number in range(count) for turn in (f"C: {line.format(number, number)}", f"S: {answer.format(number)}")]


# A kind, the port, and what is said: a session, or several of different clients.
SESSIONS = [
    ("credentials-in-clear", MAP, [_login("anna1", "Xk29-dd-qqw")]),
    ("refused-credentials-in-clear", MAP, [_login("anna2", "Xk29-dd-qqx", "a NO wrong")]),
    ("tokens-in-clear", SMTP, [[*_offers("AUTH XOAUTH2"), f"C: AUTH XOAUTH2 {_coded('user=anna3' + chr(1) + 'auth=Bearer t0ken' + chr(1) + chr(1))}", "S: 235 in"]]),
    ("attackable-hash", POP, [["S: +OK <1896.697170952@mx.example.net>", "C: APOP anna4 c4c9334bac560ecc979e58001b3e22fb", "S: +OK in"]]),
    ("scram-in-clear", SMTP, [[*_offers("AUTH SCRAM-SHA-256"), f"C: AUTH SCRAM-SHA-256 {_coded('n,,n=anna5,r=rOprNGfwEbeRWgbNEkqO')}", f"S: 334 {_coded('r=rOprNGfwEbeRWgbNEkqOx,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')}", f"C: {_coded('c=biws,r=rOprNGfwEbeRWgbNEkqOx,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=')}", "S: 235 in"]]),
    ("anonymous-login", SMTP, [[*_offers("AUTH ANONYMOUS"), f"C: AUTH ANONYMOUS {_coded('guest')}", "S: 235 in"]]),
    ("empty-password", MAP, [[*IMAP, 'C: a LOGIN anna6 ""', "S: a OK in"]]),
    ("weak-password", MAP, [_login("anna7", "password")]),
    ("password-shared", MAP, [_login("anna8", "Same-of-two-11"), _login("bert8", "Same-of-two-11")]),
    ("login-despite-logindisabled", MAP, [["S: * OK [CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED] hi", "C: a LOGIN anna9 Kj-33-wwww", "S: a NO no"]]),
    ("login-before-capabilities", POP, [[*POP3, "C: USER anna10", "S: +OK", "C: PASS Kj-34-wwww", "S: +OK in"]]),
    ("login-after-tls-refused", MAP, [[*IMAP, "C: s STARTTLS", "S: s NO not now", "C: a LOGIN anna11 Kj-35-wwww", "S: a OK in"]]),
    ("login-as-another", SMTP, [[*_offers("AUTH PLAIN"), f"C: AUTH PLAIN {_coded('boss' + chr(0) + 'anna12' + chr(0) + 'Kj-36-wwww')}", "S: 235 in"]]),
    ("account-at-many-clients", MAP, [_login("anna13", "Kj-37-wwww")] * 5),
    ("tls-offered-not-used", SMTP, [[*_offers("STARTTLS"), *ENVELOPE, "C: Subject: x\r\n\r\nhi\r\n.", "S: 250 kept"]]),
    ("tls-not-offered", SMTP, [_offers("AUTH PLAIN") + ["C: QUIT", "S: 221 bye"]]),
    ("tls-not-offered-relay", SMTP, [[*MAIL, "C: QUIT", "S: 221 bye"]]),
    ("starttls-refused", SMTP, [[*_offers("STARTTLS"), "C: STARTTLS", "S: 454 not now"]]),
    ("starttls-stripped", SMTP, [[*_offers("STARTTLS"), "C: QUIT", "S: 221 bye"], [*_offers("SIZE"), "C: QUIT", "S: 221 bye"]]),
    ("starttls-masked", SMTP, [[*_offers("XXXXXXXA"), "C: QUIT", "S: 221 bye"]]),
    ("starttls-injection", SMTP, [[*_offers("STARTTLS"), "C: STARTTLS\r\nRSET", "S: 220 go"]]),
    ("starttls-reply-injection", SMTP, [[*_offers("STARTTLS"), "C: STARTTLS", "S: 220 go\r\n250 ok", "C: \x16\x03\x01\x01\x00hello"]]),
    ("starttls-failed", SMTP, [[*_offers("STARTTLS"), "C: STARTTLS", "S: 220 go", "S: 421 too late"]]),
    ("login-offered-in-clear", SMTP, [[*_offers("STARTTLS", "AUTH PLAIN"), "C: QUIT", "S: 221 bye"]]),
    ("preauth-in-clear", MAP, [["S: * PREAUTH hi", "C: a NOOP", "S: a OK"]]),
    ("messages-in-clear", SMTP, [_message("Subject: x", "", "hi")]),
    ("sensitive-content-in-clear", SMTP, [_message("Subject: x", "", "project kanarie begins")]),
    ("program-attached", SMTP, [_message("Subject: x", "Content-Type: application/octet-stream; name=run.exe", "", "MZ")]),
    ("mail-to-unexpected-domain", SMTP, [[*MAIL, "C: MAIL FROM:<a@example.org>", "S: 250", "C: RCPT TO:<b@elsewhere.example>", "S: 250", "C: DATA", "S: 354", "C: Subject: x\r\n\r\nhi\r\n.", "S: 250"]]),
    ("disguised-file", SMTP, [_message("Subject: x", "MIME-Version: 1.0", 'Content-Type: application/octet-stream; name="invoice.pdf\u202egnp.exe"', 'Content-Disposition: attachment; filename="a.txt"', "", "x")]),
    ("message-two-faced", SMTP, [_message("From: a@example.org", "From: b@example.org", "Subject: x", "", "hi")]),
    ("message-flaws", SMTP, [_message("Subject: x", "Date: yesterday", "Content-Type: multipart/mixed", "", "hi")]),
    ("brute-force", MAP, [[*IMAP, *_many(5, "a{} LOGIN anna14 guess-{}-abc", "a{} NO wrong")]]),
    ("brute-force-succeeded", MAP, [[*IMAP, *_many(5, "a{} LOGIN anna15 guess-{}-abd", "a{} NO wrong"), "C: b LOGIN anna15 Kj-38-wwww", "S: b OK in"]]),
    ("password-spraying", MAP, [[*IMAP, *_many(5, "a{} LOGIN user{} Spring-2024x", "a{} NO wrong")]]),
    ("address-probing", SMTP, [[*MAIL, *_many(3, "VRFY user{}", "250 user{}@example.net")]]),
    ("vrfy-works", SMTP, [[*MAIL, "C: VRFY root", "S: 250 root@example.net"]]),
    ("recipient-probing", SMTP, [[*MAIL, "C: MAIL FROM:<a@example.org>", "S: 250", *_many(10, "RCPT TO:<u{}@example.net>", "550 no")]]),
    ("routed-recipient", SMTP, [[*MAIL, "C: MAIL FROM:<a@example.org>", "S: 250", "C: RCPT TO:<x%other.example@example.net>", "S: 250 ok"]]),
    ("open-relay", SMTP, [[*MAIL, "C: MAIL FROM:<a@example.org>", "S: 250", "C: RCPT TO:<b@elsewhere.example>", "S: 250", "C: DATA", "S: 354", "C: Subject: x\r\n\r\nhi\r\n.", "S: 250"]]),
    ("client-identity-changed", SMTP, [[*_offers("XCLIENT ADDR NAME"), "C: XCLIENT ADDR=192.0.2.9", "S: 220 mx"]]),
    ("smtp-smuggling", SMTP, [[*MAIL, *ENVELOPE, "C: Subject: x\r\n\r\nhi\n.\r\nMAIL FROM:<x@y>\r\n.", "S: 250 kept"]]),
    ("hidden-end-of-message", POP, [[*POP3, "C: USER anna16", "S: +OK", "C: PASS Kj-39-wwww", "S: +OK", "C: RETR 1", "S: +OK\r\nSubject: x\r\n\r\nhi\n.\n+OK\r\n."]]),
    ("response-injection", MAP, [["S: * OK [CAPABILITY IMAP4rev1] hi", "S: * 1 FETCH (FLAGS ())", "C: a NOOP", "S: a OK"]]),
    ("cross-protocol", POP, [[*POP3, "C: POST / HTTP/1.1\r\nHost: x", "S: -ERR what\r\n-ERR what"]]),
    ("sasl-tampering", SMTP, [[*_offers("AUTH SCRAM-SHA-256"), f"C: AUTH SCRAM-SHA-256 {_coded('n,,n=anna17,r=rOprNGfwEbeRWgbNEkqO')}", f"S: 334 {_coded('r=somebodyElse,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096')}", "C: *", "S: 501 ended"]]),
    ("referral-in-clear", MAP, [[*IMAP, "C: a LOGIN anna18 Kj-40-wwww", "S: a NO [REFERRAL imap://elsewhere.example/] go there"]]),
    ("mass-deletion", POP, [[*POP3, "C: USER anna19", "S: +OK", "C: PASS Kj-41-wwww", "S: +OK", *_many(100, "DELE {}", "+OK")]]),
    ("mass-retrieval", MAP, [[*_login("anna20", "Kj-42-wwww"), "C: f FETCH 1:100 FLAGS", "S: " + "\r\n".join([f"* {n} FETCH (FLAGS ())" for n in range(1, 41)]), "S: " + "\r\n".join([f"* {n} FETCH (FLAGS ())" for n in range(41, 81)]), "S: " + "\r\n".join([*(f"* {n} FETCH (FLAGS ())" for n in range(81, 101)), "f OK"])]]),
    ("bulk-sender", SMTP, [[*MAIL, "C: MAIL FROM:<a@example.org>", "S: 250", *_many(100, "RCPT TO:<u{}@example.net>", "250 ok")]]),
    ("server-version", SMTP, [["S: 220 mx.example.net ESMTP Exim 4.96", "C: QUIT", "S: 221"]]),
    ("client-version", MAP, [[*IMAP, 'C: i ID ("name" "Thunderbird" "version" "115.3")', "S: * ID NIL\r\ni OK"]]),
    ("internal-name", SMTP, [[MAIL[0], "C: EHLO desk7.corp", MAIL[2]]]),
    ("weak-mechanism-offered", SMTP, [[*_offers("AUTH CRAM-MD5"), "C: QUIT", "S: 221"]]),
    ("anonymous-offered", SMTP, [[*_offers("AUTH ANONYMOUS"), "C: QUIT", "S: 221"]]),
    ("xclient-offered", SMTP, [[*_offers("XCLIENT ADDR"), "C: QUIT", "S: 221"]]),
    ("turn-offered", SMTP, [[*_offers("TURN"), "C: QUIT", "S: 221"]]),
    ("lmtp-exposed", 24, [["S: 220 mx LMTP", "C: LHLO c.example.org", "S: 250 mx"]]),
    ("unusual-port", 4711, [[*MAIL, "C: QUIT", "S: 221"]]),
    ("port-scan", SMTP, [[*MAIL, "C: QUIT", "S: 221"]]),
    ("client-violations", SMTP, [["S: 220 mx ESMTP", "C: MAIL FROM:a@example.org", "S: 501 no"]]),
    ("server-violations", SMTP, [["S: 220 mx ESMTP", "C: NOOP", "S: 250 ok\r\n250 more"]]),
    ("sides-disagree", MAP, [[*_login("anna21", "Kj-43-wwww"), "C: b NOOP", "S: b OK\r\nc OK moved"]]),
    ("session-not-followed", MAP, [[*IMAP, "C: " + "x" * 70_000, "S: * BAD what"]]),
    ("proxy-bypassed", SMTP, [[*MAIL, "C: QUIT", "S: 221"]]),
]  # fmt: skip


def _say(made, now, turns):
    for turn in turns:
        octets = turn[3:].encode() + b"\r\n"
        for first in range(0, len(octets), 1_400):
            made.say(now, turn[0], octets[first : first + 1_400])
        now += 5
    return made.close(now)


def test_every_finding_fires_where_it_is_made_to(scratch):
    made, places = [], {}
    for number, (code, port, sessions) in enumerate(SESSIONS, 1):
        # A server of the house for the open relay, as others are not guessed about.
        server = f"10.0.{number}.25" if code == "open-relay" else f"192.0.2.{number}"
        places[code] = server
        for count, turns in enumerate(sessions):
            start = START + number * 2_000_000_000 + count * 1_000_000
            made.append(_say(Conversation(start, f"198.51.{number}.{count + 7}", 40_000 + count, server, port), 5, turns))
    capture = scratch / "made.pcap"
    capture.write_bytes(pcap(*made))
    done = command(
        "audit", capture, "--format", "json", "--fail-on", "never", "--deep", "--pattern", "project=kanarie", "--proxy", "203.0.113.1",
        "--expected-domain", "example.net", status=0,
    )  # fmt: skip
    found = {finding["code"]: finding for finding in json.loads(done.stdout)["findings"]}
    missing = []
    for code, server in places.items():
        finding = found.get(code)
        words = json.dumps(finding)
        if finding is None or f"{server}:" not in words and len(finding["evidence"]) < 25:
            missing.append(code)
            continue
        assert finding["meaning"] and finding["title"] and finding["severity"], code
    assert not missing


def test_logins_that_name_no_account(scratch):
    """Each is told: with whom it acts as where it says so; an anonymous one needs no trace (RFC 4505 §2), and EXTERNAL no identity (RFC 4422 §A.1)."""
    nul = chr(0)
    logins = [f"PLAIN {_coded(f'maria{nul}{nul}Kj-50-wwww')}", "ANONYMOUS =", "EXTERNAL =", f"XOAUTH2 {_coded('auth=Bearer t0ken' + chr(1) + chr(1))}"]
    made = []
    for count, login in enumerate(logins):
        start = START + count * 1_000_000
        turns = [*_offers("AUTH PLAIN ANONYMOUS EXTERNAL XOAUTH2"), f"C: AUTH {login}", "S: 235 in"]
        made.append(_say(Conversation(start, f"198.51.100.{count + 7}", 40_000 + count, "192.0.2.1", SMTP), 5, turns))
    capture = scratch / "made.pcap"
    capture.write_bytes(pcap(*made))
    report = json.loads(command("audit", capture, "--format", "json", "--reveal", "--fail-on", "never", status=0).stdout)
    assert [(row["mechanism"], row["account"], row["outcome"]) for row in report["credentials"]] == [
        ("PLAIN", "maria", "accepted"),
        ("ANONYMOUS", "", "accepted"),
        ("EXTERNAL", "", "accepted"),
        ("XOAUTH2", "", "accepted"),
    ]
    found = {finding["code"] for finding in report["findings"]}
    assert {"anonymous-login", "credentials-in-clear", "tokens-in-clear"} <= found
    assert not {"login-as-another", "empty-password"} & found
