"""A socket on which a test speaks SMTP, POP3 or IMAP word by word, and the dialogues that no library client has:
pipelined bursts, BDAT, the three literals, IDLE, half-close, one byte at a time, and typing into nc."""

import re
import select
import socket
import subprocess
import time


class Wire:
    """A connection: bytes out, lines in. With `drip`, every byte is a segment of its own."""

    def __init__(self, host, port, drip=False, seconds=20.0):
        self.socket = socket.create_connection((host, port), seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.reader = self.socket.makefile("rb", 1 << 16)
        self.drip = drip

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reader.close()
        self.socket.close()

    def send(self, data):
        if isinstance(data, str):
            data = data.encode()
        if not self.drip:
            self.socket.sendall(data)
            return
        for at in range(len(data)):
            self.socket.sendall(data[at : at + 1])

    def line(self):
        line = self.reader.readline()
        if not line.endswith(b"\n"):
            raise EOFError(f"the server closed after {line!r}")
        return line

    def exactly(self, count):
        piece = self.reader.read(count)
        if len(piece) < count:
            raise EOFError(f"the server closed {count - len(piece)} bytes before the end of {count}")
        return piece

    def rest(self):
        """What the server sends until it closes."""
        return self.reader.read()

    def finish(self):
        """Half-close: we are done sending."""
        self.socket.shutdown(socket.SHUT_WR)


class SMTP(Wire):
    """SMTP by hand."""

    def reply(self, code=None):
        """Reads one reply and returns its lines; `code` is the status that it must have, whole or the first digit."""
        lines = []
        while True:
            line = self.line()
            assert re.match(rb"\d\d\d[ -].*\r\n|\d\d\d\r\n", line), f"no reply line: {line!r}"
            lines.append(line)
            if line[3:4] != b"-":
                break
        assert code is None or lines[-1].startswith(str(code).encode()), f"{code} expected, got {lines!r}"
        return lines

    def say(self, command, code=None):
        self.send(command + "\r\n" if isinstance(command, str) else command + b"\r\n")
        return self.reply(code)


class POP3(Wire):
    """POP3 by hand."""

    def status(self, good=True):
        line = self.line()
        assert line.startswith(b"+OK" if good else b"-ERR"), line
        return line

    def block(self):
        """The lines of a multi-line response, dots removed (RFC 1939 section 3)."""
        lines = []
        while (line := self.line()) != b".\r\n":
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    def say(self, command, good=True):
        self.send(command + "\r\n")
        return self.status(good)

    def say_block(self, command):
        self.say(command)
        return self.block()


class IMAP(Wire):
    """IMAP by hand. A response is returned with its literals in place."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.number = 0

    def response(self):
        whole = b""
        while True:
            line = self.line()
            whole += line
            literal = re.search(rb"~?\{(\d+)\}\r\n$", line)
            if not literal:
                return whole
            whole += self.exactly(int(literal.group(1)))

    def until(self, start):
        """Reads responses up to the one that begins with `start`; returns all of them."""
        found = []
        while not found or not found[-1].startswith(start):
            try:
                found.append(self.response())
            except EOFError:
                raise AssertionError(f"the server closed before {start!r}, after {found!r}") from None
        return found

    def tag(self):
        self.number += 1
        return f"t{self.number}"

    def say(self, command, good=b"OK"):
        """Sends a command and reads up to its tagged response, which must be `good`."""
        tag = self.tag()
        if isinstance(command, str):
            command = command.encode()
        self.send(tag.encode() + b" " + command + b"\r\n")
        return self.result(tag, good)

    def result(self, tag, good=b"OK"):
        found = self.until(tag.encode() + b" ")
        assert found[-1].startswith(tag.encode() + b" " + good), found
        return found

    def continuation(self):
        found = self.until(b"+")
        return found[-1]

    def login(self, account):
        self.until(b"* OK")
        self.say(f"LOGIN {account.address} {account.password}")

    def append(self, mailbox, message, flags=""):
        """APPEND with a synchronising literal; returns the responses."""
        tag = self.tag()
        self.send(f"{tag} APPEND {mailbox} {flags + ' ' if flags else ''}{{{len(message)}}}\r\n")
        self.continuation()
        self.send(message + b"\r\n")
        return self.result(tag)


class Typist:
    """A person at nc: waits for what the server says, then types a line (with CRLF, as `nc -C` sends it)."""

    def __init__(self, host, port):
        self.child = subprocess.Popen(
            ["/usr/bin/nc", "-C", "-N", host, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.seen = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.communicate()

    def see(self, pattern, seconds=15.0):
        """Waits until the screen shows the pattern; returns and forgets what came up to its end."""
        end = time.monotonic() + seconds
        while not (match := re.search(pattern, self.seen, re.MULTILINE)):
            ready, _, _ = select.select([self.child.stdout], [], [], max(0.0, end - time.monotonic()))
            piece = self.child.stdout.read1(65536) if ready else b""
            assert piece, f"nc never showed {pattern!r}, only {self.seen!r}"
            self.seen += piece
        shown, self.seen = self.seen[: match.end()], self.seen[match.end() :]
        return shown

    def type(self, line, then):
        self.child.stdin.write(line.encode() + b"\n")
        self.child.stdin.flush()
        return self.see(then)

    def leave(self):
        """Ends the input and waits until nc ends because the server has closed."""
        self.child.stdin.close()
        self.child.stdin = None
        try:
            self.child.wait(15)
        except subprocess.TimeoutExpired:
            raise AssertionError("the server did not close after the last command") from None
        assert self.child.returncode == 0
