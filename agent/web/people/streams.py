"""A stream ends with the log-in that it was asked by: what was allowed once is not allowed for ever."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.errors import StoreFailed
from agent.web.people.sessions import Sessions

LOOK_EVERY_S = 5.0
PATHS = frozenset({"/events"})


async def follow(app: ASGIApp, scope: Scope, receive: Receive, send: Send, sessions: Sessions, secret: str) -> None:
    """Run the application; when the session is none any more, tell it that the browser has gone."""
    over = asyncio.Event()
    open_body = False

    async def look() -> None:
        while not over.is_set():
            await asyncio.sleep(LOOK_EVERY_S)
            try:
                found = await asyncio.to_thread(sessions.find, secret)
            except StoreFailed:
                continue
            if found.lack is not None:
                over.set()

    async def receive_on() -> Message:
        if over.is_set():
            return {"type": "http.disconnect"}
        coming, ending = asyncio.ensure_future(receive()), asyncio.ensure_future(over.wait())
        try:
            await asyncio.wait((coming, ending), return_when=asyncio.FIRST_COMPLETED)
            return coming.result() if coming.done() else {"type": "http.disconnect"}
        finally:
            coming.cancel()
            ending.cancel()

    async def send_on(message: Message) -> None:
        nonlocal open_body
        if message["type"] == "http.response.start":
            open_body = True
        elif message["type"] == "http.response.body":
            open_body = bool(message.get("more_body"))
        await send(message)

    looking = asyncio.create_task(look())
    try:
        await app(scope, receive_on, send_on)
    finally:
        looking.cancel()
    if open_body:
        await send({"type": "http.response.body", "body": b"", "more_body": False})
