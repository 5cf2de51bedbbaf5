"""The end of shift report: its figures, over shifts, as page, PDF in both languages and CSV."""

import base64
import re
import zlib
from pathlib import Path

import httpx
from sqlalchemy import Connection, insert
from sqlalchemy.event import listen

from agent.challenges import ChallengePart
from agent.release import Bound
from agent.store import challenges as stored
from agent.store.read import Reader
from agent.store.schema import events
from agent.store.shift import ShiftFigures, shift_figures
from agent.store.values import StoredEvent
from agent.web.shift.report import alarm_spans
from pipelines.values import Outcome, Purpose, Rule
from tests.web.fake_station import FakeStation, running
from tests.web.served import serving

HOUR_US = 3_600_000_000
SHIFT_DAY = "2026-11-03"
NOON_US = 1_793_678_400_000_000
"""2026-11-03 12:00 in Shanghai, where the page's clocks are."""


def words(pdf: bytes) -> str:
    """The text of a PDF: its streams inflated, its UCS-2 strings read."""
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)endstream", pdf, re.S):
        content = zlib.decompress(base64.a85decode(stream.strip().removesuffix(b"~>")))
        for said in re.findall(rb"\(((?:\\.|[^\\()])*)\) Tj", content, re.S):
            raw = re.sub(rb"\\([0-7]{3})", lambda m: bytes([int(m[1], 8)]), said)
            found.append(re.sub(rb"\\(.)", rb"\1", raw, flags=re.S).decode("utf-16-be", "replace"))
    return "\n".join(found)


def a_shift(station: FakeStation) -> None:
    parts = [(Outcome.OK, 30), (Outcome.NG, 6), (Outcome.UNSURE, 4)]
    made = [outcome for outcome, count in parts for _ in range(count)]
    for n, outcome in enumerate(made):
        station.judge("top", outcome, keep=False, rule=Rule.TOO_DARK, utc_us=NOON_US + n * HOUR_US // 10)
    station.judge("top", Outcome.NG, keep=False, purpose=Purpose.CHALLENGE, utc_us=NOON_US)
    station.judge("top", Outcome.NG, keep=False, utc_us=NOON_US + 40 * HOUR_US)  # another day's
    for n in range(10):
        station.judge("top", Outcome.OK, keep=False, utc_us=NOON_US - 40 * HOUR_US + n)
    store = station._store
    assert store is not None
    known = ChallengePart(id="G-1", expected="ok")
    new = stored.NewRun("top", Bound(recipe="boards"), "ann", ("shift_start",), (known,), utc_us=NOON_US)
    number = store.state(lambda conn: stored.begin(conn, new))
    result = stored.StoredResult("G-1", 1, NOON_US, Outcome.OK, (), "")
    store.state(lambda conn: stored.add_result(conn, number, result))
    store.state(lambda conn: stored.end(conn, number, "passed", NOON_US + 60_000_000))
    by_hand = stored.NewRun("top", Bound(), "eve", ("failed",), reason="送检 <i>lab</i>", utc_us=NOON_US + HOUR_US)
    store.state(lambda conn: stored.override(conn, by_hand))


def test_the_report_of_a_shift(tmp_path: Path) -> None:
    with (
        running(tmp_path) as station,
        serving(tmp_path) as served,
        httpx.Client(base_url=served.url, timeout=30) as web,
    ):
        a_shift(station)
        asked = f"lane=top&shift={SHIFT_DAY}/day"
        page = web.get(f"/shift/report?{asked}").text
        for said in ("75.00 %", "Spur", "Too dark", "1 of 1 right", "Released by hand", "送检 &lt;i&gt;lab"):
            assert said in page, said
        figures = Reader(station.data / "results.db").ask(
            lambda conn: shift_figures(conn, "top", NOON_US - 12 * HOUR_US, NOON_US + 12 * HOUR_US)
        )
        assert (dict(figures.defects), dict(figures.unsure), figures.challenges) == ({"spur": 6}, {"too_dark": 4}, 1)
        english = words(web.get(f"/shift/report.pdf?{asked}").content)
        assert all(said in english for said in ("Shift report", "75.00 %", "Spur", "送检 <i>lab</i>", "eve"))
        answer = web.get(f"/shift/report.pdf?{asked}", headers={"accept-language": "zh"})
        assert answer.headers["content-disposition"] == f'attachment; filename="shift-{SHIFT_DAY}-top.pdf"'
        chinese = words(answer.content)
        assert all(said in chinese for said in ("班次报告", "良率", "毛刺", "人工放行"))
        lines = web.get(f"/shift/report.csv?{asked}").text
        assert "Yield,75.00 %" in lines
        assert "Released by hand" in lines
        said = web.get(f"/api/v1/shifts/report?{asked}").json()
        assert (said["parts"], said["ok"], said["ng"], said["unsure"], said["challenges"]) == (40, 30, 6, 4, 1)
        assert [(cause["name"], cause["parts"]) for cause in said["defects"]] == [("spur", 6)]
        points = [point for stretch in said["not_ok"] for point in stretch["points"]]
        assert (sum(point["parts"] for point in points), sum(point["hits"] for point in points)) == (40, 10)
        # Limits come from the revision's first parts wherever they lie, not from the shift alone.
        assert [stretch["baseline_parts"] for stretch in said["not_ok"]] == [51]
        assert [run["state"] for run in said["runs"]] == ["passed", "overridden"]
        assert said["over"]
        other = web.get(f"/shift/report?lane=top&day={SHIFT_DAY}&name=day").text
        assert "75.00 %" in other


def test_events_of_a_shift_are_found_by_their_time(tmp_path: Path) -> None:
    begin, end = NOON_US - 12 * HOUR_US, NOON_US + 12 * HOUR_US
    with running(tmp_path) as station:
        store = station._store
        assert store is not None

        def add(at: int, name: str, lane: str) -> None:
            row = {"utc_us": at, "mono_ns": 1, "boot": "b", "name": name, "detail": f'{{"lane": "{lane}"}}'}
            store.state(lambda conn: conn.execute(insert(events), row))

        for at, lane in ((NOON_US, "top"), (begin - 1, "top"), (end, "top"), (NOON_US - 1, "side"), (begin, "")):
            add(at, "paused", lane)
        add(end + 1_000_000, "closing_run_missed", "side")
        reader, asked = Reader(station.data / "results.db"), []

        def figures(conn: Connection) -> ShiftFigures:
            listen(conn, "before_cursor_execute", lambda *said: asked.append((said[2], said[3])))
            found = shift_figures(conn, "top", begin, end)
            plans = [conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", its) for said, its in tuple(asked)]
            steps = [row[3] for plan in plans for row in plan if "events" in row[3]]
            assert steps, asked
            assert all("USING INDEX ix_events_utc" in step for step in steps), steps
            return found

        found = reader.ask(figures)
        assert [event.utc_us for event in found.events] == [begin, NOON_US]
        assert not found.unclosed
        add(end + 1_000_000, "closing_run_missed", "top")
        assert reader.ask(lambda conn: shift_figures(conn, "top", begin, end)).unclosed


def test_a_shift_without_parts_and_shifts_that_never_were(tmp_path: Path) -> None:
    with running(tmp_path), serving(tmp_path) as served, httpx.Client(base_url=served.url, timeout=30) as web:
        now = web.get("/shift/report")
        assert "No parts were judged in this shift." in now.text
        assert "still on" in now.text
        for kind in ("", ".pdf", ".csv"):
            for wrong in ("shift=2026-02-30/day", "shift=x", "lane=nowhere", "day=2026-11-03&name=night"):
                assert web.get(f"/shift/report{kind}?{wrong}").status_code == 404
        assert web.get("/api/v1/shifts/report").json()["not_ok"] == []
        for wrong, status in (("shift=x", 404), ("lane=nowhere", 404), ("day=2026-11-03", 422)):
            assert web.get(f"/api/v1/shifts/report?{wrong}").status_code == status
        assert web.get("/shift/report.pdf").content[:5] == b"%PDF-"


def test_an_alarm_that_a_restart_raises_anew_is_one() -> None:
    def event(utc_us: int, name: str, alarm: str = "not_released", lane: str = "top") -> StoredEvent:
        return StoredEvent(utc_us, utc_us, name, {"alarm": alarm, "lane": lane, "detail": "first"})

    events = [event(1, "alarm"), event(2, "alarm"), event(3, "alarm", lane="side"), event(4, "alarm_end")]
    spans = alarm_spans([*events, event(5, "alarm")])
    assert [(span.since_utc_us, span.until_utc_us) for span in spans] == [(1, 4), (3, None), (5, None)]
