"""The verb `review`: a running station takes a person's word over its control socket and keeps it."""

from pathlib import Path

import pytest

from agent.control import ask
from agent.errors import ControlFailed
from agent.review.hand_in import hand_in
from agent.review.said import said
from agent.settings import load
from agent.station.review_verbs import review_in
from agent.store.reviews import ReviewRefused
from agent.store.values import PartQuery, Review, ReviewBox
from pipelines.values import Outcome
from tests.station.rig import running, virtual

BOX = ReviewBox("open", 1.0, 2.0, 30.0, 40.0, "nudged")


def test_a_review_is_said_over_the_socket_and_stored_once(tmp_path: Path) -> None:
    """FIELD 25: a person's verdict comes back into training; the machine's stays what it was."""
    with running(tmp_path, virtual(boards=3)) as rig:
        rig.until(lambda: rig.station.lanes["top"].ended)
        rig.until(lambda: len(rig.reader.parts(PartQuery())) == 3)
        first, second, _ = sorted(p.id for p in rig.reader.parts(PartQuery()))
        box = ["open", 1, 2, 30, 40, "nudged"]
        words = {"part": first, "reviewer": "ann", "verdict": "ng", "boxes": [box], "note": "a scratch", "token": "t1"}
        number = ask(rig.runtime, "review", **words)["review"]
        assert ask(rig.runtime, "review", **words)["review"] == number
        (kept,) = rig.reader.review_history(first)
        assert (kept.verdict, kept.boxes, kept.note, kept.stratum) == ("ng", (BOX,), "a scratch", "queue")
        assert kept.utc_us > 0
        assert rig.reader.part(first).record.verdict.outcome is Outcome.OK  # type: ignore[union-attr]
        for wrong, why in (
            ({"part": 99}, "there is no part 99"),
            ({"verdict": "maybe"}, "verdict 'maybe': allowed are ok, ng"),
            ({"stratum": "audit"}, "was not drawn for the audit"),
            ({"boxes": [["open", 1, 2, 3000, 40]]}, "outside of the picture of 160 x 160 px"),
            ({"reviewer": " "}, "reviewer: empty"),
            ({"boxes": 7}, "boxes: a list of at most 3000 rows"),
        ):
            with pytest.raises(ControlFailed, match=why):
                ask(rig.runtime, "review", **{**words, "token": "", **wrong})
        with pytest.raises(ControlFailed, match="missing argument 'verdict'"):
            ask(rig.runtime, "review", part=first, reviewer="ann")
        config = load(tmp_path / "station.toml", environment={}).config
        station = config.station.model_copy(update={"runtime": rig.runtime})
        reviews = [Review(second, "ok", "bob", token="t2"), Review(second, "ng", "bob", (BOX,), token="t3")]
        hand_in(config.model_copy(update={"station": station}), reviews, lambda *_: None)
        assert [r.verdict for r in rig.reader.review_history(second)] == ["ng", "ok"]
        assert rig.reader.reviews([first, second])[second].verdict == "ng"


def test_what_is_said_is_what_is_heard() -> None:
    review = Review(7, "ng", "ann", (BOX, ReviewBox("short", 1.0, 1.0, 2.0, 2.0, "removed")), "n", "audit", 5, "t")
    assert review_in(said(review)) == review


@pytest.mark.parametrize(
    "row", [[], ["open", 1, 2, 3], ["open", "1", 2, 3, 4], [1, 1, 2, 3, 4], ["open", True, 2, 3, 4], "open"]
)
def test_a_wrong_box_is_named(row: object) -> None:
    with pytest.raises(ReviewRefused):
        review_in({"part": 1, "reviewer": "ann", "verdict": "ng", "boxes": [row]})
