"""A push lane that asks for challenge parts, for the tests: bright pictures are OK there, dark ones UNSURE."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from agent.control import ask
from agent.status import ChallengeStatus
from tests.station.rig import Rig, wait_for

GOOD, DARK = 120, 2
"""Brightness of a part that is OK, and of one that nobody can judge."""


def shifts(first_utc_hour: int) -> str:
    """Two shifts of 12 hours, a and b."""
    starts = (("a", first_utc_hour % 24), ("b", (first_utc_hour + 12) % 24))
    return "".join(f'[[shifts]]\nname = "{name}"\nstart = "{hour:02}:00"\n' for name, hour in starts)


NOON = shifts(0)
"""For a test with a clock of its own."""
FAR = shifts(datetime.now(UTC).hour + 6)
"""Neither begins nor ends for hours: whatever time of day the tests run, no closing run falls due."""

PARTS: tuple[dict[str, str], ...] = (
    {"id": "G-1", "expected": "ok"},
    {"id": "G-2", "expected": "ok", "expires": "2999-12-31"},
    {"id": "D-1", "expected": "not_ok", "note": "lens cap"},
)


def lane(challenge: str = "block", more: str = "", shifts: str = FAR) -> str:
    """The lane "desk"."""
    return f'[lanes.desk]\nrecipe = "trial"\nchallenge = "{challenge}"\n{more}camera = {{ kind = "push" }}\n' + shifts


@dataclass(frozen=True, slots=True)
class Desk:
    """Says verbs to a station, whoever runs it."""

    runtime: Path

    def say(self, verb: str, **arguments: object) -> Mapping[str, Any]:
        return ask(self.runtime, verb, 30.0, **arguments)

    def save(self, *parts: Mapping[str, str], revision: str = "", recipe: str = "trial") -> str:
        from agent.challenges import ChallengeSet

        seen = revision or ChallengeSet(recipe=recipe).revision
        return str(self.say("challenge_save", recipe=recipe, parts=list(parts or PARTS), revision=seen)["revision"])

    def begin(self) -> int:
        return int(self.say("challenge_start", lane="desk", by="ann")["run"])

    def present(self, code: str, brightness: int = GOOD, purpose: str = "production") -> int:
        """Push a picture; its record."""
        folder = self.runtime / "push"
        folder.mkdir(exist_ok=True)
        name = f"{uuid.uuid4().hex}.npy"
        np.save(folder / name, np.full((64, 64, 3), brightness, np.uint8))
        return int(self.say("judge", file=name, lane="desk", part_id=code, purpose=purpose)["record"])

    def state(self) -> ChallengeStatus:
        (lane,) = self.say("status")["status"]["lanes"]
        return ChallengeStatus.model_validate(lane["challenge"])

    def engine(self) -> str:
        return str(self.say("status")["status"]["lanes"][0]["engine"])


def desk_of(rig: Rig) -> Desk:
    """Once the station is ready and knows how it stood."""
    desk = Desk(rig.runtime)
    rig.turn()
    rig.until(lambda: desk.engine() == "ready" and (desk.state().released or desk.state().why))
    return desk


def passed(desk: Desk) -> int:
    """A whole run without a mistake; its id."""
    number = desk.begin()
    for code, brightness in (("D-1", DARK), ("G-2", GOOD), ("G-1", GOOD)):
        desk.present(code, brightness)
    return number


def settle(rig: Rig, desk: Desk, released: bool) -> None:
    """Until the station says so."""
    rig.until(lambda: desk.state().released is released and desk.state().run == 0)


__all__ = ["DARK", "GOOD", "PARTS", "Desk", "desk_of", "lane", "passed", "settle", "wait_for"]
