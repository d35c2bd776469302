"""Segments are evidence that anyone can open: Wireshark's expert finds no error in them, tcpflow and a library of other people put
together what was said, and libpcap's readers take them, whatever way the sessions came: in clear, under TLS of either kind, changed by rules,
spread over several segments."""

import imaplib
import poplib
import re
import smtplib
import struct

import dpkt
import pytest

import mailproxy
import tls_peers
from processes import HOST, free_port, run, until
from tls_peers import client_context

RULES = """rules:
  - name: subject
    when: header["subject"] matches "secret"
    then:
      - set-header: {name: Subject, value: "changed on its way"}
"""
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"}
BODY = "".join(f"line {number} of many, to fill more than one segment of TCP\r\n" for number in range(3_000))


@pytest.fixture(scope="module")
def recordings(servers, authority, module_scratch):
    """{way: folder of a recording}, each with sessions of all three protocols."""
    account = servers.accounts.fresh()
    context = client_context(authority)
    made = {}

    def record(way, smtp, imap, pop, wraps=lambda *_: None, query="", schemes=("smtp", "pop3", "imap"), options=()):
        folder = module_scratch / way
        folder.mkdir()
        trust = f"?ca={servers.certificate.certificate}&sni=mx.example.com" + query
        upstreams = (servers.postfix.port, servers.dovecot.pop3, servers.dovecot.imap)
        ports = [free_port() for _ in schemes]
        routes = [
            f"{scheme}://{HOST}:{port}={plain}://{HOST}:{upstream}{trust}"
            for scheme, port, plain, upstream in zip(schemes, ports, ("smtp", "pop3", "imap"), upstreams)
        ]
        with tls_peers.proxy(folder, authority, *routes, options=options) as proxy:
            with smtp(ports[0]) as client:
                wraps(client, "smtp")
                client.ehlo("client.example.org")
                client.sendmail("me@example.org", [account.address], f"Subject: secret {way}\r\n\r\n{BODY}")
            with imap(ports[2]) as client:
                wraps(client, "imap")
                client.login(account.address, account.password)
                until("the message", lambda: client.select()[1] != [b"0"], 20, 0.05)
                assert BODY.encode() in client.fetch("1", "(BODY.PEEK[])")[1][0][1]
            client = pop(ports[1])
            wraps(client, "pop3")
            client.user(account.address)
            client.pass_(account.password)
            client.retr(1)
            client.quit()
        made[way] = proxy.record

    plain = {
        "smtp": lambda port: smtplib.SMTP(HOST, port),
        "imap": lambda port: imaplib.IMAP4(HOST, port),
        "pop": lambda port: poplib.POP3(HOST, port),
    }
    record("clear", **plain)

    def begin_tls(client, protocol):
        if protocol == "pop3":
            client.stls(context=context)
        elif protocol == "imap":
            client.starttls(ssl_context=context)
        else:
            client.starttls(context=context)

    record("starttls", wraps=begin_tls, **plain)
    record(
        "implicit",
        query="&tls=starttls",
        schemes=("smtps", "pop3s", "imaps"),
        smtp=lambda port: smtplib.SMTP_SSL(HOST, port, context=context),
        imap=lambda port: imaplib.IMAP4_SSL(HOST, port, ssl_context=context),
        pop=lambda port: poplib.POP3_SSL(HOST, port, context=context),
    )
    (module_scratch / "rules.yaml").write_text(RULES)
    record("rules", options=["--rules", module_scratch / "rules.yaml"], **plain)
    record("many", options=["--set", "record.segment-size=65536"], **plain)
    assert len(mailproxy.segments(made["many"])) > 3
    return made


WAYS = ["clear", "starttls", "implicit", "rules", "many"]
WORDS = {
    b"client": [
        b"EHLO client.example.org",
        b"MAIL FROM:<me@example.org>",
        b"SELECT INBOX",
        b"FETCH 1 (BODY.PEEK[])",
        b"RETR 1",
        b"QUIT",
    ],
    b"server": [b"250 ", b"354 ", b"* 1 FETCH", b"+OK"],
}


@pytest.mark.parametrize("way", WAYS)
def test_the_expert_of_tshark_finds_no_error(recordings, way):
    for path in mailproxy.segments(recordings[way]):
        done = run(["/usr/bin/tshark", "-n", "-q", "-r", path, "-z", "expert,warn"], seconds=60, env=ENVIRONMENT)
        text = done.stdout.decode()
        assert done.returncode == 0
        assert not re.search(r"^Errors ", text, re.M), text
        # What is worth a warning is in what the mail said, not in our packets.
        for line in text.splitlines():
            if "Connection reset (RST)" not in line:
                assert not re.search(r"\b(Frame|IPv4|IPv6|TCP|pcapng|Raw)\b", line), text


@pytest.mark.parametrize("way", WAYS)
def test_tcpflow_puts_the_octets_together(recordings, way, scratch):
    """What tcpflow writes of both sides has all commands and messages, whole."""
    joined = b""
    for number, path in enumerate(mailproxy.segments(recordings[way])):
        flows = scratch / f"flows-{number}"
        done = run(["/usr/bin/tcpflow", "-q", "-a", "-o", flows, "-r", path], seconds=60)
        assert done.returncode == 0, done.stderr
        names = [file for file in sorted(flows.iterdir()) if re.match(r"[\d.]+-[\d.]+(c\d+)?$", file.name)]
        joined += b"".join(file.read_bytes() for file in names)
    for word in WORDS[b"client"] + WORDS[b"server"]:
        assert word.lower() in joined.lower(), word
    if way != "many":
        assert joined.count(BODY.encode()) >= 3


def _streams(paths):
    """{(source, port, destination, port): octets in the order of their sequence numbers} as dpkt reads segments, one after the other."""
    pieces = {}
    for path in paths:
        with open(path, "rb") as file:
            reader = dpkt.pcapng.Reader(file)
            assert reader.datalink() == dpkt.pcap.DLT_EN10MB
            last = 0.0
            for time, frame in reader:
                assert time >= last - 5
                last = time
                packet = dpkt.ethernet.Ethernet(frame).data
                assert isinstance(packet, dpkt.ip.IP)
                tcp = packet.data
                assert isinstance(tcp, dpkt.tcp.TCP)
                # An independent sum: of a packet that was made anew it is the same.
                kept = packet.sum, tcp.sum
                packet.sum = tcp.sum = 0
                again = dpkt.ip.IP(bytes(packet))
                assert (again.sum, again.data.sum) == kept
                key = (packet.src, tcp.sport, packet.dst, tcp.dport)
                if tcp.data:
                    pieces.setdefault(key, []).append((tcp.seq, tcp.data))
    streams = {}
    for key, all_of_it in pieces.items():
        octets, due = b"", None
        for sequence, data in all_of_it:
            if due is not None and sequence != due and octets:
                octets += b"\0gap\0"
            octets += data
            due = (sequence + len(data)) & 0xFFFFFFFF
        streams[key] = octets
    return streams


@pytest.mark.parametrize("way", WAYS)
def test_a_library_reads_what_was_said(recordings, way):
    """A reader of packets that knows nothing of us: sums are right, sequence numbers go on, and every command is there."""
    streams = _streams(mailproxy.segments(recordings[way]))
    joined = b"".join(streams.values())
    for word in WORDS[b"client"] + WORDS[b"server"]:
        assert word.lower() in joined.lower(), word
    assert joined.count(BODY.encode()) >= (3 if way != "many" else 0)
    if way == "clear" or way == "many":
        # One conversation a session: nothing is missing between two packets of it, be they in two segments.
        assert not any(b"\0gap\0" in octets for octets in streams.values())
    if way == "many":
        assert joined.count(BODY.encode()) >= 3


@pytest.mark.parametrize("way", WAYS)
def test_tools_for_files_of_packets_take_them(recordings, way, scratch):
    """capinfos counts what tcpdump lists, and what mergecap makes of all segments is read by us like the recording."""
    files = mailproxy.segments(recordings[way])
    for path in files:
        info = run(["/usr/bin/capinfos", "-c", "-T", "-r", "-M", path], seconds=60)
        assert info.returncode == 0 and info.stderr == b"", info.stderr
        listed = run(["/usr/bin/tcpdump", "-nn", "-r", path], seconds=60)
        assert listed.returncode == 0, listed.stderr
        assert int(info.stdout.split()[-1]) == len(listed.stdout.splitlines())
        assert b"truncated" not in listed.stdout and b"incorrect" not in listed.stdout
    merged = scratch / "merged.pcapng"
    assert run(["/usr/bin/mergecap", "-w", merged, *files], seconds=60).returncode == 0
    ours = {row["id"]: row for row in mailproxy.sessions(recordings[way])}
    theirs = mailproxy.sessions(merged)
    assert len(theirs) == len(ours) == 3
    for row in theirs:
        assert row["id"] in ours and row["exchanges"] == ours[row["id"]]["exchanges"], (row, ours)
        assert row["messages"] == ours[row["id"]]["messages"]


def _without_frames(data):
    """The segment as it was written before packets had frames of Ethernet around them."""
    out, at = b"", 0
    while at < len(data):
        kind, length = struct.unpack("<II", data[at : at + 8])
        body = data[at + 8 : at + length - 4]
        if kind == 1:
            body = struct.pack("<H", 101) + body[2:]
        if kind == 6:
            captured, original = struct.unpack("<II", body[12:20])
            packet = body[20 + 14 : 20 + captured]
            options = body[20 + captured + -captured % 4 :]
            body = body[:12] + struct.pack("<II", captured - 14, original - 14) + packet + bytes(-len(packet) % 4) + options
        length = len(body) + 12
        out += struct.pack("<II", kind, length) + body + struct.pack("<I", length)
        at += struct.unpack("<I", data[at + 4 : at + 8])[0]
    return out


def test_segments_of_before_are_read(recordings, scratch):
    """IP packets without frames around them: the same sessions, in a directory and as a file, also after a new index was made."""
    folder = scratch / "former"
    folder.mkdir(mode=0o700)
    for path in mailproxy.segments(recordings["starttls"]):
        (folder / path.name).write_bytes(_without_frames(path.read_bytes()))
    before = {row["id"]: row for row in mailproxy.sessions(recordings["starttls"])}
    for path in mailproxy.segments(folder):
        for row in mailproxy.sessions(path):
            assert row == before[row["id"]]
    mailproxy.command("sessions", "reindex", "--record-dir", folder, status=0)
    assert {row["id"]: row for row in mailproxy.sessions(folder)} == before
    for session in before:
        ours = mailproxy.exchanges(recordings["starttls"], session)
        assert mailproxy.exchanges(folder, session) == ours
