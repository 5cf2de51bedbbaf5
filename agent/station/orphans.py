"""Pictures that no row names: of a database that was lost, or restored from a backup.

They are no proof of anything, but for one whose row was about to name it when the process was killed.
"""

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from agent.station.pictures import Picture, name_of, pictures
from agent.store.read import Reader
from agent.store.values import LOSSLESS, Evidence, StoredPart

CHUNK = 500
MOST_SEEN = 10_000
"""Pictures that one call looks at: a fraction of a second, and a folder of 400,000 is through in a minute."""


def proof_of(folder: Path, picture: Picture, part: StoredPart) -> Evidence | None:
    """The picture as this part's proof; None where it is none, or the part has one. Raises OSError."""
    record = part.record
    if part.evidence is not None or record.verdict.outcome is not picture.outcome:
        return None
    lossless = picture.path.name.endswith(LOSSLESS)
    name = name_of(record.origin.lane, record.captured.utc_us, part.id, picture.outcome, lossless)
    # A picture older than the verdict is of another part: of a database before a restore.
    written_us = picture.path.stat().st_mtime_ns // 1000
    if picture.path != folder / name or written_us < record.decided_utc_us:
        return None
    data = picture.path.read_bytes()
    return Evidence(name, hashlib.sha256(data).hexdigest(), len(data))


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
