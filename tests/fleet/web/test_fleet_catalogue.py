"""The fleet's catalogue: both languages, every key that is used exists, every state has its words."""

import re
import string
from pathlib import Path
from typing import get_args

import pytest

from agent import paths
from agent.web.catalogue.here import HERE as STATIONS_HERE
from agent.web.catalogue.text import LANGUAGES
from fleet.intake.values import Cause
from fleet.rollout.values import PHASES, PROGRESSES
from fleet.store.values import KINDS
from fleet.web import app
from fleet.web.catalogue.areas import CATALOGUE, CATALOGUES
from fleet.web.catalogue.here import HERE
from fleet.web.hours import HITS
from fleet.web.how import PROOFS, STATES
from fleet.web.listed import ORDERS, SHOWS
from fleet.web.nav import PLACES, SETUP
from fleet.web.period import PERIODS

_OURS = Path(app.__file__).parent
_SHARED = ("base.html", "error.html", "macros.html", "charts/figure.html", "people")
_USED = re.compile(r"""(?<![\w.])(?:t|say|speech\.say|self\.say)\(\s*["']([a-z_0-9.A-Z-]+)["']\s*([,)~])""")


def _sources() -> list[Path]:
    shared = [paths.templates() / name for name in _SHARED]
    files = [file for each in shared for file in ([each] if each.is_file() else each.rglob("*.html"))]
    return [*files, *_OURS.rglob("*.html"), *_OURS.rglob("*.py")]


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_no_key_stands_twice() -> None:
    assert len(CATALOGUE) == sum(map(len, CATALOGUES))


def test_the_place_is_called_by_its_own_name() -> None:
    """What the shared pages say of the place is there for both programs."""
    assert set(HERE) == set(STATIONS_HERE)


@pytest.mark.parametrize("key", CATALOGUE)
def test_each_text_of_the_fleet_takes_the_same_values_in_both_languages(key: str) -> None:
    text = CATALOGUE[key]
    assert all(text.of(language).strip() for language in LANGUAGES)
    assert _fields(text.en) == _fields(text.zh)


def test_every_key_that_is_used_exists() -> None:
    used = {(file.name, key) for file in _sources() for key, after in _USED.findall(file.read_text()) if after != "~"}
    assert len(used) > 100
    assert {pair for pair in used if pair[1] not in CATALOGUE} == set()


def test_every_word_of_the_code_has_its_text() -> None:
    wanted = [
        *(f"nav.{place.name}" for place in (*PLACES, *SETUP)),
        *(f"state.{name}" for name in STATES),
        *(f"proof.{name}" for name in PROOFS),
        *(f"sync.count.{name}" for name in PROOFS),
        *(f"show.{name}" for name in SHOWS),
        *(f"order.{name}" for name in ORDERS),
        *(f"period.{name}" for name in PERIODS),
        *(f"fleet.control.{name}" for name in HITS),
        *(f"fleet.causes.{kind}{suffix}" for kind in KINDS for suffix in ("", ".caption", ".none")),
        *(f"phase.{phase}" for phase in PHASES),
        *(f"progress.{progress}" for progress in PROGRESSES),
        *(f"cause.{cause}" for cause in get_args(Cause)),
    ]
    assert [key for key in wanted if key not in CATALOGUE] == []
