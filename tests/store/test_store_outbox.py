"""The outbox: numbering, settling, sending again, and new epochs after a restore."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from agent.config import StoreConfig
from agent.store.mark import mark_file, read_mark
from agent.store.read import Reader
from agent.store.values import Message, PartQuery, StoredEvent
from agent.store.write import Writer
from tests.store.audit import audit
from tests.store.made import Committed, HandClock, Plain, drained, record, writer


@dataclass
class Centre:
    """What a centre keeps: the first payload of each identity, by its event's number."""

    held: dict[tuple[str, int], int] = field(default_factory=dict)

    def take(self, messages: Sequence[Message]) -> None:
        for message in messages:
            number = json.loads(message.payload)["detail"].get("n", 0)
            self.held.setdefault((message.epoch, message.seq), number)

    def ack(self, epoch: str) -> tuple[str, int, tuple[int, ...]]:
        seqs = {seq for its, seq in self.held if its == epoch}
        without_gap = 0
        while without_gap + 1 in seqs:
            without_gap += 1
        missing = tuple(n for n in range(without_gap + 1, max(seqs, default=0)) if n not in seqs)
        return epoch, without_gap, missing

    @property
    def numbers(self) -> list[int]:
        return sorted(n for n in self.held.values() if n)


def say(store: Writer, *numbers: int) -> None:
    for n in numbers:
        store.event("said", n=n)
    drained(store)


def waiting(store: Writer) -> list[int]:
    return [m.seq for m in Reader(store.database).unsettled(0, 1000)]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def test_messages_are_numbered_from_one_and_the_same_each_time(tmp_path: Path, clock: HandClock) -> None:
    store = writer(tmp_path, clock).start()
    say(store, 1, 2, 3)
    reader = Reader(store.database)
    first = reader.unsettled(0, 10)
    assert [m.seq for m in first] == [1, 2, 3]
    assert len(first[0].epoch) == 16
    assert int(first[0].epoch, 16) >= 0
    assert reader.unsettled(1, 1) == (first[1],)
    store.settle(first[0].epoch, 2)
    assert reader.messages(1, 3) == first
    outbox = reader.outbox()
    assert (outbox.last_seq, outbox.unsettled, outbox.oldest_unsettled_utc_us) == (3, 1, first[2].utc_us)
    store.close()
    audit(store.database)


def test_settling(tmp_path: Path, clock: HandClock) -> None:
    """FIELD 19, 20: settled is what the centre says it holds, and what it names missing waits again."""
    store = writer(tmp_path, clock).start()
    say(store, *range(1, 11))
    epoch = Reader(store.database).outbox().epoch
    assert store.settle(epoch, 4, [2]) == 3
    assert waiting(store) == [2, 5, 6, 7, 8, 9, 10]
    assert store.settle(epoch, 4, [2]) == 0
    assert store.settle(epoch, 10, [3, 7]) == 5
    assert waiting(store) == [3, 7]
    assert store.settle("0123456789abcdef", 10) == 0
    assert waiting(store) == [3, 7]
    assert store.settle(epoch, 0) == 0
    assert store.settle(epoch, 10) == 2
    assert waiting(store) == []
    assert Reader(store.database).outbox().oldest_unsettled_utc_us == 0
    store.close()


def test_resend(tmp_path: Path, clock: HandClock) -> None:
    store = writer(tmp_path, clock).start()
    say(store, *range(1, 6))
    store.settle(Reader(store.database).outbox().epoch, 5)
    assert store.resend(2, 3) == 2
    assert waiting(store) == [2, 3]
    assert store.resend(5, 500) == 1
    assert waiting(store) == [2, 3, 5]
    store.close()


def test_with_none_nothing_waits(tmp_path: Path, clock: HandClock) -> None:
    store = writer(tmp_path, clock, settle="none").start()
    say(store, 1, 2)
    assert waiting(store) == []
    assert [m.seq for m in Reader(store.database).messages(1, 9)] == [1, 2]
    store.close()
    store = writer(tmp_path, clock, settle="off").start()
    say(store, 3)
    assert waiting(store) == [3]
    store.close()


def restore(folder: Path, backup: Path) -> None:
    for file in folder.glob("results.db*"):
        file.unlink()
    shutil.copy(backup, folder / "results.db")


def lived(folder: Path, clock: HandClock, centre: Centre, *, contact: bool) -> Path:
    """A station that is backed up after five messages and goes on to eight, all of which the centre holds."""
    store = writer(folder, clock).start()
    say(store, 1, 2, 3)
    reader = Reader(store.database)
    centre.take(reader.unsettled(0, 100))
    if contact:
        store.settle(*centre.ack(reader.outbox().epoch))
    say(store, 4, 5)
    store.close()
    backup = folder.parent / "backup.db"
    shutil.copy(store.database, backup)
    store = writer(folder, clock).start()
    say(store, 6, 7, 8)
    centre.take(reader.unsettled(0, 100))
    store.settle(*centre.ack(reader.outbox().epoch))
    store.close()
    return backup


@pytest.mark.parametrize("contact", [True, False])
@pytest.mark.parametrize("offline", [1, 30])
def test_a_restored_backup_is_noticed_at_the_start(
    tmp_path: Path, clock: HandClock, contact: bool, offline: int
) -> None:
    """Nothing new is taken for a duplicate, however long the station was alone after the restore."""
    centre, data = Centre(), tmp_path / "data"
    restore(data, lived(data, clock, centre, contact=contact))
    store = writer(data, clock).start()
    say(store, *range(101, 101 + offline))
    reader = Reader(store.database)
    centre.take(reader.unsettled(0, 1000))
    store.settle(*centre.ack(reader.outbox().epoch))
    store.close()
    assert reader.outbox().unsettled == 0
    assert centre.numbers == [1, 2, 3, 4, 5, 6, 7, 8, *range(101, 101 + offline)]
    assert any(e.name == "database_restored" for e in reader.events(100))
    audit(store.database)


@pytest.mark.parametrize("restarts", [0, 1, 3])
def test_a_restored_folder_is_noticed_when_the_centre_acknowledges_more(
    tmp_path: Path, clock: HandClock, restarts: int
) -> None:
    """Without the mark: an acknowledgement above our highest number begins a new epoch."""
    centre, data = Centre(), tmp_path / "data"
    restore(data, lived(data, clock, centre, contact=True))
    mark_file(data / "results.db").unlink()
    store = writer(data, clock).start()
    say(store, 101)
    for _ in range(restarts):
        store.close()
        store = writer(data, clock).start()
    say(store, 102)
    reader = Reader(store.database)
    old = reader.outbox().epoch
    centre.take(reader.unsettled(0, 1000))
    assert 101 not in centre.numbers
    store.settle(*centre.ack(old))
    assert reader.outbox().epoch != old
    centre.take(reader.unsettled(0, 1000))
    store.settle(*centre.ack(reader.outbox().epoch))
    store.settle(*centre.ack(old))
    store.close()
    assert reader.outbox().unsettled == 0
    assert centre.numbers == [1, 2, 3, 4, 5, 6, 7, 8, 101, 102]
    audit(store.database)


def test_a_kill_is_not_taken_for_a_restore(tmp_path: Path, clock: HandClock) -> None:
    store = writer(tmp_path / "first", clock).start()
    say(store, 1, 2)
    epoch = Reader(store.database).outbox().epoch
    # The files as a kill leaves them, with the mark of before the last commit.
    mark = mark_file(store.database).read_bytes()
    say(store, 3)
    shutil.copytree(tmp_path / "first", tmp_path / "second", ignore=shutil.ignore_patterns("*-shm"))
    store.close()
    for left in (mark, b"", b"{}"):
        mark_file(tmp_path / "second" / "results.db").write_bytes(left)
        store = writer(tmp_path / "second", clock).start()
        store.close()
        assert Reader(store.database).outbox().epoch == epoch
        assert read_mark(store.database) is not None
    audit(store.database)


def test_what_cannot_be_said_does_not_stop_the_store(tmp_path: Path, clock: HandClock) -> None:
    class Refusing(Plain):
        def event(self, epoch: str, seq: int, event: StoredEvent) -> tuple[str, bytes]:
            if event.name == "strange":
                raise ValueError("cannot be said")
            return super().event(epoch, seq, event)

    store = Writer(tmp_path, StoreConfig(), "centre", lanes=(), encoder=Refusing(), clock=clock).start()
    say(store, 1)
    store.event("strange")
    say(store, 2)
    store.close()
    reader = Reader(store.database)
    assert [m.seq for m in reader.unsettled()] == [1, 2]
    assert [e.name for e in reader.events(9)] == ["said", "strange", "said"]


def test_a_file_name_that_is_no_utf8_is_kept_readably(tmp_path: Path, clock: HandClock) -> None:
    store, done = writer(tmp_path, clock).start(), Committed()
    store.add(record(1, source="caf\udce9.jpg"), None, done)
    store.event("picture_broken", file="caf\udce9.jpg")
    done.wait(1)
    drained(store)
    store.close()
    reader = Reader(store.database)
    assert reader.parts(PartQuery())[0].record.source == "caf\\udce9.jpg"
    assert reader.events(1)[0].detail == {"file": "caf\\udce9.jpg"}
