"""What an Ultralytics OpenVINO export says of itself, read without OpenVINO: shapes and labels.

An export is a folder with NAME.xml (the graph, OpenVINO IR), NAME.bin (the weights) and
metadata.yaml (what Ultralytics adds; the labels are also in the IR's `rt_info/model_info`).
"""

import re
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from agent.errors import BundleRefused, Problem
from pipelines.yolo import Head

_NAME_ROW = re.compile(r"^\s+(\d+):\s*(.+?)\s*$")
Shape = tuple[int, ...]
"""-1 where a side is dynamic."""


@dataclass(frozen=True, slots=True)
class Export:
    """An export folder, read."""

    graph: Path
    weights: Path
    labels: tuple[str, ...]
    input: Shape
    """(1, 3, height, width)."""
    output: Shape
    image_size: tuple[int, int]
    """(height, width) px it was exported for."""

    @property
    def head(self) -> Head | None:
        """From the output's shape; None when it is none of the two."""
        if len(self.output) != 3:
            return None
        if self.output[1] == 4 + len(self.labels) and self.output[2] != 6:
            return "raw"
        return "nmsfree" if self.output[2] == 6 else None

    @property
    def dynamic(self) -> bool:
        return -1 in self.input[2:]


def read_export(folder: Path) -> Export:
    """Read an export folder. Raises BundleRefused, naming the file and what is wrong with it."""
    subject = f"export {folder}"
    graphs = sorted(folder.glob("*.xml"))
    if len(graphs) != 1:
        found = ", ".join(g.name for g in graphs) or "none"
        raise BundleRefused(subject, [Problem("*.xml", f"wanted exactly one graph, found {found}")])
    graph, weights = graphs[0], graphs[0].with_suffix(".bin")
    if not weights.is_file():
        raise BundleRefused(subject, [Problem(weights.name, "is not there: the graph's weights")])
    try:
        root = ElementTree.parse(graph).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise BundleRefused(subject, [Problem(graph.name, f"is not an OpenVINO graph: {error}")]) from error
    metadata = folder / "metadata.yaml"
    text = metadata.read_text() if metadata.is_file() else ""
    labels = _labels_of_metadata(text) or _labels_of_graph(root)
    inputs, outputs = _shapes(root, "Parameter", "output"), _shapes(root, "Result", "input")
    problems = []
    if not labels:
        problems.append(Problem(graph.name, "no labels in metadata.yaml nor in its rt_info/model_info"))
    if len(inputs) != 1 or len(inputs[0]) != 4 or inputs[0][1] != 3:
        problems.append(Problem(graph.name, f"its inputs are {inputs}, wanted one of (1, 3, height, width)"))
    if len(outputs) != 1:
        problems.append(Problem(graph.name, f"its outputs are {outputs}, wanted one"))
    if problems:
        raise BundleRefused(subject, problems)
    return Export(graph, weights, labels, inputs[0], outputs[0], _image_size(text, inputs[0]))


def _shapes(root: ElementTree.Element, kind: str, side: str) -> list[Shape]:
    layers = root.iterfind(f"./layers/layer[@type='{kind}']/{side}/port")
    return [tuple(int(dim.text or -1) for dim in port.iterfind("dim")) for port in layers]


def _labels_of_metadata(text: str) -> tuple[str, ...]:
    """The rows `  0: name` under `names:`; Ultralytics writes this file with PyYAML, one row a name."""
    rows: dict[int, str] = {}
    inside = False
    for line in text.splitlines():
        row = _NAME_ROW.match(line)
        if inside and row:
            rows[int(row[1])] = row[2].strip("'\"")
        elif line and not line.startswith((" ", "#")):
            inside = line.startswith("names:")
    return tuple(rows[i] for i in sorted(rows)) if sorted(rows) == list(range(len(rows))) else ()


def _labels_of_graph(root: ElementTree.Element) -> tuple[str, ...]:
    """Blanks separate the names there, and stand as _ inside one."""
    found = root.find("./rt_info/model_info/labels")
    return tuple(found.get("value", "").split()) if found is not None else ()


def _image_size(text: str, shape: Shape) -> tuple[int, int]:
    rows = re.search(r"^imgsz:\n((?:- \d+\n?)+)", text, re.MULTILINE)
    sides = [int(side) for side in re.findall(r"\d+", rows[1])] if rows else []
    if len(sides) != 2 or -1 not in shape[2:]:
        sides = [side if side > 0 else 640 for side in shape[2:]]
    return sides[0], sides[1]
