"""Why there is no connection to the broker, in words that name the setting to look at."""

import socket
import ssl
from pathlib import Path
from typing import Protocol

from agent.config import TlsConfig
from agent.status import UplinkState

Cause = tuple[UplinkState, str]


class Connects(Protocol):
    """A section of a configuration that says how to connect: a station's uplink, the centre's broker."""

    @property
    def host(self) -> str: ...
    @property
    def port(self) -> int: ...
    @property
    def protocol(self) -> int: ...
    @property
    def tls(self) -> TlsConfig | None: ...
    @property
    def user(self) -> str: ...
    @property
    def password_file(self) -> Path | None: ...


_BAD_USER = (4, 0x86)
_NOT_AUTHORISED = (5, 0x87)
_WRONG_VERSION = (1, 0x84)
"""CONNACK codes of MQTT 3.1.1 (3.2.2.3) and reason codes of MQTT 5 (3.2.2.2). paho turns the first into the second."""


def _where(config: Connects) -> str:
    return f"{config.host}:{config.port}"


def cause_of_connect(error: Exception, config: Connects, section: str = "uplink") -> Cause:
    """Why no connection came about: network, name, TLS, or a file of ours. `section`: where the settings stand."""
    where = _where(config)
    if isinstance(error, ssl.SSLCertVerificationError):
        return "refused", f"{where}: its certificate is not trusted: {error.verify_message} ({section}.tls.ca)"
    if isinstance(error, ssl.SSLError):
        reason = error.reason or str(error)
        return "refused", f"{where}: TLS failed: {reason} ({section}.tls; lowest version {_lowest(config)})"
    if isinstance(error, OSError) and error.filename:
        return (
            "refused",
            f"{_setting(str(error.filename), config, section)} {error.filename} cannot be read: {error.strerror}",
        )
    if isinstance(error, UnicodeDecodeError):
        return "refused", f"{section}.password_file {config.password_file} is not text"
    return "offline", _network(error, config, section)


def _network(error: Exception, config: Connects, section: str) -> str:
    where = _where(config)
    if isinstance(error, socket.gaierror):
        return f"{section}.host {config.host!r} cannot be resolved: {error.strerror}"
    if isinstance(error, ConnectionRefusedError):
        return f"nothing listens at {where}"
    return f"{where} does not answer" if isinstance(error, TimeoutError) else f"{where} cannot be reached: {error}"


def cause_of_loss(was_online: bool, noise: str, config: Connects, section: str = "uplink") -> Cause:
    """Why a connection ended without a word from the broker; `noise` is what paho said last."""
    where = _where(config)
    if was_online:
        return "offline", f"the connection to {where} broke off"
    if config.tls is not None:
        hint = "" if config.tls.certificate else f"; does it ask for a client certificate ({section}.tls.certificate)?"
        return "refused", f"{where} hung up after the TLS handshake: {noise or 'no reason given'}{hint}"
    if config.protocol == 5:
        return "refused", (
            f"{where} hung up instead of answering MQTT 5. If it speaks 3.1.1 only (RabbitMQ 3.10 and older), set "
            f"{section}.protocol = 3; if it expects TLS, set {section}.tls"
        )
    return "refused", f"{where} hung up instead of answering MQTT 3.1.1; if it expects TLS, set {section}.tls"


def cause_of_refusal(code: int, text: str, config: Connects, section: str = "uplink") -> Cause:
    """Why the broker said no (CONNACK)."""
    where = _where(config)
    if code in (*_BAD_USER, *_NOT_AUTHORISED):
        who = f"user {config.user!r}" if config.user else "a client without a user name"
        return "refused", f"{where} does not accept {who}: {text} ({section}.user, {section}.password_file)"
    if code in _WRONG_VERSION:
        return "refused", f"{where} does not speak MQTT {config.protocol}: {text} ({section}.protocol)"
    return "refused", f"{where} refuses the connection: {text}"


def _lowest(config: Connects) -> str:
    return config.tls.minimum if config.tls else "-"


def _setting(file: str, config: Connects, section: str) -> str:
    """Which setting names this file."""
    tls = config.tls
    named = {
        f"{section}.password_file": config.password_file,
        f"{section}.tls.ca": tls.ca if tls else None,
        f"{section}.tls.certificate": tls.certificate if tls else None,
        f"{section}.tls.key": tls.key if tls else None,
    }
    return next((name for name, path in named.items() if path is not None and str(path) == file), "file")
