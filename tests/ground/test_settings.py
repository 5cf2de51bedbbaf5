"""The configuration: read, merged, refused with everything that is wrong, and the last good one kept."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as rounds
from hypothesis import strategies as some

from agent import settings
from agent.config import Config
from agent.errors import ConfigurationRefused
from agent.explain import told, told_defaults
from agent.machine import Machine
from agent.options import PATTERNS, options_of

LANE = """
[lanes.top]
recipe = "board"
camera = { kind = "virtual" }
"""
PLAIN_X86 = Machine("x86_64", "a CPU", frozenset({"avx2"}), (), frozenset(), frozenset())

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def it(text: str) -> Path:
        file = tmp_path / "station.toml"
        file.write_text(text)
        return file

    return it


def load(file: Path, **environment: str) -> settings.Loaded:
    return settings.load(file, environment, PLAIN_X86)


def problems(file: Path, **environment: str) -> dict[str, str]:
    with pytest.raises(ConfigurationRefused) as refused:
        load(file, **environment)
    return {problem.where: problem.what for problem in refused.value.problems}


def test_layers_later_wins_and_each_value_knows_where_it_came_from(write: Write) -> None:
    file = write(LANE + '[web]\nport = 8081\n[log]\nlevel = "error"\n[engine]\nthreads = 2\n')
    loaded = load(file, OKNG_WEB__PORT="8082", HOME="/nowhere")
    assert loaded.config.web.port == 8082
    assert loaded.config.log.level == "error"
    assert loaded.config.engine.threads == 2
    assert loaded.config.engine.devices == ("CPU",)
    assert loaded.config.store.window_s == 60.0
    assert loaded.profile.name == "x86-cpu"
    assert loaded.origins["web.port"] == "OKNG_WEB__PORT"
    assert loaded.origins["log.level"] == str(file)
    assert loaded.origins["engine.threads"] == str(file)
    assert loaded.origins["engine.devices"] == "profile x86-cpu"
    assert "store.window_s" not in loaded.origins


def test_a_lane_cameras_defaults_come_from_the_profile_by_kind(write: Write) -> None:
    loaded = load(write(LANE + '[lanes.usb]\nrecipe = "a"\ncamera = { kind = "v4l2", serial = "1" }\n'))
    assert loaded.origins["lanes.usb.camera.fourcc"] == "profile x86-cpu"
    assert "lanes.top.camera.fourcc" not in loaded.origins


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("OKNG_STATION__SITE", "0815", "station.site", "0815"),
        ("OKNG_WEB__PORT", "81", "web.port", 81),
        ("OKNG_UPLINK__PROTOCOL", "3", "uplink.protocol", 3),
        ("OKNG_UPLINK__COMMANDS", "false", "uplink.commands", False),
        ("OKNG_ENGINE__DEVICES", '["GPU", "CPU"]', "engine.devices", ("GPU", "CPU")),
        ("OKNG_STORE__WINDOW_S", "1.5", "store.window_s", 1.5),
        ("OKNG_LANES__TOP__RECIPE", "other", "lanes.top.recipe", "other"),
        ("OKNG_UPLINK__TLS", '{ minimum = "1.2" }', "uplink.tls.minimum", "1.2"),
    ],
)
def test_environment(write: Write, variable: str, text: str, name: str, value: object) -> None:
    here: object = load(write(LANE), **{variable: text}).config
    for step in name.split("."):
        here = here[step] if isinstance(here, dict) else getattr(here, step)
    assert here == value


def test_five_mistakes_are_all_named(write: Write) -> None:
    file = write("""
[station]
timezone = "Europe/Berln"
[lanes.top]
recipe = "board"
[lanes.top.camera]
kind = "virtual"
rate_hz = -1
[lanes.b]
recipe = "board"
camera = { kind = "v4l2", serial = "A" }
[lanes.c]
recipe = "board"
camera = { kind = "v4l2", serial = "A" }
[web]
hots = "0.0.0.0"
[engine]
precision = "f23"
""")
    said = problems(file)
    assert said == {
        "station.timezone": "is 'Europe/Berln', not an IANA time zone, did you mean Europe/Berlin?",
        "lanes.top.camera.rate_hz": "is -1, allowed: a number, above 0 and at most 1000 (1/s)",
        "lanes.c.camera": "v4l2 A is the camera of lane b already; a camera has one lane",
        "web.hots": "unknown, did you mean host?",
        "engine.precision": "is 'f23', allowed: auto, f32, bf16, f16, did you mean f32?",
    }


def test_a_mistake_hides_no_other_in_the_same_camera(write: Write) -> None:
    one, other = (f'[lanes.{n}]\nrecipe = "a"\ncamera = {{ kind = "v4l2", serial = "A", fps = 0 }}\n' for n in "ab")
    assert set(problems(write(one + other))) == {"lanes.a.camera.fps", "lanes.b.camera.fps", "lanes.b.camera"}
    untold = problems(write('[lanes.a]\nrecipe = "a"\ncamera = { kind = "v4l2", serial = 3 }\n'))
    assert set(untold) == {"lanes.a.camera.serial"}


def test_lines_that_are_not_toml_are_named_and_the_rest_is_still_checked(write: Write) -> None:
    file = write(LANE + "[web]\nport 8080\nhost = 3\n[log\nlevel = 1\n")
    said = problems(file)
    lines = sorted(where for where in said if " line " in where)
    assert lines == [f"{file} line 6", f"{file} line 8"]
    assert said["web.host"].startswith("is 3, allowed: text")


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("[webb]\nport = 1", "webb", "did you mean web?"),
        ('[web]\nlevel = "info"', "web.level", "did you mean log.level?"),
        ("[web]\nport = true_", "line", "is not TOML"),
        ('[web]\nport = "many"', "web.port", "is 'many', allowed: a whole number, 0 to 65535"),
        ('[web]\npassword_file = "/nowhere/x"', "web.password_file", "it is gone, because everybody has a name"),
        ('[web]\ncertificate = "/nowhere/x"', "web.certificate", "No such file"),
        ('[web]\nkey = "/nowhere/x"', "web.certificate", "is missing: web.key is given"),
        ('[uplink]\nhost = "mqtt://a"', "uplink.host", "a host name or address alone"),
        ('[uplink]\ntopic = "a//b"', "uplink.topic", "none empty"),
        ('[uplink]\ntopic = "{plant}"', "uplink.topic", "{site}, {line}, {station}"),
        ("[uplink]\nretry_min_s = 500", "uplink.retry_min_s", "at most retry_max_s (120.0)"),
        ('[uplink.tls]\ncertificate = "/x"', "uplink.tls", "needed together"),
        ("[uplink]\nrate_per_s = inf", "uplink.rate_per_s", "a finite number"),
        ('[engine]\ndevices = ["cpu"]', "engine.devices", "did you mean CPU?"),
        ('[station]\nprofile = "intel-npx"', "station.profile", "did you mean intel-npu?"),
        ('[station]\nname = "Station 1"', "station.name", "lower case letters"),
        ('[station]\ndata = "/run/okng/data"', "station.data", "emptied at every boot"),
        ('[lanes.Top]\nrecipe = "a"\ncamera = { kind = "push" }', "lanes.Top", "lower case letters"),
        ('[lanes.a]\nrecipe = "a"\ncamera = { kind = "virtul" }', "lanes.a.camera.kind", "did you mean virtual?"),
        ('[lanes.a]\nrecipe = "a"\ncamera = { }', "lanes.a.camera.kind", "is missing, allowed: v4l2,"),
        ('[lanes.a]\ncamera = { kind = "push" }', "lanes.a.recipe", "is missing"),
        ('[lanes.a]\nrecipe = "a"\ncamera = { kind = "v4l2" }', "lanes.a.camera", "serial and path are both empty"),
        (
            '[lanes.a]\nrecipe = "a"\ncamera = { kind = "folder", folder = "/f", judged = "move", move_to = "/f" }',
            "lanes.a.camera.move_to",
            "find the judged pictures again",
        ),
        (
            '[lanes.a]\nrecipe = "a"\nkeep = "newest"\ncamera = { kind = "folder", folder = "/f" }',
            "lanes.a.keep",
            "is newest, allowed: auto or every; this folder camera does not run free",
        ),
        ('[lanes.a]\nrecipe = "a"\nkeep = "newest"\ncamera = { kind = "push" }', "lanes.a.keep", "this push camera"),
        (
            '[lanes.a]\nrecipe = "a"\nkeep = "newest"\ncamera = { kind = "video", file = "/v", pace = "fast" }',
            "lanes.a.keep",
            "dropped unjudged",
        ),
        (
            '[lanes.a]\nrecipe = "a"\nkeep = "newest"\ncamera = { kind = "virtual", free_run = false }',
            "lanes.a.keep",
            "this virtual camera",
        ),
        (
            '[lanes.a]\nrecipe = "a"\ncommit = "opened"\ncamera = { kind = "virtual" }',
            "lanes.a.commit",
            "allowed: auto or grouped, or keep = every",
        ),
        (
            '[lanes.a]\nrecipe = "a"\ncamera = { kind = "virtual", wrong_size = "refuse" }',
            "lanes.a.camera.wrong_size",
            "unknown",
        ),
        (
            '[lanes.a]\nrecipe = "a"\n'
            'camera = { kind = "virtual", faults = [{ kind = "dark", at_s = 1, for_s = 3, every_s = 2 }] }',
            "lanes.a.camera.faults.0.every_s",
            "above for_s (3.0)",
        ),
    ],
)
def test_what_is_wrong_is_named_with_what_is_allowed(write: Write, text: str, where: str, what: str) -> None:
    """FIELD 22 begins here: a change is refused before it takes effect, and says why."""
    said = problems(write(f"{LANE}{text}\n"))
    assert any(where in place and what in found for place, found in said.items()), said


def test_no_lane_is_refused(write: Write) -> None:
    assert "at least one" in problems(write("[web]\nport = 1\n"))["lanes"]


def test_a_password_in_an_address_is_not_repeated(write: Write) -> None:
    file = write(LANE + '[lanes.a]\nrecipe = "a"\ncamera = { kind = "rtsp", url = "rtsp://u:geheim@10.0.0.1/x" }\n')
    said = problems(file)["lanes.a.camera.url"]
    assert "geheim" not in said
    assert "password_file" in said


def test_wrong_variables_name_themselves(write: Write) -> None:
    said = problems(write(LANE), OKNG_WEB__PORT="99999", OKNG_WEBB__PORT="1", OKNG_ENGINE__DEVICES='["CPU"')
    assert said["web.port"].endswith("(from OKNG_WEB__PORT)")
    assert "did you mean web?" in said["webb"]
    assert "as TOML writes it" in said["OKNG_ENGINE__DEVICES"]


def test_a_file_that_is_not_there_is_one_problem(tmp_path: Path) -> None:
    file = tmp_path / "none.toml"
    assert list(problems(file)) == [str(file)]


def test_relative_paths_belong_to_the_file(write: Write) -> None:
    file = write(LANE + '[station]\ndata = "state"\n')
    assert load(file).config.station.data == file.parent / "state"


def test_readable_secrets_only_warn(write: Write, tmp_path: Path) -> None:
    secret = tmp_path / "broker.password"
    secret.write_text("x")
    secret.chmod(0o644)
    loaded = load(write(LANE + f'[uplink]\nuser = "u"\npassword_file = "{secret}"\n'))
    assert [problem.where for problem in loaded.warnings] == ["uplink.password_file"]


@pytest.mark.parametrize(
    "lane",
    [
        'keep = "newest"\ncamera = { kind = "virtual" }',
        'keep = "newest"\ncamera = { kind = "video", file = "/v" }',
        'keep = "every"\ncommit = "opened"\ncamera = { kind = "virtual" }',
        'commit = "opened"\ncamera = { kind = "push" }',
        'camera = { kind = "v4l2", path = "/dev/video0", wrong_size = "refuse" }',
    ],
)
def test_what_a_lane_may_keep_and_open(write: Write, lane: str) -> None:
    load(write(f'[lanes.a]\nrecipe = "a"\n{lane}\n'))


# The last good one


def test_a_bad_change_runs_on_the_last_good_configuration(write: Write, tmp_path: Path) -> None:
    """FIELD (taken from Frigate): safe mode on a bad configuration; FIELD 22."""
    good = LANE + f'[station]\ndata = "{tmp_path}/data"\n[web]\nport = 8099\n'
    settings.remember(load(write(good)))
    file = write(good + "prot = 1\n[webb]\n")
    again = settings.load_or_last_good(file, {}, PLAIN_X86)
    assert again.config.web.port == 8099
    assert "web.prot: unknown, did you mean port?" in again.safe_mode
    assert "webb" in again.safe_mode
    assert again.origins["web.port"] == str(file)
    settings.remember(again)  # safe mode never overwrites what is good
    assert settings.recall(tmp_path / "data") is not None


def test_even_a_file_that_is_not_toml_finds_its_last_good_one(write: Write, tmp_path: Path) -> None:
    good = f'[station]\ndata = "{tmp_path}/data"\n{LANE}'
    settings.remember(load(write(good)))
    assert settings.load_or_last_good(write(good + "]]]\n"), {}, PLAIN_X86).safe_mode


def test_where_none_was_ever_good_it_is_refused(write: Write, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused):
        settings.load_or_last_good(write(f'[station]\ndata = "{tmp_path}"\n[webb]\n'), {}, PLAIN_X86)


def test_a_damaged_last_good_one_is_none(tmp_path: Path) -> None:
    file = tmp_path / settings.LAST_GOOD
    file.parent.mkdir()
    for body in ("", "{}", '{"config": 3}', json.dumps({"config": {"web": {"port": -1}}})):
        file.write_text(body)
        assert settings.recall(tmp_path) is None


def test_the_page_starts_whatever_is_wrong(write: Write, tmp_path: Path) -> None:
    config, why = settings.for_page(write(f'[station]\ndata = "{tmp_path}"\n[web]\nport = 8123\n[webb]\n'), {})
    assert config.web.port == 8123
    assert config.web.host == "127.0.0.1"
    assert "webb" in why


def test_the_page_never_listens_on_an_address_that_was_refused(write: Write, tmp_path: Path) -> None:
    text = f'[station]\ndata = "{tmp_path}"\n[web]\nhost = "0.0.0.0"\nkey = "/nowhere/x"\nport = 8123\n'
    config, why = settings.for_page(write(text + LANE), {})
    assert config.web.host == "127.0.0.1"
    assert "web.key" in why


# Explaining


def test_explain_names_every_option_with_its_value_and_origin(write: Write) -> None:
    file = write(LANE + "[web]\nport = 8081\n")
    text = told(load(file, OKNG_LOG__LEVEL="debug"))
    for option in options_of(Config):
        if option.name != "lanes":
            assert f"{option.name} = " in text
    assert f"web.port = 8081    # {file}, default 8080" in text
    assert 'log.level = "debug"    # OKNG_LOG__LEVEL, default "info"' in text
    assert "lanes.top.camera.rate_hz = 10.0    # default" in text
    assert "x86-cpu" in text
    assert "lanes.NAME.camera with kind" in told_defaults()


def test_every_option_has_a_meaning_and_every_pattern_has_words() -> None:
    for option in options_of(Config):
        assert option.meaning, option.name
        assert "matching ^" not in option.allowed, (option.name, PATTERNS)


# What must always hold


def loads_or_says_why(file: Path, **environment: str) -> bool:
    try:
        load(file, **environment)
    except ConfigurationRefused as refused:
        return bool(refused.problems)
    return True


@rounds(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=some.text(max_size=200))
def test_no_text_crashes_the_reading(tmp_path: Path, text: str) -> None:
    file = tmp_path / "any.toml"
    file.write_text(f"{LANE}{text}\n", encoding="utf-8", errors="surrogateescape", newline="")
    assert loads_or_says_why(file)


@rounds(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    section=some.sampled_from(sorted(Config.model_fields)),
    name=some.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12),
    value=some.one_of(some.integers(-(2**40), 2**40), some.booleans(), some.text("ab[]{}\"'", max_size=8)),
)
def test_no_variable_crashes_the_reading(tmp_path: Path, section: str, name: str, value: object) -> None:
    file = tmp_path / "station.toml"
    file.write_text(LANE)
    assert loads_or_says_why(file, **{f"OKNG_{section}__{name}".upper(): str(value)})
