"""The draw: which pictures are kept, which lossless, which for the audit; and the row says with what share."""

import math
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import EvidenceConfig
from agent.station.draw import Drawn, draw, number_of
from agent.station.evidence import Evidence
from agent.store.read import Reader
from agent.store.values import PartQuery, Review, Sampling
from agent.store.write import Writer
from pipelines.values import Outcome
from tests.station.rig import wait_for
from tests.store.made import Committed, HandClock, drained, frame, record, writer

shares = st.floats(0, 1)


@given(st.integers(1, 1 << 62), st.binary(min_size=16, max_size=16), shares, shares, shares, st.sampled_from(Outcome))
def test_a_part_is_drawn_as_its_row_says(
    part: int, key: bytes, ok: float, lossless: float, audit: float, outcome: Outcome
) -> None:
    drawn = draw(part, outcome, key, ok=ok, lossless=lossless, audit=audit)
    number = number_of(part, key)
    assert 0 <= number < 1
    assert drawn.sampling.evidence_share is not None
    assert drawn.sampling.lossless_share is not None
    assert drawn.kept is (number < drawn.sampling.evidence_share)
    assert drawn.lossless is (number < drawn.sampling.lossless_share)
    assert (drawn.sampling.audit_share is not None) is (number < audit)
    assert drawn.sampling.lossless_share <= drawn.sampling.evidence_share
    if outcome is not Outcome.OK:
        assert drawn.kept
    # Whether it is for the audit hangs on nothing that was judged.
    others = {draw(part, o, key, ok=ok, lossless=lossless, audit=audit).sampling.audit_share for o in Outcome}
    assert len(others) == 1


def test_shares_are_what_they_say_and_another_key_draws_others() -> None:
    for share in (0.01, 0.1, 0.5):
        drawn = {n for n in range(1, 20_001) if number_of(n, b"k" * 16) < share}
        assert abs(len(drawn) - 20_000 * share) < 5 * math.sqrt(20_000 * share * (1 - share))
    assert drawn != {n for n in range(1, 20_001) if number_of(n, b"l" * 16) < 0.5}


def keeper(data: Path, config: EvidenceConfig) -> tuple[Writer, Evidence, Reader]:
    clock = HandClock()
    store = writer(data, clock, settle="off").start()
    return store, Evidence(data / "evidence", config, store, clock).start(), Reader(store.database)


def judged(store: Writer, keeps: Evidence, outcomes: list[Outcome], ok: float) -> None:
    done = Committed()

    def committed(record_id: int, made: object, picture: object) -> None:
        keeps.offer(record_id, made, picture, ok)  # type: ignore[arg-type]
        done(record_id, made, picture)

    for n, outcome in enumerate(outcomes, 1):
        store.add(record(n, outcome), frame(n), committed)
    done.wait(len(outcomes))


def kept(reader: Reader) -> dict[int, tuple[str, Sampling]]:
    parts = reader.parts(PartQuery(kept=True, limit=500))
    return {p.id: (p.evidence.file, p.sampling) for p in parts if p.evidence is not None}


def drawn_by(reader: Reader, part: int, outcome: Outcome, **shares: float) -> Drawn:
    return draw(part, outcome, reader.draw_key(), **shares)


def test_what_is_drawn_is_kept_pixel_for_pixel(tmp_path: Path) -> None:
    """The share of bad parts and every sampled good one; the row says with what probability."""
    outcomes = [tuple(Outcome)[n % 3] for n in range(1, 61)]
    store, keeps, reader = keeper(tmp_path, EvidenceConfig(lossless_share=0.4))
    judged(store, keeps, outcomes, ok=0.3)
    wanted = {
        n: drawn
        for n, outcome in enumerate(outcomes, 1)
        if (drawn := drawn_by(reader, n, outcome, ok=0.3, lossless=0.4, audit=0.0)).kept
    }
    wait_for(lambda: kept(reader).keys() == wanted.keys())
    for n, (file, sampling) in kept(reader).items():
        assert sampling == wanted[n].sampling
        assert file.endswith(".png" if wanted[n].lossless else ".jpg")
        pixels = cv2.imread(str(tmp_path / "evidence" / file))
        if wanted[n].lossless:
            assert np.array_equal(pixels, frame(n).pixels)
    assert {s for _, s in kept(reader).values()} == {Sampling(0.3, 0.3), Sampling(1.0, 0.4)}
    keeps.close()
    store.close()


def test_audits_are_drawn_whatever_was_judged_until_too_many_wait(tmp_path: Path) -> None:
    store, keeps, reader = keeper(tmp_path, EvidenceConfig(lossless_share=0.0, audit_share=1.0, audit_waiting=3))
    judged(store, keeps, [Outcome.OK, Outcome.NG, Outcome.UNSURE], ok=0.0)
    wait_for(lambda: len(kept(reader)) == 3)
    assert {s for _, s in kept(reader).values()} == {Sampling(1.0, 1.0, 1.0)}
    assert all(file.endswith(".png") for file, _ in kept(reader).values())
    clock = keeps._clock
    assert isinstance(clock, HandClock)
    clock.pass_s(5)
    wait_for(lambda: not keeps._audits)
    keeps.offer(4, record(4), frame(4), 0.0)
    store.review(Review(1, "ok", "ann", stratum="audit"))
    clock.pass_s(5)
    wait_for(lambda: keeps._audits)
    assert len(kept(reader)) == 3
    keeps.close()
    store.close()


def test_what_another_model_disputes_is_kept_and_stands_for_itself(tmp_path: Path) -> None:
    store, keeps, reader = keeper(tmp_path, EvidenceConfig(lossless_share=0.0))
    done = Committed()
    for n, outcome in enumerate((Outcome.OK, Outcome.NG), 1):
        store.add(record(n, outcome), None, done)
    done.wait(2)
    for wanted in (False, True):
        keeps.offer(1, record(1), frame(1), 0.0, wanted=wanted)
        keeps.offer(2, record(2, Outcome.NG), frame(2), 0.0, wanted=wanted)
    wait_for(lambda: len(kept(reader)) == 2)
    assert kept(reader)[1] == ("top/2026-05-29/1-OK.png", Sampling())
    assert kept(reader)[2] == ("top/2026-05-29/2-NG.jpg", Sampling(1.0, 0.0))
    keeps.close()
    store.close()


@pytest.mark.parametrize("known", [True, False])
def test_a_picture_that_a_kill_left_without_its_row_s_word_keeps_its_shares(tmp_path: Path, known: bool) -> None:
    """Taken in at the next start, with what it was drawn with: it stands for as many parts as before."""
    config = EvidenceConfig(lossless_share=0.5, audit_share=0.2)
    store, keeps, reader = keeper(tmp_path, config)
    judged(store, keeps, [Outcome.OK] * 30 + [Outcome.NG] * 4, ok=0.4)
    wanted = {n for n in range(1, 31) if not drawn_by(reader, n, Outcome.OK, ok=0.4, lossless=0.5, audit=0.2).kept}
    disputed = max(wanted)
    keeps.offer(disputed, record(disputed), frame(disputed), 0.4, wanted=True)
    wait_for(lambda: len(kept(reader)) == 35 - len(wanted))
    before = kept(reader)
    assert before[disputed][1] == Sampling()
    assert {s.evidence_share for _, s in before.values()} == {0.4, 1.0, None}
    keeps.close()
    store.drop_evidence(list(before))
    drained(store)
    later_s = keeps._clock.now().utc_us / 1e6 + 1
    for file, _ in before.values():
        os.utime(tmp_path / "evidence" / file, (later_s, later_s))
    rate = 0.4 if known else None
    again = Evidence(tmp_path / "evidence", config, store, HandClock(), ok_rate_of=lambda _: rate).start()
    wait_for(lambda: kept(reader).keys() == before.keys())
    if known:
        assert kept(reader) == before
    else:
        ok = {n: s for n, (_, s) in kept(reader).items() if n <= 30}
        assert all((s.evidence_share, s.lossless_share) == (None, None) for s in ok.values())
        assert {n: s for n, (_, s) in kept(reader).items() if n > 30} == {n: before[n][1] for n in before if n > 30}
    again.close()
    store.close()
