"""The section [models]: whose models a station takes, and in which words it takes anybody's."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as rounds
from hypothesis import strategies as some
from pydantic import TypeAdapter, ValidationError

from agent import settings
from agent.config import ACCEPT_UNSIGNED, PublicKey
from agent.errors import ConfigurationRefused
from agent.machine import Machine

LANE = '[lanes.top]\nrecipe = "board"\ncamera = { kind = "virtual" }\n'
MACHINE = Machine("x86_64", "a CPU", frozenset({"avx2"}), (), frozenset(), frozenset())
KEY = base64.b64encode(bytes(range(32))).decode()


def load(folder: Path, text: str) -> settings.Loaded:
    (folder / "station.toml").write_text(LANE + text)
    return settings.load(folder / "station.toml", {}, MACHINE)


def problems(folder: Path, text: str) -> dict[str, str]:
    with pytest.raises(ConfigurationRefused) as refused:
        load(folder, text)
    return {problem.where: problem.what for problem in refused.value.problems}


def test_nobodys_models_are_taken_unless_somebody_says_so(tmp_path: Path) -> None:
    models = load(tmp_path, "").config.models
    assert (models.trusted_keys, models.accept_unsigned) == ({}, "")


def test_keys_have_names(tmp_path: Path) -> None:
    loaded = load(tmp_path, f'[models.trusted_keys]\nworkshop = "{KEY}"\n')
    assert loaded.config.models.trusted_keys == {"workshop": KEY}
    assert not [warning for warning in loaded.warnings if "models" in warning.where]


@pytest.mark.parametrize(
    "key", ["", "secret", KEY[:-1], KEY + "=", KEY[:-2] + "9=", base64.b64encode(bytes(31)).decode()]
)
def test_what_is_no_key_is_refused_by_its_name(tmp_path: Path, key: str) -> None:
    found = problems(tmp_path, f'[models.trusted_keys]\nworkshop = "{key}"\n')
    assert "a public key: 32 bytes in base64" in found["models.trusted_keys.workshop"]


def test_the_same_key_twice_is_probably_not_meant(tmp_path: Path) -> None:
    loaded = load(tmp_path, f'[models.trusted_keys]\na = "{KEY}"\nb = "{KEY}"\n')
    assert [w.what for w in loaded.warnings if w.where == "models.trusted_keys.b"] == ["is the key of a too"]


@pytest.mark.parametrize("words", ["yes", "true", ACCEPT_UNSIGNED.upper(), ACCEPT_UNSIGNED + "."])
def test_unsigned_models_need_the_very_words(tmp_path: Path, words: str) -> None:
    found = problems(tmp_path, f'[models]\naccept_unsigned = "{words}"\n')
    assert f'the very words "{ACCEPT_UNSIGNED}"' in found["models.accept_unsigned"]


def test_the_very_words_are_taken_and_warned_of(tmp_path: Path) -> None:
    loaded = load(tmp_path, f'[models]\naccept_unsigned = "{ACCEPT_UNSIGNED}"\n')
    assert [w.where for w in loaded.warnings if w.where.startswith("models")] == ["models.accept_unsigned"]


@rounds(deadline=None)
@given(some.binary(max_size=40))
def test_a_key_is_32_bytes_in_its_one_form(content: bytes) -> None:
    text = base64.b64encode(content).decode()
    try:
        taken = TypeAdapter(PublicKey).validate_python(text) == text
    except ValidationError:
        taken = False
    assert taken == (len(content) == 32)


@rounds(deadline=None)
@given(some.binary(min_size=32, max_size=32))
def test_every_key_can_be_written_down(content: bytes) -> None:
    TypeAdapter(PublicKey).validate_python(base64.b64encode(content).decode())
