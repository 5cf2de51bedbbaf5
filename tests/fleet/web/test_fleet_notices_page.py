"""The page of the notices' channels: what became of them, and nothing secret."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

from benchmarks.fleet.simulated import Simulated
from fleet.config import FleetConfig
from fleet.store.database import database_of
from fleet.store.notices import Wish
from fleet.store.outbox import Outbox
from fleet.store.write import Writer
from fleet.web.app import application, desk_of
from tests.fleet.stored import NOW_US, taken

SECRET = "T0KEN"


async def shown(config: FleetConfig) -> tuple[httpx.Response, ...]:
    transport = httpx.ASGITransport(application(desk_of(config)), client=("127.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8090") as client:
        said = [{"accept": "text/html", "accept-language": language} for language in ("en", "zh")]
        return tuple([await client.get("/setup/notices", headers=each) for each in said])


def test_channels_and_what_became_of_their_notices(tmp_path: Path) -> None:
    mail = {"name": "nobody", "host": "m", "sender": "okng@plant.example", "to": ["a@plant.example"]}
    hook = {"name": "andon", "url": f"https://andon.example/{SECRET}?key={SECRET}"}
    said = {"fleet": {"data": str(tmp_path)}, "web": {"this_machine": "admin"}, "mail": [mail], "webhook": [hook]}
    config = FleetConfig.model_validate(said)
    database = database_of(config)
    database.bring_up()
    station, outbox = Simulated("a"), Outbox(database)
    message = station.event(NOW_US, "alarm", alarm="disk_low", lane="", detail="")
    Writer(database, (Wish("andon"),)).store([taken(station.prefix, message)], NOW_US)
    letter = outbox.claim("andon", 0, NOW_US)
    assert letter is not None
    outbox.failed(letter, "andon.example answers 503", NOW_US + 1, NOW_US)
    with ThreadPoolExecutor(1) as beside:  # a browser of other tests may have a loop in this thread
        english, chinese = beside.submit(lambda: asyncio.run(shown(config))).result(60)
    assert english.status_code == 200, english.text
    assert SECRET not in english.text
    assert "Fails at the moment: andon.example answers 503" in english.text
    assert "a@plant.example" in english.text
    assert "never" in english.text
    assert "当前发送失败：andon.example answers 503" in chinese.text
    database.close()
