"""The look of a lane, as its recipe says: by a model, by a model and a reference, or by a reference alone."""

from collections.abc import Callable
from dataclasses import replace

from pipelines.align import aligner_of
from pipelines.difference import DifferenceLook
from pipelines.guided import Guide
from pipelines.look import Look, ModelFacts, Session, plan
from pipelines.recipe import Recipe
from pipelines.values import Frame, Inspection, Pixels
from pipelines.view import View, as_it_is


class SizedLook:
    """Looks at one lane's frames; belongs to its inspect thread.

    The model's input is what the session was compiled for. A frame of another size than the one before
    is judged with the right geometry: letterboxed, or cut into tiles, into the same input. With a
    reference, (height, width, 3) BGR, all frames have its size; another one is a fault.

    `session` is None with the pipeline "difference", which has no model. Raises ValueError where the
    recipe's pipeline lacks its session or its reference, or a part cannot be aligned to that reference.
    """

    def __init__(
        self,
        facts: ModelFacts,
        recipe: Recipe,
        session: Session | None,
        now_ns: Callable[[], int],
        live: bool,
        reference: Pixels | None = None,
    ) -> None:
        self._look = _look(facts, recipe, session, now_ns, live, reference)

    def __call__(self, frame: Frame) -> Inspection:
        return self._look(frame)


def _look(
    facts: ModelFacts,
    recipe: Recipe,
    session: Session | None,
    now_ns: Callable[[], int],
    live: bool,
    reference: Pixels | None,
) -> Callable[[Frame], Inspection]:
    needs = f'recipe {recipe.name}: pipeline "{recipe.pipeline}" needs'
    if recipe.pipeline != "detect" and reference is None:
        raise ValueError(f"{needs} its reference's pixels")
    if recipe.pipeline == "difference":
        assert reference is not None
        return DifferenceLook(recipe, reference, now_ns=now_ns, live=live)
    if session is None:
        raise ValueError(f"{needs} a session of its model")
    looks = _Looks(facts, recipe, session, now_ns, live)
    if reference is None or recipe.pipeline == "detect":
        return _AnySize(looks)
    height, width = reference.shape[:2]
    return looks.of(height, width, Guide(aligner_of(recipe, reference)))


class _Looks:
    """Makes looks for one session."""

    def __init__(
        self, facts: ModelFacts, recipe: Recipe, session: Session, now_ns: Callable[[], int], live: bool
    ) -> None:
        height, width = session.inputs[0].shape[:2]
        self._facts = replace(facts, dynamic=False, height_px=height, width_px=width)
        self._recipe, self._session, self._now_ns, self._live = recipe, session, now_ns, live

    def of(self, height_px: int, width_px: int, view: View = as_it_is) -> Look:
        """A look for pictures of this size."""
        planned = plan(self._facts, self._recipe, height_px, width_px)
        planned = replace(planned, slots=min(planned.slots, len(self._session.inputs)))
        return Look(self._facts, self._recipe, planned, self._session, now_ns=self._now_ns, live=self._live, view=view)


class _AnySize:
    """Looks at pictures of any size, at each as the one before where it has the same."""

    def __init__(self, looks: _Looks) -> None:
        self._looks = looks
        self._size = (0, 0)
        self._look: Look | None = None

    def __call__(self, frame: Frame) -> Inspection:
        height, width = frame.pixels.shape[:2]
        if self._look is None or ((height, width) != self._size and frame.fault is None):
            self._look = self._looks.of(max(height, 1), max(width, 1))
            self._size = (height, width)
        return self._look(frame)
