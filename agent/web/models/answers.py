"""What REST asks and answers about models, backtests and recordings."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.status import MOST_RECORDED_MIN, RecordingStatus
from agent.web.models.errands import Errand
from agent.web.query import MAX_ID, MAX_TEXT

Text = Annotated[str, Field(max_length=MAX_TEXT)]
ModelId = Annotated[str, Field(min_length=1, max_length=MAX_TEXT, examples=["boards-2"])]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ActivateAsked(_Asked):
    """Let a model judge by a recipe, from the next part on."""

    id: ModelId
    recipe: Text = Field("", description="empty: the only one in use")
    expect_change: bool = Field(False, description="its verdicts differ: watch errors and time only")
    again: bool = Field(False, description="although it is active, or was taken back")


class RecipeAsked(_Asked):
    recipe: Text = Field("", description="empty: the only one in use")


class ShadowAsked(_Asked):
    """A model that judges beside the active one; nobody is told."""

    id: ModelId = Field(description='NAME-VERSION, or "off"')
    recipe: Text = ""


class CanaryAsked(_Asked):
    """For a share of the parts, a part passes only if both models pass it."""

    id: ModelId = Field(description='NAME-VERSION, or "off"')
    recipe: Text = ""
    share: float = Field(0.1, gt=0, le=1)
    expect_change: bool = False
    again: bool = False


class BacktestAsked(_Asked):
    """A model on stored parts."""

    id: ModelId
    since_utc_us: int = Field(0, ge=0, le=MAX_ID)
    until_utc_us: int = Field(0, ge=0, le=MAX_ID, description="0: now")
    lane: Text = ""
    recipe: Text = ""
    limit: int = Field(0, ge=0, le=1_000_000, description="at most so many parts, 0: all")
    lossy: bool = Field(False, description="judge JPEGs too, apart from the others")


class RecordAsked(_Asked):
    """Keep every picture of a lane."""

    lane: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)]
    minutes: int = Field(ge=0, le=MOST_RECORDED_MIN, description="0 ends it")


class ModelsAnswer(_Answer):
    """A page of the models, as the station says them."""

    models: tuple[dict[str, Any], ...]
    more: str = Field(description="`after` of the next page; empty on the last one")
    recipes: tuple[dict[str, Any], ...] = Field((), description="who judges by each; on the first page")
    lanes: dict[str, tuple[str, ...]] = Field(default_factory=dict, description="recipe -> lanes; on the first page")


class ErrandAnswer(_Answer):
    """What takes the station minutes: the one that runs, or the last one."""

    id: int
    act: Literal["import", "activate", "rollback", "shadow", "canary"]
    subject: str
    begun_utc_us: int
    state: Literal["running", "done", "refused"]
    why: str
    answer: dict[str, Any]


class NoErrand(_Answer):
    state: Literal["none"] = "none"


class HeldAnswer(_Answer):
    id: int
    part_id: str
    lane: str
    captured_utc_us: int
    outcome: str


class HeldPage(_Answer):
    recipe: str
    model: str
    parts: tuple[HeldAnswer, ...]
    next_after_id: int | None


class DisagreementAnswer(_Answer):
    id: int
    lane: str
    captured_utc_us: int
    was: str
    would_be: str
    picture: bool


class DisagreementPage(_Answer):
    model: str
    parts: tuple[DisagreementAnswer, ...]
    next_before: int | None


class BacktestNow(_Answer):
    name: str
    model: str
    begun_utc_us: int
    done: int
    total: int
    running: bool
    why: str


class BacktestsAnswer(_Answer):
    now: BacktestNow | None = Field(description="the one that runs, else the last one since the station's start")
    names: tuple[str, ...] = Field(description="of the answers that are kept, the newest first")
    next_before: str | None


class EndedAnswer(_Answer):
    ended: bool


class RecordingsAnswer(_Answer):
    folder: str = Field(description="evidence.record_folder; empty: none is configured")
    recordings: tuple[RecordingStatus, ...]


def errand_answer(errand: Errand) -> ErrandAnswer:
    return ErrandAnswer(
        id=errand.id,
        act=errand.act,
        subject=errand.subject,
        begun_utc_us=errand.begun_utc_us,
        state=errand.state,
        why=errand.why,
        answer={name: value for name, value in errand.answer.items() if name != "ok"},
    )
