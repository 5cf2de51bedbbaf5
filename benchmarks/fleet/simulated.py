"""A station's messages without a station: random windows, by the real message code, repeatable by their seed."""

import random
from collections import Counter
from dataclasses import dataclass, field

from agent.store.values import StoredEvent, Totals
from agent.uplink.payload import StationEncoder
from pipelines.summary import LATENCY_BOUNDS_MS, SCORE_BOUNDS, Summary, Window

MINUTE_US = 60_000_000
START_US = 1_780_012_800_000_000
"""2026-05-29T00:00:00Z."""
CLASSES = ("open", "short", "pin-hole", "划痕")
RULES = ("blurred", "dark", "late")


@dataclass(slots=True)
class Simulated:
    """One station: counts as one does, and remembers what it said."""

    name: str
    site: str = "plant"
    line: str = "line1"
    epoch: str = "00000000000000aa"
    lanes: tuple[str, ...] = ("top",)
    parts_a_window: int = 600
    bad_share: float = 0.03
    model: str = "boards-1"
    seed: int = 0
    seq: int = 0
    said: list[Summary] = field(default_factory=list)
    _random: random.Random = field(init=False)
    _records: int = 0
    _events: int = 0
    _totals: dict[str, Totals] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(f"{self.seed}/{self.site}/{self.line}/{self.name}/{self.epoch}")

    @property
    def encoder(self) -> StationEncoder:
        return StationEncoder(self.site, self.line, self.name)

    @property
    def prefix(self) -> str:
        return f"okng/{self.site}/{self.line}/{self.name}"

    def window(self, start_us: int, lane: str = "top", parts: int | None = None) -> tuple[str, bytes]:
        """The next message, a window of a minute: (topic below the prefix, payload)."""
        summary = self._summary(lane, start_us, self.parts_a_window if parts is None else parts)
        before = self._totals.get(lane, Totals())
        names = ("parts", "ok", "ng", "unsure", "missed")
        totals = Totals(*(getattr(before, n) + getattr(summary, n) for n in names))
        self._totals[lane] = totals
        self.said.append(summary)
        self.seq += 1
        return self.encoder.summary(self.epoch, self.seq, summary, totals)

    def event(self, utc_us: int, name: str, **detail: str | int | float) -> tuple[str, bytes]:
        """The next message, an event."""
        self._events += 1
        self.seq += 1
        return self.encoder.event(self.epoch, self.seq, StoredEvent(self._events, utc_us, name, detail))

    def birth(self, since_ms: int, online: bool = True, instance: str = "i1", why: str = "") -> bytes:
        """What it says on `status`."""
        return self.encoder.status(online, since_ms, "0.1.0", "boot-1", instance, why)

    def _summary(self, lane: str, start_us: int, parts: int) -> Summary:
        draw = self._random
        ng = sum(draw.random() < self.bad_share for _ in range(min(parts, 50))) * max(1, parts // 50) if parts else 0
        ng = min(ng, parts)
        unsure = min(draw.randrange(3), parts - ng)
        first = parts - min(parts, draw.randrange(2))
        ok = parts - ng - unsure
        first_id, self._records = self._records + 1, self._records + parts
        defects = Counter(draw.choice(CLASSES) for _ in range(ng))
        latency = _spread(draw, parts, len(LATENCY_BOUNDS_MS) + 1)
        return Summary(
            lane=lane,
            camera=lane,
            window=Window(start_us, start_us + MINUTE_US, first_id, self._records),
            parts=parts,
            ok=ok,
            ng=ng,
            unsure=unsure,
            first_pass_ok=min(ok, first),
            first_pass=first,
            missed=draw.randrange(2),
            defects=tuple(sorted(defects.items())),
            unsure_reasons=((draw.choice(RULES), unsure),) if unsure else (),
            first_part_utc_us=start_us + 1_000_000 if parts else 0,
            last_part_utc_us=start_us + MINUTE_US - 1_000_000 if parts else 0,
            latency_ms=latency,
            latency_sum_ms=round(sum(n * 9.87 for n in latency), 3),
            latency_max_ms=round(draw.uniform(10, 900), 3) if parts else 0.0,
            scores=_spread(draw, ng, len(SCORE_BOUNDS) + 1),
            quality_parts=parts,
            brightness_sum=round(parts * draw.uniform(100, 140), 3),
            sharpness_sum=round(parts * draw.uniform(50, 90), 3),
            other_purposes=0,
            models=(self.model,),
            recipes=("board@aaaaaaaaaaaa",),
            untrusted_clock=0,
            temperature_c=round(draw.uniform(40, 60), 1),
        )


def _spread(draw: random.Random, total: int, buckets: int) -> tuple[int, ...]:
    """A total over buckets, most of it in the middle ones."""
    counts = [0] * buckets
    left = total
    for i in sorted(range(buckets), key=lambda b: abs(b - buckets // 3)):
        counts[i] = left if i == buckets - 1 else draw.randint(0, left)
        left -= counts[i]
    counts[buckets // 3] += left
    return tuple(counts)
