"""The last steps of a run: thresholds, evaluation, golden pictures, bundle, signature."""

import hashlib
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from agent.errors import OkngError
from agent.station.models.archive import pack
from agent.station.models.bundle import Bundle, read_bundle
from agent.station.models.make import make_bundle
from agent.station.models.signing import read_key, sign_folder
from training import promises
from training.datasets.values import Dataset
from training.evaluate.figures import Asked
from training.evaluate.run import evaluate
from training.evaluate.text import lines
from training.export import Exported
from training.goldens import choose
from training.promises import Thresholds
from training.raw import load, network
from training.shop import VAL, Shop, file_digest
from training.starts import keep_weights
from training.work import Done

PACKAGES = ("ultralytics-opencv-headless", "torch", "openvino", "nncf", "numpy", "opencv-python-headless")


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run leaves."""

    bundle: Bundle
    file: Path
    """NAME-VERSION.okng."""
    weights: Path
    """NAME-VERSION.pt, for a later training; in no bundle."""
    thresholds: Thresholds
    evaluation: list[str]
    """In lines, for people."""


def finish(shop: Shop, exported: Exported, int8: Path, weights: Path) -> Finished:
    """Makes the bundle out of the INT8 graph and its fellows."""
    o = shop.order
    done = _thresholds(shop, int8)
    limits = promises.of_json(done.result)
    evaluated = _evaluation(shop, int8, done, limits)
    out = o.out / f"{o.name}-{o.version}"
    kept = keep_weights(weights, out.with_name(f"{out.name}.pt"))
    golden = _golden(shop, exported, int8, done, limits)
    made = _bundle(shop, exported, int8, limits, kept, evaluated, golden)
    bundle = read_bundle(out)
    if bundle.digest != made.result["digest"]:
        raise OkngError(f"{out}: is another bundle than this run made; choose another version")
    return Finished(bundle, _pack(shop, bundle), kept, limits, list(evaluated.result["lines"]))


def _bundle(
    shop: Shop, exported: Exported, int8: Path, limits: Thresholds, weights: Path, evaluated: Done, golden: Done
) -> Done:
    o, out = shop.order, shop.order.out / f"{shop.order.name}-{shop.order.version}"
    rows = [tuple(shop.work.path(file) for file in row) for row in golden.result["files"]]
    figures = _figures(shop, weights, evaluated.result, limits)

    data = o.data or sentence(shop.dataset)

    def make(_: Path) -> dict[str, Any]:
        if out.exists():  # an interrupted run's, or not
            there = read_bundle(out)
            same = (
                there.manifest.figures.get("workshop", {}).get("weights_sha256")
                == figures["workshop"]["weights_sha256"]
                and there.manifest.promise == limits.promise
                and all(there.facts.thresholds[label] == score for label, score in limits.by_label.items())
                and (there.manifest.data, there.manifest.licence) == (data, o.licence)
            )
            if same:
                return {"digest": there.digest}
        by_label = limits.by_label
        made = make_bundle(
            int8.parent,
            out,
            name=o.name,
            version=o.version,
            threshold=min(by_label.values()),
            thresholds={} if len(set(by_label.values())) == 1 else by_label,
            data=data,
            licence=o.licence,
            golden=[row[0] if len(row) == 1 else (row[0], row[1]) for row in rows],
            figures=figures,
            pipeline=o.pipeline,
            promise=limits.promise,
            precision="int8",
            variants={"f16": exported.f16, "onnx": exported.onnx},
        )
        return {"digest": made.digest}

    key = {"golden": golden.digest, "evaluation": evaluated.digest, "weights": file_digest(weights),
           "data": o.data, "licence": o.licence}  # fmt: skip
    return shop.work.step("bundle", key, make)


def _thresholds(shop: Shop, int8: Path) -> Done:
    o = shop.order

    def make(_: Path) -> dict[str, Any]:
        found = promises.thresholds(
            shop.working(int8), shop.held_out, VAL, limit=o.limit, confidence=o.confidence,
            must=o.promise, by_class=o.by_class, say=shop.say,
        )  # fmt: skip
        shop.say(found.says)
        return found.as_json()

    key = {"int8": file_digest(int8, int8.with_suffix(".bin")), "limit": o.limit, "confidence": o.confidence,
           "by_class": o.by_class, "must": o.promise, "pipeline": o.pipeline, **shop.seen}  # fmt: skip
    return shop.work.step("thresholds", key, make)


def _judging(shop: Shop, int8: Path, limits: Thresholds) -> Bundle:
    """The INT8 graph with its thresholds, for the evaluation."""
    working = shop.working(int8)
    named = {"name": shop.order.name, "version": shop.order.version, "thresholds": limits.by_label}
    return Bundle(working.folder, working.manifest.model_copy(update=named), working.digest)


def _evaluation(shop: Shop, int8: Path, before: Done, limits: Thresholds) -> Done:
    """On the test split, which nothing has seen so far; where there is none on the held-out one, and says so."""
    o = shop.order
    tested = "test" if shop.dataset.of("test") else VAL
    paired = any(p.reference is not None for p in shop.dataset.of(tested))

    def make(_: Path) -> dict[str, Any]:
        asked = Asked(split=tested, limit=o.evaluated, one_defect=paired)
        got = evaluate(_judging(shop, int8, limits), shop.dataset, asked, shop.say).figures
        told = list(lines(got))
        if tested == VAL:
            told.insert(0, "no test split: on the held-out pictures, on which the thresholds were chosen too")
        return {"lines": told, "split": tested, "summary": _summary(got)}

    key = {"thresholds": before.digest, "split": tested, "most": o.evaluated, "splits": shop.splits}
    return shop.work.step("evaluation", key, make)


def _summary(got: Any) -> dict[str, Any]:
    """The figures of an evaluation that go into a manifest."""

    def shares(parts: Any) -> dict[str, Any] | None:
        if parts is None:
            return None
        named = ("accuracy", "escapes", "overkills")
        return {n: [getattr(parts, n).k, getattr(parts, n).n] for n in named}

    found = got.detection
    return {
        "pictures": found.pictures if found else 0,
        "map50": found.precision.map50 if found else None,
        "map50_95": found.precision.map50_95 if found else None,
        "authors_ap": found.authors.ap if found else None,
        "authors_best_f": found.authors.best_f if found else None,
        "parts": shares(got.parts),
        "one_defect": shares(got.one_defect),
    }


def _golden(shop: Shop, exported: Exported, int8: Path, before: Done, limits: Thresholds) -> Done:
    def make(folder: Path) -> dict[str, Any]:
        chosen = choose(shop.working(int8), shop.working(exported.f32), limits.by_label, shop.dataset, VAL, folder)
        rows = [given if isinstance(given, tuple) else (given,) for given in chosen]
        return {"files": [[shop.work.relative(file) for file in row] for row in rows]}

    return shop.work.step("golden", {"thresholds": before.digest, "splits": shop.splits}, make)


def sentence(dataset: Dataset) -> str:
    """What a manifest says of the data."""
    licence = dataset.facts.get("licence") or "licence not stated by the data set"
    return f"{dataset.kind} data set {dataset.root.name}, {len(dataset.of('train'))} training pictures; {licence}"


def _figures(shop: Shop, weights: Path, evaluation: dict[str, Any], limits: Thresholds) -> dict[str, Any]:
    o = shop.order
    summary = evaluation["summary"]
    return {
        "split": evaluation["split"],
        "mAP50": summary["map50"],
        "mAP50-95": summary["map50_95"],
        "workshop": {
            "network": None if o.prune else network(load(weights)),
            "pruned": o.prune,
            "weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
            "held_out": list(o.hold_out),
            "versions": versions(),
            **shop.facts,
        },
        "steps": [row.as_json() for row in shop.rows],
        "thresholds": limits.says,
        "evaluation": summary,
    }


def versions() -> dict[str, str]:
    """Of the packages that a model depends on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _pack(shop: Shop, bundle: Bundle) -> Path:
    """NAME-VERSION.okng, signed where there is a key."""
    o = shop.order
    if o.key is not None:
        secret = o.passphrase_file.read_text().splitlines()[0].encode() if o.passphrase_file is not None else None
        shop.say(f"signed with key {sign_folder(bundle.folder, read_key(o.key, secret))}")
    else:
        shop.say("not signed (no --key): a station refuses it unless its configuration accepts unsigned models")
    return pack(bundle.folder, o.out / f"{bundle.id}.okng")
