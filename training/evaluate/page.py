"""An evaluation as one page: HTML by itself, without script, English and Chinese, with the worst pictures."""

from collections.abc import Iterator
from html import escape

from training.evaluate.calls import QUOTED, Against
from training.evaluate.charts import curve
from training.evaluate.figures import Evaluated, Evaluation
from training.evaluate.shots import shots
from training.evaluate.style import CSS
from training.evaluate.tables import (
    calls_table,
    classes_table,
    cost_table,
    named_table,
    parts_panel,
    perturbed_panel,
    wrong_panel,
)
from training.evaluate.words import count, number, percent, two

GROUPS_SHOWN = 12


def page(done: Evaluated) -> str:
    """The whole page. Raises OkngError where a picture can no longer be read."""
    figures = done.figures
    title = f"{figures.bundle['id']} · {figures.dataset['folder']} {figures.dataset['split']}"
    body = "".join((_head(figures), _cards(figures), *_sections(done), _foot(figures)))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>okng evaluation · {escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><style>{CSS}</style></head><body>{body}</body></html>\n'
    )


def _head(f: Evaluation) -> str:
    data, bundle = f.dataset, f.bundle
    of = "" if data["pictures"] == data["of"] else f" of {count(data['of'])}"
    split = escape(repr(data["split"]).strip("'") or "without a split")
    groups = data["groups"][:GROUPS_SHOWN]
    more = f" and {len(data['groups']) - GROUPS_SHOWN} more" if len(data["groups"]) > GROUPS_SHOWN else ""
    when = f.utc[:16].replace("T", " ")
    named = f" · groups {escape(', '.join(groups))}{more}" if groups else ""
    return (
        f"<header><h1>{escape(bundle['id'])} {two('evaluation', '评估')}</h1>"
        f"<p><b>{escape(data['folder'])}</b>, split <b>{split}</b>: {count(data['pictures'])}{of} pictures{named}</p>"
        f"<p>pipeline <b>{escape(bundle['pipeline'])}</b> · {escape(bundle['precision'])} "
        f"({escape(bundle['graph'])}) · {escape(f.cost.runtime)} · {when} UTC</p></header>"
    )


def _cards(f: Evaluation) -> str:
    cards = []
    if (d := f.detection) is not None:
        best = f"F {number(100 * d.authors.f)} at the thresholds, {number(100 * d.authors.best_f)} at the best"
        cards += [
            _card("mAP50", "", _points(d.precision.map50), f"{count(d.defects)} defects"),
            _card("mAP50-95", "", _points(d.precision.map50_95), f"mAP75 {_points(d.precision.map75)}"),
            _card("DeepPCB authors' AP", "原作者评分", _points(d.authors.ap), best),
        ]
    p = f.repaired or f.parts
    of = "repaired parts as good ones" if f.repaired else f"of {count(p.accuracy.n)} parts"
    cards.append(_card("Part accuracy", "零件判定准确率", percent(p.accuracy), of, "%"))
    cards.append(_card("Escapes", "漏判", percent(p.escapes), f"{p.escapes.k} of {count(p.escapes.n)} bad parts", "%"))
    good = f"{p.overkills.k} of {count(p.overkills.n)} good parts"
    cards.append(_card("Overkill", "误杀", percent(p.overkills), good, "%"))
    if (o := f.one_defect) is not None:
        most = f"{o.escapes.k} of {count(o.escapes.n)}, at most {number(100 * o.escapes.at_most)} %"
        cards.append(_card("One-defect escapes", "单缺陷漏判", percent(o.escapes), most, "%"))
    cards += [_fewer(a) for a in f.against[:1]]
    t = f.cost.stages["total"]
    cards.append(_card("A part takes", "单件耗时", number(t.p50_ms, 1), f"p99 {number(t.p99_ms, 1)} ms", "ms"))
    return f'<dl class="cards">{"".join(cards)}</dl>'


def _fewer(a: Against) -> str:
    at = next((level for level in a.levels if level.recall == QUOTED), None)
    if at is None or at.fewer is None or at.model is None or at.traditional is None:
        return _card("Fewer false calls", "误报减少", "–", f"{100 * QUOTED:.1f} % recall is not reached by both")
    both = (
        f"{number(at.model)} instead of {number(at.traditional)} a picture ({a.method}) at {100 * QUOTED:.1f} % recall"
    )
    own = "" if a.fewer is None else f"; {100 * a.fewer:.1f} % at its own {100 * a.traditional_recall:.1f} %"
    return _card("Fewer false calls", "误报减少", number(100 * at.fewer, 1), both + own, "%")


def _points(share: float | None) -> str:
    return "–" if share is None else number(100 * share, 1)


def _card(name: str, chinese: str, value: str, sub: str, unit: str = "") -> str:
    small = f"<small>{unit}</small>" if unit else ""
    return (
        f'<div class="card"><dt>{two(name, chinese)}</dt><dd>{value}{small}<p class="sub">{escape(sub)}</p></dd></div>'
    )


def _sections(done: Evaluated) -> Iterator[str]:
    f = done.figures
    yield _section("Parts", "零件判定", f'<div class="panels">{"".join(_part_panels(f))}</div>')
    if f.detection is not None:
        tables = f'<div class="panel full">{classes_table(f.detection)}</div>'
        tables += f'<div class="panel full">{named_table(f.detection, done.defects.named)}</div>'
        yield _section("Defects by class", "各类缺陷", f'<div class="panels">{tables}</div>')
        drawn = f'<div class="scroll">{curve(done.curve, f.against)}</div>{calls_table(f)}'
        rule = f'<p class="quiet small">{escape(_rule(f))}</p>'
        yield _section("Recall and false calls", "检出率与误报", f'<div class="panel">{drawn}{rule}</div>')
        yield from (_section(*shot) for shot in shots(done))
    if trials := "".join((perturbed_panel(f), wrong_panel(f))):
        yield _section("Trials", "扰动与错误参考", f'<div class="panels">{trials}</div>')
    yield _section("Time, memory, size", "耗时、内存、大小", cost_table(f))


def _part_panels(f: Evaluation) -> Iterator[str]:
    guided = f.bundle["pipeline"] == "guided"
    equal = "A reference as a part equals the reference that it is held against: look at the repaired parts' overkill."
    yield parts_panel(
        "The split's parts", "数据集零件", f.parts, equal if guided else "References stand for good parts."
    )
    if f.repaired is not None:
        words = "Good parts: each bad one with its reference pasted over every defect; the part's own noise is left."
        yield parts_panel("Against repaired parts", "修复件", f.repaired, words)
    if f.one_defect is not None:
        words = "Each bad part: the reference with one single defect pasted in. References stand for good parts."
        yield parts_panel("One-defect parts", "单缺陷件", f.one_defect, words)


def _rule(f: Evaluation) -> str:
    words = [
        "A defect is found when the centre of a detection lies in its box, or its centre in the detection's, whatever "
        "the class; a detection on no defect is a false call."
    ]
    if f.against:
        words.append(f"The same rule for all. Traditional method: {f.against[0].settings}.")
    for a in f.against:
        fewer = "not reached by the model" if a.fewer is None else f"{100 * a.fewer:.1f} % fewer by the model"
        found = f"{100 * a.traditional_recall:.1f} % found at {a.traditional_false_calls:.2f} false calls a picture"
        unsure = f" ({a.traditional_unsure} UNSURE: no fit to the reference)" if a.traditional_unsure else ""
        words.append(f"{a.method}: {found}{unsure}; at that recall {a.false_calls:.2f}, {fewer}.")
    return " ".join(words)


def _section(name: str, chinese: str, body: str) -> str:
    return f"<section><h2>{two(name, chinese)}</h2>{body}</section>"


def _foot(f: Evaluation) -> str:
    notes = [
        "Measured through the station's own engine, look and rules; thresholds and preprocessing are the bundle's.",
        "mAP: 101 points, mean over the classes, by "
        + (f.detection.precision.measured_by if f.detection is not None else "faster-coco-eval")
        + ". Suppression class by class, at most 300 detections a picture.",
        "Authors' score: the class right and IoU over 0.33; all classes and pictures pooled; one detection a place.",
        "By class: the class right and IoU at least 0.5. Intervals: Wilson, 95 %. 'At most': exact, one-sided, 95 %.",
    ]
    if f.dataset["licence"]:
        notes.append(f"Data: {f.dataset['licence']}")
    m = f.machine
    notes.append(f"{m.software}, Python {m.python}, {m.cpu}, {m.cores} cores, load {m.load}")
    return f"<footer><ul>{''.join(f'<li>{escape(note)}</li>' for note in notes)}</ul></footer>"
