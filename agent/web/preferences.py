"""The switches of language and theme at the foot of each page."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from agent.web.catalogue.text import LANGUAGES
from agent.web.forms import read_form
from agent.web.sheet import THEMES, back

YEAR_S = 365 * 86400
_MAX_FORM_BYTES = 4096


def router() -> APIRouter:
    """The one route of them."""
    made = APIRouter(include_in_schema=False)
    made.add_api_route("/preferences", preferences, methods=["POST"])
    return made


async def preferences(request: Request) -> Response:
    """Keep language or theme in a cookie and go back."""
    form = await read_form(request, _MAX_FORM_BYTES)
    answer = back(form.get("next", "/"))
    for name, allowed in (("language", LANGUAGES), ("theme", THEMES)):
        if (value := form.get(name)) in allowed:
            answer.set_cookie(f"okng_{name}", str(value), max_age=YEAR_S, httponly=True, samesite="lax")
    return answer
