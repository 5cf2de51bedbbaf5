"""Tables of an evaluation's page."""

import math
from collections.abc import Mapping, Sequence
from html import escape

from training.evaluate.chances import Share
from training.evaluate.charts import interval
from training.evaluate.figures import Detection, Evaluation
from training.evaluate.parts import Parts
from training.evaluate.words import count, number, percent, two, within

OUTCOMES = ("OK", "NG", "UNSURE")


def parts_panel(name: str, chinese: str, parts: Parts, note: str) -> str:
    """Good and bad parts against their verdicts, and what that makes."""
    head = "".join(f'<th class="col">{outcome}</th>' for outcome in OUTCOMES)
    rows = _outcomes("bad 坏件", parts.bad, wrong=("OK",)) + _outcomes("good 好件", parts.good, wrong=("NG", "UNSURE"))
    shares = [("Accuracy", "准确率", parts.accuracy), ("Escapes", "漏判", parts.escapes)]
    shares += [("Overkill", "误杀", parts.overkills)]
    told = "".join(_share_row(two(e, c), s) for e, c, s in shares if s.n)
    kinds = parts.escapes_by_class if len(parts.escapes_by_class) > 1 else {}
    by_class = "".join(_share_row(f"escapes, {escape(label)}", s) for label, s in kinds.items())
    shifted = ""
    if (s := parts.shifted) is not None and parts.overkills.n:
        shifted = (
            f'<p class="quiet small">With all thresholds moved by {s.by:+.2f} (log odds) on these parts themselves: '
            f"{escape(str(s.escapes))} escapes, {escape(str(s.overkills))} overkill.</p>"
        )
    why = ", ".join(f"{escape(rule)} {n}" for rule, n in parts.why_unsure.items())
    unsure = f'<p class="quiet small">UNSURE by {why}.</p>' if why else ""
    return (
        f'<div class="panel"><h3>{two(name, chinese)}</h3><table class="matrix"><thead><tr><th></th>{head}</tr></thead>'
        f'<tbody>{rows}</tbody></table><table class="share"><tbody>{told}{by_class}</tbody></table>'
        f'<p class="quiet small">{escape(note)}</p>{shifted}{unsure}</div>'
    )


def _outcomes(name: str, counts: Mapping[str, int], wrong: Sequence[str]) -> str:
    total = sum(counts.values())
    cells = "".join(_cell(counts[o], total, "bad" if o in wrong else "good") for o in OUTCOMES)
    return f"<tr><th>{name}</th>{cells}</tr>" if total else ""


def _cell(n: int, total: int, kind: str) -> str:
    # The square root: a single wrong one among many is to be seen.
    weight = math.sqrt(n / total) if total else 0.0
    style = f'style="--w:{weight:.3f}"' if n else ""
    return f'<td class="cell {kind if n else "zero"}" {style}>{count(n)}</td>'


def _share_row(name: str, share: Share) -> str:
    rate = f'{percent(share)} % <span class="quiet small">{share.k} of {count(share.n)}</span>'
    return f'<tr><th>{name}</th><td class="num">{rate}</td><td class="num quiet small">{within(share)}</td></tr>'


def classes_table(d: Detection) -> str:
    """Precision and recall of each class at its threshold."""
    shares = [s for c in d.classes.values() for s in (c.precision, c.recall) if s.n]
    low = min(0.95, math.floor(20 * min((s.low for s in shares), default=0.0)) / 20)
    head = (
        f'<tr><th>{two("class", "类别")}</th><th class="num">{two("threshold", "阈值")}</th>'
        f'<th class="num">{two("defects", "缺陷数")}</th><th class="num">mAP50</th><th class="num">mAP50-95</th>'
        f'<th class="num">{two("precision", "精确率")}</th><th>{100 * low:.0f} … 100 %</th>'
        f'<th class="num">{two("recall", "召回率")}</th><th>{100 * low:.0f} … 100 %</th></tr>'
    )
    rows = []
    for label, c in d.classes.items():
        maps = d.precision.by_class.get(label)
        both = [number(100 * maps[key], 1) if maps else "–" for key in ("map50", "map50_95")]
        cells = "".join(
            f'<td class="num">{percent(s)}</td><td class="bar">{interval(s, low, 1.0)}</td>'
            for s in (c.precision, c.recall)
        )
        rows.append(
            f'<tr><th>{escape(label)}</th><td class="num">{c.threshold:.3f}</td><td class="num">{count(c.defects)}</td>'
            f'<td class="num">{both[0]}</td><td class="num">{both[1]}</td>{cells}</tr>'
        )
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def named_table(d: Detection, named: Mapping[str, Mapping[str, int]]) -> str:
    """What each class of defect was called."""
    labels = list(d.classes)
    head = "".join(f'<th class="col">{escape(label)}</th>' for label in labels)
    corner, missed = two("defect, called", "实际，判为"), two("missed", "漏检")
    head = f'<tr><th>{corner}</th>{head}<th class="col">{missed}</th></tr>'
    rows = []
    for of in (*labels, ""):
        counts = named.get(of, {})
        total = sum(counts.values())
        cells = [_cell(counts.get(label, 0), total, "good" if of == label else "bad") for label in labels]
        cells.append(_cell(counts.get("", 0), total, "bad") if of else "<td></td>")
        name = escape(of) if of else two("nothing there", "误报")
        rows.append(f"<tr><th>{name}</th>{''.join(cells)}</tr>")
    note = "At the thresholds, IoU at least 0.5, whatever the class."
    body = f'<table class="matrix"><thead>{head}</thead><tbody>{"".join(rows)}</tbody></table>'
    return f'{body}<p class="quiet small">{note}</p>'


def calls_table(f: Evaluation) -> str:
    """False calls a picture of the model and of the traditional methods, at several recalls."""
    if not f.against:
        return ""
    names = ["the model", *(a.method for a in f.against)]
    head = "".join(f'<th class="num">{escape(name)}</th>' for name in names)
    rows = []
    for i, level in enumerate(f.against[0].levels):
        values = [level.model, *(a.levels[i].traditional for a in f.against)]
        less = [None, *(a.levels[i].fewer for a in f.against)]
        cells = "".join(_calls(v, fewer) for v, fewer in zip(values, less, strict=True))
        rows.append(f'<tr><th class="num">{100 * level.recall:.1f} %</th>{cells}</tr>')
    corner = f'<tr><th class="num">{two("recall", "检出率")}</th>{head}</tr>'
    return f"<table><thead>{corner}</thead><tbody>{''.join(rows)}</tbody></table>"


def _calls(value: float | None, fewer: float | None) -> str:
    told = "" if fewer is None else f' <span class="quiet small">({100 * fewer:.1f} % fewer by the model)</span>'
    return f'<td class="num">{"–" if value is None else number(value)}{told}</td>'


def perturbed_panel(f: Evaluation) -> str:
    """What shift, rotation, scale and light cost."""
    if (p := f.perturbed) is None or f.detection is None:
        return ""
    before, after = f.detection.precision, p.precision
    rows = [("mAP50", before.map50, after.map50, p.lost_map50)]
    rows += [("mAP50-95", before.map50_95, after.map50_95, p.lost_map50_95)]
    body = "".join(
        f'<tr><th>{name}</th><td class="num">{_hundred(b)}</td><td class="num">{_hundred(a)}</td>'
        f'<td class="num">{"–" if lost is None else f"{lost:+.2f}"}</td></tr>'
        for name, b, a, lost in rows
    )
    told = ", ".join(f"{outcome} {share.k}" for outcome, share in p.outcomes.items())
    head = "".join(f'<th class="num">{name}</th>' for name in ("as they are", "perturbed", "points lost"))
    return (
        f'<div class="panel"><h3>{two("Perturbed", "扰动")}</h3><table><thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
        f'<p class="quiet small">{escape(p.limits)}, seed {p.seed}. Verdicts: {told}.</p></div>'
    )


def _hundred(value: float | None) -> str:
    return "–" if value is None else number(100 * value)


def wrong_panel(f: Evaluation) -> str:
    """Verdicts under references that are not the part's."""
    if (w := f.wrong_reference) is None:
        return ""
    head = "".join(f'<th class="col">{outcome}</th>' for outcome in OUTCOMES)
    rows = "".join(
        f"<tr><th>{escape(kind)}</th>"
        + "".join(_cell(n[o], sum(n.values()), "bad" if o == "OK" else "good") for o in OUTCOMES)
        + f'<td class="num quiet">{w.left_out[kind] or ""}</td></tr>'
        for kind, n in w.outcomes.items()
    )
    return (
        f'<div class="panel"><h3>{two("Wrong reference", "错误参考图")}</h3><table class="matrix"><thead><tr><th></th>'
        f'{head}<th class="num">none</th></tr></thead><tbody>{rows}</tbody></table><p class="quiet small">'
        f"{w.ok} of {count(w.parts)} bad parts were ever OK; none may be.</p></div>"
    )


def cost_table(f: Evaluation) -> str:
    """Stages, memory, bytes."""
    c = f.cost
    rows = "".join(
        f'<tr><th>{escape(name)}</th><td class="num">{t.p50_ms:.2f}</td><td class="num">{t.p99_ms:.2f}</td></tr>'
        for name, t in c.stages.items()
    )
    sizes = "".join(f"<dt>{escape(name)}</dt><dd>{size / 1e6:.2f} MB</dd>" for name, size in f.bundle["bytes"].items())
    busy = " The machine was busy: times are too long." if f.machine.load > f.machine.cores else ""
    threads = f"{c.threads} threads" if c.threads else "threads: the device's choice"
    return (
        f'<div class="panels"><div class="panel"><h3>{two("Time a part", "单件耗时")}</h3><table><thead><tr><th>'
        f'{two("stage", "阶段")}</th><th class="num">p50 ms</th><th class="num">p99 ms</th></tr></thead><tbody>{rows}'
        f'</tbody></table><p class="quiet small">{c.pictures} pictures, one after the other, {threads}, '
        f"load {f.machine.load} on {f.machine.cores} cores.{busy}</p></div>"
        f'<div class="panel"><h3>{two("Memory and size", "内存与大小")}</h3><dl class="facts"><dt>process, highest</dt>'
        f"<dd>{c.peak_mb:.0f} MB</dd><dt>of it the model</dt><dd>{c.model_mb:.0f} MB</dd>{sizes}</dl></div></div>"
    )
