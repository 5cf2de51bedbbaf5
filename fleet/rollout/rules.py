"""The rules of a roll-out: who is asked next, what an answer or an event makes of a station. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from fleet.intake.topics import Address
from fleet.rollout.values import Phase, Progress, Rollout, Target

ENDS: frozenset[Progress] = frozenset({"installed", "activated", "refused", "cancelled"})
UNDER_WAY: frozenset[Progress] = frozenset({"asked", "accepted", "downloading", "checking"})
_RANK: Mapping[Progress, int] = {
    "waiting": 0, "asked": 1, "silent": 1, "accepted": 2, "downloading": 3, "checking": 4,
    "cancelled": 5, "refused": 5, "installed": 5, "activated": 5,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """What a station said of a command."""

    progress: Progress
    percent: int = 0
    why: str = ""


def step_of_answer(ok: bool, error: str) -> Step:
    """What the answer to `cmd/update` says."""
    return Step("accepted") if ok else Step("refused", why=error or "refused without a reason")


def step_of_event(name: str, detail: Mapping[str, str | int | float]) -> Step | None:
    """What an event of an update says; None for one that is about nothing of this."""
    why = str(detail.get("why", ""))
    match name:
        case "update_started":
            return Step("accepted")
        case "update_progress":
            return Step("downloading", _percent(detail.get("percent")))
        case "update_waiting":
            return Step("accepted", why=why)
        case "update_downloaded":
            return Step("checking", 100)
        case "update_done" if detail.get("activated") == 1:
            return Step("activated", 100)
        case "update_done":
            return Step("installed", 100, str(detail.get("activation_refused", "")))
        case "update_refused":
            return Step("refused", why=why or "refused without a reason")
        case "update_cancelled":
            return Step("cancelled")
    return None


def moved(target: Target, step: Step, now_us: int) -> Target:
    """How far a station has come after this step: never back, in whatever order the steps come.

    Only what happened counts more than what was answered: a station that cancelled or installed after all has.
    """
    if target.progress in ENDS and not (target.progress == "refused" and step.progress in ENDS - {"refused"}):
        return target
    if _RANK[step.progress] < _RANK[target.progress]:
        return replace(target, why=step.why, changed_us=now_us) if step.why else target
    percent = max(target.percent, step.percent)
    return replace(target, progress=step.progress, percent=percent, why=step.why, changed_us=now_us)


def overdue(target: Target, now_ms: int, patience_s: float) -> bool:
    """Whether a station has been silent for too long: without an answer till its command's end, or in the middle."""
    if target.progress == "asked":
        return now_ms > target.expires_ms
    return target.progress in UNDER_WAY and now_ms - target.changed_us / 1000 > patience_s * 1000


def failed(rollout: Rollout, target: Target) -> bool:
    """A model that was to judge and does not is a failure too."""
    return target.progress in ("refused", "silent") or (target.progress == "installed" and rollout.activate)


def failures(rollout: Rollout) -> int:
    return sum(failed(rollout, target) for target in rollout.targets)


def phase_of(rollout: Rollout) -> Phase:
    """How it stands: after too many failures it stops by itself, and it is done when everybody is."""
    if rollout.phase in ("cancelled", "done"):
        return rollout.phase
    if all(target.progress in ENDS or target.progress == "silent" for target in rollout.targets):
        return "done"
    if rollout.phase == "running" and failures(rollout) - rollout.forgiven > rollout.most_failures:
        return "stopped"
    return rollout.phase


def next_to_ask(rollout: Rollout, there: Iterable[Address], at_once: int) -> tuple[Target, ...]:
    """Who is asked now: of the first ones, then of the others, those that are there; few at once.

    The others wait until all of the first ones have the model, or have failed without stopping it all. A station
    that is away keeps its turn until it is back.
    """
    if phase_of(rollout) != "running":
        return ()
    leading = rollout.targets[: rollout.first]
    wave = leading if any(t.progress not in ENDS | {"silent"} for t in leading) else rollout.targets[rollout.first :]
    room = at_once - sum(target.progress in UNDER_WAY for target in rollout.targets)
    present = frozenset(there)
    due = [target for target in wave if target.progress == "waiting" and target.address in present]
    return tuple(due[: max(0, room)])


def _percent(said: object) -> int:
    return min(100, max(0, int(said))) if isinstance(said, int | float) else 0
