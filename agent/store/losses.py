"""Telling of losses that go on: at once when they begin, then at most once a minute, and always all of them."""

TOLD_S = 60.0


class Losses:
    """What was lost and what was told of it. Used by one thread."""

    def __init__(self) -> None:
        self._told: tuple[int, ...] = ()
        self._told_ns: int | None = None

    def untold(self, lost: tuple[int, ...]) -> tuple[int, ...] | None:
        """How much of these rising counts nobody was told of yet; None when there is nothing."""
        new = tuple(n - self._told[i] if self._told else n for i, n in enumerate(lost))
        return new if any(new) else None

    def report(self, mono_ns: int, lost: tuple[int, ...]) -> tuple[int, ...] | None:
        """What is to be told now; None when there is nothing, or something was told within the last minute."""
        if self._told_ns is not None and mono_ns - self._told_ns < TOLD_S * 1e9:
            return None
        new = self.untold(lost)
        if new is not None:
            self._told, self._told_ns = lost, mono_ns
        return new
