"""Notices by mail: plain text, one mail a letter, by SMTP (RFC 5321) with TLS."""

import logging
import smtplib
import ssl
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime

from fleet.config import MailConfig
from fleet.notices.delivery import NotDelivered, secret_of
from fleet.notices.words import Wording
from fleet.store.outbox import Letter

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Mail:
    """Implements `fleet.notices.delivery.Channel`.

    [[mail]]
    name = "maintenance"
    host = "mail.plant.example"
    user = "okng"
    password_file = "mail.password"
    sender = "okng@plant.example"
    to = ["maintenance@plant.example"]
    """

    config: MailConfig
    wording: Wording

    def send(self, letter: Letter) -> None:
        """See `Channel`. Some of several receivers refused is delivered: the others have it."""
        try:
            with ExitStack() as stack:
                server = self._connect(stack)
                refused = server.send_message(self.message(letter))
            if refused:
                log.warning("%s refuses %s, the others have the mail", self.config.host, ", ".join(sorted(refused)))
        except smtplib.SMTPResponseException as error:
            raise NotDelivered(f"{self.config.host} answers {error.smtp_code}: {_text(error.smtp_error)}") from error
        except smtplib.SMTPRecipientsRefused as error:
            raise NotDelivered(f"{self.config.host} refuses {', '.join(sorted(error.recipients))}") from error
        except (smtplib.SMTPException, OSError, UnicodeError) as error:
            raise NotDelivered(f"{self.config.host}: {error}") from error

    def message(self, letter: Letter) -> EmailMessage:
        """The mail, the same at each try: its Message-ID is the letter's name."""
        made = EmailMessage()
        made["Subject"] = " ".join(self.wording.subject(letter).split())[:200]
        made["From"] = self.config.sender
        made["To"] = ", ".join(self.config.to)
        made["Date"] = format_datetime(datetime.fromtimestamp(letter.from_us // 1_000_000, UTC))
        made["Message-ID"] = f"<{letter.name}@{self.config.sender.rpartition('@')[2]}>"
        made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no automatic answer to it
        made.set_content(self.wording.body(letter))
        return made

    def _connect(self, stack: ExitStack) -> smtplib.SMTP:
        config = self.config
        context = ssl.create_default_context(cafile=str(config.ca) if config.ca else None)
        where = config.host, config.port
        made: smtplib.SMTP
        if config.tls == "tls":
            made = smtplib.SMTP_SSL(*where, timeout=config.timeout_s, context=context)
        else:
            made = smtplib.SMTP(*where, timeout=config.timeout_s)
        stack.callback(_leave, made)
        if config.tls == "starttls":
            made.starttls(context=context)
        if config.user and config.password_file is not None:
            made.login(config.user, secret_of(config.password_file).decode())
        return made


def _leave(server: smtplib.SMTP) -> None:
    """Part with the server. What goes wrong here changes nothing of a mail that it has taken."""
    with suppress(smtplib.SMTPException, OSError):
        server.quit()
    server.close()


def _text(said: bytes | str) -> str:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    return " ".join(text.split())[:200]
