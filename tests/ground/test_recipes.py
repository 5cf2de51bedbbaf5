"""Recipes: read from their files, kept as immutable revisions, the last good one stays."""

import hashlib
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from agent.errors import RecipeRefused
from agent.recipes import Recipes, canonical, read_recipe
from pipelines.recipe import Recipe

GOOD = 'model = "boards-1"\nthreshold = 0.4\n[classes.open]\nallowed = 1\n'


@pytest.fixture
def recipes(tmp_path: Path) -> Recipes:
    (tmp_path / "recipes").mkdir()
    (tmp_path / "bundled").mkdir()
    (tmp_path / "recipes" / "board.toml").write_text(GOOD)
    (tmp_path / "bundled" / "sample.toml").write_text('model = "sample-1"\n')
    (tmp_path / "bundled" / "board.toml").write_text('model = "other-1"\n')
    return Recipes(tmp_path, tmp_path / "bundled")


def test_a_recipe_is_named_by_its_file_and_the_stations_own_wins(recipes: Recipes) -> None:
    assert recipes.names() == ("board", "sample")
    assert recipes.read("board").model == "boards-1"
    assert recipes.read("sample").name == "sample"


def test_everything_wrong_is_named(recipes: Recipes, tmp_path: Path) -> None:
    file = tmp_path / "recipes" / "board.toml"
    file.write_text('name = "bord"\nthreshhold = 2\nunsure = "ok"\n')
    with pytest.raises(RecipeRefused) as refused:
        recipes.read("board")
    assert {p.where for p in refused.value.problems} == {"name", "threshhold", "unsure", "model"}


@pytest.mark.parametrize("name", ["nope", "../station", "", "a/b"])
def test_a_recipe_that_is_not_there_is_refused(recipes: Recipes, name: str) -> None:
    with pytest.raises(RecipeRefused):
        recipes.read(name)


@pytest.mark.parametrize("body", [b"\xff\xfe", b"model = ", b"x" * (1 << 20) + b"x"])
def test_a_file_that_is_not_a_recipe_is_refused(tmp_path: Path, body: bytes) -> None:
    file = tmp_path / "board.toml"
    file.write_bytes(body)
    with pytest.raises(RecipeRefused, match="board"):
        read_recipe(file)


def test_a_refused_file_leaves_the_last_good_revision(recipes: Recipes, tmp_path: Path) -> None:
    good = recipes.read("board")
    recipes.remember(good)
    (tmp_path / "recipes" / "board.toml").write_text('model = "boards-2"\nunsure = "ok"\n')
    recipe, why = recipes.read_or_last_good("board")
    assert recipe == good
    assert "unsure" in why


def test_where_none_was_ever_good_it_is_refused(recipes: Recipes, tmp_path: Path) -> None:
    (tmp_path / "recipes" / "board.toml").write_text("unsure = 'ok'\n")
    with pytest.raises(RecipeRefused):
        recipes.read_or_last_good("board")


def test_a_revision_is_named_by_its_content_and_never_written_again(recipes: Recipes) -> None:
    recipe = recipes.read("board")
    file = recipes.keep(recipe)
    state = file.stat()
    assert file.stem == recipe.revision
    assert stat.S_IMODE(state.st_mode) == 0o440
    assert recipes.keep(recipe).stat().st_ino == state.st_ino
    assert recipes.revision(recipe.revision) == recipe


def test_an_altered_revision_is_refused(recipes: Recipes) -> None:
    recipe = recipes.read("board")
    file = recipes.keep(recipe)
    file.chmod(0o640)
    file.write_bytes(file.read_bytes().replace(b"0.4", b"0.9"))
    with pytest.raises(RecipeRefused, match="cut or edited"):
        recipes.revision(recipe.revision)


GUIDED = 'model = "boards-1"\npipeline = "guided"\n[reference]\npicture = "board.png"\n'


@pytest.fixture
def guided(recipes: Recipes, tmp_path: Path) -> Recipes:
    (tmp_path / "recipes" / "board.toml").write_text(GUIDED)
    (tmp_path / "recipes" / "board.png").write_bytes(b"a picture")
    return recipes


def test_the_reference_is_pinned_and_kept_with_the_revision(guided: Recipes, tmp_path: Path) -> None:
    recipe = guided.read("board")
    assert recipe.reference is not None
    assert recipe.reference.sha256 == hashlib.sha256(b"a picture").hexdigest()
    assert guided.reference(recipe) == b"a picture"
    guided.remember(recipe)
    (tmp_path / "recipes" / "board.png").write_bytes(b"another")
    again = guided.revision(recipe.revision)
    assert again == recipe
    assert guided.reference(again) == b"a picture"
    changed = guided.read("board")
    assert changed.revision != recipe.revision
    assert guided.reference(changed) == b"another"


def test_a_reference_that_is_not_there_or_another_one_is_refused(guided: Recipes, tmp_path: Path) -> None:
    recipe = guided.read("board")
    (tmp_path / "recipes" / "board.png").write_bytes(b"another")
    with pytest.raises(RecipeRefused, match=r"reference\.sha256: .*another picture"):
        guided.reference(recipe)
    assert recipe.reference is not None
    (tmp_path / "recipes" / "board.toml").write_text(f'{GUIDED}sha256 = "{recipe.reference.sha256}"\n')
    with pytest.raises(RecipeRefused, match="another picture"):
        guided.read("board")
    (tmp_path / "recipes" / "board.png").unlink()
    with pytest.raises(RecipeRefused, match=r"board\.png cannot be read: No such file"):
        guided.read("board")
    with pytest.raises(OSError, match="no file has it"):
        guided.remember(recipe)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    threshold=some.floats(0.01, 0.99),
    deadline_ms=some.floats(1, 1e6),
    unsure=some.sampled_from(["reject", "divert", "stop"]),
)
def test_every_recipe_comes_back_as_it_was_kept(
    recipes: Recipes, threshold: float, deadline_ms: float, unsure: str
) -> None:
    recipe = Recipe.model_validate(
        {"name": "a", "model": "m-1", "threshold": threshold, "deadline_ms": deadline_ms, "unsure": unsure}
    )
    recipes.keep(recipe)
    again = recipes.revision(recipe.revision)
    assert again == recipe
    assert canonical(again) == canonical(recipe)
