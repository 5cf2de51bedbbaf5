"""What a shadow's process does: it loads and proves the candidate, and judges part after part."""

import dataclasses
import resource
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from agent.clock import SystemClock
from agent.errors import BundleRefused, OkngError, Problem
from agent.recipes import Recipes
from agent.station.beside.wire import MAX_LINE_BYTES, MAX_PICTURE_BYTES, Answer, Part, Ready, Task, line_of
from agent.station.engines.table import ENGINES
from agent.station.models.bundle import read_bundle
from agent.station.models.figures import failed
from agent.station.models.golden import load_proven
from agent.station.reference import read_reference
from agent.station.sized import SizedLook
from pipelines.recipe import Recipe
from pipelines.rules import judge
from pipelines.values import Frame, Inspection, Outcome, Pixels, Reason, Rule, Verdict

RESERVES = 3


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


def bound(memory_mb: int) -> None:
    """No allocation beyond this succeeds, however fast it is; a sandbox may forbid to say so.

    More than what the station lets it keep resident: what is reserved is not yet used (setrlimit(2), RLIMIT_DATA).
    """
    most = RESERVES * memory_mb * 1_000_000
    with suppress(OSError, ValueError):  # ValueError: it is bound to less already
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def serve(given: BinaryIO, said: BinaryIO) -> None:
    """Answer until the station closes the pipe."""
    task = Task.model_validate_json(given.readline(MAX_LINE_BYTES))
    bound(task.memory_mb)
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
