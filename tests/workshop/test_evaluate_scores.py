"""The scores of an evaluation: what must hold of them whatever was found, and examples counted by hand."""

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.values import Detection, Outcome
from training.datasets.values import Box
from training.evaluate import authors, calls, coco
from training.evaluate.chances import share, wilson
from training.evaluate.defects import defects
from training.evaluate.parts import margin, parts
from training.evaluate.values import Seen

pytest.importorskip("faster_coco_eval", reason="mAP needs faster-coco-eval (extra measure)")

LABELS = ("open", "short", "spur")
LOW = dict.fromkeys(LABELS, 0.0)
HALF = dict.fromkeys(LABELS, 0.5)


def seen(name: str, truth: list[Box], found: list[Detection], outcome: Outcome = Outcome.NG) -> Seen:
    return Seen(name, tuple(truth), tuple(sorted(found, key=lambda d: -d.score)), outcome)


@st.composite
def truths(draw: st.DrawFn) -> list[Box]:
    """Boxes that do not touch: one a cell of 100 px."""
    cells = draw(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=6, unique=True))
    boxes = []
    for x, y in cells:
        w, h = draw(st.floats(8, 60)), draw(st.floats(8, 60))
        boxes.append(Box(draw(st.sampled_from(LABELS)), 100 * x, 100 * y, 100 * x + w, 100 * y + h))
    return boxes


@st.composite
def finds(draw: st.DrawFn, truth: list[Box]) -> list[Detection]:
    """Some of the boxes, moved and perhaps misnamed, and some from nowhere."""
    out = []
    for box in truth:
        if draw(st.booleans()):
            dx, dy = draw(st.floats(-20, 20)), draw(st.floats(-20, 20))
            label = draw(st.sampled_from((box.label, *LABELS)))
            score = draw(st.integers(1, 20)) / 20
            out.append(Detection(label, score, box.x1 + dx, box.y1 + dy, box.x2 + dx, box.y2 + dy))
    for _ in range(draw(st.integers(0, 3))):
        x, y = draw(st.floats(0, 600)), draw(st.floats(0, 600))
        out.append(Detection(draw(st.sampled_from(LABELS)), draw(st.integers(1, 20)) / 20, x, y, x + 20, y + 20))
    return out


@st.composite
def sets(draw: st.DrawFn) -> list[Seen]:
    pictures = []
    for i in range(draw(st.integers(1, 4))):
        truth = draw(truths())
        pictures.append(seen(f"p{i}", truth, draw(finds(truth))))
    return pictures


def perfect(pictures: list[Seen]) -> list[Seen]:
    rng = random.Random(1)
    return [
        seen(p.name, list(p.truth), [Detection(b.label, rng.uniform(0.5, 1), b.x1, b.y1, b.x2, b.y2) for b in p.truth])
        for p in pictures
    ]


@settings(max_examples=40, deadline=None)
@given(sets())
def test_what_is_found_as_it_is_scores_one(pictures: list[Seen]) -> None:
    exact = perfect(pictures)
    found = coco.precision(exact, LABELS)
    score = authors.score(exact, HALF)
    defect_count = sum(len(p.truth) for p in exact)
    if not defect_count:
        assert found.map50 is None
        return
    assert found.map50 == found.map75 == found.map50_95 == pytest.approx(1.0)
    assert score.ap == score.best_f == score.f == score.precision == score.recall == 1.0
    counted = defects(exact, HALF, LABELS)
    assert not counted.misses
    assert not counted.false_calls
    assert all(c.recall.k == c.recall.n == c.precision.n for c in counted.classes.values())
    assert calls.curve(exact).false_calls(0.0) == 0.0
    assert calls.curve(exact).recall(0.5) == 1.0


@settings(max_examples=40, deadline=None)
@given(sets(), st.randoms(use_true_random=False))
def test_the_order_of_the_pictures_does_not_matter(pictures: list[Seen], chance: random.Random) -> None:
    other = list(pictures)
    chance.shuffle(other)
    assert coco.precision(other, LABELS) == coco.precision(pictures, LABELS)
    assert authors.score(other, HALF) == authors.score(pictures, HALF)
    assert defects(other, HALF, LABELS) == defects(pictures, HALF, LABELS)
    here, there = calls.curve(pictures), calls.curve(other)
    assert np.array_equal(here.best, there.best)
    assert np.array_equal(here.false, there.false)


@settings(max_examples=60, deadline=None)
@given(sets())
def test_scores_stay_within_their_bounds(pictures: list[Seen]) -> None:
    score = authors.score(pictures, HALF)
    assert 0 <= score.ap <= 1
    assert 0 <= score.best_f <= 1
    counted = defects(pictures, HALF, LABELS)
    true = sum(len(p.truth) for p in pictures)
    assert sum(c.recall.k for c in counted.classes.values()) + len(counted.misses) == true
    called = sum(c.precision.n for c in counted.classes.values())
    assert sum(c.precision.k for c in counted.classes.values()) + len(counted.false_calls) == called
    assert sum(sum(names.values()) for of, names in counted.named.items() if of) == true


@settings(max_examples=60, deadline=None)
@given(sets())
def test_no_single_threshold_beats_the_best_ones(pictures: list[Seen]) -> None:
    """On the pairing over all detections, from which the thresholds are chosen."""
    marked = authors.mark((p.name, p.truth, authors.one_class_a_place(p.found)) for p in pictures)
    best = authors.best_thresholds(marked)
    kept = np.array([s >= best[label] for s, label in zip(marked.scores, marked.labels, strict=True)], np.bool_)

    def f(keep: np.ndarray) -> float:
        return 2 * float(marked.right[keep].sum()) / max(int(keep.sum()) + marked.defects, 1)

    for threshold in (0.0, 0.3, 0.5, 0.75, 0.95):
        # Equal scores are kept or left together, so a draw may cost the chosen ones what it costs any.
        assert f(kept) >= f(marked.scores >= threshold) - _ties(marked)


def _ties(marked: authors.Marked) -> float:
    """What detections of equal score may cost: none, where all differ."""
    return 0.0 if len(set(marked.scores.tolist())) == marked.scores.size else 1.0


def test_the_authors_score_as_counted_by_hand() -> None:
    """Four defects; right at ranks 1, 3 and 5: AP = (1/1 + 2/3 + 3/5) / 4."""
    a = [Box("open", 0, 0, 30, 30), Box("short", 100, 0, 130, 30)]
    b = [Box("spur", 0, 0, 30, 30), Box("open", 200, 200, 240, 240)]
    pictures = [
        seen(
            "a",
            a,
            [
                Detection("open", 0.95, 0, 0, 30, 30),  # right
                Detection("spur", 0.90, 100, 0, 130, 30),  # paired with the short: wrong name
                Detection("short", 0.60, 300, 300, 330, 330),  # nothing there
            ],
        ),
        seen(
            "b",
            b,
            [
                Detection("spur", 0.80, 0, 0, 30, 40),  # right: IoU 0.75
                Detection("open", 0.50, 200, 220, 240, 260),  # right: IoU 1/3 is over 0.33
            ],
        ),
    ]
    score = authors.score(pictures, {"open": 0.55, "short": 0.55, "spur": 0.55})
    assert score.ap == pytest.approx((1 + 2 / 3 + 3 / 5) / 4)
    assert score.precision == pytest.approx(2 / 4)
    assert score.recall == pytest.approx(2 / 4)
    assert score.f == pytest.approx(0.5)
    # Best: open from 0.5 on, spur from 0.8 on (one wrong among two), no short: 2 * 3 / (4 + 4).
    assert score.best_f == pytest.approx(6 / 8)


def test_a_defect_is_paired_with_the_first_detection_whatever_its_class() -> None:
    """As the script counts: the misnamed one of a higher score takes the defect's only pair."""
    truth = [Box("open", 0, 0, 40, 40)]
    found = (Detection("short", 0.9, 0, 0, 40, 40), Detection("open", 0.8, 0, 10, 40, 50))
    marked = authors.mark([("a", truth, found)])
    assert marked.right.tolist() == [False, False]
    assert authors.one_class_a_place(found) == found[:1]


def test_an_iou_of_just_a_third_is_over_and_of_033_is_not() -> None:
    truth = [Box("open", 0, 0, 100, 100)]
    under = (Detection("open", 0.9, 0, 0, 33, 100),)
    over = (Detection("open", 0.9, 0, 0, 34, 100),)
    assert not authors.mark([("a", truth, under)]).right.any()
    assert authors.mark([("a", truth, over)]).right.all()


def test_coco_counts_as_by_hand() -> None:
    """One class: right, false, right for two defects of two pictures; interpolated at 101 recalls."""
    pictures = [
        seen("a", [Box("open", 0, 0, 40, 40)], [Detection("open", 0.9, 0, 0, 40, 40)]),
        seen(
            "b",
            [Box("open", 0, 0, 40, 40)],
            [Detection("open", 0.8, 200, 0, 240, 40), Detection("open", 0.7, 0, 0, 40, 40)],
        ),
    ]
    found = coco.precision(pictures, LABELS)
    assert found.map50 == pytest.approx((51 * 1 + 50 * 2 / 3) / 101)
    assert set(found.by_class) == {"open"}


def test_coco_without_any_detection_is_zero() -> None:
    assert coco.precision([seen("a", [Box("open", 0, 0, 40, 40)], [])], LABELS).map50 == 0.0


def test_what_left_the_picture_counts_for_nothing() -> None:
    left = Box("open", 0, 0, 40, 10)
    kept = Box("open", 100, 100, 140, 140)
    found = [Detection("open", 0.9, 0, 0, 40, 10), Detection("open", 0.8, 100, 100, 140, 140)]
    one = replace(seen("a", [kept], found), beyond=(left,))
    assert coco.precision([one], LABELS).map50 == 1.0
    assert not defects([one], HALF, LABELS).false_calls
    assert calls.curve([one]).false_calls(0.0) == 0.0


@pytest.mark.parametrize(
    ("k", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662), (1, 500, 0.000353, 0.011250)],
)
def test_wilson_as_published(k: int, n: int, low: float, high: float) -> None:
    """81 of 263: Newcombe 1998, Statistics in Medicine 17, 857, table I, method 3."""
    assert wilson(k, n) == pytest.approx((low, high), abs=6e-5)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 400), st.integers(0, 400))
def test_a_share_lies_within_its_interval(a: int, b: int) -> None:
    k, n = min(a, b), max(a, b)
    got = share(k, n)
    assert 0 <= got.low <= got.share <= got.high <= 1
    assert got.share <= got.at_most <= 1
    if n:
        mirrored = share(n - k, n)
        assert mirrored.low == pytest.approx(1 - got.high)


def test_no_share_of_more_than_there_is() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        share(3, 2)


def test_calls_at_equal_recall() -> None:
    """The traditional method finds both at two false calls; the model finds both at 0.4, with one."""
    truth = [Box("open", 0, 0, 40, 40), Box("spur", 100, 100, 140, 140)]
    model = seen(
        "a",
        truth,
        [
            Detection("open", 0.9, 0, 0, 40, 40),
            Detection("short", 0.4, 100, 100, 140, 140),
            Detection("short", 0.6, 300, 300, 340, 340),
            Detection("short", 0.1, 400, 300, 440, 340),
        ],
    )
    blobs = [
        Detection("difference", 0.3, 10, 10, 14, 14),  # inside of the defect: the centre rule, no IoU
        Detection("difference", 0.3, 130, 130, 135, 135),
        Detection("difference", 0.2, 500, 500, 504, 504),
        Detection("difference", 0.2, 520, 500, 524, 504),
    ]
    got = calls.against([model], [seen("a", truth, blobs)], "blobs", "as in the test")
    assert (got.traditional_recall, got.traditional_false_calls) == (1.0, 2.0)
    assert (got.threshold, got.recall, got.false_calls) == (0.4, 1.0, 1.0)
    assert got.fewer == 0.5
    assert [level.model for level in got.levels] == [1.0] * 5
    assert [level.traditional for level in got.levels] == [0.0] * 5  # its surest two blobs are on the defects
    blind = calls.against([seen("a", truth, list(model.found[:1]))], [seen("a", truth, blobs)], "blobs", "")
    assert blind.threshold is None
    assert blind.fewer is None
    assert blind.recall == 0.5


def test_parts_are_counted() -> None:
    bad = [
        seen("a", [Box("open", 0, 0, 9, 9)], [Detection("open", 0.9, 0, 0, 9, 9)]),
        seen("b", [Box("spur", 0, 0, 9, 9)], [], Outcome.OK),
        seen("c", [Box("spur", 0, 0, 9, 9)], [], Outcome.UNSURE),
    ]
    good = [seen("d", [], [], Outcome.OK), seen("e", [], [Detection("open", 0.6, 0, 0, 9, 9)], Outcome.NG)]
    got = parts(bad, good, HALF)
    assert got.bad == {"OK": 1, "NG": 1, "UNSURE": 1}
    assert (got.escapes.k, got.escapes.n, got.overkills.k, got.overkills.n) == (1, 3, 1, 2)
    assert (got.accuracy.k, got.accuracy.n) == (3, 5)
    assert {label: (s.k, s.n) for label, s in got.escapes_by_class.items()} == {"open": (0, 1), "spur": (1, 2)}
    assert got.shifted is not None
    # No overkill is allowed of two parts: thresholds rise past 0.6, the bad one at 0.9 still is NG.
    assert (got.shifted.escapes.k, got.shifted.overkills.k) == (1, 0)
    assert got.shifted.by == pytest.approx(math.log(0.6 / 0.4), abs=1e-9)
    assert margin(bad[2], HALF) == math.inf
