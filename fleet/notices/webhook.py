"""Notices by webhook: one POST of JSON a letter, signed by HMAC-SHA256 over its bytes."""

import hashlib
import hmac
import http.client
import json
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from fleet.config import WebhookConfig
from fleet.notices.delivery import NotDelivered, secret_of
from fleet.notices.words import Wording
from fleet.store.outbox import Letter

SCHEMA = "okng.notice/1"


@dataclass(frozen=True, slots=True)
class Webhook:
    """Implements `fleet.notices.delivery.Channel`. A redirect is not followed: it is an answer like any other.

    [[webhook]]
    name = "andon"
    url = "https://andon.plant.example/okng"
    secret_file = "andon.secret"
    """

    config: WebhookConfig
    wording: Wording

    def send(self, letter: Letter) -> None:
        """See `Channel`."""
        body = self.body(letter)
        parts = urlsplit(self.config.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection = self._connection(parts.scheme, parts.hostname or "", parts.port)
        try:
            connection.request("POST", path, body, self._headers(letter, body))
            answer = connection.getresponse()
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise NotDelivered(f"{parts.hostname}: {error or type(error).__name__}") from error
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise NotDelivered(f"{parts.hostname} answers {answer.status} {answer.reason}"[:200])

    def body(self, letter: Letter) -> bytes:
        """The JSON, the same bytes at each try."""
        told = [
            {
                "site": notice.box.address.site,
                "line": notice.box.address.line,
                "station": notice.box.address.station,
                "box": notice.box.number,
                "lane": notice.lane,
                "alarm": notice.alarm,
                "turn": notice.turn,
                "at": datetime.fromtimestamp(notice.at_ms / 1e3, UTC).isoformat(timespec="milliseconds"),
                "detail": notice.detail,
                "text": self.wording.headline(notice),
                "url": self.wording.link(notice.box),
            }
            for notice in letter.notices
        ]
        said = {"schema": SCHEMA, "id": letter.name, "fleet": self.wording.fleet}
        return json.dumps({**said, "text": self.wording.subject(letter), "notices": told}, ensure_ascii=False).encode()

    def _headers(self, letter: Letter, body: bytes) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": "okng", "Idempotency-Key": letter.name}
        if self.config.secret_file is not None:
            signed = hmac.new(secret_of(self.config.secret_file), body, hashlib.sha256).hexdigest()
            headers["X-Okng-Signature"] = f"sha256={signed}"
        return headers

    def _connection(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self.config.timeout_s)
        try:
            context = ssl.create_default_context(cafile=str(self.config.ca) if self.config.ca else None)
        except OSError as error:
            raise NotDelivered(f"{self.config.ca}: {error.strerror or error}") from error
        return http.client.HTTPSConnection(host, port, timeout=self.config.timeout_s, context=context)
