"""The page of escapes and overkills, and the same as CSV."""

import csv
import io
from collections.abc import Iterator
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from agent.errors import Problem
from agent.review.word import class_of
from agent.store.ledger import ALWAYS, KINDS, Entry, Kind, entries, judged_with
from agent.store.queue import EVERY
from agent.web.board import reasons_of
from agent.web.desk import Desk
from agent.web.query import QueryRefused
from agent.web.rest import moment
from agent.web.review.asked import BOUNDS, CONFIDENCES, LEDGER, PILES, Books, Work, read_books, read_page
from agent.web.review.bench import MANY, Bench
from agent.web.review.books import counts, percent, percent_plain, percent_up, sheet

CARDS = 24
ROWS = 500
CSV_HEAD = (
    "kind", "part", "part_id", "captured_utc", "lane", "recipe", "recipe_hash", "model", "machine", "drawn",
    "audit_share", "verdict", "class", "reviewer", "reviewed_utc", "stratum", "note",
)  # fmt: skip


class LedgerPages:
    """`router` has the routes."""

    def __init__(self, desk: Desk, bench: Bench) -> None:
        self._desk = desk
        self._bench = bench
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        add("/review/ledger", self.ledger)
        add("/review/ledger.csv", self.table)

    def ledger(self, request: Request) -> Response:
        """What the audits show, and the parts about which a person and the machine disagree."""
        asked = {name: value for name, value in request.query_params.items() if value}
        problems: tuple[Problem, ...] = ()
        try:
            books, kind, before = self._asked(asked)
        except QueryRefused as error:
            books, kind, before, problems = Books(ALWAYS, 0.01, 0.95, {}), "escape", None, error.problems
        results, speech = self._desk.results, self._desk.sheets.speech(request)
        found = results.ask(entries(kind, books.period, CARDS + 1, before))
        cards = found[:CARDS]
        figures = sheet(results, books)
        lengths = self._bench.lengths(Work("queue", EVERY, "newest", {}))
        pairs = results.ask(judged_with)
        return self._desk.sheets.page(
            request,
            "review/ledger.html",
            422 if problems else 200,
            here="review",
            sheet=figures,
            books=books,
            kind=kind,
            kinds=KINDS,
            counts=counts(figures),
            cards=cards,
            older=address(books, kind, cards[-1].review.id) if len(found) > CARDS else "",
            newest=address(books, kind) if before is not None else "",
            address=lambda kind: address(books, kind),
            table="/review/ledger.csv" + address(books, kind).removeprefix("/review/ledger"),
            problems=problems,
            chosen={name: asked.get(name, "") for name in LEDGER},
            recipes=tuple(dict.fromkeys(recipe for recipe, _ in pairs)),
            models=tuple(dict.fromkeys(model for _, model in pairs)),
            bounds=tuple((f"{b:g}", percent_plain(b)) for b in BOUNDS),
            confidences=tuple((f"{c:g}", percent_plain(c)) for c in CONFIDENCES),
            bound=f"{books.bound:g}",
            confidence=f"{books.confidence:g}",
            up=percent_up,
            about=percent,
            plain=percent_plain,
            lengths=dict(zip(PILES, lengths, strict=True)),
            many=MANY,
            class_of=class_of,
            reasons=lambda part: reasons_of(speech, part.record.verdict.reasons),
            audit_share=self._desk.config.evidence.audit_share,
        )

    def table(self, request: Request) -> Response:
        """All lines of one kind."""
        asked = {name: value for name, value in request.query_params.items() if value}
        books, kind, _ = self._asked(asked)
        name = f"okng-{self._desk.config.station.name}-{kind}.csv"
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(self._rows(books, kind), media_type="text/csv; charset=utf-8", headers=headers)

    def _rows(self, books: Books, kind: Kind) -> Iterator[str]:
        yield "\ufeff" + _line(CSV_HEAD)  # the mark makes spreadsheets read it as UTF-8
        before: int | None = None
        while page := self._desk.results.ask(entries(kind, books.period, ROWS, before)):
            yield "".join(_line(_cells(kind, entry)) for entry in page)
            before = page[-1].review.id

    def _asked(self, asked: dict[str, str]) -> tuple[Books, Kind, int | None]:
        books = read_books(asked, self._desk.zone, ("before_id",))
        kind = next((kind for kind in KINDS if kind == asked.get("kind")), None)
        if kind is None and asked.get("kind"):
            raise QueryRefused((Problem("kind", f"{asked['kind'][:40]!r}: allowed are {', '.join(KINDS)}"),))
        return books, kind or "escape", read_page(asked, self._desk.zone).before_id


def address(books: Books, kind: Kind, before: int | None = None) -> str:
    """The ledger as it was asked for, of a kind, from a place on."""
    said = {**books.kept, "kind": kind, **({"before_id": str(before)} if before else {})}
    return f"/review/ledger?{urlencode(said)}"


def _cells(kind: Kind, entry: Entry) -> tuple[object, ...]:
    record, review = entry.part.record, entry.review
    origin, share = record.origin, entry.part.sampling.audit_share
    part = kind, entry.part.id, record.part_id, _utc(record.captured.utc_us)
    machine = origin.lane, origin.recipe, origin.recipe_hash, origin.model, record.verdict.outcome
    drawn = int(share is not None), "" if share is None else share
    person = review.verdict, class_of(review), review.reviewer, _utc(review.utc_us), review.stratum, review.note
    return (*part, *machine, *drawn, *person)


def _utc(utc_us: int) -> str:
    return moment(utc_us).isoformat(timespec="milliseconds")


def _line(cells: tuple[object, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([_plain(str(cell)) for cell in cells])
    return line.getvalue()


def _plain(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text
