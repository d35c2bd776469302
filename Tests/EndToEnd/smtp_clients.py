"""SMTP clients. Each driver sends mail for `account` to the server at `place` and asserts that it was told of
success; it returns the messages that must now be in the account's mailbox."""

import base64
import email
import email.policy
import smtplib

import messages
from processes import checked
from wire import SMTP, Typist

SENDER = "ada@example.org"


def _swaks(place, account, message, *options):
    path = place.file(message.removesuffix(b"\r\n"))  # swaks ends the last line itself
    done = checked(
        [
            "/usr/bin/swaks",
            "--server",
            place.host,
            "--port",
            place.port,
            "--protocol",
            "ESMTP",
            "--from",
            SENDER,
            "--to",
            account.address,
            "--ehlo",
            "client.example.org",
            "--data",
            f"@{path}",
            "--suppress-data",
            *options,
        ]
    )
    assert b"<** " not in done.stdout and b"<~* " not in done.stdout, done.stdout
    return [message]


def swaks_without_login(place, account):
    return _swaks(place, account, messages.plain(account.address))


def swaks_auth_plain(place, account):
    return _swaks(
        place,
        account,
        messages.dotted(account.address),
        "--auth",
        "PLAIN",
        "--auth-user",
        account.address,
        "--auth-password",
        account.password,
    )


def swaks_auth_login(place, account):
    return _swaks(
        place,
        account,
        messages.attachment(account.address),
        "--auth",
        "LOGIN",
        "--auth-user",
        account.address,
        "--auth-password",
        account.password,
    )


def swaks_auth_cram_md5(place, account):
    return _swaks(
        place,
        account,
        messages.plain(account.address),
        "--auth",
        "CRAM-MD5",
        "--auth-user",
        account.address,
        "--auth-password",
        account.password,
    )


def swaks_pipelining(place, account):
    return _swaks(
        place,
        account,
        messages.long_line(account.address),
        "--pipeline",
        "--auth",
        "PLAIN",
        "--auth-user",
        account.address,
        "--auth-password",
        account.password,
    )


def curl_upload(place, account):
    message = messages.attachment(account.address)
    checked(
        [
            "/usr/bin/curl",
            "-sS",
            f"smtp://{place.host}:{place.port}/client.example.org",
            "--mail-from",
            SENDER,
            "--mail-rcpt",
            account.address,
            "--user",
            f"{account.address}:{account.password}",
            "--upload-file",
            place.file(message),
        ]
    )
    return [message]


def smtplib_plain(place, account):
    sent = [messages.plain(account.address), messages.dotted(account.address), messages.empty(account.address)]
    with smtplib.SMTP(place.host, place.port, "client.example.org", timeout=20) as client:
        client.login(account.address, account.password, initial_response_ok=False)
        for message in sent:
            assert client.sendmail(SENDER, [account.address], message) == {}
        assert client.noop()[0] == 250
        assert client.rset()[0] == 250
    return sent


def smtplib_eight_bit(place, account):
    message = messages.eight_bit(account.address)
    with smtplib.SMTP(place.host, place.port, "client.example.org", timeout=20) as client:
        client.ehlo()
        assert client.has_extn("8bitmime")
        assert client.sendmail(SENDER, [account.address], message, ["BODY=8BITMIME"]) == {}
    return [message]


def smtplib_international(place, account):
    message = messages.international(account.address)
    parsed = email.message_from_bytes(message, policy=email.policy.SMTPUTF8)
    with smtplib.SMTP(place.host, place.port, "client.example.org", timeout=20) as client:
        client.ehlo()
        assert client.has_extn("smtputf8")
        assert client.send_message(parsed, "ünal@example.org", [account.address]) == {}
    return [parsed.as_bytes(policy=email.policy.SMTPUTF8)]


def msmtp_send(place, account):
    message = messages.eight_bit(account.address)
    checked(
        [
            "/usr/bin/msmtp",
            "--file=/dev/null",
            f"--host={place.host}",
            f"--port={place.port}",
            "--tls=off",
            "--auth=plain",
            f"--user={account.address}",
            f"--passwordeval=echo '{account.password}'",
            f"--from={SENDER}",
            "--domain=client.example.org",
            "--",
            account.address,
        ],
        message.replace(b"\r\n", b"\n"),
    )
    return [message]


def nc_typed(place, account):
    message = messages.plain(account.address)
    with Typist(place.host, place.port) as nc:
        nc.see(rb"^220 .*\n")
        nc.type("HELO client.example.org", rb"^250 .*\n")
        nc.type("help me", rb"^[25]\d\d .*\n")
        nc.type(f"mail from:<{SENDER}>", rb"^250 .*\n")
        nc.type(f"rcpt to:<{account.address}>", rb"^250 .*\n")
        nc.type("DATA", rb"^354.*\n")
        for line in message.decode().split("\r\n")[:-1]:
            nc.child.stdin.write(line.encode() + b"\n")
        nc.type(".", rb"^250 .*\n")
        nc.type("QUIT", rb"^221.*\n")
        nc.leave()
    return [message]


def by_the_byte(place, account):
    message = messages.dotted(account.address)
    with SMTP(place.host, place.port, drip=True) as client:
        client.reply(220)
        client.say("EHLO client.example.org", 250)
        plain = base64.b64encode(f"\0{account.address}\0{account.password}".encode()).decode()
        client.say(f"AUTH PLAIN {plain}", 235)
        client.say(f"MAIL FROM:<{SENDER}> SIZE={len(message)}", 250)
        client.say(f"RCPT TO:<{account.address}>", 250)
        client.say("DATA", 354)
        client.send(messages.dot_stuffed(message) + b".\r\n")
        client.reply(250)
        client.say("QUIT", 221)
        assert client.rest() == b""
    return [message]


def chunking(place, account):
    """BDAT (RFC 3030): one chunk; several, an empty last one; and a pipelined pair."""
    one, two, three = (
        messages.attachment(account.address),
        messages.dotted(account.address),
        messages.plain(account.address),
    )
    with SMTP(place.host, place.port) as client:
        client.reply(220)
        assert any(b"CHUNKING" in line for line in client.say("EHLO client.example.org", 250))
        client.say(f"MAIL FROM:<{SENDER}>", 250)
        client.say(f"RCPT TO:<{account.address}>", 250)
        client.send(f"BDAT {len(one)} LAST\r\n".encode() + one)
        client.reply(250)
        client.say(f"MAIL FROM:<{SENDER}>", 250)
        client.say(f"RCPT TO:<{account.address}>", 250)
        for at in range(0, len(two), 50):
            piece = two[at : at + 50]
            client.send(f"BDAT {len(piece)}\r\n".encode() + piece)
            client.reply(250)
        client.say("BDAT 0 LAST", 250)
        client.send(
            f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{account.address}>\r\nBDAT 90\r\n".encode()
            + three[:90]
            + f"BDAT {len(three) - 90} LAST\r\n".encode()
            + three[90:]
            + b"QUIT\r\n"
        )
        for code in (250, 250, 250, 250, 221):
            client.reply(code)
        assert client.rest() == b""
    return [one, two, three]


def burst(place, account):
    """Everything that may be sent at once is sent at once (RFC 2920), then the client closes its half."""
    one, two = messages.plain(account.address), messages.dotted(account.address)
    envelope = (
        f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{account.address}>\r\nRCPT TO:<{account.address}>\r\nDATA\r\n".encode()
    )
    with SMTP(place.host, place.port) as client:
        client.reply(220)
        client.say("EHLO client.example.org", 250)
        client.send(envelope)
        for code in (250, 250, 250, 354):
            client.reply(code)
        client.send(messages.dot_stuffed(one) + b".\r\n" + envelope)
        for code in (250, 250, 250, 250, 354):
            client.reply(code)
        client.send(messages.dot_stuffed(two) + b".\r\nRSET\r\nNOOP\r\nQUIT\r\n")
        client.finish()
        for code in (250, 250, 250, 221):
            client.reply(code)
        assert client.rest() == b""
    return [one, two]


def strange_words(place, account):
    """Commands unknown, misplaced and malformed are answered with errors, and mail is still taken after them."""
    message = messages.plain(account.address)
    with SMTP(place.host, place.port) as client:
        client.reply(220)
        client.say("EHLO client.example.org", 250)
        client.say("XYZZY plugh", 5)
        client.say("DATA", 5)
        client.say("VRFY " + account.address, 2)
        client.say("MAIL FOR:<" + SENDER + ">", 5)
        client.say(f"MAIL FROM:<{SENDER}>", 250)
        client.say("RCPT TO:<>", 5)
        client.say("rcpt to: <" + account.address + ">", 250)
        client.say("NOOP", 250)
        client.say(b"\xff\xfe\x00 binary", 5)
        client.say("DATA", 354)
        client.send(messages.dot_stuffed(message) + b".\r\n")
        client.reply(250)
        client.say("AUTH XYZZY", 5)
        client.say("QUIT", 221)
        assert client.rest() == b""
    return [message]


def login_refused_then_cancelled(place, account):
    """A cancelled AUTH (RFC 4954 section 4) and one with a wrong password lead to no login; mail without one is
    taken."""
    with SMTP(place.host, place.port) as client:
        client.reply(220)
        client.say("EHLO client.example.org", 250)
        client.say("AUTH LOGIN", 334)
        client.say("*", 5)
        client.say("AUTH PLAIN", 334)
        client.say("!!! not base64 !!!", 5)
        client.say("QUIT", 221)
    return []


def gone_in_the_middle(place, account):
    """The client closes amid the message: nothing is delivered."""
    with SMTP(place.host, place.port) as client:
        client.reply(220)
        client.say("EHLO client.example.org", 250)
        client.say(f"MAIL FROM:<{SENDER}>", 250)
        client.say(f"RCPT TO:<{account.address}>", 250)
        client.say("DATA", 354)
        client.send(b"Subject: half of it\r\n\r\nThis is not the e")
        client.finish()
        client.rest()
    return []


ALL = [
    swaks_without_login,
    swaks_auth_plain,
    swaks_auth_login,
    swaks_auth_cram_md5,
    swaks_pipelining,
    curl_upload,
    smtplib_plain,
    smtplib_eight_bit,
    smtplib_international,
    msmtp_send,
    nc_typed,
    by_the_byte,
    chunking,
    burst,
    strange_words,
    login_refused_then_cancelled,
    gone_in_the_middle,
]
