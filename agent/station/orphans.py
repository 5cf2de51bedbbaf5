"""Pictures that no row names: of a database that was lost, or restored from a backup. They are no proof of anything."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from agent.station.pictures import Picture, pictures
from agent.store.read import Reader

CHUNK = 500
MOST_SEEN = 10_000
"""Pictures that one call looks at: a fraction of a second, and a folder of 400,000 is through in a minute."""


class Orphans:
    """A walk over the evidence folder, as far as it is needed. Used by one thread."""

    def __init__(self, folder: Path, reader: Reader) -> None:
        self._folder = folder
        self._reader = reader
        self._walk: Iterator[Picture] = iter(())
        self.left = False
        """Whether there may be any that were not found yet."""

    def begin(self) -> None:
        """Walk anew: there are some."""
        self._walk, self.left = pictures(self._folder), True

    def among(self, some: list[Picture]) -> list[Picture]:
        """Those that no row names, as far as rows are durable by now. Raises StoreFailed."""
        named = self._reader.kept_files([picture.id for picture in some])
        return [p for p in some if str(p.path.relative_to(self._folder)) not in named]

    def next(self) -> Iterator[list[Picture]]:
        """Those among the next MOST_SEEN pictures of the walk, some at a time. Raises StoreFailed, OSError."""
        for _ in range(MOST_SEEN // CHUNK):
            some = list(islice(self._walk, CHUNK))
            if not some:
                self.left = False
                return
            yield self.among(some)
