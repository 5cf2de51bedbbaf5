"""Splits by group, and writing: nothing is lost, no group is parted, and what is written reads back the same."""

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sets import HEIGHT, WIDTH, deeppcb, masks, picture, put, save, yolo

from training.datasets.command import shares_of
from training.datasets.likeness import twins
from training.datasets.read import read_dataset
from training.datasets.split import divide, hold_out, split
from training.datasets.values import Box, Dataset, DatasetRefused, Picture
from training.datasets.write import write_coco, write_yolo

ROOT = Path("/nowhere")


def made(groups: list[str], kinds: list[int], splits: list[str]) -> Dataset:
    """`kinds`: 0 empty, 1 "dent", 2 "scratch"."""
    boxes = ((), (Box("dent", 0, 0, 9, 9),), (Box("scratch", 0, 0, 9, 9),))
    pictures = (
        Picture(ROOT / f"{i}.png", boxes[kind], name, group, 9, 9, empty_known=kind == 0)
        for i, (group, kind, name) in enumerate(zip(groups, kinds, splits, strict=True))
    )
    return Dataset(ROOT, "yolo", ("dent", "scratch"), tuple(pictures))


@st.composite
def datasets(draw: st.DrawFn) -> Dataset:
    count = draw(st.integers(3, 60))
    groups = draw(st.lists(st.sampled_from(["", "a", "b", "c", "d", "e"]), min_size=count, max_size=count))
    kinds = draw(st.lists(st.integers(0, 2), min_size=count, max_size=count))
    return made(groups, kinds, [""] * count)


@settings(deadline=None, max_examples=150)
@given(datasets(), st.integers(0, 5))
def test_a_group_is_never_parted_and_nothing_is_lost(dataset: Dataset, seed: int) -> None:
    shares = {"train": 0.6, "val": 0.2, "test": 0.2}
    pairs = [(0, 1), (1, 2)] if len(dataset.pictures) > 12 else []
    groups = {p.group or p.file.name for p in dataset.pictures}
    try:
        done = split(dataset, shares, seed, pairs)
    except DatasetRefused:
        assert len(groups) - len(pairs) < 3
        return
    assert [replace(p, split="") for p in done.pictures] == list(dataset.pictures)
    assert set(done.splits) == {"train", "val", "test"}
    for group in {p.group for p in dataset.pictures} - {""}:
        assert len({p.split for p in done.pictures if p.group == group}) == 1
    assert len({done.pictures[i].split for pair in pairs for i in pair}) <= 1
    assert split(dataset, shares, seed, pairs) == done


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 1000), st.integers(200, 400))
def test_shares_and_classes_are_met(seed: int, count: int) -> None:
    dataset = made([""] * count, [(i * 7) % 3 for i in range(count)], [""] * count)
    done = split(dataset, seed=seed)
    for name, share in (("train", 0.8), ("val", 0.1), ("test", 0.1)):
        own = done.of(name)
        assert len(own) == pytest.approx(share * count, abs=3)
        kinds = Counter(p.boxes[0].label if p.boxes else "" for p in own)
        assert all(kinds[kind] == pytest.approx(share * count / 3, abs=3) for kind in ("", "dent", "scratch"))


def test_another_seed_is_another_split() -> None:
    dataset = made([""] * 100, [0] * 100, [""] * 100)
    assert len({tuple(p.split for p in split(dataset, seed=seed).pictures) for seed in range(5)}) == 5


def test_the_authors_splits_are_kept() -> None:
    dataset = made([""] * 9, [0] * 9, ["train", "test", "", "", "", "", "train", "test", "val"])
    done = split(dataset, {"train": 0.5, "val": 0.5})
    kept = [(a.split, b.split) for a, b in zip(dataset.pictures, done.pictures, strict=True) if a.split]
    assert all(a == b for a, b in kept)
    assert done.splits == ("train", "val", "test")


def test_a_validation_split_out_of_the_training_split(tmp_path: Path) -> None:
    dataset = read_dataset(deeppcb(tmp_path))
    held = hold_out(dataset, ["00041"])
    assert [p.split for p in held.pictures] == ["val", "val", "test", "test"]
    with pytest.raises(DatasetRefused, match="no group 12000 in train; known are 00041"):
        hold_out(dataset, ["12000"])
    with pytest.raises(DatasetRefused, match="1 group"):
        divide(dataset, "train", {"train": 0.5, "val": 0.5})
    loose = made([""] * 40, [1] * 40, ["train"] * 40)
    assert Counter(p.split for p in divide(loose, "train", {"train": 0.9, "val": 0.1}).pictures) == {
        "train": 36,
        "val": 4,
    }


@pytest.mark.parametrize("shares", ["0.8,0.2", "a,b,c", "0.8,0.1,0.2", "1.5,-0.5,0"])
def test_shares_that_cannot_be(shares: str) -> None:
    with pytest.raises(DatasetRefused, match="shares"):
        split(made(["", "", ""], [0, 0, 0], ["", "", ""]), shares_of(shares))


def test_twins_stay_together(tmp_path: Path) -> None:
    files = [save(tmp_path / f"{i}.png", picture(str(i))) for i in range(6)]
    files.append(save(tmp_path / "copy.png", picture("2")))
    files.append(save(tmp_path / "darker.png", (picture("4") * 0.7).astype("uint8")))
    assert {tuple(sorted(pair)) for pair in twins(files)} == {(2, 6), (4, 7)}


# writing


def same(one: Dataset, other: Dataset) -> bool:
    """The same pictures by name, in the same splits, with the same boxes to 1/1000 px."""
    a, b = ({p.file.stem: p for p in d.pictures} for d in (one, other))
    return a.keys() == b.keys() and all(
        (a[name].split, a[name].empty_known) == (b[name].split, b[name].empty_known)
        and [box.label for box in a[name].boxes] == [box.label for box in b[name].boxes]
        and np.allclose(corners(a[name]), corners(b[name]), atol=1e-3)
        for name in a
    )


def corners(picture: Picture) -> list[tuple[float, float, float, float]]:
    return [(b.x1, b.y1, b.x2, b.y2) for b in picture.boxes]


def names(dataset: Dataset) -> set[str]:
    return {p.file.stem for p in dataset.pictures}


@settings(deadline=None, max_examples=25)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["dent", "scratch"]),
            st.floats(0, WIDTH - 2),
            st.floats(0, HEIGHT - 2),
            st.floats(1, WIDTH),
            st.floats(1, HEIGHT),
        ),
        max_size=5,
    )
)
def test_what_is_written_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, float, float, float, float]]
) -> None:
    tmp_path = tmp_path_factory.mktemp("round")
    boxes = tuple(Box(label, x, y, min(x + w, WIDTH), min(y + h, HEIGHT)) for label, x, y, w, h in rows)
    file = save(tmp_path / "a.png", picture("a"))
    dataset = Dataset(
        tmp_path,
        "made",
        ("dent", "scratch"),
        (Picture(file, boxes, "train", "", WIDTH, HEIGHT, empty_known=not boxes),),
    )
    through_yolo = read_dataset(write_yolo(dataset, tmp_path / "yolo"))
    assert same(through_yolo, dataset)
    through_coco = read_dataset(write_coco(through_yolo, tmp_path / "coco"))
    assert same(through_coco, dataset)
    assert through_coco.labels == dataset.labels
    assert not through_coco.findings


def test_a_written_set_holds_the_same_bytes_and_can_be_carried_away(tmp_path: Path) -> None:
    dataset = read_dataset(masks(tmp_path / "from"))
    write_yolo(dataset, tmp_path / "to")
    (tmp_path / "to").rename(tmp_path / "elsewhere")
    again = read_dataset(tmp_path / "elsewhere")
    assert same(again, dataset)
    assert not again.findings
    before, after = ({p.file.stem: p.file.read_bytes() for p in d.pictures} for d in (dataset, again))
    assert before == after


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    root = yolo(tmp_path / "from")
    (root / "labels/train/a.txt").unlink()
    dataset = read_dataset(root)
    marked = [replace(p, verdict="ng", boxes=()) if p.file.stem == "b" else p for p in dataset.pictures]
    dataset = replace(dataset, pictures=tuple(marked))
    assert names(read_dataset(write_yolo(dataset, tmp_path / "some"))) == {"c", "d", "e", "f"}
    assert names(read_dataset(write_yolo(dataset, tmp_path / "more", unknown=True))) == {"a", "c", "d", "e", "f"}


def test_names_that_are_there_twice(tmp_path: Path) -> None:
    pictures = [
        Picture(save(tmp_path / place, picture(place)), (), "train", "", WIDTH, HEIGHT, empty_known=True)
        for place in ("x/a.png", "y/a.png", "z/a.jpg", "y-a.png")
    ]
    write_yolo(Dataset(tmp_path, "made", ("dent",), tuple(pictures)), tmp_path / "out")
    assert sorted(p.stem for p in (tmp_path / "out/labels/train").iterdir()) == ["a", "y-a", "y-a-2", "z-a"]


def test_a_refused_writing_leaves_nothing_behind(tmp_path: Path) -> None:
    root = yolo(tmp_path / "from")
    put(root / "labels/train/a.txt", "0 1.5 0.5 0.1 0.1\n")
    out = tmp_path / "out" / "set"
    with pytest.raises(DatasetRefused, match=r"images/train/a\.png: box dent .* outside"):
        write_yolo(read_dataset(root), out)
    put(root / "labels/train/a.txt", "0 0.5 0.5 0.1 0.1\n")
    dataset = read_dataset(root)
    (root / "images/test/f.png").unlink()
    with pytest.raises(DatasetRefused, match="cannot be written"):
        write_coco(dataset, out)
    assert not list(tmp_path.glob("out/*"))
    with pytest.raises(DatasetRefused, match="is there already"):
        write_yolo(dataset, root)
    with pytest.raises(DatasetRefused, match="in no split"):
        write_yolo(made([""], [0], [""]), out)


def test_a_split_may_be_lacking(tmp_path: Path) -> None:
    dataset = read_dataset(deeppcb(tmp_path / "from"))
    write_coco(dataset, tmp_path / "to")
    assert sorted(f.name for f in (tmp_path / "to/annotations").iterdir()) == [
        "instances_test.json",
        "instances_train.json",
    ]
    data = json.loads((tmp_path / "to/annotations/instances_train.json").read_text())
    assert [c["name"] for c in data["categories"]][:2] == ["open", "short"]
    assert data["annotations"][0]["bbox"] == [10, 20, 20, 20]
