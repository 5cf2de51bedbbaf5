"""What can be said about second models: `model_shadow` and `model_canary`, verbs of `agent.control`."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from agent.clock import boot_id
from agent.config import ModelsConfig
from agent.errors import OkngError
from agent.ports import Clock
from agent.station.beside.casting import PROCESS_MB, Casting
from agent.station.beside.company import Company
from agent.station.beside.shadow import Shadow
from agent.station.job import Job
from agent.station.lane import Lane
from agent.station.models.activation import Canary as Told
from agent.station.models.bundle import Bundle
from agent.station.models.choice import Choice, Proposal
from agent.station.models.gate import Entry
from agent.station.models.intake import Intake
from agent.station.models.trial import available_mb
from agent.station.prepare import Preparer
from agent.station.server import Verb

MOST_BUSY = 0.9


class BesideVerbs:
    """Carries the verbs out. Called from the control socket's threads; they answer when it is done."""

    def __init__(
        self,
        *,
        config: ModelsConfig,
        lanes: Mapping[str, Lane],
        choice: Choice,
        intake: Intake,
        casting: Casting,
        company: Company,
        preparer: Preparer,
        clock: Clock,
    ) -> None:
        self._config = config
        self._lanes = lanes
        self._choice = choice
        self._intake = intake
        self._casting = casting
        self._company = company
        self._preparer = preparer
        self._clock = clock

    def table(self) -> Mapping[str, Verb]:
        return {"model_shadow": self.shadow, "model_canary": self.canary}

    def shadow(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """id: a model, or "off"."""
        model, recipe = str(said["id"]), str(said.get("recipe", ""))
        if model == "off":
            return self._company.off(self._in_use(recipe), "shadow")
        proposal, judging = self._proposed(model, recipe, True, self._intake.admitted)
        warning = self._room(proposal.gate, list(judging), processes=len(judging), share=1.0)
        made: dict[str, Shadow] = {}
        with ExitStack() as undo:
            for lane, job in judging.items():
                shadow = made[lane.name] = self._casting.shadow(lane, job.recipe, proposal.version)
                undo.callback(shadow.end, "it was not begun after all")
            for name, shadow in made.items():
                self._await(name, shadow, model)
            with self._preparer.one_at_a_time:
                self._again(proposal, True)
                self._company.take(proposal.recipe, made, {}, shadow=model)
            undo.pop_all()
        self._company.told("model_shadow", proposal, warning=warning)
        return self._answer(proposal, made, warning)

    def _await(self, lane: str, shadow: Shadow, model: str) -> None:
        """Until it can judge. Raises OkngError."""
        shadow.ready.wait(self._config.trial_s)
        if not shadow.device:
            why = shadow.trouble or shadow.away or f"it was not ready after {self._config.trial_s:g} s"
            raise OkngError(f"model {model} cannot judge beside lane {lane}: {why}")

    def canary(self, said: Mapping[str, Any]) -> Mapping[str, object]:
        """id: a model, or "off"; share: of the parts, above 0 and up to 1."""
        model, recipe = str(said["id"]), str(said.get("recipe", ""))
        if model == "off":
            return self._company.off(self._in_use(recipe), "canary")
        share = float(said["share"])
        if not 0 < share <= 1:
            raise OkngError(f"share {share:g}: above 0 and up to 1 is allowed")
        drift, again = not said.get("expect_change", False), bool(said.get("again", False))
        proposal, judging = self._proposed(model, recipe, again, self._intake.admitted)
        version = proposal.version
        told = Told(id=model, digest=version.digest, share=share, drift=drift, boot=boot_id(), ended_well=False)
        warning = self._room(proposal.gate, list(judging), processes=0, share=share)
        for lane, job in judging.items():  # without the lock: the lanes' other verbs do not wait for it
            self._casting.compile(lane, job.recipe, version)
        with self._preparer.one_at_a_time:
            judging = self._again(proposal, again)
            made = {lane.name: self._casting.canary(lane, job.recipe, told) for lane, job in judging.items()}
            for lane, job in judging.items():
                self._in_time(proposal, job, made[lane.name].job)
            self._company.take(proposal.recipe, {}, made, canary=told, canary_trouble="")
        self._company.told("model_canary", proposal, warning=warning, share=share)
        return {**self._answer(proposal, made, warning), "share": share}

    def _in_use(self, recipe: str) -> str:
        """The recipe that is meant, if there is anything about it. Raises OkngError."""
        name, used = self._choice.named(recipe), self._choice.demand.in_use()
        if name not in used and name not in self._choice.activations.all():
            raise OkngError(f"recipe {name} is not in use; in use: {', '.join(sorted(used)) or 'none'}")
        return name

    def _again(self, tried: Proposal, again: bool) -> dict[Lane, Job]:
        """The choice once more, by whoever holds the lock: meanwhile the model may have gone, be condemned or active.

        The lanes that judge by now. Raises OkngError.
        """
        return self._proposed(tried.version.id, tried.recipe, again, lambda _: tried.gate)[1]

    def _proposed(
        self, model: str, recipe: str, again: bool, admit: Callable[[Bundle], Entry]
    ) -> tuple[Proposal, dict[Lane, Job]]:
        proposal = self._choice.propose(model, recipe, again, admit)
        judging = {
            lane: job
            for lane in self._lanes.values()
            if (job := lane.job) is not None and job.recipe.name == proposal.recipe
        }
        if not judging:
            raise OkngError(f"recipe {proposal.recipe}: no lane judges by it")
        if any(job.origin.model_hash == proposal.version.digest for job in judging.values()):
            raise OkngError(
                f"model {model} is the active one of recipe {proposal.recipe}: it cannot judge beside itself"
            )
        return proposal, judging

    def _in_time(self, proposal: Proposal, active: Job, candidate: Job) -> None:
        """Both one after the other within the deadline's share. Raises OkngError with what was measured."""
        recipe = active.recipe
        most = recipe.deadline_ms * self._config.budget_share
        first = 1000 / active.capacity_per_s
        second = max(proposal.gate.p99_ms, 1000 / candidate.capacity_per_s)
        if first + second > most:
            takes = f"{first:.0f} ms of the active model and {second:.0f} ms of {proposal.version.id}"
            limit = f"deadline_ms {recipe.deadline_ms:.0f} x models.budget_share {self._config.budget_share:g}"
            raise OkngError(f"a part would take {takes}; {most:.0f} ms are allowed: {limit}")

    def _room(self, gate: Entry, lanes: list[Lane], processes: int, share: float) -> str:
        """A warning when there is hardly time for it; OkngError where there is no memory for it."""
        needs_mb = processes * (gate.memory_mb + PROCESS_MB) if processes else gate.memory_mb
        if needs_mb > (free_mb := available_mb()):
            raise OkngError(f"model {gate.model} would take about {needs_mb:.0f} MB more, {free_mb:.0f} MB are free")
        now_ns = self._clock.now().mono_ns
        busy = sum(
            lane.meter.pace(now_ns).parts_per_s / lane.job.capacity_per_s
            for lane in self._lanes.values()
            if lane.job is not None
        )
        more = sum(lane.meter.pace(now_ns).parts_per_s * share * gate.p50_ms / 1000 for lane in lanes)
        if busy + more <= MOST_BUSY:
            return ""
        what = "it will not see every part" if processes else "parts may be missed or late"
        return f"the lanes are busy {busy:.0%} of the time and it takes {more:.0%} more: {what}"

    def _answer(self, proposal: Proposal, made: Mapping[str, object], warning: str) -> dict[str, object]:
        gate = proposal.gate
        return {
            "recipe": proposal.recipe,
            "model": proposal.version.id,
            "digest": proposal.version.digest,
            "lanes": list(made),
            "warning": warning,
            "p99_ms": gate.p99_ms,
            "memory_mb": gate.memory_mb,
        }
