"""kill -9 in the middle of an activation, at any moment: the old model or the new one judges, never none."""

import hashlib
import json
import random
import signal
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import pytest

from agent.control import ask
from agent.errors import ControlFailed, StoreFailed
from agent.station.models.activations import Activations
from agent.store.read import Reader
from tests import forked
from tests.station.rig import LABELS, virtual, write_settings

ROUNDS = 6
ANSWER = ["spur", 0.9, 10, 10, 30, 30]
RECIPE = 'model = "canned-a"\nevidence_ok_rate = 0.0\ndeadline_ms = 60000\n[quality]\nmax_age_ms = 60000\n'


def bundle(folder: Path, version: str) -> None:
    """A canned model that proves itself by the canned answer."""
    folder.mkdir(parents=True)
    (folder / "model.xml").write_bytes(version.encode())
    cv2.imwrite(str(folder / "golden.png"), np.full((64, 64, 3), 90, np.uint8))
    files = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in ("model.xml", "golden.png")}
    manifest = {
        "schema": "okng.bundle/1",
        "name": "canned",
        "version": version,
        "labels": LABELS,
        "head": "nmsfree",
        "input": {"width_px": 64, "height_px": 64},
        "graph": "model.xml",
        "threshold": 0.5,
        "data": "none",
        "licence": "Apache-2.0",
        "golden": [{"file": "golden.png", "expected": [ANSWER]}],
        "files": files,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))


def judging(runtime: Path) -> str:
    """The model that judges now; empty while nobody does."""
    try:
        lane = ask(runtime, "status", 2.0)["status"]["lanes"][0]
        return str(lane["model"]) if lane["engine"] == "ready" else ""
    except ControlFailed:
        return ""


def wait(what: str, condition: object, within_s: float = 90) -> None:
    end = time.monotonic() + within_s
    assert callable(condition)
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def activate(runtime: Path, model: str) -> None:
    """Told until it is done, or nobody answers any more."""
    try:
        ask(runtime, "model_activate", 60, id=model, again=True)
    except ControlFailed:
        return


def parts(data: Path) -> int:
    try:
        return Reader(data / "results.db").tally().parts
    except StoreFailed:
        return 0


@pytest.mark.slow
def test_killed_while_a_model_is_activated(tmp_path: Path) -> None:
    draw = random.Random(5)
    for version in ("a", "b"):
        bundle(tmp_path / "models" / f"canned-{version}", version)
    with TemporaryDirectory(prefix="okng-") as name:
        runtime = Path(name)
        settings = write_settings(
            tmp_path, runtime, virtual(rate_hz=50), f"canned = {json.dumps([ANSWER])}\n", recipe=RECIPE
        )
        seen: list[str] = []
        for turn in range(ROUNDS):
            process = forked.station(settings, tmp_path / "station.log")
            try:
                wait("nobody judges", lambda: judging(runtime) in ("canned-a", "canned-b"))
                model = judging(runtime)
                active = Activations(tmp_path).of("trial")
                assert model == (active.active or "canned-a"), "who judges is who is written down"
                assert active.previous == () or active.previous[0].id != active.active
                seen.append(model)
                before = parts(tmp_path)
                wait("no part is judged", lambda before=before: parts(tmp_path) > before)
                other = "canned-b" if model == "canned-a" else "canned-a"
                told = threading.Thread(target=activate, args=(runtime, other))
                told.start()
                if turn % 2:  # in the middle of it, or in the window after it
                    told.join()
                time.sleep(draw.uniform(0.0, 0.3))
            finally:
                process.send_signal(signal.SIGKILL)
                process.ended(20)
                told.join()
        models = {p.model for p in _origins(tmp_path)}
        assert models <= {"canned-a", "canned-b"}
        assert set(seen) <= models


def _origins(data: Path):  # type: ignore[no-untyped-def]
    from agent.store.values import PartQuery

    return [p.record.origin for p in Reader(data / "results.db").parts(PartQuery(limit=5000))]
