"""What a connection to a broker is made of and tells, without the library that makes it."""

import re
import ssl
from dataclasses import dataclass
from pathlib import Path

from agent.config import Config, TlsConfig
from agent.errors import ConfigurationRefused, Problem

_TOPIC = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*")


@dataclass(frozen=True, slots=True)
class Online:
    """The broker has accepted us; subscriptions are asked for."""

    window: int
    """So many messages may be unacknowledged at once, as the broker says."""


@dataclass(frozen=True, slots=True)
class Offline:
    """The connection is gone; what was not acknowledged is to be sent again."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message on one of our subscriptions."""

    topic: str
    payload: bytes
    retained: bool
    response_topic: str = ""
    correlation: bytes = b""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """A PUBACK."""

    mid: int
    refused: str
    """Why the broker refused the message; empty when it took it. MQTT 3.1.1 brokers cannot say."""
    unheard: bool
    """The broker took it, and nobody is subscribed (MQTT 5 only)."""


Happening = Online | Offline | Arrived | Acknowledged


def backoff_s(attempt: int, shortest_s: float, longest_s: float, share: float) -> float:
    """Wait before attempt number `attempt` (from 0): full jitter, `share` (0..1) of the doubled, capped wait."""
    return share * min(longest_s, shortest_s * 2.0 ** min(attempt, 32))


def password(file: Path | None) -> str | None:
    """What the password file holds, without its line end; read at each connection."""
    return None if file is None else file.read_text().rstrip("\r\n")


class ClosingSocket(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho forgets it then, open."""

    def do_handshake(self, block: bool = False) -> None:
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def tls_context(tls: TlsConfig) -> ssl.SSLContext:
    """TLS as configured. Raises OSError (ssl.SSLError is one), with the file's name where one is at fault."""
    for file in (tls.ca, tls.certificate, tls.key):
        if file is not None:
            file.open("rb").close()
    context = ssl.create_default_context(cafile=tls.ca)
    context.sslsocket_class = ClosingSocket
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if tls.minimum == "1.3" else ssl.TLSVersion.TLSv1_2
    if tls.certificate is not None:
        context.load_cert_chain(tls.certificate, tls.key)
    return context


def prefix_of(config: Config) -> str:
    """The topic prefix with its places filled in. Raises ConfigurationRefused."""
    who = config.station
    filled = config.uplink.topic
    for place, name in (("{site}", who.site), ("{line}", who.line), ("{station}", who.name)):
        filled = filled.replace(place, name)
    if not _TOPIC.fullmatch(filled):
        what = f"{config.uplink.topic!r} becomes {filled!r}; allowed are levels of a-z, 0-9, - and _, joined by /"
        raise ConfigurationRefused("uplink", [Problem("uplink.topic", what)])
    return filled


def client_id_of(config: Config) -> str:
    """The same at every start, so that a broker knows the station again, and two with one name clash."""
    who = config.station
    return f"okng-{who.site}-{who.line}-{who.name}"


def may_command(config: Config) -> bool:
    """Commands are taken only over a connection that a broker can tell from a stranger's."""
    uplink = config.uplink
    password = bool(uplink.user) and uplink.password_file is not None
    certificate = uplink.tls is not None and uplink.tls.certificate is not None
    return uplink.commands and (password or certificate)
