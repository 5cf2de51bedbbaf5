"""From a station's alarm to the webhook, over a real broker and the real collector."""

import json
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.fleet.simulated import Simulated
from benchmarks.fleet.stations import uplinked
from tests.fleet.collecting import collecting, wait_for
from tests.uplink.broker import running as mosquitto
from tests.uplink.https import Answer, certificate, serving


def test_an_alarm_is_told_though_the_collector_is_killed_before_it_could_be(tmp_path: Path) -> None:
    paper = certificate(tmp_path)
    with (
        TemporaryDirectory(prefix="okng-", dir="/tmp") as short,
        mosquitto(tmp_path / "broker") as broker,
        serving(b"thanks", paper) as server,
    ):
        hook = f'[[webhook]]\nname = "andon"\nurl = "https://{server.host}/in"\nca = "{paper}"\n'
        server.answers = [Answer(status=503)] * 100
        url = f"sqlite:///{tmp_path / 'fleet.db'}"
        with (
            collecting(tmp_path, broker.port, url, store=hook) as collector,
            uplinked([Simulated("a")], Path(short), broker.port) as (station,),
        ):
            collector.online()
            station.event(time.time_ns() // 1000, "alarm", alarm="disk_full", lane="", detail="")
            wait_for(lambda: server.asked)
            wait_for(lambda: "are not delivered, tried again: 127.0.0.1 answers 503" in collector.log())
            collector.kill()
            server.answers = []
            collector.start().online()
            told = wait_for(lambda: [asked for asked in server.asked[1:] if asked.body])
            assert told[0].body == server.asked[0].body
            assert json.loads(told[0].body)["notices"][0]["alarm"] == "disk_full"
            wait_for(lambda: "1 notices are told by andon" in collector.log())
