"""How old a streamed picture is when it arrives, by the stream's own time against ours.

A network camera stamps pictures with a clock of its own whose zero is unknown. The difference between
our clock at the arrival and the stream's time is smallest for a picture that came straight through;
what a picture's difference is more than that, it waited somewhere: in the camera, the network, a buffer.
"""

_DRIFT = 1e-3
"""The smallest difference may grow by so much a second: far more than any quartz drifts."""
_JUMP_S = 5.0
"""A stream whose time jumps back by more has started anew."""


class Staleness:
    """Keeps the smallest difference seen. All times in s; `arrived` is monotonic."""

    def __init__(self) -> None:
        self._smallest: float | None = None
        self._last_stream = 0.0
        self._last_arrived = 0.0

    def of(self, stream: float, arrived: float) -> float:
        """How long this picture waited on its way, at least; never negative."""
        difference = arrived - stream
        if self._smallest is None or stream < self._last_stream - _JUMP_S:
            self._smallest = difference
        else:
            grown = self._smallest + _DRIFT * max(0.0, arrived - self._last_arrived)
            self._smallest = min(difference, grown)
        self._last_stream, self._last_arrived = stream, arrived
        return difference - self._smallest

    def settle(self) -> None:
        """The last picture is live, whatever the times say: it had to be waited for."""
        self._smallest = self._last_arrived - self._last_stream
