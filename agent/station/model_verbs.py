"""What can be said to the station about its models: verbs of `agent.control`."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from agent.config import ModelsConfig
from agent.control import INCOMING
from agent.errors import ControlFailed, OkngError
from agent.station.models.activation import Activation
from agent.station.models.bundle import checked_id
from agent.station.models.choice import Choice
from agent.station.models.intake import Arrived, Intake
from agent.station.rollout import Rollout
from agent.station.server import Verb

SAID_REASONS = 8
"""Of so many condemned models the list says why: it has to fit into one answer."""


class ModelVerbs:
    """Carries the verbs out. Called from the control socket's threads; a long one answers when it is done."""

    def __init__(
        self,
        *,
        config: ModelsConfig,
        intake: Intake,
        choice: Choice,
        rollout: Rollout,
        window: Callable[[str], str] = lambda _: "",
    ) -> None:
        """`window`: how far the health window of a recipe's model is, for people."""
        self._config = config
        self._intake = intake
        self._choice = choice
        self._rollout = rollout
        self._window = window

    def table(self) -> Mapping[str, Verb]:
        return {
            "models": self.models,
            "model_import": self.import_,
            "model_activate": self.activate,
            "model_rollback": self.rollback,
            "model_seen": self.seen,
            "model_remove": self.remove,
        }

    def models(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        return listed(self._intake, self._choice, self._window, str(said.get("after", "")))

    def import_(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        activate = _flag(said, "activate")
        if activate and not self._config.activate_on_import:
            raise ControlFailed("an import may not activate here: models.activate_on_import is false")
        answer = arrived(self._intake.import_(str(said["file"]), of=str(said.get("of", INCOMING))))
        return {**answer, **self._activated(answer, str(said.get("recipe", "")))} if activate else answer

    def _activated(self, model: Mapping[str, object], recipe: str) -> Mapping[str, object]:
        """What became of the activation. The model is installed, whatever this says."""
        try:
            name = self._choice.named(recipe)
            if self._choice.recipe(name).model_hash == model["digest"]:  # it was told before, and is done
                lanes = list(self._choice.demand.in_use().get(name, ()))
                return {"activated": {"recipe": name, "model": model["id"], "digest": model["digest"], "lanes": lanes}}
            done = self._rollout.activate(str(model["id"]), name)
        except OkngError as error:
            return {"activation_refused": str(error)[:800]}
        return {"activated": {**asdict(done), "lanes": list(done.lanes)}}

    def activate(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        done = self._rollout.activate(
            checked_id(str(said["id"])),
            str(said.get("recipe", "")),
            expect_change=_flag(said, "expect_change"),
            again=_flag(said, "again"),
        )
        return {**asdict(done), "lanes": list(done.lanes)}

    def rollback(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        return self._rollout.back.rollback(str(said.get("recipe", ""))).model_dump(mode="json")

    def seen(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        return self._rollout.back.seen(str(said.get("recipe", ""))).model_dump(mode="json")

    def remove(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        model = checked_id(str(said["id"]))
        self._intake.remove(model)
        return {"removed": model}


def listed(
    intake: Intake, choice: Choice, window: Callable[[str], str] = lambda _: "", after: str = ""
) -> dict[str, object]:
    """The models, and on the first page what each recipe is judged by, in plain values.

    `window`: as of a running station. `after`: the next page; `more` of the one before names it, "" at the end.
    """
    models, more = intake.listing.page(after)
    if after:
        return {"models": models, "more": more}
    recipes = {*choice.demand.in_use(), *choice.activations.all()}
    return {
        "models": models,
        "more": more,
        "recipes": [
            {**_judged_by(name, choice.activations.of(name)), "window": window(name)} for name in sorted(recipes)
        ],
        "lanes": {name: list(lanes) for name, lanes in choice.demand.in_use().items()},
    }


def _judged_by(recipe: str, kept: Activation) -> dict[str, object]:
    """What a recipe is judged by, in plain values."""
    return {
        "recipe": recipe,
        "active": kept.active,
        "since_utc_us": kept.since_utc_us,
        "previous": [version.id for version in kept.previous],
        "shadow": kept.shadow,
        "canary": kept.canary.model_dump(mode="json", include={"id", "share"}) if kept.canary else None,
        "canary_trouble": kept.canary_trouble,
        "condemned": {digest: why[:160] for digest, why in list(kept.condemned.items())[-SAID_REASONS:]},
        "on_trial": kept.probation is not None,
        "rolled_back": kept.rolled_back.model_dump(mode="json") if kept.rolled_back else None,
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
