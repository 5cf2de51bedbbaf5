"""`okng install` and `uninstall`, into a staging folder."""

import os
from pathlib import Path

import pytest

from agent.errors import OkngError
from agent.install import COMMAND, MANIFEST, install, uninstall

PREFIX = Path("/opt/elsewhere")
UNITS = "usr/local/lib/systemd/system"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine with an okng in its virtual environment, and a folder that others use too."""
    command = tmp_path / "opt/elsewhere/bin/okng"
    command.parent.mkdir(parents=True)
    command.touch()
    (tmp_path / "usr/local/lib").mkdir(parents=True)
    (tmp_path / "usr/local/lib/somebody.conf").write_text("else")
    return tmp_path


def files(root: Path) -> dict[str, str]:
    """Everything but folders: path -> content, or where a link leads."""
    found = [path for path in root.rglob("*") if path.is_symlink() or path.is_file()]
    return {str(p.relative_to(root)): os.readlink(p) if p.is_symlink() else p.read_text() for p in found}


def test_everything_is_laid_for_the_prefix(root: Path) -> None:
    assert install(PREFIX, root) == 0
    laid = files(root)
    for unit in ("okng-station.service", "okng-uplink.service", "okng-web.service", "okng.target"):
        assert f"{UNITS}/{unit}" in laid
    for other in ("sysusers.d/okng.conf", "tmpfiles.d/okng.conf", "udev/rules.d/60-okng.rules"):
        assert f"usr/local/lib/{other}" in laid
    assert "ExecStart=/opt/elsewhere/bin/okng station\n" in laid[f"{UNITS}/okng-station.service"]
    assert not [name for name, text in laid.items() if "/opt/okng" in text]
    assert laid[str(COMMAND)[1:]] == "/opt/elsewhere/bin/okng"
    assert "etc/okng/station.toml" in laid


def test_twice_is_the_same(root: Path) -> None:
    install(PREFIX, root)
    first = files(root)
    assert install(PREFIX, root) == 0
    assert files(root) == first


def test_uninstall_removes_exactly_what_was_laid(root: Path) -> None:
    before = {str(p.relative_to(root)) for p in root.rglob("*")}
    install(PREFIX, root)
    install(PREFIX, root)
    data = root / "var/lib/okng/results.db"
    data.parent.mkdir(parents=True)
    data.write_text("rows")
    assert uninstall(PREFIX, root) == 0
    after = {str(p.relative_to(root)) for p in root.rglob("*")}
    kept = {"etc", "etc/okng", "etc/okng/station.toml", "var", "var/lib", "var/lib/okng", "var/lib/okng/results.db"}
    assert after == before | kept


def test_the_administrators_configuration_stays(root: Path) -> None:
    own = root / "etc/okng/station.toml"
    own.parent.mkdir(parents=True)
    own.write_text("# mine\n")
    install(PREFIX, root)
    uninstall(PREFIX, root)
    assert own.read_text() == "# mine\n"


def test_what_is_not_ours_is_not_overwritten(root: Path) -> None:
    there = root / UNITS / "okng-web.service"
    there.parent.mkdir(parents=True)
    there.write_text("# somebody's\n")
    before = files(root)
    with pytest.raises(OkngError, match=r"move it away first: .*okng-web\.service"):
        install(PREFIX, root)
    assert files(root) == before


def test_an_edited_unit_is_kept_beside_the_new_one(root: Path) -> None:
    install(PREFIX, root)
    unit = root / UNITS / "okng-web.service"
    unit.write_text("# edited\n")
    install(PREFIX, root)
    assert "ExecStart=" in unit.read_text()
    assert unit.with_name("okng-web.service.edited").read_text() == "# edited\n"


def test_an_edited_unit_survives_the_uninstall(root: Path) -> None:
    install(PREFIX, root)
    unit = root / UNITS / "okng-web.service"
    unit.write_text("# edited\n")
    uninstall(PREFIX, root)
    assert unit.read_text() == "# edited\n"


def test_another_prefix_moves_everything(root: Path) -> None:
    install(PREFIX, root)
    other = root / "srv/okng/bin/okng"
    other.parent.mkdir(parents=True)
    other.touch()
    install(Path("/srv/okng"), root)
    assert not [name for name, text in files(root).items() if "/opt/elsewhere" in text]


def test_a_prefix_without_okng_is_refused(root: Path) -> None:
    with pytest.raises(OkngError, match="there is no bin/okng"):
        install(Path("/opt/nothing"), root)


def test_nothing_to_uninstall_is_said(root: Path) -> None:
    with pytest.raises(OkngError, match="nothing to uninstall"):
        uninstall(PREFIX, root)


def test_a_damaged_manifest_is_said_and_nothing_is_touched(root: Path) -> None:
    install(PREFIX, root)
    (root / str(MANIFEST)[1:]).write_text("{")
    before = files(root)
    for what in (install, uninstall):
        with pytest.raises(OkngError, match="damaged"):
            what(PREFIX, root)
    assert files(root) == before
