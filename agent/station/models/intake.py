"""Models come in and go: import with its gate and budgets, and what is removed.

An import does not touch the lanes: it unpacks beside what is there, tries the model in a process of its own,
and either keeps it or leaves nothing behind. It judges nobody before it is activated.
"""

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import RLock

from agent.config import Config
from agent.control import INCOMING
from agent.errors import BundleRefused, OkngError, Problem
from agent.station.models.bundle import Bundle, must_prove, read_bundle
from agent.station.models.gate import Entry, Gates
from agent.station.models.library import Library
from agent.station.models.listing import Listing
from agent.station.models.trial import Input, Task, bound_mb, try_out

log = logging.getLogger(__name__)

Event = Callable[..., None]


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


@dataclass(frozen=True, slots=True)
class _Offer:
    """What is to be imported, as it says itself."""

    id: str
    digest: str
    bytes: int
    """When it is installed."""
    needs_bytes: int
    """Free on the disk while it is imported."""


class Intake:
    """Imports and removes models. Its verbs come from any thread, one at a time.

    Whoever takes both locks takes `importing` first: a model is removed only where nothing is imported, and
    where nobody is just making it the one that judges.
    """

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
        deciding: RLock,
    ) -> None:
        """`needed`: models that must stay, and what for. `deadlines_ms`: of the recipes that are in use.
        `inputs`: for what the lanes would have a model compiled. `deciding`: held by whoever changes what is active.
        """
        self.stage = ""
        """What an import is doing now, for people; empty: there is none."""
        self._config = config
        self._library = library
        self._gates = gates
        self._needed = needed
        self._deadlines_ms = deadlines_ms
        self._inputs = inputs
        self._event = event
        self._deciding = deciding
        self._importing = RLock()
        self.listing = Listing(library, gates, needed)

    def import_(self, file: str, folders: bool = False, of: str = INCOMING) -> Arrived:
        """Import an .okng; a bundle's folder too where `folders` are allowed. `of`: where a plain name lies.

        Raises OkngError with the reason; nothing of it is left then.
        """
        with self._alone():
            self._event("model_importing", file=Path(file).name[:200])
            try:
                arrived = self._import(self._library.offered(file, folders, of))
            except OkngError as error:
                self._event("model_refused", file=Path(file).name[:200], why=str(error)[:800])
                raise
            finally:
                self.stage = ""
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

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Raises OkngError where another thread is about it."""
        if not self._importing.acquire(blocking=False):
            raise OkngError(f"busy: {self.stage or 'another model is imported or removed'}")
        try:
            yield
        finally:
            self._importing.release()

    def _import(self, file: Path) -> Arrived:
        self.stage = f"checking {file.name}"
        offer = self._offer(file)
        if (there := self._there(offer.id, offer.digest)) is not None:
            arrived = self._told(there, self.admitted(there))
            self._taken(file)
            return arrived
        self._library.refuse_hiding(offer.id, file)
        self._make_room(offer)
        self.stage = f"unpacking {file.name}"
        with self._library.taken_in(file) as bundle:
            must_prove(bundle)
            judges = self._judging(bundle, self.gates(bundle))
            if too_much := self._over_budget(judges):
                raise BundleRefused(f"model {bundle.id}", too_much)
            arrived = self._told(self._library.keep(bundle), judges)
        self._taken(file)
        return arrived

    def _offer(self, file: Path) -> _Offer:
        """What a file or a folder says of itself. Raises BundleRefused."""
        if os.path.isdir(file):
            bundle = read_bundle(file)
            try:
                size = sum(entry.stat().st_size for entry in file.iterdir())
            except OSError as error:
                raise BundleRefused(f"model bundle {file}", [Problem(file.name, f"{error.strerror}")]) from error
            # Packed into a file first, beside what it is unpacked to.
            return _Offer(bundle.id, bundle.digest, size, 2 * size)
        peeked = self._library.peek(file)
        size = sum(peeked.sizes.values())
        return _Offer(peeked.id, peeked.digest, size, size)

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

        Raises BundleRefused where no device may judge with it, or it costs more than there is.
        """
        gates = self._gates.here(bundle.digest)
        would = next((gate for gate in gates if gate.passed), None)
        if would is None or not would.p99_ms:  # proven when it was loaded, but what it costs there is not known
            try:
                gates = self.gates(bundle)
            finally:
                self.stage = ""
        judges = self._judging(bundle, gates)
        # Budgets may be others than when it was imported, and what lay in `models/` never was.
        if too_much := self._over_budget(judges):
            raise BundleRefused(f"model {bundle.id}", too_much)
        return judges

    def _judging(self, bundle: Bundle, gates: Sequence[Entry]) -> Entry:
        """The first device that may judge. Raises BundleRefused with what each of them found."""
        must_prove(bundle)
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
            memory_mb=bound_mb(config.models.budget_memory_mb),
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

    def _make_room(self, offer: _Offer) -> None:
        """Raises OkngError where the cap or the disk's reserve would be broken whatever goes."""
        models, reserve = self._config.models, self._config.evidence.reserve_mb * 1_000_000
        self._prune(offer.bytes)
        held = sum(held.bytes for held in self._library.held() if held.source == "installed")
        if held + offer.bytes > models.cap_mb * 1_000_000:
            what = f"{offer.bytes / 1e6:.0f} MB beside {held / 1e6:.0f} MB, models.cap_mb is {models.cap_mb}"
            raise OkngError(f"model {offer.id} does not fit: {what}")
        try:
            free = shutil.disk_usage(self._config.station.data).free - reserve
        except OSError as error:
            raise OkngError(f"{self._config.station.data} cannot be looked at: {error.strerror}") from error
        if offer.needs_bytes > free:
            needs = f"{offer.needs_bytes / 1e6:.0f} MB, {max(free, 0) / 1e6:.0f} MB are free"
            raise OkngError(f"model {offer.id} does not fit: {needs} (evidence.reserve_mb is kept)")

    def prune(self) -> None:
        """Remove what nobody needs beyond `models.keep` and `models.cap_mb`; a running import does it when it ends."""
        with suppress(OkngError), self._alone():
            self._prune()

    def _prune(self, more_bytes: int = 0) -> None:
        """The oldest first. Nobody chooses a model meanwhile, so that what nobody needs is needed by nobody."""
        models = self._config.models
        with self._deciding:
            for model in self._library.too_many(self._needed(), models.keep, models.cap_mb * 1_000_000, more_bytes):
                try:
                    self._remove(model, f"models.keep is {models.keep}, models.cap_mb is {models.cap_mb}")
                except OkngError as error:
                    log.warning("%s", error)

    def remove(self, model: str) -> None:
        """Remove an installed model that nobody needs. What it judged stays in the records. Raises OkngError."""
        with self._alone(), self._deciding:
            if (why := self._needed().get(model)) is not None:
                raise OkngError(f"model {model} cannot be removed: {why}")
            self._remove(model, "told to")

    def _remove(self, model: str, why: str) -> None:
        self._library.remove(model)
        self._event("model_removed", model=model, why=why)
