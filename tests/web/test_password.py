"""The page's password: its file, who is let in, and how often one may guess."""

import base64
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agent.errors import ConfigurationRefused
from agent.web.password import Door, PasswordRefused, read_password, write_password


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("password") / "password"
    write_password(path, "correct horse 密码")
    return path


def test_the_file_holds_a_hash_for_owner_and_group_only(file: Path) -> None:
    assert "horse" not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_only_the_right_password_opens(file: Path) -> None:
    door = Door(read_password(file))
    right = basic("okng", "correct horse 密码")
    assert not door.knows(right)
    for wrong in (basic("okng", "wrong"), basic("root", "correct horse 密码"), "Bearer x", "Basic ###", "", "Basic"):
        assert door.knock(wrong, f"of {wrong}") == "shut"
        assert not door.knows(wrong)
    assert door.knock(right, "5.6.7.8") == "open"
    assert door.knows(right)
    assert not door.knows(basic("okng", "correct horse"))


def test_guessing_is_slowed_down_by_address(file: Path) -> None:
    seconds = [0.0]
    door = Door(read_password(file), monotonic=lambda: seconds[0])
    for _ in range(5):
        assert door.wait_s("1.2.3.4") == 0
        assert door.knock(basic("okng", "guess"), "1.2.3.4") == "shut"
    assert door.knock(basic("okng", "guess"), "1.2.3.4") == "wait"
    assert door.wait_s("1.2.3.4") == 60
    assert door.wait_s("5.6.7.8") == 0
    seconds[0] = 61
    assert door.wait_s("1.2.3.4") == 0


def test_guesses_that_come_together_are_looked_at_no_more_often(file: Path) -> None:
    """FIELD 24: forty at once, all of which found nothing wrong yet when they came."""
    door = Door(read_password(file))
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda n: door.knock(basic("okng", f"guess {n}"), "1.2.3.4"), range(40)))
    assert (said.count("shut"), said.count("wait")) == (5, 35)


@pytest.mark.parametrize("password", ["", "short", "x" * 2000])
def test_bad_passwords_are_refused(tmp_path: Path, password: str) -> None:
    with pytest.raises(PasswordRefused, match="allowed: 8 to 1024"):
        write_password(tmp_path / "password", password)


@pytest.mark.parametrize(
    "text", ["", "secret", "scrypt$1$8$1$AAAA$AAAA", "scrypt$32768$8$1$!!$AA", "scrypt$x$8$1$a$b", "ä"]
)
def test_a_file_that_is_no_hash_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "password"
    path.write_text(text)
    with pytest.raises(ConfigurationRefused, match=r"password_file.*password"):
        read_password(path)


def test_a_missing_file_is_refused_and_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationRefused, match="okng password"):
        read_password(tmp_path / "none")
