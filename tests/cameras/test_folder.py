"""Folders of pictures: complete ones only, each once, left or moved or deleted when judged."""

import os
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.clock import SystemClock
from agent.config import FolderConfig
from agent.errors import CameraGone, EndOfPictures
from agent.station.cameras.folder import Folder
from agent.station.cameras.judged import Entry, Journal, entry_of, move_file
from pipelines.values import Rule

LONG_S = 20.0
KEPT = bool
"""Every file of a journal is still there: a name is never empty."""


def picture(level: int = 128, suffix: str = ".png") -> bytes:
    return cv2.imencode(suffix, np.full((24, 32, 3), level, np.uint8))[1].tobytes()


def folder(path: Path, state: Path | None = None, **options):
    options.setdefault("settle_s", 0.0)
    camera = Folder(FolderConfig(kind="folder", folder=path, **options), SystemClock(), state)
    camera.open()
    return camera


def every(camera):
    """All shots until the source ends, or is silent for a moment."""
    shots = []
    while True:
        try:
            shot = camera.read(0.4)
        except EndOfPictures:
            return shots
        if shot is None:
            return shots
        shots.append(shot)


def eventually(condition):
    end = time.monotonic() + LONG_S
    while not condition():
        assert time.monotonic() < end, "did not happen"
        time.sleep(0.01)


def names(shots):
    return [shot.source for shot in shots]


def test_once_by_name_then_the_end(tmp_path):
    for name in ("b.png", "a.jpg", "c.tiff", "D.PNG"):
        (tmp_path / name).write_bytes(picture(suffix=Path(name).suffix.lower()))
    shots = every(folder(tmp_path))
    assert names(shots) == ["D.PNG", "a.jpg", "b.png", "c.tiff"]
    assert [shot.part_id for shot in shots] == ["D", "a", "b", "c"]
    assert all(shot.fault is None and shot.pixels.shape == (24, 32, 3) for shot in shots)


def test_what_is_no_picture_or_not_finished_is_let_be(tmp_path):
    for name in ("a.png.part", ".hidden.png", "b.tmp", "notes.txt", "c.png~", ".ftp/d.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture())
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    assert every(folder(tmp_path, pattern="**/*", judged="delete")) == []
    assert len(list(tmp_path.iterdir())) == 8


def test_the_pattern_decides_about_names_and_sub_folders(tmp_path):
    for name in ("a_test.png", "a_temp.png", "sub/b_test.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(picture())
    assert names(every(folder(tmp_path, pattern="*_test.png"))) == ["a_test.png"]
    assert names(every(folder(tmp_path, pattern="**/*_test.png"))) == ["a_test.png", "sub/b_test.png"]


def test_a_broken_picture_is_a_fault_and_the_next_is_judged(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no picture, but long enough to look")
    (tmp_path / "b.jpg").write_bytes(picture(suffix=".jpg")[:-30])
    (tmp_path / "c.png").write_bytes(picture())
    camera = folder(tmp_path, judged="delete")
    shots = every(camera)
    assert [shot.fault for shot in shots] == [Rule.UNREADABLE, Rule.INCOMPLETE, None]
    assert shots[0].note.startswith("a.png: not a JPEG")
    for shot in shots:
        shot.committed(1)
    eventually(lambda: not list(tmp_path.iterdir()))


def test_a_name_that_is_no_utf_8_can_be_stored(tmp_path):
    (Path(os.fsdecode(os.fsencode(tmp_path) + b"/t\xe4il.png"))).write_bytes(picture())
    (shot,) = every(folder(tmp_path))
    shot.source.encode()
    assert shot.part_id == "t\N{REPLACEMENT CHARACTER}il"


def test_a_picture_being_written_is_waited_for(tmp_path):
    camera, whole = folder(tmp_path, watch=True, settle_s=0.2), picture(suffix=".jpg")

    def write() -> None:
        with (tmp_path / "a.jpg").open("wb", buffering=0) as out:
            for start in range(0, len(whole), 100):
                out.write(whole[start : start + 100])
                time.sleep(0.12)

    writer = threading.Thread(target=write)
    writer.start()
    shots = []
    eventually(lambda: shots.append(camera.read(0.2)) or shots[-1] is not None)
    writer.join()
    assert shots[-1].fault is None


def test_a_picture_that_stays_cut_off_is_judged_as_it_is(tmp_path):
    camera = folder(tmp_path, watch=True)
    (tmp_path / "a.jpg").write_bytes(picture(suffix=".jpg")[:-30])
    begun = time.monotonic()
    shots = []
    eventually(lambda: shots.append(camera.read(0.2)) or shots[-1] is not None)
    assert shots[-1].fault is Rule.INCOMPLETE
    assert time.monotonic() - begun > 4


def test_watched_pictures_come_by_time_then_name(tmp_path):
    camera = folder(tmp_path, watch=True)
    for name, when in (("c.png", 100), ("b.png", 300), ("a.png", 300), ("d.png", 200)):
        (tmp_path / name).write_bytes(picture())
        os.utime(tmp_path / name, (when, when))
    assert names(every(camera)) == ["c.png", "d.png", "a.png", "b.png"]


def test_a_picture_written_anew_under_its_old_name_is_a_new_part(tmp_path):
    camera = folder(tmp_path, watch=True)
    (tmp_path / "latest.png").write_bytes(picture(10))
    (first,) = every(camera)
    first.committed(1)
    (tmp_path / "latest.png").write_bytes(picture(200, ".png"))
    (second,) = every(camera)
    assert (first.pixels.mean(), second.pixels.mean()) == (10, 200)
    assert every(camera) == []


def test_a_judged_picture_written_anew_meanwhile_is_not_deleted(tmp_path):
    camera = folder(tmp_path, watch=True, judged="delete")
    (tmp_path / "latest.png").write_bytes(picture(10))
    (first,) = every(camera)
    (tmp_path / "latest.png").write_bytes(picture(200))
    first.committed(1)
    (second,) = every(camera)
    assert second.pixels.mean() == 200
    second.committed(2)
    eventually(lambda: not list(tmp_path.iterdir()))


@pytest.mark.parametrize("watch", [True, False])
@pytest.mark.parametrize("judged", ["leave", "move", "delete"])
def test_nothing_judged_is_judged_again_after_a_restart(tmp_path, judged, watch):
    """The record is durable: not even a crash before the move makes the file a new part."""
    pictures, state, moved = tmp_path / "in", tmp_path / "state", tmp_path / "moved"
    pictures.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        (pictures / name).write_bytes(picture())
    options = {"watch": watch, "judged": judged, "move_to": moved if judged == "move" else None}
    shots = every(folder(pictures, state, **options))
    journal = Journal(next(state.iterdir()))
    journal.open(KEPT)
    journal.add(entry_of(pictures, "a.png"))  # as a commit does, killed before the file was moved
    journal.close()
    again = folder(pictures, state, **options)
    assert names(every(again)) == ["b.png", "c.png"]
    eventually(lambda: (pictures / "a.png").exists() == (judged == "leave"))
    assert (moved / "a.png").exists() == (judged == "move")
    for shot in shots:
        shot.committed(1)
    assert every(folder(pictures, state, **options)) == []


def test_moving_never_overwrites_and_keeps_sub_folders(tmp_path):
    pictures, moved = tmp_path / "in", tmp_path / "in" / "done"
    for name in ("a.png", "sub/a.png"):
        (pictures / name).parent.mkdir(exist_ok=True, parents=True)
        (pictures / name).write_bytes(picture())
    moved.mkdir()
    (moved / "a.png").write_bytes(b"older")
    (moved / "a-1.png").write_bytes(b"old")
    camera = folder(pictures, pattern="**/*", watch=True, judged="move", move_to=moved)
    for shot in every(camera):
        shot.committed(1)
    eventually(lambda: (moved / "a-2.png").exists() and (moved / "sub" / "a.png").exists())
    eventually(lambda: (moved / "a-2.png").read_bytes() == picture())
    assert (moved / "a.png").read_bytes() == b"older"
    assert every(camera) == []


def test_moving_to_another_filesystem(tmp_path):
    other = Path("/dev/shm")
    if not other.is_dir() or other.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("/dev/shm is no filesystem of its own here")
    source, target = tmp_path / "a.png", other / f"okng-test-{os.getpid()}" / "a.png"
    source.write_bytes(picture())
    try:
        assert move_file(source, target) == target
        assert not source.exists()
        assert target.read_bytes() == picture()
        assert [p.name for p in target.parent.iterdir()] == ["a.png"]
    finally:
        target.unlink()
        target.parent.rmdir()


def test_a_move_that_fails_leaves_everything_as_it_was(tmp_path):
    with pytest.raises(FileNotFoundError):
        move_file(tmp_path / "absent.png", tmp_path / "to" / "absent.png")
    assert list((tmp_path / "to").iterdir()) == []


def test_a_move_that_cannot_be_done_is_no_new_part(tmp_path):
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "a.png").write_bytes(picture())
    camera = folder(tmp_path, watch=True, judged="move", move_to=tmp_path / "file" / "x")
    (shot,) = every(camera)
    shot.committed(1)
    assert every(camera) == []
    assert (tmp_path / "a.png").exists()


def test_a_folder_that_goes_and_comes_back(tmp_path):
    """FIELD 1: a network folder unmounted and mounted again; judged pictures stay judged."""
    pictures = tmp_path / "in"
    with pytest.raises(CameraGone, match="no such folder"):
        folder(pictures)
    pictures.mkdir()
    (pictures / "a.png").write_bytes(picture())
    camera = folder(pictures, watch=True)
    assert names(every(camera)) == ["a.png"]
    pictures.rename(tmp_path / "elsewhere")
    with pytest.raises(CameraGone, match="is gone"):
        every(camera)
    camera.close()
    (tmp_path / "elsewhere").rename(pictures)
    camera.open()
    (pictures / "b.png").write_bytes(picture())
    assert names(every(camera)) == ["b.png"]


def test_a_picture_in_a_read_once_folder_that_vanished_is_reported(tmp_path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(picture())
    camera = folder(tmp_path)
    camera.read(0.0)
    (tmp_path / "b.png").unlink()
    shot = camera.read(0.0)
    assert (shot.fault, shot.note) == (Rule.UNREADABLE, "b.png: cannot be read: No such file or directory")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_a_journal_cut_anywhere_loses_only_its_last_line(tmp_path, data):
    path = tmp_path / "j.jsonl"
    path.unlink(missing_ok=True)
    journal = Journal(path)
    journal.open(KEPT)
    entries = [Entry(f"n{i}\udc80.png", i, i * 7) for i in range(6)]
    for entry in entries:
        journal.add(entry)
    journal.close()
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    again = Journal(path)
    again.open(KEPT)
    kept = whole[:cut].count(b"\n")
    assert [entry in again for entry in entries][:kept] == [True] * kept
    assert not any(entry in again for entry in entries[kept + 1 :])
    again.add(Entry("new.png", 1, 1))
    again.close()
    third = Journal(path)
    third.open(lambda name: name != "n0\udc80.png")
    assert Entry("new.png", 1, 1) in third
    assert entries[0] not in third
    third.close()


def test_a_journal_of_files_long_gone_is_made_small(tmp_path):
    path = tmp_path / "j.jsonl"
    journal = Journal(path)
    journal.open(KEPT)
    for i in range(30_000):
        journal.add(Entry(f"a-rather-long-name-{i}.png", i, i))
        journal.forget(f"a-rather-long-name-{i}.png")
    journal.add(Entry("kept.png", 1, 1))
    journal.sync()
    assert path.read_text().splitlines() == ['["kept.png", 1, 1]']
    journal.close()
