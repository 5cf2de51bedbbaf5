"""What a recipe's rules were when a part was judged, and what they are now: told apart from what the model does."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipelines.recipe import Recipe

IDLE = ("name", "model", "model_hash", "keep_score", "unsure", "deadline_ms", "evidence_ok_rate")
"""Settings of a recipe that change no verdict of a replayed picture: the candidate stands in for the model, it has
no deadline, and the others say what becomes of a part or of its picture."""
MOST_CHARACTERS = 40


@dataclass(frozen=True, slots=True)
class Rules:
    """By which revisions of a recipe a part was judged."""

    recipe: str
    """Name of the one that it was judged by then."""
    then: str
    """sha256 of the revision that judged it, with the model of then."""
    now: str
    """sha256 of the revision that the candidate judged it by, with the candidate in it."""
    differs: tuple[str, ...] = ()
    """What of the rules is another now than then: "classes.open.threshold: 0.5, now 0.6"; empty: nothing is."""
    known: bool = True
    """False where the revision of then is not kept, or the candidate cannot judge by it: nobody can tell apart what is
    the model's and what the rules'."""


def differences(then: Recipe, now: Recipe) -> tuple[str, ...]:
    """What of the rules is another. Empty: both make the same verdict of whatever the same model sees."""
    before, after = (dict(_flat("", recipe.model_dump(mode="json"))) for recipe in (then, now))
    names = [name for name in dict.fromkeys((*before, *after)) if before.get(name) != after.get(name)]
    return tuple(f"{name}: {_word(before.get(name))}, now {_word(after.get(name))}" for name in names)


def _flat(prefix: str, value: dict[str, Any]) -> Iterator[tuple[str, object]]:
    for name, inner in value.items():
        if not prefix and name in IDLE:
            continue
        if isinstance(inner, dict):
            yield from _flat(f"{prefix}{name}.", inner)
        else:
            yield f"{prefix}{name}", inner


def _word(value: object) -> str:
    if value is None:
        return "none"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[: MOST_CHARACTERS - 1]}…"
