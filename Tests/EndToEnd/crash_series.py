"""Series of sudden ends, of any length: a brief form for each is in test_crash_series.py, the long one is Scripts/crash."""

import dataclasses
import random
import shutil
import time

import crash_load
import mailproxy
import power_cut
from mailproxy import MailProxy, command
from processes import crowding

# Settings that a recorder may be killed with; each cycle takes one of each.
CHOICES = {
    "record.sync": ("interval", "session", "always"),
    "record.segment-size": ("65536", "300000", "268435456"),
    "record.compress": ("zstd", "none"),
}
# A recording that is written to by so many recorders, one after the other, before the next is begun.
RECORDERS = 5


@dataclasses.dataclass
class Tally:
    """What a series has come to."""

    cycles: int = 0
    sessions: int = 0
    messages: int = 0
    due_sessions: int = 0
    due_messages: int = 0
    reindexed: int = 0

    def __str__(self):
        return (
            f"{self.cycles} ends: {self.sessions} sessions and {self.messages} whole messages recorded; all {self.due_sessions} sessions and "
            f"{self.due_messages} messages that were over long enough before are there; {self.reindexed} indexes made anew say the same"
        )


def kills(folder, cycles, seed=1, longest=0.3, told=lambda text: None):
    """Kills the recorder with kill -9 at random moments under load, again and again; the next goes on in the same recording. After each
    the recording must open, take nothing for complete that was not, and hold against its signatures."""
    chance = random.Random(seed)
    tally = Tally()
    data = folder / "data"
    loads = []
    for cycle in range(cycles):
        if cycle % RECORDERS == 0:
            loads = []
        name = f"series{cycle // RECORDERS}"
        options = [part for key, values in CHOICES.items() for part in ("--set", f"{key}={chance.choice(values)}")]
        proxy = MailProxy(folder, {"smtp": "fallback"}, *options, name=name, data=data, env={"MAILPROXY_RECORD_COMPRESS": "zstd"})
        load = crash_load.Load(proxy.ports["smtp"], seed=seed * 10_000 + cycle)
        # What is tested is that no moment is a bad one: this one is chosen blindly.
        time.sleep(chance.uniform(0.0, longest) if chance.random() < 0.95 else 3.0)
        proxy.kill()
        load.finish()
        loads.append(load)
        found = crash_load.check(proxy.record, folder, loads, lag=2.0 * crowding())
        faults = crash_load.faults_of(proxy.record)
        assert faults == [], f"cycle {cycle} ({' '.join(options)}): {faults}"
        tally.cycles += 1
        if cycle % RECORDERS == RECORDERS - 1 or cycle == cycles - 1:
            before = listed(proxy.record)
            command("sessions", "reindex", "--record-dir", proxy.record, status=0, seconds=300)
            after = listed(proxy.record)
            other = [(before.get(id), after.get(id)) for id in sorted({*before, *after}) if before.get(id) != after.get(id)]
            assert other == [], f"cycle {cycle}: the index made anew says something else of {len(other)} sessions: {other[:3]}"
            tally.reindexed += 1
            for field, count in zip(("sessions", "messages", "due_sessions", "due_messages"), found):
                setattr(tally, field, getattr(tally, field) + count)
        told(f"cycle {cycle}: {found}")
    return tally


def listed(record):
    """The sessions of a recording, by id."""
    return {row["id"]: row for row in mailproxy.sessions(record)}


def cuts(folder, cycles, seed=1, told=lambda text: None, sync="interval"):
    """Case F13: the power goes at any moment under load (power_cut.py). What was synced opens and holds against its signatures, as soon as the
    next recorder has begun; what was over a moment before the last sync is there."""
    tally = Tally()
    turn = 0
    while tally.cycles < cycles:
        turn += 1
        name, data = f"cut{turn}", folder / "data"
        trace = folder / "trace"
        record = folder / f"{name}-recording"
        record.mkdir(mode=0o700)
        options = ["--set", f"record.sync={sync}", "--set", "record.segment-size=100000"]
        with MailProxy(folder, {"smtp": "fallback"}, *options, name=name, data=data, prefix=power_cut.prefix(trace)) as proxy:
            load = crash_load.Load(proxy.ports["smtp"], clients=2, seed=seed * 1_000 + turn, pause=0.05)
            offset = time.time() - time.monotonic()
            # The load itself is what is wanted: so long that some of it was over long before the end.
            time.sleep(4.0)
            load.finish()
        for synced, files in power_cut.cuts(trace, record, min(cycles - tally.cycles, 25), seed + turn):
            state = folder / "state"
            shutil.rmtree(state, ignore_errors=True)
            state.mkdir(mode=0o700)
            for file, octets in files.items():
                (state / file).write_bytes(octets)
                (state / file).chmod(0o600)
            what = f"cut {tally.cycles} of seed {seed}, {sync}"
            load.killed = synced - offset
            for _ in range(2):
                found = crash_load.check(state, folder, [load], lag=0.3 * crowding()) if any(".pcapng" in file for file in files) else (0, 0, 0, 0)
                # Whoever goes on in it first puts right what can be.
                with MailProxy(folder, {"smtp": "fallback"}, "--record-dir", state, record=None, name="after", data=data):
                    pass
            faults = crash_load.faults_of(state)
            assert faults == [], f"{what}: {faults}"
            tally.cycles += 1
            for field, count in zip(("sessions", "messages", "due_sessions", "due_messages"), found):
                setattr(tally, field, getattr(tally, field) + count)
            told(f"{what}: {found}")
    return tally
