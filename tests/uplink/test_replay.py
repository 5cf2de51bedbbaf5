"""Which message goes next: order, window, resending, and nothing held in memory."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.store.values import Message
from agent.uplink.replay import LOOK_S, MISSING_PAUSE_S, PAGE, POLL_S, WINDOW, Replay

from .rig import MemoryOutbox


class Network:
    """Takes what a Replay gives, and acknowledges on demand."""

    def __init__(self, replay: Replay) -> None:
        self.replay = replay
        self.mid = 0
        self.flying: dict[int, int] = {}
        self.sent: list[int] = []

    def take(self, now: float) -> Message | None:
        message = self.replay.take(now)
        if message is not None:
            self.mid += 1
            self.replay.flying(self.mid, message)
            self.flying[self.mid] = message.seq
            self.sent.append(message.seq)
        return message

    def acknowledge(self, refused: bool = False) -> None:
        for mid in list(self.flying):
            self.replay.landed(mid, refused)
            del self.flying[mid]

    def drain(self, now: float) -> list[int]:
        """Everything that is to be sent now, acknowledged as it goes."""
        before = len(self.sent)
        quiet = 0
        while quiet < 2:
            quiet = 0 if self.take(now) else quiet + 1
            if quiet or len(self.flying) >= WINDOW:
                self.acknowledge()
        return self.sent[before:]


def made(count: int, asks_settled: bool = True) -> tuple[MemoryOutbox, Network]:
    outbox = MemoryOutbox()
    outbox.add(count)
    replay = Replay(outbox, asks_settled)
    replay.connected()
    return outbox, Network(replay)


def settle(outbox: MemoryOutbox, seq: int, *missing: int) -> None:
    outbox.settle({"epoch": outbox.epoch, "seq": seq, "missing": missing})


def test_replay_is_in_order_and_bounded() -> None:
    """FIELD 20: memory at replay: a page and a window, however much waits."""
    _, network = made(5000)
    while network.take(0.0):
        assert len(network.replay._page) <= PAGE
    assert network.sent == list(range(1, WINDOW + 1))
    network.acknowledge()
    network.drain(0.0)
    assert network.sent == list(range(1, 5001))
    assert network.replay.sent == 5000


def test_broker_that_takes_fewer_at_once() -> None:
    _, network = made(10)
    network.replay.connected(window=3)
    while network.take(0.0):
        pass
    assert network.sent == [1, 2, 3]


def test_new_messages_follow() -> None:
    outbox, network = made(3)
    assert network.drain(0.0) == [1, 2, 3]
    outbox.add(2)
    assert network.drain(POLL_S) == [4, 5]
    assert network.drain(2 * POLL_S) == []


def test_reconnect_sends_the_unsettled_again() -> None:
    """FIELD 19: what the broker acknowledged is not what the centre holds."""
    outbox, network = made(30)
    network.drain(0.0)
    settle(outbox, 20)
    network.replay.disconnected()
    network.replay.connected()
    assert network.drain(1.0) == list(range(21, 31))


def test_unsettled_is_sent_again_after_five_minutes_doubling_to_an_hour() -> None:
    outbox, network = made(3)
    network.drain(0.0)
    settle(outbox, 1)
    times = [float(s) for s in range(0, 5 * 3600, 5)]
    again = [now for now in times if network.drain(now) == [2, 3]]
    gaps = [b - a for a, b in zip([0.0, *again], again, strict=False)]
    for gap, expected in zip(gaps, [300, 600, 1200, 2400, 3600, 3600], strict=False):
        assert expected <= gap <= expected + 10
    settle(outbox, 3)
    outbox.add(1)
    assert network.drain(times[-1] + 1) == [4]


def test_settled_in_time_is_sent_once() -> None:
    outbox, network = made(1)
    for now in range(0, 3600, 10):
        network.drain(float(now))
        settle(outbox, outbox.outbox().last_seq)
        outbox.add(1)
    assert len(network.sent) == len(set(network.sent)) == 360


def test_missing_is_sent_again_but_not_in_a_storm() -> None:
    """FIELD 20: a centre that names a gap with each acknowledgement gets it once in a while."""
    outbox, network = made(50)
    network.drain(0.0)
    settle(outbox, 9, 10, 12)
    for _ in range(5):
        network.replay.missing([12, 10, 10], 1.0)
        network.drain(1.0)
    assert network.sent[50:] == [10, 12]
    network.replay.missing([10], 1.0 + MISSING_PAUSE_S)
    assert network.drain(1.0 + MISSING_PAUSE_S) == [10]


def test_missing_that_is_still_to_come_is_not_sent_twice() -> None:
    _, network = made(100)
    network.take(0.0)
    network.replay.missing(range(1, 101), 0.0)
    network.drain(0.0)
    assert sorted(network.sent) == list(range(1, 101))


def test_resend_of_settled_messages() -> None:
    outbox, network = made(60)
    network.drain(0.0)
    settle(outbox, 60)
    network.replay.resend(5, 1000)
    assert network.drain(10.0) == list(range(5, 61))


def test_new_epoch_begins_anew() -> None:
    """A restored database: other messages under the same numbers."""
    outbox, network = made(30)
    network.drain(0.0)
    network.replay.missing([3], 0.0)
    outbox.epoch, outbox.rows, outbox.settled = "00000000000000bb", {}, set()
    outbox.add(2)
    network.sent.clear()
    network.drain(LOOK_S)
    assert (network.sent, network.replay.sent, network.replay.epoch) == ([1, 2], 2, "00000000000000bb")


def test_settle_none_sends_once_and_leaves_the_past() -> None:
    outbox, network = made(10, asks_settled=False)
    assert network.drain(0.0) == []
    outbox.add(3)
    assert network.take(1.0) is not None
    network.replay.disconnected()
    network.flying.clear()
    network.replay.connected()
    outbox.add(1)
    network.drain(2.0)
    assert sorted(network.sent) == [11, 11, 12, 13, 14]


def test_settle_none_walks_over_a_gap() -> None:
    outbox, network = made(0, asks_settled=False)
    network.drain(0.0)
    outbox.add(200)
    for seq in range(1, 190):
        del outbox.rows[seq]
    outbox.add(1)
    for now in range(1, 30):
        network.drain(float(now))
    assert network.sent == [*range(190, 201), 201]


def test_floor_is_what_the_broker_has_of_everything() -> None:
    outbox, network = made(60)
    assert network.replay.floor == 0
    network.take(0.0)
    network.take(0.0)
    assert network.replay.floor == 0
    network.replay.landed(2)
    assert network.replay.floor == 0
    network.replay.landed(1)
    assert network.replay.floor == 2
    network.take(0.0)
    network.replay.landed(3, refused=True)
    network.drain(0.0)
    assert (network.replay.floor, network.replay.sent) == (2, 60)
    settle(outbox, 2)


def test_what_was_in_flight_at_a_cut_is_not_taken_for_acknowledged() -> None:
    """FIELD 19: settle = puback takes the broker's word, and it gave none for these."""
    _, network = made(10)
    for _ in range(10):
        network.take(0.0)
    for mid in (1, 2, 3):
        network.replay.landed(mid)
    assert network.replay.floor == 3
    network.replay.disconnected()
    assert network.replay.floor <= 3
    network.replay.connected()
    assert network.replay.floor <= 3


class Puback(RuleBasedStateMachine):
    """FIELD 19: with settle = puback nothing is settled that the broker did not acknowledge."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox, self.network = made(0)
        self.online = True
        self.now = 0.0
        self.acknowledged: set[int] = set()

    @rule(count=st.integers(1, 40))
    def make(self, count: int) -> None:
        self.outbox.add(count)

    @precondition(lambda self: self.online)
    @rule(count=st.integers(1, 30))
    def send(self, count: int) -> None:
        for _ in range(count):
            self.network.take(self.now)

    @precondition(lambda self: self.network.flying)
    @rule(which=st.integers(0, WINDOW - 1), refused=st.booleans())
    def puback(self, which: int, refused: bool) -> None:
        mid = sorted(self.network.flying)[which % len(self.network.flying)]
        seq = self.network.flying.pop(mid)
        self.network.replay.landed(mid, refused)
        if not refused:
            self.acknowledged.add(seq)

    @rule()
    def disconnect(self) -> None:
        self.network.flying.clear()
        self.network.replay.disconnected()
        self.online = False

    @precondition(lambda self: not self.online)
    @rule(window=st.sampled_from([3, WINDOW]))
    def connect(self, window: int) -> None:
        self.network.replay.connected(window)
        self.online = True

    @rule(first=st.integers(1, 60), count=st.integers(1, 30))
    def resend(self, first: int, count: int) -> None:
        self.network.replay.resend(first, first + count)

    @rule(seconds=st.sampled_from([0.3, 10.0, 400.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def settle_by_floor(self) -> None:
        settle(self.outbox, self.network.replay.floor)

    @invariant()
    def floor_is_acknowledged(self) -> None:
        assert set(range(1, self.network.replay.floor + 1)) <= self.acknowledged

    def teardown(self) -> None:
        self.connect(WINDOW)
        for _ in range(12):
            self.now += 4000.0
            before = len(self.network.sent)
            self.network.drain(self.now)
            self.acknowledged |= set(self.network.sent[before:])
            self.floor_is_acknowledged()
            self.settle_by_floor()
        assert self.outbox.settled == set(self.outbox.rows)


TestPuback = Puback.TestCase
TestPuback.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens: in flight is bounded, and in the end the centre holds everything."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox, self.network = made(0)
        self.now = 0.0
        self.centre: set[int] = set()

    @rule(count=st.integers(1, 40))
    def make(self, count: int) -> None:
        self.outbox.add(count)

    @rule(count=st.integers(1, 30))
    def send(self, count: int) -> None:
        for _ in range(count):
            self.network.take(self.now)

    @rule(refused=st.booleans())
    def puback(self, refused: bool) -> None:
        if not refused:
            self.centre |= set(self.network.flying.values())
        self.network.acknowledge(refused)

    @rule()
    def puback_without_delivery(self) -> None:
        self.network.acknowledge()

    @rule()
    def reconnect(self) -> None:
        self.network.flying.clear()
        self.network.replay.disconnected()
        self.network.replay.connected()

    @rule(seconds=st.sampled_from([0.1, 1.0, 400.0, 4000.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.centre)
    @rule()
    def acknowledge(self) -> None:
        held, gaps = self.word()
        settle(self.outbox, held, *gaps)
        self.network.replay.missing(gaps, self.now)

    def word(self) -> tuple[int, list[int]]:
        top = max(self.centre)
        held = next(n for n in range(1, top + 2) if n not in self.centre) - 1
        return held, [n for n in range(held + 1, top) if n not in self.centre][:50]

    @invariant()
    def bounded(self) -> None:
        assert self.network.replay.in_flight <= WINDOW
        assert len(self.network.replay._page) <= PAGE

    @invariant()
    def never_more_than_there_is(self) -> None:
        assert self.network.replay.floor <= max(len(self.outbox.rows), 0)

    def teardown(self) -> None:
        for _ in range(12):
            self.now += 4000.0
            before = len(self.network.sent)
            self.network.drain(self.now)
            self.centre |= set(self.network.sent[before:])
            if self.centre:
                settle(self.outbox, self.word()[0])
        assert self.centre == set(self.outbox.rows)
        assert self.outbox.settled == set(self.outbox.rows)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(st.lists(st.tuples(st.integers(1, 200), st.integers(0, 60)), max_size=8))
def test_any_ranges_are_sent_completely(ranges: list[tuple[int, int]]) -> None:
    outbox, network = made(200)
    network.drain(0.0)
    settle(outbox, 200)
    network.sent.clear()
    for first, length in ranges:
        network.replay.resend(first, first + length)
    network.drain(1.0)
    assert set(network.sent) == {n for a, length in ranges for n in range(a, min(a + length, 200) + 1)}
