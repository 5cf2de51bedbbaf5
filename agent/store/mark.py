"""A mark beside the database, by which a restored backup is noticed at the next start.

The mark says how far the outbox was. It is written after the commit it speaks of, so it is never
ahead of the database that it belongs to; a database that is behind it was restored. It is not needed
for durability: where it is lost, a restored database is noticed when the centre acknowledges more
than it ever sent.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mark:
    """How far an outbox was."""

    epoch: str
    last_seq: int
    settled: int
    """Everything up to this seq was settled."""


def mark_file(database: Path) -> Path:
    return database.with_suffix(".mark")


def read_mark(database: Path) -> Mark | None:
    """The mark; None when there is none that can be read."""
    try:
        return Mark(**json.loads(mark_file(database).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def write_mark(database: Path, mark: Mark) -> None:
    """Replace the mark. A refusal of the disk is of no consequence: the old mark is behind, never ahead."""
    file = mark_file(database)
    temporary = file.with_name(file.name + ".part")
    try:
        temporary.write_text(json.dumps(asdict(mark)))
        temporary.replace(file)
    except OSError:
        return


def restored(mark: Mark | None, epoch: str, last_seq: int) -> bool:
    """Whether a database that is this far is older than the mark beside it."""
    return mark is not None and (mark.epoch != epoch or mark.last_seq > last_seq)
