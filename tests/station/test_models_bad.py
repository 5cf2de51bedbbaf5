"""Planted bad models of each kind: stopped at the gate, or taken back before they do harm."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.config import EngineConfig
from agent.control import ask
from agent.errors import ControlFailed
from agent.station.models.archive import pack
from agent.station.models.bundle import sha256_of
from agent.station.models.signing import SigningKey
from agent.station.models.trial import Task, try_out
from agent.store.read import Reader
from agent.store.values import StoredEvent
from pipelines.values import Outcome, Rule
from tests.station.rig import Rig, canned_bundle
from tests.station.squares import BLIND, Line, edit, every_part, is_bad, judging, key_in, make, network, ready

WATCH = "health_s = 3600\nhealth_parts = 1000\n"
BEFORE = 120


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> SigningKey:
    return key_in(tmp_path_factory.mktemp("key"))


def station_data(folder: Path, key: SigningKey) -> Path:
    """A data folder with the good model."""
    (folder / "data" / "models").mkdir(parents=True)
    make(folder / "made", "1", network(), key).rename(folder / "data" / "models" / "squares-1")
    return folder / "data"


def weaker(folder: Path) -> None:
    """Other weights under the same golden answers: what a wrong conversion or an editor leaves."""
    weights = folder / "model.bin"
    other = make(folder.parent / "other", "2", network(BLIND), None) / "model.bin"
    weights.write_bytes(other.read_bytes())


def swapped(manifest: dict[str, object]) -> None:
    manifest["labels"] = ["blue", "green", "red"]


def test_labels_in_the_wrong_order_are_stopped_at_the_gate(tmp_path: Path, key: SigningKey) -> None:
    """FIELD 13 and 14: wrong without any error."""
    bad = edit(make(tmp_path / "new", "2", network(), key), key, swapped)
    refused(tmp_path, key, bad, "CPU: the golden pictures fail: golden-2.png: red at .* was not found: nothing was")


def test_other_weights_are_stopped_at_the_gate(tmp_path: Path, key: SigningKey) -> None:
    """FIELD 13: a precision or a conversion that changes what the model sees."""
    bad = make(tmp_path / "new", "2", network(), key)
    weaker(bad)

    def hashed(manifest: dict[str, object]) -> None:
        manifest["files"]["model.bin"] = sha256_of(bad / "model.bin")  # type: ignore[index]

    refused(tmp_path, key, edit(bad, key, hashed), "the golden pictures fail")


@pytest.mark.slow
def test_a_slow_model_is_stopped_at_the_gate(tmp_path: Path, key: SigningKey) -> None:
    """FIELD 15."""
    bad = make(tmp_path / "new", "2", network(slow=2), key)
    refused(tmp_path, key, bad, "models.budget_share: p99 of one picture is .* ms on CPU", deadline_ms=5)


def test_a_large_model_is_stopped_at_the_gate(tmp_path: Path, key: SigningKey) -> None:
    """FIELD 15."""
    bad = make(tmp_path / "new", "2", network(slow=1), key)
    refused(tmp_path, key, bad, "models.budget_memory_mb: is 1 MB, it takes", models="budget_memory_mb = 1\n")


def refused(
    tmp_path: Path, key: SigningKey, bad: Path, why: str, models: str = "", deadline_ms: float = 60_000
) -> None:
    """The import says why, nothing is left, and the line has gone on judging by the good model all the while."""
    data, line = station_data(tmp_path, key), Line()
    file = pack(bad, tmp_path / "bad.okng")
    with judging(data, key, line, models, deadline_ms) as rig:
        ready(rig)
        line.allow(10_000)
        with pytest.raises(ControlFailed, match=why):
            ask(rig.runtime, "model_import", 300, file=str(file))
        rig.until(lambda: "model_refused" in {e.name for e in rig.reader.events(50)})
        assert sorted(p.name for p in (data / "models").iterdir()) == ["squares-1"]
        with pytest.raises(ControlFailed, match="there is no such bundle"):
            ask(rig.runtime, "model_activate", 60, id="squares-2")
        assert {p.record.origin.model for p in every_part(rig.reader)[-5:]} <= {"squares-1"}


def test_a_model_that_kills_its_process_kills_no_other(tmp_path: Path) -> None:
    """It is tried in a process of its own: that one dies, and the reason is told."""
    slow = EngineConfig(kind="canned", canned_ms=60_000)
    task = Task(bundle=canned_bundle(tmp_path / "canned-1"), cache=tmp_path, engine=slow, devices=("CPU",))
    killer = threading.Thread(target=kill_children)
    killer.start()
    (result,) = try_out(task, 60)
    killer.join()
    assert (result.kind, result.why) == ("broke", "it broke its process (signal 11): it said nothing")


def test_a_model_that_hangs_is_given_up(tmp_path: Path) -> None:
    """FIELD 10."""
    slow = EngineConfig(kind="canned", canned_ms=60_000)
    task = Task(bundle=canned_bundle(tmp_path / "canned-1"), cache=tmp_path, engine=slow, devices=("CPU",))
    (result,) = try_out(task, 0.5)
    assert (result.kind, result.why) == ("broke", "it had not proven itself after 0.5 s")


def kill_children() -> None:
    """End our child processes that try models, as an engine's crash would."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        for task in Path("/proc/self/task").iterdir():
            for child in (task / "children").read_text().split():
                if b"agent.station.models.trial" in Path(f"/proc/{child}/cmdline").read_bytes():
                    time.sleep(0.2)
                    os.kill(int(child), signal.SIGSEGV)
                    return
        time.sleep(0.01)


# Those that the gate cannot know -----------------------------------------------------------------------


def taken_back(
    tmp_path: Path, key: SigningKey, bad: Path, show: Callable[[Rig, Line], None], deadline_ms: float = 60_000
) -> tuple[StoredEvent, list[tuple[str, Outcome, int]]]:
    """Judge by the good one, activate the bad one, show parts until it is back; the event, and every part."""
    data, line = station_data(tmp_path, key), Line()
    file = pack(bad, tmp_path / "bad.okng")
    # With a row opened at each trigger: it names the new model, and is closed by whoever judged in the end.
    with judging(data, key, line, WATCH, deadline_ms, commit="opened") as rig:
        ready(rig)
        lane = rig.station.lanes["top"]
        line.allow(BEFORE)
        rig.until(lambda: lane.judged == BEFORE, 60)
        ask(rig.runtime, "model_import", 300, file=str(file))
        ask(rig.runtime, "model_activate", 300, id="squares-2")
        show(rig, line)
        rig.until(lambda: "model_rolled_back" in {e.name for e in rig.reader.events(50)}, 60)
        rig.until(lambda: [e for e in rig.reader.events(50) if e.name == "model_rolled_back"])
        event = next(e for e in rig.reader.events(50) if e.name == "model_rolled_back")
        line.baited = False
        line.allow(20)
        rig.until(lambda: lane.judged == line.allowed, 60)
        rig.until(lambda: rig.reader.tally().parts == line.allowed)
        parts = every_part(rig.reader)
        rig.turn()
        rig.turn()
        alarms = {a["name"]: a["detail"] for a in ask(rig.runtime, "status")["status"]["alarms"]}
        assert "model_rolled_back" in alarms
        with pytest.raises(ControlFailed, match="was taken back for recipe squares"):
            ask(rig.runtime, "model_activate", 60, id="squares-2")
        ask(rig.runtime, "model_seen", 60)
        rig.until(lambda: "model_rolled_back" not in {a.name for a in rig.station.alarms})
        with pytest.raises(ControlFailed, match="squares-1 cannot be removed: it is active"):
            ask(rig.runtime, "model_remove", 60, id="squares-1")
    assert [p.record.sequence for p in parts] == list(range(1, line.allowed + 1)), "missed, or judged twice"
    detected = int(event.detail["at_utc_us"])
    by_bad = [p for p in parts if p.record.origin.model == "squares-2"]
    assert all(p.record.decided_utc_us <= detected for p in by_bad), "a verdict came out after the detection"
    assert {p.record.origin.model for p in parts[-20:]} == {"squares-1"}
    for p in parts[-20:]:
        assert p.record.verdict.outcome is (Outcome.NG if is_bad(p.record.sequence) else Outcome.OK)
    held = (int(event.detail["first_id"]), int(event.detail["last_id"]), int(event.detail["parts"]))
    assert held == ((by_bad[0].id, by_bad[-1].id, len(by_bad)) if by_bad else (0, 0, 0)), "the parts to hold"
    assert float(event.detail["after_s"]) < 60
    when, took = event.detail["after_s"], event.detail["took_ms"]
    print(f"{event.detail['why']}: {len(by_bad)} parts, {when} s after the activation; back in {took} ms")
    return event, [(p.record.origin.model, p.record.verdict.outcome, p.record.sequence) for p in by_bad]


@pytest.mark.parametrize("trap", ["nan", "throws"])
def test_a_model_that_crashes_on_real_parts_is_taken_back_before_it_ends_the_station(
    tmp_path: Path, key: SigningKey, trap: str
) -> None:
    """NaN, or an engine that throws: UNSURE, and back after the third, before five in a row end the process."""

    def show(rig: Rig, line: Line) -> None:
        line.baited = True
        line.allow(40)
        rig.until(lambda: rig.station.lanes["top"].judged == line.allowed, 60)

    event, by_bad = taken_back(tmp_path, key, make(tmp_path / "new", "2", network(trap=trap), key), show)
    assert "3 parts could not be judged for an error" in str(event.detail["why"])
    assert [outcome for _, outcome, _ in by_bad] == [Outcome.UNSURE] * 2, "the third was judged by the good one"
    assert int(event.detail["passed"]) == 0


def until_back(rig: Rig, line: Line) -> None:
    """Parts come until the good model is back."""
    lane = rig.station.lanes["top"]
    while lane.job is not None and lane.job.origin.model == "squares-2":
        assert line.allowed < 2000, "not taken back within 2,000 parts"
        line.allow(10)
        rig.until(lambda: lane.judged == line.allowed, 60)
        time.sleep(0.15)


def test_wrong_labels_with_golden_answers_of_their_own_are_taken_back(tmp_path: Path, key: SigningKey) -> None:
    """The export had its labels in another order, and its golden pictures with it: the mix of defects tells."""

    def renamed(manifest: dict[str, object]) -> None:
        swapped(manifest)
        other = {"red": "blue", "blue": "red", "green": "green"}
        for golden in manifest["golden"]:  # type: ignore[attr-defined]
            golden["expected"] = [[other[label], *rest] for label, *rest in golden["expected"]]

    bad = edit(make(tmp_path / "new", "2", network(), key), key, renamed)
    event, _ = taken_back(tmp_path, key, bad, until_back)
    assert "the mix of defects has changed" in str(event.detail["why"])


def test_a_lane_that_answers_later_than_before_takes_its_new_model_back(tmp_path: Path, key: SigningKey) -> None:
    """Slow on the line only: what the gate has measured is not what the parts take."""

    def show(rig: Rig, line: Line) -> None:
        line.aged_ms = 55_000
        until_back(rig, line)
        line.aged_ms = 0

    event, _ = taken_back(tmp_path, key, make(tmp_path / "new", "2", network(), key), show)
    assert "p99 of the latency is" in str(event.detail["why"])


def test_a_blind_model_is_taken_back(tmp_path: Path, key: SigningKey) -> None:
    """Weights that see no defect, with golden answers of their own: every part would pass."""
    bad = make(tmp_path / "new", "2", network(BLIND), key)
    event, by_bad = taken_back(tmp_path, key, bad, until_back)
    assert "of" in str(event.detail["why"])
    assert int(event.detail["passed"]) == len([1 for _, outcome, _ in by_bad if outcome is Outcome.OK])


def test_all_lanes_of_a_recipe_go_back_together(tmp_path: Path, key: SigningKey) -> None:
    """One lane's parts make the model fail: the others, where it has done no harm yet, have the good one back too."""
    data, line, side = station_data(tmp_path, key), Line(), Line()
    make(tmp_path / "new", "2", network(trap="nan"), key).rename(data / "models" / "squares-2")
    with judging(data, key, line, WATCH, side=side) as rig:
        ready(rig)
        lanes = rig.station.lanes.values()
        rig.until(lambda: all(lane.job is not None for lane in lanes), 60)
        done = ask(rig.runtime, "model_activate", 300, id="squares-2")
        assert done["lanes"] == ["top", "side"]
        line.baited = True
        for each in (line, side):
            each.allow(8)
        rig.until(lambda: all(lane.judged == 8 for lane in lanes), 60)
        rig.until(lambda: "model_rolled_back" in {e.name for e in rig.reader.events(50)}, 60)
        side.allow(8)
        rig.until(lambda: rig.station.lanes["side"].judged == 16, 60)
        rig.until(lambda: rig.reader.tally().parts == 24)
        assert {lane.job.origin.model for lane in lanes if lane.job} == {"squares-1"}
        rig.until(lambda: [e for e in rig.reader.events(50) if e.name == "model_rolled_back"])
        event = next(e for e in rig.reader.events(50) if e.name == "model_rolled_back")
        parts = every_part(rig.reader)
    by_bad = [p for p in parts if p.record.origin.model == "squares-2"]
    assert int(event.detail["parts"]) == len(by_bad)
    assert all(p.record.decided_utc_us <= int(event.detail["at_utc_us"]) for p in by_bad)
    assert {p.record.origin.model for p in parts if p.record.origin.lane == "side"} <= {"squares-1", "squares-2"}
    assert [p.record.origin.model for p in parts[-8:]] == ["squares-1"] * 8


def test_errors_before_were_no_reason(tmp_path: Path, key: SigningKey) -> None:
    """A good job that fails ends the process as ever: there is none to go back to."""
    data, line = station_data(tmp_path, key), Line()
    bad = make(tmp_path / "new", "2", network(trap="nan"), key)
    (data / "models" / "squares-1").rename(tmp_path / "good")
    bad.rename(data / "models" / "squares-1")
    edit(data / "models" / "squares-1", key, lambda manifest: manifest.update(version="1"))
    with judging(data, key, line) as rig:
        ready(rig)
        line.baited = True
        line.allow(10)
        end = time.monotonic() + 60
        while not (crash := rig.station.turn()):
            assert time.monotonic() < end
            time.sleep(0.02)
        assert "5 parts in a row could not be judged" in crash
    # Stopped: whatever was judged is committed.
    assert {p.record.verdict.reasons[0].rule for p in every_part(Reader(data / "results.db"))} == {Rule.ERROR}
