"""The mail that the clients send and fetch: small, hostile to careless code, and comparable to the byte."""

import itertools

_number = itertools.count(1)


def _head(recipient, subject):
    n = next(_number)
    return (
        f"From: Ada <ada@example.org>\r\nTo: {recipient}\r\nSubject: {subject}\r\n"
        f"Date: Mon, 23 Nov 2026 08:{n // 60 % 60:02}:{n % 60:02} +0000\r\nMessage-ID: <{n}.e2e@example.org>\r\n"
    )


def plain(recipient, subject="plain words"):
    return (_head(recipient, subject) + "\r\nGood morning,\r\n\r\nnothing to see here.\r\n").encode()


def dotted(recipient):
    """Lines that begin with dots (RFC 5321 section 4.5.2), a line that is only one, and empty lines at the end."""
    return (_head(recipient, "dots") + "\r\n.\r\n..\r\n.hidden\r\nfoo.\r\n...\r\n. \r\n\r\n.\r\n\r\n\r\n").encode()


def eight_bit(recipient):
    return (
        _head(recipient, "eight bits") + "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\nGrüße aus Zürich, привет, 你好 🙂\r\n"
    ).encode()


def international(recipient):
    """UTF-8 in the header too (RFC 6532)."""
    return (
        _head(recipient, "Grüße und 你好") + "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
        "Content-Transfer-Encoding: 8bit\r\n\r\nSchöne Grüße\r\n"
    ).encode()


def attachment(recipient, lines=120):
    part = "\r\n".join(
        "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0" for _ in range(lines)
    )
    return (
        _head(recipient, "with attachment")
        + 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="=_cut"\r\n\r\n'
        "preamble\r\n--=_cut\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\nSee below.\r\n--=_cut\r\n"
        'Content-Type: application/octet-stream; name="data.bin"\r\nContent-Transfer-Encoding: base64\r\n'
        'Content-Disposition: attachment; filename="data.bin"\r\n\r\n' + part + "\r\n--=_cut--\r\nepilogue\r\n"
    ).encode()


def long_line(recipient):
    """The longest line that RFC 5321 section 4.5.3.1.6 allows: 998 octets and CRLF."""
    return (_head(recipient, "long line") + "\r\n" + "x" * 998 + "\r\nend\r\n").encode()


def empty(recipient):
    return (_head(recipient, "no body") + "\r\n").encode()


def many(recipient):
    """One of each kind that every server stores unchanged."""
    return [make(recipient) for make in (plain, dotted, eight_bit, attachment, long_line, empty)]


def of_size(recipient, size):
    """A message of about `size` bytes, with a subject that says so."""
    line = b"The quick brown fox jumps over the lazy dog, again and again and again.\r\n"
    head = _head(recipient, f"{size} bytes").encode() + b"\r\n"
    return head + line * max(1, (size - len(head)) // len(line))


def dot_stuffed(message):
    """The message as DATA carries it, without the end (RFC 5321 section 4.5.2)."""
    assert message.endswith(b"\r\n")
    return (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]


def is_delivered_form(delivered, sent):
    """Whether `delivered` is `sent` with only header lines of the servers' own before it, line ends apart."""
    delivered, sent = (m.replace(b"\r\n", b"\n") for m in (delivered, sent))
    return delivered.endswith(sent) and b"\n\n" not in delivered[: len(delivered) - len(sent)]
