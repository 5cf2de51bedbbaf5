"""What a recipe is judged by, as it is kept: the active model, the good ones before it, what was taken back."""

from pydantic import BaseModel, ConfigDict, Field

from agent.errors import OkngError
from pipelines.recipe import Recipe


class _Kept(BaseModel):
    # What a newer okng wrote besides is passed over and not refused: a station must come up.
    model_config = ConfigDict(frozen=True, extra="ignore")


class Version(_Kept):
    """A model, by its name and by what it is."""

    id: str
    """NAME-VERSION."""
    digest: str
    """sha256 of its manifest, hex."""

    @property
    def of_recipe(self) -> dict[str, str]:
        """The fields of a recipe that name it."""
        return {"model": self.id, "model_hash": self.digest}


class Canary(_Kept):
    """A candidate that judges a share of the parts beside the active model."""

    id: str
    digest: str = ""
    share: float
    drift: bool = True
    """Whether its verdicts are expected to be like the active model's."""
    boot: str = ""
    """Boot id of the machine when it began, or went on."""
    ended_well: bool = True
    """The process was stopped, and did not die while it judged."""


class Before(_Kept):
    """Figures of the model before, as `agent.station.models.figures.Figures`."""

    parts: int
    ng: int
    unsure: int
    errors: int
    missed: int
    p99_ms: float
    scores: tuple[int, ...]
    labels: dict[str, int]
    times: dict[int, int] = Field(default_factory=dict)
    judged: int = 0


class Probation(_Kept):
    """The health window of an activation, while it is open."""

    boot: str
    """Boot id of the machine when it was opened, or gone on with."""
    drift: bool = True
    """Whether the verdicts are expected to be like those before."""
    ended_well: bool = False
    """The process was stopped within the window, and did not die in it."""
    before: Before | None = None
    so_far: Before | None = None
    """What it has shown until the station was last stopped."""
    watched_s: float = 0.0
    """How long it was watched until then."""
    lanes: dict[str, int] = Field(default_factory=dict)
    """Lane -> parts that it had judged there until then."""


class RolledBack(_Kept):
    """An activation that was taken back, and the parts that it judged."""

    model: str
    digest: str
    to: str
    why: str
    at_utc_us: int
    first_id: int = 0
    last_id: int = 0
    parts: int = 0
    passed: int = 0
    """Of them OK: what is to be held."""
    by_itself: bool = True
    after: str = ""
    """What had been taken back just before, and why: two models are gone then, and not one."""
    seen: bool = False
    """A person knows of it, and has dealt with the parts: the alarm is over."""

    @property
    def told(self) -> str:
        """In a few words, for people."""
        return f"{self.model} was taken back {'by itself' if self.by_itself else 'by a person'}: {self.why[:200]}"


class Activation(_Kept):
    """What one recipe is judged by."""

    active: str = ""
    """NAME-VERSION; empty: the model that the recipe's file names."""
    digest: str = ""
    since_utc_us: int = 0
    file_model: str = ""
    """What the recipe's file named when this was said: once it names another, the file decides again."""
    previous: tuple[Version, ...] = ()
    """Good ones before it, the last one first."""
    shadow: str | None = None
    canary: Canary | None = None
    canary_trouble: str = ""
    """Why the last canary has ended by itself, until a person knows."""
    probation: Probation | None = None
    rolled_back: RolledBack | None = None
    """The last one that was taken back."""
    condemned: dict[str, str] = Field(default_factory=dict)
    """Digest -> why, of models that were taken back by themselves: only a person who insists activates one again."""

    @property
    def version(self) -> Version:
        return Version(id=self.active, digest=self.digest)

    def decides(self, file_model: str) -> bool:
        """Whether it stands in for the model of a recipe whose file names this one."""
        return bool(self.active) and self.file_model == file_model

    def way_back(self, recipe: str) -> Version:
        """The good model before. Raises OkngError where there is none, with what has happened already."""
        if self.previous:
            return self.previous[0]
        back = self.rolled_back
        judges = "nobody" if self.digest in self.condemned else self.active
        already = f"; {back.told}; {judges} judges" if back is not None else ""
        raise OkngError(f"recipe {recipe}: there is no good model to go back to{already}")

    @property
    def named(self) -> frozenset[str]:
        """Every bundle that it needs."""
        canary = [self.canary.id] if self.canary else []
        shadow = [self.shadow] if self.shadow else []
        active = [self.active] if self.active else []
        return frozenset([*active, *(v.id for v in self.previous), *shadow, *canary])


def effective(recipe: Recipe, activation: Activation, by_file: bool = True) -> Recipe:
    """The recipe with the model that is active for it.

    `by_file` is False for a revision, which names the model that judged then. A file that has pinned a
    model's hash since is obeyed.
    """
    pinned = by_file and recipe.model_hash not in ("", activation.digest)
    decides = activation.decides(recipe.model) if by_file else bool(activation.active)
    return recipe.model_copy(update=activation.version.of_recipe) if decides and not pinned else recipe
