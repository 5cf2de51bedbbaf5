"""A damaged `models.json` costs no more than what is damaged of it, and no model judges because of it that did not."""

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.recipes import Recipes
from agent.station.models.activation import Activation, Probation, Version
from agent.station.models.activations import BAD, FILE, Activations, find_again
from pipelines.recipe import Recipe

GOOD = "a" * 64
KEPT = {
    "first": Activation(
        active="squares-2", digest="b" * 64, file_model="squares-1", previous=(Version(id="squares-1", digest=GOOD),)
    ),
    "second": Activation(
        active="squares-3", digest="c" * 64, file_model="squares-1", probation=Probation(boot="x", ended_well=True)
    ),
}


def written(data: Path) -> Path:
    """`models.json` with two recipes."""
    kept = Activations(data)
    for name, activation in KEPT.items():
        kept.change(name, **{field: getattr(activation, field) for field in Activation.model_fields})
    return data / FILE


def edited(file: Path, recipe: str, **fields: object) -> bytes:
    body = json.loads(file.read_text())
    body["recipes"][recipe] |= fields
    file.write_text(json.dumps(body))
    return file.read_bytes()


def test_one_recipe_that_is_damaged_costs_no_other(tmp_path: Path) -> None:
    """FIELD 15."""
    file = written(tmp_path)
    damaged = edited(file, "second", digest=7)
    kept = Activations(tmp_path)
    assert kept.all() == {"first": KEPT["first"]}
    assert (kept.lost("first"), kept.lost("third")) == ("", "")
    assert "recipe second: digest: Input should be a valid string" in kept.lost("second")
    assert "recipe second: digest" in kept.trouble
    assert file.read_bytes() == damaged, "whoever only reads changes nothing"
    kept.change("first", active="squares-4")
    assert (tmp_path / BAD).read_bytes() == damaged
    assert Activations(tmp_path).trouble == ""
    kept.change("first", active="squares-5")
    assert (tmp_path / BAD).read_bytes() == damaged, "what is whole never takes its place"


@pytest.mark.parametrize("field", ["previous", "rolled_back", "canary", "shadow", "since_utc_us", "probation"])
def test_of_a_recipe_what_can_be_read_is_read(tmp_path: Path, field: str) -> None:
    file = written(tmp_path)
    edited(file, "second", **{field: ["?"]})
    kept = Activations(tmp_path)
    assert kept.of("second").version == KEPT["second"].version
    assert kept.lost("second") == ""
    assert f"recipe second: {field}" in kept.trouble
    probation = kept.of("second").probation
    assert probation is not None, "a new model does not become a good one by this"
    assert (probation.boot, probation.ended_well) == (("", False) if field == "probation" else ("x", True))


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"{}", b'{"recipes": []}', b'{"recipes": 1}', b"\xff\xfe", b"[" * 99_999]
)
def test_where_nothing_can_be_read_the_last_good_revisions_say_who_judges(tmp_path: Path, content: bytes) -> None:
    """FIELD 15: not the model that the recipe's file names, which may be an old one."""
    recipes = Recipes(tmp_path, bundled=tmp_path / "none")
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "first.toml").write_text('model = "squares-1"\n')
    recipes.remember(Recipe.model_validate({"name": "first", "model": "squares-2", "model_hash": "b" * 64}))
    (tmp_path / FILE).write_bytes(content)
    kept, told = Activations(tmp_path), []
    assert "cannot be read" in kept.trouble
    assert kept.lost("first") != ""
    find_again(kept, recipes, lambda name, **detail: told.append((name, detail)))
    assert [name for name, _ in told] == ["models_damaged", "model_found_again"]
    assert told[1][1] == {"recipe": "first", "model": "squares-2", "digest": "b" * 64}
    again = Activations(tmp_path)
    for each in (kept, again):
        assert each.of("first").version == Version(id="squares-2", digest="b" * 64)
        assert each.of("first").decides("squares-1")
        assert each.lost("first") == ""
    assert again.trouble == ""
    assert (tmp_path / BAD).read_bytes() == content


WHOLE = json.dumps({"recipes": {name: each.model_dump(mode="json") for name, each in KEPT.items()}}, indent=1).encode()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_is_damaged_a_recipe_is_read_as_it_was_or_it_is_told(data: st.DataObject) -> None:
    """Cut anywhere, or with a byte changed: nobody fails, and nothing is lost in silence."""
    at = data.draw(st.integers(0, len(WHOLE) - 1))
    cut = data.draw(st.booleans())
    byte = data.draw(st.integers(0, 255))
    harmed = WHOLE[:at] if cut else WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :]
    with TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_bytes(harmed)
        kept = Activations(Path(folder))
    if cut:
        assert kept.trouble
        assert kept.lost("first")
    assert kept.trouble or len(kept.all()) == 2
