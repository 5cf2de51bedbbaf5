"""The end of shift report as a page, a PDF and a CSV file."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response

from agent.shifts import Shift
from agent.web.quality.figures import control_figure, pareto_figure
from agent.web.shift.desk import ShiftDesk
from agent.web.shift.report import Report, report_named
from agent.web.shift.sheets import csv_of
from agent.web.shift.told import heading, tables, tiles
from agent.web.speech import Speech

DAY_US = 86_400_000_000


class ReportPages:
    """`router` has the routes."""

    def __init__(self, shift: ShiftDesk) -> None:
        self._shift = shift
        self._sheets = shift.desk.sheets
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        add("/shift/report", self.page)
        add("/shift/report.pdf", self.pdf)
        add("/shift/report.csv", self.csv)

    def page(self, request: Request) -> Response:
        """One lane's report of one shift; of the newest where none is named."""

        def draw(report: Report, speech: Speech) -> Response:
            figures = []
            if report.chart:
                figures.append(control_figure(speech, "share", speech.say("report.chart"), report.chart))
            if report.defects:
                named = partial(speech.named, "label")
                figures.append(pareto_figure(speech, "pareto", speech.say("report.defects"), report.defects, "", named))
            before, after = self._beside(report.shift)
            return self._sheets.page(
                request,
                "shift/report.html",
                here="shift",
                tab="report",
                report=report,
                lanes=tuple(self._shift.desk.config.lanes),
                names=self._shift.calendar.names,
                title=heading(report, speech),
                tiles=tiles(report, speech),
                tables=tables(report, speech),
                figures=figures,
                before=_address(report.lane, before),
                after=_address(report.lane, after),
                query=urlencode({"lane": report.lane, "shift": report.shift.key}),
            )

        return self._drawn(request, draw)

    def pdf(self, request: Request) -> Response:
        """The same, on paper."""
        # Imported where it is asked for: a page that nobody prints carries no reportlab in its memory.
        from agent.web.shift.pdf import report_pdf

        def draw(report: Report, speech: Speech) -> Response:
            body = report_pdf(report, speech, self._shift.desk.config.station.name)
            name = f"shift-{report.shift.day.isoformat()}-{report.lane}.pdf"
            headers = {"Content-Disposition": f'attachment; filename="{name}"'}
            return Response(body, media_type="application/pdf", headers=headers)

        return self._drawn(request, draw)

    def csv(self, request: Request) -> Response:
        """The same, for a spreadsheet."""

        def draw(report: Report, speech: Speech) -> Response:
            name = f"shift-{report.shift.day.isoformat()}-{report.lane}.csv"
            return csv_of(name, list(_rows(report, speech)))

        return self._drawn(request, draw)

    def _drawn(self, request: Request, draw: Callable[[Report, Speech], Response]) -> Response:
        asked = request.query_params
        key = asked.get("shift", "")
        if asked.get("day") or asked.get("name"):
            key = f"{asked.get('day', '')}/{asked.get('name', '')}"
        report = report_named(self._shift, asked.get("lane", ""), key)
        speech = self._sheets.speech(request)
        if report is None:
            return self._sheets.error(request, 404, speech.say("report.none"))
        return draw(report, speech)

    def _beside(self, shift: Shift) -> tuple[Shift | None, Shift | None]:
        """The shifts before and after; none after the one that is on."""
        around = self._shift.calendar.between(shift.start_utc_us - 8 * DAY_US, shift.end_utc_us + 8 * DAY_US)
        place = next((n for n, one in enumerate(around) if one.key == shift.key), 0)
        after = around[place + 1] if place + 1 < len(around) else None
        begun = after is not None and after.start_utc_us <= self._shift.now_us()
        return around[place - 1] if place else None, after if begun else None


def _address(lane: str, shift: Shift | None) -> str:
    return f"/shift/report?{urlencode({'lane': lane, 'shift': shift.key})}" if shift is not None else ""


def _rows(report: Report, speech: Speech) -> Iterator[Sequence[object]]:
    yield speech.say("report.title"), heading(report, speech)
    yield from ((name, value, note) for name, value, note in tiles(report, speech))
    for table in tables(report, speech):
        yield ()
        yield (table.title,)
        yield table.columns
        yield from table.rows
