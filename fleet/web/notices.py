"""Who is told of alarms: the configured channels and what became of their notices. Nothing secret is shown."""

from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import Response

from fleet.config import MailConfig, WebhookConfig
from fleet.store.outbox import Outbox
from fleet.web.desk import Desk


class NoticePages:
    """The route; `router` has it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._outbox = Outbox(desk.store.database)
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/setup/notices", self.notices)

    def notices(self, request: Request) -> Response:
        """Each channel, in the configuration's order."""
        channels = self._desk.config.channels
        states = self._outbox.states([each.name for each in channels])
        return self._desk.sheets.page(
            request,
            "fleet/notices.html",
            here="setup",
            tab="notices",
            rows=[(each, kind_of(each), where(each), state) for each, state in zip(channels, states, strict=True)],
        )


def kind_of(channel: MailConfig | WebhookConfig) -> str:
    return "mail" if isinstance(channel, MailConfig) else "webhook"


def where(channel: MailConfig | WebhookConfig) -> str:
    """Whom it goes to; of a webhook the host alone, because the rest of an address is often a secret."""
    return ", ".join(channel.to) if isinstance(channel, MailConfig) else urlsplit(channel.url).hostname or ""
