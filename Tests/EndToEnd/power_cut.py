"""Power cuts without power: from a trace of the system calls of a recorder, what a disk may have when the power goes at any moment. Of each file
that is what was synced last, and of what was written since any pages or none; of each folder the names as they were synced last, or as they
are. No file system is asked, so that the worst of all is tried, again and again."""

import random
import re

PAGE = 4096
CALLS = "openat,write,pwrite64,ftruncate,fallocate,fdatasync,fsync,rename,renameat,renameat2,unlink,unlinkat"


def prefix(trace):
    """Runs a program so that the trace has all that it wrote."""
    return ["strace", "-D", "-f", "-qq", "-y", "-xx", "-ttt", "-s", "16777216", "-o", trace, "-e", "signal=none", "-e", f"trace={CALLS}"]


class File:
    """A file with what was written since it was synced last."""

    def __init__(self):
        self.data, self.durable, self.pending = bytearray(), b"", []

    def write(self, offset, octets):
        end = offset + len(octets)
        if len(self.data) < end:
            self.data.extend(bytes(end - len(self.data)))
        self.data[offset:end] = octets
        for at in range(offset, end, PAGE):
            stop = min(end, (at // PAGE + 1) * PAGE) if at == offset else min(end, at + PAGE)
            self.pending.append((at, octets[at - offset : stop - offset]))

    def truncate(self, size):
        del self.data[size:]
        self.data.extend(bytes(size - len(self.data)))
        self.pending.append((size, None))

    def sync(self):
        self.durable, self.pending = bytes(self.data), []

    def after(self, chance, share):
        """What the disk has: each page that was not synced with the probability `share`."""
        found = bytearray(self.durable)
        for offset, octets in self.pending:
            if chance.random() >= share:
                continue
            if octets is None:
                del found[offset:]
                continue
            if len(found) < offset + len(octets):
                found.extend(bytes(offset + len(octets) - len(found)))
            found[offset : offset + len(octets)] = octets
        return bytes(found)


_LINE = re.compile(r"^(?P<thread>\d+) +(?P<time>\d+\.\d+) (?P<rest>.*)$")
_CALL = re.compile(r"^(?P<name>\w+)\((?P<arguments>.*)\) += (?P<result>-?\d+)(?P<path><.*?>)?.*$", re.DOTALL)


def _text(word):
    return bytes.fromhex(word.replace("\\x", "")).decode(errors="replace")


def calls(trace):
    """The calls of a trace that succeeded, with their times, in order. One that was interrupted by another thread is put together."""
    open_calls = {}
    for line in trace.read_text(errors="replace").splitlines():
        found = _LINE.match(line)
        if not found:
            continue
        thread, rest = found["thread"], found["rest"]
        if rest.endswith("<unfinished ...>"):
            open_calls[thread] = rest.removesuffix("<unfinished ...>").rstrip()
            continue
        resumed = re.match(r"^<\.\.\. \w+ resumed>(.*)$", rest)
        if resumed:
            rest = open_calls.pop(thread, "") + resumed[1]
        call = _CALL.match(rest)
        if call and int(call["result"]) >= 0:
            yield float(found["time"]), call["name"], call["arguments"], int(call["result"]), call["path"]


class Disk:
    """What a recorder did to the files below a folder, call by call."""

    def __init__(self, folder):
        self.folder = str(folder)
        self.names, self.durable_names = {}, {}

    def _of(self, word):
        """The file of a descriptor such as 7<"\\x2f...">; None when it is none of ours."""
        found = re.match(r"^-?\w+<(.*)>$", word)
        path = _text(found[1].strip('"')) if found else ""
        return path if path == self.folder or path.startswith(self.folder + "/") else None

    def _named(self, word):
        path = _text(word.strip('"'))
        return path if path.startswith(self.folder + "/") else None

    def take(self, name, arguments, result, opened):
        words = re.findall(r'(?:-?\w+<[^>]*>|"[^"]*"(?:\.\.\.)?|[^,]+)', arguments)
        words = [word.strip() for word in words if word.strip()]
        if name == "openat":
            path = self._named(words[1])
            if path and "O_CREAT" in arguments and path not in self.names:
                self.names[path] = File()
        elif name in ("write", "pwrite64"):
            path = self._of(words[0])
            file = self.names.get(path) if path else None
            if file is not None:
                octets = bytes.fromhex(words[1].strip('"').replace("\\x", ""))[:result]
                file.write(int(words[3]) if name == "pwrite64" else len(file.data), octets)
        elif name == "ftruncate":
            path = self._of(words[0])
            if path in self.names:
                self.names[path].truncate(int(words[1]))
        elif name in ("fdatasync", "fsync"):
            path = self._of(words[0])
            if path == self.folder:
                self.durable_names = dict(self.names)
            elif path in self.names:
                self.names[path].sync()
        elif name.startswith("rename"):
            source, target = [self._named(word) for word in words if word.startswith('"')][:2]
            if source in self.names and target:
                self.names[target] = self.names.pop(source)
        elif name.startswith("unlink"):
            path = self._named(next(word for word in words if word.startswith('"')))
            self.names.pop(path, None)

    def after_cut(self, chance):
        """{name: content} as one of the disks may have it that lost the power now."""
        share = chance.choice((0.0, 0.5, 0.9, 1.0))
        names = chance.choice((self.names, self.durable_names))
        return {path.removeprefix(self.folder + "/"): file.after(chance, share) for path, file in names.items() if not path.endswith("-shm")}


def cuts(trace, folder, count, seed=1):
    """Yields (when a segment was synced last, in seconds since 1970, {name: content}) for so many moments of the trace."""
    chance = random.Random(seed)
    all_calls = list(calls(trace))
    disk = Disk(folder)
    chosen = sorted(chance.sample(range(len(all_calls)), min(count, len(all_calls))))
    synced = 0.0
    for number, (moment, *call) in enumerate(all_calls):
        disk.take(*call)
        if call[0] in ("fdatasync", "fsync") and ".pcapng" in _text(call[1].partition("<")[2].strip('">')):
            synced = moment
        if chosen and number == chosen[0]:
            chosen.pop(0)
            yield synced, disk.after_cut(chance)
