"""Backup and restore: what goes in comes out, on another box, and nothing else; cut anywhere, nothing is mixed."""

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.backup import restore as restoring
from agent.backup.contents import ABOUT, CONFIG, BackupRefused, Contents, is_ours
from agent.backup.restore import Target, finish, look, restore
from agent.backup.take import Wishes, take
from agent.errors import OkngError
from agent.lock import DataFolderBusy, DataLock
from agent.recipes import Recipes
from agent.settings import load

UTC = "20261130T120000Z"
RECIPE = 'model = "drawn-boards-1"\nthreshold = 0.4\n'


def box(folder: Path, threshold: str = "0.4") -> Path:
    """A station's folder with all that a backup is about and more; its configuration file."""
    data = folder / "data"
    (data / "recipes").mkdir(parents=True)
    (folder / "broker.password").write_text("open sesame 1234\n")
    file = folder / "station.toml"
    file.write_text(
        f'[station]\nname = "{folder.name}"\ndata = "data"\nruntime = "run"\n'
        '[lanes.top]\nrecipe = "left"\ncamera = { kind = "push" }\n'
        '[uplink]\nhost = "127.0.0.1"\nuser = "a"\npassword_file = "broker.password"\n'
    )
    for name in ("left", "right"):
        (data / "recipes" / f"{name}.toml").write_text(RECIPE.replace("0.4", threshold))
        recipes = Recipes(data)
        recipes.remember(recipes.read(name), "top")
    (data / "lanes.json").write_text(json.dumps({"top": {"recipe": "right", "paused": False, "why": ""}}))
    (data / "models" / "x-1").mkdir(parents=True)
    (data / "models" / "x-1" / "model.bin").write_bytes(os.urandom(300_000))
    (data / "models" / ".trying-x").write_bytes(b"on its way")
    (data / "evidence").mkdir()
    (data / "evidence" / "1.jpg").write_bytes(b"a picture")
    with sqlite3.connect(data / "results.db") as results:
        results.executescript("CREATE TABLE t (x); INSERT INTO t VALUES (7);")
    return file


def backed_up(folder: Path, results: bool = False) -> Path:
    configuration = box(folder)
    file = folder / "a.okng-backup"
    take(Wishes(configuration, load(configuration).config, None, results), file)
    return file


def tree(data: Path) -> dict[str, bytes]:
    """The files that a backup is about, by name."""
    return {
        name: place.read_bytes()
        for place in sorted(data.rglob("*"))
        if place.is_file() and is_ours(f"data/{(name := place.relative_to(data).as_posix())}")
    }


def test_what_goes_in_comes_out_on_an_empty_box(tmp_path: Path) -> None:
    file = backed_up(tmp_path / "a", results=True)
    spare = tmp_path / "spare"
    target = Target(spare / "etc" / "station.toml", spare / "data")
    assert restore(file, target, UTC) == ()
    assert tree(spare / "data") == tree(tmp_path / "a" / "data")
    assert target.configuration.read_bytes() == (tmp_path / "a" / "station.toml").read_bytes()
    assert not (spare / "data" / ".restore").exists()
    assert not (spare / "data" / "evidence").exists()
    with sqlite3.connect(spare / "data" / "results.db") as results:
        assert results.execute("SELECT x FROM t").fetchall() == [(7,)]
    good = Recipes(spare / "data").last_good("left", "top")
    assert good is not None


def test_it_holds_no_secret_and_names_where_they_are(tmp_path: Path) -> None:
    file = backed_up(tmp_path / "a")
    assert look(file).by_hand == (str(tmp_path / "a" / "broker.password"),)
    with zipfile.ZipFile(file) as archive:
        assert all(b"open sesame" not in archive.read(name) for name in archive.namelist())
        assert not [name for name in archive.namelist() if "trying" in name or "evidence" in name or "results" in name]
    assert file.stat().st_mode & 0o077 == 0


def test_a_box_with_things_of_its_own_is_left_alone_unless_told(tmp_path: Path) -> None:
    file = backed_up(tmp_path / "a", results=True)
    theirs = box(tmp_path / "b", threshold="0.7")
    before, data = tree(tmp_path / "b" / "data"), tmp_path / "b" / "data"
    with pytest.raises(BackupRefused, match="--replace"):
        restore(file, Target(theirs, data), UTC)
    assert tree(data) == before
    kept = restore(file, Target(theirs, data, replace=True), UTC)
    assert tree(data) == tree(tmp_path / "a" / "data")
    assert tree(data / f"replaced-{UTC}") == before
    assert kept == (theirs.with_name(f"station.toml.replaced-{UTC}"), data / f"replaced-{UTC}")
    assert (data / "evidence" / "1.jpg").exists()


def test_while_a_station_works_there_nothing_is_restored(tmp_path: Path) -> None:
    file = backed_up(tmp_path / "a")
    with DataLock(tmp_path / "b"), pytest.raises(DataFolderBusy):
        restore(file, Target(tmp_path / "b.toml", tmp_path / "b", replace=True), UTC)
    assert not (tmp_path / "b.toml").exists()


def test_no_damaged_backup_is_taken(tmp_path: Path) -> None:
    """FIELD 17. Each of 200 single damages is refused with a reason, or hits a byte that means nothing."""
    file = backed_up(tmp_path / "a")
    whole, want, draw = file.read_bytes(), tree(tmp_path / "a" / "data"), random.Random(1)
    for number in range(200):
        damaged = bytearray(whole)
        first = len(whole) - 3000 if number % 2 else 0  # every other one in the zip's table of contents
        damaged[draw.randrange(first, len(whole))] ^= 1 << draw.randrange(8)
        hurt = tmp_path / "hurt"
        hurt.write_bytes(damaged if number % 4 else whole[: draw.randrange(len(whole))])
        place = tmp_path / "c"
        try:
            restore(hurt, Target(place / "station.toml", place / "data"), UTC)
        except BackupRefused:
            assert not (place / "station.toml").exists()
            assert tree(place / "data") == {}
            assert not (place / "data" / ".restore").exists()
        else:
            assert tree(place / "data") == want
        shutil.rmtree(place, ignore_errors=True)


@pytest.mark.parametrize(
    "name",
    ["data/../../etc/passwd", "/etc/passwd", "data/station.lock", "data/evidence/1.jpg", "data/recipes/.x", "x", ""],
)
def test_only_names_of_ours_are_written(name: str) -> None:
    assert not is_ours(name)
    entry = {"name": name, "size": 1, "sha256": "0" * 64}
    with pytest.raises(ValueError, match="no file of a backup"):
        Contents.model_validate(
            {"format": 1, "okng": "1", "station": "a/b/c", "utc_us": 1, "files": [{**entry, "name": CONFIG}, entry]}
        )


def test_what_is_no_backup_says_so(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello")
    with zipfile.ZipFile(tmp_path / "zip", "w") as archive:
        archive.writestr("a", b"b")
    for name in ("nothing", "text", "zip"):
        with pytest.raises(BackupRefused, match=name):
            look(tmp_path / name)
    with zipfile.ZipFile(tmp_path / "newer", "w") as archive:
        archive.writestr(CONFIG, b"")
        hashed = {"name": CONFIG, "size": 0, "sha256": "0" * 64}
        archive.writestr(ABOUT, json.dumps({"format": 2, "okng": "9", "station": "", "utc_us": 1, "files": [hashed]}))
    with pytest.raises(BackupRefused, match="format 2"):
        look(tmp_path / "newer")


def cut_after(steps: int, act: Callable[[], object]) -> bool:
    """Do it in a process of its own that dies at the rename after so many; whether it died."""
    child = os.fork()
    if child == 0:
        real, done = os.rename, 0

        def rename(old: object, new: object) -> None:
            nonlocal done
            if done == steps:
                os._exit(9)
            done += 1
            real(old, new)  # type: ignore[arg-type]

        restoring.os.rename = rename
        act()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def test_cut_at_any_step_the_next_start_has_the_old_or_the_new_and_nothing_is_lost(tmp_path: Path) -> None:
    """FIELD 17, by kill: the box is as it was, or the restore is finished at the station's start."""
    file = backed_up(tmp_path / "a", results=True)
    new, seen = tree(tmp_path / "a" / "data"), set()
    for steps in range(40):
        folder = tmp_path / f"b{steps}"
        theirs = box(folder, threshold="0.7")
        data, old = folder / "data", tree(folder / "data")
        target = Target(theirs, data, replace=True)
        died = cut_after(steps, lambda target=target: restore(file, target, UTC))  # type: ignore[misc]
        with DataLock(data):
            finish(data, UTC)
        now = tree(data)
        assert now in (old, new)
        assert now == old or tree(data / f"replaced-{UTC}") == old
        seen.add(now == new)
        shutil.rmtree(folder)
        if not died:
            break
    assert seen == {False, True}


def test_a_disk_without_room_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = backed_up(tmp_path / "a")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 1 << 20))  # type: ignore[attr-defined]
    with pytest.raises(BackupRefused, match="1 MB are free"):
        restore(file, Target(tmp_path / "b.toml", tmp_path / "b"), UTC)
    with pytest.raises(OkngError, match="cannot be made"):
        take(Wishes(tmp_path / "none.toml", load(tmp_path / "a" / "station.toml").config), tmp_path / "x.okng-backup")
    assert not list(tmp_path.glob(".x*"))


def test_as_a_user_types_it(tmp_path: Path) -> None:
    configuration, spare = box(tmp_path / "a"), tmp_path / "spare"
    spare.mkdir()
    file, okng = tmp_path / "a.okng-backup", (sys.executable, "-m", "agent.cli")

    def said(*arguments: object) -> tuple[int, str]:
        ran = subprocess.run([*okng, *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
        return ran.returncode, ran.stdout + ran.stderr

    code, text = said("backup", file, "--config", configuration)
    assert (code, "broker.password" in text) == (0, True), text
    code, text = said("restore", file, "--config", spare / "station.toml", "--dry-run")
    assert (code, "data/recipes/left.toml" in text, list(spare.iterdir())) == (0, True, []), text
    code, text = said("restore", file, "--config", spare / "station.toml")
    assert (code, f"restored to {spare / 'station.toml'} and {spare / 'data'}" in text) == (0, True), text
    assert tree(spare / "data") == tree(tmp_path / "a" / "data")
    code, text = said("restore", tmp_path / "nothing", "--config", spare / "station.toml")
    assert (code, "there is no such file" in text) == (1, True), text
