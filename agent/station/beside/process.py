"""The process of one shadow: judges what it is given, at the lowest priority. See `agent.station.beside.wire`.

`python -m agent.station.beside.process`. A process and not a thread: at low priority a thread that holds the
interpreter's lock would keep the lanes waiting for it, and a model that breaks its engine would take them along.
"""

import dataclasses
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from agent.clock import SystemClock
from agent.errors import BundleRefused, OkngError, Problem
from agent.recipes import Recipes
from agent.station.backtest.apart import LOWEST
from agent.station.beside.wire import MAX_LINE_BYTES, MAX_PICTURE_BYTES, Answer, Part, Ready, Task, line_of
from agent.station.engines.table import ENGINES
from agent.station.models.bundle import read_bundle
from agent.station.models.golden import load_proven
from agent.station.models.health import failed
from agent.station.reference import read_reference
from agent.station.sized import SizedLook
from pipelines.recipe import Recipe
from pipelines.rules import judge
from pipelines.values import Frame, Inspection, Outcome, Pixels, Reason, Rule, Verdict


@dataclass(frozen=True, slots=True, eq=False)
class Bench:
    """The candidate, ready to judge one lane's parts."""

    recipe: Recipe
    limits: dict[str, float]
    look: Callable[[Frame], Inspection]
    device: str

    def answer(self, part: Part, pixels: Pixels) -> Answer:
        """Judge one part; what goes wrong is an answer too."""
        begun = time.monotonic_ns()
        error, seen = "", None
        try:
            seen = self.look(Frame(part.camera, part.sequence, pixels, SystemClock().now()))
        except OkngError as problem:
            error = str(problem)
        if seen is None or failed(seen):
            error = error or (seen.note if seen is not None else "") or "no reason was given"
            verdict = Verdict(Outcome.UNSURE, (Reason(Rule.ERROR),))
            found: tuple[tuple[str, float, float, float, float, float], ...] = ()
        else:
            verdict = judge(dataclasses.replace(seen, quality=part.quality), self.recipe, self.limits)
            found = tuple((d.label, d.score, d.x1, d.y1, d.x2, d.y2) for d in seen.detections)
        return Answer(
            outcome=verdict.outcome,
            reasons=tuple((r.rule, r.measured, r.limit, r.label, r.region, r.detection) for r in verdict.reasons),
            detections=found,
            took_ms=(time.monotonic_ns() - begun) / 1e6,
            error=error[-500:],
        )


def bench_of(task: Task) -> Bench:
    """Load and prove the candidate. Raises OkngError, or ValueError where no part could be aligned."""
    bundle = read_bundle(task.bundle)
    if bundle.digest != task.digest:
        raise BundleRefused(f"model {bundle.id}", [Problem("manifest.json", "is another one than was imported")])
    recipe = Recipe.model_validate(task.recipe)
    engine = ENGINES[task.engine.kind](task.engine, task.data / "cache")
    size = (task.height_px, task.width_px)
    proven = load_proven(engine, bundle, [task.device], size, slots=task.slots)
    session = proven.loaded.model.session(task.slots)
    reference = read_reference(Recipes(task.data), recipe)
    look = SizedLook(bundle.facts, recipe, session, time.monotonic_ns, live=False, reference=reference)
    return Bench(recipe, bundle.facts.limits(recipe), look, proven.loaded.device)


def stand_back() -> None:
    """Give way to everybody: priority, scheduling class and memory. A sandbox may forbid some of it."""
    for act in (
        lambda: os.setpriority(os.PRIO_PROCESS, 0, LOWEST),
        lambda: Path("/proc/self/autogroup").write_text(f"{LOWEST}\n"),
        lambda: os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0)),
        lambda: Path("/proc/self/oom_score_adj").write_text("1000"),
    ):
        with suppress(OSError):
            act()


def serve(given: BinaryIO, said: BinaryIO) -> None:
    """Answer until the station closes the pipe."""
    task = Task.model_validate_json(given.readline(MAX_LINE_BYTES))
    try:
        bench = bench_of(task)
    except (OkngError, ValueError) as error:
        _tell(said, line_of(Ready(why=str(error)[:2000])))
        return
    _tell(said, line_of(Ready(device=bench.device)))
    while line := given.readline(MAX_LINE_BYTES):
        part = Part.model_validate_json(line)
        size = part.height_px * part.width_px * 3
        if size > MAX_PICTURE_BYTES:
            return
        pixels = np.frombuffer(given.read(size), np.uint8)
        if pixels.size < size:
            return
        _tell(said, line_of(bench.answer(part, pixels.reshape(part.height_px, part.width_px, 3))))


def _tell(said: BinaryIO, line: bytes) -> None:
    said.write(line)
    said.flush()


def main() -> int:
    """Whatever a library prints goes to stderr."""
    answer = os.dup(1)
    os.dup2(2, 1)
    stand_back()
    with os.fdopen(answer, "wb") as said, suppress(BrokenPipeError):
        serve(sys.stdin.buffer, said)
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
