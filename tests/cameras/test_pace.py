"""When pictures are due, and how old streamed ones are."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.station.cameras.pace import Pace, stamp_at
from agent.station.cameras.staleness import Staleness
from tests.cameras.hand_clock import HandClock


@given(st.floats(0.05, 1000), st.lists(st.floats(0, 500), min_size=1, max_size=20))
def test_the_newest_is_due_and_the_next_is_not(rate_hz, steps):
    clock = HandClock()
    pace = Pace(clock, rate_hz)
    pace.start()
    for step in steps:
        clock.forward(step)
        newest, now = pace.newest(), clock.mono_ns
        assert pace.stamp(newest).mono_ns <= now < pace.stamp(newest + 1).mono_ns


def test_waiting_ends_at_the_moment_or_at_the_time_out():
    clock = HandClock()
    pace = Pace(clock, 10)
    pace.start()
    assert pace.wait(0, 0)
    assert not pace.wait(1, 0.01)
    assert pace.wait(1, 0.01, ahead_s=0.1)
    clock.forward(0.1)
    assert pace.wait(1, 0)


@given(st.integers(-(10**12), 10**12))
def test_both_clocks_of_a_moment_agree(delta_ns):
    now = HandClock().now()
    moment = stamp_at(now, now.mono_ns + delta_ns)
    assert abs((moment.utc_us - now.utc_us) * 1000 - delta_ns) < 1000


@settings(max_examples=200)
@given(st.lists(st.tuples(st.floats(0.001, 0.2), st.floats(0, 3)), min_size=2, max_size=60))
def test_a_stream_is_never_younger_than_now_and_never_goes_back(pictures):
    """FIELD 4: a picture's moment is its arrival less its wait, and moments follow each other."""
    staleness, stream, arrived, before = Staleness(), 0.0, 1000.0, float("-inf")
    for interval, late in pictures:
        stream += interval
        arrived = max(arrived, 1000.0 + stream + late)
        wait = staleness.of(stream, arrived)
        assert wait >= 0
        assert arrived - wait >= before - 1e-9
        before = arrived - wait


def test_a_burst_after_a_pause_is_old_and_the_live_picture_is_not():
    """FIELD 3: pictures that waited in a buffer are known to be old."""
    staleness = Staleness()
    for i in range(100):
        assert staleness.of(i * 0.05, 50 + i * 0.05) == pytest.approx(0, abs=1e-9)
    for i in range(100, 140):
        assert staleness.of(i * 0.05, 57) > 57 - 50 - i * 0.05 - 0.02
    assert staleness.of(140 * 0.05, 57.001) < 0.02
    staleness.of(141 * 0.05, 90)
    staleness.settle()
    assert staleness.of(142 * 0.05, 90.05) < 0.01


def test_a_stream_that_starts_anew_is_live():
    staleness = Staleness()
    staleness.of(1000, 50)
    assert staleness.of(0, 51) == 0
