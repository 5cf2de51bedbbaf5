"""A chart as it stands on a page: the drawing, what it says, and its figures as a table."""

from dataclasses import dataclass

from markupsafe import Markup


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a figure's table."""

    title: str
    number: bool = True
    """Set to the right."""


@dataclass(frozen=True, slots=True)
class Figure:
    """Everything of one chart, in the viewer's language."""

    name: str
    """Its id on the page."""
    title: str
    drawing: Markup | None
    """None: there is nothing to draw, and `notes` say what is missing."""
    caption: str
    """What it shows and how it is read, in one sentence."""
    notes: tuple[str, ...] = ()
    """What it is to be read with: trial limits, too few parts."""
    columns: tuple[Column, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    csv: str = ""
    """Address of the table as a file; empty: none."""
    key: tuple[tuple[str, str], ...] = ()
    """(shape, what it stands for); shapes are those that charts/figure.html draws."""
