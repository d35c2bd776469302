"""Sockets of the file system, sockets that systemd opens, and becoming another user once ports are bound."""

import os
import pathlib
import pwd
import signal
import socket
import stat
import threading

import pytest

import mailproxy
from mailproxy import MailProxy, binary, command, environment
from processes import HOST, Process, checked, free_port, run, until

CURL = "/usr/bin/curl"


def _speak(path, *lines):
    """Says lines to the socket at a path and gives all that comes back."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(20)
        connection.connect(str(path))
        connection.sendall("".join(line + "\r\n" for line in lines).encode())
        connection.shutdown(socket.SHUT_WR)
        return connection.makefile("rb").read()


def _route(listener, upstream="fallback"):
    return ["--route", f"{listener}={upstream}"]


def test_a_socket_as_listener(scratch):
    path = scratch / "imap.sock"
    with MailProxy(scratch, {}, *_route(f"imap://unix:{path}")) as proxy:
        assert f"imap  unix:{path} -> fallback" in proxy.said()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        said = _speak(path, "a LOGIN you@example.com x", "b LOGOUT")
        assert said.startswith(b"* OK") and b"b OK" in said
        # netcat is a client like any other.
        done = run(["/usr/bin/nc", "-NU", path], b"a LOGOUT\r\n")
        assert b"a OK" in done.stdout, done
    assert not path.exists()
    rows = mailproxy.sessions(proxy.record)
    assert all(row["via"] == "unix" and row["client"].startswith("127.0.0.1:") for row in rows)
    assert rows[0]["client"] != rows[1]["client"] and rows[0]["exchanges"] >= 2


def test_its_permissions(scratch):
    path = scratch / "imap.sock"
    with MailProxy(scratch, {}, *_route(f"imap://unix:{path}?mode=0666"), record=False):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
    for route, reason in [
        (f"imap://unix:{path}?mode=999=fallback", "'mode=999' is no octal number"),
        (f"imap://unix:{path}?mode=01777=fallback", "'mode=01777' is no octal number"),
        ("imap://unix:imap.sock=fallback", "is no path of a socket"),
        (f"imap://unix:/{'x' * 107}=fallback", "is no path of a socket"),
        ("imap://127.0.0.1?mode=0600=fallback", "the option 'mode=0600' of the listener is not one"),
    ]:
        file = scratch / "mailproxy.yaml"
        file.write_text(f"routes:\n  - {route}\n")
        said = command("config", "check", file, status=2).stderr.decode()
        assert f"{file}:2:5: route '{route}': " in said and reason in said, said


def test_a_file_that_was_left_behind(scratch):
    path = scratch / "imap.sock"
    proxy = MailProxy(scratch, {}, *_route(f"imap://unix:{path}"), record=False)
    proxy.kill()
    assert path.exists()
    with MailProxy(scratch, {}, *_route(f"imap://unix:{path}"), record=False):
        assert _speak(path, "a LOGOUT").startswith(b"* OK")
        # A second one leaves the first alone, and its file where it is.
        done = command("run", "--no-record", *_route(f"imap://unix:{path}"), status=3, folder=scratch)
        assert f"cannot listen on unix:{path}: Address already in use; stop what listens there" in done.stderr.decode()
        assert _speak(path, "a LOGOUT").startswith(b"* OK")


def test_what_is_no_socket_stays(scratch):
    path = scratch / "letter"
    path.write_text("dear")
    done = command("run", "--no-record", *_route(f"imap://unix:{path}"), status=3, folder=scratch)
    assert f"cannot listen on unix:{path}: what is there is no socket, and stays" in done.stderr.decode()
    assert path.read_text() == "dear"
    link = scratch / "link"
    link.symlink_to(path)
    command("run", "--no-record", *_route(f"imap://unix:{link}"), status=3, folder=scratch)
    assert link.is_symlink()


def test_another_socket_in_its_place_stays(scratch):
    path = scratch / "imap.sock"
    with MailProxy(scratch, {}, *_route(f"imap://unix:{path}"), record=False):
        path.unlink()
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(str(path))
    assert path.exists()


def test_nothing_is_left_when_the_start_fails(scratch):
    path, port = scratch / "imap.sock", free_port()
    with socket.create_server((HOST, port)):
        routes = [*_route(f"imap://unix:{path}"), *_route(f"imap://{HOST}:{port}")]
        command("run", "--no-record", *routes, status=3, folder=scratch)
    assert not path.exists()
    (scratch / "file").write_text("")
    command("run", *_route(f"imap://unix:{path}"), "--record-dir", scratch / "file", status=3, folder=scratch)
    assert not path.exists()


def test_a_socket_as_upstream(scratch):
    path, port = scratch / "imap.sock", free_port()
    routes = [*_route(f"imap://unix:{path}"), *_route(f"imap://{HOST}:{port}", f"imap://unix:{path}?tls=none")]
    with MailProxy(scratch, {}, *routes) as proxy:
        assert f"imap  {HOST}:{port} -> imap://unix:{path}" in proxy.said()
        done = run([CURL, "-sS", f"imap://{HOST}:{port}/", "-u", "you@example.com:x"])
        assert b"LIST" in done.stdout, done
    ours, served = mailproxy.sessions(proxy.record)
    assert ours["exchanges"] == served["exchanges"] > 3 and (ours.get("via"), served["via"]) == (None, "unix")


def test_an_upstream_that_is_not_there(scratch):
    path, port = scratch / "imap.sock", free_port()
    with MailProxy(scratch, {}, *_route(f"imap://{HOST}:{port}", f"imap://unix:{path}")) as proxy:
        with socket.create_connection((HOST, port)) as connection:
            assert connection.makefile("rb").read().startswith(b"* BYE")
        assert f"unix:{path}: No such file or directory" in proxy.said()
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
        with socket.create_connection((HOST, port)) as connection:
            assert connection.makefile("rb").read().startswith(b"* BYE")
        assert f"unix:{path}: Connection refused" in proxy.said()


def test_much_through_sockets_on_both_sides(scratch):
    """Much passes in both directions, with ends as over TCP."""
    path, port = scratch / "lmtp.sock", free_port()
    upstream = scratch / "server.sock"
    got = []

    def serve():
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(upstream))
            listener.listen()
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"220 ready\r\n")
                whole = b""
                while piece := connection.recv(65536):
                    whole += piece
                got.append(whole)
                connection.sendall(b"250 " + b"x" * 400 + b"\r\n")

    thread = threading.Thread(target=serve)
    thread.start()
    until("the server listens", upstream.exists)
    with MailProxy(scratch, {}, *_route(f"lmtp://unix:{path}", f"lmtp://unix:{upstream}"), record=False):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(20)
            connection.connect(str(path))
            assert connection.recv(100) == b"220 ready\r\n"
            sent = b"LHLO a.example\r\n" + b"NOOP x\r\n" * 200_000
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            assert connection.makefile("rb").read() == b"250 " + b"x" * 400 + b"\r\n"
    thread.join(20)
    assert got == [sent]


class Activated:
    """mailproxy behind systemd-socket-activate."""

    def __init__(self, folder, listen, names, *routes):
        self.folder, self.record = pathlib.Path(folder), pathlib.Path(folder) / "recording"
        arguments = ["/usr/bin/systemd-socket-activate"]
        for place in listen:
            arguments += ["-l", str(place)]
        arguments += [f"--fdname={names}"] if names else []
        # It hands on what it is told to and nothing else; a sanitizer has to know where its reports go.
        arguments += [f"--setenv={name}" for name in ("ASAN_OPTIONS", "TSAN_OPTIONS") if name in os.environ]
        more = [part for route in routes for part in ("--route", route)]
        arguments += [binary(), "run", "--record-dir", self.record, "--data-dir", self.folder / "data", *more]
        self.process = Process(arguments, self.folder, "activated", env=environment(self.folder))
        self.process.wait_for("it listens", lambda: "Listening on" in self.process.err)

    def stop(self):
        assert self.process.stop(signal.SIGTERM) == 0, self.process.err


def test_sockets_of_systemd(scratch):
    imap, pop3, path = free_port(), free_port(), scratch / "smtp.sock"
    routes = ["imap://systemd:imap=fallback", "pop3://systemd:pop3=fallback", "smtp://systemd:2=fallback"]
    activated = Activated(scratch, [f"{HOST}:{imap}", f"{HOST}:{pop3}", path], "imap:pop3:smtp", *routes)
    for protocol, port in ("imap", imap), ("pop3", pop3):
        done = run([CURL, "-sS", "-m", "20", f"{protocol}://{HOST}:{port}/", "-u", "you@example.com:x"])
        assert done.returncode == 0, (done, activated.process.err)
    assert _speak(path, "QUIT").startswith(b"220")
    said = activated.process.out
    assert f"imap  {HOST}:{imap} -> fallback" in said and f"smtp  unix:{path} -> fallback" in said
    activated.stop()
    # The socket is systemd's.
    assert path.exists()
    assert [row["protocol"] for row in mailproxy.sessions(activated.record)] == ["imap", "pop3", "smtp"]


def test_several_sockets_of_one_name_and_some_of_none(scratch):
    first, second, third = free_port(), free_port(), free_port()
    listen = [f"{HOST}:{port}" for port in (first, second, third)]
    activated = Activated(scratch, listen, "mail:mail:other", "imap://systemd:mail=fallback")
    for port in first, second:
        done = run([CURL, "-sS", "-m", "20", f"imap://{HOST}:{port}/", "-u", "you@example.com:x"])
        assert done.returncode == 0, (done, activated.process.err)
    assert "no route takes the socket 'other' that systemd gave" in activated.process.err
    activated.stop()


def test_one_socket_for_two_routes(scratch):
    """Its clients would come to one of them by chance."""
    done = command("run", *_route("imap://systemd:mail"), *_route("pop3://systemd:mail"), status=2, folder=scratch)
    assert b"it listens where the route 'imap://systemd:mail=" in done.stderr, done.stderr
    # That a name and a number are the same is known when the sockets are there.
    activated = Activated(scratch, [f"{HOST}:{(port := free_port())}"], "mail", "imap://systemd:mail=fallback", "pop3://systemd:0=fallback")
    with socket.create_connection((HOST, port)):
        assert activated.process.wait() == 3
    assert "the socket '0' of systemd is that of the route 'imap://systemd:mail=fallback' already" in activated.process.err


def test_sockets_that_systemd_did_not_give(scratch):
    done = command("run", *_route("imap://systemd:imap"), status=3, folder=scratch)
    assert "systemd gave no socket 'imap': it gave none" in done.stderr.decode()
    # Those of somebody else's process are not ours.
    variables = {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "imap"}
    done = run([binary(), "run", *_route("imap://systemd:imap")], env=environment(scratch, **variables))
    assert done.returncode == 3 and b"it gave none" in done.stderr, done
    for route in "imap://systemd:", "imap://systemd:a/b":
        done = command("run", *_route(route), status=2, folder=scratch)
        assert "names no socket of systemd" in done.stderr.decode()
    done = command("run", *_route(f"imap://{HOST}", "imap://systemd:imap"), status=2, folder=scratch)
    assert "systemd opens listeners, no upstreams" in done.stderr.decode()


def test_sockets_of_systemd_beyond_loopback_are_refused(scratch):
    port = free_port()
    activated = Activated(scratch, [f"0.0.0.0:{port}"], "imap", "imap://systemd:imap=fallback")
    with socket.create_connection((HOST, port)) as connection:
        connection.settimeout(20)
        status = activated.process.wait()
    assert status == 2 and f"0.0.0.0:{port} can be reached from other machines" in activated.process.err


def _identities(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line.split(":")[0]: line.split(":", 1)[1].split() for line in lines}


def _threads(pid):
    return [int(entry.name) for entry in pathlib.Path(f"/proc/{pid}/task").iterdir()]


@pytest.mark.parametrize("text", ["nobody", "nobody:mail", "65534", "nobody:8"])
def test_becoming_another_user(scratch, text):
    """Root binds a port below 1024, then nobody serves: in every thread, with no group of root's and no capability."""
    nobody, port = pwd.getpwnam("nobody"), 143
    group = 8 if ":" in text else nobody.pw_gid
    home = scratch / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, group)
    path = home / "imap.sock"
    routes = [*_route(f"imap://127.9.9.9:{port}"), *_route(f"pop3://unix:{path}?mode=0660")]
    options = [*routes, "--user", text, "--record-dir", home / "recording"]
    with MailProxy(scratch, {}, *options, record=False, data=home / "data") as proxy:
        pid = proxy.process.pid
        for thread in _threads(pid):
            found = _identities(thread)
            assert found["Uid"] == [str(nobody.pw_uid)] * 4 and found["Gid"] == [str(group)] * 4, found
            assert "0" not in found["Groups"]
            assert all(int(found[name][0], 16) == 0 for name in ("CapEff", "CapPrm", "CapAmb")), found
            assert found["NoNewPrivs"] == ["1"], found
        done = run([CURL, "-sS", f"imap://127.9.9.9:{port}/", "-u", "you@example.com:x"])
        assert done.returncode == 0, done
        assert (path.stat().st_uid, path.stat().st_gid) == (nobody.pw_uid, group)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert _speak(path, "QUIT").startswith(b"+OK")
        assert (home / "data").stat().st_uid == nobody.pw_uid
    # What is the user's can be removed by it.
    assert not path.exists()


def test_keys_are_read_as_root_and_the_authority_is_the_users(scratch):
    nobody = pwd.getpwnam("nobody")
    home = scratch / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    key, certificate = scratch / "key.pem", scratch / "certificate.pem"
    checked(
        ["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        + ["-keyout", key, "-out", certificate, "-subj", "/CN=imap.example.com", "-days", "2"]
    )
    key.chmod(0o600)
    own, minted = free_port(), free_port()
    routes = [*_route(f"imaps://{HOST}:{own}?cert={certificate}&key={key}"), *_route(f"imaps://{HOST}:{minted}")]
    with MailProxy(scratch, {}, *routes, "--user", "nobody", record=False, data=home / "data") as proxy:
        for port in own, minted:
            done = run([CURL, "-sSk", f"imaps://{HOST}:{port}/", "-u", "you@example.com:x"])
            assert done.returncode == 0, (done, proxy.said())
        assert all(path.stat().st_uid == nobody.pw_uid for path in (home / "data").rglob("*"))
        assert (home / "data" / "ca" / "ca.crt").exists()


def test_a_port_below_1024_by_capability(scratch):
    """Nobody with the one capability that it takes, as AmbientCapabilities= of a unit gives it."""
    home = scratch / "home"
    home.mkdir()
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    prefix = ["/usr/bin/setpriv", "--reuid=nobody", f"--regid={nobody.pw_gid}", "--clear-groups"]
    prefix += ["--inh-caps=+net_bind_service", "--ambient-caps=+net_bind_service", "--bounding-set=-all,+net_bind_service"]
    more = {"prefix": prefix, "data": home / "data", "record": False}
    with MailProxy(scratch, {}, *_route("imap://127.9.9.8:143"), **more) as proxy:
        done = run([CURL, "-sS", "imap://127.9.9.8:143/", "-u", "you@example.com:x"])
        assert done.returncode == 0, done
        assert _identities(proxy.process.pid)["Uid"] == [str(nobody.pw_uid)] * 4


def test_users_that_cannot_be(scratch):
    for text, reason in [
        ("nobody-at-all", "there is no user 'nobody-at-all'"),
        ("nobody:no-group", "there is no group 'no-group'"),
        ("", "must not be empty"),
        (":mail", "there is no user ''"),
        ("nobody:", "there is no group ''"),
        ("root", "that is root"),
        ("0", "that is root"),
    ]:
        done = command("run", "--set", f"user={text}", status=2, folder=scratch)
        assert reason in done.stderr.decode(), (text, done)
    # Only root becomes somebody else; who is that user already stays so.
    nobody = pwd.getpwnam("nobody")

    def become():
        os.setgroups([])
        os.setgid(nobody.pw_gid)
        os.setuid(nobody.pw_uid)

    process = Process([binary(), "run", "--user", "mail"], scratch, "other", env=environment("/"), preexec=become)
    assert process.wait() == 2 and "only root can become another user" in process.err
    low = Process(
        [binary(), "run", "--no-record", *_route("imap://127.9.9.9:144"), "--data-dir", "/nonexistent"],
        scratch, "low", env=environment("/"), preexec=become,
    )
    assert low.wait() == 3 and "CAP_NET_BIND_SERVICE, or root and --user" in low.err
