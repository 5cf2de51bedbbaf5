"""The tiny detector of `tiny.py` as an ONNX graph, and a bundle that has it beside its OpenVINO IR."""

from pathlib import Path

import cv2
import numpy as np

from agent.station.models.bundle import Bundle
from agent.station.models.make import make_bundle
from tests.engines import tiny
from tests.engines.onnx_file import node, write
from tests.engines.tiny import CELL

CONSTANTS = {
    "mix": np.array([[1, -0.5, -0.5], [-0.5, 1, -0.5], [-0.5, -0.5, 1]], np.float32).reshape(3, 3, 1, 1),
    "zero": np.array(0, np.float32),
    "one": np.array(1, np.float32),
    "half": np.array(0.5, np.float32),
    "cell": np.array(CELL, np.float32),
    "edge": np.array(CELL / 2, np.float32),
    "across": np.array(3, np.int64),
    "down": np.array(2, np.int64),
    "single": np.array([1], np.int64),
    "seven": np.array([1, 7, -1], np.int64),
    "six": np.array([1, 6, -1], np.int64),
}
CELLS = (
    node("AveragePool", ["images"], ["cells"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
    node("Conv", ["cells", "mix"], ["mixed"]),
    node("Relu", ["mixed"], ["scores"]),
    node("ReduceMax", ["scores"], ["highest"], axes=[1], keepdims=1),
    node("Mul", ["highest", "zero"], ["zeros"]),
    node("Add", ["zeros", "one"], ["ones"]),
    node("CumSum", ["ones", "across"], ["columns"]),
    node("CumSum", ["ones", "down"], ["rows"]),
    node("Sub", ["columns", "half"], ["x_cells"]),
    node("Sub", ["rows", "half"], ["y_cells"]),
    node("Mul", ["x_cells", "cell"], ["x"]),
    node("Mul", ["y_cells", "cell"], ["y"]),
)
RAW = (
    node("Mul", ["ones", "cell"], ["side"]),
    node("Concat", ["x", "y", "side", "side", "scores"], ["all"], axis=1),
    node("Reshape", ["all", "seven"], ["output0"]),
)
NMSFREE = (
    node("TopK", ["scores", "single"], ["best", "index"], axis=1, largest=1),
    node("Cast", ["index"], ["label"], to=1),
    node("Sub", ["x", "edge"], ["x1"]),
    node("Sub", ["y", "edge"], ["y1"]),
    node("Add", ["x", "edge"], ["x2"]),
    node("Add", ["y", "edge"], ["y2"]),
    node("Concat", ["x1", "y1", "x2", "y2", "best", "label"], ["all"], axis=1),
    node("Reshape", ["all", "six"], ["columns6"]),
    node("Transpose", ["columns6"], ["output0"], perm=[0, 2, 1]),
)


def export(file: Path, head: str = "raw", size: tuple[int, int] = (96, 128), dynamic: bool = False) -> Path:
    """The network as an ONNX file."""
    anchors: int | str = "anchors" if dynamic else (size[0] // CELL) * (size[1] // CELL)
    given = (1, 3, "height", "width") if dynamic else (1, 3, *size)
    made = (1, 7, anchors) if head == "raw" else (1, anchors, 6)
    nodes = (*CELLS, *(RAW if head == "raw" else NMSFREE))
    return write(file, nodes, CONSTANTS, ("images", given), ("output0", made))


def bundle(folder: Path, head: str = "raw", size: tuple[int, int] = (96, 128), dynamic: bool = False) -> Bundle:
    """As `tiny.bundle`, with the variant onnx. Its golden answers are those of the IR, by OpenVINO."""
    tiny.export(folder / "export", head, size, dynamic)
    three = tiny.picture(size, ("red", 0, 0), ("green", 1, 1), ("blue", 3, 2))
    cv2.imwrite(str(folder / "three.png"), three)
    cv2.imwrite(str(folder / "none.png"), tiny.picture(size))
    return make_bundle(
        folder / "export",
        folder / "tiny-1",
        name="tiny",
        version="1",
        threshold=0.6,
        data="none: its numbers were written down",
        licence="Apache-2.0",
        golden=[folder / "three.png", folder / "none.png"],
        variants={"onnx": export(folder / "tiny.onnx", head, size, dynamic)},
    )
