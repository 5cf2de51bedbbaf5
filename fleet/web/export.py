"""What was counted, to take away: hours or single windows, as CSV or Parquet."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import IO, Literal, get_args

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from agent.errors import Problem
from agent.web.query import QueryRefused
from agent.web.spreadsheet import BOM, written
from fleet.store.values import By, Scope
from fleet.web.desk import Desk
from fleet.web.overview import Glances
from fleet.web.parquet import TooMany, write_parquet
from fleet.web.period import DAY_MS, HOUR_MS, PERIODS, Period, period_of
from fleet.web.tables import HOURS, WINDOWS, Column, Row, hour_rows, plain, window_rows

What = Literal["hours", "windows"]
WHATS: tuple[What, ...] = get_args(What)
FORMATS = ("csv", "parquet")
FIELDS = ("range", "since", "until", "site", "line", "station", "lane")
MOST_NAME = 63
MOST_ROWS = 1_000_000
"""In one file."""
MOST_WINDOW_DAYS = 31
CHUNK = 64 * 1024
_APART: tuple[By, ...] = ("box", "lane", "hour", "models", "recipes")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file that is asked for."""

    what: What
    scope: Scope
    """With its period."""
    period: Period

    @property
    def columns(self) -> tuple[Column, ...]:
        return HOURS if self.what == "hours" else WINDOWS

    @property
    def name(self) -> str:
        """Of the file, without its ending."""
        scope = self.scope
        place = "-".join(each for each in (scope.site, scope.line, scope.station, scope.lane) if each)
        return f"okng-{place or 'fleet'}-{self.what}"


class Export:
    """The routes; `router` has them all."""

    def __init__(self, desk: Desk, glances: Glances) -> None:
        self._desk = desk
        self._glances = glances
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/export", self.form)
        self.router.add_api_route("/export/{name}", self.file)

    def form(self, request: Request) -> Response:
        given = {name: value for name, value in request.query_params.items() if name in FIELDS and value}
        places = sorted({one.glance.box.address for one in self._glances.look().every})
        return self._desk.sheets.page(
            request,
            "fleet/export.html",
            here="export",
            given=given,
            sites=sorted({at.site for at in places}),
            lines=sorted({at.line for at in places}),
            stations=sorted({at.station for at in places}),
            periods=PERIODS,
            most=MOST_ROWS,
            days=MOST_WINDOW_DAYS,
        )

    def file(self, request: Request, name: str) -> Response:
        """hours.csv, hours.parquet, windows.csv, windows.parquet."""
        stem, _, ending = name.partition(".")
        what = next((each for each in WHATS if each == stem), None)
        if what is None or ending not in FORMATS:
            return self._desk.sheets.error(request, 404)
        wanted = self._wanted(what, request.query_params)
        headers = {"Content-Disposition": f'attachment; filename="{wanted.name}.{ending}"'}
        if ending == "csv":
            return StreamingResponse(self._csv(wanted), media_type="text/csv; charset=utf-8", headers=headers)
        made = tempfile.TemporaryFile()  # noqa: SIM115 - closed by whoever sends it
        try:
            write_parquet(made, wanted.columns, self._rows(wanted), MOST_ROWS)
        except TooMany as error:
            made.close()
            raise QueryRefused((Problem("until", str(error)),)) from error
        except BaseException:
            made.close()
            raise
        return StreamingResponse(_sent(made), media_type="application/vnd.apache.parquet", headers=headers)

    def _wanted(self, what: What, asked: Mapping[str, str]) -> Wanted:
        """Raises QueryRefused."""
        wrong = [Problem(name[:40], f"unknown; known are {', '.join(FIELDS)}") for name in asked if name not in FIELDS]
        places = {name: asked.get(name, "").strip() for name in ("site", "line", "station", "lane")}
        wrong += [
            Problem(name, f"{len(value)} characters, at most {MOST_NAME} are allowed, and no NUL")
            for name, value in places.items()
            if len(value) > MOST_NAME or "\0" in value
        ]
        if wrong:
            raise QueryRefused(tuple(wrong))
        period = period_of(asked, self._desk.zone, time.time_ns() // 1_000_000)
        site, line, station, lane = places.values()
        scope = Scope(site, line, station, lane=lane, since_ms=period.since_ms, until_ms=period.until_ms)
        wanted = Wanted(what, scope, period)
        if what == "windows":
            self._check_windows(wanted)
        return wanted

    def _check_windows(self, wanted: Wanted) -> None:
        days = (wanted.period.until_ms - wanted.period.since_ms) / DAY_MS
        if days > MOST_WINDOW_DAYS + 1:
            raise QueryRefused((Problem("since", f"{days:.0f} days: at most {MOST_WINDOW_DAYS} of single windows"),))
        n = sum(group.sums.windows for group in self._desk.store.sums(wanted.scope))
        if n > MOST_ROWS:
            raise QueryRefused((Problem("since", f"{n:,} windows: at most {MOST_ROWS:,} in one file"),))

    def _rows(self, wanted: Wanted) -> Iterator[Row]:
        """Piece by piece, so that no more than one is in memory."""
        store, period = self._desk.store, wanted.period
        step = DAY_MS if wanted.what == "hours" else HOUR_MS
        for since in range(period.since_ms, period.until_ms, step):
            piece = replace(wanted.scope, since_ms=since, until_ms=min(since + step, period.until_ms))
            if wanted.what == "hours":
                yield from hour_rows(store.sums(piece, _APART))
            else:
                yield from window_rows(store.windows(piece, MOST_ROWS))

    def _csv(self, wanted: Wanted) -> Iterator[str]:
        yield BOM + written([[column.name for column in wanted.columns]])
        for row in self._rows(wanted):
            yield written([plain(row)])


def _sent(made: IO[bytes]) -> Iterator[bytes]:
    with made:
        made.seek(0)
        while piece := made.read(CHUNK):
            yield piece
