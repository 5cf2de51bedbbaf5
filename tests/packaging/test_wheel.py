"""The wheel, as a station gets it: built, installed into an empty environment, and complete."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

from agent import paths

ROOT = Path(__file__).resolve().parents[2]
LOOK = """
import importlib.util, json, sys
from pathlib import Path
import agent, pipelines
from agent import paths
from agent.profile import read_profiles
home = Path(agent.__file__).parent
print(json.dumps({
    "home": str(home),
    "profiles": [p.name for p in read_profiles(paths.device_profiles())],
    "files": {
        name: sorted(str(f.relative_to(folder)) for f in folder.rglob("*")
                     if f.is_file() and "__pycache__" not in f.parts and f.name != "__init__.py")
        for name, folder in {
            "systemd": paths.systemd(), "models": paths.bundled_models(), "recipes": paths.bundled_recipes(),
            "migrations": paths.migrations(), "templates": paths.templates(), "static": paths.static(),
        }.items()
    },
}))
"""


def needs_hatchling() -> bool:
    import importlib.util

    return importlib.util.find_spec("hatchling") is None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy of the source without what git ignores."""
    if needs_hatchling():
        pytest.skip("needs hatchling (requirements/station.txt)")
    source = tmp_path_factory.mktemp("source") / "okng"
    skip = shutil.ignore_patterns(".git", ".venv*", "__pycache__", ".*_cache", ".hypothesis", "build", "dist", "tests")
    shutil.copytree(ROOT, source, ignore=skip, symlinks=True)
    if not (source / "README.md").exists():
        pytest.skip("the source has no README.md")
    out = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "wheel", "--quiet", "--no-deps"]
    done = subprocess.run(
        [*pip, "--no-build-isolation", "--no-index", "--wheel-dir", str(out), str(source)],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = out.glob("okng-*.whl")
    return built


def test_the_wheel_works_in_an_empty_environment(wheel: Path, tmp_path: Path) -> None:
    home = tmp_path / "venv"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    site = Path(
        subprocess.run(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
    )
    install = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        str(python),
        "install",
        "--quiet",
    ]
    subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], check=True, timeout=110)
    # What okng depends on is taken from this environment, after the wheel's own packages.
    (site / "zz-dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    said = subprocess.run(
        [python, "-c", LOOK], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert said.returncode == 0, said.stderr
    found = json.loads(said.stdout)
    assert found["home"] == str(site / "agent")
    assert found["profiles"] == sorted(f.stem for f in (ROOT / "device_profiles").glob("*.toml"))
    assert found["files"] == {
        "systemd": here(paths.systemd()),
        "models": here(paths.bundled_models()),
        "recipes": here(paths.bundled_recipes()),
        "migrations": here(paths.migrations()),
        "templates": here(paths.templates()),
        "static": here(paths.static()),
    }
    version = subprocess.run(
        [home / "bin" / "okng", "version"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert version.returncode == 0, version.stderr
    assert version.stdout.startswith("okng ")


def here(folder: Path) -> list[str]:
    found = [f for f in folder.rglob("*") if f.is_file() and "__pycache__" not in f.parts and f.name != "__init__.py"]
    return sorted(str(f.relative_to(folder)) for f in found)


def test_the_wheel_carries_its_licences_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = next(archive.read(n).decode() for n in names if n.endswith(".dist-info/METADATA"))
    assert "License-Expression: Apache-2.0 AND AGPL-3.0-only" in metadata
    for licence in ("LICENSE", "LICENSES/AGPL-3.0-only.txt", "LICENSES/Apache-2.0.txt"):
        assert any(name.endswith(f".dist-info/licenses/{licence}") for name in names), licence
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"agent", "fleet", "pipelines", "training"}
    assert sorted(
        n.removeprefix("fleet/") for n in names if n.startswith("fleet/") and not n.endswith("__init__.py")
    ) == here(ROOT / "fleet")


def test_bundled_models_are_small() -> None:
    """At most 4 MB each, as the wheel carries them."""
    for bundle in paths.bundled_models().glob("*/"):
        assert sum(f.stat().st_size for f in bundle.rglob("*") if f.is_file()) <= 4_000_000, bundle.name


@pytest.mark.parametrize("name", ["demo.txt", "station.txt", "test.txt"])
def test_locks_have_hashes_and_no_addresses(name: str) -> None:
    text = (ROOT / "requirements" / name).read_text()
    pins = re.findall(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==[^\s;]+.*$", text, re.MULTILINE)
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert pins
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"https?://|file:|--index-url|--find-links|(^|\s)/", text)


def test_the_lock_has_all_that_the_project_names() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name, wanted in {
        "station.txt": [*project["dependencies"], "hatchling"],
        "demo.txt": [*project["dependencies"], *project["optional-dependencies"]["demo"]],
        "test.txt": [*project["dependencies"], *project["optional-dependencies"]["test"]],
    }.items():
        text = (ROOT / "requirements" / name).read_text().lower()
        for requirement in (r for r in wanted if not r.startswith("okng[")):  # extras of our own have no pin
            package = re.split(r"[\s<>=!~;\[]", requirement)[0].lower().replace("_", "-")
            assert re.search(rf"^{re.escape(package)}==", text, re.MULTILINE), f"{package} is not in {name}: make lock"


def test_the_test_lock_only_adds_to_the_stations() -> None:
    def pins(name: str) -> set[str]:
        return set(re.findall(r"^\S+==\S+", (ROOT / "requirements" / name).read_text(), re.MULTILINE))

    assert pins("station.txt") <= pins("test.txt")
