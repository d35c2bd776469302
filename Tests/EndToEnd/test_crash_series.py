"""Sudden ends in short series. `make crash` has the long ones."""

import pytest

import crash_series


def test_kill_at_random_moments(scratch):
    tally = crash_series.kills(scratch, 20, longest=0.4)
    assert tally.cycles == 20 and tally.sessions > 50 and tally.messages > 50


@pytest.mark.parametrize("sync", ["interval", "always"])
def test_power_cut_at_random_moments(scratch, sync):
    """Case F13."""
    tally = crash_series.cuts(scratch, 8, sync=sync)
    assert tally.cycles == 8 and tally.sessions > 0
