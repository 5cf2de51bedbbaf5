"""The verbs about challenge parts. Who may say them is the page's to decide; who said them is kept."""

from collections.abc import Mapping
from typing import Any

from agent.challenges import checked
from agent.station.challenge.runs import ChallengeRuns
from agent.station.server import Verb

MOST_NAME = 100
MOST_REASON = 500


class ChallengeVerbs:
    """Called from the control socket's threads."""

    def __init__(self, runs: ChallengeRuns) -> None:
        self._runs = runs

    def table(self) -> Mapping[str, Verb]:
        return {
            "challenge_start": self.start,
            "challenge_next": self.next,
            "challenge_end": self.end,
            "challenge_override": self.override,
            "challenge_save": self.save,
        }

    def start(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """lane, by."""
        return {"run": self._runs.begin(str(said["lane"]), _by(said))}

    def next(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """lane, part; "" for: nobody knows."""
        self._runs.awaits(str(said["lane"]), str(said["part"])[:MOST_NAME])
        return {}

    def end(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """lane, by."""
        return {"ended": self._runs.end(str(said["lane"]), _by(said))}

    def override(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """lane, by, reason."""
        reason = str(said["reason"]).strip()
        if not reason or len(reason) > MOST_REASON:
            raise ValueError(f"reason: {len(reason)} characters; 1 to {MOST_REASON} are allowed")
        return {"override": self._runs.override(str(said["lane"]), _by(said), reason)}

    def save(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """recipe, parts, revision: the one that the editor saw."""
        found = checked(str(said["recipe"]), said["parts"])
        return {"revision": self._runs.save(found, str(said["revision"]))}


def _by(said: Mapping[str, Any]) -> str:
    by = str(said["by"]).strip()
    if not by or len(by) > MOST_NAME:
        raise ValueError(f"by: {len(by)} characters; who says it is to be named, in at most {MOST_NAME}")
    return by
