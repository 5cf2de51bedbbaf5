"""A station for the tests: real store, real sockets, the virtual line, canned or real engine."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.clock import SystemClock
from agent.config import ACCEPT_UNSIGNED
from agent.ports import Camera, Clock
from agent.settings import load
from agent.station.app import Station
from agent.store.beside import agreement
from agent.store.read import Reader
from agent.store.values import Role
from pipelines.values import Outcome

LABELS = ("open", "short", "mousebite", "spur", "copper", "pin-hole")
RECIPE = """
model = {model}
evidence_ok_rate = 0.0
deadline_ms = 5000
[quality]
min_brightness = 30.0
max_brightness = 255.0
max_age_ms = 5000
max_identical = 2
"""


def wait_for(condition: Callable[[], object], within_s: float = 20.0, turn: Callable[[], object] | None = None) -> None:
    """Wait until the condition holds; fails with its name after a generous time."""
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end, f"not within {within_s} s"
        if turn is not None:
            turn()
        time.sleep(0.02)


def canned_bundle(folder: Path) -> Path:
    """A bundle that only the canned engine can load."""
    folder.mkdir(parents=True)
    (folder / "model.xml").write_bytes(b"canned")
    manifest = {
        "schema": "okng.bundle/1",
        "name": "canned",
        "version": "1",
        "labels": LABELS,
        "head": "nmsfree",
        "input": {"width_px": 64, "height_px": 64},
        "graph": "model.xml",
        "threshold": 0.5,
        "data": "none",
        "licence": "Apache-2.0",
        "files": {"model.xml": hashlib.sha256(b"canned").hexdigest()},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


VIRTUAL = """
[lanes.top]
recipe = "trial"
[lanes.top.camera]
kind = "virtual"
rate_hz = {rate_hz}
free_run = {free_run}
boards = {boards}
width_px = 160
height_px = 160
retry_min_s = 0.05
retry_max_s = 0.1
"""
PUSH = """
[lanes.desk]
recipe = "trial"
camera = { kind = "push" }
"""


def virtual(boards: int = 0, rate_hz: float = 50.0, free_run: bool = False) -> str:
    """A lane "top" on the virtual line."""
    return VIRTUAL.format(boards=boards, rate_hz=rate_hz, free_run=str(free_run).lower())


@dataclass(frozen=True, slots=True)
class Rig:
    """A running station and its folders."""

    station: Station
    data: Path
    runtime: Path
    reader: Reader

    def until(self, condition: Callable[[], object], within_s: float = 20.0) -> None:
        """Turn the main loop until the condition holds."""
        wait_for(condition, within_s, self.turn)

    def beside(self, digest: str, role: Role) -> dict[tuple[Outcome, Outcome], int]:
        """(what was decided, what a second model said) -> parts, as committed."""
        return self.reader.ask(lambda conn: agreement(conn, digest, role))

    def turn(self) -> None:
        assert self.station.turn() == ""


def write_settings(data: Path, runtime: Path, lanes: str, more: str = "", recipe: str = "", models: str = "") -> Path:
    """`station.toml`, the recipe "trial" and the canned bundle below `data`."""
    bundle = data / "models" / "canned-1"
    if not bundle.exists():
        canned_bundle(bundle)
    (data / "recipes").mkdir(exist_ok=True)
    (data / "recipes" / "trial.toml").write_text(recipe or RECIPE.format(model='"canned-1"'))
    settings = data / "station.toml"
    # The canned bundle was never signed.
    head = (
        f'[models]\naccept_unsigned = "{ACCEPT_UNSIGNED}"\n{models}[station]\ndata = "{data}"\nruntime = "{runtime}"\n'
    )
    head += '[web]\nenabled = false\n[engine]\nkind = "canned"\n'
    settings.write_text(head + more + lanes)
    return settings


@contextmanager
def running(
    data: Path,
    lanes: str,
    more: str = "",
    cameras: Mapping[str, Callable[[], Camera]] | None = None,
    clock: Clock | None = None,
    recipe: str = "",
    models: str = "",
) -> Iterator[Rig]:
    """A station in this process, stopped at the end of the block."""
    with TemporaryDirectory(prefix="okng-") as name, ExitStack() as stack:
        runtime = Path(name)
        loaded = load(write_settings(data, runtime, lanes, more, recipe, models), environment={})
        station = Station(loaded, stack, clock or SystemClock(), cameras=cameras)
        yield Rig(station, data, runtime, Reader(data / "results.db"))
