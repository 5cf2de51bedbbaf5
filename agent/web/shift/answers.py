"""What REST answers about shifts and challenge parts."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, Field

from agent.challenges import ChallengePart
from agent.shifts import Shift
from agent.store.challenges import Held, State, StoredRun


class ChallengeResult(BaseModel):
    """What a challenge part was judged in a run."""

    part: str
    record: int
    utc_us: int
    outcome: str
    defects: list[str]
    wrong: str = Field(description="empty: it was right; else verdict or defect")


class ChallengeRun(BaseModel):
    """A challenge run, or a release by hand (state overridden)."""

    id: int
    lane: str
    state: State
    by: str
    why: list[str] = Field(description="why it was required; empty: somebody wanted it")
    reason: str = Field(description="of a release by hand")
    note: str
    started_utc_us: int
    ended_utc_us: int | None
    shift: str = Field(description="DAY/NAME; empty between shifts")
    recipe: str
    recipe_hash: str
    model: str
    model_hash: str
    parts: list[ChallengePart]
    results: list[ChallengeResult]


class ChallengeRuns(BaseModel):
    """A page, the newest first."""

    runs: list[ChallengeRun]
    next_before_id: int | None = Field(description="before_id of the next page; null: this is the last")


class HeldPart(BaseModel):
    """A part to hold after a failed run."""

    record: int
    part_id: str
    outcome: str
    captured_utc_us: int


class HeldParts(BaseModel):
    """A page, by record."""

    parts: list[HeldPart]
    next_after_id: int | None = Field(description="after_id of the next page; null: this is the last")


class ChallengeSetAnswer(BaseModel):
    """A recipe's challenge parts, and what to say as `revision` when they are replaced."""

    recipe: str
    revision: str
    parts: list[ChallengePart]


class ShiftAnswer(BaseModel):
    """One shift of one day."""

    key: str = Field(description="DAY/NAME", examples=["2026-11-30/night"])
    name: str
    day: date
    start_utc_us: int
    end_utc_us: int


class ShiftsAnswer(BaseModel):
    """The shifts of one day."""

    shifts: list[ShiftAnswer]


class Started(BaseModel):
    """A run that was begun, or a release by hand."""

    id: int


class Ended(BaseModel):
    """How a run ended."""

    ended: Literal["passed", "failed", "aborted"]


class Done(BaseModel):
    """It was done."""

    done: Literal[True] = True


def run_answer(run: StoredRun) -> ChallengeRun:
    """A stored run as REST says it."""
    results = [
        ChallengeResult(
            part=r.part,
            record=r.inspection,
            utc_us=r.utc_us,
            outcome=str(r.outcome),
            defects=list(r.defects),
            wrong=r.wrong,
        )
        for r in run.results
    ]
    return ChallengeRun(
        id=run.id,
        lane=run.lane,
        state=run.state,
        by=run.by,
        why=list(run.why),
        reason=run.reason,
        note=run.note,
        started_utc_us=run.started_utc_us,
        ended_utc_us=run.ended_utc_us,
        shift=run.bound.shift,
        recipe=run.bound.recipe,
        recipe_hash=run.bound.recipe_hash,
        model=run.bound.model,
        model_hash=run.bound.model_hash,
        parts=list(run.parts),
        results=results,
    )


def held_answer(part: Held) -> HeldPart:
    """A held part as REST says it."""
    return HeldPart(
        record=part.id, part_id=part.part_id, outcome=str(part.outcome), captured_utc_us=part.captured_utc_us
    )


def shift_answer(shift: Shift) -> ShiftAnswer:
    """A shift as REST says it."""
    return ShiftAnswer(
        key=shift.key, name=shift.name, day=shift.day, start_utc_us=shift.start_utc_us, end_utc_us=shift.end_utc_us
    )
