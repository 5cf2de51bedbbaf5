"""A model bundle on disk: a folder with `manifest.json` and the files it names.

A wrong, cut or edited file is refused with the file's name and the reason, before anything of the
bundle is used.
"""

import hashlib
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent.errors import BundleRefused, Problem
from pipelines.look import ModelFacts

MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
"""Stands beside the manifest and is not one of its `files` (agent.station.models.signing)."""
MAX_MANIFEST_BYTES = 1 << 20

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
"""A plain file name: no folder, so that a bundle never reaches outside itself."""
Label = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]
"""A class's name, as a person reads it."""
Precision = Annotated[str, Field(pattern=r"^[a-z0-9]{2,16}$")]
"""What a variant's numbers are, or its format: int8, f16, f32, onnx."""
GRAPHS = (".xml", ".onnx")
ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}-[0-9A-Za-z][0-9A-Za-z.]{0,31}")
"""NAME-VERSION, and so a bundle's folder: never a way out of the folder that holds them."""
MAX_FILES = 256


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ModelInput(_Strict):
    """What the network expects. okng hands over uint8 BGR NHWC; the rest is folded into the graph."""

    width_px: int = Field(ge=32, le=8192, multiple_of=32)
    height_px: int = Field(ge=32, le=8192, multiple_of=32)
    dynamic: bool = Field(False, description="may be compiled for another size (multiples of 32)")
    colour: Literal["rgb", "bgr"] = "rgb"
    scale: float = Field(255.0, gt=0, description="pixels are divided by this")
    pad: int = Field(114, ge=0, le=255, description="grey level of the letterbox border")


class Golden(_Strict):
    """A picture with what the model must find on it, at the bundle's thresholds."""

    file: FileName
    expected: tuple[tuple[str, float, float, float, float, float], ...]
    """(label, score, x1, y1, x2, y2), px of the picture."""
    reference: FileName | None = Field(None, description="guided: the golden picture's reference picture")


class Overkill(_Strict):
    """What the thresholds cost: the share of good parts that they reject, with its 95 % interval."""

    measured: float = Field(ge=0, le=1)
    low: float = Field(ge=0, le=1)
    high: float = Field(ge=0, le=1)
    parts: int = Field(ge=1, description="good parts it was measured on")


class Promise(_Strict):
    """What the thresholds promise, as long as no recipe overrides one."""

    kind: Literal["escape", "miss"] = Field(description="escape: a bad part passed; miss: a defect not found")
    limit: float = Field(gt=0, lt=1, description="the rate stays under this")
    confidence: float = Field(gt=0, lt=1)
    parts: int = Field(
        ge=1, description="parts, bad ones, that it was calibrated on; of one board as many as they are worth"
    )
    groups: tuple[str, ...] = Field((), description="groups held out of the training that they are of")
    overkill: Overkill | None = None
    method: str
    source: str = Field(description="the paper")


class Manifest(_Strict):
    """`manifest.json`: everything that belongs to a model besides its weights."""

    schema_: Literal["okng.bundle/1"] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    version: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.]{0,31}$")
    pipeline: Literal["detect", "guided"] = Field("detect", description="guided: it sees the part's reference too")
    labels: tuple[Label, ...] = Field(min_length=1, max_length=1000)
    head: Literal["raw", "nmsfree"]
    input: ModelInput
    graph: FileName = Field(description="the OpenVINO IR's .xml or the ONNX file, one of `files`")
    variants: dict[Precision, FileName] = Field(
        {}, description="precision -> graph: int8, f16, onnx; `graph` is the default"
    )
    threshold: float = Field(gt=0, lt=1, description="score from which a detection counts")
    thresholds: dict[str, Annotated[float, Field(gt=0, lt=1)]] = Field({}, description="by class, where another")
    golden: tuple[Golden, ...] = ()
    promise: Promise | None = Field(None, description="what the thresholds promise")
    figures: dict[str, Any] = Field({}, description="what was measured, and on what")
    data: str = Field(description="what it was trained on, and that data's licence")
    licence: str = Field(description="SPDX expression")
    files: dict[FileName, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(
        max_length=MAX_FILES, description="file -> sha256; every file of the bundle but the manifest and its signature"
    )

    @property
    def proves(self) -> bool:
        """Whether a golden picture has something to be found. Where none has, a model that sees nothing is right."""
        return any(golden.expected for golden in self.golden)

    @model_validator(mode="after")
    def _consistent(self) -> "Manifest":
        references = [g.reference for g in self.golden if g.reference is not None]
        named = [self.graph, *self.variants.values(), *(g.file for g in self.golden), *references]
        if unlisted := [n for n in named if n not in self.files]:
            raise ValueError(f"not in files: {', '.join(unlisted)}")
        if own := [n for n in self.files if n.lower() in (MANIFEST, SIGNATURE)]:
            raise ValueError(f"files names {', '.join(own)}, which is not one of them")
        if len({n.lower() for n in self.files}) < len(self.files):
            raise ValueError("files has names that differ in case only")
        if strange := [n for n in (self.graph, *self.variants.values()) if not n.endswith(GRAPHS)]:
            raise ValueError(f"{', '.join(strange)} is no graph, allowed: {', '.join(GRAPHS)}")
        if len(set(self.labels)) < len(self.labels):
            raise ValueError("labels has the same name twice")
        if strange := [n for n in self.thresholds if n not in self.labels]:
            raise ValueError(f"thresholds for unknown labels: {', '.join(strange)}")
        expected = {row[0] for g in self.golden for row in g.expected}
        if strange := sorted(expected.difference(self.labels)):
            raise ValueError(f"golden pictures expect unknown labels: {', '.join(strange)}")
        if bare := [g.file for g in self.golden if (g.reference is None) == (self.pipeline == "guided")]:
            lacks = "lacks a reference" if self.pipeline == "guided" else "has a reference, which no detect model sees"
            raise ValueError(f"golden picture {', '.join(bare)} {lacks}")
        return self


@dataclass(frozen=True, slots=True)
class Bundle:
    """A checked bundle: every file was there with the hash that the manifest names."""

    folder: Path
    manifest: Manifest
    digest: str
    """sha256 of manifest.json, hex: the model's hash (it covers every file's hash)."""

    @property
    def id(self) -> str:
        return f"{self.manifest.name}-{self.manifest.version}"

    @property
    def proves(self) -> bool:
        """Whether a device can be found wrong by it; see `Manifest.proves`."""
        return self.manifest.proves

    @property
    def graph(self) -> Path:
        return self.folder / self.manifest.graph

    @property
    def facts(self) -> ModelFacts:
        """What the judgement needs to know of the model."""
        m = self.manifest
        return ModelFacts(
            labels=m.labels,
            head=m.head,
            height_px=m.input.height_px,
            width_px=m.input.width_px,
            dynamic=m.input.dynamic,
            pad=m.input.pad,
            threshold=m.threshold,
            thresholds=m.thresholds,
            pipeline=m.pipeline,
        )

    def variant(self, precision: str) -> "Bundle":
        """The same model by another of its graphs. Raises BundleRefused, naming those that there are."""
        graph = self.manifest.variants.get(precision)
        if graph is None:
            there = ", ".join(sorted(self.manifest.variants)) or "none"
            raise BundleRefused(f"model bundle {self.folder}", [Problem("variants", f"no {precision}, has: {there}")])
        return replace(self, manifest=self.manifest.model_copy(update={"graph": graph}))

    def threshold(self, label: str) -> float:
        return self.manifest.thresholds.get(label, self.manifest.threshold)


def checked_id(model: str) -> str:
    """A model's name as it came from outside, fit to be a folder's. Raises BundleRefused."""
    if not ID.fullmatch(model):
        what = f"is {_short(model)}, allowed: NAME-VERSION (lower case letters, digits, -; letters, digits, .)"
        raise BundleRefused("model", [Problem("id", what)])
    return model


def must_prove(bundle: Bundle) -> None:
    """Raises BundleRefused for a bundle whose golden pictures would prove nothing."""
    if not bundle.proves:
        none = "none expects anything to be found" if bundle.manifest.golden else "there are none"
        what = f"{none}: nobody would notice a device that computes wrongly, or a model that sees nothing"
        raise BundleRefused(f"model {bundle.id}", [Problem("golden", what)])


def sha256_of(file: Path) -> str:
    """sha256 of a file, hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_bundle(folder: Path, hash_of: Callable[[Path], str] = sha256_of) -> Bundle:
    """Read and check a bundle. Raises BundleRefused with every file that is wrong and why.

    `hash_of` gives a file's sha256 in hex, or raises OSError; another one than this only where nothing is judged by it.
    """
    subject = f"model bundle {folder}"
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise BundleRefused(subject, [Problem(MANIFEST, f"larger than {MAX_MANIFEST_BYTES} bytes")])
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise BundleRefused(subject, [_lacking(folder)]) from error
    except OSError as error:
        raise BundleRefused(subject, [Problem(MANIFEST, f"cannot be read: {error.strerror}")]) from error
    manifest = parse_manifest(raw, subject)
    wrong = [p for n, want in manifest.files.items() if (p := _check(folder / n, want, hash_of)) is not None]
    if wrong := wrong + _strange(folder, manifest):
        raise BundleRefused(subject, wrong)
    return Bundle(folder=folder, manifest=manifest, digest=hashlib.sha256(raw).hexdigest())


def _lacking(folder: Path) -> Problem:
    if folder.is_dir():
        return Problem(MANIFEST, "is not there, so this folder is no bundle; a folder NAME-VERSION with one is allowed")
    what = "is not there; a bundle's folder, NAME-VERSION.okng or an installed model's id is allowed"
    return Problem(folder.name or str(folder), what)


def parse_manifest(raw: bytes, subject: str) -> Manifest:
    """`manifest.json`'s bytes as a Manifest. Raises BundleRefused with every field that is wrong."""
    try:
        return Manifest.model_validate_json(raw)
    except ValidationError as error:
        problems = [Problem(_dotted(e["loc"]), f"{e['msg']} (got {_short(e['input'])})") for e in error.errors()]
        raise BundleRefused(subject, problems) from error


def _strange(folder: Path, manifest: Manifest) -> list[Problem]:
    known = {MANIFEST, SIGNATURE, *manifest.files}
    try:
        there = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        return [Problem(folder.name, f"cannot be read: {error.strerror}")]
    return [Problem(n, "is not named in the manifest") for n in there if n not in known]


def _check(file: Path, want: str, hash_of: Callable[[Path], str]) -> Problem | None:
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            return Problem(file.name, "is not a regular file")
        got = hash_of(file)
    except FileNotFoundError:
        return Problem(file.name, "is named in the manifest, but not there")
    except OSError as error:
        return Problem(file.name, f"cannot be read: {error.strerror}")
    if got != want:
        return Problem(file.name, f"sha256 is {got[:12]}…, the manifest says {want[:12]}…: cut, edited or swapped")
    return None


def _dotted(loc: tuple[int | str, ...]) -> str:
    return ".".join([MANIFEST, *map(str, loc)])


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
