"""Backtests as the station kept them: `backtests/NAME.json` and `.html` of the data folder, read and never written."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from agent.config import Config

FOLDER = "backtests"
NAME = re.compile(r"[0-9]{8}T[0-9]{6}Z-[a-z0-9][A-Za-z0-9._-]{0,120}")
MAX_BYTES = 4_000_000
MOST = 50


@dataclass(frozen=True, slots=True)
class Backtest:
    """One answer."""

    name: str
    figures: Mapping[str, Any]
    """As `okng backtest --json` writes them."""

    @property
    def begun_utc_us(self) -> int:
        """When it began, by its name."""
        at = datetime.strptime(self.name.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return round(at.timestamp() * 1e6)

    @property
    def model(self) -> str:
        return str(self.figures["candidate"]["id"])


class Backtests:
    """Of one data folder. Reading raises nothing: what cannot be read is not there."""

    def __init__(self, config: Config) -> None:
        self._folder = config.station.data / FOLDER

    def names(self, model: str = "") -> tuple[str, ...]:
        """The newest first; of one model, or of all."""
        try:
            found = sorted((file.stem for file in self._folder.glob("*.json")), reverse=True)
        except OSError:
            return ()
        wanted = (name for name in found if NAME.fullmatch(name) and (not model or name.partition("-")[2] == model))
        return tuple(wanted)[:MOST]

    def read(self, name: str) -> Backtest | None:
        file = self._file(name, ".json")
        try:
            if file is None or file.stat().st_size > MAX_BYTES:
                return None
            figures = json.loads(file.read_bytes())
            return Backtest(name, figures) if isinstance(figures.get("candidate"), dict) else None
        except (OSError, ValueError, AttributeError):
            return None

    def of(self, model: str = "") -> tuple[Backtest, ...]:
        read = (self.read(name) for name in self.names(model))
        return tuple(each for each in read if each is not None)

    def page(self, name: str) -> Path | None:
        """The page with the pictures, to be taken along."""
        file = self._file(name, ".html")
        return file if file is not None and file.is_file() else None

    def _file(self, name: str, suffix: str) -> Path | None:
        return self._folder / f"{name}{suffix}" if NAME.fullmatch(name) else None
