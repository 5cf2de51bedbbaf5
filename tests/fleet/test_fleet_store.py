"""The contract of the centre's store, over SQLite and PostgreSQL."""

import itertools
import random
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from agent.errors import StoreNotReady, StoreTooNew
from benchmarks.fleet.simulated import MINUTE_US, START_US, Simulated
from fleet.intake.topics import Address
from fleet.intake.values import Item, SetAside
from fleet.store import outbox_schema, rollout_schema
from fleet.store.database import Database, StoreRefused
from fleet.store.forget import forget_hours, forget_messages
from fleet.store.read import Reader
from fleet.store.schema import HOUR_MS, metadata
from fleet.store.values import Box, Collector, EventQuery, Scope, Sums
from fleet.store.write import EpochKey, Writer
from tests.fleet.stored import NOW_US, added, taken

A = Address("plant", "line1", "a")
NOW_MS = NOW_US // 1000
HOUR_US = 60 * MINUTE_US
NAMES = itertools.count()
"""The examples of a property share a database."""


def windows(station: Simulated, count: int, start_us: int = START_US, **other: int) -> list[Item]:
    return [taken(station.prefix, station.window(start_us + n * MINUTE_US, **other)) for n in range(count)]


def whole(reader: Reader, scope: Scope = Scope()) -> Sums:  # noqa: B008 - it is frozen
    found = reader.sums(scope)
    return found[0].sums if found else Sums()


def test_nothing_is_there_at_first(database: Database) -> None:
    reader = Reader(database)
    assert reader.glances(NOW_MS) == ()
    assert reader.sums(Scope()) == ()
    assert reader.pareto(Scope()) == ()
    assert Writer(database).store([], NOW_US).new == 0


def test_sums_are_the_stations_own(database: Database) -> None:
    stations = [Simulated(name, seed=7, lanes=("top", "side")) for name in ("a", "b")]
    items = [
        taken(s.prefix, s.window(START_US + n * MINUTE_US, lane))
        for s in stations
        for n in range(70)
        for lane in s.lanes
    ]
    random.Random(1).shuffle(items)
    writer, reader = Writer(database), Reader(database)
    for start in range(0, len(items), 33):
        writer.store(items[start : start + 40], NOW_US)  # overlapping: some come twice
    assert whole(reader) == added(s for station in stations for s in station.said)
    by_lane = {(g.box, g.lane): g.sums for g in reader.sums(Scope(), ("box", "lane"))}
    for station in stations:
        for lane in station.lanes:
            own = added(s for s in station.said if s.lane == lane)
            assert by_lane[(Box(Address("plant", "line1", station.name)), lane)] == own
    hours = reader.sums(Scope(station="a"), ("hour",))
    assert [g.hour_ms for g in hours] == [START_US // 1000, START_US // 1000 + 3_600_000]
    assert hours[0].sums == added(s for s in stations[0].said if s.window.start_utc_us < START_US + 60 * MINUTE_US)
    found = Counter({(f.kind, f.name): f.n for f in reader.pareto(Scope())})
    defects = Counter(n for s in stations for x in s.said for n, count in x.defects for _ in range(count))
    assert {name: n for (kind, name), n in found.items() if kind == "defect"} == {**defects}
    rows = reader.windows(Scope(station="b", lane="top"))
    assert [w.sums.parts for w in rows] == [s.parts for s in stations[1].said if s.lane == "top"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_any_batches_any_repeats_give_the_same_sums(database: Database, data: st.DataObject) -> None:
    name = f"s{next(NAMES)}"
    station = Simulated(name, seed=data.draw(st.integers(0, 99)))
    count = data.draw(st.integers(1, 12))
    items = [taken(station.prefix, station.window(START_US + n * 17 * MINUTE_US)) for n in range(count)]
    order = data.draw(st.lists(st.integers(0, count - 1), max_size=30)) + data.draw(st.permutations(range(count)))
    writer, reader = Writer(database), Reader(database)
    while order:
        size = data.draw(st.integers(1, 8))
        batch, order = order[:size], order[size:]
        writer.store([items[n] for n in batch], NOW_US)
        held = {h.key.epoch: h for h in writer.holdings([EpochKey(Address("plant", "line1", name), station.epoch)])}
        assert held[station.epoch].held <= count
    assert whole(reader, Scope(station=name)) == added(station.said)
    sync = reader.glances(NOW_MS, Scope(station=name))[0].sync
    assert (sync.held, sync.missing, sync.complete) == (count, 0, True)
    assert sync.complete_ms == max(s.window.end_utc_us for s in station.said) // 1000


@pytest.mark.parametrize(
    ("first", "end"), [(0, 3), (1, 71), (23, 49), (24, 48), (25, 47), (None, 30), (5, None), (None, None), (-50, 500)]
)
def test_days_and_hours_say_the_same(database: Database, first: int | None, end: int | None) -> None:
    station = Simulated("a")
    items = [taken(station.prefix, station.window(START_US + n * 47 * MINUTE_US)) for n in range(90)]
    writer, reader = Writer(database), Reader(database)
    writer.store(items[40:], NOW_US)
    writer.store(items[:50], NOW_US)
    since, until = (None if n is None else START_US // 1000 + n * HOUR_MS for n in (first, end))
    asked = Scope(since_ms=since, until_ms=until)
    by_hour = reader.sums(asked, ("hour",))
    assert whole(reader, asked) == sum((g.sums for g in by_hour), start=Sums())
    inside = [s for s in station.said if (since or 0) <= s.window.start_utc_us // 1000 < (until or NOW_MS * 2)]
    assert whole(reader, asked) == added(inside)
    assert sum(f.n for f in reader.pareto(asked, ("defect",))) == sum(n for s in inside for _, n in s.defects)


def test_gaps_are_named_and_closed(database: Database) -> None:
    station = Simulated("a")
    items = windows(station, 10)
    writer, reader = Writer(database), Reader(database)
    key = EpochKey(A, station.epoch)
    writer.store([items[n - 1] for n in (1, 2, 5, 9)], NOW_US)
    (holding,) = writer.holdings([key])
    assert (holding.held, holding.missing) == (2, (3, 4, 6, 7, 8))
    writer.note_asked([key], NOW_US + 5)
    sync = reader.glances(NOW_MS)[0].sync
    assert (sync.held, sync.highest, sync.missing, sync.gap_since_us, sync.asked_us) == (2, 9, 5, NOW_US, NOW_US + 5)
    assert sync.complete_ms == (START_US + 2 * MINUTE_US) // 1000
    writer.store([items[n - 1] for n in (3, 4)], NOW_US + 9)
    assert writer.holdings([key])[0].held == 5
    writer.store([items[n - 1] for n in (8, 7, 6)], NOW_US + 9)
    assert writer.holdings([key])[0].missing == ()
    sync = reader.glances(NOW_MS)[0].sync
    assert (sync.held, sync.missing, sync.gap_since_us, sync.asked_us) == (9, 0, 0, 0)


def test_a_huge_gap_is_named_in_part(database: Database) -> None:
    station = Simulated("a")
    first = windows(station, 1)
    station.seq = 2**52
    writer = Writer(database)
    writer.store([*first, *windows(station, 1)], NOW_US)
    (holding,) = writer.holdings([EpochKey(A, station.epoch)])
    assert holding.held == 1
    assert holding.missing == tuple(range(2, 1002))
    assert Reader(database).glances(NOW_MS)[0].sync.missing == 2**52 - 1


def test_another_text_under_a_known_number_changes_nothing(database: Database) -> None:
    station, forger = Simulated("a"), Simulated("a", seed=5)
    writer, reader = Writer(database), Reader(database)
    items, forged = windows(station, 3), windows(forger, 3)
    assert writer.store(items, NOW_US).new == 3
    before = whole(reader)
    stored = writer.store([forged[1], items[1], forged[2], forged[2]], NOW_US)
    assert (stored.new, stored.again, stored.set_aside) == (0, 1, 3)
    assert whole(reader) == before == added(station.said)
    asides = reader.asides()
    assert [a.cause for a in asides] == ["differs"] * 3
    assert "seq 3 is held with other bytes" in asides[0].reason
    assert [(r.cause, r.station, r.n) for r in reader.refusals()] == [("differs", A, 3)]
    # and within one batch, the first one stays
    late, forged_late = windows(station, 1), windows(forger, 1)
    stored = writer.store([late[0], forged_late[0]], NOW_US)
    assert (stored.new, stored.set_aside) == (1, 1)


def test_what_is_set_aside_is_kept_and_counted(database: Database) -> None:
    writer, reader = Writer(database), Reader(database)
    writer.store(windows(Simulated("a"), 1), NOW_US)
    bad = [SetAside("not_json", f"no {n}\x00", "okng/plant/line1/a/event", b"x" * 5000, A) for n in range(700)]
    stranger = SetAside("identity", "forged", "okng/x/y/z/event", b"{}", Address("x", "y", "z"))
    writer.store([*bad, stranger], NOW_US + 1)
    writer.store(bad, NOW_US + 2)
    asides = reader.asides(limit=2000)
    assert len(asides) == 1000
    assert asides[0].reason == "no 699␀"
    assert (asides[0].size, len(asides[0].head), asides[0].station) == (5000, 4096, A)
    assert reader.asides(before_id=asides[-1].id) == ()
    assert [(r.cause, r.station, r.n, r.last_us) for r in reader.refusals()] == [
        ("not_json", A, 1400, NOW_US + 2),
        ("identity", None, 1, NOW_US + 1),
    ]


def test_alarms_do_not_depend_on_the_order(database: Database) -> None:
    station = Simulated("a")
    at = [START_US + n * MINUTE_US for n in range(9)]
    told = [
        station.event(at[0], "alarm", alarm="camera_gone", lane="top", detail="unplugged"),
        station.event(at[1], "alarm_acknowledged", alarm="camera_gone", lane="top", who="ann", note="on it"),
        station.event(at[2], "alarm_end", alarm="camera_gone", lane="top"),
        station.event(at[3], "alarm", alarm="camera_gone", lane="top", detail="again"),
        station.event(at[4], "alarm", alarm="disk_low", lane="", detail="3 %"),
        station.event(at[5], "alarm_acknowledged", alarm="disk_low", lane="", who="bob", note=""),
    ]
    items = [taken(station.prefix, message) for message in told]
    random.Random(3).shuffle(items)
    writer, reader = Writer(database), Reader(database)
    for item in items:
        writer.store([item], NOW_US)
    disk, camera = reader.alarms()
    assert (disk.name, disk.since_ms, disk.known_by, disk.ended_ms) == ("disk_low", at[4] // 1000, "bob", 0)
    assert (camera.name, camera.lane, camera.detail, camera.known_by) == ("camera_gone", "top", "again", "")
    assert {a.name for a in reader.glances(NOW_MS)[0].alarms} == {"disk_low", "camera_gone"}
    ended = station.event(at[6], "alarm_end", alarm="camera_gone", lane="top")
    writer.store([taken(station.prefix, ended)], NOW_US)
    assert [a.name for a in reader.glances(NOW_MS)[0].alarms] == ["disk_low"]
    # an alarm that a new epoch ends, was one
    renewed = replace(station, epoch="00000000000000bb", seq=0)
    over = renewed.event(at[7], "alarm_end", alarm="disk_low", lane="")
    writer.store([taken(station.prefix, over)], NOW_US)
    assert reader.glances(NOW_MS)[0].alarms == ()
    events = reader.events(EventQuery(Scope(lane="top"), name="alarm_end"))
    assert [e.ts_ms for e in events] == [at[6] // 1000, at[2] // 1000]
    assert events[0].detail["alarm"] == "camera_gone"


def test_what_any_text_says_is_kept(database: Database) -> None:
    station = Simulated("a")
    told = station.event(START_US, "划痕 \U0001f600 '\"\\", lane="\u202e", note="x" * 900)
    Writer(database).store([taken(station.prefix, told)], NOW_US)
    (event,) = Reader(database).events(EventQuery())
    assert (event.name, event.lane) == ("划痕 \U0001f600 '\"\\", "\u202e")


def test_lanes_show_the_newest_window(database: Database) -> None:
    station = Simulated("a")
    items = windows(station, 2)
    station.model = "boards-2"
    items += [taken(station.prefix, station.window(START_US + 5 * MINUTE_US, parts=0))]
    writer, reader = Writer(database), Reader(database)
    writer.store([items[2]], NOW_US)
    writer.store(items[:2], NOW_US)
    (glance,) = reader.glances(NOW_MS)
    (lane,) = glance.lanes
    assert (lane.name, glance.models, glance.recipes) == ("top", ("boards-2",), ("board@aaaaaaaaaaaa",))
    assert lane.until_ms == (START_US + 6 * MINUTE_US) // 1000
    assert glance.last_part_ms == (START_US + 2 * MINUTE_US - 1_000_000) // 1000
    by_model = {g.models: g.sums.parts for g in reader.sums(Scope(), ("models",))}
    assert by_model == {"boards-1": sum(s.parts for s in station.said), "boards-2": 0}


def test_trend_and_now(database: Database) -> None:
    station = Simulated("a")
    hour = 60 * MINUTE_US
    items = [taken(station.prefix, station.window(START_US + n * hour, parts=n + 1)) for n in range(30)]
    Writer(database).store(items, NOW_US)
    now_ms = (START_US + 29 * hour + 5 * MINUTE_US) // 1000
    (glance,) = Reader(database).glances(now_ms)
    assert [t.parts for t in glance.trend] == list(range(7, 31))
    assert glance.now.parts == 59


def test_a_failed_batch_leaves_nothing(database: Database) -> None:
    station = Simulated("a")
    good = windows(station, 2)
    writer, reader = Writer(database), Reader(database)
    huge = replace(good[1], said=good[1].said.model_copy(update={"parts_total": 2**80}))  # type: ignore[union-attr]
    with pytest.raises(StoreRefused):
        writer.store([good[0], huge], NOW_US)
    assert reader.glances(NOW_MS) == ()
    assert writer.store(good, NOW_US).new == 2
    assert whole(reader) == added(station.said)


def test_tables_are_made_once_and_a_newer_one_is_left_alone(database: Database) -> None:
    database.bring_up()
    again = Database(database.url.render_as_string(hide_password=False))
    assert Reader(again).glances(NOW_MS) == ()
    again.close()
    database.change(lambda conn: conn.exec_driver_sql("UPDATE alembic_version SET version_num = 'f0999'"))
    newer = Database(database.url.render_as_string(hide_password=False))
    with pytest.raises(StoreTooNew, match="f0999"):
        newer.bring_up()
    with pytest.raises(StoreTooNew, match="f0999"):
        Reader(newer).glances(NOW_MS)
    newer.close()


def test_before_the_first_collector_it_is_not_ready(tmp_path: object) -> None:
    with pytest.raises(StoreNotReady, match="no collector has made it yet"):
        Reader(Database(f"sqlite:///{tmp_path}/none.db")).glances(NOW_MS)


def test_what_is_old_goes_and_is_not_taken_again(database: Database) -> None:
    station, other = Simulated("a"), Simulated("b", epoch="00000000000000bb")
    items = [taken(station.prefix, station.window(START_US + n * HOUR_US)) for n in range(60)]
    told = taken(station.prefix, station.event(START_US + 60 * HOUR_US, "camera_gone"))
    gappy = [taken(other.prefix, other.window(START_US + n * HOUR_US)) for n in range(9)]
    writer, reader = Writer(database), Reader(database)
    writer.store([*items, told, *gappy[:3], *gappy[4:]], NOW_US)
    before_ms = (START_US + 31 * HOUR_US) // 1000
    assert forget_messages(database, before_ms, 100) == 2
    assert forget_messages(database, before_ms, 100) == 0
    assert reader.windows(Scope(station="a"))[0].start_ms == before_ms
    # what lies above a gap stays: the gap may be closed yet
    assert [w.seq for w in reader.windows(Scope(station="b"))] == [5, 6, 7, 8, 9]
    assert whole(reader, Scope(station="a")) == added(station.said)
    stored = writer.store([*items, told, *gappy], NOW_US)
    assert (stored.new, stored.again, stored.set_aside) == (1, 69, 0)
    assert whole(reader) == added([*station.said, *other.said])
    syncs = [g.sync for g in reader.glances(NOW_MS)]
    assert [(s.held, s.missing) for s in syncs] == [(61, 0), (9, 0)]
    writer.store([taken(station.prefix, station.window(START_US + 61 * HOUR_US))], NOW_US)
    assert reader.glances(NOW_MS)[0].sync.held == 62
    forget_hours(database, (START_US + 50 * HOUR_US) // 1000)
    by_hour = reader.sums(Scope(station="a"), ("hour",))
    assert by_hour[0].hour_ms == (START_US + 48 * HOUR_US) // 1000
    assert whole(reader, Scope(station="a")) == sum((g.sums for g in by_hour), start=Sums())


def test_collectors_say_how_they_are(database: Database) -> None:
    writer, reader = Writer(database), Reader(database)
    one = Collector("one", NOW_US, NOW_US, "online", "", 5, 1, 0)
    writer.beat(replace(one, broker="connecting"))
    writer.beat(one)
    assert reader.collectors() == (one,)


def test_all_versions_make_the_schema(tmp_path: object) -> None:
    """Revisions are written out, so that an old one stays what it was: together they make what `schema` says."""
    database = Database(f"sqlite:///{tmp_path}/made.db")
    database.bring_up()
    made = create_engine("sqlite://")
    for each in (metadata, rollout_schema.metadata, outbox_schema.metadata):
        each.create_all(made)

    def shown(conn: Connection) -> set[str]:
        rows = conn.exec_driver_sql("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL")
        plain = (" ".join(str(row[0]).split()) for row in rows)
        return {sql for sql in plain if "alembic_version" not in sql and "sqlite_sequence" not in sql}

    with made.connect() as conn:
        assert database.ask(shown) == shown(conn)
    made.dispose()
