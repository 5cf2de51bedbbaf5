"""The verbs about models where no station runs: the same checks, on the data folder alone."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from agent.clock import SystemClock, boot_id
from agent.config import Config
from agent.errors import OkngError
from agent.lock import DataLock
from agent.station.memory import LaneMemory
from agent.station.model_verbs import arrived, listed
from agent.station.modelling import Shelf, shelf
from agent.station.models.activation import Probation
from agent.station.models.activations import find_again
from agent.station.models.signing import trust_of
from agent.store.read import Reader

Say = Callable[[str], None]


def offline(config: Config, verb: str, said: Mapping[str, Any], tell: Say) -> Mapping[str, Any]:
    """Do what a verb of the station's says, under the data folder's lock; events are told, none is stored.

    Raises OkngError. A model that is activated so is watched from the station's next start on.
    """
    data, clock = config.station.data, SystemClock()
    if data.exists() and data.stat().st_uid != os.geteuid():
        raise OkngError(
            f"{data} belongs to user {data.stat().st_uid}: a station of that user could not use what is made"
        )

    def event(name: str, **detail: str | int | float) -> None:
        tell(f"{name}: {', '.join(f'{key} {value}' for key, value in detail.items() if value != '')}")

    with DataLock(data):
        there = shelf(config, LaneMemory(data), clock, event, trust_of(config.models))
        there.library.tidy()
        find_again(there.activations, there.recipes, event)
        acts: Mapping[str, Callable[[], Mapping[str, Any]]] = {
            "models": lambda: listed(there.intake, there.choice, after=str(said.get("after", ""))),
            "model_import": lambda: arrived(there.intake.import_(str(said["file"]), folders=True)),
            "model_activate": lambda: _activate(there, said),
            "model_rollback": lambda: _rollback(there, data, str(said.get("recipe", "")), clock.now().utc_us),
            "model_seen": lambda: there.choice.seen(str(said.get("recipe", ""))).model_dump(mode="json"),
            "model_remove": lambda: _remove(there, str(said["id"])),
        }
        act = acts.get(verb)
        if act is None:
            raise OkngError(f"{verb} needs a running station")
        return act()


def _activate(there: Shelf, said: Mapping[str, Any]) -> Mapping[str, Any]:
    again = bool(said.get("again"))
    proposal = there.choice.propose(str(said["id"]), str(said.get("recipe", "")), again, there.intake.admitted)
    there.choice.must_be_in_time(proposal)
    probation = None
    if proposal.good is not None and proposal.good.digest != proposal.version.digest:
        probation = Probation(boot=boot_id(), drift=not said.get("expect_change"), ended_well=True)
    there.choice.settle(proposal, probation)
    there.recipes.keep(proposal.target)
    return {
        "recipe": proposal.recipe,
        "model": proposal.version.id,
        "digest": proposal.version.digest,
        "lanes": list(there.choice.demand.in_use().get(proposal.recipe, ())),
        "revision": proposal.target.revision,
    }


def _rollback(there: Shelf, data: Path, recipe: str, now_utc_us: int) -> Mapping[str, Any]:
    name = there.choice.named(recipe)
    was = there.activations.of(name)
    was.way_back(name)
    back = there.choice.take_back(name, "told to", False, now_utc_us)
    with suppress(OkngError):  # no station has judged here yet
        to_hold = Reader(data / "results.db").judged_by(was.digest, was.since_utc_us)
        back = back.model_copy(update=asdict(to_hold))
        there.activations.insist(name, rolled_back=back)
    with suppress(OSError, OkngError):  # only the last good revision is not noted then
        there.recipes.remember(there.choice.recipe(name))
    return back.model_dump(mode="json")


def _remove(there: Shelf, model: str) -> Mapping[str, Any]:
    there.intake.remove(model)
    return {"removed": model}
