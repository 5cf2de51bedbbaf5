"""The health windows that are open: how long each has been, what it has seen, and whether it is time to look."""

from collections.abc import Sequence
from dataclasses import asdict

from agent.clock import ms_between
from agent.config import ModelsConfig
from agent.ports import Clock
from agent.station.models.activation import Activation, Before, Probation
from agent.station.models.figures import Figures, together
from agent.station.models.health import FEWEST, due
from agent.station.trials import Trial
from pipelines.values import Stamp


class Windows:
    """By recipe and model. What was seen before a restart stands in `models.json` and counts on."""

    def __init__(self, config: ModelsConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._since: dict[tuple[str, str], Stamp] = {}
        self._looked: dict[tuple[str, str], int] = {}

    def open(self, recipe: str, digest: str) -> None:
        """The window begins, or goes on after a restart; one that is open stays as it is."""
        self._since.setdefault((recipe, digest), self._clock.now())

    def end(self, recipe: str, digest: str) -> Stamp | None:
        """It is over; when it was opened in this run."""
        self._looked.pop((recipe, digest), None)
        return self._since.pop((recipe, digest), None)

    def watched_s(self, recipe: str, activation: Activation) -> float:
        """How long the model has been watched."""
        before_s = activation.probation.watched_s if activation.probation is not None else 0.0
        since = self._since.get((recipe, activation.digest))
        return before_s + (ms_between(since, self._clock.now()) / 1e3 if since is not None else 0.0)

    def due(self, recipe: str, digest: str, parts: int) -> bool:
        """Whether the model is to be compared now; if so, not again before there are enough more parts."""
        if not due(parts, self._looked.get((recipe, digest), 0)):
            return False
        self._looked[recipe, digest] = parts
        return True

    def said(self, recipe: str, activation: Activation, trials: Sequence[Trial]) -> str:
        """How far the window is, for people."""
        probation = activation.probation
        if probation is None:
            return ""
        by_lane, wanted = parts_by_lane(probation, trials), self._config.health_parts
        seconds, wanted_s = self.watched_s(recipe, activation), self._config.health_s
        told = f"new: watched for {sum(by_lane.values())} of {wanted} parts, {seconds:.0f} of {wanted_s:.0f} s"
        if not trials:
            return f"{told}; no lane judges by it now"
        few = [f"{name} {parts}" for name, parts in by_lane.items() if parts < self.fewest]
        return told + (f"; of {self.fewest} a lane at least: {', '.join(few)}" if few else "")

    @property
    def fewest(self) -> int:
        """Parts that a lane must have judged by a new model before it is called good."""
        return min(FEWEST, self._config.health_parts)

    def done(self, recipe: str, activation: Activation, trials: Sequence[Trial]) -> bool:
        """Whether the model was watched long enough, on each of these lanes."""
        if activation.probation is None:
            return False
        by_lane = parts_by_lane(activation.probation, trials)
        here = [by_lane.get(lane.name, 0) for lane, _ in trials]
        enough = sum(by_lane.values()) >= self._config.health_parts and min(here, default=0) >= self.fewest
        return enough and self.watched_s(recipe, activation) >= self._config.health_s

    def kept(self, recipe: str, activation: Activation, trials: Sequence[Trial]) -> Probation | None:
        """The window as it is to be written down when the station is stopped; None where there is none."""
        probation = activation.probation
        if probation is None:
            return None
        update = {"ended_well": True, "watched_s": self.watched_s(recipe, activation)}
        return seen_until_now(probation, trials).model_copy(update=update)


def seen_until_now(probation: Probation, trials: Sequence[Trial]) -> Probation:
    """The window with what these lanes have seen written down: their jobs are about to go."""
    seen = Before.model_validate(asdict(seen_by(probation, trials)))
    return probation.model_copy(update={"so_far": seen, "lanes": parts_by_lane(probation, trials)})


def seen_by(probation: Probation, trials: Sequence[Trial]) -> Figures:
    """What the model has shown in its window, on all lanes."""
    return together([figures(probation.so_far), *(job.standing.history.figures() for _, job in trials)])


def parts_by_lane(probation: Probation, trials: Sequence[Trial]) -> dict[str, int]:
    """Lane -> parts that it has judged by the model, before a restart as well."""
    found = dict(probation.lanes)
    for lane, job in trials:
        found[lane.name] = found.get(lane.name, 0) + job.standing.history.parts
    return found


def figures(kept: Before | None) -> Figures:
    """Figures as they were written down; none: of no part."""
    return Figures(**kept.model_dump()) if kept is not None else Figures()
