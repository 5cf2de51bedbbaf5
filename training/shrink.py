"""The middle steps of a run: INT8, with more training where it loses too much, and every graph's time."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from training import quantise
from training.export import Exported
from training.inputs import evenly, network_inputs
from training.learn import Learnt, exported, tuning
from training.measure import Score, bytes_of, times_ms
from training.pictures import pictures_of
from training.shop import VAL, Graph, Shop
from training.smaller import quantisation_aware
from training.table import Row
from training.work import Done

TIMED = 30
"""Pictures that all graphs are timed on, in turns."""
ALLOWED = quantise.Allowed()


def shrink(shop: Shop, learnt: Learnt) -> tuple[Exported, Path, Path]:
    """(the exported graphs, the INT8 one, the weights) that go into the bundle; fills the table."""
    graphs = dict(learnt.graphs)
    chosen, weights = learnt.exported, learnt.weights
    fits = _int8(shop, "int8", learnt.exported, learnt.done, learnt.data, graphs)
    best = _best(graphs)
    if not fits and shop.order.qat_hours:
        again, made, tuned = _aware(shop, learnt)
        _int8(shop, "int8 after qat", again, made, learnt.data, graphs)
        if _best(graphs) is not best:
            best, chosen, weights = _best(graphs), again, tuned
        else:
            shop.say("quantisation-aware training gained nothing: the model before it is taken")
    _table(shop, graphs, chosen, best)
    return chosen, best.xml, weights


def _aware(shop: Shop, learnt: Learnt) -> tuple[Exported, Done, Path]:
    o = shop.order

    def make(folder: Path) -> dict[str, Any]:
        how = tuning(shop, learnt.data, o.qat_hours)
        return {
            "weights": shop.work.relative(folder / "qat.pt"),
            **asdict(quantisation_aware(learnt.weights, folder / "qat.pt", how, shop.say)),
        }

    done = shop.work.step("qat", {"export": learnt.done.digest, "hours": o.qat_hours}, make)
    shop.facts["qat"] = {k: v for k, v in done.result.items() if k != "weights"}
    tuned = shop.work.path(done.result["weights"])
    return *exported(shop, "qat-export", tuned, done), tuned


def _int8(shop: Shop, name: str, source: Exported, before: Done, data: Path, graphs: dict[str, Graph]) -> bool:
    """Adds what was tried to `graphs`; gives whether the last one lost no more than allowed against f32."""
    o, exact = shop.order, graphs["f32"].score

    def make(folder: Path) -> dict[str, Any]:
        # Training pictures as the network sees them: never a held-out one, never one of the test split.
        given = list(network_inputs(evenly(pictures_of(data), o.calibration), o.side_px))
        tried = quantise.search(
            source, folder, o.side_px, given, exact, lambda graph: shop.score(graph, exact=False), ALLOWED, shop.say
        )
        return {"tried": [{**t.as_json(), "graph": shop.work.relative(t.quantised.graph)} for t in tried]}

    key = {"export": before.digest, "calibration": o.calibration, "measured": o.measured, "exact": exact.as_json(),
           **shop.seen}  # fmt: skip
    done = shop.work.step(name.replace(" ", "-"), key, make)
    tried = done.result["tried"]
    for one in tried:
        says = one["settings"]["unquantised"] + ("" if one["fits"] else "; loses too much")
        title = f"{name}, {one['keep']}"
        graphs[title] = Graph(shop.work.path(one["graph"]), Score(**one["score"]), one["seconds"], says)
    shop.facts[name] = [{k: v for k, v in one.items() if k != "graph"} for one in tried]
    return bool(tried[-1]["fits"])


def _best(graphs: dict[str, Graph]) -> Graph:
    """The INT8 graph to take: the first within the limits, else the one that exceeds them least."""
    exact = graphs["f32"].score
    tried = [graph for name, graph in graphs.items() if name.startswith("int8")]
    return min(tried, key=lambda graph: max(0.0, ALLOWED.exceeded(graph.score, exact)))


def _table(shop: Shop, graphs: dict[str, Graph], chosen: Exported, best: Graph) -> None:
    every = dict(graphs)
    every["f16"] = Graph(chosen.f16, graphs["f32"].score, 0.0, "the bundle's higher precision: not measured again")
    sizes = {name: bytes_of(graph.xml) for name, graph in every.items()}
    bundles = {name: (shop.working(graph.xml), graph.exact) for name, graph in every.items()}
    done = shop.work.step(
        "times", {"bytes": sizes, **shop.seen}, lambda _: dict(times_ms(bundles, shop.dataset, VAL, TIMED))
    )
    for name, graph in every.items():
        taken = "; in the bundle" if graph.xml in (best.xml, chosen.f16) else ""
        known = graph.score if name != "f16" else None
        shop.rows.append(
            Row(
                step=name,
                bytes=sizes[name],
                ms=done.result.get(name),
                map50=known.map50 if known else None,
                map50_95=known.map50_95 if known else None,
                accuracy=known.accuracy if known else None,
                seconds=graph.seconds,
                note=graph.note + taken,
            )
        )
    size = bytes_of(chosen.onnx)
    shop.rows.append(Row("onnx", size, None, None, None, None, 0.0, "FP32, for onnxruntime; in the bundle"))
