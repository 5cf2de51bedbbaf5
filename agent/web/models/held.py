"""The parts that are to be held because the model that judged them was taken back."""

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException

from agent.store.beside import HeldPart, held_parts
from agent.web.desk import Desk
from agent.web.models.asking import shelf

ALL = 200_000
"""Lines of the file at most."""


async def held_of(
    desk: Desk, recipe: str, after_id: int, limit: int, everything: bool
) -> tuple[Mapping[str, Any], tuple[HeldPart, ...]]:
    """What was taken back last for a recipe, and the parts that it passed, or judged. Raises HTTPException: 404;
    ControlFailed, StoreFailed."""
    said = await shelf(desk)
    back = next((each["rolled_back"] for each in said["recipes"] if each["recipe"] == recipe), None)
    if back is None:
        raise HTTPException(404, f"recipe {recipe[:80]!r}: no model was taken back")
    span = str(back["digest"]), int(back["first_id"]), int(back["last_id"])
    found = await asyncio.to_thread(
        desk.results.ask, lambda conn: held_parts(conn, *span, after_id=after_id, limit=limit, everything=everything)
    )
    return back, found
