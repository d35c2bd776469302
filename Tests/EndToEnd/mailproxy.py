"""MailProxy as users run it: the live process, and the commands that end by themselves."""

import atexit
import json
import os
import pathlib
import shutil
import signal
import tempfile

from processes import HOST, Process, free_port, run


# How many times as much time and memory a program may take: that of a sanitizer's build more.
PATIENCE = int(os.environ.get("MAILPROXY_PATIENCE", "1"))


def binary():
    """The program under test."""
    path = os.environ.get("MAILPROXY")
    assert path, "the environment variable MAILPROXY must name the mailproxy program"
    path = pathlib.Path(path).resolve()
    assert os.access(path, os.X_OK), f"{path} (from MAILPROXY) is no program"
    return path


_homes = []


def _home(folder):
    """Where a command keeps what is its own. Those that run in no folder of a test share one."""
    if str(folder) != "/":
        return str(folder)
    if not _homes:
        _homes.append(tempfile.mkdtemp(prefix="mailproxy-home-"))
        atexit.register(shutil.rmtree, _homes[0], ignore_errors=True)
    return _homes[0]


def environment(folder, **more):
    """A bare environment, so that nothing of the developer's own settings is read; only sanitizers get theirs."""
    return {
        **{name: os.environ[name] for name in ("ASAN_OPTIONS", "TSAN_OPTIONS") if name in os.environ},
        "PATH": "/usr/bin:/bin",
        "HOME": _home(folder),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "SWIFT_BACKTRACE": "enable=no",
        **more,
    }


class MailProxy:
    """`mailproxy run` with a route for each protocol given. `upstreams` is {"smtp": port or word, ...}. Closed segments stay as they
    are, for readers that know of no other form; test_store.py has them packed."""

    def __init__(self, folder, upstreams, *options, record=True, name="mailproxy", data=None, ports=None, listener="", env=(), prefix=()):
        self.folder = pathlib.Path(folder)
        self.record = self.folder / f"{name}-recording"
        self.data = data or self.folder / f"{name}-data"
        self.ports = ports or {protocol: free_port() for protocol in upstreams}
        arguments = [*prefix, binary(), "run", "--no-ui", "--data-dir", self.data]
        # None: the options say where.
        if record is not None:
            arguments += ["--record-dir", self.record] if record else ["--no-record"]
        for protocol, upstream in upstreams.items():
            target = upstream if isinstance(upstream, str) else f"{protocol}://{HOST}:{upstream}"
            arguments += ["--route", f"{protocol}://{HOST}:{self.ports[protocol]}{listener}={target}"]
        self.process = Process([*arguments, *options], self.folder, name, env=environment(self.folder, **{"MAILPROXY_RECORD_COMPRESS": "none", **dict(env)}), cwd=self.folder)
        self.process.wait_for("it is ready", self.is_ready)

    def is_ready(self):
        return any(line.strip() == "ready" for line in (self.process.out + "\n" + self.process.err).splitlines())

    def said(self):
        return self.process.out + self.process.err

    def peak_kilobytes(self):
        """The most resident memory that it ever had (VmHWM), by what it may take."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // PATIENCE
        raise AssertionError("the kernel does not tell VmHWM")

    def kill(self):
        """kill -9."""
        self.process.kill(signal.SIGKILL)
        assert self.process.wait() == -signal.SIGKILL

    def stop(self):
        """SIGTERM, and it must end by itself with status 0."""
        assert (
            self.process.running()
        ), f"it ended by itself with {self.process.child.returncode}: {self.process.err[-3000:]}"
        status = self.process.stop(signal.SIGTERM)
        assert status == 0, f"SIGTERM ended it with {status}: {self.process.err[-3000:]}"

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            if self.process.running():
                self.stop()
        else:
            self.process.stop(signal.SIGKILL)


def command(*arguments, status=None, seconds=60.0, folder="/", stdin=b""):
    """Runs a mailproxy command to its end; `status` is the exit status that it must have."""
    done = run([binary(), *arguments], stdin, seconds * PATIENCE, environment(folder), folder)
    if status is not None:
        allowed = status if isinstance(status, tuple) else (status,)
        assert done.returncode in allowed, (
            f"mailproxy {' '.join(map(str, arguments))} ended with {done.returncode}\n"
            f"{done.stdout.decode(errors='replace')[-2000:]}\n{done.stderr.decode(errors='replace')[-2000:]}"
        )
    return done


def rows(done):
    """One JSON document a line."""
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def sessions(source):
    """`sessions list` of a recording's folder or a capture file."""
    return rows(command("sessions", "list", source, "--json", status=0))


def exchanges(source, session):
    return rows(command("sessions", "show", session, source, "--json", status=0))


def all_exchanges(source):
    """{session id: its exchanges} of all sessions."""
    found = {}
    for row in rows(command("sessions", "show", source, "--json", status=0)):
        found.setdefault(row["session"], []).append(row)
    return found


def timeless(row):
    """An exchange or session without what differs between two recordings of the same session: ids, times, and through
    which listener to which server it went."""
    vary = ("id", "session", "time", "start", "seconds", "route", "server", "upstream")
    return {key: value for key, value in row.items() if key not in vary}


def segments(record):
    """The pcapng files of a recording, oldest first."""
    return sorted(pathlib.Path(record).glob("*.pcapng"))
