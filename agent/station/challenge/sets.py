"""The recipes' challenge parts, and whether they may release a lane today."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, tzinfo

from agent.challenges import ChallengePart, Challenges, ChallengeSet
from agent.errors import ControlFailed
from agent.ports import Clock


class Sets:
    """Not thread-safe: its owner lets one in at a time."""

    def __init__(self, kept: Challenges, zone: tzinfo, clock: Clock, clock_trusted: Callable[[], bool]) -> None:
        """`zone`: the plant's, in which a part's last day ends."""
        self._kept = kept
        self._zone = zone
        self._clock = clock
        self._clock_trusted = clock_trusted

    def usable(self, recipe: str) -> ChallengeSet:
        """The recipe's set. Raises ControlFailed for one that could not release anything."""
        found = self._kept.of(recipe)
        if not found.parts:
            raise ControlFailed(f"recipe {recipe!r} has no challenge parts: an engineer enters them")
        if late := self.expired(found.parts):
            raise ControlFailed(f"expired challenge parts cannot release: {late}")
        return found

    def expired(self, parts: Sequence[ChallengePart]) -> str:
        """Which of these parts must not be used any more, in words; empty: none."""
        if any(part.expires for part in parts) and not self._clock_trusted():
            return "the clock is not to be trusted, so their dates say nothing"
        return ", ".join(f"{part.id} ({part.expires})" for part in parts if part.expired(self._today()))

    def _today(self) -> date:
        return datetime.fromtimestamp(self._clock.now().utc_us / 1e6, UTC).astimezone(self._zone).date()

    def save(self, parts: ChallengeSet, seen: str) -> str:
        """Replace a recipe's set; its new revision. Raises ChallengeRefused, ControlFailed."""
        try:
            return self._kept.save(parts, seen).revision
        except OSError as error:
            raise ControlFailed(f"the challenge parts cannot be kept: {error.strerror}") from error
