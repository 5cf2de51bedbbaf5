"""A backtest as one page: HTML by itself, without script, headings in English and Chinese, with the pictures."""

import base64
from collections.abc import Iterator, Mapping, Sequence
from html import escape

from agent.review.choose import counting
from agent.station.backtest.chances import Estimate, McNemar
from agent.station.backtest.style import CSS
from agent.station.backtest.values import Backtest, Change, Sides
from agent.station.backtest.words import left_out, method, moment, ruled, span
from pipelines.values import Detection, Outcome

HALO = 'class="halo"'


def page(done: Backtest, station: str) -> str:
    """The whole page."""
    title = f"okng backtest · {done.candidate.id}"
    body = "".join((_head(done, station), _cards(done), *_sections(done), _foot(done)))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" '
        f'content="light dark"><style>{CSS}</style></head><body>{body}</body></html>\n'
    )


def _two(english: str, chinese: str) -> str:
    return f'{escape(english)} <span class="zh" lang="zh-Hans">{escape(chinese)}</span>'


def _head(done: Backtest, station: str) -> str:
    c, query = done.candidate, done.wishes.query
    only = "".join(f", {name} <b>{escape(v)}</b>" for name, v in (("lane", query.lane), ("recipe", query.recipe)) if v)
    ran = f"on {escape(c.device)} ({escape(c.runtime)})" if c.device else "did not run"
    notice = ""
    if done.interrupted:
        words = "It was ended early: the figures are of the parts replayed until then, which are a fair draw."
        notice = f'<p class="notice">{escape(words)} <span class="zh" lang="zh-Hans">提前结束</span></p>'
    return (
        f"<header><h1>{escape(c.id)} {_two('backtest', '回测')}</h1>"
        f"<p>Parts of <b>{escape(station)}</b>, {escape(span(query))}{only}</p>"
        f"<p>{ran} · judged by {escape(', '.join(c.recipes) or 'no recipe')} · model {escape(c.digest[:12])}</p>"
        f"</header>{notice}"
    )


def _cards(done: Backtest) -> str:
    cards = "".join(_sides(done.sides))
    if done.model_alone is None:
        return f'<dl class="cards">{cards}</dl>'
    alone = "".join(_sides(done.model_alone))
    both = _two("The candidate, by the recipe's rules of now", "候选模型，按现行配方规则")
    model = _two("The candidate alone, by the rules of then", "仅候选模型，按当时规则")
    return f'<h2>{both}</h2><dl class="cards">{cards}</dl><h2>{model}</h2><dl class="cards">{alone}</dl>'


def _sides(sides: Sides) -> Iterator[str]:
    yield _card("Would reject, now OK", "将多剔除", sides.rejected, "parts that passed", "ng")
    yield _card("Would pass, now NG", "将多放行（现为不良）", sides.passed, "parts found bad", "unsure")
    yield _card("Would pass, now UNSURE", "将多放行（现为不确定）", sides.passed_unsure, "parts left unsure", "unsure")


def _card(name: str, chinese: str, e: Estimate, of: str, tone: str) -> str:
    if not e.drawn:
        value, between = "–", f"nothing was drawn: 0 to {e.known:,}" if e.known else "there was none"
    else:
        value, between = f"{e.total:,.0f}", f"95 %: {e.low:,.0f} to {e.high:,.0f}"
    sub = f"of {e.known:,} {of}; {e.seen:,} of {e.drawn:,} replayed"
    shown = tone if e.seen else ""
    return (
        f'<div class="card {shown}"><dt>{_two(name, chinese)}</dt><dd>{value}<p class="between">{between}</p>'
        f'<p class="sub">{escape(sub)}</p></dd></div>'
    )


def _sections(done: Backtest) -> Iterator[str]:
    tables = f'<div class="panel">{_table(done.table, "Replayed, counted as they are")}</div>'
    if done.apart:
        caption = "Apart: they enter no estimate (JPEG’s losses, or an unknown share)"
        tables += f'<div class="panel">{_table(done.apart, caption)}</div>'
    items = "".join(f"<li>{escape(line)}</li>" for line in (*ruled(done), *left_out(done)))
    tables += f'<div class="panel full"><ul class="left">{items}</ul></div>'
    yield _section("Was and would be", "原判与新判", f'<div class="panels">{tables}</div>')
    yield _section("Against what persons said", "与人工复核对比", _truth(done))
    key = (
        '<p class="quiet small"><span class="key"></span>that counted then 当时计入<span class="key new"></span>'
        "that counts for the candidate 候选模型计入</p>"
    )
    for was, passes, name, chinese in (
        (Outcome.OK, False, "Would reject, now OK", "将多剔除"),
        (Outcome.NG, True, "Would pass, now NG", "将多放行（现为不良）"),
        (Outcome.UNSURE, True, "Would pass, now UNSURE", "将多放行（现为不确定）"),
    ):
        shots = [c for c in done.changes if c.was is was and (c.would_be is Outcome.OK) is passes]
        if shots:
            figures = "".join(map(_shot, shots))
            yield _section(name, chinese, f'{key}<div class="shots">{figures}</div>')


def _section(name: str, chinese: str, body: str) -> str:
    return f"<section><h2>{_two(name, chinese)}</h2>{body}</section>"


def _table(table: Mapping[tuple[Outcome, Outcome], int], caption: str) -> str:
    heads = "".join(f'<th class="num">would be {o}</th>' for o in Outcome)
    rows = "".join(
        f"<tr><th>was {was}</th>{''.join(_cell(was, now, table.get((was, now), 0)) for now in Outcome)}</tr>"
        for was in Outcome
    )
    head = f"<caption>{escape(caption)}</caption><thead><tr><th></th>{heads}</tr></thead>"
    return f"<table>{head}<tbody>{rows}</tbody></table>"


def _cell(was: Outcome, now: Outcome, n: int) -> str:
    tone = "same" if was is now or not n else "worse" if was is Outcome.OK else "better" if now is Outcome.OK else ""
    return f'<td class="num {tone}">{n:,}</td>'


def _truth(done: Backtest) -> str:
    truth = done.truth
    rows = "".join(
        _truth_row(name, chinese, m)
        for name, chinese, m in (
            ("audited, all", "抽检，全部", truth.all),
            ("audited, found bad by a person", "抽检，人工判不良", truth.bad),
            ("audited, found good by a person", "抽检，人工判合格", truth.good),
            ("reviewed for what the machine said", "因机器判定而复核", truth.chosen),
        )
    )
    heads = "<th></th><th class=num>parts</th><th class=num>only the active one right</th>"
    heads += "<th class=num>only the candidate right</th><th class=num>p, exact McNemar</th>"
    note = (
        "Parts of the audit were drawn before anybody had judged them; the others came before a person for what the "
        "machine had said of them, which favours one of the models: they are counted, never tested, and no rates."
    )
    return (
        f'<div class="panel"><table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
        f'<p class="quiet small wide">{escape(note)}</p></div>'
    )


def _truth_row(name: str, chinese: str, m: McNemar) -> str:
    p = f"{m.p:.4f}" if m.p is not None else f'<span class="quiet small">{escape(m.why)}</span>'
    cells = "".join(f'<td class="num">{n:,}</td>' for n in (m.parts, m.only_active_right, m.only_candidate_right))
    tail = "num" if m.p is not None else ""
    return f'<tr><th>{_two(name, chinese)}</th>{cells}<td class="{tail}">{p}</td></tr>'


def _shot(change: Change) -> str:
    part, new, was = change.part, change, change.was
    data = base64.b64encode(change.jpeg).decode()
    decisive = sorted({r.detection for r in new.reasons if r.detection is not None})
    boxes = _rects(counting(part), "was") + _rects([new.detections[n] for n in decisive], "new")
    why = ", ".join(dict.fromkeys(_why(r.rule.value, r.label, r.measured) for r in new.reasons)) or _best(
        new.detections
    )
    said = (
        "" if new.review is None else f'<span class="said">{escape(new.review.reviewer)}: {new.review.verdict}</span>'
    )
    name = f" · {escape(part.record.part_id)}" if part.record.part_id else ""
    ruled_by = " · by the recipe's rules of now, not by the model 因配方规则" if new.by_rules else ""
    return (
        f'<figure class="shot"><div class="frame"><img alt="part {part.id}" src="data:image/jpeg;base64,{data}">'
        f'<svg viewBox="0 0 {change.width_px} {change.height_px}" preserveAspectRatio="none">{boxes}</svg></div>'
        f'<figcaption><b>{part.id}</b>{name} <span class="tone-{was}">{was}</span> → '
        f'<span class="tone-{new.would_be}">{new.would_be}</span>{said}<br>{escape(why)}{ruled_by}<br>'
        f'<span class="quiet">{escape(part.record.origin.lane)}, {moment(part.record.captured.utc_us)}</span>'
        "</figcaption></figure>"
    )


def _why(rule: str, label: str, measured: float | None) -> str:
    value = "" if measured is None else f" {measured:.2f}"
    return f"{label or rule}{value}"


def _best(found: Sequence[Detection]) -> str:
    if not found:
        return "nothing found"
    best = max(found, key=lambda d: d.score)
    return f"nothing that counts; the best was {best.label} {best.score:.2f}"


def _rects(found: Sequence[Detection], kind: str) -> str:
    shapes = []
    for d in found:
        box = f'x="{d.x1:.1f}" y="{d.y1:.1f}" width="{max(d.width, 1):.1f}" height="{max(d.height, 1):.1f}"'
        shapes.append(
            f'<rect {HALO} {box}/><rect class="{kind}" {box}><title>{escape(d.label)} {d.score:.2f}</title></rect>'
        )
    return "".join(shapes)


def _foot(done: Backtest) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in method(done))
    return f"<footer><ul>{items}</ul></footer>"
