"""One page out of a template, in the viewer's language and theme: what every area of the page draws with."""

import time
from datetime import tzinfo
from typing import Any, Literal
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment

from agent.web.catalogue.text import LANGUAGES, Language, Texts
from agent.web.frame import Frame
from agent.web.speech import Speech, preferred
from agent.web.who import TROUBLE_KEY, person

Theme = Literal["auto", "light", "dark"]
THEMES: tuple[Theme, ...] = ("auto", "light", "dark")


class Sheets:
    """Draws pages. Raises nothing of its own; an unknown name in a template is an error of ours."""

    def __init__(self, templates: Environment, texts: Texts, zone: tzinfo, frame: Frame) -> None:
        self._templates = templates
        self._texts = texts
        self._zone = zone
        self.frame = frame

    def speech(self, request: Request) -> Speech:
        """The viewer's language: chosen by cookie, else by the configuration, else the browser's."""
        chosen = request.cookies.get("okng_language", "")
        wanted = chosen if chosen in LANGUAGES else self.frame.languages
        language: Language = preferred(wanted, request.headers.get("accept-language", ""))
        return Speech(language, self._zone, self._texts)

    def page(self, request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
        """A template with what every page needs; `here` names the place in the navigation."""
        speech = self.speech(request)
        theme = request.cookies.get("okng_theme", "auto")
        at = time.time_ns() // 1000
        who = person(request)
        shared = {
            "speech": speech,
            "t": speech.say,
            "theme": theme if theme in THEMES else "auto",
            "frame": self.frame,
            "who": who,
            "trouble": request.scope.get(TROUBLE_KEY, ""),
            "places": tuple(place for place in self.frame.places if who.may(place.least)),
            "setup_places": tuple(place for place in self.frame.setup if who.may(place.least)),
            "at_utc_us": at,
            "zone_name": speech.local(at).tzname() or "",
            "next": local(request.url.path + (f"?{request.url.query}" if request.url.query else "")),
        }
        html = self._templates.get_template(template).render({**shared, **values, "status": status})
        return HTMLResponse(html, status)

    def error(self, request: Request, status: int, detail: str = "") -> HTMLResponse:
        return self.page(request, "error.html", status, here="error", detail=detail)


def back(where: str) -> RedirectResponse:
    """To a page of this server after a form was taken: a reload does not send it again."""
    return RedirectResponse(local(where), 303)


def local(where: str) -> str:
    """A path of this server, whatever was asked for: never another host."""
    try:
        parts = urlsplit(where)
    except ValueError:
        return "/"
    ours = where.startswith("/") and not where.startswith(("//", "/\\")) and not parts.netloc and where.isprintable()
    return where if ours and len(where) < 2000 else "/"
