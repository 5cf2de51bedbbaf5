"""Between form, tables and file of a recipe: nothing is lost on the way, and whatever is typed is answered."""

import tomllib
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent.web.catalogue.text import LANGUAGES
from agent.web.recipes.differ import differences
from agent.web.recipes.fields import CLASS_FIELDS, FIELDS, UNNAMED
from agent.web.recipes.typed import filled, values_of
from agent.web.recipes.words import beside, checked, said
from agent.web.recipes.written import head_of, text_of
from agent.web.speech import CATALOGUE, Speech

FULL = """
# Boards of customer A
# (since May)

name = "board"
pipeline = "guided"
model = "boards-1"
threshold = 0.4
deadline_ms = 250
unsure = "divert"
[classes.open]
threshold = 0.3
allowed = 1
["classes"."pin-hole"]
min_size_px = 4.5
[require]
hole = 4
[quality]
max_age_ms = 100
[reference]
picture = "golden.png"
[tiles]
[[regions]]
name = "top \\"left\\""
kind = "inspect"
points = [[0.1, 0.1], [0.5, 0.1], [0.5, 0.525]]
[[regions]]
name = "mask"
kind = "ignore"
points = [[0.2, 0.2], [0.3, 0.2], [0.3, 0.3], [0.2, 0.3]]
"""


def test_every_option_of_a_recipe_is_a_field_with_its_texts() -> None:
    """One declaration: an option that is new in the recipe has to get its place and its words on the page."""
    assert frozenset() == UNNAMED
    for path, field in FIELDS.items():
        assert f"recipes.field.{path}" in CATALOGUE
        assert f"recipes.field.{path}.help" in CATALOGUE
        assert all(f"recipes.choice.{choice}" in CATALOGUE for choice in field.choices)
    assert all(f"recipes.field.{field.path}" in CATALOGUE for field in CLASS_FIELDS)
    assert (FIELDS["nms_iou"].above, FIELDS["nms_iou"].below, FIELDS["nms_iou"].default) == (0.0, 1.0, "0.45")
    assert (FIELDS["max_detections"].least, FIELDS["max_detections"].most) == (1.0, 3000.0)
    assert FIELDS["deadline_ms"].unit == "ms"


def test_a_file_through_the_form_says_the_same() -> None:
    data = tomllib.loads(FULL)
    again = filled(values_of(data))
    assert again.wrong == ()
    text = text_of("board", again.data, head_of(FULL))
    assert text.startswith('\n# Boards of customer A\n# (since May)\nname = "board"\n')
    assert tomllib.loads(text) == data
    one, other = checked("board", data)[0], checked("board", again.data)[0]
    assert one is not None
    assert other is not None
    assert one.revision == other.revision


@pytest.mark.parametrize(
    ("form", "where", "words"),
    [
        ({"threshold": "high"}, "threshold", "“high” is not a number"),
        ({"threshold": "nan"}, "threshold", "“nan” is not a number"),
        ({"threshold": "1"}, "threshold", "is 1, must be below 1"),
        ({"threshold": "1e999"}, "threshold", "“1e999” is not a number"),
        ({"max_detections": "2.5"}, "max_detections", "“2.5” is not a whole number"),
        ({"unsure": "ok"}, "unsure", "“ok”: allowed are 'reject', 'divert' or 'stop'"),
        ({"model": ""}, "model", ""),
        ({"pipeline": "difference"}, "model", ""),
        ({"classes.open.allowed": "-1"}, "classes.open.allowed", "is -1, must be at least 0"),
        ({"require.hole": "0"}, "require.hole", "is 0, must be at least 1"),
        ({"quality.min_brightness": "251"}, "quality", "must be below"),
        ({"regions.3.name": "a", "regions.3.points": "1,2 3,4"}, "regions.0", "too few: at least 3"),
        ({"regions.0.name": "a", "regions.0.points": "1,2 3,4 x,1"}, "regions.0", ""),
        ({"regions.0.points": "1,2 3,4 5,101"}, "regions.0", "is empty; is 1.01, must be at most 1"),
        ({"reference.picture": "../x", "pipeline": "guided"}, "reference.picture", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_stands_beside_its_field(form: dict[str, str], where: str, words: str) -> None:
    said_form = filled({"model": "boards-1", **form})
    _, wrong = checked("board", said_form.data)
    found = beside(Speech("en", UTC), (*said_form.wrong, *wrong))
    assert where in found
    assert words in found[where]
    chinese = {text for each in (*said_form.wrong, *wrong) for text in [said(Speech("zh", UTC), each)]}
    assert all(chinese)


@given(
    some.dictionaries(
        some.sampled_from([*FIELDS, "tiles.on", "classes.a.threshold", "classes..x", "require.", "regions.0.points"]),
        some.text("019.,-+eE x\"\\\n\x7f\x00é分", max_size=8)
        | some.sampled_from(["1,2 3,4 5,6", "0.5", "inf", "1e999"]),
        max_size=6,
    )
)  # fmt: skip
def test_whatever_is_typed_is_kept_or_named(form: dict[str, str]) -> None:
    data = filled(form)
    text = text_of("board", data.data)
    assert tomllib.loads(text) == {"name": "board", **data.data}
    recipe, wrong = checked("board", data.data)
    assert (recipe is None) == bool(wrong)
    assert all(said(Speech(language, UTC), each) for each in (*data.wrong, *wrong) for language in LANGUAGES)


def test_differences_are_told_option_by_option() -> None:
    data = tomllib.loads(FULL)
    other = {**data, "threshold": 0.5, "classes": {"open": {"allowed": 1}}, "regions": data["regions"][:1]}
    found = {(each.path, each.text, each.of): (each.before, each.after) for each in differences(data, other)}
    assert found == {
        ("threshold", "threshold", ""): ("0.4", "0.5"),
        ("classes.open.threshold", "classes.threshold", "open"): ("0.3", ""),
        ("classes.pin-hole.min_size_px", "classes.min_size_px", "pin-hole"): ("4.5", ""),
        ("regions.mask", "regions", "mask"): ("ignore 20,20 30,20 30,30 20,30", ""),
    }
    assert differences(data, data) == ()
