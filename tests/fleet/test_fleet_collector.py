"""The collector over a real broker: nothing lost, nothing twice, whatever is killed."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from agent.errors import StoreFailed
from benchmarks.fleet.servers import Postgres
from benchmarks.fleet.simulated import MINUTE_US, START_US, Simulated
from benchmarks.fleet.stations import Uplinked, uplinked
from fleet.intake.topics import Address
from fleet.store.database import Database
from fleet.store.read import Reader
from fleet.store.values import Scope, Sums
from tests.fleet.collecting import Collector, collecting, wait_for
from tests.fleet.stored import NOW_US, added
from tests.uplink.broker import Mosquitto
from tests.uplink.broker import running as mosquitto
from tests.uplink.rig import Listener, listening

NOW_MS = NOW_US // 1000


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path / "broker") as made:
        yield made


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose name is short enough for sockets."""
    with TemporaryDirectory(prefix="okng-", dir="/tmp") as folder:
        yield Path(folder)


@contextmanager
def stations(short: Path, broker: Mosquitto, *names: str) -> Iterator[list[Uplinked]]:
    simulated = [Simulated(name, seed=n) for n, name in enumerate(names)]
    with uplinked(simulated, short, broker.port) as made:
        yield made


def sqlite(tmp_path: Path) -> Database:
    return Database(f"sqlite:///{tmp_path / 'fleet.db'}")


def url(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


def whole(database: Database) -> Sums:
    try:
        found = Reader(database).sums(Scope())
    except StoreFailed:  # it is not there yet, or away
        return Sums()
    return found[0].sums if found else Sums()


def all_settled(made: list[Uplinked]) -> bool:
    return all(each.kept.waits == 0 for each in made)


def own(made: list[Uplinked]) -> Sums:
    return added(s for each in made for s in each.station.said)


def more(database: Database, before: int) -> bool:
    """Whether more windows are stored than there were."""
    return whole(database).windows > before


def complete(database: Database) -> bool:
    return all(g.sync.complete for g in Reader(database).glances(NOW_MS))


def test_from_the_stations_into_the_store_and_back(short: Path, tmp_path: Path, broker: Mosquitto) -> None:
    database = sqlite(tmp_path)
    with (
        collecting(tmp_path, broker.port, url(database)) as collector,
        stations(short, broker, "a", "b", "c") as made,
    ):
        collector.online()
        for n in range(20):
            for each in made:
                each.window(START_US + n * MINUTE_US)
        made[0].event(START_US, "alarm", alarm="camera_gone", lane="top", detail="unplugged")
        wait_for(lambda: all_settled(made), why="everything settled by the centre's word")
        assert whole(database) == own(made)
        glances = wait_for(lambda: [g for g in Reader(database).glances(NOW_MS) if g.presence.online])
        assert [(g.box.address.station, g.sync.held) for g in glances] == [("a", 21), ("b", 20), ("c", 20)]
        assert glances[0].alarms[0].name == "camera_gone"


def test_a_killed_collector_goes_on_where_it_was(short: Path, tmp_path: Path, broker: Mosquitto) -> None:
    database = sqlite(tmp_path)
    collector = Collector(tmp_path, broker.port, url(database))
    with stations(short, broker, "a", "b") as made:
        for turn in range(4):
            before = whole(database).windows
            collector.start().online()
            for n in range(30):
                for each in made:
                    each.window(START_US + (turn * 30 + n) * MINUTE_US)
            wait_for(partial(more, database, before), why="some are stored")
            collector.kill()
        collector.start()
        wait_for(lambda: all_settled(made), why=collector.log())
        collector.kill(signal.SIGTERM)
        assert whole(database) == own(made)
        assert complete(database)


def test_a_broker_that_lost_everything(short: Path, tmp_path: Path, broker: Mosquitto) -> None:
    database = sqlite(tmp_path)
    with collecting(tmp_path, broker.port, url(database)) as collector, stations(short, broker, "a", "b") as made:
        collector.online()
        for turn in range(3):
            for n in range(20):
                for each in made:
                    each.window(START_US + (turn * 20 + n) * MINUTE_US)
            broker.kill()
            if turn == 1:
                broker.wipe()
            broker.start()
        wait_for(lambda: all_settled(made), why="after three broker deaths")
        assert whole(database) == own(made)


def test_two_collectors_share_what_comes(short: Path, tmp_path: Path, broker: Mosquitto, postgres: Postgres) -> None:
    database = Database(postgres.fresh("shared"))
    with (
        collecting(tmp_path, broker.port, url(database), "one") as one,
        collecting(tmp_path, broker.port, url(database), "two") as two,
        stations(short, broker, "a", "b", "c") as made,
    ):
        one.online()
        two.online()
        for n in range(60):
            for each in made:
                each.window(START_US + n * MINUTE_US)
        wait_for(lambda: all_settled(made), why="everything settled")
        assert whole(database) == own(made)
        assert complete(database)
        assert Reader(database).refusals() == ()
    database.close()


def test_postgresql_away_for_a_while(short: Path, tmp_path: Path, broker: Mosquitto, postgres: Postgres) -> None:
    database = Database(postgres.fresh("away"))
    with collecting(tmp_path, broker.port, url(database)) as collector, stations(short, broker, "a") as made:
        collector.online()
        for n in range(10):
            made[0].window(START_US + n * MINUTE_US)
        wait_for(lambda: all_settled(made), why=collector.log())
        for crash in (signal.SIGINT, signal.SIGQUIT):
            postgres.stop(crash)
            for n in range(10, 20):
                made[0].window(START_US + n * MINUTE_US)
            wait_for(lambda: "tried again" in collector.log(), why="it says that the store takes nothing")
            postgres.start()
        database.close()
        wait_for(lambda: all_settled(made), why="everything settled after PostgreSQL came back")
        assert whole(database) == own(made)
        assert "the store takes messages again" in collector.log()
    database.close()


def words(listener: Listener, prefix: str) -> list[dict[str, Any]]:
    return listener.json(f"{prefix}/ack")


def test_a_lost_message_is_asked_for(tmp_path: Path, broker: Mosquitto) -> None:
    database = sqlite(tmp_path)
    station = Simulated("a")
    sent = [station.window(START_US + n * MINUTE_US) for n in range(4)]
    with (
        collecting(tmp_path, broker.port, url(database)) as collector,
        listening(broker.port, f"{station.prefix}/ack") as listener,
    ):
        collector.online()
        for n in (0, 1, 3):
            listener.publish(f"{station.prefix}/{sent[n][0]}", sent[n][1])
        wait_for(lambda: any(w["missing"] == [3] for w in words(listener, station.prefix)), why="3 is named")
        assert all(w["seq"] <= 2 for w in words(listener, station.prefix))
        (glance,) = wait_for(lambda: [g for g in Reader(database).glances(NOW_MS) if g.sync.asked_us])
        assert (glance.sync.missing, glance.sync.complete) == (1, False)
        listener.publish(f"{station.prefix}/{sent[2][0]}", sent[2][1])
        wait_for(lambda: any((w["seq"], w["missing"]) == (4, []) for w in words(listener, station.prefix)))
        assert complete(database)
        # a birth is answered with what is held
        before = len(words(listener, station.prefix))
        listener.publish(f"{station.prefix}/status", station.birth(START_US // 1000), retain=True)
        wait_for(lambda: len(words(listener, station.prefix)) > before, why="the birth is answered")
        assert words(listener, station.prefix)[-1]["seq"] == 4


def test_bad_messages_are_set_aside_and_stop_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    database = sqlite(tmp_path)
    station = Simulated("a")
    good = [station.window(START_US + n * MINUTE_US) for n in range(3)]
    forged = json.dumps({**json.loads(good[1][1]), "station": "b"}).encode()
    bad = [b"", b"\xff", b"[" * 3000, b"{}", b"x" * 70_000, forged, json.dumps({"schema": "okng.summary/9"}).encode()]
    with (
        collecting(tmp_path, broker.port, url(database)) as collector,
        listening(broker.port, f"{station.prefix}/ack") as listener,
    ):
        collector.online()
        for topic, payload in [good[0], *(("summary/top", b) for b in bad), *good[1:]]:
            listener.publish(f"{station.prefix}/{topic}", payload)
        wait_for(lambda: any(w["seq"] == 3 for w in words(listener, station.prefix)), why=collector.log())
        counted = {r.cause: r.n for r in Reader(database).refusals() if r.station == Address("plant", "line1", "a")}
        causes = {"not_json": 1, "not_utf8": 1, "too_deep": 1, "too_large": 1, "identity": 1, "schema": 2}
        assert counted == causes
        assert whole(database) == added(station.said)
        assert collector.alive


def test_mqtt_3_knows_no_sharing(short: Path, tmp_path: Path, broker: Mosquitto) -> None:
    database = sqlite(tmp_path)
    collector = Collector(tmp_path, broker.port, url(database), broker="protocol = 3")
    with stations(short, broker, "a") as made:
        collector.start().online()
        for n in range(10):
            made[0].window(START_US + n * MINUTE_US)
        wait_for(lambda: whole(database).windows > 0)
        collector.kill()
        for n in range(10, 20):
            made[0].window(START_US + n * MINUTE_US)
        collector.start()
        wait_for(lambda: all_settled(made), why=collector.log())
        collector.kill(signal.SIGTERM)
    assert whole(database) == own(made)
