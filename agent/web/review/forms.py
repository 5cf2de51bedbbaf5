"""A person's word as the page's form and REST send it."""

import json
from collections.abc import Mapping, Sequence
from math import isfinite

from agent.review.layout import Box
from agent.review.word import Word
from agent.store.reviews import MOST_BOXES, MOST_LABEL, MOST_NOTE, MOST_TOKEN
from agent.store.values import PersonVerdict
from agent.web.review.bench import WordRefused

VERDICTS: tuple[PersonVerdict, ...] = ("ok", "ng")


def word_of_form(form: Mapping[str, str]) -> tuple[Word, str]:
    """The word and its token. Raises WordRefused. Without a script there are no boxes: those shown are meant."""
    boxes: object = None
    if said := form.get("boxes", ""):
        if said.count("[") > MOST_BOXES + 1:
            raise WordRefused(422, f"boxes: more than {MOST_BOXES}")
        try:
            boxes = json.loads(said)
        except (ValueError, RecursionError) as error:
            raise WordRefused(422, f"boxes: not JSON: {error}") from error
    return word_of({**form, "boxes": boxes})


def word_of(body: Mapping[str, object]) -> tuple[Word, str]:
    """The word and its token. Raises WordRefused with the field, the value and what is allowed."""
    verdict = next((v for v in VERDICTS if v == body.get("verdict")), None)
    if verdict is None:
        raise WordRefused(422, f"verdict {str(body.get('verdict'))[:40]!r}: allowed are {', '.join(VERDICTS)}")
    boxes = body.get("boxes")
    word = Word(
        verdict,
        None if boxes is None else _boxes(boxes),
        label=_text(body, "label", MOST_LABEL),
        note=_text(body, "note", MOST_NOTE - MOST_LABEL - 20),
    )
    return word, _text(body, "token", MOST_TOKEN)


def _text(body: Mapping[str, object], name: str, most: int) -> str:
    value = body.get(name, "")
    if not isinstance(value, str) or len(value) > most or "\0" in value:
        raise WordRefused(422, f"{name}: a text of at most {most} characters is allowed")
    if name != "note" and not value.isprintable():
        raise WordRefused(422, f"{name} {value[:40]!r}: printable characters are allowed")
    return value


def _boxes(rows: object) -> tuple[Box, ...]:
    if not isinstance(rows, list) or len(rows) > MOST_BOXES:
        raise WordRefused(422, f"boxes: a list of at most {MOST_BOXES} [label, x1, y1, x2, y2] is allowed")
    return tuple(map(_box, rows))


def _box(row: object) -> Box:
    if isinstance(row, Mapping):
        row = [row.get(name) for name in ("label", "x1", "y1", "x2", "y2")]
    if isinstance(row, Sequence) and len(row) == 5 and isinstance(row[0], str):
        edges = [float(edge) for edge in row[1:] if isinstance(edge, int | float) and abs(edge) < 1e9]
        if len(edges) == 4 and all(map(isfinite, edges)):
            return row[0], edges[0], edges[1], edges[2], edges[3]
    raise WordRefused(422, f"box {str(row)[:60]}: a label and four numbers are allowed, px of the picture")
