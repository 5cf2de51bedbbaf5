"""The parity gate: a model decides only after its golden pictures gave what they must.

Proven on this device, at this precision, with this driver: an accelerator can be wrong without any
error (FIELD 12 and 13).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from agent.clock import SystemClock
from agent.errors import BundleRefused, EngineFailed, Problem
from agent.ports import Clock, Model, Session
from agent.station.engines.engine import Engine, Loaded
from agent.station.models.bundle import Bundle, Golden, must_prove
from agent.station.sized import SizedLook
from pipelines.boxes import iou
from pipelines.recipe import Recipe
from pipelines.values import Detection, Frame, Inspection, Pixels

LEAST_IOU = 0.8
MOST_SCORE_APART = 0.1


@dataclass(frozen=True, slots=True)
class Proven:
    """A loaded model whose golden pictures gave what they must, and what proved it."""

    loaded: Loaded
    golden: Model
    """Compiled for `golden_size` on the same device; `loaded.model` itself where that is its size."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What a model showed on one device."""

    device: str
    runtime: str
    """Engine and driver with their versions."""
    why: str = ""
    """How the golden pictures failed; empty: every answer was as it must be."""


def golden_size(bundle: Bundle) -> tuple[int, int]:
    """(height, width) of the input that the golden answers were made with: the manifest's."""
    return bundle.manifest.input.height_px, bundle.manifest.input.width_px


def load_proven(
    engine: Engine,
    bundle: Bundle,
    devices: Sequence[str],
    size: tuple[int, int],
    *,
    lanes: int = 1,
    slots: int = 1,
    shown: Callable[[Shown], None] = lambda _: None,
) -> Proven:
    """As `Engine.load`, but a device that fails the golden pictures is passed over as well.

    A model compiled for another size than the golden answers were made with is proven by a second
    one, compiled for that size on the same device. `shown` is told of each device that it ran on.
    Raises EngineFailed when no device is left, BundleRefused where the golden pictures prove nothing.
    """
    passed_over: list[str] = []
    left = list(devices)
    while True:
        try:
            loaded = engine.load(bundle, left, size, lanes, slots)
            if not loaded.canned:
                must_prove(bundle)
            if loaded.fallback:
                passed_over.append(loaded.fallback)
            same = loaded.model.size == golden_size(bundle)
            model = loaded.model if same else engine.load(bundle, [loaded.device], golden_size(bundle)).model
        except EngineFailed as error:
            raise EngineFailed("; ".join([*passed_over, str(error)])) from error
        wrong = Prover(bundle, model.session(), SystemClock()).all()
        shown(Shown(loaded.device, loaded.runtime, wrong))
        if not wrong:
            return Proven(replace(loaded, fallback="; ".join(passed_over)), model)
        passed_over.append(f"{loaded.device}: the golden pictures fail: {wrong}")
        left = left[left.index(loaded.device) + 1 :]


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A golden picture with the look for it."""

    golden: Golden
    picture: Pixels
    look: Callable[[Frame], Inspection]


class Prover:
    """Judges a bundle's golden pictures. Belongs to one thread.

    `session` is of a model compiled for `golden_size`; it may be shared with a look of the same
    thread. A bundle without golden pictures can only prove that the model runs: only an engine with canned
    answers comes that far with one.
    """

    def __init__(self, bundle: Bundle, session: Session, clock: Clock) -> None:
        self._bundle, self._session, self._clock = bundle, session, clock
        height, width = session.inputs[0].shape[:2]
        self._facts = replace(bundle.facts, dynamic=False, height_px=height, width_px=width)
        # Looks are kept: with a reference, making one takes longer than looking.
        self._pictures = tuple(self._ready(golden) for golden in bundle.manifest.golden)
        self._next = 0

    def problems(self) -> tuple[Problem, ...]:
        """Every way in which the model's answers to all golden pictures differ from those expected."""
        if not self._pictures:
            return tuple(self._runs())
        return tuple(p for golden in self._pictures for p in self._compare(golden))

    def all(self) -> str:
        """The problems in words; empty: every answer is as it must be."""
        return "; ".join(map(str, self.problems()))

    def one(self) -> str:
        """As `all`, for one picture only: the next one in turn."""
        if not self._pictures:
            return self.all()
        golden = self._pictures[self._next % len(self._pictures)]
        self._next += 1
        return "; ".join(map(str, self._compare(golden)))

    def find(self, picture: Pixels, reference: Pixels | None = None) -> tuple[Detection, ...]:
        """Everything from half the lowest threshold on, by falling score; a guided model sees the reference too.

        Raises EngineFailed; BundleRefused where no part can be aligned to that reference.
        """
        return self._seen(self._look(reference), picture)

    def _ready(self, golden: Golden) -> _Ready:
        folder = self._bundle.folder
        reference = None if golden.reference is None else read_picture(folder / golden.reference)
        return _Ready(golden, read_picture(folder / golden.file), self._look(reference))

    def _look(self, reference: Pixels | None) -> Callable[[Frame], Inspection]:
        lowest = min(self._bundle.threshold(label) for label in self._bundle.manifest.labels)
        # What lies below the threshold is seen too, so that a failure can say how far below.
        said: dict[str, Any] = {"name": "golden", "model": self._bundle.id, "keep_score": lowest / 2}
        if self._facts.pipeline == "guided":
            said |= {"pipeline": "guided", "reference": {"picture": "golden"}}
        recipe = Recipe.model_validate(said)
        try:
            return SizedLook(self._facts, recipe, self._session, self._now_ns, live=False, reference=reference)
        except ValueError as error:
            raise BundleRefused(f"model bundle {self._bundle.id}", [Problem("golden", str(error))]) from error

    def _seen(self, look: Callable[[Frame], Inspection], picture: Pixels) -> tuple[Detection, ...]:
        seen = look(Frame("golden", 1, picture, self._clock.now()))
        if seen.fault is not None:
            raise EngineFailed(seen.note or f"the picture is {seen.fault}")
        return seen.detections

    def _now_ns(self) -> int:
        return self._clock.now().mono_ns

    def _runs(self) -> list[Problem]:
        try:
            if self._facts.pipeline == "guided":  # there is no reference to look at
                self._session.run()
            else:
                self.find(np.full((*golden_size(self._bundle), 3), self._facts.pad, np.uint8))
        except EngineFailed as error:
            return [Problem(self._bundle.id, str(error))]
        return []

    def _compare(self, ready: _Ready) -> list[Problem]:
        golden = ready.golden
        try:
            found = self._seen(ready.look, ready.picture)
        except EngineFailed as error:
            return [Problem(golden.file, str(error))]
        counting = [d for d in found if d.score >= self._bundle.threshold(d.label)]
        problems: list[Problem] = []
        for expected in (Detection(*row) for row in golden.expected):
            near = _nearest(expected, counting)
            if near is None:
                below = _nearest(expected, found)
                seen = "nothing was there" if below is None else f"it has {below.score:.2f}, below the threshold"
                problems.append(Problem(golden.file, f"{_name(expected)} was not found: {seen}"))
                continue
            counting.remove(near)
            if abs(near.score - expected.score) > MOST_SCORE_APART:
                what = f"{_name(expected)} has score {near.score:.2f}, expected {expected.score:.2f}"
                problems.append(Problem(golden.file, what))
        return problems + [Problem(golden.file, f"{_name(d)} was found, expected nothing there") for d in counting]


def read_picture(file: Path) -> Pixels:
    """A picture file as (height, width, 3) BGR. Raises BundleRefused, naming it, when it is none."""
    try:
        encoded = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as error:
        raise BundleRefused(str(file), [Problem(file.name, f"cannot be read: {error.strerror}")]) from error
    picture = cv2.imdecode(encoded, cv2.IMREAD_COLOR) if encoded.size else None
    if picture is None:
        raise BundleRefused(str(file), [Problem(file.name, "is not a picture that can be decoded")])
    return np.asarray(picture, np.uint8)


def _nearest(wanted: Detection, found: Sequence[Detection]) -> Detection | None:
    """The detection of the same label that overlaps most, if it overlaps enough."""
    alike = [d for d in found if d.label == wanted.label]
    if not alike:
        return None
    overlaps = iou(np.array([_box(wanted)], np.float32), np.array([_box(d) for d in alike], np.float32))[0]
    best = int(overlaps.argmax())
    return alike[best] if overlaps[best] > LEAST_IOU else None


def _box(d: Detection) -> tuple[float, float, float, float]:
    return d.x1, d.y1, d.x2, d.y2


def _name(d: Detection) -> str:
    return f"{d.label} at ({d.x1:.0f}, {d.y1:.0f}, {d.x2:.0f}, {d.y2:.0f})"
