"""How a station is, in one word each: its connection, and how sure it is that the centre has everything."""

from dataclasses import dataclass
from typing import Literal

from fleet.store.values import Glance, Presence

State = Literal["online", "silent", "stopped", "lost", "unknown"]
Tone = Literal["good", "busy", "bad", "none"]
"""Each with a shape of its own: circle, diamond, square, ring."""
STATES: dict[State, Tone] = {"online": "good", "silent": "bad", "stopped": "none", "lost": "bad", "unknown": "none"}

Proof = Literal["complete", "missing", "behind", "waits", "nothing"]
PROOFS: dict[Proof, Tone] = {"complete": "good", "missing": "bad", "behind": "busy", "waits": "busy", "nothing": "none"}

SILENT_US = 300_000_000
"""A station sends a window a minute, empty ones too: after five of them without a word it is silent."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A box as the pages show it."""

    glance: Glance
    state: State
    proof: Proof

    @property
    def needs_somebody(self) -> bool:
        """Whether there is anything about it that somebody should look at."""
        return (
            self.state in ("silent", "lost")
            or self.glance.conflict
            or bool(self.glance.alarms)
            or self.proof in ("missing", "behind")
        )


def seen(glance: Glance, now_us: int) -> Seen:
    """`now_us` is the centre's clock."""
    state = state_of(glance.presence, now_us)
    return Seen(glance, state, proof_of(glance, state, now_us))


def state_of(said: Presence, now_us: int) -> State:
    """silent: it said that it is there, and nothing has come from it for a while."""
    if not said.status_us:
        return "unknown" if now_us - said.heard_us > SILENT_US else "online"
    if not said.online:
        return "stopped" if said.why == "stopped" else "lost"
    return "silent" if now_us - max(said.heard_us, said.status_us) > SILENT_US else "online"


def proof_of(glance: Glance, state: State, now_us: int) -> Proof:
    """complete: without a gap up to a few minutes ago; waits: the rest is on a station that is not connected."""
    sync = glance.sync
    if not sync.highest:
        return "nothing"
    if not sync.complete:
        return "missing"
    if state in ("stopped", "lost"):
        return "waits"
    return "behind" if now_us - sync.complete_ms * 1000 > SILENT_US else "complete"
