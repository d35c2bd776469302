"""Child processes and ports: everything a test starts is started, waited for and ended here.

A process is ended by its own process id and its process group, never by name. Every wait has a bound."""

import os
import pathlib
import random
import signal
import socket
import subprocess
import time

HOST = "127.0.0.1"


def crowding():
    """How many programs want each processor, at least 1 and at most 8: a wait that fails may take so many times as long."""
    return min(8.0, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


def until(what, question, seconds=10.0, pause=0.01):
    """Asks `question` until its answer is true, and returns the answer; fails after `seconds`, later on a crowded machine."""
    began = time.monotonic()
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > began + seconds * crowding():
            raise AssertionError(f"waited {seconds} s in vain for {what}")
        time.sleep(pause)


def never(what, question, seconds, pause=0.05):
    """Asks `question` for `seconds`, however crowded the machine is, and fails as soon as its answer is true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if question():
            raise AssertionError(f"{what} within {seconds} s")
        time.sleep(pause)


_given_ports = set()


def _range_of_ports():
    """The part of 12000 to 31999 that is this process's own: tests that run side by side are given a part each, so that
    none takes a port that another has looked at and not yet opened."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    size = 20000 // workers
    return 12000 + worker * size, 12000 + (worker + 1) * size


def free_port():
    """A loopback port on which nothing listens. It lies below the range from which the kernel takes ports for outgoing
    connections, so that no client can be sitting on it by chance."""
    while True:
        port = random.randrange(*_range_of_ports())
        if port in _given_ports:
            continue
        with socket.socket() as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
        _given_ports.add(port)
        return port


def listens(port, host=HOST):
    """Whether something accepts connections on the port."""
    with socket.socket() as probe:
        probe.settimeout(2)
        return probe.connect_ex((host, port)) == 0


def listening(port):
    """Whether the kernel has a listener on the loopback port, without connecting to it (a connection would be a
    session)."""
    wanted = f"{port:04X}"
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and fields[1].split(":")[1] == wanted:
            return True
    return False


class Process:
    """A child in a process group of its own, with its output in files."""

    # Those not yet stopped, so that a failing test leaves none behind.
    live = set()

    def __init__(self, arguments, folder, name, env=None, cwd=None, preexec=None):
        self.name = name
        self.out_path = pathlib.Path(folder) / f"{name}.out"
        self.err_path = pathlib.Path(folder) / f"{name}.err"
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.child = subprocess.Popen(
                [str(a) for a in arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=env,
                cwd=cwd,
                start_new_session=True,
                preexec_fn=preexec,
            )
        Process.live.add(self)

    @property
    def pid(self):
        return self.child.pid

    @property
    def out(self):
        return self.out_path.read_text(errors="replace")

    @property
    def err(self):
        return self.err_path.read_text(errors="replace")

    def running(self):
        return self.child.poll() is None

    def wait_for(self, what, question, seconds=15.0):
        """Waits until `question` is true; a child that ends meanwhile is a failure with its output in the text."""

        def ask():
            if not self.running():
                raise AssertionError(
                    f"{self.name} ended with {self.child.returncode} before {what}\n"
                    f"{self.out[-2000:]}\n{self.err[-4000:]}"
                )
            return question()

        try:
            return until(what, ask, seconds)
        except AssertionError as failure:
            raise AssertionError(f"{failure}\n{self.name} said:\n{self.out[-2000:]}\n{self.err[-4000:]}") from None

    def kill(self, number):
        os.kill(self.pid, number)

    def wait(self, seconds=15.0):
        """The exit status; negative when a signal ended it."""
        try:
            return self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} did not end within {seconds} s\n{self.err[-4000:]}") from None

    def stop(self, number=signal.SIGTERM, seconds=15.0):
        """Asks it to end, insists when it does not, and clears what is left of its process group."""
        status = None
        if self.running():
            self.kill(number)
            try:
                status = self.child.wait(seconds)
            except subprocess.TimeoutExpired:
                pass
        else:
            status = self.child.returncode
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait(seconds)
        Process.live.discard(self)
        return status


def run(arguments, stdin=b"", seconds=30.0, env=None, cwd=None):
    """Runs a program to its end and returns it with bytes in `stdout` and `stderr`."""
    if isinstance(stdin, str):
        stdin = stdin.encode()
    try:
        return subprocess.run(
            [str(a) for a in arguments],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=seconds * crowding(),
            env=env,
            cwd=cwd,
            check=False,
        )
    except subprocess.TimeoutExpired as late:
        raise AssertionError(
            f"{arguments[0]} did not end within {seconds} s\n{late.stdout or b''!r}\n{late.stderr or b''!r}"
        ) from None


def checked(arguments, stdin=b"", seconds=30.0, env=None, cwd=None):
    """As `run`, and the exit status must be 0."""
    done = run(arguments, stdin, seconds, env, cwd)
    assert done.returncode == 0, (
        f"{' '.join(map(str, arguments))} ended with {done.returncode}\n"
        f"{done.stdout.decode(errors='replace')[-3000:]}\n{done.stderr.decode(errors='replace')[-3000:]}"
    )
    return done
