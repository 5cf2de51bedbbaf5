"""Small bodies that people's browsers and scripts send: forms and JSON, bounded before they are looked at."""

import json
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException

from agent.errors import Problem
from agent.web.body import read_body
from agent.web.query import QueryRefused

M = TypeVar("M", bound=BaseModel)

MAX_FORM_BYTES = 64 * 1024
MAX_FIELDS = 200
MAX_DEPTH = 20


async def read_form(request: Request, most: int = MAX_FORM_BYTES, fields: int = MAX_FIELDS) -> Mapping[str, str]:
    """The fields of an url-encoded form; of a repeated one the last.

    Raises HTTPException: 413 for a larger one, 400 for one with too many fields or that is no UTF-8.
    """
    body = await _body(request, most)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=fields, errors="strict"))
    except UnicodeDecodeError as error:
        raise HTTPException(400, "the form is not UTF-8") from error
    except ValueError as error:
        raise HTTPException(400, f"the form has more than {fields} fields") from error


async def read_json(request: Request, most: int = MAX_FORM_BYTES) -> Mapping[str, object]:
    """A JSON object. Raises HTTPException: 413 for a larger one, 400 for what is no object, too deep or no UTF-8."""
    body = await _body(request, most)
    try:
        text = body.decode()
        if _too_deep(text):
            raise HTTPException(400, f"the JSON is nested more than {MAX_DEPTH} deep")
        found = json.loads(text)
    except UnicodeDecodeError as error:
        raise HTTPException(400, "the JSON is not UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise HTTPException(400, f"the body is a JSON {type(found).__name__}: an object is allowed")
    return found


async def read_model(request: Request, model: type[M], most: int = MAX_FORM_BYTES) -> M:
    """A JSON body as this model. Raises QueryRefused (422) with everything that is wrong, and what `read_json` does.

    A parameter of the route's that FastAPI reads by itself would be taken however large it is.
    """
    body = await read_json(request, most)
    try:
        return model.model_validate(body)
    except ValidationError as error:
        problems = tuple(Problem(".".join(map(str, e["loc"])) or "body", e["msg"]) for e in error.errors())
        raise QueryRefused(problems) from error


def sent(model: type[M], most: int = MAX_FORM_BYTES) -> Any:
    """The same as a parameter's default: for routes that are plain functions."""

    async def read(request: Request) -> M:
        return await read_model(request, model, most)

    return Depends(read)


def body_of(model: type[BaseModel]) -> dict[str, Any]:
    """What OpenAPI says of a route that reads its body by `read_model`."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


async def _body(request: Request, most: int) -> bytes:
    body = await read_body(request, most)
    if body is None:
        raise HTTPException(413, f"the request is larger than {most} bytes")
    return body


def _too_deep(text: str) -> bool:
    """By the brackets alone, those inside of strings too: a bound before the parser, not a grammar."""
    depth = deepest = 0
    for character in text:
        if character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest > MAX_DEPTH
