"""Work aside: a device that hangs costs its caller a time-out, and no more."""

import gc
import threading
import time

import pytest

from agent.errors import EngineFailed
from agent.station.engines.aside import Aside


def fine() -> str:
    return ""


def test_what_went_wrong_is_said_with_the_devices_name() -> None:
    aside = Aside("CUDA", 30)
    aside.run(fine)
    with pytest.raises(EngineFailed, match="CUDA: out of memory"):
        aside.run(lambda: "out of memory")
    aside.run(fine)


def test_a_device_that_hangs_is_given_up_until_it_answers() -> None:
    """FIELD 13: a device that hangs is an error and never a wait without end."""
    aside, answers, asked = Aside("NPU", 0.2), threading.Event(), threading.Event()

    def hang() -> str:
        answers.wait(60)
        return ""

    with pytest.raises(EngineFailed, match=r"NPU has not answered for 0\.2 s"):
        aside.run(hang, asked.set)
    assert asked.is_set()
    with pytest.raises(EngineFailed, match="NPU has still not answered"):
        aside.run(fine)
    answers.set()
    until = time.monotonic() + 30
    while True:
        try:
            aside.run(fine)
            break
        except EngineFailed:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_the_thread_ends_when_it_is_let_go_of() -> None:
    aside = Aside("let go", 30)
    aside.run(fine)
    (thread,) = [t for t in threading.enumerate() if t.name == "let go run"]
    del aside
    gc.collect()
    thread.join(30)
    assert not thread.is_alive()
