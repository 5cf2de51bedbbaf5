"""Record everything: every judged picture of a lane, whole, with what was said of it; and never in the lane's way."""

import json
import threading
from pathlib import Path
from typing import Any

import cv2
import pytest

from agent.clock import SystemClock
from agent.config import EvidenceConfig
from agent.control import ask
from agent.errors import StationRefused
from agent.station.recording.place import ABOUT, PARTS
from agent.station.recording.recorder import MOST_WAITING, Recorder, RecordingRefused
from tests.station.rig import Rig, running, virtual, wait_for
from tests.store.made import HandClock, frame, record

NG = 'canned = [["spur", 0.9, 10, 10, 30, 30]]\n'
LANE = virtual(rate_hz=20)


def recorder(folder: Path, **more: Any) -> tuple[Recorder, list[dict[str, Any]]]:
    told: list[dict[str, Any]] = []
    free = more.pop("free", lambda _: 10**12)
    clock = more.pop("clock", SystemClock())
    config = EvidenceConfig(record_folder=folder, **more)
    made = Recorder(config, "station1", clock, lambda name, **detail: told.append({"name": name, **detail}), free)
    made.start()
    return made, told


def offer(made: Recorder, *numbers: int) -> None:
    for number in numbers:
        made.offer(number, record(number), frame(number))


def with_folder(folder: Path) -> str:
    return f'{NG}[evidence]\nrecord_folder = "{folder}"\nreserve_mb = 0\n'


def recorded(folder: Path) -> list[dict[str, Any]]:
    (one,) = folder.iterdir()
    return [json.loads(line) for line in (one / PARTS).read_text().splitlines()]


def state(rig: Rig) -> Any:
    rig.turn()
    return ask(rig.runtime, "status")["status"]["recordings"][0]


def test_every_part_of_the_lane_is_there_as_it_was_judged(tmp_path: Path) -> None:
    folder = tmp_path / "share"
    folder.mkdir()
    with running(tmp_path / "station", LANE, with_folder(folder)) as rig:
        rig.until(lambda: rig.station.lanes["top"].judged > 0)
        said = ask(rig.runtime, "record", lane="top", minutes=1)["recording"]
        assert said["until_utc_us"] - said["begun_utc_us"] == 60_000_000
        rig.until(lambda: state(rig)["kept"] >= 5)
        ask(rig.runtime, "record", lane="top", minutes=0)
        rig.until(lambda: not state(rig)["running"])
        ended = state(rig)
        parts = recorded(folder)
        assert (ended["ended"], ended["kept"], ended["dropped"]) == ("stopped", len(parts), 0)
        ids = [part["id"] for part in parts]
        assert ids == list(range(ids[0], ids[0] + len(ids))), "none is missing in between"
        for part in parts:
            stored = rig.reader.part(part["id"])
            assert stored is not None
            assert (part["outcome"], part["boxes"][0]["label"]) == (stored.record.verdict.outcome, "spur")
            picture = cv2.imread(str(next(folder.iterdir()) / part["file"]))
            assert picture is not None
            assert picture.shape[:2] == (part["height_px"], part["width_px"])
        rig.until(lambda: {"recording_begun", "recording_ended"} <= {e.name for e in rig.reader.events(50)})
        about = json.loads((next(folder.iterdir()) / ABOUT).read_text())
        assert (about["ended"], about["kept"]) == ("stopped", len(parts))


def test_a_share_that_goes_away_costs_pictures_and_no_part(tmp_path: Path) -> None:
    """FIELD 6: what stores pictures fails, judging goes on; an alarm until it is back."""
    folder, away = tmp_path / "share", tmp_path / "away"
    folder.mkdir()
    with running(tmp_path / "station", LANE, with_folder(folder)) as rig:
        rig.until(lambda: rig.station.lanes["top"].judged > 0)
        ask(rig.runtime, "record", lane="top", minutes=240)
        rig.until(lambda: state(rig)["kept"])
        folder.rename(away)
        rig.until(lambda: "recording_trouble" in {alarm.name for alarm in rig.station.alarms})
        before = rig.station.lanes["top"].judged
        rig.until(lambda: rig.station.lanes["top"].judged > before + 5)
        assert state(rig)["dropped"] > 0
        assert state(rig)["running"]
        assert not folder.exists(), "its place is never made: our own disk would fill"
        kept = state(rig)["kept"]
        away.rename(folder)
        rig.until(lambda: state(rig)["kept"] > kept)
        rig.until(lambda: not rig.station.alarms)


def test_what_cannot_be_recorded_is_refused_in_words(tmp_path: Path) -> None:
    folder = tmp_path / "share"
    with running(tmp_path / "station", LANE, with_folder(folder)) as rig:
        for asked, why in (
            ({"lane": "top", "minutes": 5}, "No such file or directory"),
            ({"lane": "top", "minutes": 241}, "minutes 241: a whole number from 1 to 240 is allowed"),
            ({"lane": "top", "minutes": True}, "minutes True"),
            ({"lane": "side", "minutes": 5}, "unknown lane 'side'; known: top"),
            ({"lane": "top", "minutes": 0}, "lane top is not being recorded"),
        ):
            with pytest.raises(StationRefused, match=why):
                ask(rig.runtime, "record", 10, **asked)
        folder.mkdir()
        ask(rig.runtime, "record", 10, lane="top", minutes=5)
        with pytest.raises(StationRefused, match="recorded already"):
            ask(rig.runtime, "record", 10, lane="top", minutes=5)
    with running(tmp_path / "other", LANE) as rig, pytest.raises(StationRefused, match="names no folder"):
        ask(rig.runtime, "record", 10, lane="top", minutes=5)


def test_a_slow_share_makes_nobody_wait(tmp_path: Path) -> None:
    """What does not fit into memory is counted and let go; whoever offers it never waits."""
    go_on, holding = threading.Event(), threading.Event()

    def free(_: Path) -> int:
        if holding.is_set():
            go_on.wait(20)
        return 10**12

    made, _ = recorder(tmp_path, free=free)
    made.begin("top", 1)
    holding.set()
    offer(made, *range(1, MOST_WAITING + 11))
    go_on.set()
    wait_for(lambda: made.states()[0].kept == MOST_WAITING)
    assert made.states()[0].dropped == 10
    made.close()
    assert made.states()[0].ended == "station"


def test_it_ends_with_its_time_and_before_the_reserve_is_touched(tmp_path: Path) -> None:
    clock, room = HandClock(), [10**12]
    made, told = recorder(tmp_path, clock=clock, free=lambda _: room[0], reserve_mb=1000)
    made.begin("top", 2)
    offer(made, 1, 2)
    wait_for(lambda: made.states()[0].kept == 2)
    clock.pass_s(121)
    wait_for(lambda: made.states()[0].ended == "time")
    offer(made, 3)
    clock.pass_s(10)
    made.begin("top", 2)
    room[0] = 1000 * 1_000_000
    offer(made, 4)
    wait_for(lambda: made.states()[0].ended == "room")
    wait_for(lambda: [t["name"] for t in told].count("recording_ended") == 2)
    ended = [(t["why"], t["pictures"], t["dropped"]) for t in told if t["name"] == "recording_ended"]
    assert ended == [("time", 2, 0), ("room", 0, 1)]
    with pytest.raises(RecordingRefused, match="reserve_mb 1000 is kept"):
        made.begin("top", 2)
    made.close()


def test_jpeg_where_so_configured(tmp_path: Path) -> None:
    made, _ = recorder(tmp_path, record_lossless=False)
    made.begin("top", 1)
    offer(made, 7)
    wait_for(lambda: made.states()[0].kept == 1)
    made.end("top")
    wait_for(lambda: not made.states()[0].running)
    assert recorded(tmp_path)[0]["file"] == "pictures/7.jpg"
    made.close()
