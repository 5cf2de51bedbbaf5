"""The systemd units: verified, sandboxed, with the manners of firmware."""

import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

import pytest

from agent import paths
from agent.install import install

UNITS = {"okng-station.service": 17, "okng-uplink.service": 11, "okng-web.service": 10}
"""Unit -> highest exposure that `systemd-analyze security` may give, in tenths."""

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (systemd)")
SYSTEMS_UNITS = Path("/usr/lib/systemd/system")


class _Unit(ConfigParser):
    """A unit file; of a key that is given several times, all values."""

    def __init__(self) -> None:
        super().__init__(strict=False, interpolation=None)

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def unit(name: str) -> dict[str, str]:
    parser = _Unit()
    parser.read(paths.systemd() / name)
    return {**parser["Unit"], **parser["Service"]}


@pytest.fixture
def staged(tmp_path: Path) -> Path:
    """A staging folder with okng installed and the system's own units beside it."""
    command = tmp_path / "opt/okng/bin/okng"
    command.parent.mkdir(parents=True)
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    install(Path("/opt/okng"), tmp_path)
    shutil.copytree(SYSTEMS_UNITS, tmp_path / "usr/lib/systemd/system", symlinks=True)
    return tmp_path


@needs_systemd
@pytest.mark.skipif(not SYSTEMS_UNITS.is_dir(), reason="needs the system's own units (systemd)")
def test_systemd_verifies_the_installed_units(staged: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", f"--root={staged}", "--recursive-errors=no", "okng.target", *UNITS],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if "okng" in line]
    assert (done.returncode, ours) == (0, [])


@needs_systemd
@pytest.mark.parametrize(("name", "tenths"), UNITS.items())
def test_exposure(name: str, tenths: int) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={tenths}", str(paths.systemd() / name)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs_systemd
@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="needs systemd-sysusers (systemd)")
def test_users_and_folders_are_made(staged: Path) -> None:
    (staged / "etc").mkdir(exist_ok=True)
    (staged / "etc/group").write_text("root:x:0:\nvideo:x:44:\nrender:x:105:\n")
    (staged / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    subprocess.run(["systemd-sysusers", f"--root={staged}", "okng.conf"], check=True, timeout=60)
    groups = dict(line.split(":", 1) for line in (staged / "etc/group").read_text().splitlines())
    assert groups["video"].endswith(":okng")
    assert groups["render"].endswith(":okng")
    gid = groups["okng"].split(":")[1]
    users = {line.split(":")[0]: line.split(":")[3] for line in (staged / "etc/passwd").read_text().splitlines()}
    assert {users["okng"], users["okng-uplink"], users["okng-web"]} == {gid}


@pytest.mark.parametrize("name", UNITS)
def test_manners_of_firmware(name: str) -> None:
    said = unit(name)
    assert said["Type"] == "notify"
    assert int(said["WatchdogSec"]) > 0
    assert said["Restart"] == "always"
    assert said["StartLimitIntervalSec"] == "0"
    assert "MALLOC_ARENA_MAX=2" in said["Environment"] or "BOOT_ID" in said["Environment"]
    assert said["UMask"] in ("0027", "0077")
    assert said["Group"] == "okng"
    assert said["ExecStart"].startswith("/opt/okng/bin/okng ")


def test_a_trial_that_runs_out_of_memory_does_not_end_the_station() -> None:
    """FIELD 10: the default (stop) would end the unit when the kernel ends any process of it."""
    assert unit("okng-station.service")["OOMPolicy"] == "continue"


def test_78_ends_station_and_uplink_but_never_the_page() -> None:
    """FIELD 22: the page starts regardless, to say what is wrong."""
    assert unit("okng-station.service")["RestartPreventExitStatus"] == "78"
    assert unit("okng-uplink.service")["RestartPreventExitStatus"] == "78"
    assert "RestartPreventExitStatus" not in unit("okng-web.service")


def test_each_process_is_another_user() -> None:
    assert len({unit(name)["User"] for name in UNITS}) == len(UNITS)


def test_only_the_station_writes_data_and_sees_devices() -> None:
    assert unit("okng-station.service")["ReadWritePaths"] == "/var/lib/okng /run/okng"
    assert unit("okng-web.service")["ReadWritePaths"] == "/run/okng/push -/var/lib/okng/web -/var/lib/okng/uploads"
    assert unit("okng-uplink.service")["ReadWritePaths"] == "-/var/lib/okng/incoming"
    assert [name for name in UNITS if unit(name).get("PrivateDevices") != "yes"] == ["okng-station.service"]


def test_the_laid_configuration_is_read_and_says_what_is_missing(tmp_path: Path) -> None:
    from agent.errors import ConfigurationRefused
    from agent.settings import load

    with pytest.raises(ConfigurationRefused) as refused:
        load(paths.systemd() / "station.toml", {})
    assert [problem.where for problem in refused.value.problems] == ["lanes"]
    # Its examples are right too: the commented lines, made real.
    text = (paths.systemd() / "station.toml").read_text()
    own = tmp_path / "station.toml"
    secret = tmp_path / "secret"
    secret.write_text("a good secret")
    secret.chmod(0o600)
    lines = [line.removeprefix("# ") if "=" in line or line.startswith("# [") else line for line in text.splitlines()]
    own.write_text("\n".join(lines).replace("/etc/okng/broker.password", str(secret)))
    assert set(load(own, {}).config.lanes) == {"top", "virtual"}
