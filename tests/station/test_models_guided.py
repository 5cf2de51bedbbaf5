"""A model that sees the reference too: proven with the references of its golden pictures, active where they fit."""

from pathlib import Path

import cv2
import numpy as np
import openvino as ov
import pytest
from numpy.typing import NDArray
from openvino import opset13 as ops

from agent.control import ask
from agent.errors import ControlFailed
from agent.station.models.archive import pack
from agent.station.models.make import make_bundle
from agent.station.models.signing import SigningKey, sign_folder
from pipelines.values import Outcome
from tests.engines.tiny import CELL, LABELS, graph
from tests.pipelines.boards import board, colour, with_blob
from tests.station.squares import Line, edit, every_part, judging, key_in, ready

SIDE = 320
RECIPE = """
pipeline = "guided"
model = "guided-1"
deadline_ms = 60000
[reference]
picture = "golden.png"
[quality]
max_age_ms = 60000
max_identical = 1000
max_saturated = 1.0
max_brightness = 255.0
"""


def network() -> ov.Model:
    """Finds "blue" where a cell of the third channel, the difference, is bright."""
    model = graph("raw", (SIDE, SIDE))
    rows = model.outputs[0].get_node().input_value(0)
    only = np.array([1, 1, 1, 1, 0, 0, 1.8], np.float32).reshape(1, 7, 1)
    return ov.Model([ops.result(ops.multiply(rows, only))], [model.inputs[0].get_node()], "guided")


def made(folder: Path, version: str, key: SigningKey) -> Path:
    export = folder / f"export-{version}"
    export.mkdir(parents=True)
    model = network()
    model.set_rt_info(" ".join(LABELS), ["model_info", "labels"])
    ov.save_model(model, export / "guided.xml", compress_to_fp16=False)
    names = "".join(f"  {i}: {label}\n" for i, label in enumerate(LABELS))
    (export / "metadata.yaml").write_text(f"stride: 32\nimgsz:\n- {SIDE}\n- {SIDE}\nnames:\n{names}channels: 3\n")
    cv2.imwrite(str(export / "reference.png"), board(3))
    cv2.imwrite(str(export / "bad.png"), with_blob(board(3), 3 * CELL, 3 * CELL, CELL))
    golden = [(export / "bad.png", export / "reference.png"), (export / "reference.png", export / "reference.png")]
    bundle = make_bundle(
        export,
        folder / f"guided-{version}",
        name="guided",
        version=version,
        threshold=0.5,
        data="none: its numbers were written down",
        licence="Apache-2.0",
        golden=golden,
        pipeline="guided",
    )
    sign_folder(bundle.folder, key)
    return bundle.folder


def part(number: int, _: bool) -> NDArray[np.uint8]:
    """Every third board has a blob, every fifth is another product's."""
    grey = board(9) if number % 5 == 0 else board(3)
    return colour(with_blob(grey, 3 * CELL, 3 * CELL, CELL) if number % 3 == 0 else grey)


@pytest.mark.slow
def test_a_guided_model_is_imported_activated_and_judges(tmp_path: Path) -> None:
    key, data, line = key_in(tmp_path / "key"), tmp_path / "data", Line(picture=part)
    (data / "models").mkdir(parents=True)
    made(tmp_path, "1", key).rename(data / "models" / "guided-1")
    second = pack(made(tmp_path, "2", key), tmp_path / "second.okng")
    broken = pack(edit(made(tmp_path, "3", key), key, swap_pictures), tmp_path / "broken.okng")
    with judging(data, key, line, "health_s = 0.1\nhealth_parts = 10\n") as rig:
        cv2.imwrite(str(data / "recipes" / "golden.png"), board(3))
        (data / "recipes" / "squares.toml").write_text(RECIPE)
        rig.until(lambda: rig.station.lanes["top"].trouble or rig.station.lanes["top"].job, 60)
        ask(rig.runtime, "recipe", 60, lane="top", name="squares")
        ready(rig)
        with pytest.raises(ControlFailed, match=r"CPU: the golden pictures fail: golden-1\.png: blue at"):
            ask(rig.runtime, "model_import", 300, file=str(broken))
        ask(rig.runtime, "model_import", 300, file=str(second))
        with pytest.raises(ControlFailed, match='pipeline: is "guided", the model was made for "detect"'):
            ask(rig.runtime, "model_activate", 300, id="drawn-boards-1")
        line.allow(15)
        rig.until(lambda: rig.station.lanes["top"].judged == 15, 60)
        ask(rig.runtime, "model_activate", 300, id="guided-2")
        line.allow(15)
        rig.until(lambda: rig.station.lanes["top"].judged == 30, 60)
        rig.until(lambda: rig.reader.tally().parts == 30)
        parts = every_part(rig.reader)
    for p in parts:
        number = p.record.sequence
        other = Outcome.UNSURE if number % 5 == 0 else Outcome.OK
        assert p.record.verdict.outcome is (Outcome.NG if number % 3 == 0 and number % 5 else other), number
        assert p.record.origin.model == ("guided-1" if number <= 15 else "guided-2")


def swap_pictures(manifest: dict[str, object]) -> None:
    """The golden pictures are expected to be what the other one is."""
    first, second = manifest["golden"]  # type: ignore[misc]
    first["expected"], second["expected"] = second["expected"], first["expected"]
