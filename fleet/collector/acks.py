"""Whom to tell what is held, and when: after the commit, at most once a second for each epoch.

What is missing is named only when it has been so for a moment: with several collectors the next number
may be in another one's hands. A gap is named again as long as it stays, less and less often.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from fleet.store.write import EpochKey, Holding

EVERY_S = 1.0
PATIENCE_S = 2.0
"""So long a number may be missing before the station is asked for it."""
AGAIN_S, AGAIN_MAX_S = 12.0, 600.0
"""A station sends what is named at once, then at most every 10 s."""


@dataclass(slots=True)
class _Open:
    """An epoch that something is to be said about."""

    due_s: float
    missing: frozenset[int] = frozenset()
    """What was missing when it was last looked at."""
    since_s: float = 0.0
    """Since when."""
    named_s: float | None = None
    """When the station was last asked for it."""
    again_s: float = AGAIN_S


@dataclass(frozen=True, slots=True)
class Word:
    """What to tell a station."""

    holding: Holding
    named: tuple[int, ...]
    """Of what is missing, that which it is asked for."""


@dataclass(slots=True)
class Acks:
    """The epochs that wait for a word. Times are monotonic, s. One thread uses it."""

    _open: dict[EpochKey, _Open] = field(default_factory=dict)
    _said_s: dict[EpochKey, float] = field(default_factory=dict)

    def touched(self, keys: Iterable[EpochKey], now_s: float) -> None:
        """These epochs have said something, and it is committed."""
        for key in keys:
            due_s = max(now_s, self._said_s.get(key, -EVERY_S) + EVERY_S)
            known = self._open.get(key)
            if known is None:
                self._open[key] = _Open(due_s)
            else:
                known.due_s = min(known.due_s, due_s)

    def due(self, now_s: float) -> frozenset[EpochKey]:
        """Those whose turn it is: look what is held of them, and `say`."""
        return frozenset(key for key, each in self._open.items() if each.due_s <= now_s)

    def say(self, holding: Holding, now_s: float) -> Word:
        """What to tell, and when to look again."""
        each = self._open.get(holding.key) or _Open(now_s)
        self._said_s[holding.key] = now_s
        missing = frozenset(holding.missing)
        if not missing:
            self._open.pop(holding.key, None)
            return Word(holding, ())
        stays = missing & each.missing
        if not stays:
            self._open[holding.key] = _Open(now_s + PATIENCE_S, missing, now_s)
            return Word(holding, ())
        if now_s - each.since_s < PATIENCE_S:
            self._open[holding.key] = _Open(each.since_s + PATIENCE_S, stays, each.since_s)
            return Word(holding, ())
        if each.named_s is not None and now_s - each.named_s < each.again_s:
            self._open[holding.key] = replace(each, due_s=each.named_s + each.again_s, missing=missing)
            return Word(holding, ())
        again_s = AGAIN_S if each.named_s is None else min(each.again_s * 2, AGAIN_MAX_S)
        self._open[holding.key] = _Open(now_s + again_s, missing, each.since_s, now_s, again_s)
        return Word(holding, tuple(n for n in holding.missing if n in stays))

    def tidy(self, now_s: float) -> None:
        """Forget when it was said what nobody waits for any more."""
        self._said_s = {key: said_s for key, said_s in self._said_s.items() if now_s - said_s < EVERY_S}
