"""The plant's shifts, over the changes of its clocks (FIELD 23)."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import DAYS, ShiftConfig
from agent.settings import read
from agent.shifts import Calendar, Shift, clashes

BERLIN = ZoneInfo("Europe/Berlin")
THREE = (
    ShiftConfig(name="early", start="06:00"),
    ShiftConfig(name="late", start="14:00"),
    ShiftConfig(name="night", start="22:00"),
)
TWO_DAYS = ShiftConfig(name="早班", start="07:30", end="16:00", days=("mon", "tue"))


def us(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)
    return int(moment.timestamp()) * 1_000_000


def hours(shift: Shift) -> float:
    return (shift.end_utc_us - shift.start_utc_us) / 3.6e9


def test_a_night_shift_belongs_to_the_evening() -> None:
    night = Calendar(THREE, BERLIN).at(us("2026-11-03 03:00"))
    assert night is not None
    assert (night.name, night.day, hours(night)) == ("night", date(2026, 11, 2), 8.0)
    assert (night.start_utc_us, night.end_utc_us) == (us("2026-11-02 22:00"), us("2026-11-03 06:00"))
    assert Calendar(THREE, BERLIN).named(night.key) == night


@pytest.mark.parametrize(("evening", "lasts"), [("2026-03-28", 7.0), ("2026-10-24", 9.0), ("2026-06-01", 8.0)])
def test_the_night_of_the_clock_change_is_shorter_or_longer(evening: str, lasts: float) -> None:
    night = Calendar(THREE, BERLIN).of(date.fromisoformat(evening), "night")
    assert night is not None
    assert hours(night) == lasts


def test_a_time_that_no_clock_shows_is_the_change_itself() -> None:
    """On 2026-03-29 Berlin's clocks go from 02:00 to 03:00."""
    shifts = (
        ShiftConfig(name="a", start="22:00"),
        ShiftConfig(name="b", start="02:30"),
        ShiftConfig(name="c", start="02:45"),
        ShiftConfig(name="d", start="03:00"),
    )
    calendar = Calendar(shifts, BERLIN)
    change = us("2026-03-29 03:00")
    a = calendar.of(date(2026, 3, 28), "a")
    assert a is not None
    assert a.end_utc_us == change
    assert [s.name for s in calendar.on(date(2026, 3, 29))] == ["d", "a"]  # b and c have no moment that day
    d = calendar.of(date(2026, 3, 29), "d")
    assert d is not None
    assert d.start_utc_us == change


def test_of_an_hour_that_comes_twice_the_first_counts() -> None:
    calendar = Calendar((ShiftConfig(name="a", start="02:30"), ShiftConfig(name="b", start="12:00")), BERLIN)
    a = calendar.of(date(2026, 10, 25), "a")
    assert a is not None
    assert a.start_utc_us == us("2026-10-25 02:30", fold=0)


def test_between_shifts_there_is_none_and_the_latest_is_the_last() -> None:
    calendar = Calendar((TWO_DAYS,), BERLIN)
    tuesday = us("2026-11-03 18:00")
    assert calendar.at(tuesday) is None
    latest = calendar.latest(us("2026-11-06 12:00"))
    assert latest is not None
    assert (latest.day, hours(latest)) == (date(2026, 11, 3), 8.5)


def test_without_shifts_a_day_is_one() -> None:
    calendar = Calendar((), BERLIN)
    long = calendar.at(us("2026-10-25 12:00"))
    assert long is not None
    assert not calendar.configured
    assert (long.name, hours(long), long.day) == ("day", 25.0, date(2026, 10, 25))


def test_between_names_every_shift_that_has_a_moment_in_it() -> None:
    found = Calendar(THREE, BERLIN).between(us("2026-11-02 05:59"), us("2026-11-02 14:00"))
    assert [(s.day.day, s.name) for s in found] == [(1, "night"), (2, "early")]


@pytest.mark.parametrize("key", ["", "/", "2026-11-02", "2026-13-01/early", "9999-12-31/x", "2026-11-02/nights"])
def test_a_key_of_no_shift_names_none(key: str) -> None:
    assert Calendar(THREE, BERLIN).named(key) is None


@pytest.mark.parametrize(
    ("shifts", "says"),
    [
        ((THREE[0], ShiftConfig(name="x", start="06:00")), "together with shift"),
        ((TWO_DAYS, ShiftConfig(name="x", start="15:59")), "is still on when shift 'x' begins on mon"),
        ((TWO_DAYS, ShiftConfig(name="早班", start="18:00")), "a second shift '早班' on mon"),
        ((ShiftConfig(name="n", start="22:00", end="06:01"), THREE[0]), "is still on when shift 'early'"),
    ],
)
def test_shifts_that_clash_are_named(shifts: tuple[ShiftConfig, ...], says: str) -> None:
    assert says in "; ".join(what for _, what in clashes(shifts))


def test_shifts_that_fit_do_not_clash() -> None:
    assert not [*clashes(THREE), *clashes((TWO_DAYS,)), *clashes(())]
    saturday = ShiftConfig(name="early", start="08:00", end="12:00", days=("sat",))
    weekdays = ShiftConfig(name="early", start="06:00", end="14:00", days=DAYS[:5])
    assert not list(clashes((weekdays, saturday)))


def test_the_configuration_says_what_is_wrong(tmp_path) -> None:
    file = tmp_path / "station.toml"
    file.write_text(
        '[[shifts]]\nname = "early"\nstart = "6:00"\n[[shifts]]\nname = ""\nstart = "14:00"\ndays = ["monday"]\n'
    )
    said = "\n".join(map(str, read(file, {}).problems))
    assert "shifts.0.start" in said
    assert "a time of day, HH:MM" in said
    assert "shifts.1.name" in said
    assert "shifts.1.days" in said
    file.write_text('[[shifts]]\nname = "a"\nstart = "06:00"\nend = "14:30"\n[[shifts]]\nname = "b"\nstart = "14:00"\n')
    assert any(p.where == "shifts.0" for p in read(file, {}).problems)


ZONES = st.sampled_from(["Europe/Berlin", "Asia/Shanghai", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"])
CLOCKS = st.builds("{:02d}:{:02d}".format, st.integers(0, 23), st.integers(0, 59))
MOMENTS = st.integers(1_200_000_000, 1_900_000_000).map(lambda s: s * 1_000_000)


@given(st.lists(CLOCKS, min_size=1, max_size=5, unique=True), ZONES, MOMENTS)
def test_shifts_without_ends_cover_every_moment_once(starts: list[str], zone: str, moment: int) -> None:
    shifts = tuple(ShiftConfig(name=f"s{n}", start=start) for n, start in enumerate(starts))
    assert not list(clashes(shifts))
    calendar = Calendar(shifts, ZoneInfo(zone))
    around = calendar.between(moment - 3 * 86_400_000_000, moment + 3 * 86_400_000_000)
    assert all(one.end_utc_us == next_.start_utc_us for one, next_ in pairwise(around))
    on = calendar.at(moment)
    assert on is not None
    assert on in around
    assert [s for s in around if moment in s] == [on]
    assert calendar.named(on.key) == on == calendar.latest(moment)
    day = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=on.start_utc_us)).astimezone(ZoneInfo(zone)).date()
    assert abs((day - on.day).days) <= 1
