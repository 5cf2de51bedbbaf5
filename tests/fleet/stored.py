"""What the tests of the centre's store are made of: a database of each kind, and messages read by the real intake."""

from collections.abc import Iterable

from fleet.intake.read import read
from fleet.intake.topics import Topics
from fleet.intake.values import Item
from fleet.store.values import Sums
from pipelines.summary import Summary

TOPICS = Topics("okng/{site}/{line}/{station}")
NOW_US = 1_780_020_000_000_000


def taken(prefix: str, message: tuple[str, bytes], retained: bool = False) -> Item:
    """What the intake makes of a message below a prefix."""
    return read(TOPICS, f"{prefix}/{message[0]}", message[1], retained)


def added(said: Iterable[Summary]) -> Sums:
    """The stations' own sums, added up without the centre's code."""
    every = list(said)

    def total(name: str) -> int:
        return sum(getattr(s, name) for s in every)

    def milli(name: str) -> int:
        return sum(round(getattr(s, name) * 1000) for s in every)

    def rising(name: str) -> tuple[int, ...]:
        columns = [sum(column) for column in zip(*(getattr(s, name) for s in every), strict=True)]
        return tuple(sum(columns[: i + 1]) for i in range(len(columns) - 1))

    counts = ("parts", "ok", "ng", "unsure", "first_pass", "first_pass_ok", "missed")
    return Sums(
        windows=len(every),
        **{name: total(name) for name in counts},
        other_purposes=total("other_purposes"),
        untrusted_clock=total("untrusted_clock"),
        score_count=sum(sum(s.scores) for s in every),
        quality_parts=total("quality_parts"),
        latency_sum_ms_e3=milli("latency_sum_ms"),
        brightness_sum_e3=milli("brightness_sum"),
        sharpness_sum_e3=milli("sharpness_sum"),
        latency_max_ms=max(s.latency_max_ms for s in every),
        latency_le=rising("latency_ms"),
        score_le=rising("scores"),
    )
