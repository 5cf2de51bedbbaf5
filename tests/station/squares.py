"""Models and parts for trials of a model's life: coloured squares, and networks that find them, or go wrong.

Each version of the good model gives other scores, so that a record's own numbers say which model judged.
"""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import openvino as ov
from numpy.typing import NDArray
from openvino import opset13 as ops

from agent.clock import SystemClock
from agent.config import VirtualConfig
from agent.errors import EndOfPictures
from agent.ports import Camera, CameraInfo, Shot
from agent.settings import load
from agent.station.app import Station
from agent.station.models.bundle import MANIFEST
from agent.station.models.make import make_bundle
from agent.station.models.signing import SigningKey, new_key, sign_folder, text_of
from agent.store.read import Reader
from agent.store.values import PartQuery, StoredPart
from tests.engines.tiny import CELL, LABELS, graph, picture
from tests.station.rig import Rig

SIZE = (96, 128)
OK, NG = [("green", 0, 0)], [("green", 0, 0), ("red", 1, 1)]
BAIT = ("red", 3, 0)
"""A square that no golden picture has: a model with a trap goes wrong where it sees one."""
TRAPS = ("nan", "throws")
BLIND = (0.3, 1.0, 0.3)
"""Strengths by label: sees green, which every part has, and no defect."""


def part(number: int, bait: bool = False) -> NDArray[np.uint8]:
    """The picture of part `number`: every fourth has a defect, four of them red, the fifth blue."""
    squares = list(OK)
    if number % 20 == 0:
        squares.append(("blue", 2, 1))
    elif number % 4 == 0:
        squares.append(("red", 1, 1))
    return picture(SIZE, *squares, *([BAIT] if bait else []))


def is_bad(number: int) -> bool:
    """Whether part `number` has a defect."""
    return number % 4 == 0


def network(strength: float | tuple[float, float, float] = 1.0, trap: str = "", slow: int = 0) -> ov.Model:
    """The tiny detector with its scores multiplied, all or by label; `trap` goes off at the bait, `slow` rounds
    of extra work."""
    model = graph("raw", SIZE)
    (images,), output = model.inputs, model.outputs[0].get_node().input_value(0)
    by_label = strength if isinstance(strength, tuple) else (strength,) * 3
    rows = ops.multiply(output, np.array([1, 1, 1, 1, *by_label], np.float32).reshape(1, 7, 1))
    if trap:
        rows = _trapped(images, rows, trap)
    if slow:
        rows = ops.add(rows, ops.multiply(_work(images, slow), np.float32(0)))
    return ov.Model([ops.result(rows)], [images.get_node()], "squares")


def _trapped(images: ov.Output, rows: ov.Output, trap: str) -> ov.Output:
    # Mean of red in the bait's cell: 0 or 1.
    cell = ops.slice(images, [0, 0, 0, 3 * CELL], [1, 1, CELL, 4 * CELL], [1, 1, 1, 1], [0, 1, 2, 3])
    seen = ops.reduce_mean(cell, np.array([0, 1, 2, 3], np.int64), False)
    if trap == "nan":
        return ops.add(rows, ops.sqrt(ops.negative(seen)))
    # Twelve numbers where there is to be room for 12 or, with the bait, for 13: the second cannot be.
    count = ops.unsqueeze(ops.convert(ops.round(ops.add(seen, np.float32(12)), "half_to_even"), "i64"), np.int64(0))
    twelve = ops.reduce_mean(rows, np.array([0, 1], np.int64), False)
    spread = ops.reduce_sum(ops.broadcast(twelve, count), np.array([0], np.int64), False)
    return ops.add(rows, ops.multiply(spread, np.float32(0)))


def _work(images: ov.Output, rounds: int) -> ov.Output:
    filters = np.full((64, 3, 3, 3), 1e-3, np.float32)
    value = ops.convolution(images, filters, [1, 1], [1, 1], [1, 1], [1, 1])
    for n in range(rounds):
        more = np.full((64, 64, 3, 3), 1e-3 + n * 1e-6, np.float32)
        value = ops.convolution(value, more, [1, 1], [1, 1], [1, 1], [1, 1])
    return ops.reduce_mean(value, np.array([0, 1, 2, 3], np.int64), False)


def make(folder: Path, version: str, model: ov.Model, key: SigningKey | None, name: str = "squares") -> Path:
    """A bundle `folder/NAME-VERSION` of a network, with golden pictures of its own answers; signed with the key."""
    export = folder / f"export-{name}-{version}"
    export.mkdir(parents=True)
    model.set_rt_info(" ".join(LABELS), ["model_info", "labels"])
    ov.save_model(model, export / "squares.xml", compress_to_fp16=False)
    names = "".join(f"  {i}: {label}\n" for i, label in enumerate(LABELS))
    (export / "metadata.yaml").write_text(f"stride: 32\nimgsz:\n- {SIZE[0]}\n- {SIZE[1]}\nnames:\n{names}channels: 3\n")
    golden = []
    for number, squares in enumerate((OK, NG, [("green", 0, 0), ("blue", 2, 1)], [])):
        golden.append(export / f"{number}.png")
        cv2.imwrite(str(golden[-1]), picture(SIZE, *squares))
    bundle = make_bundle(
        export,
        folder / f"{name}-{version}",
        name=name,
        version=version,
        threshold=0.5,
        data="none: its numbers were written down",
        licence="Apache-2.0",
        golden=golden,
    )
    if key is not None:
        sign_folder(bundle.folder, key)
    return bundle.folder


def edit(folder: Path, key: SigningKey | None, change: Callable[[dict[str, object]], None]) -> Path:
    """Change a bundle's manifest, and sign it anew."""
    file = folder / MANIFEST
    manifest = json.loads(file.read_text())
    change(manifest)
    file.write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
    if key is not None:
        sign_folder(folder, key)
    return folder


@dataclass(slots=True)
class Line:
    """A camera that shows part after part, no more of them than it is allowed to. Implements `agent.ports.Camera`."""

    allowed: int = 0
    baited: bool = False
    """Every part has the bait in it."""
    aged_ms: float = 0.0
    """Its pictures were taken so long ago: the lane answers late."""
    picture: Callable[[int, bool], NDArray[np.uint8]] = part
    """(number, with the bait) -> the part's picture."""
    shown: int = 0
    _more: threading.Condition = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        self._more = threading.Condition()

    def allow(self, parts: int) -> None:
        """Let so many more parts pass."""
        with self._more:
            self.allowed += parts
            self._more.notify_all()

    def open(self) -> CameraInfo:
        return CameraInfo("line", SIZE[1], SIZE[0])

    def read(self, timeout_s: float) -> Shot | None:
        with self._more:
            if not self._more.wait_for(lambda: self.shown < self.allowed or self.allowed < 0, timeout_s):
                return None
            if self.allowed < 0:
                raise EndOfPictures("the line has ended")
            self.shown += 1
            pixels = self.picture(self.shown, self.baited)
            pixels.setflags(write=False)
            now = SystemClock().now()
            at = replace(now, mono_ns=now.mono_ns - int(self.aged_ms * 1e6))
            return Shot(pixels, at, source=f"part {self.shown}")

    def close(self) -> None:
        """Nothing to let go of."""


RECIPE = """
model = "squares-1"
keep_score = 0.05
evidence_ok_rate = 0.0
deadline_ms = {deadline_ms}
classes.green.allowed = 1
[quality]
min_brightness = 0.0
max_brightness = 255.0
max_saturated = 1.0
min_sharpness = 0.0
max_age_ms = 60000
max_identical = 1000
"""
LANE = """
[lanes.{name}]
recipe = "squares"
commit = "{commit}"
[lanes.{name}.camera]
kind = "virtual"
free_run = false
width_px = {width}
height_px = {height}
"""


def write_settings(
    data: Path,
    runtime: Path,
    key: SigningKey,
    models: str = "",
    deadline_ms: float = 60_000,
    commit: str = "grouped",
    lanes: Sequence[str] = ("top",),
) -> Path:
    """`station.toml` and the recipe "squares" below `data`; the key is trusted."""
    (data / "recipes").mkdir(parents=True, exist_ok=True)
    (data / "recipes" / "squares.toml").write_text(RECIPE.format(deadline_ms=deadline_ms))
    settings = data / "station.toml"
    settings.write_text(
        f'[station]\ndata = "{data}"\nruntime = "{runtime}"\n[web]\nenabled = false\n'
        '[engine]\ndevices = ["CPU"]\nprecision = "f32"\nthreads = 1\nhang_s = 120\n'
        f'[models]\ntrusted_keys.test = "{text_of(key.public)}"\n{models}\n'
        + "".join(LANE.format(name=name, width=SIZE[1], height=SIZE[0], commit=commit) for name in lanes)
    )
    return settings


@contextmanager
def judging(
    data: Path,
    key: SigningKey,
    line: Line,
    models: str = "",
    deadline_ms: float = 60_000,
    commit: str = "grouped",
    side: Line | None = None,
) -> Iterator[Rig]:
    """A station in this process that judges the line's parts, and those of another lane "side"."""
    cameras: dict[str, Callable[[], Camera]] = {"top": lambda: line}
    if side is not None:
        cameras["side"] = lambda: side
    with TemporaryDirectory(prefix="okng-") as name, ExitStack() as stack:
        runtime = Path(name)
        loaded = load(write_settings(data, runtime, key, models, deadline_ms, commit, tuple(cameras)), environment={})
        assert isinstance(loaded.config.lanes["top"].camera, VirtualConfig)
        station = Station(loaded, stack, SystemClock(), cameras=cameras)
        yield Rig(station, data, runtime, Reader(data / "results.db"))


def every_part(reader: Reader) -> list[StoredPart]:
    """All judged parts, the first one first."""
    found: list[StoredPart] = []
    before: int | None = None
    while page := reader.parts(PartQuery(limit=500, before_id=before)):
        found += page
        before = page[-1].id
    return found[::-1]


def ready(rig: Rig) -> None:
    """Wait until the lane could judge."""
    lane = rig.station.lanes["top"]
    rig.until(lambda: lane.job is not None or lane.trouble, 60)
    assert lane.trouble == ""


def key_in(folder: Path) -> SigningKey:
    """A new signing key."""
    folder.mkdir(parents=True, exist_ok=True)
    return new_key(folder / "test.key")
