"""A short training of a raw head in memory: for models that Ultralytics' trainer cannot build itself.

Its trainer makes a model anew from the .yaml and copies the weights that fit; a pruned network, or one
with fake quantisers in it, would be lost. Data loading and loss are Ultralytics' own, the loop is this one.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import OkngError
from training.fit import best_device, has_bf16_cpu, rate_factor

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Tuning:
    """How long and how hard."""

    data: Path
    """Ultralytics' data.yaml; its training split is used."""
    side_px: int = 640
    batch: int = 4
    rate: float = 1e-4
    """The highest learning rate; it rises, then falls by a cosine."""
    steps: int = 0
    """Batches; 0: as many as the hours allow."""
    hours: float = 0.0
    """Budget; 0: as long as the steps take. One of the two must be given."""
    device: str = "auto"
    bf16: bool = True
    """Where the CPU has it. Not with fake quantisers: their steps are finer than bf16's."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Tuned:
    """What a tuning took."""

    steps: int
    seconds: float
    first_loss: float
    """Mean over the first tenth of the batches."""
    last_loss: float


def _batches(how: Tuning, folder: Path) -> tuple[Any, Iterator[dict[str, Any]]]:
    """(Ultralytics' settings, batches for ever), pictures as float32 0..1. `folder`: where its caches may lie."""
    from ultralytics.cfg import get_cfg
    from ultralytics.data import build_dataloader, build_yolo_dataset
    from ultralytics.data.utils import check_det_dataset

    told = {
        "task": "detect", "mode": "train", "data": str(how.data), "imgsz": how.side_px, "batch": how.batch,
        "mosaic": 0.0, "scale": 0.0, "translate": 0.0, "hsv_h": 0.0, "hsv_s": 0.0, "hsv_v": 0.0,
        "flipud": 0.0, "fliplr": 0.5, "erasing": 0.0, "workers": 0, "cache": False, "project": str(folder),
    }  # fmt: skip
    settings = get_cfg(overrides=told)
    data = check_det_dataset(str(how.data))
    pictures = build_yolo_dataset(settings, data["train"], how.batch, data, mode="train", rect=False, stride=32)
    loader = build_dataloader(pictures, how.batch, 0, shuffle=True, rank=-1)

    def forever() -> Iterator[dict[str, Any]]:
        while True:
            for batch in loader:
                batch["img"] = batch["img"].float() / 255
                yield batch

    return settings, forever()


def calibration_batches(how: Tuning, folder: Path, count: int) -> list[Any]:
    """So many batches of pictures as the tuning will see them, (batch, 3, side, side)."""
    _, batches = _batches(how, folder)
    return [next(batches)["img"] for _ in range(count)]


def tune(detector: Any, raw: Any, how: Tuning, folder: Path, say: Say = print) -> Tuned:
    """Trains `raw` (pictures -> boxes, scores: `training.raw.boxes_and_scores` of `detector`) in place.

    Only parameters that ask for a gradient move. Raises OkngError for a budget of nothing and for a loss
    that is no number.
    """
    import torch
    from ultralytics.utils.loss import v8DetectionLoss

    if how.steps <= 0 and how.hours <= 0:
        raise OkngError("a tuning needs steps or hours above 0")
    torch.manual_seed(how.seed)
    torch.set_num_threads(max(1, len(os.sched_getaffinity(0))))
    device = best_device() if how.device == "auto" else how.device
    settings, batches = _batches(how, folder)
    raw.to(device).train()
    if device == "cpu":
        raw.to(memory_format=torch.channels_last)
    detector.to(device)
    detector.args = settings
    loss_of = v8DetectionLoss(detector)
    moving = [p for p in raw.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(moving, lr=how.rate, weight_decay=5e-4)
    bf16 = how.bf16 and (device != "cpu" or has_bf16_cpu())
    losses: list[float] = []
    began = told = time.monotonic()
    for batch in batches:
        share = _share(how, len(losses), time.monotonic() - began)
        if share >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = how.rate * rate_factor(len(losses), share)
        losses.append(_step(raw, loss_of, batch, optimiser, moving, device, bf16))
        if losses[-1] != losses[-1]:
            raise OkngError(f"the loss is no number after {len(losses)} batches at a rate of {how.rate:g}")
        if len(losses) == 1 or time.monotonic() - told >= 30:
            told = time.monotonic()
            say(f"{share:6.1%}  batch {len(losses)}  {(told - began) / len(losses):.2f} s a batch  {losses[-1]:.3f}")
    raw.cpu().eval()
    detector.cpu()
    tenth = max(1, len(losses) // 10)
    first, last = sum(losses[:tenth]) / tenth, sum(losses[-tenth:]) / tenth
    return Tuned(len(losses), round(time.monotonic() - began, 1), round(first, 4), round(last, 4))


def _share(how: Tuning, steps: int, seconds: float) -> float:
    """How much of the budget is gone, 0..1 and above."""
    by_steps = steps / how.steps if how.steps else 0.0
    by_time = seconds / (how.hours * 3600) if how.hours else 0.0
    return max(by_steps, by_time)


def _step(
    raw: Any, loss_of: Any, batch: dict[str, Any], optimiser: Any, moving: list[Any], device: str, bf16: bool
) -> float:
    """One batch; gives its loss."""
    import torch

    pictures = batch["img"].to(device)
    with torch.amp.autocast(device.partition(":")[0], dtype=torch.bfloat16, enabled=bf16):
        boxes, scores = raw(pictures)
    # The loss looks at the feature maps for their sizes alone.
    grids = [pictures.new_zeros(1, 1, *(side // int(s) for side in pictures.shape[2:])) for s in loss_of.stride]
    loss, _ = loss_of({"boxes": boxes.float(), "scores": scores.float(), "feats": grids}, batch)
    total = loss.sum()
    total.backward()
    torch.nn.utils.clip_grad_norm_(moving, 10.0)
    optimiser.step()
    optimiser.zero_grad()
    return float(total.detach()) / len(pictures)
