"""`okng review export`: reviewed parts and drawn passes as a dataset; the folder appears whole or not at all."""

import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent import paths
from agent.atomic import sync_folder
from agent.config import Config
from agent.errors import BundleRefused, OkngError, Problem, RecipeRefused, Refused
from agent.recipes import Recipes
from agent.review import layout
from agent.review.choose import Chosen, choose, labels_of
from agent.review.entry import entry_of, name_of
from agent.review.labels import coco
from agent.station.models.bundle import read_bundle
from agent.store.read import Reader
from agent.store.values import PartQuery
from agent.version import __version__

Progress = Callable[[int, int], None]
"""(done, of how many)"""


class ExportRefused(Refused):
    """Evidence that is not what its row says; nothing was written."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What was asked for."""

    out: Path
    query: PartQuery
    reviewed_only: bool = False
    leave_out_tampered: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written."""

    manifest: layout.Manifest
    gone: int
    """Pictures that retention removed while they were being read."""
    tampered: tuple[Problem, ...]
    """Pictures that are not what was judged, left out as asked."""


@dataclass(frozen=True, slots=True)
class _Copied:
    chosen: tuple[Chosen, ...]
    gone: int
    tampered: tuple[Problem, ...]


def export(wishes: Wishes, config: Config, utc_us: int, progress: Progress) -> Exported:
    """Write the folder. Raises ExportRefused naming every tampered picture, OkngError, StoreFailed, OSError."""
    out = wishes.out.absolute()
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OkngError(f"{out} is there already; a folder that is not there, or an empty one, is allowed")
    reader = Reader(config.station.data / "results.db")
    chosen = choose(reader, wishes.query, wishes.reviewed_only)
    if not chosen:
        asked = "parts" if wishes.reviewed_only else "parts, and no sampled pass,"
        raise OkngError(
            f"no reviewed {asked} with a picture among those asked for: review parts on the station first "
            "(docs/review.md), or ask for others (--since, --until, --lane, --recipe); which passes keep a picture "
            "says the recipe's evidence_ok_rate"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", suffix=".part", dir=out.parent))
    try:
        exported = _write(temporary, wishes, config, chosen, utc_us, progress)
        for folder in (temporary / layout.IMAGES, temporary / layout.LABELS, temporary):
            folder.chmod(0o750)
            sync_folder(folder)
        os.rename(temporary, out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    sync_folder(out.parent)
    return exported


def _write(
    folder: Path, wishes: Wishes, config: Config, chosen: Sequence[Chosen], utc_us: int, progress: Progress
) -> Exported:
    (folder / layout.IMAGES).mkdir()
    (folder / layout.LABELS).mkdir()
    data = config.station.data
    copied = _copy(folder / layout.IMAGES, data / "evidence", chosen, progress)
    if copied.tampered and not wishes.leave_out_tampered:
        raise ExportRefused("evidence that is not what was judged; nothing was exported", copied.tampered)
    if not copied.chosen:
        raise OkngError(f"no picture is left: {copied.gone} gone meanwhile, {len(copied.tampered)} tampered with")
    labels = labels_of(_models(data, copied.chosen), copied.chosen)
    parts = _parts(folder / layout.LABELS, copied.chosen, labels)
    required, shares = _by_recipe(data, sorted({part.recipe for part in parts}))
    manifest = layout.Manifest(
        schema=layout.SCHEMA,
        made_utc_us=utc_us,
        software=__version__,
        export=secrets.token_hex(8),
        station=layout.Station(site=config.station.site, line=config.station.line, name=config.station.name),
        query=_query(wishes),
        labels=labels,
        required=required,
        sampling=layout.Shares(
            ok_share=shares,
            lossless_share=config.evidence.lossless_share,
            audit_share=config.evidence.audit_share,
        ),
        files=_lists(folder, parts, labels),
        parts=parts,
    )
    _durable(folder / layout.MANIFEST, _json(manifest.dump()))
    return Exported(manifest, copied.gone, copied.tampered)


def _copy(images: Path, evidence: Path, chosen: Sequence[Chosen], progress: Progress) -> _Copied:
    """Copy the pictures, byte for byte and only those whose bytes are what the rows say."""
    copied: list[Chosen] = []
    tampered: list[Problem] = []
    gone = 0
    for n, each in enumerate(chosen, 1):
        kept = each.part.evidence
        assert kept is not None
        try:
            data = (evidence / kept.file).read_bytes()
        except FileNotFoundError:
            gone += 1
            continue
        got = hashlib.sha256(data).hexdigest()
        if got == kept.sha256:
            _durable(images / f"{name_of(each.part)}{Path(kept.file).suffix}", data)
            copied.append(each)
        else:
            what = f"sha256 is {got[:12]}…, the row says {kept.sha256[:12]}…: cut, edited or swapped"
            tampered.append(Problem(f"part {each.part.id}, {kept.file}", what))
        progress(n, len(chosen))
    return _Copied(tuple(copied), gone, tuple(tampered))


def _parts(folder: Path, chosen: Sequence[Chosen], labels: tuple[str, ...]) -> tuple[layout.Part, ...]:
    groups = [layout.group_of(c.part.record.origin.recipe, c.part.record.captured.utc_us) for c in chosen]
    sides = layout.splits(set(groups))
    parts = []
    for each, group in zip(chosen, groups, strict=True):
        part, text = entry_of(each, sides[group], labels)
        if text is not None:
            _durable(folder / f"{part.name}.txt", text.encode())
        parts.append(part)
    return tuple(parts)


def _lists(folder: Path, parts: Sequence[layout.Part], labels: Sequence[str]) -> dict[str, str]:
    """The files that other programs read; their hashes."""
    known = [part for part in parts if part.boxes_known]
    names = "".join(f"  {n}: {json.dumps(label, ensure_ascii=False)}\n" for n, label in enumerate(labels))
    described = "# Pictures of one recipe and day never stand on both sides, unless there is one such group only.\n"
    described += f"train: {layout.TRAIN}\nval: {layout.VAL}\nnames:\n{names}"
    pictures = [(p.id, Path(p.picture).name, p.width_px, p.height_px, p.boxes) for p in known]
    contents = {
        layout.DATA: described.encode(),
        layout.TRAIN: _listed(p for p in known if p.split in ("train", "")),
        layout.VAL: _listed(p for p in known if p.split in ("val", "")),
        layout.COCO: _json(coco(pictures, labels)),
    }
    for name, content in contents.items():
        _durable(folder / name, content)
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def _listed(parts: Iterable[layout.Part]) -> bytes:
    return "".join(f"./{part.picture}\n" for part in parts).encode()


def _models(data: Path, chosen: Sequence[Chosen]) -> list[tuple[str, ...]]:
    """The labels of the models that judged, the newest's first; of those that are still there as they were."""
    judged_by = dict.fromkeys((c.part.record.origin.model, c.part.record.origin.model_hash) for c in reversed(chosen))
    found = []
    for model, digest in judged_by:
        for folder in (data / "models" / model, paths.bundled_models() / model):
            try:
                bundle = read_bundle(folder)
            except BundleRefused:
                continue
            if bundle.digest == digest:
                found.append(bundle.manifest.labels)
                break
    return found


def _by_recipe(data: Path, names: Sequence[str]) -> tuple[tuple[str, ...], dict[str, float]]:
    """What the recipes require, and which share of their OK parts is kept; of those that have a file."""
    required: dict[str, None] = {}
    shares = {}
    for name in names:
        try:
            recipe = Recipes(data).read(name)
        except RecipeRefused:
            continue
        required |= dict.fromkeys(recipe.require)
        shares[name] = recipe.evidence_ok_rate
    return tuple(required), shares


def _query(wishes: Wishes) -> layout.Query:
    asked = wishes.query
    return layout.Query(
        since_utc_us=asked.since_utc_us,
        until_utc_us=asked.until_utc_us,
        recipe=asked.recipe,
        lane=asked.lane,
        reviewed_only=wishes.reviewed_only,
    )


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


def _durable(file: Path, content: bytes) -> None:
    """Write a new file that a power cut does not take away once its folder is synced."""
    with file.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
