"""Notices over a real mail server and a real HTTPS server: what is said, who may hear it, what goes wrong."""

import hashlib
import hmac
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.clock import SystemClock
from agent.errors import ConfigurationRefused
from benchmarks.fleet.simulated import Simulated
from fleet.config import FleetConfig
from fleet.intake.topics import Address
from fleet.notices.delivery import NotDelivered
from fleet.notices.mail import Mail
from fleet.notices.sending import sendings_of, wishes_of
from fleet.notices.webhook import Webhook
from fleet.notices.words import wording_of
from fleet.settings import load
from fleet.store.database import Database
from fleet.store.outbox import Letter, Notice, Outbox
from fleet.store.values import Box
from fleet.store.write import Writer
from tests.fleet.collecting import wait_for
from tests.fleet.smtp import Smtp, serving_mail
from tests.fleet.stored import NOW_US, taken
from tests.uplink.https import Answer, Https, certificate, serving

NOTICE = Notice(Box(Address("plant", "line1", "a")), "top", "camera_gone", "began", NOW_US // 1000, "serial 7", 0)
LETTER = Letter("0123abcd", "mail", (NOTICE,), 0, NOW_US)
MANY = Letter("0123abce", "mail", (NOTICE,) * 130, 0, NOW_US)


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    certificate(folder)
    certificate(folder, "stranger")
    (folder / "password").write_text("geheim\n")
    (folder / "secret").write_text("hush-hush\n")
    return folder


@pytest.fixture(params=["starttls", "tls"])
def smtp(request: pytest.FixtureRequest, papers: Path) -> Iterator[Smtp]:
    with serving_mail(papers / "server.pem", request.param) as server:
        yield server


@pytest.fixture
def hooked(papers: Path) -> Iterator[Https]:
    with serving(b"thanks", papers / "server.pem") as server:
        yield server


def config_of(papers: Path, smtp: Smtp | None = None, hooked: Https | None = None, **more: Any) -> FleetConfig:
    said: dict[str, Any] = {"fleet": {"name": "Werk 3", "public_url": "https://fleet.example/okng/", **more}}
    if smtp is not None:
        mail = {"name": "mail", "host": "127.0.0.1", "port": smtp.port, "ca": papers / "server.pem", "timeout_s": 5}
        mail |= {"tls": smtp.tls, "user": "okng", "password_file": papers / "password"}
        said["mail"] = [{**mail, "sender": "okng@plant.example", "to": ["a@plant.example", "b@plant.example"]}]
    if hooked is not None:
        hook = {"name": "hook", "url": f"https://{hooked.host}/in?x=1", "ca": papers / "server.pem", "timeout_s": 5}
        said["webhook"] = [{**hook, "secret_file": papers / "secret"}]
    return FleetConfig.model_validate(said)


def mail_of(config: FleetConfig) -> Mail:
    return Mail(config.mail[0], wording_of(config))


def hook_of(config: FleetConfig) -> Webhook:
    return Webhook(config.webhook[0], wording_of(config))


def test_a_mail(smtp: Smtp, papers: Path) -> None:
    mail_of(config_of(papers, smtp)).send(LETTER)
    (taken_mail,) = smtp.mails
    assert (taken_mail.to, taken_mail.user) == (("a@plant.example", "b@plant.example"), "okng")
    assert taken_mail.encrypted
    said = taken_mail.message
    assert said["Subject"] == "Werk 3: Alarm: Camera gone – plant/line1/a · Lane top"
    assert said["Message-ID"] == "<0123abcd@plant.example>"
    assert said["Auto-Submitted"] == "auto-generated"
    assert said.get_content_type() == "text/plain"
    assert said.get_content().splitlines() == [
        "Alarm: Camera gone – plant/line1/a · Lane top",
        "29 May 2026 02:00:00",
        "serial 7",
        "https://fleet.example/okng/sites/plant/line1/a",
        "",
        "-- ",
        "Sent by the fleet centre Werk 3",
        "https://fleet.example/okng/alarms",
    ]


def test_a_digest_in_chinese(smtp: Smtp, papers: Path) -> None:
    mail_of(config_of(papers, smtp, languages="zh", timezone="Asia/Shanghai")).send(MANY)
    said = smtp.mails[0].message
    assert said["Subject"] == "Werk 3: 1 个工位共 130 条通知"
    text = said.get_content()
    assert text.count("报警：相机断开 – plant/line1/a · 通道 top") == 100
    assert "2026年5月29日 10:00:00" in text
    assert "另有 30 条，详见页面" in text


def test_what_a_mail_server_refuses_is_said_without_a_secret(smtp: Smtp, papers: Path) -> None:
    mail = mail_of(config_of(papers, smtp))
    smtp.answers = ["451 4.3.0 try\tlater"]
    with pytest.raises(NotDelivered, match=r"^127\.0\.0\.1 answers 451: 4\.3\.0 try later$"):
        mail.send(LETTER)
    smtp.password = "changed"
    with pytest.raises(NotDelivered, match="answers 535") as wrong:
        mail.send(LETTER)
    assert "geheim" not in str(wrong.value)
    smtp.password = "geheim"
    smtp.refused = frozenset({"a@plant.example", "b@plant.example"})
    with pytest.raises(NotDelivered, match=r"refuses a@plant\.example, b@plant\.example$"):
        mail.send(LETTER)
    assert not smtp.mails


def test_one_unknown_receiver_does_not_keep_the_mail_from_the_others(
    smtp: Smtp, papers: Path, caplog: pytest.LogCaptureFixture
) -> None:
    smtp.refused = frozenset({"b@plant.example"})
    mail_of(config_of(papers, smtp)).send(LETTER)
    assert smtp.mails[0].to == ("a@plant.example",)
    assert "refuses b@plant.example, the others have the mail" in caplog.text


def test_a_server_that_hangs_up_after_the_mail_has_it(smtp: Smtp, papers: Path) -> None:
    smtp.hang_up_at_quit = True
    mail_of(config_of(papers, smtp)).send(LETTER)
    assert len(smtp.mails) == 1


def test_a_mail_server_must_be_who_it_says(smtp: Smtp, papers: Path) -> None:
    config = config_of(papers, smtp)
    stranger = config.mail[0].model_copy(update={"ca": papers / "stranger.pem"})
    with pytest.raises(NotDelivered, match="CERTIFICATE_VERIFY_FAILED"):
        Mail(stranger, wording_of(config)).send(LETTER)
    lost = config.mail[0].model_copy(update={"password_file": papers / "nowhere"})
    with pytest.raises(NotDelivered, match="nowhere: No such file"):
        Mail(lost, wording_of(config)).send(LETTER)
    assert not smtp.mails


def test_a_webhook(hooked: Https, papers: Path) -> None:
    hook = hook_of(config_of(papers, hooked=hooked))
    hook.send(LETTER)
    hook.send(LETTER)
    first, again = hooked.asked
    assert first.path == "/in?x=1"
    assert first.headers["Idempotency-Key"] == again.headers["Idempotency-Key"] == "0123abcd"
    assert first.body == again.body
    signed = hmac.new(b"hush-hush", first.body, hashlib.sha256).hexdigest()
    assert first.headers["X-Okng-Signature"] == f"sha256={signed}"
    said = json.loads(first.body)
    assert said == {
        "schema": "okng.notice/1",
        "id": "0123abcd",
        "fleet": "Werk 3",
        "text": "Werk 3: Alarm: Camera gone – plant/line1/a · Lane top",
        "notices": [
            {
                "site": "plant",
                "line": "line1",
                "station": "a",
                "box": 1,
                "lane": "top",
                "alarm": "camera_gone",
                "turn": "began",
                "at": "2026-05-29T02:00:00.000+00:00",
                "detail": "serial 7",
                "text": "Alarm: Camera gone – plant/line1/a · Lane top",
                "url": "https://fleet.example/okng/sites/plant/line1/a",
            }
        ],
    }


@pytest.mark.parametrize("status", [302, 404, 500])
def test_what_a_webhook_refuses(hooked: Https, papers: Path, status: int) -> None:
    hooked.answers = [Answer(status=status, headers={"Location": "http://127.0.0.1/elsewhere"})]
    with pytest.raises(NotDelivered, match=rf"^127\.0\.0\.1 answers {status} "):
        hook_of(config_of(papers, hooked=hooked)).send(LETTER)
    assert len(hooked.asked) == 1


def test_a_webhook_must_be_who_it_says(hooked: Https, papers: Path) -> None:
    config = config_of(papers, hooked=hooked)
    stranger = config.webhook[0].model_copy(update={"ca": papers / "stranger.pem"})
    with pytest.raises(NotDelivered, match="CERTIFICATE_VERIFY_FAILED"):
        Webhook(stranger, wording_of(config)).send(LETTER)
    assert not hooked.asked


def test_a_failure_is_tried_again_and_shown(hooked: Https, papers: Path, database: Database) -> None:
    config = config_of(papers, hooked=hooked)
    hooked.answers = [Answer(status=503), Answer(status=503)]
    (sending,) = sendings_of(config, database, SystemClock())
    sending.retry_min_s = 0.05
    station = Simulated("a")
    now_us = time.time_ns() // 1000
    Writer(database, wishes_of(config)).store(
        [taken(station.prefix, station.event(now_us, "alarm", alarm="disk_low", lane="", detail="2 GB"))], now_us
    )

    def sent() -> bool:
        sending.turn()
        return Outbox(database).states(("hook",))[0].sent == 1

    sending.turn()
    assert "answers 503" in Outbox(database).states(("hook",))[0].failure
    wait_for(sent)
    assert len({asked.headers["Idempotency-Key"] for asked in hooked.asked}) == 1
    assert len(hooked.asked) == 3
    assert Outbox(database).states(("hook",))[0].failure == ""


def test_a_store_that_is_away_is_waited_for(
    hooked: Https, papers: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    nowhere = Database(f"sqlite:///{tmp_path / 'none.db'}")
    (sending,) = sendings_of(config_of(papers, hooked=hooked), nowhere, SystemClock())
    with caplog.at_level(logging.WARNING):
        sending.turn()
        sending.turn()
    assert caplog.text.count("notices wait for the store") == 1
    assert sending.trouble


def test_everything_wrong_with_the_channels_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text(
        '[[mail]]\nname = "one"\nhost = "mail.example"\ntls = "off"\nuser = "okng"\n'
        'sender = "okng@plant.example"\nto = ["a@plant.example"]\n'
        '[[webhook]]\nname = "one"\nurl = "http://andon.example/in"\n'
        '[[webhook]]\nname = "two"\nurl = "https:///in"\n'
    )
    with pytest.raises(ConfigurationRefused) as refused:
        load(file, {})
    assert [str(p) for p in refused.value.problems] == [
        "mail.0.password_file: is missing: the password of 'okng'",
        "mail.0.tls: is off, allowed: starttls, tls: a password is not sent in the clear to mail.example",
        "webhook.0.url: is http to andon.example, allowed: https, or http to a private address such as 192.168.1.20 "
        "or localhost",
        "webhook.1.url: names no host, or no port from 1 to 65535",
        "webhook.0.name: is 'one', which mail.0 has already",
    ]
    file.write_text('[[mail]]\nname = "one"\nhost = "m"\nsender = "nobody"\nto = []\nquiet = 3\n')
    with pytest.raises(ConfigurationRefused) as refused:
        load(file, {})
    assert [p.where for p in refused.value.problems] == ["mail.0.sender", "mail.0.to", "mail.0.quiet"]
    assert "did you mean quiet_s?" in str(refused.value.problems[2])


def test_paths_of_a_channel_are_beside_the_file(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text('[[webhook]]\nname = "one"\nurl = "http://192.168.1.20/in"\nsecret_file = "andon.secret"\n')
    assert load(file, {}).config.webhook[0].secret_file == tmp_path / "andon.secret"
