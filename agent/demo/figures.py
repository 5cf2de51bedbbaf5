"""The figures of a demo run, read from its database and held against the virtual line's own truth."""

import json
import os
import platform
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from agent.config import VirtualConfig
from agent.station.cameras.virtual_line import index_of, is_bad
from agent.station.meters import percentile
from agent.store.read import Reader
from agent.store.values import PartQuery, StoredPart
from pipelines.values import Outcome

PAGE = 1000


@dataclass(frozen=True, slots=True)
class Summaries:
    """What became of the summaries."""

    made: int
    sent: int
    settled: int


def every_part(reader: Reader, lane: str = "") -> Iterator[StoredPart]:
    """All judged parts, newest first."""
    before: int | None = None
    while page := reader.parts(PartQuery(lane=lane, before_id=before, limit=PAGE)):
        yield from (part for part in page if part.state == "judged")
        before = page[-1].id


def figures(
    reader: Reader, cameras: Mapping[str, VirtualConfig], summaries: Summaries, wall_s: float, broker: str
) -> dict[str, object]:
    """What `okng demo --json` writes. Escapes: bad boards judged OK; overkills: good boards not judged OK."""
    parts = [part for lane in cameras for part in every_part(reader, lane)]
    outcomes = Counter(part.record.verdict.outcome for part in parts)
    latencies = sorted(part.record.inspection.stages.total_ms for part in parts)
    truth = [(_was_bad(part, cameras), part.record.verdict.outcome) for part in parts]
    return {
        "parts": len(parts),
        "ok": outcomes[Outcome.OK],
        "ng": outcomes[Outcome.NG],
        "unsure": outcomes[Outcome.UNSURE],
        "missed": sum(part.record.missed for part in parts),
        "wall_s": round(wall_s, 3),
        "parts_per_s": round(len(parts) / wall_s, 3) if wall_s else 0.0,
        "latency_ms": {"p50": round(percentile(latencies, 0.5), 3), "p99": round(percentile(latencies, 0.99), 3)},
        "truth": {"good": sum(not bad for bad, _ in truth), "bad": sum(bad for bad, _ in truth)},
        "escapes": sum(bad and outcome is Outcome.OK for bad, outcome in truth),
        "overkills": sum(not bad and outcome is not Outcome.OK for bad, outcome in truth),
        "summaries": {"made": summaries.made, "sent": summaries.sent, "settled": summaries.settled},
        "broker": broker,
        "model": sorted({part.record.origin.model for part in parts}),
        "device": sorted({part.record.origin.device for part in parts}),
        "machine": {"processor": _processor(), "cores": os.cpu_count(), "python": platform.python_version()},
    }


def _was_bad(part: StoredPart, cameras: Mapping[str, VirtualConfig]) -> bool:
    return is_bad(cameras[part.record.origin.lane], index_of(part.record.source))


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def write_figures(file: Path, values: Mapping[str, object]) -> None:
    file.write_text(json.dumps(values, indent=2) + "\n")
