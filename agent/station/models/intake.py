"""Models come in and go: import with its gate and budgets, the list, and what is removed.

An import does not touch the lanes: it unpacks beside what is there, tries the model in a process of its own,
and either keeps it or leaves nothing behind. It judges nobody before it is activated.
"""

import logging
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from agent.config import Config
from agent.errors import BundleRefused, OkngError, Problem
from agent.station.models.bundle import MANIFEST, Bundle, parse_manifest, read_bundle
from agent.station.models.gate import Entry, Gates
from agent.station.models.library import INCOMING, Held, Library
from agent.station.models.trial import Input, Task, try_out

log = logging.getLogger(__name__)

Event = Callable[..., None]
SHOWN_FIGURES = 8


@dataclass(frozen=True, slots=True)
class Arrived:
    """An imported model."""

    bundle: Bundle
    key: str
    """Name of the key that signed it; empty where nobody did."""
    gates: tuple[Entry, ...]
    """What each device of the order made of it; one that is not there is left out."""
    judges: Entry
    """The first device that may judge."""


class Intake:
    """Imports, lists and removes models. Its verbs come from any thread; one import at a time."""

    def __init__(
        self,
        *,
        config: Config,
        library: Library,
        gates: Gates,
        needed: Callable[[], Mapping[str, str]],
        deadlines_ms: Callable[[], Iterable[float]],
        inputs: Callable[[Bundle], Iterable[Input]],
        event: Event,
    ) -> None:
        """`needed`: models that must stay, and what for. `deadlines_ms`: of the recipes that are in use.
        `inputs`: for what the lanes would have a model compiled."""
        self.stage = ""
        """What an import is doing now, for people; empty: there is none."""
        self._config = config
        self._library = library
        self._gates = gates
        self._needed = needed
        self._deadlines_ms = deadlines_ms
        self._inputs = inputs
        self._event = event
        self._importing = Lock()

    def import_(self, file: str) -> Arrived:
        """Import an .okng. Raises OkngError with the reason; nothing of it is left then."""
        if not self._importing.acquire(blocking=False):
            raise OkngError(f"busy: {self.stage or 'another import is running'}")
        try:
            self._event("model_importing", file=Path(file).name[:200])
            arrived = self._import(self._library.offered(file))
        except OkngError as error:
            self._event("model_refused", file=Path(file).name[:200], why=str(error)[:800])
            raise
        finally:
            self.stage = ""
            self._importing.release()
        self._event(
            "model_imported",
            model=arrived.bundle.id,
            digest=arrived.bundle.digest,
            key=arrived.key,
            device=arrived.judges.device,
            p99_ms=arrived.judges.p99_ms,
            memory_mb=arrived.judges.memory_mb,
        )
        self.prune()
        return arrived

    def _import(self, file: Path) -> Arrived:
        self.stage = f"checking {file.name}"
        if file.is_file():
            peeked = self._library.peek(file)
            if (there := self._there(peeked.id, peeked.digest)) is not None:
                arrived = self._told(there, self.admitted(there))
                self._taken(file)
                return arrived
            self._make_room(peeked.id, sum(peeked.sizes.values()))
        self.stage = f"unpacking {file.name}"
        with self._library.taken_in(file) as bundle:
            judges = self._judging(bundle, self.gates(bundle))
            if too_much := self._over_budget(judges):
                raise BundleRefused(f"model {bundle.id}", too_much)
            arrived = self._told(self._library.keep(bundle), judges)
        self._taken(file)
        return arrived

    def _taken(self, file: Path) -> None:
        if file.parent == self._config.station.data / INCOMING:
            with suppress(OSError):  # of another user's: whoever put it there takes it away
                file.unlink()

    def _there(self, model: str, digest: str) -> Bundle | None:
        """The same model, if it is installed already: to import it twice is harmless."""
        with suppress(OkngError):
            bundle = self._library.read(model)
            return bundle if bundle.digest == digest else None
        return None

    def _told(self, bundle: Bundle, judges: Entry) -> Arrived:
        return Arrived(bundle, self._library.signed(bundle.folder).name, self._gates.of(bundle.digest), judges)

    def admitted(self, bundle: Bundle) -> Entry:
        """What the device that would judge made of a model: as known from its import, else by trying it now.

        Raises BundleRefused where no device may judge with it.
        """
        known = tuple(gate for gate in self._gates.of(bundle.digest) if not gate.passed or gate.p99_ms)
        if any(gate.passed for gate in known):
            order = self._config.engine.devices
            by_order = {device: place for place, device in enumerate(order)}
            return self._judging(bundle, sorted(known, key=lambda gate: by_order.get(gate.device, len(order))))
        try:
            return self._judging(bundle, self.gates(bundle))
        finally:
            self.stage = ""

    def _judging(self, bundle: Bundle, gates: Sequence[Entry]) -> Entry:
        """The first device that may judge. Raises BundleRefused with what each of them found."""
        if not bundle.proves:
            what = "there are none: nobody would notice a device that computes wrongly"
            raise BundleRefused(f"model {bundle.id}", [Problem("golden", what)])
        judges = next((gate for gate in gates if gate.passed), None)
        if judges is None:
            problems = [Problem(gate.device, gate.why) for gate in gates]
            raise BundleRefused(f"model {bundle.id}", problems or [Problem("engine.devices", "names none")])
        return judges

    def gates(self, bundle: Bundle) -> tuple[Entry, ...]:
        """Try a model on every device of the order, in a process of its own."""
        self.stage = f"trying {bundle.id}"
        config = self._config
        task = Task(
            bundle=bundle.folder,
            cache=config.station.data / "cache",
            engine=config.engine,
            devices=config.engine.devices,
            inputs=tuple(sorted(self._inputs(bundle), key=repr)),
            lanes=max(1, len(config.lanes)),
        )
        return tuple(self._gates.measured(bundle, result) for result in try_out(task, config.models.trial_s))

    def _over_budget(self, gate: Entry) -> list[Problem]:
        """FIELD 15: what a model costs on the device that would judge, against what there is."""
        budget, wrong = self._config.models, []
        if gate.memory_mb > budget.budget_memory_mb:
            what = f"is {budget.budget_memory_mb} MB, it takes {gate.memory_mb:.0f} MB on {gate.device}"
            wrong.append(Problem("models.budget_memory_mb", what))
        most = max((ms * budget.budget_share for ms in self._deadlines_ms()), default=0.0)
        if most and gate.p99_ms > most:
            what = f"p99 of one picture is {gate.p99_ms:.0f} ms on {gate.device}, no recipe in use leaves more than"
            wrong.append(Problem("models.budget_share", f"{what} {most:.0f} ms"))
        return wrong

    # Room --------------------------------------------------------------------------------------------

    def _make_room(self, model: str, more_bytes: int) -> None:
        """Raises OkngError where the cap or the disk's reserve would be broken whatever goes."""
        models, evidence = self._config.models, self._config.evidence
        self.prune(more_bytes)
        held = sum(held.bytes for held in self._library.held() if held.source == "installed")
        if held + more_bytes > models.cap_mb * 1_000_000:
            what = f"{more_bytes / 1e6:.0f} MB beside {held / 1e6:.0f} MB, models.cap_mb is {models.cap_mb}"
            raise OkngError(f"model {model} does not fit: {what}")
        free = shutil.disk_usage(self._config.station.data).free - evidence.reserve_mb * 1_000_000
        if more_bytes > free:
            raise OkngError(
                f"model {model} does not fit: {more_bytes / 1e6:.0f} MB, {max(free, 0) / 1e6:.0f} MB are free"
            )

    def prune(self, more_bytes: int = 0) -> None:
        """Remove what nobody needs, the oldest first, beyond `models.keep` and `models.cap_mb`."""
        models = self._config.models
        for model in self._library.too_many(self._needed(), models.keep, models.cap_mb * 1_000_000, more_bytes):
            try:
                self._remove(model, f"models.keep is {models.keep}, models.cap_mb is {models.cap_mb}")
            except OkngError as error:
                log.warning("%s", error)

    def remove(self, model: str) -> None:
        """Remove an installed model that nobody needs. What it judged stays in the records. Raises OkngError."""
        if (why := self._needed().get(model)) is not None:
            raise OkngError(f"model {model} cannot be removed: {why}")
        self._remove(model, "told to")

    def _remove(self, model: str, why: str) -> None:
        self._library.remove(model)
        self._event("model_removed", model=model, why=why)

    # The list ----------------------------------------------------------------------------------------

    def listing(self) -> list[dict[str, Any]]:
        """Every model in plain values: where it is from, what the devices made of it, what it is used for."""
        needed = self._needed()
        return [self._listed(held, needed.get(held.id, "")) for held in self._library.held()]

    def _listed(self, held: Held, used: str) -> dict[str, Any]:
        said: dict[str, Any] = {"id": held.id, "source": held.source, "mb": round(held.bytes / 1e6, 1), "used": used}
        signed = self._library.signed(held.folder)
        said |= {"key": signed.name, "trusted": signed.accepted, "signature": signed.why[:200]}
        try:
            raw = (held.folder / MANIFEST).read_bytes()
            manifest = parse_manifest(raw, held.id)
            digest = read_bundle(held.folder).digest
        except (OSError, OkngError) as error:
            return {**said, "problem": str(error)[:300]}
        promise = manifest.promise
        said |= {"digest": digest, "pipeline": manifest.pipeline, "labels": list(manifest.labels)[:20]}
        said["promise"] = (
            f"{promise.kind} rate under {promise.limit:.2%} with {promise.confidence:.0%} confidence" if promise else ""
        )
        said["figures"] = _scalars(manifest.figures)
        said["gates"] = [_gate(entry) for entry in self._gates.of(digest)]
        return said


def _gate(entry: Entry) -> dict[str, Any]:
    return {
        "device": entry.device,
        "passed": entry.passed,
        "why": entry.why[:200],
        "runtime": entry.runtime[:120],
        "precision": entry.precision,
        "p50_ms": entry.p50_ms,
        "p99_ms": entry.p99_ms,
        "memory_mb": entry.memory_mb,
        "at_utc_us": entry.at_utc_us,
    }


def _scalars(figures: Mapping[str, Any]) -> dict[str, Any]:
    """The figures that fit on a line."""
    plain: Sequence[tuple[str, Any]] = [(n, v) for n, v in figures.items() if isinstance(v, int | float | str)]
    return {name: value if not isinstance(value, str) else value[:60] for name, value in plain[:SHOWN_FIGURES]}
