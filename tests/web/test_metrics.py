"""Counts for Prometheus: every committed production part once, whenever its row came or was closed."""

import tempfile
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.config import StationConfig, StoreConfig
from agent.status import UplinkStatus
from agent.store.read import Reader
from agent.store.write import Writer
from agent.uplink.payload import StationEncoder
from agent.web.metrics import PartCounts
from pipelines.values import Frame, Outcome, Purpose, Record, Rule
from tests.web.fake_station import _record, grey_board, running
from tests.web.served import serving

OK = ("top", Outcome.OK)
HOUR_US = 3_600_000_000


class Rows:
    """A store whose rows are opened and judged as the test says."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.waiting: list[Record] = []
        self.sequence = 0
        self.writer = self._start()

    def _start(self) -> Writer:
        store, encoder = StoreConfig(window_s=3600), StationEncoder.of(StationConfig())
        return Writer(self.data, store, "none", lanes=("top",), encoder=encoder, clock=SystemClock()).start()

    def record(self, purpose: Purpose = Purpose.PRODUCTION) -> Record:
        self.sequence += 1
        frame = Frame("top", self.sequence, grey_board(8, 8), SystemClock().now(), purpose=purpose)
        return _record(frame, "top", Outcome.OK, (), Rule.INTERRUPTED)

    def do(self, what: str) -> None:
        if what in ("add", "add api"):
            self.writer.add(self.record(Purpose.API if what == "add api" else Purpose.PRODUCTION), None)
        elif what == "open":
            opened = self.record()
            self.waiting.append(replace(opened, open_id=self.writer.open_part(opened)))
        elif what == "judge" and self.waiting:
            self.writer.add(self.waiting.pop(0), None)
        elif what == "crash":  # at the next start, open rows are closed as interrupted
            self.waiting.clear()
            self.writer.close()
            self.writer = self._start()


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(
    before=st.lists(st.sampled_from(["add", "open", "judge"]), max_size=4),
    after=st.lists(st.sampled_from(["add", "add api", "open", "judge", "crash", "look"]), max_size=14),
)
def test_every_part_is_counted_once(before: list[str], after: list[str]) -> None:
    """Rows that are judged or closed long after those behind them, too; those before the start never."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Rows(Path(folder))
        try:
            reader = Reader(rows.data / "results.db")
            for what in before:
                rows.do(what)
            rows.do("open")  # durable once this returns, with all before it
            counts, had = PartCounts(reader), reader.tally("top").parts
            seen = 0
            for what in after:
                rows.do(what)
                if what == "look":
                    now = sum(counts.now().values())
                    assert now >= seen
                    seen = now
            rows.do("crash")
            assert sum(counts.now().values()) == reader.tally("top").parts - had
            assert sum(counts.now().values()) == reader.tally("top").parts - had
        finally:
            rows.writer.close()


def test_a_row_that_is_committed_late_is_counted(tmp_path: Path) -> None:
    """A store in trouble holds parts back for minutes."""
    with running(tmp_path) as station:
        counts = PartCounts(Reader(station.data / "results.db"))
        now = station.clock.now().utc_us
        for age in (0, HOUR_US, 0, 3 * HOUR_US):
            station.judge(keep=False, utc_us=now - age)
            counts.now()
        assert counts.now() == {OK: 4}


def test_a_database_that_is_born_later_counts_from_its_first_part(tmp_path: Path) -> None:
    counts = PartCounts(Reader(tmp_path / "s" / "data" / "results.db"))
    with running(tmp_path / "s") as station:
        station.judge(keep=False)
        assert counts.now() == {OK: 1}


def test_another_database_begins_anew(tmp_path: Path) -> None:
    """Restored from a backup: its ids are lower."""
    with running(tmp_path / "a") as a, running(tmp_path / "b") as b:
        for _ in range(3):
            a.judge(keep=False)
        shown = tmp_path / "shown.db"
        shown.symlink_to(a.data / "results.db")
        counts = PartCounts(Reader(shown))
        a.judge(keep=False)
        assert counts.now() == {OK: 1}
        b.judge(keep=False)
        shown.unlink()
        shown.symlink_to(b.data / "results.db")
        assert counts.now() == {}
        b.judge(keep=False)
        assert counts.now() == {OK: 1}


def test_refused_commands_are_counted_and_shown(tmp_path: Path) -> None:
    with running(tmp_path) as station:
        uplink = UplinkStatus(
            state="online", detail="", said_s_ago=0, epoch="e", queued=0, unsettled=0, sent=0, refused=7
        )
        station.said = {"uplink": uplink}
        with serving(tmp_path) as served:
            page, lines = httpx.get(served.url).text, httpx.get(f"{served.url}/metrics").text.splitlines()
        assert "okng_commands_refused_total 7.0" in lines
        assert "commands refused: 7" in page
