"""Evidence: which pictures are kept, how they come to lie on the disk, and when they go."""

import hashlib
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import EvidenceConfig
from agent.station.draw import draw, number_of
from agent.station.evidence import MB, MOST_WAITING_BYTES, Evidence
from agent.store.read import Reader
from agent.store.values import PartQuery
from agent.store.write import Writer
from pipelines.values import Frame, Outcome, Record, Stamp
from tests.store.made import Committed, HandClock, drained, frame, record, writer

LOTS = 1_000_000 * MB


@dataclass
class Disk:
    """A disk whose free space is what the test says it is."""

    free: int = LOTS

    def __call__(self, _: Path) -> int:
        return self.free


@dataclass
class Rig:
    data: Path
    config: EvidenceConfig = field(default_factory=lambda: EvidenceConfig(lossless_share=0.0))
    disk: Disk = field(default_factory=Disk)
    clock: HandClock = field(default_factory=HandClock)
    rate: float = 0.0

    def __post_init__(self) -> None:
        self.done = Committed()
        self.begin()

    def begin(self) -> None:
        self.store: Writer = writer(self.data, self.clock, settle="off").start()
        self.keeper = Evidence(self.folder, self.config, self.store, self.clock, self.disk).start()
        self.reader = Reader(self.store.database)

    def end(self) -> None:
        self.keeper.close()
        self.store.close()

    @property
    def folder(self) -> Path:
        return self.data / "evidence"

    @property
    def files(self) -> list[str]:
        return sorted(str(p.relative_to(self.folder)) for p in self.folder.rglob("*") if p.is_file())

    def _committed(self, record_id: int, made: Record, picture: Frame | None) -> None:
        self.keeper.offer(record_id, made, picture, self.rate)
        self.done(record_id, made, picture)

    def judge(self, *outcomes: Outcome, size: int = 32) -> None:
        first = len(self.done.ids)
        for n, outcome in enumerate(outcomes, first + 1):
            self.store.add(record(n, outcome, at=self.clock.now()), frame(n, size), self._committed)
        self.done.wait(first + len(outcomes))

    def settled(self) -> None:
        """Summarise what is there, so that it may be removed."""
        self.clock.pass_s(60)
        drained(self.store)

    def until(self, condition: Callable[[], bool]) -> None:
        for _ in range(3000):
            assert not self.keeper.crash, self.keeper.crash
            if condition():
                return
            self.clock.pass_s(0.01)
            time.sleep(0.01)
        raise AssertionError(f"it did not come true in time: {self.files} {self.keeper.disk()}")

    def kept(self) -> list[int]:
        return [p.id for p in reversed(self.reader.parts(PartQuery(limit=1000))) if p.evidence is not None]


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.end()


def test_pictures_of_bad_and_unsure_parts_are_kept_and_named(rig: Rig) -> None:
    rig.judge(Outcome.OK, Outcome.NG, Outcome.UNSURE, Outcome.OK)
    rig.until(lambda: rig.kept() == [2, 3])
    assert rig.files == ["top/2026-05-29/2-NG.jpg", "top/2026-05-29/3-UNSURE.jpg"]
    part = rig.reader.part(2)
    assert part is not None
    assert part.evidence is not None
    data = (rig.folder / part.evidence.file).read_bytes()
    assert (hashlib.sha256(data).hexdigest(), len(data)) == (part.evidence.sha256, part.evidence.bytes)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert np.abs(picture.astype(int) - frame(2).pixels).max() <= 3
    disk = rig.keeper.disk()
    assert (disk.evidence, disk.quota_mb, disk.free_mb) == ("on", 20_000, LOTS // MB)


def test_good_ones_are_sampled_by_their_id(rig: Rig) -> None:
    rig.rate = 0.3
    rig.judge(*[Outcome.OK] * 60)
    chosen = [n for n in range(1, 61) if number_of(n, rig.reader.draw_key()) < 0.3]
    rig.until(lambda: rig.kept() == chosen)
    assert 5 < len(chosen) < 35


@given(st.integers(1, 1 << 62), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_rate_keeps_what_a_lower_one_keeps(record_id: int, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert kept_at(record_id, low) <= kept_at(record_id, high)
    assert kept_at(record_id, 1.0)
    assert not kept_at(record_id, 0.0)


def kept_at(record_id: int, share: float) -> bool:
    return draw(record_id, Outcome.OK, b"", ok=share, lossless=0.0, audit=0.0).kept


def test_the_sample_is_as_large_as_asked() -> None:
    assert sum(kept_at(n, 0.01) for n in range(1, 100_001)) == pytest.approx(1000, abs=100)


def test_no_picture_nothing_to_keep(rig: Rig) -> None:
    empty = np.zeros((0, 0, 3), np.uint8)
    rig.keeper.offer(1, record(1, Outcome.UNSURE), None)
    rig.keeper.offer(1, record(1, Outcome.UNSURE), Frame("top", 1, empty, Stamp(0, 0, "b")))
    rig.judge(Outcome.NG)
    rig.until(lambda: rig.kept() == [1])
    assert rig.files == ["top/2026-05-29/1-NG.jpg"]


def test_switched_off(tmp_path: Path) -> None:
    rig = Rig(tmp_path, EvidenceConfig(lossless_share=0.0, enabled=False))
    rig.judge(Outcome.NG)
    drained(rig.store)
    rig.end()
    assert rig.files == []
    assert rig.keeper.disk().evidence == "off"


def test_more_than_fits_is_counted_not_waited_for(rig: Rig) -> None:
    """The keeper never holds up the write thread."""
    big = np.zeros((2000, 2000, 3), np.uint8)
    for n in range(1, 31):
        rig.keeper.offer(n, record(n, Outcome.NG), Frame("top", n, big, rig.clock.now()))
    rig.until(lambda: any(e.name == "evidence_lost" for e in rig.reader.events(100)))
    (event,) = [e for e in rig.reader.events(100) if e.name == "evidence_lost"]
    assert int(event.detail["pictures"]) + len(rig.files) <= 30


def test_the_quota_takes_good_ones_first_and_then_the_oldest(tmp_path: Path) -> None:
    """FIELD 18: good before bad."""
    rig = Rig(tmp_path, EvidenceConfig(quota_mb=1, lossless_share=1.0), rate=1.0)
    noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), np.uint8)
    outcomes = [Outcome.NG, Outcome.OK, Outcome.UNSURE, Outcome.OK]

    def judge(n: int) -> None:
        picture = Frame("top", n, noise, rig.clock.now())
        rig.store.add(record(n, outcomes[n % 4], at=rig.clock.now()), picture, rig._committed)
        rig.done.wait(n)

    for n in range(1, 21):
        judge(n)
        rig.until(lambda n=n: f"{n}-" in "".join(rig.files) or rig.keeper.disk().evidence == "stopped")
        rig.settled()
    rig.until(lambda: sum((rig.folder / f).stat().st_size for f in rig.files) <= MB)
    rig.until(lambda: len(rig.kept()) == len(rig.files))
    kept = rig.kept()
    rig.end()
    bad = [n for n in kept if n % 2 == 0]
    assert bad == list(range(2, 21, 2))[-len(bad) :]
    assert len(bad) > len(kept) - len(bad)


def test_age(tmp_path: Path) -> None:
    rig = Rig(tmp_path, EvidenceConfig(lossless_share=0.0, keep_days=2))
    rig.judge(Outcome.NG)
    rig.until(lambda: rig.kept() == [1])
    rig.settled()
    rig.clock.pass_s(86_400)
    rig.judge(Outcome.NG)
    rig.until(lambda: rig.kept() == [1, 2])
    rig.clock.pass_s(1.5 * 86_400)
    rig.until(lambda: rig.kept() == [2])
    rig.end()
    assert rig.files == ["top/2026-05-30/2-NG.jpg"]
    assert not (rig.folder / "top/2026-05-29").exists()


def test_the_reserve_stops_pictures_and_not_judging(tmp_path: Path) -> None:
    """FIELD 18: disk full: pictures go and stop, parts are judged on."""
    rig = Rig(tmp_path, EvidenceConfig(lossless_share=0.0, reserve_mb=100), rate=1.0)
    rig.judge(Outcome.OK, Outcome.NG)
    rig.until(lambda: rig.kept() == [1, 2])
    rig.disk.free = 99 * MB
    rig.until(lambda: rig.keeper.disk().evidence == "stopped")
    # Not yet summarised: nothing may be removed, whatever the disk says.
    assert rig.files == ["top/2026-05-29/1-OK.png", "top/2026-05-29/2-NG.jpg"]
    rig.judge(Outcome.NG)
    rig.settled()
    rig.until(lambda: rig.files == [])
    rig.until(lambda: rig.kept() == [])
    rig.disk.free = 103 * MB
    rig.clock.pass_s(10)
    time.sleep(0.7)
    assert rig.keeper.disk().evidence == "stopped"
    rig.disk.free = 200 * MB
    rig.until(lambda: rig.keeper.disk().evidence == "on")
    rig.judge(Outcome.NG)
    rig.until(lambda: rig.kept() == [4])
    rig.end()
    assert [e.name for e in reversed(rig.reader.events(10))] == ["evidence_stopped", "evidence_back"]


def test_a_start_clears_up_after_a_kill(tmp_path: Path) -> None:
    """A half-written picture goes; a whole one whose row does not know of it yet is named in it."""
    rig = Rig(tmp_path)
    rig.judge(Outcome.NG, Outcome.NG, Outcome.OK)
    rig.until(lambda: rig.kept() == [1, 2])
    rig.end()
    day = rig.folder / "top/2026-05-29"
    lost = day / "2-NG.jpg"
    rig.store = writer(tmp_path, rig.clock, settle="off").start()
    rig.store.drop_evidence([2])
    drained(rig.store)
    rig.store.close()
    just_now_s = rig.clock.now().utc_us / 1e6 + 1
    os.utime(lost, (just_now_s, just_now_s))
    (day / "9-NG.jpg.part").write_bytes(b"half")
    (day / "3-NG.jpg").write_bytes(lost.read_bytes())
    (day / "77-NG.jpg").write_bytes(lost.read_bytes())
    rig.begin()
    rig.until(lambda: rig.kept() == [1, 2])
    part = rig.reader.part(2)
    assert part is not None
    assert part.evidence is not None
    assert part.evidence.sha256 == hashlib.sha256(lost.read_bytes()).hexdigest()
    # Row 3 was OK and row 77 is not there: those pictures are of a database before a restore.
    assert rig.files == [f"top/2026-05-29/{n}-NG.jpg" for n in (1, 2, 3, 77)]
    rig.settled()
    rig.clock.pass_s(100 * 86_400)
    rig.until(lambda: rig.files == [])
    rig.end()


def test_a_picture_older_than_the_verdict_is_not_its_proof(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.judge(Outcome.NG)
    rig.until(lambda: rig.kept() == [1])
    rig.end()
    rig.store = writer(tmp_path, rig.clock, settle="off").start()
    rig.store.drop_evidence([1])
    drained(rig.store)
    rig.store.close()
    file = rig.folder / "top/2026-05-29/1-NG.jpg"
    before_s = rig.clock.now().utc_us / 1e6 - 3600
    os.utime(file, (before_s, before_s))
    rig.begin()
    rig.clock.pass_s(5)
    time.sleep(0.7)
    assert rig.kept() == []
    rig.end()


def test_a_full_disk_loses_pictures_and_nothing_else(tmp_path: Path) -> None:
    """FIELD 18, on a real small disk."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small disk needs root")
    folder = tmp_path / "evidence"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "small", folder]
    mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a tmpfs cannot be mounted here: {mounted.stderr.strip()}")
    try:
        rig = Rig(tmp_path, EvidenceConfig(lossless_share=1.0, reserve_mb=0))
        noise = np.random.default_rng(1).integers(0, 256, (400, 400, 3), np.uint8)
        for n in range(1, 16):
            rig.store.add(record(n, Outcome.NG), Frame("top", n, noise, rig.clock.now()), rig._committed)
        rig.done.wait(15)
        rig.until(lambda: any(e.name == "evidence_lost" for e in rig.reader.events(100)))
        assert len(rig.reader.parts(PartQuery())) == 15
        assert not [name for name in rig.files if name.endswith(".part")]
        rig.end()
        assert len(rig.kept()) == len(rig.files) > 0
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_many_lanes_offer_at_once(rig: Rig) -> None:
    def offer(lane: str) -> None:
        for n in range(1, 11):
            made = record(n, Outcome.NG, lane, at=rig.clock.now())
            rig.store.add(made, frame(n, 8), rig._committed)

    lanes = [threading.Thread(target=offer, args=(name,)) for name in ("top", "side", "back", "front")]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    rig.done.wait(40)
    rig.until(lambda: len(rig.kept()) == 40)
    assert len(rig.files) == 40


def test_one_picture_is_kept_however_large_it_is(rig: Rig) -> None:
    """A camera of 24 million pixels: one picture is more than may wait together."""
    pixels = np.zeros((4000, 6000, 3), np.uint8)
    assert pixels.nbytes > MOST_WAITING_BYTES
    rig.store.add(record(1, Outcome.NG, at=rig.clock.now()), Frame("top", 1, pixels, rig.clock.now()), rig._committed)
    rig.done.wait(1)
    rig.until(lambda: rig.kept() == [1])


def test_losses_that_go_on_are_one_event_a_minute(rig: Rig) -> None:
    big = np.zeros((2000, 2000, 3), np.uint8)

    def told() -> list[int]:
        return [int(e.detail["pictures"]) for e in rig.reader.events(100) if e.name == "evidence_lost"]

    for round_ in range(3):
        for n in range(1, 31):
            rig.keeper.offer(n, record(n, Outcome.NG), Frame("top", n, big, rig.clock.now()))
        rig.until(lambda: bool(told()))
        rig.clock.pass_s(5)
        time.sleep(0.7)
        assert len(told()) == 1, round_
    rig.clock.pass_s(61)
    rig.until(lambda: len(told()) == 2)


def test_pictures_that_no_row_names_are_the_first_to_go(tmp_path: Path) -> None:
    """FIELD 18: after a lost database the old pictures make room for those that prove something."""
    rig = Rig(tmp_path, EvidenceConfig(quota_mb=1, lossless_share=1.0), rate=1.0)
    rig.judge(Outcome.NG, Outcome.NG)
    rig.until(lambda: rig.kept() == [1, 2])
    rig.settled()
    rig.end()
    lost = [rig.folder / f"top/2026-05-2{day}" / f"{n}-NG.jpg" for day in (7, 8) for n in range(1, 6)]
    for file in lost:
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(bytes(90_000))
    rig.begin()
    rig.until(lambda: rig.keeper.disk().evidence_mb == 0)
    noise = np.random.default_rng(1).integers(0, 256, (300, 300, 3), np.uint8)
    for n in (3, 4):
        rig.store.add(record(n, at=rig.clock.now()), Frame("top", n, noise, rig.clock.now()), rig._committed)
        rig.done.wait(n)
        rig.until(lambda n=n: n in rig.kept())
    rig.until(lambda: not any(file.exists() for file in lost))
    assert rig.kept() == [1, 2, 3, 4]
    rig.until(lambda: rig.keeper.disk().evidence == "on")
    rig.end()
    assert rig.files == [f"top/2026-05-29/{name}" for name in ("1-NG.png", "2-NG.png", "3-OK.png", "4-OK.png")]


def test_a_picture_of_a_lost_database_is_counted_once(tmp_path: Path) -> None:
    """The new database counts from 1 again: a picture takes the place of one of the same name."""
    rig = Rig(tmp_path)
    rig.judge(Outcome.NG)
    rig.until(lambda: rig.kept() == [1])
    rig.end()
    picture = rig.folder / "top/2026-05-29/1-NG.jpg"
    picture.write_bytes(bytes(3 * MB))
    for file in tmp_path.glob("results.*"):
        file.unlink()
    rig.done = Committed()
    rig.begin()
    rig.until(lambda: rig.keeper.disk().evidence_mb == 3)
    rig.judge(Outcome.NG)
    rig.until(lambda: rig.kept() == [1])
    assert rig.keeper.disk().evidence_mb == 0
    rig.end()
