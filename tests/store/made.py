"""What the store's tests are made of: a clock turned by hand, records, and an encoder that shows all."""

import json
import threading
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from agent.config import StoreConfig
from agent.ports import Clock
from agent.store.outbox import Settle
from agent.store.values import StoredEvent, Totals
from agent.store.write import Writer
from pipelines.summary import Summary
from pipelines.values import (
    Detection,
    Frame,
    Inspection,
    Origin,
    Outcome,
    Quality,
    Reason,
    Record,
    Rule,
    Stages,
    Stamp,
    Verdict,
)

START_US = 1_780_012_800_000_000
"""2026-05-29T00:00:00Z, on a whole window of any length used here."""
MINUTE_US = 60_000_000
IDLE_S = 0.005
"""A clock that is turned by hand wakes nobody: the write thread looks at it more often than a station's."""


class HandClock:
    """A clock that only moves when told to."""

    def __init__(self, utc_us: int = START_US, boot: str = "boot-1") -> None:
        self._at = Stamp(utc_us, 1_000_000_000, boot)

    def now(self) -> Stamp:
        return self._at

    def pass_s(self, seconds: float) -> None:
        """Time goes by, on both clocks."""
        us = round(seconds * 1e6)
        self._at = replace(self._at, utc_us=self._at.utc_us + us, mono_ns=self._at.mono_ns + us * 1000)

    def jump_s(self, seconds: float) -> None:
        """The wall clock is set to another time."""
        self._at = replace(self._at, utc_us=self._at.utc_us + round(seconds * 1e6))


@dataclass(frozen=True, slots=True)
class Plain:
    """An encoder whose payloads can be read back in a test."""

    def summary(self, epoch: str, seq: int, summary: Summary, totals: Totals) -> tuple[str, bytes]:
        said = {"epoch": epoch, "seq": seq, "totals": asdict(totals), **asdict(summary)}
        return f"summary/{summary.lane}", json.dumps(said).encode()

    def event(self, epoch: str, seq: int, event: StoredEvent) -> tuple[str, bytes]:
        return "event", json.dumps({"epoch": epoch, "seq": seq, **asdict(event)}).encode()


def origin(lane: str = "top") -> Origin:
    return Origin(lane, lane, "SN-1", "board", "a" * 64, "boards-1", "b" * 64, "CPU", "0.1.0")


def record(
    sequence: int = 1,
    outcome: Outcome = Outcome.OK,
    lane: str = "top",
    at: Stamp | None = None,
    label: str = "open",
    **other: object,
) -> Record:
    """A record as a lane would make it."""
    reasons = {
        Outcome.OK: (),
        Outcome.NG: (Reason(Rule.DEFECT, 0.9, 0.5, label, "", 0),),
        Outcome.UNSURE: (Reason(Rule.BLURRED, 3.0, 10.0),),
    }
    found = (Detection(label, 0.9, 1.5, 2.25, 30.0, 40.0),) if outcome is Outcome.NG else ()
    captured = at or Stamp(START_US, 1_000_000_000, "boot-1")
    made = Record(
        origin=origin(lane),
        run="run-1",
        sequence=sequence,
        missed=0,
        captured=captured,
        decided_utc_us=captured.utc_us + 12_000,
        inspection=Inspection(
            found, Quality(120.5, 99.25, 0.01, 1.5, 0), 640, 480, Stages(1.0, 0.5, 1.5, 8.0, 0.5, 0.1, 12.0)
        ),
        verdict=Verdict(outcome, reasons[outcome]),
    )
    return replace(made, **other)  # type: ignore[arg-type]


def opening(sequence: int = 1, lane: str = "top", **other: object) -> Record:
    """A record as it is known at the trigger."""
    made = record(sequence, Outcome.UNSURE, lane, **other)  # type: ignore[arg-type]
    return replace(
        made,
        inspection=Inspection((), None, 640, 480),
        verdict=Verdict(Outcome.UNSURE, (Reason(Rule.INTERRUPTED),)),
    )


def frame(sequence: int = 1, size: int = 32) -> Frame:
    pixels = np.full((size, size, 3), sequence % 256, np.uint8)
    pixels.setflags(write=False)
    return Frame("top", sequence, pixels, Stamp(START_US, 1_000_000_000, "boot-1"))


@dataclass(slots=True)
class Committed:
    """Remembers what was called back, and lets a test wait for it."""

    ids: list[int] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def __call__(self, record_id: int, _record: object, _frame: object) -> None:
        with self._changed:
            self.ids.append(record_id)
            self._changed.notify_all()

    def wait(self, count: int, timeout_s: float = 30.0) -> list[int]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.ids) >= count, timeout_s), f"{len(self.ids)} of {count}"
            return list(self.ids)


def writer(
    data: Path,
    clock: Clock,
    settle: Settle = "centre",
    lanes: tuple[str, ...] = ("top",),
    **config: object,
) -> Writer:
    kept = StoreConfig(**config)  # type: ignore[arg-type]
    return Writer(data, kept, settle, lanes=lanes, encoder=Plain(), clock=clock, idle_s=IDLE_S)


def drained(store: Writer, turns: int = 2, timeout_s: float = 30.0) -> None:
    """Wait until all that was handed over is durable and so many whole turns have passed since."""
    pause = threading.Event()
    for _ in range(round(timeout_s / 0.002)):
        if store.waiting == 0 or store.crash:
            break
        pause.wait(0.002)
    assert not store.crash, store.crash
    assert store.waiting == 0, f"{store.waiting} still wait: {store.trouble}"
    until = store.progress() + turns
    for _ in range(round(timeout_s / 0.002)):
        if store.progress() >= until:
            return
        pause.wait(0.002)
    raise AssertionError("the write thread makes no turns")
