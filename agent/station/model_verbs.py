"""What can be said to the station about its models: verbs of `agent.control`."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from agent.config import ModelsConfig
from agent.errors import ControlFailed
from agent.station.models.choice import Choice
from agent.station.models.intake import Arrived, Intake
from agent.station.rollout import Rollout
from agent.station.server import Verb


class ModelVerbs:
    """Carries the verbs out. Called from the control socket's threads; a long one answers when it is done."""

    def __init__(self, *, config: ModelsConfig, intake: Intake, choice: Choice, rollout: Rollout) -> None:
        self._config = config
        self._intake = intake
        self._choice = choice
        self._rollout = rollout

    def table(self) -> Mapping[str, Verb]:
        return {
            "models": self.models,
            "model_import": self.import_,
            "model_activate": self.activate,
            "model_rollback": self.rollback,
            "model_seen": self.seen,
            "model_remove": self.remove,
        }

    def models(self, _: Mapping[str, Any]) -> Mapping[str, object]:
        return listed(self._intake, self._choice)

    def import_(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        activate = _flag(said, "activate")
        if activate and not self._config.activate_on_import:
            raise ControlFailed("an import may not activate here: models.activate_on_import is false")
        answer = arrived(self._intake.import_(str(said["file"])))
        if activate:
            done = self._rollout.activate(str(answer["id"]), str(said.get("recipe", "")))
            answer = {**answer, "activated": {**asdict(done), "lanes": list(done.lanes)}}
        return answer

    def activate(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        done = self._rollout.activate(
            str(said["id"]),
            str(said.get("recipe", "")),
            expect_change=_flag(said, "expect_change"),
            again=_flag(said, "again"),
        )
        return {**asdict(done), "lanes": list(done.lanes)}

    def rollback(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        return self._rollout.rollback(str(said.get("recipe", ""))).model_dump(mode="json")

    def seen(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        return self._choice.seen(str(said.get("recipe", ""))).model_dump(mode="json")

    def remove(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        model = str(said["id"])
        self._intake.remove(model)
        return {"removed": model}


def listed(intake: Intake, choice: Choice) -> dict[str, object]:
    """Every model, and what each recipe is judged by, in plain values."""
    recipes = {*choice.in_use(), *choice.activations.all()}
    return {
        "models": intake.listing(),
        "recipes": [choice.said(name) for name in sorted(recipes)],
        "lanes": {name: list(lanes) for name, lanes in choice.in_use().items()},
    }


def arrived(model: Arrived) -> dict[str, object]:
    """An imported model in plain values."""
    return {
        "id": model.bundle.id,
        "digest": model.bundle.digest,
        "key": model.key,
        "device": model.judges.device,
        "gates": [entry.model_dump(mode="json", exclude={"model", "digest"}) for entry in model.gates],
    }


def _flag(said: Mapping[str, Any], name: str) -> bool:
    value = said.get(name, False)
    if not isinstance(value, bool):
        raise ValueError(f"{name} {str(value)[:40]}: true or false is allowed")
    return value
