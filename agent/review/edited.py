"""An export as a person left it: what its labels and verdicts say now, against what they said when it was made."""

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from agent.errors import Problem, Refused
from agent.review import layout
from agent.review.entry import sha256_of
from agent.review.labels import LabelsWrong, read_coco, read_yolo, same
from agent.store.values import PersonVerdict

MOST_MANIFEST_BYTES = 512 << 20
MOST_LABEL_BYTES = 4 << 20


class ImportRefused(Refused):
    """A folder that cannot be imported as it is, with everything that is wrong in it; nothing was stored."""


@dataclass(frozen=True, slots=True)
class Edited:
    """One part, as the folder has it now."""

    part: layout.Part
    """As the manifest has it."""
    boxes: tuple[layout.Box, ...] | None
    """None: they are not known."""
    verdict: PersonVerdict | None
    """None where nobody has said anything."""
    changed: bool
    """Whether the verdict or the boxes are others than exported."""


def read_manifest(folder: Path) -> layout.Manifest:
    """The folder's manifest. Raises ImportRefused."""
    file = folder / layout.MANIFEST
    try:
        if file.stat().st_size > MOST_MANIFEST_BYTES:
            raise ImportRefused(str(folder), [Problem(layout.MANIFEST, f"larger than {MOST_MANIFEST_BYTES} bytes")])
        return layout.Manifest.model_validate_json(file.read_bytes())
    except OSError as error:
        what = f"cannot be read: {error.strerror}; allowed is a folder that okng review export made"
        raise ImportRefused(str(folder), [Problem(layout.MANIFEST, what)]) from error
    except ValidationError as error:
        wrong = error.errors()[:20]
        problems = [Problem(".".join([layout.MANIFEST, *map(str, e["loc"])]), e["msg"]) for e in wrong]
        raise ImportRefused(str(folder), problems) from error


def read_edited(folder: Path, manifest: layout.Manifest, looked_at_all: bool) -> tuple[Edited, ...]:
    """Every part of the folder as it is now. Raises ImportRefused with every problem.

    `looked_at_all`: whoever edited it saw every picture, so what was left as it was is right.
    """
    problems: list[Problem] = []
    annotations = _annotations(folder, manifest, problems)
    edited = []
    for part in manifest.parts:
        try:
            edited.append(_edited(folder, manifest, part, annotations.get(Path(part.picture).name), looked_at_all))
        except LabelsWrong as error:
            problems.append(Problem(f"{layout.LABELS}/{part.name}.txt", str(error)))
    if problems:
        raise ImportRefused(str(folder), problems)
    return tuple(edited)


def _annotations(folder: Path, manifest: layout.Manifest, problems: list[Problem]) -> dict[str, tuple[layout.Box, ...]]:
    """What the COCO file says, by picture, where it is not the one that was exported."""
    file = folder / layout.COCO
    try:
        if file.stat().st_size > MOST_MANIFEST_BYTES:
            raise LabelsWrong(f"larger than {MOST_MANIFEST_BYTES} bytes")
        text = file.read_text("utf-8")
        if sha256_of(text) == manifest.files.get(layout.COCO):
            return {}
        sizes = {Path(part.picture).name: (part.width_px, part.height_px) for part in manifest.parts}
        return read_coco(json.loads(text), sizes)
    except FileNotFoundError:
        return {}
    except OSError as error:
        problems.append(Problem(layout.COCO, f"cannot be read: {error.strerror}"))
    except (ValueError, RecursionError) as error:
        problems.append(Problem(layout.COCO, str(error)))
    return {}


def _edited(
    folder: Path,
    manifest: layout.Manifest,
    part: layout.Part,
    annotated: tuple[layout.Box, ...] | None,
    looked_at_all: bool,
) -> Edited:
    exported = part.boxes if part.boxes_known else None
    boxes = _rows(folder, manifest, part)
    if annotated is not None and not _alike(part, annotated, exported):
        if not _alike(part, boxes, exported) and not _alike(part, boxes, annotated):
            raise LabelsWrong(f"says something else than {layout.COCO}, and both were edited: edit one of them")
        boxes = annotated
    moved = not _alike(part, boxes, exported)
    before = part.review.verdict if part.review is not None else None
    if part.verdict != before:
        return Edited(part, boxes, part.verdict, changed=True)
    verdict = before
    if moved or (looked_at_all and verdict is None):
        is_bad = any(label not in manifest.required for label, *_ in boxes or ())
        verdict = "ng" if is_bad else "ok"
    return Edited(part, boxes, verdict, changed=moved or verdict != before)


def _rows(folder: Path, manifest: layout.Manifest, part: layout.Part) -> tuple[layout.Box, ...] | None:
    file = folder / layout.LABELS / f"{part.name}.txt"
    exported = part.boxes if part.boxes_known else None
    try:
        if file.stat().st_size > MOST_LABEL_BYTES:
            raise LabelsWrong(f"larger than {MOST_LABEL_BYTES} bytes")
        text = file.read_text("utf-8")
    except FileNotFoundError:
        if exported:
            raise LabelsWrong(
                f"is gone, it had {len(exported)} boxes: leave it empty to say that none is right"
            ) from None
        return exported
    except OSError as error:
        raise LabelsWrong(f"cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise LabelsWrong(f"is not text: {error}") from error
    if sha256_of(text) == part.labels_sha256:
        return exported
    rows = read_yolo(text, manifest.labels, part.width_px, part.height_px)
    return exported if _alike(part, rows, exported) else rows


def _alike(part: layout.Part, some: tuple[layout.Box, ...] | None, others: tuple[layout.Box, ...] | None) -> bool:
    if some is None or others is None:
        return some is others
    return same(some, others, part.width_px, part.height_px)
