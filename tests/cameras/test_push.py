"""Pictures handed in."""

import threading

import numpy as np
import pytest

from agent.clock import SystemClock
from agent.config import PushConfig
from agent.errors import EndOfPictures
from agent.station.cameras.push import QUEUE, Push, PushRefused
from pipelines.values import Purpose, Rule

PIXELS = np.zeros((40, 50, 3), np.uint8)


def push(**options):
    return Push(PushConfig(kind="push", **options), SystemClock())


def test_pictures_come_in_order_with_what_was_said_of_them():
    camera = push()
    answers = []
    camera.put(PIXELS, "a-1", "rest", Purpose.CHALLENGE, answers.append)
    camera.put(PIXELS + 1, "a-2")
    first, second = camera.read(0.0), camera.read(0.0)
    assert (first.part_id, first.source, first.purpose) == ("a-1", "rest", Purpose.CHALLENGE)
    assert (second.part_id, second.purpose) == ("a-2", Purpose.API)
    assert second.at.mono_ns >= first.at.mono_ns
    first.committed(41)
    assert answers == [41]
    assert camera.read(0.0) is None


def test_a_waiting_reader_is_woken():
    camera = push()
    got = []
    reader = threading.Thread(target=lambda: got.append(camera.read(30)))
    reader.start()
    camera.put(PIXELS)
    reader.join(30)
    assert len(got) == 1


def test_a_full_queue_refuses():
    camera = push()
    for _ in range(QUEUE):
        camera.put(PIXELS)
    with pytest.raises(PushRefused, match=f"{QUEUE} pictures"):
        camera.put(PIXELS)
    camera.read(0.0)
    camera.put(PIXELS)


def test_large_pictures_fill_the_queue_sooner():
    camera = push(max_px=2000)
    camera.put(PIXELS)
    camera.put(PIXELS)
    with pytest.raises(PushRefused, match="4000 px wait"):
        camera.put(PIXELS)


@pytest.mark.parametrize(
    ("pixels", "says"),
    [
        (np.zeros((40, 50), np.uint8), r"\(40, 50\)"),
        (np.zeros((40, 50, 3), np.uint16), "uint16"),
        (np.zeros((0, 0, 3), np.uint8), r"\(0, 0, 3\)"),
        (np.zeros((60, 60, 3), np.uint8), "60 x 60 px, at most 2000 px"),
    ],
)
def test_what_is_no_picture_is_refused(pixels, says):
    with pytest.raises(PushRefused, match=says):
        push(max_px=2000).put(pixels)


def test_a_finished_source_ends_after_its_last_picture():
    camera = push()
    camera.put(PIXELS)
    camera.finish()
    with pytest.raises(PushRefused, match="finished"):
        camera.put(PIXELS)
    assert camera.read(0.0) is not None
    with pytest.raises(EndOfPictures):
        camera.read(0.0)


NOTHING = np.zeros((0, 0, 3), np.uint8)


@pytest.mark.parametrize("fault", [Rule.UNREADABLE, Rule.INCOMPLETE])
def test_a_picture_that_could_not_be_read_is_a_part_too(fault):
    camera, answers = push(), []
    camera.put(NOTHING, "a-1", "a.png", Purpose.PRODUCTION, answers.append, fault=fault, note="cut off")
    shot = camera.read(0.0)
    assert (shot.fault, shot.note, shot.part_id, shot.purpose) == (fault, "cut off", "a-1", Purpose.PRODUCTION)
    assert shot.pixels.shape == (0, 0, 3)
    shot.committed(7)
    assert answers == [7]


@pytest.mark.parametrize(("pixels", "fault"), [(PIXELS, Rule.UNREADABLE), (NOTHING, Rule.LATE), (NOTHING, Rule.DEFECT)])
def test_other_faults_are_not_handed_in(pixels, fault):
    with pytest.raises(PushRefused, match="allowed: unreadable and incomplete"):
        push().put(pixels, fault=fault)
