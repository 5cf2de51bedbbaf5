"""By what a pass had a low margin, and how a person may look at a drawn part."""

from dataclasses import replace
from pathlib import Path

from agent.recipes import Recipes
from agent.review.rules import MARGIN, RuleBook
from agent.review.stance import UNDO_US, stance
from agent.store.queue import EVERY, Wanted, judges, queue, queue_length
from agent.store.values import Review, Sampling, StoredPart
from pipelines.recipe import parse_recipe
from pipelines.values import Detection, Inspection, Outcome
from tests.review.stationed import data_folder
from tests.store.made import origin, record

MODEL = "drawn-boards-1"


def test_passes_with_a_low_margin_are_queued_by_the_rules_of_then(tmp_path: Path) -> None:
    """Limits are the recipe's for the class, the recipe's, the model's; required labels are no defects."""
    data = data_folder(tmp_path / "data")
    said = {"name": "board", "model": MODEL, "classes": {"spur": {"threshold": 0.8}}, "require": {"copper": 1}}
    recipe = parse_recipe(said)
    Recipes(data.folder).keep(recipe)
    by = replace(origin("top"), recipe="board", recipe_hash=recipe.revision, model=MODEL)

    def part(outcome: Outcome, *found: Detection, judge: object = by, **other: object) -> int:
        seen = Inspection(found, None, 64, 48)
        return data.part(outcome, origin=judge, inspection=seen, **other)

    spur, low = (Detection("spur", score, 1, 1, 9, 9) for score in (0.79, 0.3))
    near = part(Outcome.OK, spur)
    part(Outcome.OK, low)  # far under the limit of its class
    part(Outcome.OK, Detection("copper", 0.28, 1, 1, 9, 9))  # must be there
    part(Outcome.OK, spur, judge=replace(by, recipe_hash="0" * 64, recipe="gone"))  # by rules that are gone
    by_the_model = part(Outcome.OK, Detection("open", 0.28, 1, 1, 9, 9))  # the model's own limit is 0.295
    part(Outcome.OK, spur, kept=False)
    bad = data.part(Outcome.NG)
    book = RuleBook(data.folder)
    bands = book.bands(data.reader.ask(judges))
    assert {(b.label, b.high) for b in bands} >= {("spur", 0.8), ("open", 0.295)}
    assert all(b.low == b.high - MARGIN and b.label != "copper" for b in bands)
    found = data.reader.ask(queue(EVERY, bands, 10))
    assert [p.id for p in found] == [bad, by_the_model, near]
    assert data.reader.ask(queue_length(EVERY, bands, 2)) == 2
    assert [p.id for p in data.reader.ask(queue(Wanted(recipe="board", lane="top"), bands, 1, bad))] == [by_the_model]
    assert data.reader.ask(queue(Wanted(recipe="another"), bands, 10)) == ()
    assert book.of(by).defects == ("open", "short", "mousebite", "spur", "pin-hole")
    data.review(near, "ok")
    assert near not in [p.id for p in data.reader.ask(queue(EVERY, bands, 10))]
    data.close()


def test_a_drawn_part_is_blind_until_it_is_judged_and_its_author_may_put_it_right() -> None:
    drawn = StoredPart(7, record(), "judged", None, Sampling(1.0, 1.0, 0.01))
    first = Review(7, "ok", "ann", stratum="audit", utc_us=1_000, id=3)
    later = Review(7, "ng", "bob", stratum="queue", utc_us=2_000, id=4)
    assert stance(replace(drawn, sampling=Sampling(1.0, 1.0)), (), "ann", 5) == "open"
    assert stance(drawn, (), "ann", 5) == "blind"
    assert stance(drawn, (replace(first, stratum="import"),), "ann", 5) == "blind"
    assert stance(drawn, (first,), "ann", 1_000 + UNDO_US) == "blind"
    assert stance(drawn, (first,), "ann", 1_001 + UNDO_US) == "open"
    assert stance(drawn, (first,), "bob", 1_001) == "open"
    assert stance(drawn, (later, first), "ann", 2_001) == "open"  # who looks now may know what bob says
