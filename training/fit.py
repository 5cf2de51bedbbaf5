"""One training run of an Ultralytics detector, in this process, on whatever the machine has.

Differs from Ultralytics' own command line in four ways: bf16 on a CPU that has it (Ultralytics 8.4
refuses it there, torch does not; about 8 times faster than FP32), convolutions in channels-last
order on a CPU (a sixth faster), a learning rate that glides by the batch instead of by the epoch,
and a budget in hours that brings the learning rate down to its end in time.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from agent.errors import OkngError
from training.offline import offline

LEAST_FACTOR = 0.01
"""The learning rate never falls below this share of its highest."""
SAVE_EVERY_S = 300.0
"""A run with a budget keeps a checkpoint so often, another one after each epoch."""
TELL_EVERY_S = 30.0
_PLAN, _CLOCK = "fit.json", "clock.json"

STILL: Mapping[str, object] = {
    "mosaic": 0.0, "close_mosaic": 0, "scale": 0.0, "translate": 0.0, "erasing": 0.0,
    "hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0, "flipud": 0.0, "fliplr": 0.0,
}  # fmt: skip
"""For `Fit.extra`: none of Ultralytics' augmentation, where the data set brings its own."""


@dataclass(frozen=True, slots=True)
class Fit:
    """What to train; the same `Fit` in the same folder goes on where it was cut off."""

    data: Path
    """Ultralytics' data.yaml."""
    start: str | Path
    """Starting weights (.pt), or a model's .yaml for none."""
    out: Path
    """The run's folder; an earlier run of another `Fit` in it is replaced."""
    side_px: int = 640
    epochs: int = 1
    hours: float | None = None
    """Budget of training time: ends the run where the epochs have not, with the learning rate down by then."""
    batch: int = 8
    rate: float = 0.001
    """The highest learning rate, of AdamW."""
    seed: int = 0
    device: str = "auto"
    """auto, cpu, cuda, cuda:N, xpu, xpu:N."""
    glides: bool = True
    """The rate rises over `rise_steps` batches and falls by a cosine, set at each batch; else Ultralytics' course."""
    rise_steps: int = 25
    many_share: float | None = None
    """YOLO26: weight of the loss of its raw head, held all through the run; None: Ultralytics' course, 0.8 to 0.1."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """More of Ultralytics' training arguments."""

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 1 or (self.hours is not None and self.hours <= 0):
            raise OkngError(f"epochs {self.epochs}, batch {self.batch}, hours {self.hours}: each must be above 0")
        if self.device.partition(":")[0] not in ("auto", "cpu", "cuda", "xpu"):
            raise OkngError(f"device {self.device!r}: auto, cpu, cuda, cuda:N, xpu and xpu:N are known")


@dataclass(frozen=True, slots=True)
class Fitted:
    """What a run left."""

    weights: Path
    """The averaged weights of the end (.pt), without the optimiser."""
    last: Path
    """The last checkpoint."""
    seconds: float
    """Training time, of all its sittings."""
    epochs: int
    """Begun; the last one may be cut short by the budget."""
    plots: tuple[Path, ...]
    command: str
    """As a command line of Ultralytics; the four differences are not in it."""


def fit(fit: Fit, progress: Callable[[str], None] = print) -> Fitted:
    """Trains; where `fit.out` holds a run of the same `Fit`, goes on with it, or gives what it left.

    Raises OkngError where the data or the starting weights are not there; what Ultralytics and torch raise
    comes through, with the checkpoints kept.
    """
    for path in (fit.data, *([Path(fit.start)] if str(fit.start).endswith(".pt") else [])):
        if not path.is_file():
            raise OkngError(f"{path}: no such file")
    offline()
    out, told = fit.out.resolve(), arguments(fit)
    last, final = out / "weights/last.pt", out / "weights/final.pt"
    _open(out, json.loads(json.dumps(_plan(fit))))
    clock = _clock(out)
    if not (final.exists() and clock.get("done")):
        clock = _train(fit, told | ({"resume": str(last)} if clock and last.exists() else {}), clock, progress)
        shutil.copyfile(last, final)
        _set_clock(out, clock)
    command = "yolo detect train " + " ".join(f"{k}={v}" for k, v in told.items() if k not in ("task", "mode"))
    plots = tuple(sorted((*out.glob("*.png"), *out.glob("*.jpg"))))
    return Fitted(final, last, float(clock["seconds"]), int(clock["epochs"]), plots, command)


def best_device() -> str:
    """The fastest device that torch has here: cuda:0, xpu:0 or cpu."""
    import torch

    if torch.cuda.is_available():
        return "cuda:0"
    if hasattr(torch, "xpu") and torch.xpu.is_available():
        return "xpu:0"
    return "cpu"


def has_bf16_cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Whether this CPU multiplies bf16 itself; without it, bf16 is slower than FP32."""
    if not cpuinfo.is_file():
        return False
    return not {"avx512_bf16", "amx_bf16", "bf16"}.isdisjoint(cpuinfo.read_text().split())


def rate_factor(step: int, share: float, rise_steps: int = 25) -> float:
    """Of the highest learning rate, at batch `step`, `share` (0..1) of the way: rises, then falls by a cosine."""
    fall = 0.5 + 0.5 * float(np.cos(np.pi * min(max(share, 0.0), 1.0)))
    return min(1.0, (step + 1) / rise_steps) * max(LEAST_FACTOR, fall)


def arguments(fit: Fit) -> dict[str, Any]:
    """The run as Ultralytics' training arguments."""
    device = best_device() if fit.device == "auto" else fit.device
    amp = "bf16" if device != "cpu" or has_bf16_cpu() else False
    glide = {"warmup_epochs": 0} if fit.glides else {}
    return {
        "task": "detect", "mode": "train", "model": str(fit.start), "data": str(fit.data), "imgsz": fit.side_px,
        "epochs": fit.epochs, "batch": fit.batch, "nbs": fit.batch, "lr0": fit.rate, "seed": fit.seed,
        "device": device.removeprefix("cuda:").replace("cuda", "0"), "amp": amp, "optimizer": "AdamW",
        "warmup_bias_lr": 0.0, "val": False, "plots": True, **glide, **fit.extra,
        "project": str(fit.out.resolve().parent), "name": fit.out.name, "exist_ok": True,
    }  # fmt: skip


def _plan(fit: Fit) -> dict[str, object]:
    """What makes two runs the same run: everything but the folder and the device."""
    start = Path(fit.start)
    stamp = hashlib.sha256(start.read_bytes()).hexdigest() if start.is_file() else str(fit.start)
    return {
        "data": str(fit.data.resolve()), "start": stamp, "side_px": fit.side_px, "epochs": fit.epochs,
        "hours": fit.hours, "batch": fit.batch, "rate": fit.rate, "seed": fit.seed, "glides": fit.glides,
        "rise_steps": fit.rise_steps, "many_share": fit.many_share, "extra": dict(fit.extra),
    }  # fmt: skip


def _open(out: Path, plan: dict[str, object]) -> None:
    """The run's folder: as it is where it is this plan's, else emptied. Replaces nothing that is no run."""
    mark = out / _PLAN
    if mark.is_file() and json.loads(mark.read_text()) == plan:
        return
    if out.exists() and any(out.iterdir()):
        if not mark.is_file():
            raise OkngError(f"{out}: there is something else in it; name a new or an empty folder")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)
    mark.write_text(json.dumps(plan, indent=1) + "\n")


def _clock(out: Path) -> dict[str, Any]:
    """How far the run came by its last checkpoint; empty where it kept none."""
    kept: dict[str, Any] = json.loads((out / _CLOCK).read_text()) if (out / _CLOCK).is_file() else {}
    return kept


def _set_clock(out: Path, clock: dict[str, Any]) -> None:
    new = out / f"{_CLOCK}.new"
    new.write_text(json.dumps(clock))
    new.replace(out / _CLOCK)


def _train(fit: Fit, told: dict[str, Any], clock: dict[str, Any], progress: Callable[[str], None]) -> dict[str, Any]:
    """One sitting, to the run's end; gives where its clock stands then."""
    from ultralytics.models.yolo.detect import DetectionTrainer

    if "resume" in told:
        progress(f"going on after {clock['seconds']:.0f} s")
    course = _Course(fit, progress, clock)
    with _whole_cpu(bf16=told["amp"] == "bf16" and told["device"] == "cpu"):
        trainer = DetectionTrainer(overrides=told)
        for event in ("on_train_start", "on_train_batch_start", "on_train_batch_end", "on_model_save"):
            trainer.add_callback(event, getattr(course, event))
        trainer.train()
    return course.clock(trainer) | {"done": True}


class _Course:
    """Where a run stands: sets the rate of each batch, ends the run in time, keeps checkpoints."""

    def __init__(self, fit: Fit, progress: Callable[[str], None], clock: dict[str, Any]) -> None:
        self.fit, self.progress = fit, progress
        self.spent_s, self.before = float(clock.get("seconds", 0.0)), int(clock.get("batches", 0))
        self.began = self.saved = self.told = time.monotonic()
        self.step = 0
        """Batches of this sitting."""

    def clock(self, trainer: Any) -> dict[str, Any]:
        seconds = self.spent_s + time.monotonic() - self.began
        return {"seconds": round(seconds, 1), "batches": self.before + self.step, "epochs": trainer.epoch + 1}

    def share(self, trainer: Any) -> float:
        """How much of the run is done, by batches or by time, whichever is further; 0..1 and little more."""
        done = (self.before + self.step) / (len(trainer.train_loader) * trainer.epochs)
        spent_s = self.spent_s + time.monotonic() - self.began
        return float(max(done, spent_s / (self.fit.hours * 3600)) if self.fit.hours else done)

    def on_train_start(self, trainer: Any) -> None:
        import torch

        self.began = self.saved = self.told = time.monotonic()
        if trainer.device.type == "cpu":
            trainer.model.to(memory_format=torch.channels_last)
        if self.fit.many_share is not None:
            criterion = trainer.model.init_criterion()
            if hasattr(criterion, "o2m"):
                criterion.o2m = criterion.o2m_copy = criterion.final_o2m = self.fit.many_share
                criterion.o2o = criterion.total - self.fit.many_share
            trainer.model.criterion = criterion

    def on_train_batch_start(self, trainer: Any) -> None:
        if self.fit.glides:
            factor = rate_factor(self.step, self.share(trainer), self.fit.rise_steps)
            for group in trainer.optimizer.param_groups:
                group["lr"] = group["initial_lr"] * factor

    def on_train_batch_end(self, trainer: Any) -> None:
        self.step += 1
        now, share = time.monotonic(), self.share(trainer)
        if self.step in (1, 10) or now - self.told >= TELL_EVERY_S:
            self.told = now
            losses = " ".join(f"{name} {float(value):.3f}" for name, value in (trainer.tloss or {}).items())
            pace = (now - self.began) / self.step
            self.progress(f"{share:6.1%}  epoch {trainer.epoch + 1}  batch {self.step}  {pace:.2f} s a batch  {losses}")
        if self.fit.hours and share >= 1:
            trainer.stop = True
        elif self.fit.hours and now - self.saved >= SAVE_EVERY_S and trainer.epoch + 1 < trainer.epochs:
            self.saved = now  # not in the last epoch: Ultralytics goes on with the epoch after a checkpoint's
            if trainer.save_model():
                self.on_model_save(trainer)

    def on_model_save(self, trainer: Any) -> None:
        _set_clock(self.fit.out.resolve(), self.clock(trainer))


@contextmanager
def _whole_cpu(bf16: bool) -> Iterator[None]:
    """Lets Ultralytics' trainer use every core and, on a CPU, bf16; undone afterwards."""
    import torch
    from ultralytics.engine import trainer
    from ultralytics.utils import torch_utils

    def autocast(enabled: object, device: str = "cpu") -> Any:
        return torch.amp.autocast(device, dtype=torch.bfloat16, enabled=bool(enabled))

    before, threads = trainer.autocast, torch_utils.NUM_THREADS
    if bf16:
        trainer.autocast = autocast
    torch_utils.NUM_THREADS = len(os.sched_getaffinity(0))  # Ultralytics would leave one core idle
    try:
        yield
    finally:
        trainer.autocast, torch_utils.NUM_THREADS = before, threads
