"""Counts the requests that were refused, whoever refused them: guard, gate or route.

What is no HTTP at all never gets here: the server answers it itself.
"""

from collections import Counter
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class Refusals:
    """Answers of 400 and above since this process started, by status. Used by the event loop's thread."""

    def __init__(self) -> None:
        self._counted: Counter[int] = Counter()

    @property
    def by_status(self) -> Mapping[int, int]:
        return dict(sorted(self._counted.items()))

    def of(self, app: ASGIApp) -> ASGIApp:
        """The application, its refusals counted. The outermost layer of a server."""

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            async def send_on(message: Message) -> None:
                if message["type"] == "http.response.start" and message["status"] >= 400:
                    self._counted[message["status"]] += 1
                await send(message)

            await app(scope, receive, send_on)

        return counted
