"""What each lane was last told: its recipe, and whether it is paused. It survives a restart."""

import json
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from threading import Lock

from agent.atomic import write_atomically

log = logging.getLogger(__name__)

FILE = "lanes.json"


@dataclass(frozen=True, slots=True)
class Told:
    """What one lane was told; empty: nothing yet."""

    recipe: str = ""
    paused: bool = False
    why: str = ""


class LaneMemory:
    """`lanes.json` in the data folder; written by the station only, from any of its threads."""

    def __init__(self, data: Path) -> None:
        self._file = data / FILE
        self._lock = Lock()

    def told(self, lane: str) -> Told:
        """What the lane was last told."""
        return self._read().get(lane, Told())

    def recipe(self, lane: str, name: str) -> None:
        """Remember the recipe. Raises OSError when it cannot be made durable."""
        with self._lock:
            self._write(lane, replace(self.told(lane), recipe=name))

    def paused(self, lane: str, paused: bool, why: str = "") -> None:
        """Remember a pause or its end. Raises OSError when it cannot be made durable."""
        with self._lock:
            self._write(lane, replace(self.told(lane), paused=paused, why=why))

    def _read(self) -> dict[str, Told]:
        try:
            return {lane: Told(**told) for lane, told in json.loads(self._file.read_text()).items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            log.warning("%s cannot be read, the configured recipes are used: %s", self._file, error)
            return {}

    def _write(self, lane: str, told: Told) -> None:
        lanes = {**self._read(), lane: told}
        write_atomically(self._file, json.dumps({n: asdict(t) for n, t in lanes.items()}, indent=2).encode())
