"""tshark, an independent reader of recordings."""

import collections

from processes import run

FIELDS = {"smtp": "smtp.req.command", "pop": "pop.request.command", "imap": "imap.request.command"}
DISSECTORS = {"smtp": "smtp", "pop3": "pop", "imap": "imap"}


def _run(path, ports, *options, cut_short=False):
    """`ports` tells the dissectors of ports that are not the protocols' own; a recording must do without."""
    decode = [
        part for protocol, port in dict(ports).items() for part in ("-d", f"tcp.port=={port},{DISSECTORS[protocol]}")
    ]
    done = run(
        ["/usr/bin/tshark", "-n", "-r", path, *decode, *options],
        seconds=60,
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"},
    )
    complaint = b"\n".join(
        line
        for line in done.stderr.splitlines()
        if b"Running as user" not in line and not (cut_short and b"cut short" in line)
    )
    assert (done.returncode == 0 or cut_short) and complaint.strip() == b"", (done.returncode, done.stderr)
    return done.stdout.decode()


def commands(path, ports=(), cut_short=False, without=()):
    """{dissector: [command, ...]} as tshark's own dissectors name them; `without` are clients' ports to leave out."""
    found = {}
    others = f" and not tcp.port in {{{', '.join(without)}}}" if without else ""
    for dissector, field in FIELDS.items():
        lines = _run(
            path, ports, "-Y", field + others, "-T", "fields", "-E", "aggregator=,", "-e", field, cut_short=cut_short
        ).split("\n")
        found[dissector] = [word.upper() for line in lines for word in line.split(",") if word]
    return found


def count(path, expression):
    """How many packets a display filter selects."""
    return len(_run(path, (), "-Y", expression, "-T", "fields", "-e", "frame.number").split())


def senders_of_single_octets(path):
    """The ports of those who sent much in segments of one octet."""
    seen = collections.Counter(_run(path, (), "-Y", "tcp.len == 1", "-T", "fields", "-e", "tcp.srcport").split())
    return sorted(port for port, count in seen.items() if count >= 20)
