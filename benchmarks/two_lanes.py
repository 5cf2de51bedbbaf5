"""Two lanes over one compiled model, started again and again in fresh processes: does any start hang?

    python -m benchmarks.two_lanes [--starts 50] [--bundle FOLDER] [--timeout-s 60]

OpenVINO 2026.4.1 hung in 5 of 16 starts when two threads made the process's very first inference
together; the engine makes it, and reads its first tensor, before any lane starts. Each start here is
what a station does: load in one thread, then a session and some looks in each of two. The cache of
compiled models is kept between the starts, so the first one compiles and the others import.
Ends with 1 when a start hung or failed.
"""

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from agent.clock import SystemClock
from agent.config import EngineConfig
from agent.ports import Model
from agent.station.engines.table import ENGINES
from agent.station.models.bundle import Bundle, read_bundle
from benchmarks.given import given_bundle
from pipelines.look import Look, plan
from pipelines.recipe import Recipe
from pipelines.values import Frame

LANES = 2
LOOKS = 5


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=50)
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--timeout-s", type=float, default=60.0)
    parser.add_argument("--cache", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.cache:
        return one_start(options.bundle, options.cache)
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.bundle or given_bundle("raw-int8", Path(scratch)).folder
        ends = many_starts(folder, Path(scratch) / "cache", options.starts, options.timeout_s)
    print(f"{options.starts} starts of {LANES} lanes: {dict(ends)}")
    return int(ends["ended well"] != options.starts)


def many_starts(bundle: Path, cache: Path, starts: int, timeout_s: float) -> Counter[str]:
    """How each of so many processes ended: "ended well", "hung" or "failed"."""
    ends: Counter[str] = Counter()
    command = [sys.executable, "-m", "benchmarks.two_lanes", "--bundle", str(bundle), "--cache", str(cache)]
    for number in range(starts):
        begun = time.monotonic()
        try:
            done = subprocess.run(
                command, timeout=timeout_s, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1]
            )
            end = "failed" if done.returncode else "ended well"
            said = done.stdout + done.stderr
        except subprocess.TimeoutExpired:
            end, said = "hung", f"no end after {timeout_s:g} s"
        ends[end] += 1
        if end != "ended well":
            print(f"start {number}: {end} after {time.monotonic() - begun:.1f} s: {said}")
    return ends


def one_start(folder: Path, cache: Path) -> int:
    """Load in this thread, then look in two more; 0 when each lane made all its looks."""
    bundle = read_bundle(folder)
    size = (bundle.manifest.input.height_px, bundle.manifest.input.width_px)
    engine = ENGINES["openvino"](EngineConfig(), cache)
    model = engine.load(bundle, ["CPU"], size, LANES).model
    made: Counter[str] = Counter()
    lanes = [threading.Thread(target=_lane, args=(f"lane{i}", bundle, model, made)) for i in range(LANES)]
    for lane in lanes:
        lane.start()
    for lane in lanes:
        lane.join()
    print(dict(made))
    return int(made.total() != LANES * LOOKS)


def _lane(name: str, bundle: Bundle, model: Model, made: Counter[str]) -> None:
    height, width = model.size
    recipe = Recipe.model_validate({"name": name, "model": bundle.id})
    there = plan(bundle.facts, recipe, height, width)
    look = Look(bundle.facts, recipe, there, model.session(there.slots), now_ns=time.monotonic_ns)
    picture = np.full((height, width, 3), 114, np.uint8)
    for sequence in range(1, LOOKS + 1):
        seen = look(Frame(name, sequence, picture, SystemClock().now()))
        made[name] += seen.fault is None


if __name__ == "__main__":
    sys.exit(main())
