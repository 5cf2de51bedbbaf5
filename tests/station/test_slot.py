"""The slot between two threads."""

import threading

from hypothesis import given
from hypothesis import strategies as st

from agent.slot import Slot


@given(st.lists(st.integers(), max_size=30), st.integers(1, 5))
def test_newest_keeps_the_newest_and_hands_over_the_rest(things: list[int], size: int) -> None:
    """FIELD 4: frames never queue up; what gives way is known."""
    dropped: list[int] = []
    slot: Slot[int] = Slot(size, newest=True, dropped=dropped.append)
    for thing in things:
        assert slot.put(thing)
    kept = [taken for _ in range(len(slot)) if (taken := slot.take(0.0)) is not None]
    assert dropped + kept == things
    assert len(kept) == min(size, len(things))


def test_every_keeps_order_and_waits_for_room() -> None:
    slot: Slot[int] = Slot(2, newest=False)
    assert slot.put(1)
    assert slot.put(2)
    assert not slot.put(3, timeout_s=0.01)
    taken: list[int | None] = []
    reader = threading.Thread(target=lambda: taken.extend(slot.take(5.0) for _ in range(3)))
    reader.start()
    assert slot.put(3, timeout_s=5.0)
    reader.join(5.0)
    assert taken == [1, 2, 3]


def test_close_wakes_and_lets_what_is_held_be_taken() -> None:
    slot: Slot[int] = Slot(1)
    slot.put(1)
    slot.close()
    assert not slot.put(2)
    assert slot.take(0.0) == 1
    assert slot.take(5.0) is None
