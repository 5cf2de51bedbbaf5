"""Removes evidence pictures: what is too old, what takes too much room, and what no row names."""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.errors import StoreFailed
from agent.station.orphans import Orphans
from agent.station.pictures import pictures, remove
from agent.store.read import Reader
from agent.store.values import Kept
from agent.store.write import Writer

log = logging.getLogger(__name__)

BATCH = 200


class Clearing:
    """Used by the evidence thread only. Everything here raises OSError, StoreFailed."""

    def __init__(self, folder: Path, store: Writer, reader: Reader) -> None:
        self.orphans = Orphans(folder, reader)
        self.used = 0
        """Bytes that the pictures take; who writes one adds it."""
        self._folder = folder
        self._store = store
        self._reader = reader

    def remove_old(self, before_utc_us: int) -> None:
        """Remove pictures that are older than this."""
        self._remove(self._reader.removable(BATCH, before_utc_us))

    def make_room(self, wanted: int) -> None:
        """Remove as many pictures as make up these bytes, a batch at a time: those first that no row names."""
        if self.orphans.left:
            wanted = self._remove_orphans(wanted)
            if self.orphans.left:
                return
        chosen: list[Kept] = []
        for kept in self._reader.removable(BATCH):
            if wanted <= 0:
                break
            chosen.append(kept)
            wanted -= kept.evidence.bytes
        self._remove(chosen)

    def _remove_orphans(self, wanted: int) -> int:
        """How many of these bytes are still wanted."""
        # A picture whose row is about to name it is none.
        self._store.flush()
        for some in self.orphans.next():
            freed = sum(remove(self._folder, str(picture.path.relative_to(self._folder))) for picture in some)
            self.used -= freed
            wanted -= freed
            if wanted <= 0:
                break
        return wanted

    def _remove(self, chosen: Sequence[Kept]) -> None:
        """The file first: a row that names a missing picture is put right the next time, an unnamed file is not."""
        for kept in chosen:
            self.used -= remove(self._folder, kept.evidence.file)
        if chosen:
            tell(lambda: self._store.drop_evidence([kept.id for kept in chosen]))

    def sweep(self, before_day: str) -> None:
        """Remove old pictures that no row names: of a database that was restored or moved aside."""
        for picture in pictures(self._folder):
            if picture.day < before_day:
                for orphan in self.orphans.among([picture]):
                    self.used -= remove(self._folder, str(orphan.path.relative_to(self._folder)))


def tell(say: Callable[[], None]) -> None:
    """The store may be closed by now; a picture without its row's word for it is found at the next start."""
    try:
        say()
    except StoreFailed as error:
        log.warning("evidence: %s", error)
