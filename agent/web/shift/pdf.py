"""The report as PDF, by reportlab alone: no browser on the station.

Chinese is set in STSong-Light, one of the character collections that every PDF reader knows by name (ISO 32000-1,
9.7.5.2: predefined CMaps, Adobe-GB1): no font file lies on the station and none is embedded.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from reportlab.graphics.shapes import Circle, Drawing, Line, PolyLine, Rect, String
from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.cidfonts import UnicodeCIDFont
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from agent.quality.control import Point, Stretch
from agent.version import __version__
from agent.web.quality.figures import notes_of
from agent.web.shift.report import Report
from agent.web.shift.told import Table as Told
from agent.web.shift.told import heading, tables, tiles
from agent.web.speech import Speech

LATIN, CHINESE = "Helvetica", "STSong-Light"
MARGIN = 16 * mm
WIDE = A4[0] - 2 * MARGIN - 12
"""Less the padding of reportlab's frame, so that words and tables are flush."""
_INK, _QUIET, _EDGE = colors.HexColor("#131920"), colors.HexColor("#55616f"), colors.HexColor("#d3dae3")
_BAD, _LINE = colors.HexColor("#c5301a"), colors.HexColor("#0b5cad")
HIGH, FOOT, LEFT = 44 * mm, 6 * mm, 12 * mm
"""Of the field that the chart is drawn in: its height, the room below it and that left of it."""
MOST_TIMES = 8
MOST_ROWS = 300
"""Of one table; a report is read by people."""


def report_pdf(report: Report, speech: Speech, station: str) -> bytes:
    """The whole file."""
    return _Pdf(report, speech, station).made()


class _Pdf:
    def __init__(self, report: Report, speech: Speech, station: str) -> None:
        self._report = report
        self._speech = speech
        self._station = station
        pdfmetrics.registerFont(UnicodeCIDFont(CHINESE))
        # Names of shifts, recipes and persons may be Chinese in an English report: STSong has Latin letters too.
        self._font = CHINESE

    def made(self) -> bytes:
        out = io.BytesIO()
        title = f"{self._speech.say('report.title')} {heading(self._report, self._speech)}"
        document = SimpleDocTemplate(
            out,
            pagesize=A4,
            leftMargin=MARGIN,
            rightMargin=MARGIN,
            topMargin=MARGIN,
            bottomMargin=MARGIN,
            title=title,
            author=self._station,
            creator=f"okng {__version__}",
            lang=self._speech.tag,
        )
        document.build(list(self._flow()), onFirstPage=self._foot, onLaterPages=self._foot)
        return out.getvalue()

    def _flow(self) -> Iterator[Any]:
        report, say = self._report, self._speech.say
        yield self._text(say("report.title"), 20)
        yield self._text(heading(report, self._speech), 12, _QUIET)
        for key, holds in (("report.not_over", not report.over), ("report.unclosed", report.unclosed)):
            if holds:
                yield self._text(say(key), 10, _BAD)
        yield Spacer(1, 4 * mm)
        yield self._tiles()
        yield Spacer(1, 4 * mm)
        yield self._text(say("report.chart"), 12, title=True)
        if not report.chart:
            yield self._text(say("report.chart.none"), 9, _QUIET)
        else:
            yield _chart(report.chart, self._speech, WIDE)
            for note in (note for stretch in report.chart for note in notes_of(self._speech, stretch)):
                yield self._text(note, 8, _QUIET)
        for told in tables(report, self._speech):
            yield Spacer(1, 5 * mm)
            yield self._text(told.title, 12, title=True)
            yield self._table(told) if told.rows else self._text(told.empty, 9, _QUIET)

    def _text(self, text: str, size: float, colour: Any = _INK, title: bool = False) -> Paragraph:
        style = ParagraphStyle(
            "p",
            fontName=self._font,
            fontSize=size,
            leading=size * 1.35,
            textColor=colour,
            wordWrap="CJK",
            spaceAfter=2,
            keepWithNext=int(title),
        )
        return Paragraph(escape(text), style)

    def _tiles(self) -> Table:
        found = tiles(self._report, self._speech)
        cells = [
            [self._text(name, 8, _QUIET) for name, _, _ in found],
            [self._text(value, 13) for _, value, _ in found],
            [self._text(note, 7, _QUIET) for _, _, note in found],
        ]
        return Table(cells, colWidths=[WIDE / len(found)] * len(found), style=_GRID)

    def _table(self, told: Told) -> Table:
        head = [self._text(column, 8, _QUIET) for column in told.columns]
        rows = [[self._text(cell, 9) for cell in row] for row in told.rows[:MOST_ROWS]]
        if len(told.rows) > MOST_ROWS:
            rows.append([self._text(f"… {len(told.rows) - MOST_ROWS}", 9), *[""] * (len(head) - 1)])
        return Table([head, *rows], colWidths=_widths(told), style=_LINES, repeatRows=1)

    def _foot(self, canvas: Any, document: Any) -> None:
        say = self._speech.say
        when = self._speech.moment(self._report.made_utc_us)
        canvas.setFont(self._font, 8)
        canvas.setFillColor(_QUIET)
        canvas.drawString(MARGIN, 9 * mm, say("report.made", when=when, version=__version__, station=self._station))
        canvas.drawRightString(A4[0] - MARGIN, 9 * mm, say("report.page", n=document.page))


@dataclass(frozen=True, slots=True)
class _Field:
    """Turns shares and places in the row of points into points of the paper."""

    most: float
    step: float

    def x(self, place: int) -> float:
        return float(LEFT + (place + 0.5) * self.step)

    def y(self, share: float) -> float:
        return float(FOOT + HIGH * share / self.most)


def _chart(stretches: Sequence[Stretch], speech: Speech, width: float) -> Drawing:
    """The p-chart, each revision's limits as steps, `width` points wide, of at least one point.

    A signal is a filled square, the others are dots.
    """
    points = [point for stretch in stretches for point in stretch.points]
    highest = max(max(point.value, point.limits.upper if point.limits else 0.0) for point in points)
    field = _Field(max(0.001, highest) * 1.08, (width - LEFT) / len(points))
    drawing = Drawing(width, HIGH + FOOT + 2 * mm)
    drawing.add(Rect(LEFT, FOOT, width - LEFT, HIGH, strokeColor=_EDGE, fillColor=None))
    for share in (0.0, field.most / 2, field.most):
        drawing.add(_text(0, field.y(share) - 3, f"{share * 100:.1f} %"))
    for place in range(0, len(points), max(1, -(-len(points) // MOST_TIMES))):
        drawing.add(_text(field.x(place) - 9, 0, speech.clock(points[place].start_utc_us)[:5]))
    begin = 0
    for stretch in stretches:
        _draw(drawing, field, begin, stretch.points)
        begin += len(stretch.points)
    return drawing


def _draw(drawing: Drawing, field: _Field, begin: int, points: Sequence[Point]) -> None:
    """One stretch, whose first point is the chart's number `begin`: lines do not run on into the next revision's."""
    for place, point in enumerate(points, begin):
        if point.limits is not None:
            left, right = field.x(place) - field.step / 2, field.x(place) + field.step / 2
            for share, dash in (
                (point.limits.centre, None),
                (point.limits.upper, [3, 2]),
                (point.limits.lower, [3, 2]),
            ):
                height = field.y(share)
                drawing.add(Line(left, height, right, height, strokeColor=_QUIET, strokeDashArray=dash))
    at = [(field.x(place), field.y(point.value)) for place, point in enumerate(points, begin)]
    if len(at) > 1:
        drawing.add(PolyLine([value for each in at for value in each], strokeColor=_LINE, strokeWidth=1))
    for (x, y), point in zip(at, points, strict=True):
        mark = Rect(x - 2.5, y - 2.5, 5, 5) if point.signals else Circle(x, y, 1.8)
        mark.fillColor = mark.strokeColor = _BAD if point.signals else _LINE
        drawing.add(mark)


def _text(x: float, y: float, text: str) -> String:
    return String(x, y, text, fontName=LATIN, fontSize=7, fillColor=_QUIET)


def _widths(told: Told) -> list[float]:
    """Wide columns for long words, within reason."""
    lengths = [max(len(row[n]) for row in (told.columns, *told.rows)) for n in range(len(told.columns))]
    weights = [min(max(length, 8), 36) for length in lengths]
    return [WIDE * weight / sum(weights) for weight in weights]


_GRID = TableStyle(
    [
        ("BOX", (0, 0), (-1, -1), 0.5, _EDGE),
        ("LINEAFTER", (0, 0), (-2, -1), 0.5, _EDGE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 1),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 1),
    ]
)
_LINES = TableStyle(
    [
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, _EDGE),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2),
        ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ]
)
