"""Makes a model bundle out of an Ultralytics OpenVINO export."""

import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from agent.clock import SystemClock
from agent.config import EngineConfig
from agent.errors import BundleRefused, Problem
from agent.station.engines.table import ENGINES
from agent.station.models.bundle import MANIFEST, Bundle, Manifest, Promise, must_prove, read_bundle, sha256_of
from agent.station.models.export import Export, read_export
from agent.station.models.golden import MOST_SCORE_APART, Prover, golden_size, read_picture
from pipelines.yolo import Head

GRAPH, WEIGHTS = "model.xml", "model.bin"
"""OpenVINO finds the weights by the graph's name."""
GoldenPicture = Path | tuple[Path, Path]
"""A picture, or for a guided model a picture and its reference."""


def make_bundle(
    export: Path,
    out: Path,
    *,
    name: str,
    version: str,
    threshold: float,
    data: str,
    licence: str,
    golden: Sequence[GoldenPicture],
    thresholds: Mapping[str, float] | None = None,
    figures: Mapping[str, Any] | None = None,
    head: Head | Literal["auto"] = "auto",
    pipeline: Literal["detect", "guided"] = "detect",
    promise: Promise | None = None,
    precision: str = "",
    variants: Mapping[str, Path] | None = None,
) -> Bundle:
    """Make the bundle folder `out` and return it, checked as a station checks it.

    `golden` are pictures (one at least) that the model is run on, on this machine's CPU in float32:
    what it finds above its thresholds is what every device must find later. A picture with a score
    nearer to a threshold than devices may differ is no golden one and is refused, and on one at least
    something must be found: pictures on which a model that sees nothing is right prove nothing.

    `precision` names the export's own ("int8"); `variants` are the same model's graphs at others,
    precision -> IR (.xml, its .bin beside it) or ONNX file.

    The folder appears whole or not at all. Raises BundleRefused with what is wrong, and leaves
    nothing behind; `out` must not be there yet.
    """
    _check_place(out, golden)
    source = read_export(export)
    told = {"name": name, "version": version, "data": data, "licence": licence, "threshold": threshold}
    facts = {
        "schema": "okng.bundle/1",
        "labels": source.labels,
        "head": _head(source, head),
        "input": _input(source),
        "graph": GRAPH,
        "thresholds": dict(thresholds or {}),
        "figures": dict(figures or {}),
        "pipeline": pipeline,
        "promise": promise.model_dump(mode="json") if promise is not None else None,
        **told,
    }
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}.") as scratch:
        folder = Path(scratch) / "bundle"
        folder.mkdir()
        known = {precision: GRAPH} if precision else {}
        facts["variants"] = known | _copy_variants(variants or {}, folder)
        _build(folder, source, facts, golden).rename(out)
    return read_bundle(out)


def _copy_variants(variants: Mapping[str, Path], folder: Path) -> dict[str, str]:
    """Precision -> file name in the bundle."""
    names = {}
    for precision, graph in variants.items():
        name = "model.onnx" if graph.suffix == ".onnx" else f"model-{precision}.xml"
        pairs = [(graph, folder / name)]
        if graph.suffix != ".onnx":
            pairs.append((graph.with_suffix(".bin"), folder / f"model-{precision}.bin"))
        for source, target in pairs:
            if not source.is_file():
                raise BundleRefused(f"variant {precision}", [Problem(source.name, f"is not there ({source.parent})")])
            shutil.copyfile(source, target)
        names[precision] = name
    return names


def _check_place(out: Path, golden: Sequence[GoldenPicture]) -> None:
    subject = f"model bundle {out}"
    if out.exists():
        raise BundleRefused(subject, [Problem(out.name, "is there already; a bundle is never changed")])
    if not golden:
        raise BundleRefused(subject, [Problem("golden", "at least one picture is needed")])
    out.parent.mkdir(parents=True, exist_ok=True)


def _build(folder: Path, source: Export, facts: Mapping[str, Any], golden: Sequence[GoldenPicture]) -> Path:
    shutil.copyfile(source.graph, folder / GRAPH)
    shutil.copyfile(source.weights, folder / WEIGHTS)
    pictures = _copy_pictures(golden, folder)
    # First without answers, so that the model can be loaded and asked for them.
    bundle = _write(folder, facts, [{**names, "expected": []} for names in pictures])
    must_prove(_write(folder, facts, _answers(bundle, pictures)))
    return folder


def _head(source: Export, wanted: Head | Literal["auto"]) -> Head:
    found = source.head
    if found is None or wanted not in ("auto", found):
        known = f"(1, {4 + len(source.labels)}, anchors) is a raw head, (1, n, 6) an NMS-free one"
        what = f"its output is {source.output}, which is no {'known' if wanted == 'auto' else wanted} head: {known}"
        raise BundleRefused(f"export {source.graph.parent}", [Problem(source.graph.name, what)])
    return found


def _input(source: Export) -> dict[str, Any]:
    height, width = source.image_size
    return {"height_px": height, "width_px": width, "dynamic": source.dynamic}


def _copy_pictures(golden: Sequence[GoldenPicture], folder: Path) -> list[dict[str, str]]:
    """For each golden picture the manifest's `file`, and `reference` where it has one."""
    rows = []
    for number, given in enumerate(golden, start=1):
        picture, reference = given if isinstance(given, tuple) else (given, None)
        row = {"file": f"golden-{number}{picture.suffix.lower()}"}
        _copy_picture(picture, folder / row["file"])
        if reference is not None:
            row["reference"] = f"golden-{number}-reference{reference.suffix.lower()}"
            _copy_picture(reference, folder / row["reference"])
        rows.append(row)
    return rows


def _copy_picture(source: Path, target: Path) -> None:
    read_picture(source)
    shutil.copyfile(source, target)


def _write(folder: Path, facts: Mapping[str, Any], golden: Sequence[Mapping[str, Any]]) -> Bundle:
    files = {file.name: sha256_of(file) for file in sorted(folder.iterdir()) if file.name != MANIFEST}
    body = {**facts, "golden": golden, "files": files}
    try:
        Manifest.model_validate(body)
    except ValidationError as error:
        problems = [Problem(".".join(map(str, e["loc"])) or MANIFEST, f"{e['msg']}") for e in error.errors()]
        raise BundleRefused(f"model bundle {facts['name']}", problems) from error
    text = json.dumps(body, indent=1, ensure_ascii=False, sort_keys=True)
    (folder / MANIFEST).write_text(text + "\n", encoding="utf-8")
    return read_bundle(folder)


def _answers(bundle: Bundle, pictures: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """What the model finds on its golden pictures. Raises BundleRefused for one that is a close call."""
    engine = ENGINES["openvino"](EngineConfig(precision="f32", cache_mb=0), bundle.folder)
    model = engine.load(bundle, ["CPU"], golden_size(bundle)).model
    prover = Prover(bundle, model.session(), SystemClock())
    answers, close = [], []
    for names in pictures:
        found = prover.find(*(read_picture(bundle.folder / file) for file in names.values()))
        for d in found:
            limit = bundle.threshold(d.label)
            if abs(d.score - limit) < MOST_SCORE_APART:
                what = f"{d.label} with score {d.score:.2f} is too close to the threshold {limit}"
                close.append(Problem(names["file"], what))
        counting = [d for d in found if d.score >= bundle.threshold(d.label)]
        rows = [(d.label, round(d.score, 4), *(round(v, 2) for v in (d.x1, d.y1, d.x2, d.y2))) for d in counting]
        answers.append({**names, "expected": rows})
    if close:
        raise BundleRefused(f"model bundle {bundle.id}", close)
    return answers
