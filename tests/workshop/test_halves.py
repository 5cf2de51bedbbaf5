"""What is chosen and what is promised are seen on other pictures."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sets import deeppcb, picture, save

from agent.quality.binomial import needed
from training.datasets.read import read_dataset
from training.datasets.values import Box, Dataset, Picture
from training.halves import bad_parts, halves
from training.promises import MOST_GROUPS, named
from training.shop import splits_digest


def held_out(count: int, groups: int, boxes: int = 3) -> Dataset:
    """So many held-out pictures with references, and a few of the other splits."""
    box = Box("dent", 1, 1, 9, 9)
    pictures = [
        Picture(Path(f"/there/{n}.png"), (box,) * boxes, "val", f"g{n % groups}", reference=Path(f"/there/{n}_r.png"))
        for n in range(count)
    ]
    others = [Picture(Path(f"/there/t{n}.png"), (box,), split, "h") for n, split in enumerate(("train", "test"))]
    return Dataset(Path("/there"), "made", ("dent",), (*pictures, *others))


@settings(deadline=None, max_examples=50)
@given(st.integers(2, 200), st.integers(1, 40), st.integers(0, 9))
def test_no_picture_chooses_and_promises(count: int, groups: int, seed: int) -> None:
    dataset = held_out(count, groups)
    done = halves(dataset, "val", 0.05, 0.9, seed)
    choosing = {p.file for p in done.choosing.of("val")}
    assert choosing
    assert {p.split for p in done.choosing.pictures} == {"val"}
    if done.calibrating is None:
        assert choosing == {p.file for p in dataset.of("val")}
        assert "at most 5 % with 90 % confidence needs at least 45 bad parts" in done.says
        return
    calibrating = {p.file for p in done.calibrating.of("val")}
    assert not choosing & calibrating
    assert choosing | calibrating == {p.file for p in dataset.of("val")}
    assert bad_parts(done.calibrating.pictures) >= needed(0.05, 0.9)
    if groups >= 8 and count >= groups:
        sides = [{p.group for p in side.pictures} for side in (done.choosing, done.calibrating)]
        assert not sides[0] & sides[1], "whole groups on one side"
        assert "whole groups" in done.says


def test_the_seed_divides_and_the_same_seed_divides_alike() -> None:
    dataset = held_out(120, 2)
    sides = [halves(dataset, "val", 0.05, 0.9, seed).choosing.pictures for seed in (0, 0, 1)]
    assert sides[0] == sides[1]
    assert sides[0] != sides[2]
    assert len(sides[0]) == pytest.approx(40, abs=3)


def test_the_promise_gets_as_many_pictures_as_it_needs() -> None:
    """Of 150 bad parts 135 are left for it, where that is what it needs."""
    dataset = held_out(150, 2, boxes=1)
    done = halves(dataset, "val", 0.02, 0.93, 0)
    assert done.calibrating is not None
    assert needed(0.02, 0.93) == 132
    assert bad_parts(done.calibrating.pictures) >= 132
    refused = halves(dataset, "val", 0.01, 0.95, 0)
    assert refused.calibrating is None
    assert "needs at least 299 bad parts" in refused.says
    assert "there are 150 held-out ones" in refused.says


def test_groups_are_named_or_counted_never_dropped_in_silence() -> None:
    assert len(named(held_out(100, 100), "val")) == 100
    many = held_out(MOST_GROUPS + 5, MOST_GROUPS + 5)
    assert named(many, "val")[-1] == "and 5 more"
    assert len(named(many, "val")) == MOST_GROUPS + 1


def test_another_split_group_box_reference_or_picture_is_another_data_set(tmp_path: Path) -> None:
    """Measures, thresholds and evaluations are kept by this digest: what was seen of another split is never taken."""
    dataset = read_dataset(deeppcb(tmp_path))
    first, *rest = dataset.pictures
    digests = {splits_digest(dataset)}
    for changed in (
        replace(first, split="val"),
        replace(first, group="other"),
        replace(first, boxes=first.boxes[:1]),
        replace(first, reference=None),
        replace(first, verdict="ok"),
    ):
        digests.add(splits_digest(replace(dataset, pictures=(changed, *rest))))
    assert len(digests) == 6
    assert splits_digest(replace(dataset, pictures=(*rest, first))) in digests
    assert first.reference is not None
    size = first.reference.stat().st_size
    save(first.reference, picture("another"))
    first.reference.write_bytes(first.reference.read_bytes()[:size].ljust(size, b"\0"))
    assert splits_digest(dataset) not in digests
