"""The virtual line: boards by the clock, the truth about each, misbehaviour on command and by schedule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.config import VirtualConfig, VirtualFault
from agent.errors import CameraGone, EndOfPictures
from agent.station.cameras.virtual_line import VirtualLine, board_of, index_of, is_bad
from tests.cameras.hand_clock import HandClock

SMALL = {"kind": "virtual", "width_px": 320, "height_px": 320}


def config(**options):
    return VirtualConfig(**{**SMALL, **options})


def line(clock, **options):
    camera = VirtualLine(config(**options), clock)
    camera.open()
    return camera


def test_a_board_is_found_again_from_its_source():
    camera = line(SystemClock(), free_run=False, seed=7)
    for _ in range(5):
        shot = camera.read(1.0)
        board = board_of(config(seed=7), index_of(shot.source))
        assert np.array_equal(shot.pixels, np.dstack([board.pixels] * 3))


def test_the_truth_is_known_without_drawing():
    asked = config(seed=3, bad_share=0.4)
    bad = [is_bad(asked, i) for i in range(60)]
    assert bad == [bool(board_of(asked, i).truth) for i in range(60)]
    assert 10 < sum(bad) < 40
    assert not any(is_bad(config(bad_share=0.0), i) for i in range(60))
    assert all(is_bad(config(bad_share=1.0), i) for i in range(60))


def test_a_drifting_line_gets_worse_and_stays_bad():
    drifting = config(bad_share=0.1, drift_to=0.6, drift_boards=2000)
    first, last, after = (
        sum(is_bad(drifting, i) for i in range(start, start + 400)) / 400 for start in (0, 1600, 5000)
    )
    assert first < 0.25
    assert last > 0.45
    assert 0.5 < after < 0.7
    assert [is_bad(drifting, i) for i in range(50)] == [bool(board_of(drifting, i).truth) for i in range(50)]


def test_index_of_another_source():
    assert index_of("virtual:5:12") == 12
    assert index_of("part-12.png") == -1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0, 0.9), min_size=1, max_size=12))
def test_every_board_is_given_or_counted_as_lost(steps):
    """FIELD 8: no board is lost in silence, whatever the pace of the reader, to the very last one."""
    clock = HandClock()
    camera = line(clock, boards=30, rate_hz=10)
    given_, lost, last = 0, 0, -1
    for step in [*steps, 10.0, 10.0]:
        clock.forward(step)
        try:
            shot = camera.read(0.0)
        except EndOfPictures:
            break
        if shot is not None:
            given_, lost = given_ + 1, lost + shot.lost
            assert index_of(shot.source) == last + 1 + shot.lost
            last = index_of(shot.source)
    assert given_ + lost == 30
    with pytest.raises(EndOfPictures):
        camera.read(0.0)


def test_a_board_is_stamped_with_the_moment_it_passed():
    """FIELD 4: the age of a board counts from its passing, not from when somebody looked."""
    clock = HandClock()
    start = clock.mono_ns
    camera = line(clock, rate_hz=10)
    clock.forward(0.47)
    shot = camera.read(0.0)
    assert index_of(shot.source) == 4
    assert shot.lost == 4
    assert shot.at.mono_ns == start + 400_000_000
    assert camera.read(0.0) is None


def test_not_running_free_each_board_comes_in_turn():
    camera = line(SystemClock(), free_run=False, boards=3)
    assert [index_of(camera.read(0.0).source) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(EndOfPictures):
        camera.read(0.0)


def test_frozen_pictures_are_equal_though_boards_pass():
    """FIELD 3: a frozen camera repeats its picture under new stamps; the pixels give it away."""
    camera = line(SystemClock(), free_run=False)
    first = camera.read(0.0)
    camera.misbehave("freeze", 60)
    second, third = camera.read(0.0), camera.read(0.0)
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.pixels, third.pixels)
    assert third.at.mono_ns > first.at.mono_ns
    camera.misbehave("freeze", 0)
    assert not np.array_equal(first.pixels, camera.read(0.0).pixels)


def test_dark_blurred_and_torn_pictures():
    camera = line(SystemClock(), free_run=False)
    good = [board_of(config(), i).pixels for i in range(4)]
    camera.misbehave("dark", 60)
    assert camera.read(0.0).pixels.max() < 32
    camera.misbehave("dark", 0)
    camera.misbehave("blur", 60)
    blurred = camera.read(0.0).pixels[..., 0]
    assert np.abs(np.diff(blurred.astype(int), axis=1)).max() < 100
    camera.misbehave("blur", 0)
    camera.misbehave("tear", 60)
    torn = camera.read(0.0).pixels[..., 0]
    assert np.array_equal(torn[:160], good[2][:160])
    assert not np.array_equal(torn[160:], good[2][160:])
    camera.misbehave("tear", 0)
    assert np.array_equal(camera.read(0.0).pixels[..., 0], good[3])


def test_dropped_frames_are_counted():
    camera = line(SystemClock(), free_run=False)
    camera.misbehave("drop", 60)
    assert [camera.read(0.0).lost for _ in range(4)] == [0, 1, 1, 1]


def test_a_camera_that_vanished_comes_back():
    """FIELD 1: gone on read and on open, and back after it; what passed meanwhile is counted."""
    clock = HandClock()
    camera = line(clock, rate_hz=10)
    assert camera.read(0.0) is not None
    camera.misbehave("vanish", 2.0)
    with pytest.raises(CameraGone, match="vanished"):
        camera.read(0.0)
    camera.close()
    with pytest.raises(CameraGone, match="vanished"):
        camera.open()
    clock.forward(2.05)
    camera.open()
    assert camera.read(0.0).lost == 19


def test_misbehaviour_by_schedule():
    clock = HandClock()
    fault = VirtualFault(kind="dark", at_s=1, for_s=0.5, every_s=2)
    camera = line(clock, rate_hz=10, faults=(fault,), width_px=128, height_px=128)
    dark = []
    for _ in range(40):
        dark.append(bool(camera.read(0.0).pixels.max() < 32))
        clock.forward(0.1)
    assert [i for i, is_dark in enumerate(dark) if is_dark] == [*range(10, 15), *range(30, 35)]


def test_an_unknown_misbehaviour_is_refused():
    camera = line(SystemClock())
    with pytest.raises(ValueError, match=r"'explode'.*freeze, dark"):
        camera.misbehave("explode", 1)
