"""An evaluation in lines, for a terminal."""

from collections.abc import Iterator

from training.evaluate.figures import Detection, Evaluation
from training.evaluate.parts import Parts


def lines(figures: Evaluation) -> Iterator[str]:
    """What a person wants to know first, a line each."""
    bundle, data = figures.bundle, figures.dataset
    yield f"{bundle['id']} ({bundle['pipeline']}, {bundle['precision']}: {bundle['graph']})"
    pictures = f"{data['pictures']} of {data['of']} pictures"
    yield f"on {data['kind']} {data['folder']}, split {data['split']!r}, {pictures}; {figures.cost.runtime}"
    if data["licence"]:
        yield f"data: {data['licence']}"
    if figures.detection is not None:
        yield from _detection(figures.detection)
    yield from _parts("parts, references as good ones", figures.parts)
    if figures.repaired is not None:
        yield f"overkills of repaired parts {figures.repaired.overkills}"
    if figures.one_defect is not None:
        yield from _parts("one-defect parts, references as good ones", figures.one_defect)
    yield from _trials(figures)
    yield from _cost(figures)


def _detection(found: Detection) -> Iterator[str]:
    p, a = found.precision, found.authors
    maps = f"mAP50 {_n(p.map50)}, mAP75 {_n(p.map75)}, mAP50-95 {_n(p.map50_95)}"
    yield f"{found.defects} defects: {maps} ({p.measured_by})"
    yield f"authors' score: AP {_n(a.ap)}, F {_n(a.f)} at the thresholds, {_n(a.best_f)} at the best ones"
    for label, c in found.classes.items():
        yield f"  {label:12} threshold {c.threshold:.3f}  precision {c.precision}  recall {c.recall}"


def _parts(what: str, parts: Parts) -> Iterator[str]:
    yield f"{what}: accuracy {parts.accuracy}"
    yield f"  escapes   {parts.escapes}, at most {100 * parts.escapes.at_most:.2f} % (one-sided)"
    yield f"  overkills {parts.overkills}"
    for label, share in parts.escapes_by_class.items():
        yield f"  escapes {label:12} {share}, at most {100 * share.at_most:.2f} %"
    if parts.shifted is not None:
        s = parts.shifted
        yield f"  with all thresholds moved by {s.by:+.2f} (log odds): escapes {s.escapes}, overkills {s.overkills}"
    if parts.why_unsure:
        yield f"  UNSURE by {', '.join(f'{rule} {n}' for rule, n in parts.why_unsure.items())}"


def _trials(figures: Evaluation) -> Iterator[str]:
    if (moved := figures.perturbed) is not None:
        yield f"perturbed ({moved.limits}):"
        yield f"  mAP50 {_n(moved.precision.map50)}, {moved.lost_map50} points lost"
        yield f"  mAP50-95 {_n(moved.precision.map50_95)}, {moved.lost_map50_95} points lost"
        yield f"  {', '.join(f'{outcome} {share.k}' for outcome, share in moved.outcomes.items())}"
    if (wrong := figures.wrong_reference) is not None:
        yield f"wrong references: {wrong.ok} of {wrong.parts} bad parts ever OK"
        for kind, outcomes in wrong.outcomes.items():
            yield f"  {kind:36} {', '.join(f'{o} {n}' for o, n in outcomes.items())}, none {wrong.left_out[kind]}"
    for a in figures.against:
        fewer = "recall not reached" if a.fewer is None else f"{100 * a.fewer:.1f} % fewer"
        yield f"{a.method} ({a.settings}): recall {a.traditional_recall:.4f}, "\
              f"{a.traditional_false_calls:.2f} false calls a picture"  # fmt: skip
        yield f"  the model: recall {a.recall:.4f}, {a.false_calls:.3f} a picture: {fewer}"
        for level in a.levels:
            both = f"{_n(level.traditional)}, the model {_n(level.model)}"
            less = "" if level.fewer is None else f": {100 * level.fewer:.1f} % fewer"
            yield f"  at recall {level.recall:.3f}: {both} false calls a picture{less}"


def _cost(figures: Evaluation) -> Iterator[str]:
    stages = ", ".join(f"{name} {t.p50_ms:.2f}/{t.p99_ms:.2f}" for name, t in figures.cost.stages.items())
    yield f"ms (p50/p99, load {figures.machine.load}): {stages}"
    sizes = ", ".join(f"{name} {size / 1e6:.2f} MB" for name, size in figures.bundle["bytes"].items())
    yield f"memory at most {figures.cost.peak_mb:.0f} MB, the model {figures.cost.model_mb:.0f} MB; {sizes}"


def _n(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
