"""The parity gate's book: what each model showed on each device, at which precision, with which driver.

`gates.json` in the data folder. A model decides only after its golden pictures gave what they must on this
device (FIELD 12 and 13); they are judged at every load. The book is there to notice that something has
changed since: another driver, another OpenVINO, another precision.
"""

import json
import logging
from pathlib import Path
from threading import Lock

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.atomic import write_atomically
from agent.config import EngineConfig
from agent.ports import Clock
from agent.station.models.bundle import Bundle
from agent.station.models.golden import Shown
from agent.station.models.trial import Result

log = logging.getLogger(__name__)

FILE = "gates.json"
MOST = 500
FIGURES = ("p50_ms", "p99_ms", "memory_mb", "peak_mb")
"""What is measured when a model is tried, and goes on to hold while nothing changes."""


class Entry(BaseModel):
    """One result: this model, on this device, in this surrounding."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    model: str
    digest: str
    device: str
    precision: str
    """As configured, with the device's own properties: what the numbers depend on besides the model."""
    runtime: str
    """Engine and driver with their versions."""
    why: str = ""
    """How the golden pictures failed; empty: it passed."""
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    memory_mb: float = 0.0
    peak_mb: float = 0.0
    at_utc_us: int = 0

    @property
    def passed(self) -> bool:
        return not self.why

    @property
    def where(self) -> tuple[str, str]:
        return self.digest, self.device

    @property
    def under(self) -> tuple[str, str]:
        return self.precision, self.runtime


class _File(BaseModel):
    model_config = ConfigDict(extra="ignore")

    entries: list[Entry] = Field(default_factory=list)


class Gates:
    """`gates.json`, written by the station only, from any of its threads; models are proven without it, too."""

    def __init__(self, data: Path, engine: EngineConfig, clock: Clock) -> None:
        self._file = data / FILE
        self._engine = engine
        self._clock = clock
        self._lock = Lock()
        self._entries = self._read()

    def of(self, digest: str) -> tuple[Entry, ...]:
        """The newest result of this model by device."""
        return tuple({e.device: e for e in self._entries if e.digest == digest}.values())

    def here(self, digest: str) -> tuple[Entry, ...]:
        """As `of`, by the order of the devices: those that may judge here, at the precision they would have by now."""
        known = {entry.device: entry for entry in self.of(digest)}
        entries = [known[device] for device in self._engine.devices if device in known]
        return tuple(entry for entry in entries if entry.precision == self._precision(entry.device))

    def note(self, bundle: Bundle, shown: Shown) -> str:
        """Keep what a model showed when it was loaded; what has changed since the last time, "" for nothing."""
        last = next((e for e in self.of(bundle.digest) if e.device == shown.device), None)
        entry = self._entry(bundle, shown.device, shown.runtime, shown.why)
        if last is None:
            self._keep(entry)
            return ""
        if last.under == entry.under:
            if last.why != entry.why:
                self._keep(entry.model_copy(update={name: getattr(last, name) for name in FIGURES}))
            return ""
        self._keep(entry)
        changes = zip(last.under, entry.under, strict=True)
        return "; ".join(f"{before} -> {after}" for before, after in changes if before != after)

    def measured(self, bundle: Bundle, result: Result) -> Entry:
        """Keep what a model showed when it was tried in a process of its own."""
        figures = {name: getattr(result, name) for name in FIGURES}
        entry = self._entry(bundle, result.device, result.runtime, result.why).model_copy(update=figures)
        if result.runtime:
            self._keep(entry)
        return entry

    def _entry(self, bundle: Bundle, device: str, runtime: str, why: str) -> Entry:
        return Entry(
            model=bundle.id,
            digest=bundle.digest,
            device=device,
            precision=self._precision(device),
            runtime=runtime,
            why=why[:2000],
            at_utc_us=self._clock.now().utc_us,
        )

    def _precision(self, device: str) -> str:
        own: dict[str, bool | int | float | str] = self._engine.properties.get(device.partition(".")[0], {})
        return ", ".join([self._engine.precision, *(f"{name}={value}" for name, value in sorted(own.items()))])

    def _keep(self, entry: Entry) -> None:
        with self._lock:
            others = [e for e in self._entries if (e.where, e.under) != (entry.where, entry.under)]
            self._entries = [*others, entry][-MOST:]
            body = {"entries": [e.model_dump(mode="json") for e in self._entries]}
            try:
                write_atomically(self._file, json.dumps(body, indent=1).encode() + b"\n")
            except OSError as error:
                log.warning("%s cannot be written: %s", self._file, error)

    def _read(self) -> list[Entry]:
        try:
            return _File.model_validate_json(self._file.read_bytes()).entries
        except FileNotFoundError:
            return []
        except (OSError, ValidationError) as error:
            log.warning("%s cannot be read, every model is tried anew: %s", self._file, error)
            return []
