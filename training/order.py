"""What `okng train` is asked for, and what of it cannot be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from agent.errors import OkngError
from agent.station.models.bundle import checked_id

MODELS = tuple(f"{family}{size}" for family in ("yolo26", "yolo11", "yolov8") for size in "nsm")
"""Networks that are tried: others of Ultralytics' may work, as a .pt file."""
INSPECTION: Mapping[str, object] = {
    "fliplr": 0.5,
    "flipud": 0.5,
    "hsv_v": 0.2,
    "scale": 0.05,
    "translate": 0.05,
    "cls": 1.0,
}
"""Augmentation for parts below a fixed camera: no mosaic, sizes as they are. `--extra` says otherwise."""


@dataclass(frozen=True, slots=True)
class Order:
    """One model to make."""

    dataset: Path
    out: Path
    name: str
    version: str
    kind: str = "auto"
    model: str = "yolo26n"
    """One of MODELS, or a .pt file."""
    start: str = ""
    """A .pt file, "none" for random weights, "download" for Ultralytics' own; empty: MODEL.pt where it lies."""
    from_review: bool = False
    """Start from the model that judged the parts of a review export."""
    active: Path | None = None
    """That model's bundle, where it does not lie in `out`."""
    pipeline: Literal["detect", "guided"] = "detect"
    trained: Path | None = None
    """Weights (.pt) of this data set's training split that are not trained further: straight to the bundle."""
    reference: Path | None = None
    """Golden picture of every part that the data set gives none for."""
    fold: bool = True
    """Guided: the start is a detector of ordinary pictures, and is made to look at the part alone at first."""
    hours: float | None = None
    epochs: int = 100
    side_px: int = 640
    batch: int = 8
    rate: float = 0.001
    seed: int = 0
    device: str = "auto"
    extra: Mapping[str, object] = field(default_factory=dict)
    """More of Ultralytics' training arguments."""
    teacher: Path | None = None
    prune: float = 0.0
    """Share of channels; 0: none."""
    qat_hours: float = 0.0
    """Budget of quantisation-aware training where plain INT8 loses too much; 0: none."""
    tune_hours: float = 0.0
    """Budget of the tuning after pruning; 0: a quarter of `hours`, or of an hour."""
    hold_out: tuple[str, ...] = ()
    """Groups of the training split that are not trained on; empty: the split "val", or a tenth by group."""
    limit: float = 0.01
    confidence: float = 0.95
    promise: bool = False
    """Fail where the promise cannot be made."""
    by_class: bool = False
    """Thresholds by class instead of one for all."""
    allow_leak: bool = False
    trust_passes: bool = False
    """Unreviewed passes of a review export are trained on as good parts."""
    key: Path | None = None
    passphrase_file: Path | None = None
    resume: bool = False
    measured: int = 300
    """Held-out pictures that each step is measured on; 0: all."""
    calibration: int = 300
    """Training pictures that INT8 ranges are found on."""
    evaluated: int = 0
    """Pictures of the final evaluation; 0: all of the split."""
    data: str = ""
    """For the manifest: what it was trained on, and that data's licence; empty: what the data set says."""
    licence: str = "AGPL-3.0-only"

    def check(self) -> None:
        """Raises OkngError for what cannot be, before anything is made."""
        if self.model not in MODELS and Path(self.model).suffix != ".pt":
            raise OkngError(f"--model {self.model}: known are {', '.join(MODELS)}, or a .pt file")
        self._check_numbers()
        if self.trained is not None and (self.start or self.from_review or self.teacher is not None):
            raise OkngError(
                "--trained: these weights are not trained, so they go with no --start, --from-review, --teacher"
            )
        if self.from_review and self.start:
            raise OkngError("--from-review starts from the active model: it goes with no --start")
        for file in (self.key, self.teacher, self.trained, self.reference, self.active, self.passphrase_file):
            if file is not None and not file.exists():
                raise OkngError(f"{file}: no such file")
        checked_id(f"{self.name}-{self.version}")
        if self.trained is None and not self.from_review and self.start not in ("none", "download") and not self.resume:
            _ = self.start_file
        if (self.out / f"{self.name}-{self.version}").exists() and not self.resume:
            raise OkngError(f"{self.out / f'{self.name}-{self.version}'}: is there already; choose another version")

    @property
    def start_file(self) -> Path:
        """The weights (.pt) that the training starts with. Raises OkngError, naming what would do."""
        name = self.start or (self.model if self.model.endswith(".pt") else f"{self.model}.pt")
        if Path(name).is_file():
            return Path(name).resolve()
        if self.start:
            raise OkngError(f"--start {name}: no such file")
        raise OkngError(
            f"no starting weights: there is no file {name} here; give --start FILE.pt, "
            "--start download for Ultralytics' own, or --start none to begin with random ones"
        )

    def _check_numbers(self) -> None:
        if self.side_px % 32 or not 32 <= self.side_px <= 2048:
            raise OkngError(f"--imgsz {self.side_px}: wanted a multiple of 32 from 32 to 2048")
        for name, value in (("--limit", self.limit), ("--confidence", self.confidence)):
            if not 0 < value < 1:
                raise OkngError(f"{name} {value:g}: wanted a number between 0 and 1")
        if not 0 <= self.prune < 0.9:
            raise OkngError(f"--prune {self.prune:g}: wanted a share from 0 to 0.9")
        for name, number in (("--hours", self.hours), ("--qat", self.qat_hours), ("--epochs", self.epochs)):
            if number is not None and number < 0:
                raise OkngError(f"{name} {number:g}: wanted a number that is not below 0")
