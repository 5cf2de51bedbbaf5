"""The catalogue: every text in both languages, every key that is used exists, every state has its words."""

import re
import string
from pathlib import Path
from typing import get_args

import pytest

from agent import paths
from agent.config import AnyCamera
from agent.station.verbs import UPDATE_EVENTS
from agent.status import CameraState, DiskStatus, EngineState, UplinkState
from agent.web import board, shown
from agent.web.answers import StagesAnswer
from agent.web.catalogue.areas import CATALOGUES
from agent.web.catalogue.text import LANGUAGES
from agent.web.sheet import THEMES
from agent.web.shown import Mode
from agent.web.speech import CATALOGUE
from pipelines.values import Outcome, Purpose, Rule

_SOURCES = [*paths.templates().rglob("*.html"), *Path(board.__file__).parent.rglob("*.py")]
_USED = re.compile(r"""(?<![\w.])(?:t|say|speech\.say|self\.say)\(\s*["']([a-z_0-9.A-Z-]+)["']\s*([,)~])""")
_PREFIX = re.compile(r"""(?:\bt|say)\(\s*(?:f["']([a-z_.]+)\{|["']([a-z_.]+)["']\s*~)""")


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("key", CATALOGUE)
def test_each_text_is_in_both_languages_and_takes_the_same_values(key: str) -> None:
    text = CATALOGUE[key]
    assert all(text.of(language).strip() for language in LANGUAGES)
    assert _fields(text.en) == _fields(text.zh)


def test_no_key_stands_twice() -> None:
    assert len(CATALOGUE) == sum(map(len, CATALOGUES))


def test_chinese_texts_are_chinese() -> None:
    """What is the same in both languages is a name, a unit or a verdict that plants say in English."""
    same = {key for key, text in CATALOGUE.items() if text.en == text.zh}
    plain = {
        "verdict.OK", "verdict.NG", "count.ok", "count.ng", "latency.p50", "latency.p99", "foot.version",
        "part.download.json",
    }  # fmt: skip
    figures = {key for key in same if re.fullmatch(r"[{}\w /]+", CATALOGUE[key].en) and key.endswith(".why")}
    assert same <= plain | figures


def test_every_key_that_is_used_exists() -> None:
    used = {(file.name, key) for file in _SOURCES for key, after in _USED.findall(file.read_text()) if after != "~"}
    assert len(used) > 100
    assert {pair for pair in used if pair[1] not in CATALOGUE} == set()


def test_every_key_that_is_put_together_has_texts() -> None:
    prefixes = {a or b for file in _SOURCES for a, b in _PREFIX.findall(file.read_text())}
    assert {"verdict.", "mode.", "rule.", "stage.", "purpose.", "field."} <= prefixes
    assert {p for p in prefixes if not any(key.startswith(p) for key in CATALOGUE)} == set()


def test_every_name_of_the_contracts_has_its_words() -> None:
    kinds = [config.model_fields["kind"].annotation for config in get_args(get_args(AnyCamera)[0])]
    evidence = DiskStatus.model_fields["evidence"].annotation
    wanted = [
        *(f"verdict.{o}{suffix}" for o in Outcome for suffix in ("", ".sub")),
        *(f"rule.{r}{suffix}" for r in Rule for suffix in ("", ".why")),
        *(f"purpose.{p}" for p in Purpose),
        *(f"mode.{m}{suffix}" for m in (*Mode, "unlinked") for suffix in ("", ".sub")),
        *(f"camera.{s}" for s in get_args(CameraState)),
        *(f"engine.{s}" for s in get_args(EngineState)),
        *(f"uplink.{s}" for s in get_args(UplinkState)),
        *(f"disk.{s}" for s in get_args(evidence)),
        *(f"camera_kind.{get_args(kind)[0]}" for kind in kinds),
        *(f"theme.{theme}" for theme in THEMES),
        *(f"stage.{name}" for name in StagesAnswer.model_fields),
    ]
    assert [key for key in wanted if key not in CATALOGUE] == []


def test_every_mode_has_a_tone_and_an_icon_that_is_drawn() -> None:
    drawn = set(re.findall(r'id="i-([a-z-]+)"', (paths.templates() / "icons.html").read_text()))
    assert set(shown.TONES) == set(shown.ICONS) == set(Mode)
    assert set(shown.ICONS.values()) | set(shown.VERDICT_TONES.values()) <= drawn
    used = {name for file in _SOURCES for name in re.findall(r'icon\("([a-z-]+)"', file.read_text())}
    assert used <= drawn


def test_every_event_that_the_station_makes_has_its_words() -> None:
    agent = paths.templates().parent.parent
    source = "".join(file.read_text() for part in ("station", "store") for file in (agent / part).rglob("*.py"))
    states = {f"camera_{state}" for state in get_args(CameraState)}
    names = states | set(UPDATE_EVENTS) | set(re.findall(r'event\(\s*"([a-z_]+)"', source))
    assert len(names) > 40
    assert {name for name in names if f"event.{name}" not in CATALOGUE} == set()


def test_every_alarm_that_the_station_raises_has_its_words() -> None:
    source = (paths.templates().parent.parent / "station" / "state.py").read_text()
    names = set(re.findall(r'Cause\("([a-z_]+)"', source))
    assert names
    assert {name for name in names if f"alarm.{name}" not in CATALOGUE} == set()
