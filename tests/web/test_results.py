"""Counts that are kept up equal counts made anew; the day's results over the real store."""

from pathlib import Path
from zoneinfo import ZoneInfo

from agent.store.read import Reader
from agent.web.results import Diary, RunningTally, midnight_us
from pipelines.values import Outcome, Purpose
from tests.web.fake_station import running

SHANGHAI = ZoneInfo("Asia/Shanghai")
SECOND_US = 1_000_000


def test_midnight_is_the_plants() -> None:
    """FIELD 23: the day begins at the plant's midnight, through daylight saving too."""
    assert midnight_us(1_767_200_000_000_000, SHANGHAI) == 1_767_196_800_000_000
    berlin = ZoneInfo("Europe/Berlin")
    noon_of_the_long_day = 1_792_926_000_000_000
    assert noon_of_the_long_day - midnight_us(noon_of_the_long_day, berlin) == 13 * 3600 * SECOND_US


def test_a_kept_up_tally_equals_one_made_anew(tmp_path: Path) -> None:
    with running(tmp_path) as station:
        reader = Reader(station.data / "results.db")
        begin = station.clock.now().utc_us
        kept = RunningTally("top", begin, monotonic=lambda: 0.0)
        for turn in range(12):
            now = begin + turn * 90 * SECOND_US
            for outcome in (Outcome.OK, Outcome.NG, Outcome.UNSURE)[: turn % 4]:
                station.judge(outcome=outcome, keep=False, utc_us=now - turn * SECOND_US)
            station.judge(purpose=Purpose.API, keep=False, utc_us=now)
            assert kept.now(reader, now) == reader.tally("top", begin, now + 10 * SECOND_US)
        assert kept.now(reader, now).parts == 18


def test_a_recount_finds_what_a_jumping_clock_has_hidden(tmp_path: Path) -> None:
    """FIELD 23: parts captured while the clock stood back are not lost to the page."""
    with running(tmp_path) as station:
        reader = Reader(station.data / "results.db")
        begin = station.clock.now().utc_us
        kept = RunningTally("top", begin, recount_us=600 * SECOND_US, monotonic=lambda: 0.0)
        assert kept.now(reader, begin + 400 * SECOND_US).parts == 0
        station.judge(keep=False, utc_us=begin + 10 * SECOND_US)
        assert kept.now(reader, begin + 401 * SECOND_US).parts == 0
        assert kept.now(reader, begin + 1001 * SECOND_US).parts == 1
        assert kept.now(reader, begin + 20 * SECOND_US).parts == 1


def test_a_count_that_took_long_is_not_made_again_at_once(tmp_path: Path) -> None:
    """A day of a million parts: 94 ms a count, which is not to be paid at each look."""
    with running(tmp_path) as station:
        reader = Reader(station.data / "results.db")
        now = station.clock.now().utc_us
        seconds = iter((10.0, 10.1, 10.5, 13.0, 13.2, 13.21))
        kept = RunningTally("top", now - SECOND_US, monotonic=lambda: next(seconds))
        station.judge(keep=False)
        assert kept.now(reader, now).parts == 1
        station.judge(keep=False)
        assert [kept.now(reader, now).parts for _ in range(3)] == [1, 1, 2]


def test_the_day_shows_what_is_committed(tmp_path: Path) -> None:
    with running(tmp_path, ("top", "side")) as station:
        diary = Diary(Reader(station.data / "results.db"), SHANGHAI)
        ids = [station.judge("top", o, keep=False) for o in (Outcome.OK, Outcome.NG, Outcome.OK)]
        other = station.judge("side", Outcome.UNSURE, keep=False)
        day = diary.look(("top", "side", "none"), station.clock.now().utc_us)
        top, side, none = day.lanes
        assert top.tape == ((ids[0], Outcome.OK), (ids[1], Outcome.NG), (ids[2], Outcome.OK))
        assert (top.tally.parts, top.tally.ok, top.tally.ng) == (3, 2, 1)
        assert top.newest is not None
        assert top.newest.id == ids[2]
        assert (side.tally.unsure, none.tally.parts, none.newest) == (1, 0, None)
        assert [part.id for part in day.bad] == [other, ids[1]]


def test_the_tape_has_every_part_however_many_came_at_once(tmp_path: Path) -> None:
    with running(tmp_path) as station:
        diary = Diary(Reader(station.data / "results.db"), SHANGHAI)
        ids: list[int] = []
        for burst in (3, 45, 1, 80):
            ids += [station.judge(keep=False) for _ in range(burst)]
            (lane,) = diary.look(("top",), station.clock.now().utc_us).lanes
            assert [number for number, _ in lane.tape] == ids[-60:]
