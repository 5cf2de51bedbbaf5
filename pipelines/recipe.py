"""A recipe: how one product is judged. A saved recipe is an immutable, hashed revision."""

import difflib
import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)


class Part(BaseModel):
    """A part of a recipe: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


Point = tuple[Annotated[float, Field(ge=0, le=1)], Annotated[float, Field(ge=0, le=1)]]
"""(x, y) as shares of the picture's width and height, so that it holds at any size."""


class Region(Part):
    """A polygon on the picture. `inspect`: only defects inside count; `ignore`: a don't-care mask."""

    name: str = Field(min_length=1, max_length=64)
    kind: Literal["inspect", "ignore"]
    points: tuple[Point, ...] = Field(min_length=3, max_length=64)


class ClassRule(Part):
    """What one defect class needs to make a part NG."""

    threshold: float | None = Field(None, gt=0, lt=1, description="lowest score; none: the model's own")
    min_size_px: float = Field(0.0, ge=0, description="longest side below this does not count")
    allowed: int = Field(0, ge=0, description="so many are accepted, one more is NG")


class QualityGate(Part):
    """Limits of a picture that may be judged. Outside of them the part is UNSURE."""

    min_sharpness: float = Field(0.0, ge=0, description="variance of the Laplacian")
    min_brightness: float = Field(5.0, ge=0, le=255)
    max_brightness: float = Field(250.0, ge=0, le=255)
    max_saturated: float = Field(1.0, ge=0, le=1, description="share of pixels at 255")
    max_age_ms: float = Field(1000.0, gt=0, description="older at the start of the look: stale")
    max_identical: int = Field(2, ge=0, description="so many equal frames in a row are believed")

    @model_validator(mode="after")
    def _ordered(self) -> "QualityGate":
        if self.min_brightness >= self.max_brightness:
            raise ValueError("min_brightness must be below max_brightness")
        return self


class Tiling(Part):
    """Cut a large picture into overlapping square tiles of the model's input size."""

    size_px: int = Field(640, ge=64, le=4096, description="side of a tile on the picture")
    overlap_px: int = Field(96, ge=0, le=2048, description="at least the largest defect's longest side")

    @model_validator(mode="after")
    def _advances(self) -> "Tiling":
        if self.overlap_px * 2 > self.size_px:
            raise ValueError(f"overlap_px {self.overlap_px} must be at most half of size_px {self.size_px}")
        return self


Pipeline = Literal["detect", "guided", "difference"]
"""detect: a model looks at the picture. guided: a model sees part, reference and their difference.
difference: what differs from the reference is a defect; the traditional method, without a model."""

Sha256 = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]
"""64 hex digits; empty: not yet pinned."""


class Reference(Part):
    """The golden picture of the product, and how far a part may lie off it. Beyond it: UNSURE (misaligned)."""

    picture: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$", description="file beside the recipe's")
    sha256: Sha256 = Field("", description="of that file; pinned when the recipe is read")
    max_shift_px: float = Field(40.0, ge=0, le=1024, description="of the part's middle, along x and along y")
    max_rotation_deg: float = Field(5.0, ge=0, le=15)
    max_scale: float = Field(0.05, ge=0, le=0.2, description="share that the part may be larger or smaller")
    min_fit: float = Field(0.5, gt=0, le=1, description="likeness of the aligned part's edges, 0..1")
    max_differing: float = Field(0.05, gt=0, le=1, description="share of the inspected area that may differ")
    min_cover: float = Field(0.8, gt=0, le=1, description="share of the inspected area that the part shows")


class DifferenceRule(Part):
    """The traditional method: |part - reference|, threshold, opening, blobs."""

    contrast: int = Field(100, ge=1, le=254, description="grey levels from which a pixel differs")
    opening_px: int = Field(3, ge=1, le=31, description="side of the opening's square; 1: none")
    min_area_px: int = Field(5, ge=1, description="smaller blobs do not count")


_TAKES: dict[str, tuple[Pipeline, ...]] = {
    "model": ("detect", "guided"),
    "model_hash": ("detect", "guided"),
    "reference": ("guided", "difference"),
    "difference": ("difference",),
}
"""Key -> the pipelines that it is for."""
_NEEDS: dict[str, tuple[Pipeline, ...]] = {"model": ("detect", "guided"), "reference": ("guided", "difference")}
"""Key -> the pipelines that cannot be without."""
_HOW = {"model": 'model = "NAME-VERSION", or a folder', "reference": '[reference] with picture = "FILE"'}


class Recipe(Part):
    """How one product is judged: `recipes/NAME.toml`."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")
    pipeline: Pipeline = Field("detect", description="how it is looked at: a model, with the reference, or none")
    model: str = Field(
        "", validate_default=True, description="bundle that judges: NAME-VERSION; for `okng judge` a folder too"
    )
    model_hash: Sha256 = Field("", description="sha256 of its manifest: another model is refused; empty: pinned")
    reference: Reference | None = Field(None, validate_default=True)
    difference: DifferenceRule | None = None
    threshold: float | None = Field(None, gt=0, lt=1, description="for all classes; none: the model's own")
    keep_score: float = Field(0.25, gt=0, lt=1, description="detections from here on are stored")
    nms_iou: float = Field(0.45, gt=0, lt=1, description="overlap at which two boxes of a class are one")
    max_detections: int = Field(300, ge=1, le=3000, description="more that could decide: UNSURE (error), never OK")
    classes: dict[str, ClassRule] = Field({}, description="rules by defect class; others: the defaults")
    require: dict[str, Annotated[int, Field(ge=1)]] = Field(
        {}, description="label -> how many must be seen, else NG (missing)"
    )
    regions: tuple[Region, ...] = ()
    quality: QualityGate = QualityGate()
    tiles: Tiling | None = None
    unsure: Literal["reject", "divert", "stop"] = Field("reject", description="what the line does")
    deadline_ms: float = Field(1000.0, gt=0, description="from grab to answer; later is UNSURE (late)")
    evidence_ok_rate: float = Field(0.01, ge=0, le=1, description="share of OK parts whose picture is kept")

    @field_validator("model", "model_hash", "reference", "difference")
    @classmethod
    def _of_the_pipeline(cls, value: Any, info: ValidationInfo) -> Any:
        """Every pipeline has what it needs, and nothing that it would not look at."""
        pipeline, name = info.data.get("pipeline"), str(info.field_name)
        if pipeline is None:  # named as wrong already
            return value
        if value and pipeline not in _TAKES[name]:
            raise ValueError(f'pipeline "{pipeline}" takes none, allowed with {_quoted(_TAKES[name])}')
        if not value and pipeline in _NEEDS.get(name, ()):
            raise ValueError(f'is needed with pipeline "{pipeline}": {_HOW[name]}')
        return value

    @property
    def revision(self) -> str:
        """sha256 over the recipe's canonical JSON, hex: the identity of this revision."""
        body = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(body.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class RecipeProblem:
    """One thing that is wrong in a recipe."""

    where: str
    """Dotted path: "classes.open.threshold"."""
    what: str
    """The value, what is allowed, and the nearest known name where one was mistyped."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


class RecipeWrong(ValueError):
    """A recipe that cannot be used, with everything that is wrong in it."""

    def __init__(self, problems: Iterable[RecipeProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


def parse_recipe(data: dict[str, Any]) -> Recipe:
    """A recipe out of the tables of its file. Raises RecipeWrong with all problems at once."""
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        raise RecipeWrong(_problem(e["type"], e["loc"], e["msg"], e["input"]) for e in error.errors()) from error


def check_against(
    recipe: Recipe, labels: tuple[str, ...], pipeline: Pipeline = "detect", model_hash: str = ""
) -> tuple[RecipeProblem, ...]:
    """What is wrong with a recipe for a model with these labels, made for this pipeline; empty: it fits.

    `model_hash` is the model's; a recipe that names another one is not for it. Without one it is not looked at.
    """
    return (*_wrong_model(recipe, pipeline, model_hash), *_wrong_labels(recipe, labels))


def _wrong_model(recipe: Recipe, pipeline: Pipeline, model_hash: str) -> Iterator[RecipeProblem]:
    if recipe.pipeline != pipeline:
        yield RecipeProblem("pipeline", f'is "{recipe.pipeline}", the model was made for "{pipeline}"')
    if model_hash and recipe.model_hash not in ("", model_hash):
        what = f"is {recipe.model_hash[:12]}…, model {recipe.model} has {model_hash[:12]}…: another one"
        yield RecipeProblem("model_hash", what)


def _wrong_labels(recipe: Recipe, labels: tuple[str, ...]) -> Iterator[RecipeProblem]:
    named = [*(("classes", label) for label in recipe.classes), *(("require", label) for label in recipe.require)]
    for table, label in named:
        if label not in labels:
            what = f"the model has no label {label!r}{_nearest(label, labels)}"
            yield RecipeProblem(f"{table}.{label}", what)


def _problem(kind: str, loc: tuple[int | str, ...], message: str, value: object) -> RecipeProblem:
    where = ".".join(map(str, loc)) or "recipe"
    if kind == "extra_forbidden":
        return RecipeProblem(where, f"unknown{_nearest(str(loc[-1]), _known(loc[:-1]))}")
    if kind == "missing":
        return RecipeProblem(where, "is needed")
    text = repr(value)
    return RecipeProblem(where, f"{message} (got {text if len(text) <= 60 else text[:57] + '...'})")


def _quoted(names: Iterable[str]) -> str:
    return " and ".join(f'"{name}"' for name in names)


def _nearest(name: str, known: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f", did you mean {near[0]}?" if near else f"; known are {', '.join(known)}"


def _known(loc: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys that the table at this place may have."""
    kind: Any = Recipe
    for step in loc:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = kind.model_fields[str(step)].annotation
        else:
            kind = get_args(kind)[1 if get_origin(kind) is dict else 0]
        if get_origin(kind) in (Union, UnionType):
            kind = get_args(kind)[0]
    return tuple(kind.model_fields)
