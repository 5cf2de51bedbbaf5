"""A data folder with judged parts, kept pictures and reviews, for the tests of export, import and backtest."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from agent.config import Config, EvidenceConfig, StationConfig
from agent.station.pictures import encode, name_of, write_whole
from agent.store.read import Reader
from agent.store.values import Review, ReviewBox, Sampling
from agent.store.write import Writer
from pipelines.values import Outcome, Pixels, Purpose, Record, Stamp
from tests.store.made import START_US, Committed, HandClock, record, writer

SIZE = (48, 64)
"""(height, width) of the pictures, px."""
DAY_US = 86_400_000_000


def picture(n: int) -> Pixels:
    """A picture like no other."""
    return np.random.default_rng(n).integers(0, 256, (*SIZE, 3), np.uint8)


@dataclass(slots=True)
class Data:
    """A data folder that is filled part by part, and its store."""

    folder: Path
    store: Writer
    clock: HandClock
    done: Committed
    count: int = 0

    @property
    def config(self) -> Config:
        station = StationConfig(data=self.folder, runtime=self.folder / "run", site="works", name="eye")
        return Config(station=station, evidence=EvidenceConfig(lossless_share=1.0))

    @property
    def reader(self) -> Reader:
        return Reader(self.folder / "results.db")

    @property
    def evidence(self) -> Path:
        return self.folder / "evidence"

    def part(
        self,
        outcome: Outcome,
        sampling: Sampling | None = None,
        *,
        day: int = 0,
        lossless: bool = True,
        kept: bool = True,
        pixels: Pixels | None = None,
        **other: object,
    ) -> int:
        """One judged part, its picture kept; its id."""
        self.count += 1
        at = Stamp(START_US + day * DAY_US + self.count * 1000, self.count, "boot-1")
        made: Record = record(self.count, outcome, at=at, **other)
        shot = picture(self.count) if pixels is None else pixels
        height, width = shot.shape[:2]
        made = replace(made, inspection=replace(made.inspection, width_px=width, height_px=height))
        self.store.add(made, None, self.done)
        number = self.done.wait(self.count)[-1]
        if kept:
            name = name_of(made.origin.lane, at.utc_us, number, outcome, lossless)
            proof = write_whole(self.evidence, name, encode(name, shot, 90))
            drawn = Sampling(1.0, 1.0) if sampling is None else sampling
            self.store.set_evidence(number, proof, drawn)
            self.store.flush()
        return number

    def review(self, part: int, verdict: str, *boxes: ReviewBox, **other: object) -> int:
        return self.store.review(Review(part, verdict, "ann", boxes, **other))  # type: ignore[arg-type]

    def close(self) -> None:
        self.store.close()


def data_folder(folder: Path) -> Data:
    """A new one; its store is open."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "evidence").mkdir()
    clock = HandClock()
    store = writer(folder, clock, settle="off").start()
    return Data(folder, store, clock, Committed())


PRODUCTION = Purpose.PRODUCTION
