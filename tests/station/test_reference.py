"""Lanes that judge by a reference picture: the traditional method, without any model."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from agent.clock import SystemClock
from agent.control import ask
from agent.errors import RecipeRefused
from agent.recipes import Recipes
from agent.station.cameras.virtual.layout import draw_layout
from agent.station.reference import read_reference
from agent.station.traditional import DifferenceProof, with_blob
from agent.status import Status
from agent.store.values import PartQuery
from pipelines.recipe import Recipe
from pipelines.values import Outcome, Rule
from tests.station.rig import Rig, running

FOLDER = """
[lanes.desk]
recipe = "golden"
camera = {{ kind = "folder", folder = "{path}" }}
"""
RECIPE = """
pipeline = "difference"
deadline_ms = 10000
[reference]
picture = "golden.png"
"""


def told(**more: object) -> Recipe:
    return Recipe.model_validate(
        {"name": "golden", "pipeline": "difference", "reference": {"picture": "golden.png"}, **more}
    )


def status(rig: Rig) -> Status:
    return Status.model_validate(ask(rig.runtime, "status")["status"])


def test_a_lane_without_a_model_judges_by_its_reference(tmp_path: Path) -> None:
    """FIELD 7: a good part is OK, a bad one NG, another product's UNSURE; the record names the picture."""
    golden, other = draw_layout(3, 320, 320).pixels, draw_layout(9, 320, 320).pixels
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "golden.toml").write_text(RECIPE)
    cv2.imwrite(str(tmp_path / "recipes" / "golden.png"), golden)
    bad = golden.copy()
    bad[100:120, 140:160] = 255 - bad[100:120, 140:160]
    parts = tmp_path / "parts"
    parts.mkdir()
    for name, picture in (("a", golden), ("b", bad), ("c", other), ("d", golden[:200])):
        cv2.imwrite(str(parts / f"{name}.png"), picture)
    with running(tmp_path, FOLDER.format(path=parts)) as rig:
        rig.until(lambda: rig.reader.tally().parts == 4)
        records = [p.record for p in reversed(rig.reader.parts(PartQuery(limit=9)))]
        lane = status(rig).lanes[0]
    assert [r.verdict.outcome for r in records] == [Outcome.OK, Outcome.NG, Outcome.UNSURE, Outcome.UNSURE]
    assert [r.verdict.reasons[0].rule for r in records[1:]] == [Rule.DEFECT, Rule.MISALIGNED, Rule.WRONG_SIZE]
    assert records[1].verdict.reasons[0].label == "difference"
    assert records[2].verdict.reasons[0].measured is not None
    recipe = Recipes(tmp_path).read("golden")
    assert recipe.reference is not None
    assert {(r.origin.model, r.origin.model_hash) for r in records} == {("difference", recipe.reference.sha256)}
    assert {r.origin.recipe_hash for r in records} == {recipe.revision} == {lane.recipe_hash}


def test_a_reference_that_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "golden.toml").write_text(RECIPE)
    (tmp_path / "recipes" / "golden.png").write_bytes(b"no picture")
    recipes = Recipes(tmp_path)
    with pytest.raises(RecipeRefused, match=r"reference\.picture: golden\.png"):
        read_reference(recipes, recipes.read("golden"))


def test_the_proof_sees_a_rule_that_lets_nothing_through() -> None:
    picture = np.repeat(draw_layout(3, 320, 320).pixels[:, :, None], 3, axis=2)
    assert DifferenceProof(told(), picture, SystemClock()).all() == ""
    pale = picture // 255 * 50 + 100
    assert DifferenceProof(told(), pale, SystemClock()).all() == ""
    assert "lets none through" in DifferenceProof(told(difference={"contrast": 200}), pale, SystemClock()).all()
    masked = told(regions=[{"name": "i", "kind": "inspect", "points": [[0.5, 0.5], [1, 0.5], [1, 1], [0.5, 1]]}])
    rows, columns = np.nonzero((with_blob(masked, picture) != picture).any(axis=2))
    assert rows.min() >= 160
    assert columns.min() >= 160
    assert DifferenceProof(masked, picture, SystemClock()).all() == ""
