"""SVG as text: elements that are escaped, without a style of their own, as the page's security policy wants it."""

from collections.abc import Iterable
from typing import TypeAlias

from markupsafe import Markup, escape

Value: TypeAlias = str | float | int | None


def tag(name: str, inside: str | Iterable[str] = "", **attributes: Value) -> Markup:
    """An element; text inside is escaped, Markup is not.

    `class_` is class, other underscores are hyphens; numbers have one decimal; None is left out.
    """
    said = "".join(f' {_name(key)}="{_value(value)}"' for key, value in attributes.items() if value is not None)
    body = escape(inside) if isinstance(inside, str) else Markup("").join(escape(each) for each in inside)
    return Markup(f"<{name}{said}>{body}</{name}>" if body else f"<{name}{said}/>")


def _name(key: str) -> str:
    return "class" if key == "class_" else "viewBox" if key == "view_box" else key.replace("_", "-")


def _value(value: str | float | int) -> str:
    if isinstance(value, float):
        return f"{value:.1f}".removesuffix(".0")
    return str(escape(value))


def picture(width: float, height: float, label: str, kind: str, inside: Iterable[str]) -> Markup:
    """A whole drawing: one image for a screen reader, with what it shows in words."""
    box = f"0 0 {width:g} {height:g}"
    return tag("svg", inside, class_=f"chart {kind}", view_box=box, role="img", aria_label=label)


def path(points: Iterable[tuple[float, float]]) -> str:
    """A path's `d` through points; empty of none."""
    return "".join(f"{'L' if i else 'M'}{x:.1f} {y:.1f}" for i, (x, y) in enumerate(points))


def mark(tip: str, shapes: Iterable[str], kind: str = "") -> Markup:
    """What is one value of a chart: its exact figures are its title, which the page's script shows and walks along."""
    return tag("g", [tag("title", tip), *shapes], class_=f"mark {kind}".strip())
