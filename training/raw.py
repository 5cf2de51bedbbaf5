"""A detector's raw head: what every Ultralytics detector has, and what okng exports, quantises and tunes.

YOLO26 has a second, NMS-free head beside it, which does not bear INT8; it is left out here.
Weights (.pt) are pickles: whoever loads one runs what it says. A station never does.
"""

import copy
import warnings
from pathlib import Path
from typing import Any

from agent.errors import OkngError


def load(weights: Path) -> Any:
    """The detector of a .pt file as a torch module, float32, with its raw head chosen.

    Raises OkngError where the file is no detector that Ultralytics can read.
    """
    from ultralytics.nn.modules import Detect
    from ultralytics.nn.tasks import DetectionModel, load_checkpoint

    if not weights.is_file():
        raise OkngError(f"weights {weights}: no such file")
    try:
        model = load_checkpoint(weights)[0]
    # What a pickle of something else raises is up to the pickle; these are what cut and foreign files gave.
    except (RuntimeError, KeyError, EOFError, AttributeError, TypeError, ModuleNotFoundError, ValueError) as error:
        raise OkngError(f"weights {weights}: not a file that Ultralytics can read: {error}") from error
    model = getattr(model, "student_model", model)  # distilled: the teacher stays behind
    if not isinstance(model, DetectionModel) or type(model.model[-1]) is not Detect:
        head = type(model.model[-1]).__name__ if hasattr(model, "model") else type(model).__name__
        raise OkngError(f"weights {weights}: a {head}, wanted a detector with a Detect head (yolo26, yolo11, yolov8)")
    model.float()
    if getattr(model.model[-1], "cv2", None) is None:
        raise OkngError(f"weights {weights}: exported before, only the NMS-free head is left; give trained weights")
    model.end2end = False
    return model


def labels(model: Any) -> tuple[str, ...]:
    """The labels of a detector, in their order."""
    names = model.names
    return tuple(str(names[i]) for i in range(len(names)))


def network(model: Any) -> str | None:
    """Which of Ultralytics' networks it is ("yolo26n"), as its weights say; None where they do not."""
    return Path(str(model.yaml.get("yaml_file") or "")).stem or None


def fused(model: Any) -> Any:
    """A copy with normalisation folded into the convolutions and the raw head alone, in eval mode."""
    model = copy.deepcopy(model).eval()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    model.end2end = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fuse(verbose=False)


def save(model: Any, file: Path) -> Path:
    """Writes a .pt file that Ultralytics and `load` read. float16, as Ultralytics keeps its own."""
    import torch

    file.parent.mkdir(parents=True, exist_ok=True)
    kept = copy.deepcopy(model)
    kept.criterion = None
    for parameter in kept.parameters():
        parameter.requires_grad_(False)
    temporary = file.with_suffix(".tmp")
    torch.save({"model": kept.half(), "train_args": dict(getattr(model, "args", {}) or {})}, temporary)
    temporary.replace(file)
    return file


def boxes_and_scores(model: Any) -> Any:
    """A module, pictures (n, 3, height, width) 0..1 -> (box distances, score logits) of the raw head.

    It shares `model`'s layers. Decoding is left out: it needs no quantising, and no training.
    """
    from torch import nn

    class BoxesAndScores(nn.Module):  # type: ignore[misc]
        def __init__(self, detector: Any) -> None:
            super().__init__()
            self.model, self.keep = detector.model, detector.save

        def forward(self, pictures: Any) -> tuple[Any, Any]:
            kept: list[Any] = []
            seen = pictures
            for layer in self.model[:-1]:
                if isinstance(layer.f, int):
                    seen = seen if layer.f == -1 else kept[layer.f]
                else:
                    seen = [seen if i == -1 else kept[i] for i in layer.f]
                seen = layer(seen)
                kept.append(seen if layer.i in self.keep else None)
            head = self.model[-1]
            answer = head.forward_head([kept[i] for i in head.f], **head.one2many)
            return answer["boxes"], answer["scores"]

    return BoxesAndScores(model)
