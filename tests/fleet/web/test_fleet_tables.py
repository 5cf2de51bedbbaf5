"""Tables to take away: what stands in the file is what was counted, in CSV and Parquet alike."""

import io
from datetime import UTC, datetime

import pytest

from fleet.intake.topics import Address
from fleet.store.values import Box, Group, Sums, WindowSums
from fleet.web.parquet import GROUP, TooMany, write_parquet
from fleet.web.tables import HOURS, WINDOWS, hour_rows, plain, window_rows

pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (the extra `fleet`)")

BOX = Box(Address("plant", "smt1", "aoi1"), 2)
SUMS = Sums(windows=60, parts=100, ok=98, ng=1, unsure=1, latency_sum_ms_e3=2_345_678, latency_max_ms=99.5)
AT_MS = 1_780_020_000_123


def read_back(columns: object, rows: object) -> list[dict[str, object]]:
    out = io.BytesIO()
    write_parquet(out, columns, rows, 10)  # type: ignore[arg-type]
    found: list[dict[str, object]] = pq.read_table(io.BytesIO(out.getvalue())).to_pylist()
    return found


def test_hours_are_read_back_as_they_were() -> None:
    group = Group(SUMS, box=BOX, lane="top", hour_ms=AT_MS, models="m-1", recipes="r@a")
    (row,) = read_back(HOURS, hour_rows([group]))
    assert {
        "site": "plant",
        "station": "aoi1",
        "box": 2,
        "parts": 100,
        "latency_sum_ms": 2345.678,
    }.items() <= row.items()
    assert row["hour"] == datetime(2026, 5, 29, 2, 0, 0, 123_000, UTC)


def test_windows_say_what_was_found_and_what_was_not_measured() -> None:
    window = WindowSums(BOX, "top", 7, AT_MS, AT_MS + 60_000, "m-1", "r@a", SUMS, {"defect_short": 2}, None)
    (row,) = read_back(WINDOWS, window_rows([window]))
    assert (row["seq"], row["found"], row["temperature_c"]) == (7, "defect_short=2", None)
    (again,) = window_rows([window])
    assert len(again) == len(WINDOWS)
    assert plain(again)[6] == "2026-05-29T02:00:00.123+00:00"
    assert "" in plain(again)


def test_no_file_is_larger_than_it_may_be() -> None:
    rows = (("plant",) for _ in range(GROUP + 1))
    with pytest.raises(TooMany, match="more than 60 rows"):
        write_parquet(io.BytesIO(), HOURS[:1], rows, 60)


def test_an_empty_table_has_its_columns() -> None:
    out = io.BytesIO()
    write_parquet(out, HOURS, iter(()), 10)
    assert pq.read_schema(io.BytesIO(out.getvalue())).names == [column.name for column in HOURS]
