"""Series of sudden ends, of any length: a brief form for each is in test_crash_series.py, the long one is Scripts/crash."""

import dataclasses
import random
import time

import crash_load
import mailproxy
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
