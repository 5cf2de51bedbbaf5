"""The station's own way of seeing, over the pictures of a data set: engine, look, rules."""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agent.clock import SystemClock
from agent.config import EngineConfig
from agent.errors import OkngError
from agent.ports import Session
from agent.station.cameras.decode import read_picture
from agent.station.engines.table import ENGINES
from agent.station.models.bundle import Bundle
from agent.station.sized import SizedLook
from pipelines import rules
from pipelines.look import ModelFacts, plan
from pipelines.recipe import Recipe
from pipelines.values import Frame, Inspection, Outcome, Pixels, Rule, Verdict
from training.datasets.values import Box
from training.evaluate.values import Seen

FLOOR = 0.001
"""Score from which detections are looked at: mAP counts those far below any threshold too."""
MOST = 300
"""Detections a picture."""
HANG_S = 300.0
"""A busy workshop is slow and no fault: a station would have given the device up long before."""
PRECISIONS = ("int8", "f16", "f32")
OPEN_GATES = {
    "min_brightness": 0.0,
    "max_brightness": 255.0,
    "max_saturated": 1.0,
    "max_age_ms": 60_000.0,
    "max_identical": 1_000_000,
}
"""A data set's pictures are taken as they are; a recipe's own gates hold where one is given."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """One picture to look at."""

    name: str
    pixels: Pixels
    """(height, width, 3) BGR."""
    truth: tuple[Box, ...] = ()
    reference: Pixels | None = None
    file: Path | None = None
    reference_file: Path | None = None
    beyond: tuple[Box, ...] = ()


class Eye:
    """Looks at pictures as a station would, with one compiled session for all. Belongs to one thread."""

    def __init__(self, facts: ModelFacts, recipe: Recipe, session: Session | None, runtime: str, graph: Path | None):
        self.facts, self.recipe, self.runtime, self.graph = facts, recipe, runtime, graph
        self.thresholds: Mapping[str, float] = facts.limits(recipe)
        """By label, for every label of the model."""
        self.session = session
        self._look: Callable[[Frame], Inspection] | None = None
        self._by: Pixels | None = None

    def at(self, floor: float) -> "Eye":
        """The same session, with another score from which detections are kept."""
        recipe = self.recipe.model_copy(update={"keep_score": floor})
        return Eye(self.facts, recipe, self.session, self.runtime, self.graph)

    def see(self, shown: Shown) -> Seen:
        """Look at one picture and judge it. Raises EngineFailed."""
        seen, verdict = self.judge(shown.pixels, shown.reference)
        return Seen(
            name=shown.name,
            truth=shown.truth,
            found=seen.detections if verdict.outcome is not Outcome.UNSURE else (),
            outcome=verdict.outcome,
            why=tuple(dict.fromkeys(reason.rule.value for reason in verdict.reasons)),
            stages=seen.stages,
            file=shown.file,
            reference=shown.reference_file,
            beyond=shown.beyond,
        )

    def judge(self, pixels: Pixels, reference: Pixels | None = None) -> tuple[Inspection, Verdict]:
        """The look and the rules; `judge_ms` and `total_ms` of the stages are filled in."""
        look = self._looking(reference)
        at = SystemClock().now()
        begun = time.monotonic_ns()
        seen = look(Frame("evaluate", 1, pixels, at))
        looked = time.monotonic_ns()
        verdict = rules.judge(seen, self.recipe, self.thresholds)
        judged = time.monotonic_ns()
        stages = replace(seen.stages, judge_ms=(judged - looked) / 1e6, total_ms=(judged - begun) / 1e6)
        return replace(seen, stages=stages), verdict

    def _looking(self, reference: Pixels | None) -> Callable[[Frame], Inspection]:
        """The look by this reference; the one before where it is the same."""
        if self._look is None or reference is not self._by:
            try:
                self._look = SizedLook(self.facts, self.recipe, self.session, time.monotonic_ns, False, reference)
            except ValueError as error:
                if reference is None:
                    raise
                # A station does not take a recipe with such a reference, and no part passes by it.
                self._look = _refused(str(error))
            self._by = reference
        return self._look


def _refused(why: str) -> Callable[[Frame], Inspection]:
    """The look by a reference that no part can be aligned to."""

    def look(frame: Frame) -> Inspection:
        height, width = frame.pixels.shape[:2]
        return Inspection((), None, width, height, fault=Rule.MISALIGNED, note=why)

    return look


def open_eye(
    bundle: Bundle,
    recipe: Recipe,
    *,
    precision: str = "",
    exact: bool = False,
    device: str = "CPU",
    threads: int = 0,
) -> Eye:
    """Compile the bundle's model for its own input size and open one session.

    `precision`: int8 and f16 take that graph of the bundle, at the device's own inference precision; f32
    takes the most exact graph that there is and infers in float32; empty: as a station does it. `exact`
    infers in float32 whatever the graph.
    Raises BundleRefused where there is no such graph, EngineFailed where the device cannot.
    """
    bundle = of_precision(bundle, precision)
    config = EngineConfig(
        cache_mb=0, precision="f32" if exact or precision == "f32" else "auto", threads=threads, hang_s=HANG_S
    )
    size = plan(bundle.facts, recipe, bundle.manifest.input.height_px, bundle.manifest.input.width_px).input_size
    with tempfile.TemporaryDirectory(prefix="okng-evaluate-") as cache:
        loaded = ENGINES[config.kind](config, Path(cache)).load(bundle, [device], size)
        return Eye(bundle.facts, recipe, loaded.model.session(), loaded.runtime, bundle.graph)


def of_precision(bundle: Bundle, precision: str) -> Bundle:
    """The bundle with the graph of that precision. Raises BundleRefused, naming those that there are."""
    if not precision:
        return bundle
    if precision not in PRECISIONS:
        raise OkngError(f"precision {precision!r}: allowed are {', '.join(PRECISIONS)}")
    there = bundle.manifest.variants
    if precision == "f32" and "f32" not in there:
        precision = "f16"
    if precision == "int8" and not there:  # made before there were variants
        return bundle
    return bundle.variant(precision)


def plain_recipe(bundle: Bundle) -> Recipe:
    """The bundle's own thresholds and preprocessing, and no quality gates."""
    about: dict[str, object] = {"name": "evaluate", "model": bundle.id, "quality": OPEN_GATES}
    about |= {"max_detections": MOST}
    if bundle.facts.pipeline == "guided":
        about |= {"pipeline": "guided", "reference": {"picture": "reference.png"}}
    return Recipe.model_validate(about)


def pixels_of(file: Path) -> Pixels:
    """Decode a picture as a station does. Raises OkngError, naming the file."""
    decoded = read_picture(file)
    if decoded.fault is not None:
        raise OkngError(f"{file}: {decoded.note}")
    return decoded.pixels
