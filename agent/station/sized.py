"""A look for pictures of any size with one compiled model: each size gets its own geometry."""

from collections.abc import Callable
from dataclasses import replace

from pipelines.look import Look, ModelFacts, Session, plan
from pipelines.recipe import Recipe
from pipelines.values import Frame, Inspection


class SizedLook:
    """Looks at one lane's frames; belongs to its inspect thread.

    The model's input is what the session was compiled for. A frame of another size than the one
    before is judged with the right geometry: letterboxed, or cut into tiles, into the same input.
    """

    def __init__(
        self, facts: ModelFacts, recipe: Recipe, session: Session, now_ns: Callable[[], int], live: bool
    ) -> None:
        height, width = session.inputs[0].shape[:2]
        self._facts = replace(facts, dynamic=False, height_px=height, width_px=width)
        self._recipe = recipe
        self._session = session
        self._now_ns = now_ns
        self._live = live
        self._size = (0, 0)
        self._look: Look | None = None

    def __call__(self, frame: Frame) -> Inspection:
        height, width = frame.pixels.shape[:2]
        if self._look is None or ((height, width) != self._size and frame.fault is None):
            self._look = self._for(max(height, 1), max(width, 1))
            self._size = (height, width)
        return self._look(frame)

    def _for(self, height_px: int, width_px: int) -> Look:
        planned = plan(self._facts, self._recipe, height_px, width_px)
        planned = replace(planned, slots=min(planned.slots, len(self._session.inputs)))
        return Look(self._facts, self._recipe, planned, self._session, now_ns=self._now_ns, live=self._live)
