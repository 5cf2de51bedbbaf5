"""The first steps of a run: pictures, training, pruning, export."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from training.export import Exported, export
from training.fit import Fit, fit
from training.order import INSPECTION
from training.pictures import pictures_of, prepare
from training.prune import pruned
from training.shop import Graph, Shop, file_digest
from training.smaller import from_teacher
from training.starts import guided_start, keep_weights, start_of
from training.tune import Tuning
from training.work import Done


@dataclass(frozen=True, slots=True)
class Learnt:
    """A trained and exported detector."""

    weights: Path
    exported: Exported
    done: Done
    """Of the export."""
    data: Path
    """data.yaml of the pictures it was trained on."""
    graphs: dict[str, Graph]
    """Measured so far, by the table's name."""


def learn(shop: Shop) -> Learnt:
    """Makes the pictures, trains, prunes where asked for, exports, measures in float32."""
    pictures = _pictures(shop)
    data = shop.work.path(pictures.result["data"])
    done = _fit(shop, data, pictures)
    weights = shop.work.path(done.result["weights"])
    graphs: dict[str, Graph] = {}
    if shop.order.prune:
        whole, made = exported(shop, "before-pruning", weights, done)
        graphs["f32 before pruning"] = measured(shop, "before-pruning-f32", whole.f32, made)
        done = _prune(shop, data, weights, done)
        weights = shop.work.path(done.result["weights"])
    graph, made = exported(shop, "export", weights, done)
    graphs["f32"] = replace(measured(shop, "f32", graph.f32, made), seconds=made.seconds + done.seconds)
    return Learnt(weights, graph, made, data, graphs)


def _pictures(shop: Shop) -> Done:
    o = shop.order

    def make(folder: Path) -> dict[str, Any]:
        each = 1 if o.trained is not None else 0  # for calibration alone, one picture of each pair will do
        made = prepare(shop.dataset, folder, o.pipeline, seed=o.seed, unknown=o.trust_passes, each=each)
        shop.say(f"{len(made.train)} training pictures, {made.references} of them references as empty ones")
        if made.left_out:
            shop.say(f"{made.left_out} parts do not fit their reference and are left out")
        counts = {"train": len(made.train), "references": made.references, "left_out": made.left_out}
        return {"data": shop.work.relative(made.data), **counts}

    key = {"splits": shop.splits, "pipeline": o.pipeline, "seed": o.seed, "passes": o.trust_passes,
           "trained": o.trained is not None}  # fmt: skip
    done = shop.work.step("pictures", key, make)
    shop.facts["pictures"] = {k: v for k, v in done.result.items() if k != "data"}
    return done


def _fit(shop: Shop, data: Path, before: Done) -> Done:
    o = shop.order
    # The channels of a guided picture belong together: neither light nor size of one is changed by itself.
    still = {} if o.pipeline == "detect" else {"hsv_v": 0.0, "scale": 0.0, "translate": 0.0}
    extra = {**INSPECTION, **still, **o.extra}
    key = {
        "pictures": before.digest, "model": o.model, "start": o.start, "from_review": o.from_review,
        "active": o.active, "epochs": o.epochs, "hours": o.hours, "batch": o.batch, "rate": o.rate,
        "side_px": o.side_px, "seed": o.seed, "teacher": o.teacher, "extra": extra, "fold": o.fold,
    }  # fmt: skip

    def take(folder: Path) -> dict[str, Any]:
        assert o.trained is not None
        weights = shop.work.relative(keep_weights(o.trained, folder / "trained.pt"))
        told = {"seconds": 0, "epochs": 0, "plots": [], "start": o.trained.name}
        return {"weights": weights, **told, "command": f"(trained before: {o.trained.name})"}

    def make(folder: Path) -> dict[str, Any]:
        start = start_of(o, shop.dataset, pictures_of(data), folder)
        start = guided_start(start, o.pipeline, o.fold, folder)
        more = dict(from_teacher(o.teacher, len(shop.dataset.labels))) if o.teacher is not None else {}
        # A distilled student learns from its teacher's features in Ultralytics' own course.
        wanted = Fit(
            data, start, folder / "run", side_px=o.side_px, epochs=o.epochs, hours=o.hours, batch=o.batch,
            rate=o.rate, seed=o.seed, device=o.device, many_share=None if more else 0.8, extra={**extra, **more},
        )  # fmt: skip
        got = fit(wanted, shop.say)
        return {
            "weights": shop.work.relative(got.weights), "seconds": round(got.seconds), "epochs": got.epochs,
            "plots": [shop.work.relative(plot) for plot in got.plots], "command": got.command,
            "start": Path(start).name,
        }  # fmt: skip

    if o.trained is not None:
        done = shop.work.step("fit", {"pictures": before.digest, "trained": file_digest(o.trained)}, take)
    else:
        done = shop.work.step("fit", key, make, goes_on=True)
    shop.facts["fit"] = {k: done.result[k] for k in ("seconds", "epochs", "start")}
    shop.facts["fit"]["command"] = done.result["command"].replace(f"{shop.work.folder}/", "")
    return done


def tuning(shop: Shop, data: Path, hours: float) -> Tuning:
    """How the models that Ultralytics cannot train are trained."""
    o = shop.order
    return Tuning(data, side_px=o.side_px, batch=max(2, o.batch // 2), hours=hours, device=o.device, seed=o.seed)


def _prune(shop: Shop, data: Path, weights: Path, before: Done) -> Done:
    o = shop.order
    hours = o.tune_hours or (o.hours or 1.0) / 4

    def make(folder: Path) -> dict[str, Any]:
        how = replace(tuning(shop, data, hours), rate=o.rate / 2)
        took = pruned(weights, folder / "pruned.pt", o.prune, how, shop.say)
        return {"weights": shop.work.relative(folder / "pruned.pt"), **asdict(took)}

    done = shop.work.step("prune", {"fit": before.digest, "share": o.prune, "hours": hours}, make)
    shop.facts["prune"] = {k: v for k, v in done.result.items() if k != "weights"}
    return done


def exported(shop: Shop, name: str, weights: Path, before: Done) -> tuple[Exported, Done]:
    """The weights' graphs, as a step `name`."""

    def make(folder: Path) -> dict[str, Any]:
        made = export(weights, folder, shop.order.side_px)
        paths = {kind: shop.work.relative(getattr(made, kind)) for kind in ("f32", "f16", "onnx")}
        return {**paths, "labels": list(made.labels)}

    done = shop.work.step(name, {"weights": before.digest, "side_px": shop.order.side_px}, make)
    f32, f16, onnx = (shop.work.path(done.result[kind]) for kind in ("f32", "f16", "onnx"))
    return Exported(f32, f16, onnx, tuple(done.result["labels"])), done


def measured(shop: Shop, name: str, graph: Path, before: Done) -> Graph:
    """An exact graph with its score on the held-out pictures."""
    from training.measure import Score

    key = {"graph": before.digest, "measured": shop.order.measured, **shop.seen}
    done = shop.work.step(f"{name}-measured", key, lambda _: shop.score(graph, exact=True).as_json())
    return Graph(graph, Score(**done.result), before.seconds, "FP32, inferred in float32", exact=True)
