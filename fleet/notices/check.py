"""What no single option of the notices is wrong by."""

import ipaddress
from collections.abc import Iterator
from urllib.parse import urlsplit

from agent.errors import Problem
from fleet.config import FleetConfig, MailConfig, WebhookConfig


def wrong_channels(config: FleetConfig) -> list[Problem]:
    """Every problem of the channels, each named by its place: mail.0.tls is the first [[mail]]'s."""
    problems: list[Problem] = []
    seen: dict[str, str] = {}
    named = [(f"mail.{n}", mail) for n, mail in enumerate(config.mail)]
    problems += (problem for at, mail in named for problem in _mail(at, mail))
    hooks = [(f"webhook.{n}", hook) for n, hook in enumerate(config.webhook)]
    problems += (problem for at, hook in hooks for problem in _hook(at, hook))
    for at, channel in (*named, *hooks):
        if other := seen.setdefault(channel.name, at).replace(at, ""):
            problems.append(Problem(f"{at}.name", f"is {channel.name!r}, which {other} has already"))
    return problems


def _mail(at: str, mail: MailConfig) -> Iterator[Problem]:
    if mail.user and mail.password_file is None:
        yield Problem(f"{at}.password_file", f"is missing: the password of {mail.user!r}")
    if mail.password_file is not None and not mail.user:
        yield Problem(f"{at}.user", "is missing: whose password the password_file holds")
    if mail.tls == "off" and mail.user and not is_private(mail.host):
        what = f"is off, allowed: starttls, tls: a password is not sent in the clear to {mail.host}"
        yield Problem(f"{at}.tls", what)


def _hook(at: str, hook: WebhookConfig) -> Iterator[Problem]:
    try:
        parts = urlsplit(hook.url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        host = ""
    if not host:
        yield Problem(f"{at}.url", "names no host, or no port from 1 to 65535")
    elif parts.scheme == "http" and not is_private(host):
        what = f"is http to {host}, allowed: https, or http to a private address such as 192.168.1.20 or localhost"
        yield Problem(f"{at}.url", what)


def is_private(host: str) -> bool:
    """Whether a host is this machine, or an address that leads nowhere but into the plant's own network."""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return host == "localhost"
