"""`okng review import`: verdicts made elsewhere, in a label tool or by hand, come back as reviews."""

from dataclasses import dataclass
from pathlib import Path

from agent.errors import Problem
from agent.review import layout
from agent.review.against import against_machine
from agent.review.edited import Edited, ImportRefused, read_edited, read_manifest
from agent.review.entry import sha256_of
from agent.review.labels import same
from agent.store.read import Reader
from agent.store.values import Review, StoredPart

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Found:
    """What a folder brings."""

    reviews: tuple[Review, ...]
    """To be stored, in the order of the parts."""
    unchanged: int
    """Parts about which it says nothing new."""
    already: int
    """Parts whose newest review says just that."""


@dataclass(frozen=True, slots=True)
class How:
    """How the import was asked for."""

    reviewer: str
    looked_at_all: bool = False
    overrule: bool = False
    """Also where a person has reviewed the part since the export was made."""


def find(folder: Path, reader: Reader, how: How) -> Found:
    """The reviews that the folder brings; stores none of them: the station does, one by one.

    A part brings one where the folder says of it something else than it was exported with, or where what it says
    replaces what this export brought before; not where that is the newest review already. A part that this
    store does not know, or that was reviewed since the export, is a problem (the latter but for `how.overrule`),
    and one problem is enough for nothing to be brought. Raises ImportRefused with every problem, StoreFailed.
    """
    manifest = read_manifest(folder)
    edited = read_edited(folder, manifest, how.looked_at_all)
    problems: list[Problem] = []
    found: list[Review] = []
    already = 0
    for start in range(0, len(edited), CHUNK):
        some = edited[start : start + CHUNK]
        newest = reader.reviews([e.part.id for e in some])
        for each in some:
            part = reader.part(each.part.id)
            if part is None or not _is_of(part, each.part):
                problems.append(Problem(each.part.name, _why_not(part, each.part)))
                continue
            now = newest.get(part.id)
            if not _brings(each, now, manifest.export):
                continue
            if now is not None and _says(now, each):
                already += 1
            elif _is_newer(now, each, manifest.export) and not how.overrule:
                problems.append(Problem(each.part.name, _conflict(now)))
            elif each.verdict is not None:
                found.append(_review(each, part, now, manifest.export, how.reviewer))
    if problems:
        raise ImportRefused(str(folder), problems)
    return Found(tuple(found), len(edited) - len(found) - already, already)


def _brings(each: Edited, now: Review | None, export: str) -> bool:
    """Whether the folder says something of its own: it was edited, or takes back an edit it brought before."""
    return each.verdict is not None and (each.changed or (now is not None and _came_from(now, export)))


def _came_from(review: Review, export: str) -> bool:
    return review.token.startswith(f"import-{export}-")


def _is_newer(now: Review | None, each: Edited, export: str) -> bool:
    exported = each.part.review.id if each.part.review is not None else 0
    return now is not None and now.id > exported and not _came_from(now, export)


def _conflict(now: Review | None) -> str:
    assert now is not None
    return f"{now.reviewer} has reviewed it since the export ({now.verdict}); --overrule lets the folder's word count"


def _is_of(part: StoredPart, entry: layout.Part) -> bool:
    """Whether the entry is of this very part: its picture's hash is in its row, also when the picture is gone."""
    at = part.record.captured.utc_us
    kept = part.evidence.sha256 if part.evidence is not None else entry.sha256
    return (part.record.origin.lane, at, kept) == (entry.lane, entry.captured_utc_us, entry.sha256)


def _why_not(part: StoredPart | None, entry: layout.Part) -> str:
    if part is None:
        return f"there is no part {entry.id} in this station's store"
    return f"part {entry.id} of this station is another one: its picture or its time differs"


def _says(review: Review, each: Edited) -> bool:
    boxes = tuple((b.label, b.x1, b.y1, b.x2, b.y2) for b in review.truth)
    return review.verdict == each.verdict and same(boxes, each.boxes or (), each.part.width_px, each.part.height_px)


def _review(each: Edited, part: StoredPart, now: Review | None, export: str, reviewer: str) -> Review:
    replaced = now.id if now is not None else 0
    said = sha256_of(f"{part.id} {each.verdict} {sorted(each.boxes or ())}")[:12]
    assert each.verdict is not None
    return Review(
        part=part.id,
        verdict=each.verdict,
        reviewer=reviewer,
        boxes=against_machine(part, each.boxes or ()),
        stratum="import",
        token=f"import-{export}-{replaced}-{said}",
    )
