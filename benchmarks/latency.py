"""What okng adds to the bare inference, and what a station with two lanes takes of memory.

    python -m benchmarks.latency [--parts 300] [--rate 10] [--json FILE]

One run, one process, one compiled model (the bundled one, 640 x 640, no resizing): bare inference is
measured with a session of the station's own compiled model, at the same pace as the boards pass and
back to back, before and after the station judges the virtual line with quality gates and store on.
The ratio is median(capture stamp to answer) / median(bare inference at the same pace).
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from agent import paths
from agent.clock import SystemClock
from agent.demo.figures import every_part
from agent.settings import load
from agent.station.app import Station
from agent.station.engines.table import ENGINES
from agent.station.meters import percentile
from agent.station.models.bundle import read_bundle
from agent.station.state import resident_mb
from agent.store.read import Reader

SETTINGS = """\
[station]
data = "{data}"
runtime = "{data}/run"
[web]
enabled = false
"""
LANE = """
[lanes.board{n}]
recipe = "demo-board"
[lanes.board{n}.camera]
kind = "virtual"
layout = {n}
seed = {n}
rate_hz = {rate}
boards = {parts}
"""


def bare_ms(parts: int, rate_hz: float, data: Path) -> list[float]:
    """Inference alone, one every 1 / rate_hz seconds (0: back to back), on a picture that stays the same."""
    loaded = load(_settings(data, 1, 1, 1.0))
    bundle = read_bundle(paths.bundled_models() / "drawn-boards-1")
    engine = ENGINES["openvino"](loaded.config.engine, data / "cache")
    size = (bundle.manifest.input.height_px, bundle.manifest.input.width_px)
    session = engine.load(bundle, loaded.config.engine.devices, size).model.session()
    session.inputs[0][:] = np.random.default_rng(1).integers(0, 256, session.inputs[0].shape, np.uint8)
    times = []
    begun = time.monotonic()
    for number in range(parts):
        if rate_hz:
            time.sleep(max(0.0, begun + number / rate_hz - time.monotonic()))
        start = time.perf_counter_ns()
        session.run()
        times.append((time.perf_counter_ns() - start) / 1e6)
    return times


def station_run(parts: int, rate_hz: float, lanes: int, data: Path) -> tuple[list[dict[str, float]], float]:
    """Stage times of every part of a station on the virtual line, and its resident memory in MB."""
    with ExitStack() as stack:
        station = Station(load(_settings(data, lanes, parts, rate_hz)), stack, SystemClock())
        resident = 0.0
        while not all(lane.ended or lane.trouble for lane in station.lanes.values()):
            if crash := station.turn():
                raise SystemExit(crash)
            resident = max(resident, resident_mb())
            time.sleep(0.2)
    judged = every_part(Reader(data / "results.db"))
    names = ("wait_ms", "quality_ms", "prepare_ms", "infer_ms", "decode_ms", "judge_ms", "total_ms")
    return [{n: getattr(p.record.inspection.stages, n) for n in names} for p in judged], resident


def _settings(data: Path, lanes: int, parts: int, rate_hz: float) -> Path:
    file = data / "station.toml"
    data.mkdir(parents=True, exist_ok=True)
    text = SETTINGS.format(data=data)
    text += "".join(LANE.format(n=n, rate=rate_hz, parts=parts) for n in range(1, lanes + 1))
    file.write_text(text)
    return file


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=300)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--lanes", type=int, default=1)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="okng-") as name:
        folder = Path(name)
        before = bare_ms(options.parts, options.rate, folder / "a")
        parts, resident = station_run(options.parts, options.rate, options.lanes, folder / "b")
        after = bare_ms(options.parts, options.rate, folder / "c")
        tight = bare_ms(options.parts, 0.0, folder / "d")
    bare = statistics.median(before + after)
    total = sorted(part["total_ms"] for part in parts)
    figures = {
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
        f"load {os.getloadavg()[0]:.1f}",
        "parts": len(parts),
        "lanes": options.lanes,
        "rate_hz": options.rate,
        "bare_ms": {"paced": round(bare, 3), "back_to_back": round(statistics.median(tight), 3)},
        "stages_ms": {n: round(statistics.median(part[n] for part in parts), 3) for n in parts[0]},
        "total_ms": {f"p{q}": round(percentile(total, q / 100), 3) for q in (50, 90, 99)},
        "ratio_to_paced_bare": round(statistics.median(total) / bare, 4),
        "ratio_to_own_infer_stage": round(
            statistics.median(total) / statistics.median(part["infer_ms"] for part in parts), 4
        ),
        "resident_mb": resident,
    }
    print(json.dumps(figures, indent=2))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
