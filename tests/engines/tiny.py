"""A tiny detector, built from a few OpenVINO operations: finds red, green and blue squares.

Each cell of 32 x 32 px is an anchor; its score for a colour is the mean of that channel minus half
of the other two. It has the heads of the real models, judges by pixels, and starts in a moment.
"""

from pathlib import Path

import cv2
import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from agent.station.models.bundle import Bundle
from agent.station.models.make import make_bundle

LABELS = ("red", "green", "blue")
BGR = {"red": (0, 0, 255), "green": (0, 255, 0), "blue": (255, 0, 0)}
CELL = 32


def graph(head: str = "raw", size: tuple[int, int] = (96, 128), dynamic: bool = False) -> ov.Model:
    """The network: (1, 3, height, width) float RGB 0..1 to (1, 7, anchors), or (1, anchors, 6)."""
    picture = ops.parameter(ov.PartialShape([1, 3, *((-1, -1) if dynamic else size)]), np.float32, name="images")
    cells = ops.avg_pool(picture, [CELL, CELL], [0, 0], [0, 0], [CELL, CELL], True)
    mix = np.array([[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1]], np.float32).reshape(3, 3, 1, 1)
    scores = ops.relu(ops.convolution(cells, mix, [1, 1], [0, 0], [0, 0], [1, 1]))
    ones = ops.add(ops.multiply(ops.reduce_max(scores, [1], True), np.float32(0)), np.float32(1))
    x = ops.multiply(ops.subtract(ops.cum_sum(ones, np.int64(3)), np.float32(0.5)), np.float32(CELL))
    y = ops.multiply(ops.subtract(ops.cum_sum(ones, np.int64(2)), np.float32(0.5)), np.float32(CELL))
    side = ops.multiply(ones, np.float32(CELL))
    if head == "raw":
        rows = ops.concat([x, y, side, side, scores], 1)
        output = ops.reshape(rows, np.array([1, 7, -1]), False)
    else:
        half = np.float32(CELL / 2)
        best = ops.topk(scores, np.int64(1), 1, "max", "value")
        label = ops.convert(best.output(1), "f32")
        corners = [ops.subtract(x, half), ops.subtract(y, half), ops.add(x, half), ops.add(y, half)]
        rows = ops.concat([*corners, best.output(0), label], 1)
        output = ops.transpose(ops.reshape(rows, np.array([1, 6, -1]), False), np.array([0, 2, 1]))
    return ov.Model([ops.result(output)], [picture], "tiny")


def export(folder: Path, head: str = "raw", size: tuple[int, int] = (96, 128), dynamic: bool = False) -> Path:
    """The network in a folder as Ultralytics exports one."""
    folder.mkdir(parents=True)
    model = graph(head, size, dynamic)
    model.set_rt_info(" ".join(LABELS), ["model_info", "labels"])
    ov.save_model(model, folder / "tiny.xml", compress_to_fp16=False)
    names = "".join(f"  {i}: {label}\n" for i, label in enumerate(LABELS))
    (folder / "metadata.yaml").write_text(f"stride: 32\nimgsz:\n- {size[0]}\n- {size[1]}\nnames:\n{names}channels: 3\n")
    return folder


def bundle(folder: Path, head: str = "raw", size: tuple[int, int] = (96, 128), dynamic: bool = False) -> Bundle:
    """A bundle `folder/tiny-1` of it, with two golden pictures: three squares, and nothing."""
    export(folder / "export", head, size, dynamic)
    three = picture(size, ("red", 0, 0), ("green", 1, 1), ("blue", 3, 2))
    cv2.imwrite(str(folder / "three.png"), three)
    cv2.imwrite(str(folder / "none.png"), picture(size))
    return make_bundle(
        folder / "export",
        folder / "tiny-1",
        name="tiny",
        version="1",
        threshold=0.6,
        data="none: its numbers were written down",
        licence="Apache-2.0",
        golden=[folder / "three.png", folder / "none.png"],
    )


def picture(size: tuple[int, int], *squares: tuple[str, int, int]) -> NDArray[np.uint8]:
    """A black BGR picture of (height, width) px with squares at (label, column, row) of its cells."""
    pixels = np.zeros((*size, 3), np.uint8)
    for label, column, row in squares:
        pixels[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL] = BGR[label]
    return pixels
