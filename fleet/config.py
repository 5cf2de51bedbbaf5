"""What a centre can be told: every option with its default, bounds, unit and meaning on one line.

The values are frozen; reading and merging them from files is `fleet.settings`.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from agent.config import LogConfig, Section, Slug, TlsConfig, WebConfig, opt

MailAddress = Annotated[str, Field(pattern=r"^[^@\s<>,]+@[^@\s<>,]+$", max_length=254)]
PublicUrl = Annotated[str, Field(pattern=r"^(|https?://[^\s?#]+)$", max_length=300)]
"""Empty, or an address that paths are put after."""
HookUrl = Annotated[str, Field(pattern=r"^https?://[^\s@#]+$", max_length=1000)]
StoreUrl = Annotated[str, Field(pattern=r"^(|sqlite:////?[^?]+|postgresql\+psycopg://\S+)$")]
"""Empty, sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE."""


RolloutAddress = Annotated[str, Field(pattern=r"^(|https://[A-Za-z0-9.\-\[\]:]+/?)$", max_length=300)]
"""Empty, or https://HOST:PORT."""


class CentreConfig(Section):
    """Whose fleet this is, and where the centre keeps its things."""

    name: str = opt("", "name of the plant or company, shown on the pages", max_length=60)
    data: Path = opt(Path("/var/lib/okng-fleet"), "folder of the database (SQLite) and of the page's persons")
    timezone: str = opt("UTC", "the plant's time zone, an IANA name, used by the pages")
    languages: Literal["auto", "en", "zh"] = opt(
        "auto", "language of the pages and notices; auto: the browser's, and English in notices"
    )
    public_url: PublicUrl = opt("", "address of the pages as people reach them, for the links in notices")


class BrokerConfig(Section):
    """The broker that the stations send to."""

    host: str = opt("127.0.0.1", "broker's host name or address", min_length=1)
    port: int = opt(1883, "broker's port", ge=1, le=65535)
    protocol: Literal[5, 3] = opt(5, "MQTT 5, or 3 for 3.1.1: then one collector only, it has no shared subscriptions")
    tls: TlsConfig | None = opt(None, "TLS; none: plain text")
    user: str = opt("", "user name")
    password_file: Path | None = opt(None, "file that holds the password and nothing else")
    topic: str = opt("okng/{site}/{line}/{station}", "the stations' topic prefix, as their uplink.topic says it")
    group: Slug = opt("okng-fleet", "name of the shared subscription: collectors of one group share the messages")
    collector: Slug | Literal[""] = opt(
        "", "name of this collector among those of its group, the same at each start; empty: this machine's name"
    )
    keepalive_s: int = opt(30, "MQTT keep-alive", "s", ge=5, le=3600)
    session_s: int = opt(
        120, "the broker keeps a collector's messages for so long when it is away", "s", ge=0, le=604_800
    )
    receive_max: int = opt(1000, "messages that may be on their way to this collector at once", ge=1, le=65_535)
    retry_min_s: float = opt(0.5, "first wait before connecting again", "s", ge=0.01)
    retry_max_s: float = opt(30.0, "longest wait before connecting again", "s", ge=0.01)


class FleetStoreConfig(Section):
    """The database."""

    url: StoreUrl = opt("", "sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE; empty: fleet.db in data")
    password_file: Path | None = opt(None, "file that holds PostgreSQL's password and nothing else")
    batch: int = opt(500, "most messages in one transaction", ge=1, le=5000)
    windows_days: float = opt(92.0, "age at which single windows and events go", "d", gt=0)
    hours_days: float = opt(3650.0, "age at which the sums of hours go", "d", gt=0)


class FleetWebConfig(WebConfig):
    """The fleet's pages."""

    port: int = opt(8090, "port to listen on", ge=0, le=65535)


class RolloutConfig(Section):
    """Models brought to the stations from here."""

    address: RolloutAddress = opt("", "https://HOST:PORT by which stations reach these pages; empty: no roll-outs")
    cap_mb: int = opt(512, "largest model file", "MB", ge=1, le=1024)
    at_once: int = opt(10, "most stations of a roll-out that load and try the model at once", ge=1, le=1000)
    patience_s: float = opt(
        86_400.0, "a station that says nothing for so long in the middle counts as failed", "s", ge=60, le=2_592_000
    )


class ChannelConfig(Section):
    """What every way of telling somebody about alarms has."""

    name: Slug = opt(..., "name of this channel, unique among mail and webhook")
    alarms: tuple[Slug, ...] = opt((), "alarms that are told, by name, as camera_gone; empty: all")
    sites: tuple[Slug, ...] = opt((), "sites whose alarms are told; empty: all")
    lines: tuple[Slug, ...] = opt((), "lines whose alarms are told; empty: all")
    ended: bool = opt(False, "tell the end of an alarm too")
    quiet_s: int = opt(
        3600, "an alarm that comes again sooner after it was told waits, and is told if it still stands", "s", ge=0,
        le=604_800,
    )  # fmt: skip
    gather_s: int = opt(60, "what comes so soon after a notice goes together in the next one", "s", ge=1, le=86_400)
    timeout_s: float = opt(20.0, "longest wait for an answer", "s", ge=0.1, le=60)


class MailConfig(ChannelConfig):
    """Notices by mail, [[mail]]."""

    host: str = opt(..., "mail server", min_length=1)
    port: int = opt(587, "its port: 587 for starttls, 465 for tls", ge=1, le=65535)
    tls: Literal["starttls", "tls", "off"] = opt("starttls", "how the connection is encrypted")
    ca: Path | None = opt(None, "file with the CA's certificates; none: the system's")
    user: str = opt("", "user name; empty: without a log-in")
    password_file: Path | None = opt(None, "file that holds the password and nothing else")
    sender: MailAddress = opt(..., "address that the mails are from")
    to: tuple[MailAddress, ...] = opt(..., "whom they go to", min_length=1, max_length=50)


class WebhookConfig(ChannelConfig):
    """Notices as JSON by an HTTP POST, [[webhook]]."""

    url: HookUrl = opt(..., "where to: https, or http to a private address")
    ca: Path | None = opt(None, "file with the CA's certificates; none: the system's")
    secret_file: Path | None = opt(None, "file with the secret that signs each notice; none: not signed")


class FleetConfig(Section):
    """The whole configuration of a centre: `fleet.toml`."""

    fleet: CentreConfig = opt(CentreConfig(), "whose and where")
    broker: BrokerConfig = opt(BrokerConfig(), "the broker")
    store: FleetStoreConfig = opt(FleetStoreConfig(), "the database")
    web: FleetWebConfig = opt(FleetWebConfig(), "the pages")
    rollout: RolloutConfig = opt(RolloutConfig(), "models brought to the stations")
    mail: tuple[MailConfig, ...] = opt((), "notices of alarms by mail, [[mail]]", max_length=20)
    webhook: tuple[WebhookConfig, ...] = opt((), "notices of alarms by webhook, [[webhook]]", max_length=20)
    log: LogConfig = opt(LogConfig(), "messages")

    @property
    def channels(self) -> tuple[MailConfig | WebhookConfig, ...]:
        """Every way of telling somebody."""
        return (*self.mail, *self.webhook)
