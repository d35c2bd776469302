"""POP3 clients. Each driver reads the mailbox of `account`, which holds exactly `stored`, and asserts what it read."""

import base64
import poplib

from processes import checked, run
from wire import POP3, Typist


def _curl(place, account, path, *options):
    return checked(
        [
            "/usr/bin/curl",
            "-sS",
            f"pop3://{place.host}:{place.port}/{path}",
            "--user",
            f"{account.address}:{account.password}",
            *options,
        ]
    ).stdout


def curl_list(place, account, stored):
    lines = _curl(place, account, "").decode().split("\r\n")
    assert lines[: len(stored)] == [f"{n} {len(m)}" for n, m in enumerate(stored, 1)]


def curl_retrieve(place, account, stored):
    for n, message in enumerate(stored, 1):
        assert _curl(place, account, n) == message


def curl_uidl(place, account, stored):
    lines = _curl(place, account, "", "--request", "UIDL").decode().split()
    assert len(set(lines[1::2])) == len(stored)


def poplib_whole(place, account, stored):
    client = poplib.POP3(place.host, place.port, timeout=20)
    assert "UIDL" in client.capa()
    client.user(account.address)
    client.pass_(account.password)
    assert client.stat() == (len(stored), sum(map(len, stored)))
    assert client.list()[1] == [f"{n} {len(m)}".encode() for n, m in enumerate(stored, 1)]
    names = client.uidl()[1]
    assert len({name.split()[1] for name in names}) == len(stored)
    for n, message in enumerate(stored, 1):
        assert b"\r\n".join(client.retr(n)[1]) + b"\r\n" == message
        head = message.split(b"\r\n\r\n")[0].split(b"\r\n")
        assert client.top(n, 0)[1][: len(head)] == head
    client.dele(1)
    assert client.stat()[0] == len(stored) - 1
    client.rset()
    assert client.stat()[0] == len(stored)
    client.noop()
    assert client.quit().startswith(b"+OK")


def poplib_delete(place, account, stored):
    client = poplib.POP3(place.host, place.port, timeout=20)
    client.user(account.address)
    client.pass_(account.password)
    for n in range(1, len(stored)):
        client.dele(n)
    assert client.quit().startswith(b"+OK")
    client = poplib.POP3(place.host, place.port, timeout=20)
    client.user(account.address)
    client.pass_(account.password)
    assert client.list()[1] == [f"1 {len(stored[-1])}".encode()]
    assert b"\r\n".join(client.retr(1)[1]) + b"\r\n" == stored[-1]
    client.quit()


def poplib_apop(place, account, stored):
    client = poplib.POP3(place.host, place.port, timeout=20)
    assert client.apop(account.address, account.password).startswith(b"+OK")
    assert client.stat()[0] == len(stored)
    client.quit()


def sasl_plain(place, account, stored):
    """AUTH PLAIN (RFC 5034), with the initial response and without."""
    plain = base64.b64encode(f"\0{account.address}\0{account.password}".encode()).decode()
    for initial in (True, False):
        with POP3(place.host, place.port) as client:
            client.status()
            if initial:
                client.say("AUTH PLAIN " + plain)
            else:
                client.send("AUTH PLAIN\r\n")
                assert client.line().startswith(b"+ ")
                client.say(plain)
            assert int(client.say("STAT").split()[1]) == len(stored)
            client.say("QUIT")
            assert client.rest() == b""


def fetchmail_delete(place, account, stored):
    fetchmail(place, account, stored, "pop3")


def fetchmail(place, account, stored, protocol):
    """Fetches all with fetchmail, which deletes what it has delivered; another run finds nothing."""
    box = place.folder / "fetched"
    box.touch()
    settings = place.file(
        f'set invisible\nset no bouncemail\npoll "{place.host}" port {place.port} protocol {protocol} auth password\n'
        f'  username "{account.address}" password "{account.password}" '
        f'fetchall no keep no rewrite no mimedecode sslproto ""\n'
        f'  mda "cat >> {box}"\n'.encode(),
        0o600,
    )
    command = [
        "/usr/bin/fetchmail",
        "--fetchmailrc",
        settings,
        "--nodetach",
        "--pidfile",
        place.folder / "fetchmail.pid",
    ]
    environment = {
        "PATH": "/usr/bin:/bin",
        "FETCHMAILHOME": str(place.folder),
        "HOME": str(place.folder),
        "LC_ALL": "C",
    }
    checked(command, env=environment)
    fetched = box.read_bytes()
    for message in stored:
        lines = message.replace(b"\r\n", b"\n")
        assert lines in fetched, f"fetchmail did not deliver {lines[:200]!r} but {fetched!r}"
    assert run(command, env=environment).returncode == 1, "fetchmail found mail that it had deleted"


def nc_typed(place, account, stored):
    with Typist(place.host, place.port) as nc:
        nc.see(rb"^\+OK.*\n")
        nc.type("frobnicate", rb"^-ERR.*\n")
        nc.type(f"user {account.address}", rb"^\+OK.*\n")
        nc.type(f"pass {account.password}", rb"^\+OK.*\n")
        assert f"+OK {len(stored)} ".encode() in nc.type("stat", rb"^\+OK.*\n")
        shown = nc.type("retr 1", rb"^\.\r\n")
        assert stored[0] in shown
        nc.type(f"retr {len(stored) + 1}", rb"^-ERR.*\n")
        nc.type("quit", rb"^\+OK.*\n")
        nc.leave()


def by_the_byte(place, account, stored):
    with POP3(place.host, place.port, drip=True) as client:
        client.status()
        client.say_block("CAPA")
        client.say("USER " + account.address)
        client.say("PASS " + account.password)
        for n, message in enumerate(stored, 1):
            assert client.say_block(f"RETR {n}") == message
        client.say("QUIT")
        assert client.rest() == b""


def burst(place, account, stored):
    """All commands at once (RFC 2449 section 6.6), then half-close."""
    with POP3(place.host, place.port) as client:
        client.status()
        client.say("USER " + account.address)
        client.say("PASS " + account.password)
        client.send(
            "NOOP\r\nLIST\r\nUIDL\r\nXYZZY\r\n"
            + "".join(f"RETR {n}\r\nTOP {n} 1\r\n" for n in range(1, len(stored) + 1))
            + "RETR 99999\r\n"
            "STAT\r\nQUIT\r\n"
        )
        client.finish()
        client.status()
        for _ in range(2):
            client.status()
            assert client.block().count(b"\r\n") == len(stored)
        client.status(good=False)
        for message in stored:
            client.status()
            assert client.block() == message
            client.status()
            assert client.block().startswith(message.split(b"\r\n\r\n")[0])
        client.status(good=False)
        assert int(client.status().split()[1]) == len(stored)
        client.status()
        assert client.rest() == b""


ALL = [
    curl_list,
    curl_retrieve,
    curl_uidl,
    poplib_whole,
    poplib_delete,
    poplib_apop,
    sasl_plain,
    fetchmail_delete,
    nc_typed,
    by_the_byte,
    burst,
]
