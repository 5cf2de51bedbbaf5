"""What a form asks of a roll-out, checked. Pure."""

from collections.abc import Mapping, Sequence

from agent.errors import Problem
from agent.web.query import MAX_ID, QueryRefused
from fleet.intake.topics import Address
from fleet.rollout.values import Plan
from fleet.web.how import Seen

TO = "to:"
"""Before the place in the name of a field: a station, a line, a site; nothing behind it: all."""
MOST = 100_000
MOST_RECIPE = 63


def plan_of(form: Mapping[str, str], every: Sequence[Seen]) -> Plan:
    """Raises QueryRefused with everything that is wrong."""
    wrong: list[Problem] = []
    file_id = _whole(form, "file", MAX_ID, wrong)
    first = _whole(form, "first", MOST, wrong)
    most_failures = _whole(form, "most_failures", MOST, wrong)
    recipe = form.get("recipe", "").strip()
    if len(recipe) > MOST_RECIPE or not recipe.isprintable():
        wrong.append(
            Problem("recipe", f"is {recipe[:80]!r}, allowed: a recipe's name of at most {MOST_RECIPE} characters")
        )
    chosen = _chosen([name.removeprefix(TO) for name in form if name.startswith(TO)], every)
    if not chosen:
        wrong.append(Problem("stations", "none is chosen"))
    if twice := sorted({str(one.glance.box.address) for one in chosen if one.glance.conflict}):
        wrong.append(Problem("stations", f"two machines use one name: {', '.join(twice[:10])}"))
    if wrong:
        raise QueryRefused(tuple(wrong))
    return Plan(file_id, in_order(chosen), first, most_failures, form.get("activate") == "on", recipe)


def in_order(chosen: Sequence[Seen]) -> tuple[Address, ...]:
    """Each station once, those that are connected first: who is asked first is to be there."""
    ordered = sorted(chosen, key=lambda one: not one.glance.presence.online)
    return tuple(dict.fromkeys(one.glance.box.address for one in ordered))


def _chosen(places: Sequence[str], every: Sequence[Seen]) -> list[Seen]:
    wanted = frozenset(places)
    return [one for one in every if wanted & _places(one.glance.box.address)]


def _places(at: Address) -> frozenset[str]:
    return frozenset({"", at.site, f"{at.site}/{at.line}", str(at)})


def _whole(form: Mapping[str, str], name: str, most: int, wrong: list[Problem]) -> int:
    text = form.get(name, "").strip()
    if text.isascii() and text.isdigit() and len(text) < 20 and int(text) <= most:
        return int(text)
    wrong.append(Problem(name, f"is {text[:40]!r}, allowed: a whole number from 0 to {most}"))
    return 0
