"""What the shift's pages and REST ask and say: the station's state, runs from the database, the sets, the calendar."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from agent.challenges import ChallengePart, ChallengeRefused, Challenges, ChallengeSet
from agent.control import ask
from agent.errors import ControlFailed, OkngError
from agent.shifts import Calendar, Shift
from agent.status import ChallengeStatus, LaneStatus
from agent.store import challenges as stored
from agent.store.challenges import Held, RunQuery, StoredRun
from agent.web.desk import Desk
from agent.web.link import Heard
from agent.web.who import Person

ANSWER_S = 30.0
NOBODY = "somebody"


class ActRefused(OkngError):
    """The station refused, or does not answer; `code` is what HTTP says of it."""

    def __init__(self, code: int, why: str) -> None:
        self.code = code
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Tile:
    """A challenge part as the page of a run shows it."""

    part: ChallengePart
    state: str
    """right, wrong, waiting, awaited, expired."""
    actual: tuple[str, ...] = ()
    """Outcomes, in the order of the trials."""
    defects: tuple[str, ...] = ()
    record: int = 0


@dataclass(frozen=True, slots=True)
class LaneShift:
    """One lane before a person at the start of a shift."""

    name: str
    status: LaneStatus | None
    """None while the station does not say."""
    recipe: str
    found: ChallengeSet
    trouble: str
    """Why the set cannot be used."""
    run: StoredRun | None
    """The run that is on."""
    tiles: tuple[Tile, ...]
    last: StoredRun | None
    """The newest run that is over."""

    @property
    def challenge(self) -> ChallengeStatus:
        return self.status.challenge if self.status is not None else ChallengeStatus()

    @property
    def state(self) -> str:
        """silent, off, running, released, overridden, closing, warned, blocked: what the page's head says."""
        its = self.challenge
        if self.status is None:
            return "silent"
        if its.mode == "off":
            return "off"
        if self.run is not None:
            return "running"
        if not its.released:
            return "blocked" if its.mode == "block" else "warned"
        if its.overridden_by:
            return "overridden"
        return "closing" if its.closing_until_utc_us else "released"

    @property
    def judged(self) -> int:
        return sum(tile.state in ("right", "wrong") for tile in self.tiles)


class ShiftDesk:
    """Built once; from any thread."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.calendar = Calendar(desk.config.shifts, desk.zone)
        self.sets = Challenges(desk.config.station.data)

    def lanes(self, heard: Heard) -> tuple[str, ...]:
        """The station's own lanes, else the configured ones."""
        return tuple(lane.name for lane in heard.status.lanes) if heard.status else tuple(self.desk.config.lanes)

    def lane(self, heard: Heard, name: str) -> LaneShift:
        """Raises StoreFailed while the database cannot be read."""
        status = next((lane for lane in heard.status.lanes if lane.name == name), None) if heard.status else None
        configured = self.desk.config.lanes.get(name)
        recipe = status.recipe if status is not None else configured.recipe if configured is not None else ""
        newest = self.desk.results.ask(lambda conn: stored.runs(conn, RunQuery(lane=name, limit=2)))
        run = next((each for each in newest[:1] if each.state == "running"), None)
        last = next((each for each in newest if each.state != "running"), None)
        trouble = ""
        try:
            found = self.sets.of(recipe) if recipe else ChallengeSet(recipe="")
        except ChallengeRefused as error:
            found, trouble = ChallengeSet(recipe=recipe), str(error)
        parts = run.parts if run is not None else found.parts
        awaited = status.challenge.awaited if status is not None else ""
        tiles = tuple(self._tile(part, run, awaited) for part in parts)
        return LaneShift(name, status, recipe, found, trouble, run, tiles, last)

    def _tile(self, part: ChallengePart, run: StoredRun | None, awaited: str) -> Tile:
        results = run.results_of(part.id) if run is not None else ()
        if results:
            state = "wrong" if any(result.wrong for result in results) else "right"
            last = results[-1]
            return Tile(part, state, tuple(str(r.outcome) for r in results), last.defects, last.inspection)
        if part.expired(self.today()):
            return Tile(part, "expired")
        return Tile(part, "awaited" if run is not None and part.id == awaited else "waiting")

    def today(self) -> date:
        """In the plant's zone."""
        return self.local(self.now_us()).date()

    def now_us(self) -> int:
        return time.time_ns() // 1000

    def local(self, utc_us: int) -> datetime:
        """The plant's own time of a stored moment."""
        return datetime.fromtimestamp(utc_us / 1e6, UTC).astimezone(self.desk.zone)

    def latest(self) -> Shift | None:
        """The shift that is on, or the last one that was."""
        return self.calendar.latest(self.now_us())

    # What persons say ------------------------------------------------------------------------------

    def begin(self, who: Person, lane: str) -> int:
        number = int(self._say("challenge_start", lane=lane, by=name_of(who))["run"])
        self.desk.acts.note(who, "shift.started", f"lane {lane}", None, {"run": number})
        return number

    def awaits(self, who: Person, lane: str, part: str) -> None:
        self._say("challenge_next", lane=lane, part=part)
        self.desk.acts.note(who, "shift.announced", f"lane {lane}", None, {"part": part})

    def end(self, who: Person, lane: str) -> str:
        ended = str(self._say("challenge_end", lane=lane, by=name_of(who))["ended"])
        self.desk.acts.note(who, "shift.ended", f"lane {lane}", None, {"ended": ended})
        return ended

    def override(self, who: Person, lane: str, reason: str) -> int:
        number = int(self._say("challenge_override", lane=lane, by=name_of(who), reason=reason)["override"])
        self.desk.acts.note(who, "shift.overridden", f"lane {lane}", None, {"reason": reason, "override": number})
        return number

    def save(self, who: Person, parts: ChallengeSet, seen: str) -> str:
        before = [part.model_dump() for part in self.sets.of(parts.recipe).parts]
        after = [part.model_dump() for part in parts.parts]
        said = self._say("challenge_save", recipe=parts.recipe, parts=after, revision=seen)
        self.desk.acts.note(who, "shift.parts", f"recipe {parts.recipe}", {"parts": before}, {"parts": after})
        return str(said["revision"])

    def _say(self, verb: str, **said: object) -> Mapping[str, Any]:
        try:
            return ask(self.desk.config.station.runtime, verb, ANSWER_S, **said)
        except ControlFailed as error:
            # Without a cause the station answered and refused.
            raise ActRefused(409 if error.__cause__ is None else 503, str(error)) from error
        except ValueError as error:
            raise ActRefused(503, f"the station's answer cannot be read: {error}") from error

    # What was --------------------------------------------------------------------------------------

    def runs(self, query: RunQuery) -> tuple[StoredRun, ...]:
        return self.desk.results.ask(lambda conn: stored.runs(conn, query))

    def run(self, number: int) -> StoredRun | None:
        return self.desk.results.ask(lambda conn: stored.run(conn, number))

    def held(self, number: int, after_id: int = 0, limit: int = 1000) -> tuple[Held, ...]:
        return self.desk.results.ask(lambda conn: stored.held(conn, number, after_id, limit))


def name_of(who: Person) -> str:
    return who.name or NOBODY
