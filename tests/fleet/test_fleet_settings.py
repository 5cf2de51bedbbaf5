"""The centre's configuration, and the topics that it is told."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import ConfigurationRefused
from agent.layers import environment_layer
from fleet.intake.topics import Address, Topics, problem_of
from fleet.settings import load
from fleet.store.database import Database


def test_defaults_file_and_environment(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text('[fleet]\ndata = "data"\n[broker]\nhost = "broker"\n[web]\nhost = "0.0.0.0"\n')
    environment = {"OKNG_FLEET_BROKER__PORT": "1884", "OKNG_WEB__PORT": "1"}
    config = load(file, environment).config
    assert config.fleet.data == tmp_path / "data"
    assert (config.broker.host, config.broker.port, config.broker.group) == ("broker", 1884, "okng-fleet")
    assert (config.web.host, config.web.port) == ("0.0.0.0", 8090)


def test_a_station_does_not_take_the_centres_variables() -> None:
    said = environment_layer({"OKNG_FLEET_BROKER__PORT": "1884", "OKNG_WEB__PORT": "1"})
    assert said.values == {"web": {"port": "1"}}
    assert not said.problems


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    file = tmp_path / "fleet.toml"
    file.write_text('[fleet]\ntimezone = "Mars/Olympus"\n[broker]\ntopic = "okng/{site}/{line}"\n')
    with pytest.raises(ConfigurationRefused) as refused:
        load(file, {})
    assert [p.where for p in refused.value.problems] == ["broker.topic", "fleet.timezone"]
    file.write_text('[broker]\nprot = 5\nprotocol = 4\n[store]\nurl = "mysql://x"\n')
    with pytest.raises(ConfigurationRefused) as refused:
        load(file, {})
    assert [str(p) for p in refused.value.problems] == [
        "broker.protocol: is 4, allowed: 5, 3",
        "broker.prot: unknown, did you mean port?",
        "store.url: is 'mysql://x', allowed: text, sqlite:///FILE or postgresql+psycopg://USER@HOST/DATABASE",
    ]


def test_an_address_of_a_database_holds_no_password() -> None:
    with pytest.raises(ConfigurationRefused, match=r"a password comes from store\.password_file"):
        Database("postgresql+psycopg://okng:secret@db/okng")
    assert Database("sqlite:////tmp/x.db").where == "sqlite:////tmp/x.db"


SLUGS = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,10}", fullmatch=True)


@given(address=st.builds(Address, SLUGS, SLUGS, SLUGS), below=st.sampled_from(["event", "summary/top", "status"]))
def test_a_prefix_is_read_back(address: Address, below: str) -> None:
    for template in ("okng/{site}/{line}/{station}", "{station}/x/{site}/{line}"):
        topics = Topics(template)
        found = topics.parse(f"{topics.prefix(address)}/{below}")
        assert found is not None
        assert (found.address, found.below) == (address, below)


@given(st.text(alphabet="okng/+#{}Ax-_ 0", max_size=40))
def test_no_topic_raises(topic: str) -> None:
    found = Topics("okng/{site}/{line}/{station}").parse(topic)
    assert found is None or topic.startswith("okng/")


@pytest.mark.parametrize("wrong", ["okng", "{site}/{line}/{station}/{site}", "a{site}/{line}/{station}", "+/{site}"])
def test_a_template_names_each_place_once(wrong: str) -> None:
    assert "each as one whole level" in problem_of(wrong)


def test_filters() -> None:
    assert Topics("okng/{site}/{line}/{station}").every("summary/+") == "okng/+/+/+/summary/+"
