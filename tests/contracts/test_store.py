"""What every store promises (`agent.ports.Store`), over SQLite and over memory."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import pytest

from agent.ports import Store
from agent.store.memory import MemoryStore
from agent.store.read import Reader
from agent.store.values import PartQuery, StoredEvent, StoredPart
from pipelines.values import Outcome, Purpose, Rule, Stamp
from tests.store.made import START_US, Committed, HandClock, drained, frame, opening, record, writer


class Shown(Protocol):
    """What a store shows of itself."""

    def parts(self, query: PartQuery) -> tuple[StoredPart, ...]: ...
    def part(self, part_id: int) -> StoredPart | None: ...
    def events(self, limit: int, before: int | None = None) -> tuple[StoredEvent, ...]: ...


class Rig:
    def __init__(self, store: Store, shown: Shown, settled: Callable[[], None]) -> None:
        self.store = store
        self.shown = shown
        self.settled = settled


@pytest.fixture(params=["sqlite", "memory"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    clock = HandClock()
    if request.param == "memory":
        memory = MemoryStore(clock)
        yield Rig(memory, memory, lambda: None)
        return
    store = writer(tmp_path, clock, lanes=("top", "side")).start()
    yield Rig(store, Reader(store.database), lambda: drained(store))
    store.close()


def test_a_record_comes_back_as_it_was(rig: Rig) -> None:
    made = [
        record(1, Outcome.OK),
        record(2, Outcome.NG, part_id="A-17", source="board 7", missed=3, attempt=2, purpose=Purpose.SETUP),
        record(3, Outcome.UNSURE, clock_trusted=False),
        opening(4),
    ]
    done = Committed()
    for each in made:
        rig.store.add(each, None, done)
    done.wait(len(made))
    shown = rig.shown.parts(PartQuery())
    assert [p.record for p in reversed(shown)] == made
    assert {p.state for p in shown} == {"judged"}
    assert [p.id for p in reversed(shown)] == done.ids


def test_ids_rise_in_the_order_of_adding(rig: Rig) -> None:
    done = Committed()
    for n in range(1, 201):
        rig.store.add(record(n), frame(n, 4), done)
    ids = done.wait(200)
    assert ids == sorted(set(ids))
    assert [p.record.sequence for p in rig.shown.parts(PartQuery(limit=500))] == list(range(200, 0, -1))


def test_the_callback_gets_the_frame_and_the_durable_row(rig: Rig) -> None:
    seen: list[tuple[int, int, StoredPart | None]] = []
    done = Committed()

    def on_commit(record_id: int, made: object, picture: object) -> None:
        seen.append((record_id, picture.sequence, rig.shown.part(record_id)))  # type: ignore[attr-defined]
        done(record_id, made, None)  # type: ignore[arg-type]

    rig.store.add(record(9), frame(9), on_commit)  # type: ignore[arg-type]
    (record_id,) = done.wait(1)
    assert seen[0][:2] == (record_id, 9)
    assert seen[0][2] is not None
    assert seen[0][2].record.sequence == 9


def test_an_open_row_is_there_at_once_and_not_shown_among_the_judged(rig: Rig) -> None:
    open_id = rig.store.open_part(opening(1, part_id="A-1"))
    part = rig.shown.part(open_id)
    assert part is not None
    assert (part.state, part.record.verdict.outcome, part.record.part_id) == ("open", Outcome.UNSURE, "A-1")
    assert part.record.verdict.reasons[0].rule is Rule.INTERRUPTED
    assert rig.shown.parts(PartQuery()) == ()


def test_a_record_closes_its_open_row(rig: Rig) -> None:
    open_id = rig.store.open_part(opening(1))
    other = rig.store.open_part(opening(2))
    done = Committed()
    judged = record(1, Outcome.NG, open_id=open_id)
    rig.store.add(judged, None, done)
    assert done.wait(1) == [open_id]
    (shown,) = rig.shown.parts(PartQuery())
    assert (shown.id, shown.state, shown.record) == (open_id, "judged", replace(judged, open_id=None))
    assert other > open_id


def test_a_row_is_closed_once(rig: Rig) -> None:
    open_id = rig.store.open_part(opening(1))
    done = Committed()
    rig.store.add(record(1, Outcome.NG, open_id=open_id), None, done)
    rig.store.add(record(1, Outcome.OK, open_id=open_id), None, done)
    rig.store.add(record(2, Outcome.OK, open_id=open_id + 100), None, done)
    rig.store.add(record(3), None, done)
    assert done.wait(2) == [open_id, open_id + 1]
    part = rig.shown.part(open_id)
    assert part is not None
    assert part.record.verdict.outcome is Outcome.NG
    rig.settled()
    assert [e.name for e in rig.shown.events(10)] == ["close_refused", "close_refused"]


def test_events_keep_their_order_and_detail(rig: Rig) -> None:
    rig.store.event("camera_gone", lane="top", why="unplugged", after_s=1.5, tries=3)
    rig.store.event("camera_back", lane="top")
    rig.settled()
    newest, oldest = rig.shown.events(10)
    assert (newest.name, oldest.name, newest.utc_us) == ("camera_back", "camera_gone", START_US)
    assert oldest.detail == {"lane": "top", "why": "unplugged", "after_s": 1.5, "tries": 3}
    assert rig.shown.events(10, before=newest.id) == (oldest,)
    assert rig.shown.events(1) == (newest,)


def test_search(rig: Rig) -> None:
    done = Committed()

    def at(second: int) -> Stamp:
        return Stamp(START_US + second * 1_000_000, second * 1_000_000_000, "boot-1")

    made = [
        record(1, Outcome.OK, at=at(1)),
        record(2, Outcome.NG, at=at(2), label="short", part_id="B-2"),
        record(3, Outcome.NG, "side", at=at(3), label="open"),
        record(4, Outcome.UNSURE, at=at(4), purpose=Purpose.CHALLENGE),
        record(5, Outcome.NG, at=at(5), label="open", part_id="B-2"),
        record(6, Outcome.OK, "side", at=at(6), purpose=Purpose.API),
    ]
    for each in made:
        rig.store.add(each, None, done)
    ids = done.wait(len(made))

    def found(**query: object) -> list[int]:
        return [p.record.sequence for p in rig.shown.parts(PartQuery(**query))]  # type: ignore[arg-type]

    assert found() == [6, 5, 4, 3, 2, 1]
    assert found(lane="side") == [6, 3]
    assert found(outcome=Outcome.NG) == [5, 3, 2]
    assert found(outcome=Outcome.NG, lane="top", label="open") == [5]
    assert found(label="open") == [5, 3]
    assert found(label="nothing") == []
    assert found(part_id="B-2") == [5, 2]
    assert found(part_id="B-2", label="short") == [2]
    assert found(purpose="production") == [5, 3, 2, 1]
    assert found(purpose="challenge") == [4]
    assert found(since_utc_us=at(3).utc_us, until_utc_us=at(5).utc_us) == [4, 3]
    assert found(since_utc_us=at(5).utc_us) == [6, 5]
    assert found(until_utc_us=at(1).utc_us) == []
    assert found(before_id=ids[3], limit=2) == [3, 2]
    assert found(lane="other") == []
