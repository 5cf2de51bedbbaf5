"""When a station is told what is held, and asked for what is missing."""

from itertools import pairwise

from fleet.collector.acks import AGAIN_S, PATIENCE_S, Acks
from fleet.intake.topics import Address
from fleet.store.write import EpochKey, Holding

KEY = EpochKey(Address("plant", "line1", "a"), "00000000000000aa")


def test_at_most_once_a_second() -> None:
    acks = Acks()
    acks.touched([KEY], 10.0)
    assert acks.due(10.0) == {KEY}
    assert acks.say(Holding(KEY, 5, ()), 10.0).named == ()
    acks.touched([KEY], 10.2)
    assert acks.due(10.9) == frozenset()
    assert acks.due(11.0) == {KEY}
    acks.say(Holding(KEY, 6, ()), 11.0)
    acks.tidy(100.0)
    assert acks.due(1000.0) == frozenset()


def test_what_is_missing_for_a_moment_only_is_not_asked_for() -> None:
    acks = Acks()
    acks.touched([KEY], 0.0)
    assert acks.say(Holding(KEY, 5, (6,)), 0.0).named == ()
    acks.touched([KEY], 0.5)
    assert acks.say(Holding(KEY, 8, (9, 10)), 1.0).named == ()
    assert acks.due(1.0 + PATIENCE_S) == {KEY}
    assert acks.say(Holding(KEY, 8, (9, 10, 12)), 1.0 + PATIENCE_S).named == (9, 10)


def test_a_gap_that_stays_is_asked_for_less_and_less_often() -> None:
    acks = Acks()
    holding = Holding(KEY, 5, (6,))
    acks.touched([KEY], 0.0)
    asked, now_s = [], 0.0
    while now_s < 200.0:
        if acks.due(now_s) and acks.say(holding, now_s).named:
            asked.append(now_s)
        if now_s % 5 == 0:  # the station goes on
            acks.touched([KEY], now_s)
        now_s += 0.5
    gaps = [b - a for a, b in pairwise(asked)]
    assert asked[0] == PATIENCE_S
    assert gaps == [AGAIN_S, AGAIN_S * 2, AGAIN_S * 4, AGAIN_S * 8][: len(gaps)]
    assert len(gaps) >= 3
