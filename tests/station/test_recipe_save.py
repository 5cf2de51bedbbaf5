"""The verb `recipe_save`: all or nothing, against the content that was seen, judged by from the next part on."""

from pathlib import Path

import pytest

from agent.control import ask
from agent.errors import ControlFailed
from agent.recipe_versions import Versions, mark_of
from agent.store.values import PartQuery
from tests.station.rig import Rig, running, virtual, wait_for

CANNED_NG = 'canned = [["spur", 0.9, 10, 10, 30, 30]]\n'


def _newest(limit: int = 1) -> PartQuery:
    return PartQuery(limit=limit)


def file(rig: Rig) -> Path:
    return rig.data / "recipes" / "trial.toml"


def save(rig: Rig, text: str, expect: str | None = None, name: str = "trial", **more: object) -> dict[str, object]:
    seen = mark_of(file(rig).read_bytes()) if expect is None else expect
    return ask(rig.runtime, "recipe_save", 60, name=name, text=text, expect=seen, by="mei", **more)


def test_a_saved_recipe_judges_the_next_parts_and_is_a_version(tmp_path: Path) -> None:
    with running(tmp_path, virtual(rate_hz=50), CANNED_NG) as rig:
        lane = rig.station.lanes["top"]
        rig.until(lambda: lane.judged > 2)
        old, before = file(rig).read_text(), lane.job
        assert before is not None
        answer = save(rig, old.replace("[quality]", "threshold = 0.95\n[quality]"))
        assert (answer["number"], answer["lanes"]) == (2, ["top"])
        assert lane.job is not None
        assert lane.job.recipe.threshold == 0.95
        revision = lane.job.recipe.revision
        rig.until(lambda: rig.reader.parts(_newest())[0].record.origin.recipe_hash == revision)
        parts = rig.reader.parts(_newest(1000))
        hashes = {part.record.origin.recipe_hash: part.record.verdict.outcome for part in parts}
        assert hashes == {before.recipe.revision: "NG", revision: "OK"}
        versions = Versions(rig.data)
        assert [(v.number, v.why, v.by) for n in versions.numbers("trial") if (v := versions.read("trial", n))] == [
            (2, "saved", "mei"),
            (1, "found", ""),
        ]
        back = save(rig, old, of=1)
        newest = versions.newest("trial")
        assert newest is not None
        assert (back["number"], newest.why, newest.of) == (3, "undone", 1)
        assert file(rig).read_text() == old


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('model = "canned-1"\nthreshold = 2\n', "threshold"),
        ('model = "canned-1"\n[classes.hole]\nallowed = 1\n', "hole"),
        ('model = "nothing-1"\n', "nothing-1"),
        ("model = ", "TOML"),
        ('model = "canned-1"\n# ' + "x" * 50_000, "at most"),
    ],
)
def test_a_wrong_one_changes_nothing(tmp_path: Path, text: str, said: str) -> None:
    with running(tmp_path, virtual(rate_hz=50)) as rig:
        lane = rig.station.lanes["top"]
        rig.until(lambda: lane.judged > 0)
        old, job = file(rig).read_bytes(), lane.job
        with pytest.raises(ControlFailed, match=said):
            save(rig, text)
        assert file(rig).read_bytes() == old
        assert lane.job is job
        assert Versions(rig.data).numbers("trial") == ()


def test_the_second_of_two_engineers_is_told(tmp_path: Path) -> None:
    with running(tmp_path, virtual(rate_hz=50)) as rig:
        rig.until(lambda: rig.station.lanes["top"].judged > 0)
        old = file(rig).read_text()
        seen = mark_of(old.encode())
        save(rig, "max_detections = 200\n" + old, seen)
        with pytest.raises(ControlFailed, match="conflict"):
            save(rig, "max_detections = 100\n" + old, seen)
        assert "200" in file(rig).read_text()
        save(rig, old, "", name="other")
        with pytest.raises(ControlFailed, match="conflict"):
            save(rig, old, "", name="other")


def test_pictures_of_the_set_up_count_as_no_parts(tmp_path: Path) -> None:
    with running(tmp_path, virtual(rate_hz=50)) as rig:
        lane = rig.station.lanes["top"]
        rig.until(lambda: lane.judged > 0)
        ask(rig.runtime, "set_up", lane="top", why="mei turns the lens")
        rig.until(lambda: rig.reader.parts(_newest())[0].record.purpose == "setup")
        assert lane.paused.on
        state = ask(rig.runtime, "status")["status"]["lanes"][0]
        wait_for(lambda: ask(rig.runtime, "status")["status"]["lanes"][0]["setting_up"], turn=rig.turn)
        assert state["paused"]
        ask(rig.runtime, "resume", lane="top")
        rig.until(lambda: rig.reader.parts(_newest())[0].record.purpose == "production")
        with pytest.raises(ControlFailed, match="unknown lane"):
            ask(rig.runtime, "set_up", lane="", why="")
