"""What was done: searched by person, area, words and time; as a page and as CSV."""

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from agent.errors import Problem
from agent.store.people import acts
from agent.store.people.values import Act, ActQuery
from agent.web.people.act_query import FIELDS, address, read_act_query
from agent.web.people.desk import PeopleDesk
from agent.web.query import QueryRefused
from agent.web.speech import Speech
from agent.web.who import person

CSV_PAGE, CSV_MOST = 1000, 200_000
_COLUMNS = ("time_utc", "id", "who", "role", "by", "address", "act", "subject", "outcome", "before", "after")


class ActPages:
    """The routes; `router` has them all."""

    def __init__(self, desk: PeopleDesk) -> None:
        self._desk = desk
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/setup/acts", self.acts)
        self.router.add_api_route("/setup/acts.csv", self.csv)

    def acts(self, request: Request) -> Response:
        asked = {name: value for name, value in request.query_params.items() if name in FIELDS and value}
        problems: tuple[Problem, ...] = ()
        try:
            query = read_act_query(asked, self._desk.zone)
        except QueryRefused as error:
            query, problems = ActQuery(limit=0), error.problems
        database, speech = self._desk.people.database, self._desk.sheets.speech(request)
        found = database.ask(acts.found(one_more(query))) if not problems else ()
        shown = found[: query.limit]
        return self._desk.sheets.page(
            request,
            "people/acts.html",
            422 if problems else 200,
            here="setup",
            tab="acts",
            acts=shown,
            changes=partial(changes, speech),
            names=database.ask(acts.names),
            areas=areas(speech),
            chosen={name: asked.get(name, "") for name in FIELDS},
            problems=problems,
            csv_address=address("/setup/acts.csv", asked, None),
            older_page=address("/setup/acts", asked, shown[-1].id) if len(found) > query.limit else "",
            newest_page=address("/setup/acts", asked, None) if query.before_id else "",
        )

    def csv(self, request: Request) -> Response:
        """All that was found, the newest first."""
        asked = {name: value for name, value in request.query_params.items() if name in FIELDS and value}
        query = read_act_query(asked, self._desk.zone)
        self._desk.acts.note(person(request), "people.acts_csv", "acts.csv", None, asked)
        headers = {"Content-Disposition": 'attachment; filename="acts.csv"'}
        return StreamingResponse(self._lines(query), media_type="text/csv; charset=utf-8", headers=headers)

    def _lines(self, query: ActQuery) -> Iterator[str]:
        # With a byte order mark, by which spreadsheets know UTF-8.
        yield "\ufeff" + _line(_COLUMNS)
        left, before = CSV_MOST, query.before_id
        while left > 0:
            page = self._desk.people.database.ask(acts.found(_page(query, before, min(CSV_PAGE, left))))
            if not page:
                return
            yield "".join(_line(_cells(act)) for act in page)
            left, before = left - len(page), page[-1].id


def areas(speech: Speech) -> tuple[tuple[str, str], ...]:
    """(area, its name) of every area that has acts in the catalogue."""
    keys = dict.fromkeys(key.split(".")[1] for key in speech.texts if key.startswith("act."))
    return tuple((area, speech.named("area", area)) for area in keys)


def changes(speech: Speech, act: Act) -> tuple[tuple[str, str, str], ...]:
    """(name, before, after) of what an act changed, each as short text; empty for what was not there."""
    before, after = _values(act.before), _values(act.after)
    return tuple(
        (speech.named("acts.value", name), _told(speech, name, before.get(name)), _told(speech, name, after.get(name)))
        for name in dict.fromkeys([*before, *after])
    )


def _told(speech: Speech, name: str, value: object) -> str:
    if isinstance(value, bool):
        return speech.say("acts.yes" if value else "acts.no")
    return speech.named("role", value) if name == "role" and isinstance(value, str) else _short(value)


def _values(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        return {"": text}
    return found if isinstance(found, dict) else {"": found}


def _short(value: object) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else text[:199] + "…"


def _cells(act: Act) -> tuple[str, ...]:
    at = datetime.fromtimestamp(act.utc_us / 1e6, UTC).isoformat(timespec="milliseconds")
    who = act.who
    told = (act.act, act.subject, act.outcome, act.before, act.after)
    return (at, str(act.id), who.name, who.role, who.way, who.address, *told)


def _line(cells: tuple[str, ...]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([_harmless(cell) for cell in cells])
    return out.getvalue()


def _harmless(cell: str) -> str:
    """A spreadsheet takes a cell that begins so for a formula (OWASP, CSV injection)."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def one_more(query: ActQuery) -> ActQuery:
    return _page(query, query.before_id, query.limit + 1)


def _page(query: ActQuery, before_id: int | None, limit: int) -> ActQuery:
    return replace(query, before_id=before_id, limit=limit)
