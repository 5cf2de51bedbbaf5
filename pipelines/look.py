"""The look: a frame through the model, as an Inspection."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines import letterbox, tiles
from pipelines.admission import Admission, failed
from pipelines.recipe import Pipeline, Recipe
from pipelines.regions import inspected_box
from pipelines.values import Detection, Frame, Inspection, Pixels, Rule, Stages
from pipelines.view import Misfit, View, as_it_is, in_frame, misaligned
from pipelines.yolo import Found, Head, OutputWrong, at_most, decode

MAX_SLOTS = 16
"""Most tiles that run together; more of them run in turns."""


class Session(Protocol):
    """A way into a compiled model: `inputs` are written in place, then `run` infers the first `count`."""

    @property
    def inputs(self) -> Sequence[Pixels]:
        """One (height, width, 3) uint8 BGR buffer a slot."""
        ...

    def run(self, count: int = 1) -> Sequence[NDArray[np.float32]]:
        """One output a slot, valid until the next call."""
        ...


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What the judgement needs to know of a model."""

    labels: tuple[str, ...]
    head: Head
    height_px: int
    """Of the input, as exported."""
    width_px: int
    dynamic: bool
    """It may be compiled for another size."""
    pad: int
    """Grey level of the letterbox border."""
    threshold: float
    """Score from which a detection counts."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """By class, where another."""
    pipeline: Pipeline = "detect"
    """What the model's three channels are: a picture, or part, reference and their difference."""

    def limit(self, recipe: Recipe, label: str) -> float:
        """Score from which a class counts: the recipe's for the class, the recipe's, the model's."""
        rule = recipe.classes.get(label)
        if rule is not None and rule.threshold is not None:
            return rule.threshold
        if recipe.threshold is not None:
            return recipe.threshold
        return self.thresholds.get(label, self.threshold)

    def limits(self, recipe: Recipe) -> dict[str, float]:
        """`limit` of every label."""
        return {label: self.limit(recipe, label) for label in self.labels}


@dataclass(frozen=True, slots=True)
class Plan:
    """How pictures of one size go through the model. Made by `plan`, before the model is compiled."""

    height_px: int
    """Of the picture."""
    width_px: int
    tiles: tuple[tiles.Tile, ...]
    """One that is the whole picture where the recipe cuts none."""
    fit: letterbox.Fit
    """Of one tile in the model's input."""
    slots: int
    """Input buffers that the session needs."""

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) that the model is to be compiled for, px."""
        return self.fit.input_height_px, self.fit.input_width_px


def plan(facts: ModelFacts, recipe: Recipe, height_px: int, width_px: int) -> Plan:
    """How pictures of this size go through this model under this recipe."""
    whole = tiles.Tile(0, 0, width_px, height_px)
    pieces = tiles.cut(height_px, width_px, recipe.tiles) if recipe.tiles is not None else (whole,)
    piece = (pieces[0].height_px, pieces[0].width_px)
    size = (facts.height_px, facts.width_px)
    if facts.dynamic:
        size = letterbox.input_size(*piece, longest_px=max(size))
    return Plan(height_px, width_px, pieces, letterbox.fit(piece, size), min(len(pieces), MAX_SLOTS))


class Look:
    """Looks at the frames of one camera, with one model, under one recipe. Belongs to one thread.

    `session` has been opened for `plan` (its input size and slots); `now_ns` reads the monotonic
    clock that stamps the frames; `live` as for `Admission`. `view` makes of the picture what the model
    sees; where the picture does not fit, the fault is MISALIGNED.
    A session's own errors pass through; what a model gives that cannot be is an inspection with the
    fault ERROR, and a frame of another size than planned one with WRONG_SIZE. So is an answer that was
    cut at a limit (`max_detections`, or the rows that the head has) where what was left out could
    have decided: the part was not looked at as a whole.
    """

    def __init__(
        self,
        facts: ModelFacts,
        recipe: Recipe,
        plan: Plan,
        session: Session,
        *,
        now_ns: Callable[[], int],
        live: bool = True,
        view: View = as_it_is,
    ) -> None:
        _check_inputs(plan, session)
        self._facts, self._recipe, self._plan, self._session, self._now_ns = facts, recipe, plan, session, now_ns
        # Nothing that could decide may be filtered away before the rules see it.
        self._decides = min(facts.limits(recipe).values())
        self._floor = min(recipe.keep_score, self._decides)
        size = (plan.height_px, plan.width_px)
        self._admit = Admission(size, inspected_box(recipe, *size), now_ns=now_ns, live=live)
        self._view = view

    def __call__(self, frame: Frame) -> Inspection:
        """Look at one frame. `stages.judge_ms` and `total_ms` are left to whoever answers."""
        admitted = self._admit(frame)
        if isinstance(admitted, Inspection):
            return admitted
        height, width = frame.pixels.shape[:2]
        view = self._view(frame.pixels)
        if isinstance(view, Misfit):
            return misaligned(view, (height, width), admitted.spent, admitted.quality)
        try:
            found, stages = self._find(view.pixels, admitted.since_ns, admitted.spent)
        except OutputWrong as error:
            return failed(Rule.ERROR, str(error), (height, width), admitted.spent, admitted.quality)
        if view.pose is not None:
            found = in_frame(found, view.pose)
        detections = _detections(found, self._facts.labels)
        cut = found.left_out >= self._decides
        fault, note = (Rule.ERROR, self._cut_note(found)) if cut else (None, "")
        return Inspection(detections, admitted.quality, width, height, stages, fault, note, pose=view.pose)

    def _cut_note(self, found: Found) -> str:
        most = f"max_detections is {self._recipe.max_detections}, boxes decide from a score of {self._decides:.2f}"
        return f"more boxes than were looked at: one with a score of {found.left_out:.2f} may be left out; {most}"

    def _find(self, pixels: Pixels, since_ns: int, spent: Stages) -> tuple[Found, Stages]:
        prepare = infer = decoding = 0
        found: list[Found] = []
        for first in range(0, len(self._plan.tiles), self._plan.slots):
            turn = self._plan.tiles[first : first + self._plan.slots]
            for tile, buffer in zip(turn, self._session.inputs, strict=False):
                x1, y1, x2, y2 = tile.box
                letterbox.place(pixels[y1:y2, x1:x2], self._plan.fit, buffer, self._facts.pad)
            placed = self._now_ns()
            outputs = self._session.run(len(turn))
            inferred = self._now_ns()
            found += [self._decode(output, tile) for output, tile in zip(outputs, turn, strict=True)]
            decoded = self._now_ns()
            prepare, infer, decoding = (
                prepare + placed - since_ns,
                infer + inferred - placed,
                decoding + decoded - inferred,
            )
            since_ns = decoded
        answer = found[0] if len(found) == 1 else self._merge(tuple(found))
        decoding += self._now_ns() - since_ns
        return answer, Stages(spent.wait_ms, spent.quality_ms, prepare / 1e6, infer / 1e6, decoding / 1e6)

    def _decode(self, output: NDArray[np.float32], tile: tiles.Tile) -> Found:
        found = decode(
            output,
            self._facts.head,
            len(self._facts.labels),
            floor=self._floor,
            overlap=self._recipe.nms_iou,
            limit=self._recipe.max_detections,
        )
        boxes = letterbox.to_picture(found.boxes, self._plan.fit)
        if tile.x_px or tile.y_px:
            boxes += np.array((tile.x_px, tile.y_px) * 2, np.float32)
        return Found(boxes, found.scores, found.classes, found.left_out)

    def _merge(self, found: tuple[Found, ...]) -> Found:
        picture = (self._plan.height_px, self._plan.width_px)
        merged = tiles.merge(self._plan.tiles, found, picture, self._recipe.nms_iou)
        left_out = max(_left_out_of_merge(found), *(one.left_out for one in found))
        whole = Found(merged.boxes, merged.scores, merged.classes, left_out)
        return at_most(whole, self._recipe.max_detections)


def _check_inputs(plan: Plan, session: Session) -> None:
    wanted = (*plan.input_size, 3)
    got = [buffer.shape for buffer in session.inputs]
    if len(got) < plan.slots or any(shape != wanted for shape in got):
        raise ValueError(f"the session has inputs {got}, wanted {plan.slots} of {wanted}")


def _left_out_of_merge(found: tuple[Found, ...]) -> float:
    """Best score among the boxes that a merge has no room for; 0 where it has room for all."""
    scores = np.concatenate([one.scores for one in found])
    return float(np.sort(scores)[-tiles.MAX_BOXES - 1]) if scores.size > tiles.MAX_BOXES else 0.0


def _detections(found: Found, labels: tuple[str, ...]) -> tuple[Detection, ...]:
    rows = zip(found.classes.tolist(), found.scores.tolist(), found.boxes.tolist(), strict=True)
    return tuple(Detection(labels[c], min(max(score, 0.0), 1.0), *box) for c, score, box in rows)
