"""The pages: line view, list of parts, one part; the live stream; switches of language and theme."""

from collections.abc import AsyncIterator
from contextlib import aclosing

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response, StreamingResponse

from agent.errors import Problem
from agent.store.values import PartQuery, StoredPart
from agent.web import drawing
from agent.web.api import PartId, kept_headers, refusal
from agent.web.board import boxes_of, reasons_of
from agent.web.catalogue.judging import LABELS
from agent.web.catalogue.text import LANGUAGES
from agent.web.desk import Desk
from agent.web.forms import read_form
from agent.web.hub import View
from agent.web.pictures import evidence_file, media_type
from agent.web.query import FIELDS, QueryRefused, address, one_more, read_query
from agent.web.sheet import THEMES, back
from agent.web.shown import lane_names, seen_of
from agent.web.speech import Speech
from pipelines.values import Stages

YEAR_S = 365 * 86400
_MAX_FORM_BYTES = 4096
_STAGES = ("wait_ms", "quality_ms", "prepare_ms", "infer_ms", "decode_ms", "judge_ms")


class Pages:
    """The routes of the pages; `router` has them all."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._board = desk.board
        self._sheets = desk.sheets
        self.router = APIRouter(include_in_schema=False)
        add = self.router.add_api_route
        add("/", self.line)
        add("/parts", self.parts)
        add("/parts/{id}", self.part)
        add("/parts/{id}/picture", self.picture)
        add("/parts/{id}/thumbnail", self.thumbnail)
        add("/live/{name}", self.live)
        add("/events", self.stream)
        add("/preferences", self.preferences, methods=["POST"])

    async def line(self, request: Request, lane: str = "") -> Response:
        """The line view; `lane` shows one lane only."""
        now = await self._desk.hub.now()
        only = lane if lane in {known.name for known in now.lanes} else ""
        view = View(self._sheets.speech(request).language, only)
        return self._sheets.page(request, "line.html", here="line", only=only, **self._board.context(view, now))

    async def stream(self, request: Request, lane: str = "") -> Response:
        """Server-sent events of the line view."""
        hub = self._desk.hub
        if hub.full():
            return refusal(503, "too many viewers")
        heard = await self._desk.link.heard()
        names = lane_names(tuple(self._desk.config.lanes), heard, "")
        view = View(self._sheets.speech(request).language, lane if lane in names else "")

        async def follow() -> AsyncIterator[str]:
            async with aclosing(hub.follow(view)) as messages:
                async for message in messages:
                    yield message

        return StreamingResponse(follow(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    async def live(self, name: str) -> Response:
        """A live picture; it goes within seconds."""
        jpeg = self._desk.hub.live.picture(name)
        return Response(status_code=404) if jpeg is None else Response(jpeg, media_type="image/jpeg")

    def parts(self, request: Request) -> Response:
        """The list of parts, by the form's values."""
        asked = {name: value for name, value in request.query_params.items() if name in FIELDS and value}
        speech = self._sheets.speech(request)
        problems: tuple[Problem, ...] = ()
        try:
            query = read_query(asked, self._desk.zone)
        except QueryRefused as error:
            query, problems = PartQuery(limit=0), error.problems
        found = self._desk.results.parts(one_more(query)) if not problems else ()
        page = found[: query.limit]
        older = address("/parts", asked, page[-1].id) if len(found) > query.limit else ""
        return self._sheets.page(
            request,
            "parts.html",
            422 if problems else 200,
            here="parts",
            parts=page,
            chosen={name: asked.get(name, "") for name in FIELDS},
            problems=problems,
            lane_names=tuple(self._desk.config.lanes),
            labels=tuple(key.removeprefix("label.") for key in LABELS),
            reasons=lambda part: reasons_of(speech, part.record.verdict.reasons),
            older_page=older,
            newest_page=address("/parts", asked, None) if query.before_id else "",
        )

    def part(self, request: Request, id: PartId) -> Response:
        """One part."""
        part = self._desk.results.part(id)
        if part is None:
            return self._sheets.error(request, 404)
        older, newer = self._desk.results.neighbours(id)
        speech = self._sheets.speech(request)
        seen = seen_of(part)
        return self._sheets.page(
            request,
            "part.html",
            here="parts",
            part=part,
            older=older,
            newer=newer,
            boxes=drawing.boxes(boxes_of(speech, seen), seen.width_px, seen.height_px),
            stage_times=stage_times(speech, part.record.inspection.stages),
            genealogy=genealogy(speech, part),
        )

    def picture(self, id: PartId) -> Response:
        part = self._desk.results.part(id)
        file = evidence_file(self._desk.config.station.data, part.evidence) if part else None
        if file is None or part is None or part.evidence is None:
            return Response(status_code=404)
        return FileResponse(file, media_type=media_type(part.evidence), headers=kept_headers(part.evidence.sha256))

    def thumbnail(self, id: PartId) -> Response:
        """A small picture around the first defect."""
        part = self._desk.results.part(id)
        file = evidence_file(self._desk.config.station.data, part.evidence) if part else None
        if file is None or part is None or part.evidence is None:
            return Response(status_code=404)
        seen = seen_of(part)
        first = next((r.detection for r in seen.reasons if r.detection is not None), None)
        around = seen.detections[first] if first is not None and first < len(seen.detections) else None
        try:
            small = drawing.thumbnail(file.read_bytes(), around)
        except OSError:
            small = None
        if small is None:
            return Response(status_code=404)
        return Response(small, media_type="image/jpeg", headers=kept_headers(f"t-{part.evidence.sha256}"))

    async def preferences(self, request: Request) -> Response:
        """Keep language or theme in a cookie and go back."""
        form = await read_form(request, _MAX_FORM_BYTES)
        answer = back(form.get("next", "/"))
        for name, allowed in (("language", LANGUAGES), ("theme", THEMES)):
            if (value := form.get(name)) in allowed:
                answer.set_cookie(f"okng_{name}", str(value), max_age=YEAR_S, httponly=True, samesite="lax")
        return answer


def stage_times(speech: Speech, stages: Stages) -> tuple[tuple[str, float], ...]:
    """(name, ms) of each stage, and what is left of the total."""
    known = tuple((speech.say(f"stage.{name}"), float(getattr(stages, name))) for name in _STAGES)
    rest = stages.total_ms - sum(ms for _, ms in known)
    return (*known, (speech.say("stage.rest_ms"), rest)) if rest > 0.005 else known


def genealogy(speech: Speech, part: StoredPart) -> tuple[tuple[str, str], ...]:
    """(field, value): what made this verdict, and out of what."""
    record, origin = part.record, part.record.origin
    found = (
        ("part_id", record.part_id),
        ("purpose", speech.say(f"purpose.{record.purpose}")),
        ("attempt", str(record.attempt)),
        ("captured", speech.moment(record.captured.utc_us)),
        ("decided", speech.moment(record.decided_utc_us)),
        ("clock", "" if record.clock_trusted else speech.say("field.clock.untrusted")),
        ("lane", origin.lane),
        ("camera", origin.camera),
        ("serial", origin.camera_serial),
        ("recipe", f"{origin.recipe} · {origin.recipe_hash[:12]}"),
        ("model", f"{origin.model} · {origin.model_hash[:12]}"),
        ("device", origin.device),
        ("software", origin.software),
        ("run", record.run),
        ("sequence", speech.number(record.sequence)),
        ("missed", speech.number(record.missed) if record.missed else ""),
        ("boot", record.captured.boot),
        ("source", record.source),
        ("size", f"{record.inspection.width_px} × {record.inspection.height_px} px"),
        ("sha256", part.evidence.sha256 if part.evidence else ""),
    )
    return tuple((name, value) for name, value in found if value)
