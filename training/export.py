"""Trained weights (.pt) to the graphs that a bundle holds: OpenVINO IR in FP32 and FP16, and ONNX.

The raw head always, (1, 4 + labels, anchors): cx, cy, w, h in px of the input, then a score a label.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.raw import fused, labels, load

OPSET = 17
"""Of ONNX: the newest that every runtime in use today reads."""


@dataclass(frozen=True, slots=True)
class Exported:
    """Graphs of one model, each a folder that `okng bundle make` takes, but for the ONNX file."""

    f32: Path
    """The IR's .xml, its weights (.bin) beside it."""
    f16: Path
    """As `f32`, with weights stored in half the bytes."""
    onnx: Path
    labels: tuple[str, ...]


def export(weights: Path, to: Path, side_px: int) -> Exported:
    """Exports for an input of `side_px` x `side_px`. Raises OkngError where the weights are no detector."""
    return export_module(load(weights), to, side_px)


def export_module(model: Any, to: Path, side_px: int) -> Exported:
    """As `export`, of a detector in memory, which stays as it is."""
    import openvino as ov  # type: ignore[import-untyped]
    import torch

    names = labels(model)
    model = fused(model).cpu()
    head = model.model[-1]
    head.export, head.dynamic, head.shape, head.format = True, False, None, "openvino"
    blank = torch.zeros(1, 3, side_px, side_px)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch about the tracing that both formats still need
        for _ in range(2):  # the anchors are made in the first call
            model(blank)
        graph = ov.convert_model(
            torch.jit.trace(model, blank, strict=False, check_trace=False),
            input=[(1, 3, side_px, side_px)],
            example_input=blank,
        )
        _fold(graph)
        found = Exported(to / "f32/model.xml", to / "f16/model.xml", to / "model.onnx", names)
        for path in (found.f32, found.f16):
            path.parent.mkdir(parents=True, exist_ok=True)
            ov.save_model(graph, path, compress_to_fp16=path is found.f16)
            write_metadata(path.parent, names, side_px)
        torch.onnx.export(
            model, (blank,), str(found.onnx), dynamo=False, opset_version=OPSET,
            input_names=["images"], output_names=["output0"],
        )  # fmt: skip
    return found


def _fold(graph: Any) -> None:
    """Works out at once what a fixed input size leaves no choice about."""
    from openvino.passes import ConstantFolding, Manager  # type: ignore[import-untyped]

    passes = Manager()
    passes.register_pass(ConstantFolding())
    passes.run_passes(graph)


def write_metadata(folder: Path, names: Sequence[str], side_px: int) -> None:
    """What a bundle needs to know of a graph and the graph does not say (`agent.station.models.export`)."""
    rows = "".join(f"  {i}: {name}\n" for i, name in enumerate(names))
    (folder / "metadata.yaml").write_text(f"imgsz:\n- {side_px}\n- {side_px}\nnames:\n{rows}")
