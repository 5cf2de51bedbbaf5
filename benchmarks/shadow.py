"""What a shadow costs the answers, and how many parts it gets to see.

    python -m benchmarks.shadow [--parts 300] [--turns 3] [--rates 5 10 20] [--json FILE]

One run, one process, one compiled model: for each rate the station judges the virtual line's boards by the
bundled model, in turns without a shadow and with one (the same network under another version, in its own process
at the lowest priority). Each turn is so many parts; the first ones of a turn are not counted. A ratio is the
quantile of the latency (grab to verdict) of all parts with a shadow over that of all parts without.
"""

import argparse
import json
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from agent import paths
from agent.clock import SystemClock
from agent.control import ask
from agent.demo.figures import every_part
from agent.settings import load
from agent.station.app import Station
from agent.station.meters import percentile
from agent.station.models.bundle import MANIFEST
from agent.station.models.signing import SigningKey, new_key, sign_folder, text_of
from agent.store.read import Reader

ACTIVE, CANDIDATE = "drawn-boards-1", "drawn-boards-2"
SETTLES = 20
"""Parts at the beginning of a turn that are not counted."""
PATIENCE_S = 900.0
SETTINGS = """\
[station]
data = "{data}"
runtime = "{data}/run"
[web]
enabled = false
[models]
trusted_keys.benchmark = "{key}"
[lanes.top]
recipe = "demo-board"
[lanes.top.camera]
kind = "virtual"
rate_hz = {rate}
"""


@dataclass(slots=True)
class Side:
    """One side of the comparison: every turn's parts together."""

    latencies_ms: list[float] = field(default_factory=list)
    missed: int = 0

    def figures(self) -> dict[str, float]:
        ordered = sorted(self.latencies_ms)
        quantiles = {f"p{q}_ms": round(percentile(ordered, q / 100), 2) for q in (50, 90, 99)}
        return {"parts": len(ordered), "missed": self.missed, **quantiles}


def stocked(data: Path, rate_hz: float) -> Path:
    """A data folder with the candidate in it, signed; its settings."""
    data.mkdir(parents=True)
    key = new_key(data.parent / f"{data.name}.key")
    _candidate(data / "models" / CANDIDATE, key)
    file = data / "station.toml"
    file.write_text(SETTINGS.format(data=data, key=text_of(key.public), rate=rate_hz))
    return file


def _candidate(folder: Path, key: SigningKey) -> None:
    shutil.copytree(paths.bundled_models() / ACTIVE, folder)
    manifest = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).write_text(json.dumps({**manifest, "version": CANDIDATE.rpartition("-")[2]}))
    sign_folder(folder, key)


def at_rate(data: Path, rate_hz: float, parts: int, turns: int) -> dict[str, object]:
    """Turns without and with a shadow, one after the other."""
    alone, beside, shadows = Side(), Side(), []
    loaded = load(stocked(data, rate_hz), environment={})
    runtime, reader = loaded.config.station.runtime, Reader(data / "results.db")
    with ExitStack() as stack:
        station = Station(loaded, stack, SystemClock())
        _until(station, lambda: station.lanes["top"].judged > SETTLES)
        for _ in range(turns):
            _turn(station, reader, parts, alone)
            ask(runtime, "model_shadow", PATIENCE_S, id=CANDIDATE)
            _turn(station, reader, parts, beside)
            shadows.append(ask(runtime, "model_shadow", PATIENCE_S, id="off")["figures"]["top"])
    seen, lost = (sum(s[name] for s in shadows) for name in ("compared", "dropped"))
    without, with_one = alone.figures(), beside.figures()
    return {
        "rate_hz": rate_hz,
        "without": without,
        "with": with_one,
        "ratio": {q: round(with_one[q] / without[q], 3) for q in ("p50_ms", "p90_ms", "p99_ms")},
        "shadow": {
            "compared": seen,
            "dropped": lost,
            "dropped_share": round(lost / max(1, seen + lost), 4),
            "p50_ms": max(s["p50_ms"] for s in shadows),
            "p99_ms": max(s["p99_ms"] for s in shadows),
        },
    }


def _turn(station: Station, reader: Reader, parts: int, side: Side) -> None:
    lane = station.lanes["top"]
    settled = lane.judged + SETTLES
    _until(station, lambda: lane.judged >= settled)
    station.store.flush()
    first, missed = reader.last_ids()["top"], lane.missed
    end = lane.judged + parts
    _until(station, lambda: lane.judged >= end)
    station.store.flush()
    side.missed += lane.missed - missed
    judged = takewhile(lambda part: part.id > first, every_part(reader))
    side.latencies_ms += [part.record.inspection.stages.total_ms for part in judged]


def _until(station: Station, condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if crash := station.turn():
            raise SystemExit(crash)
        if time.monotonic() > end:
            raise SystemExit(f"not within {PATIENCE_S:.0f} s: {station.lanes['top'].trouble}")
        time.sleep(0.2)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=300, help="a turn")
    parser.add_argument("--turns", type=int, default=3, help="of each side, at each rate")
    parser.add_argument("--rates", type=float, nargs="+", default=[5.0, 10.0, 20.0], help="boards a second")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="okng-") as name:
        rates = [
            at_rate(Path(name) / f"at{number}", rate, options.parts, options.turns)
            for number, rate in enumerate(options.rates)
        ]
    figures = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {load_before:.1f}",
        "rates": rates,
    }
    print(json.dumps(figures, indent=2))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
