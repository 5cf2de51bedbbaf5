"""The worst misses and the worst false calls of an evaluation's page, as pictures."""

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import TypeVar

from pipelines.values import Detection
from training.datasets.values import Box
from training.evaluate.crops import Window, figure, window
from training.evaluate.defects import FalseCall, Miss
from training.evaluate.eye import pixels_of
from training.evaluate.figures import Evaluated
from training.evaluate.values import Seen

MOST = 12
Shown = TypeVar("Shown", Miss, FalseCall)
_KEY = '<span class="key"></span>defect 缺陷<span class="key call"></span>detection 检出'


def shots(done: Evaluated) -> Iterator[tuple[str, str, str]]:
    """(heading, its Chinese, body) of each section."""
    misses, calls = done.defects.misses, done.defects.false_calls
    yield "Worst misses", "最严重的漏检", _shots([_miss(m, done) for m in _shown(misses)], len(misses), "missed")
    yield "Worst false calls", "最严重的误报", _shots([_call(c) for c in _shown(calls)], len(calls), "false calls")


def _shown(all_of: Sequence[Shown]) -> list[Shown]:
    return [one for one in all_of if one.seen.file is not None][:MOST]


def _shots(figures: Sequence[str], count: int, what: str) -> str:
    if not figures:
        return f'<p class="quiet">No {what}. 无。</p>'
    more = f"{len(figures)} of {count}, the worst first."
    alone = "" if any("golden" in f for f in figures) else " alone"
    return f'<p class="quiet small lead">{more} {_KEY}</p><div class="shots{alone}">{"".join(figures)}</div>'


def _miss(miss: Miss, done: Evaluated) -> str:
    thresholds = done.figures.bundle["thresholds"]
    if miss.best == 0:
        told = "nothing covers it at any score"
    elif miss.best < thresholds[miss.called]:
        told = f"best: {miss.called} {miss.best:.2f}, threshold {thresholds[miss.called]:.2f}"
    else:
        told = f"found, but called {miss.called} ({miss.best:.2f})"
    return _shot(miss.seen, miss.box, miss.box.label, told, [])


def _call(call: FalseCall) -> str:
    found = call.detection
    told = f"score {found.score:.2f}" + (f", on a defect: {call.near}" if call.near else "")
    return _shot(call.seen, found, found.label, told, [("call", found)])


def _shot(seen: Seen, at: Box | Detection, label: str, told: str, boxes: list[tuple[str, Box | Detection]]) -> str:
    assert seen.file is not None
    height, width = pixels_of(seen.file).shape[:2]
    of = window(at, height, width)
    inside = [box for box in (*seen.truth, *seen.beyond) if _meets(box, of)]
    drawn: list[tuple[str, Box | Detection]] = [("truth" if box == at else "other", box) for box in inside]
    part = _pane(seen.file, of, [*drawn, *boxes], f"{label} in {seen.name}", "part 零件", "part")
    golden = "" if seen.reference is None else _pane(seen.reference, of, [], "reference", "reference 参考", "golden")
    where = f"{escape(seen.name)} · {round(at.x1)}, {round(at.y1)} – {round(at.x2)}, {round(at.y2)} px"
    return (
        f'<figure class="shot"><div class="pair">{part}{golden}</div><figcaption><b>{escape(label)}</b> {escape(told)}'
        f'<span class="file">{where}</span></figcaption></figure>'
    )


def _pane(file: Path, of: Window, boxes: list[tuple[str, Box | Detection]], words: str, name: str, kind: str) -> str:
    return f'<div class="{kind}">{figure(file, of, boxes, words)}<span>{name}</span></div>'


def _meets(box: Box, of: Window) -> bool:
    return box.x1 < of.x + of.side and box.x2 > of.x and box.y1 < of.y + of.side and box.y2 > of.y
