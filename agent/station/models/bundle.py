"""A model bundle on disk: a folder with `manifest.json` and the files it names.

A wrong, cut or edited file is refused with the file's name and the reason, before anything of the
bundle is used.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from agent.errors import BundleRefused, Problem
from pipelines.look import ModelFacts

MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 1 << 20

FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
"""A plain file name: no folder, so that a bundle never reaches outside itself."""


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


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


class Manifest(_Strict):
    """`manifest.json`: everything that belongs to a model besides its weights."""

    schema_: Literal["okng.bundle/1"] = Field(alias="schema")
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    version: str = Field(pattern=r"^[0-9A-Za-z][0-9A-Za-z.]{0,31}$")
    labels: tuple[str, ...] = Field(min_length=1)
    head: Literal["raw", "nmsfree"]
    input: ModelInput
    graph: FileName = Field(description="the OpenVINO IR's .xml or the ONNX file, one of `files`")
    threshold: float = Field(gt=0, lt=1, description="score from which a detection counts")
    thresholds: dict[str, Annotated[float, Field(gt=0, lt=1)]] = Field({}, description="by class, where another")
    golden: tuple[Golden, ...] = ()
    figures: dict[str, Any] = Field({}, description="what was measured, and on what")
    data: str = Field(description="what it was trained on, and that data's licence")
    licence: str = Field(description="SPDX expression")
    files: dict[FileName, Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]] = Field(description="file -> sha256")

    @model_validator(mode="after")
    def _consistent(self) -> "Manifest":
        named = [self.graph, *(g.file for g in self.golden)]
        if unlisted := [n for n in named if n not in self.files]:
            raise ValueError(f"not in files: {', '.join(unlisted)}")
        if strange := [n for n in self.thresholds if n not in self.labels]:
            raise ValueError(f"thresholds for unknown labels: {', '.join(strange)}")
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
        """Whether it has golden pictures; without any a device can be wrong and nobody notices."""
        return bool(self.manifest.golden)

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
        )

    def threshold(self, label: str) -> float:
        return self.manifest.thresholds.get(label, self.manifest.threshold)


def sha256_of(file: Path) -> str:
    """sha256 of a file, hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_bundle(folder: Path) -> Bundle:
    """Read and check a bundle. Raises BundleRefused with every file that is wrong and why."""
    subject = f"model bundle {folder}"
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise BundleRefused(subject, [Problem(MANIFEST, f"larger than {MAX_MANIFEST_BYTES} bytes")])
        raw = path.read_bytes()
        manifest = Manifest.model_validate_json(raw)
    except OSError as error:
        raise BundleRefused(subject, [Problem(MANIFEST, f"cannot be read: {error.strerror}")]) from error
    except ValidationError as error:
        problems = [Problem(_dotted(e["loc"]), f"{e['msg']} (got {_short(e['input'])})") for e in error.errors()]
        raise BundleRefused(subject, problems) from error
    wrong = [p for n, want in manifest.files.items() if (p := _check(folder / n, want)) is not None]
    if wrong := wrong + _strange(folder, manifest):
        raise BundleRefused(subject, wrong)
    return Bundle(folder=folder, manifest=manifest, digest=hashlib.sha256(raw).hexdigest())


def _strange(folder: Path, manifest: Manifest) -> list[Problem]:
    there = sorted(entry.name for entry in folder.iterdir())
    return [Problem(n, "is not named in the manifest") for n in there if n != MANIFEST and n not in manifest.files]


def _check(file: Path, want: str) -> Problem | None:
    try:
        got = sha256_of(file)
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
