"""Backtest: what is the model's doing, what the recipe's rules' and what the way in which parts came to a person."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import pytest

from agent.config import LaneConfig
from agent.errors import EngineFailed
from agent.recipes import Recipes
from agent.station.backtest.judging import Judging
from agent.station.backtest.page import page
from agent.station.backtest.revisions import IDLE, differences
from agent.station.backtest.words import as_json, lines
from agent.station.engines.engine import Loaded
from agent.station.jobs import planned_for
from agent.station.models.bundle import Bundle, Manifest
from agent.station.reference import read_reference
from pipelines.recipe import Recipe, parse_recipe
from pipelines.values import Outcome
from tests.engines.tiny import bundle
from tests.pipelines.boards import board
from tests.review.stationed import Data
from tests.station.replays import AUDIT, AUDITED_NG, RECIPE, TENTH, line, replayable, replayed, shot
from tests.station.rig import canned_bundle


@pytest.fixture(scope="module")
def candidate(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return bundle(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Data]:
    with replayable(tmp_path / "data") as made:
        yield made


def test_mcnemar_speaks_on_the_audit_only(data: Data, candidate: Bundle) -> None:
    """Parts that came before a person for what the machine had said are counted, and never tested."""
    missed = line(data, {(Outcome.OK, True): 7}, AUDIT)
    overkill = line(data, {(Outcome.NG, False): 2}, AUDITED_NG)
    queued = line(data, {(Outcome.NG, False): 8})
    line(data, {(Outcome.OK, True): 3}, TENTH)
    for part in queued:
        data.review(part, "ok")
    for part in missed[:5]:
        data.review(part, "ng", stratum="audit")
    few = replayed(data, candidate).truth
    assert (few.waiting, few.all.parts, few.all.only_candidate_right, few.all.p) == (4, 5, 5, None)
    assert few.all.why.startswith("4 parts drawn for the audit wait for their review")
    for part in missed[5:]:
        data.review(part, "ok", stratum="audit")  # the newest counts
        data.review(part, "ng", stratum="audit")
    for part in overkill:
        data.review(part, "ok")  # found in the queue, drawn all the same
    done = replayed(data, candidate)
    truth = done.truth
    assert (truth.waiting, truth.all.parts, truth.bad.parts, truth.good.parts) == (0, 9, 7, 2)
    assert truth.all.only_candidate_right == 9
    assert truth.all.p == pytest.approx(2 / 2**9)
    assert truth.bad.p == pytest.approx(2 / 2**7)
    assert truth.good.p is None
    assert "at least 6 such parts are needed" in truth.good.why
    assert (truth.chosen.parts, truth.chosen.only_candidate_right, truth.chosen.p) == (8, 8, None)
    said = "\n".join(lines(done))
    assert "other reviewed parts: 8; only the active model right 0, only the candidate 8; no p: chosen" in said


STRICT = RECIPE + "[classes.red]\nallowed = 9\n"
"""By these rules nothing on a part is too much."""


def test_what_the_recipe_s_rules_change_is_told_apart_from_the_model(data: Data, candidate: Bundle) -> None:
    """Ten parts passed by rules that allowed what they show; the rules are others now, the candidate is as good."""
    line(data, {(Outcome.OK, True): 10}, recipe=STRICT)
    line(data, {(Outcome.OK, True): 2, (Outcome.OK, False): 3})
    done = replayed(data, candidate)
    assert (done.sides.rejected.seen, done.sides.rejected.drawn) == (12, 15)
    assert done.model_alone is not None
    assert (done.model_alone.rejected.seen, done.model_alone.rejected.drawn) == (2, 15)
    assert [(n, rules.known) for rules, n in done.rules] == [(10, True), (5, True)]
    assert "classes.red.allowed: 9, now none" in done.rules[0][0].differs
    assert done.rules[1][0].differs == ()
    assert sorted(change.by_rules for change in done.changes) == [False] * 2 + [True] * 10
    said = "\n".join(lines(done))
    assert "judged by board@" in said
    assert "the model alone, by the rules of then:" in said
    assert "10 of 15 parts were judged by recipe board@" in said
    assert "classes.red.allowed: 9, now none" in said
    assert "仅候选模型" in page(done, "works/line1/eye")
    body = json.loads(as_json(done, "works/line1/eye"))
    assert body["model_alone"]["rejected"]["seen"] == 2
    assert [rule["parts"] for rule in body["rules"]] == [10, 5]


def test_the_models_are_compared_by_the_same_rules(data: Data, candidate: Bundle) -> None:
    """By the rules of then both pass these parts: that the rules are others now is no merit of the candidate."""
    for part in line(data, {(Outcome.OK, True): 8}, AUDIT, recipe=STRICT):
        data.review(part, "ng", stratum="audit")
    truth = replayed(data, candidate).truth
    assert (truth.all.parts, truth.all.only_candidate_right, truth.all.only_active_right) == (8, 0, 0)


def test_rules_that_are_not_kept_are_not_guessed(data: Data, candidate: Bundle) -> None:
    part = data.part(Outcome.OK, AUDIT, pixels=shot(1, True))
    data.review(part, "ng", stratum="audit")
    done = replayed(data, candidate)
    assert (done.truth.all.parts, done.truth.other_rules) == (0, 1)
    assert done.sides.rejected.seen == 1
    assert done.model_alone is not None
    assert done.model_alone.rejected.drawn == 0
    assert "what the rules did then is not known" in "\n".join(lines(done))


def test_a_change_that_is_none_is_none() -> None:
    then = parse_recipe({"name": "a", "model": "old-1", "classes": {"red": {"threshold": 0.5}}})
    now = {"name": "b", "model": "new-2", "deadline_ms": 7, "evidence_ok_rate": 1, "keep_score": 0.1, "unsure": "stop"}
    assert differences(then, parse_recipe({**now, "classes": {"red": {"threshold": 0.5}}})) == ()
    assert differences(then, parse_recipe({**now, "nms_iou": 0.6})) == (
        "nms_iou: 0.45, now 0.6",
        "classes.red.threshold: 0.5, now none",
        "classes.red.min_size_px: 0, now none",
        "classes.red.allowed: 0, now none",
    )


def test_every_setting_of_a_recipe_is_a_rule_or_idle() -> None:
    """A setting that is new counts as a rule, until somebody says that it changes no replayed verdict."""
    assert set(IDLE) <= set(Recipe.model_fields)
    rules = set(Recipe.model_fields) - set(IDLE)
    assert {"threshold", "classes", "require", "regions", "tiles", "quality", "reference", "nms_iou"} <= rules


class Asked:
    """An engine that notes for which size it is asked, and has no device."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def load(
        self, bundle: Bundle, devices: Sequence[str], size: tuple[int, int], lanes: int = 1, slots: int = 1
    ) -> Loaded:
        del bundle, devices, lanes, slots
        self.sizes.append(size)
        raise EngineFailed("no device")


@pytest.mark.parametrize("kind", ["folder", "push"])
def test_a_guided_candidate_is_planned_as_the_station_plans_it(data: Data, tmp_path: Path, kind: str) -> None:
    """With its reference, whose size is that of every part: the same memory and the same time as on the lane."""
    golden = board(7, width=320, height=192)
    cv2.imwrite(str(data.folder / "recipes" / "board.png"), golden)
    told = 'model = "guided-1"\npipeline = "guided"\n[reference]\npicture = "board.png"\nmax_shift_px = 10\n'
    (data.folder / "recipes" / "board.toml").write_text(told)
    camera = {"kind": kind, "folder": str(tmp_path)} if kind == "folder" else {"kind": kind}
    lanes = {"top": LaneConfig.model_validate({"recipe": "board", "camera": camera})}
    config = data.config.model_copy(update={"lanes": lanes})
    plain = Manifest.model_validate_json((canned_bundle(tmp_path / "canned-1") / "manifest.json").read_bytes())
    wide = plain.input.model_copy(update={"width_px": 640, "height_px": 640, "dynamic": True})
    candidate = Bundle(tmp_path, plain.model_copy(update={"pipeline": "guided", "input": wide}), "c" * 64)
    stored = data.reader.part(data.part(Outcome.OK, pixels=cv2.cvtColor(golden, cv2.COLOR_GRAY2BGR)))
    assert stored is not None
    engine = Asked()
    with pytest.raises(EngineFailed, match="no device"):
        Judging(config, candidate, engine, None).replay(stored, data.evidence)
    recipes = Recipes(data.folder)
    recipe = recipes.read("board")
    on_the_lane = planned_for(lanes["top"], candidate, recipe, read_reference(recipes, recipe)).input_size
    assert engine.sizes == [on_the_lane]
    assert on_the_lane != planned_for(lanes["top"], candidate, recipe).input_size
