"""Sudden ends in short series. `make crash` has the long ones."""

import crash_series


def test_kill_at_random_moments(scratch):
    tally = crash_series.kills(scratch, 20, longest=0.4)
    assert tally.cycles == 20 and tally.sessions > 50 and tally.messages > 50
