"""The way back from a model that does worse, or that a person does not want any more.

A condemned model gives no verdict from that moment on, and the good one is back before the next part. What the
condemned one judged is listed, for hold. Where there never was a good one before it, nobody judges: rather that
than a model which was found wrong; it is told, and its parts are listed, all the same.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict

from agent.clock import boot_id, ms_between
from agent.config import ModelsConfig
from agent.errors import OkngError, StoreFailed
from agent.ports import Clock
from agent.station.acts import Acts
from agent.station.job import Job
from agent.station.jobs import Jobs
from agent.station.lane import Lane
from agent.station.models.activation import Activation, RolledBack, Version
from agent.station.models.choice import Choice
from agent.station.models.running import Running
from agent.station.prepare import Preparer
from agent.station.trials import lacks_good, trials_of
from agent.station.windows import Windows
from agent.store.values import JudgedBy
from pipelines.values import Stamp

log = logging.getLogger(__name__)

DIED = "the station died while it was new"


class WayBack:
    """Takes models back, from any thread."""

    def __init__(
        self,
        *,
        config: ModelsConfig,
        lanes: Mapping[str, Lane],
        choice: Choice,
        jobs: Jobs,
        preparer: Preparer,
        clock: Clock,
        event: Callable[..., None],
        judged_by: Callable[[str, int], JudgedBy],
        running: Running,
        windows: Windows,
        acts: Acts,
    ) -> None:
        """`judged_by`: the parts that a model (by its digest) has judged since a moment, all of them durable."""
        self._config = config
        self._lanes = lanes
        self._choice = choice
        self._activations = choice.activations
        self._jobs = jobs
        self._preparer = preparer
        self._clock = clock
        self._event = event
        self._judged_by = judged_by
        self._running = running
        self._windows = windows
        self._acts = acts

    def recover(self) -> None:
        """Before any lane has a job: a model that the station died with is not tried a second time."""
        for name, activation in self._activations.all().items():
            probation = activation.probation
            if probation is None:
                continue
            # After a power cut or a reboot the model is not what ended the station.
            died = self._running.died and probation.boot == boot_id() and not probation.ended_well
            if died and activation.previous:
                self._written_back(name, activation, DIED, by_itself=True, detected=self._clock.now())
            else:
                here = probation.model_copy(update={"boot": boot_id(), "ended_well": False})
                self._activations.insist(name, probation=here)

    # Told by a person --------------------------------------------------------------------------------

    def rollback(self, recipe: str = "") -> RolledBack:
        """Back to the good model before. Raises OkngError where there is none: all is as it was."""
        name = self._choice.named(recipe)
        with self._preparer.one_at_a_time, self._acts.doing(f"taking back the model of recipe {name}"):
            activation = self._activations.of(name)
            good = activation.way_back(name)
            lacking = [lane for lane in self._preparer.on(name) if lacks_good(lane, activation.digest, good.digest)]
            # All of them first: no lane goes back where another cannot.
            made = [(lane, self._before(lane, name, good)) for lane in lacking]
            for lane, job in made:
                if lane.job is not None and lane.job.origin.model_hash == activation.digest:
                    lane.stand_by(job, self._config.health_errors)
                else:
                    lane.take_over(job)
            return self._take_back(name, activation, "told to", by_itself=False)

    def seen(self, recipe: str = "") -> RolledBack:
        """A person knows what went wrong and has dealt with it: its alarms end. Raises OkngError where nothing did."""
        name = self._choice.named(recipe)
        troubled = [lane for lane in self._preparer.on(name) if lane.model_trouble]
        activation = self._activations.of(name)
        if activation.rolled_back is None and troubled:  # nothing was taken back: an older model judges
            why, judges = troubled[0].model_trouble, troubled[0].job
            to = judges.origin.model if judges is not None else ""
            at = self._clock.now().utc_us
            back = RolledBack(
                model=activation.active, digest=activation.digest, to=to, why=why, at_utc_us=at, seen=True
            )
        else:
            back = self._choice.seen(name)
        for lane in troubled:
            lane.model_trouble = ""
        return back

    # By itself ---------------------------------------------------------------------------------------

    def take_back(self, name: str, activation: Activation, why: str) -> None:
        """The model did worse than the one before."""
        for lane, job in trials_of(self._lanes.values(), name, activation.digest):
            lane.condemn(job, why)  # at once, whatever is being prepared just now
        with self._preparer.one_at_a_time:
            now = self._activations.of(name)
            if now.digest == activation.digest and now.probation is not None:  # not told otherwise meanwhile
                self._take_back(name, now, why, by_itself=True)

    def finish_condemned(self, name: str) -> None:
        """What the inspect thread has condemned is written down before anything else is activated or made."""
        activation = self._activations.of(name)
        for _, job in trials_of(self._lanes.values(), name, activation.digest):
            if job.standing.condemned:
                self._take_back(name, activation, job.standing.condemned, by_itself=True)
                return

    def rolled_back(self, lane: Lane) -> RolledBack | None:
        """What was last taken back by itself from the recipe that a lane judges by, or would if it could."""
        name = lane.job.recipe.name if lane.job is not None else self._preparer.told(lane)
        back = self._activations.of(name).rolled_back
        return back if back is not None and back.by_itself and not back.seen else None

    def _before(self, lane: Lane, name: str, good: Version) -> Job:
        recipe = lane.job.recipe if lane.job is not None else self._choice.recipe(name)
        return self._jobs.make(lane.name, lane.config, recipe.model_copy(update=good.of_recipe))

    def _take_back(self, name: str, activation: Activation, why: str, *, by_itself: bool) -> RolledBack:
        """Condemn it on every lane, then write it down. The lanes have the good model back at once."""
        for lane, job in trials_of(self._lanes.values(), name, activation.digest):
            lane.condemn(job, why)
        detected = self._clock.now()
        return self._written_back(name, activation, why, by_itself=by_itself, detected=detected)

    def _written_back(
        self, name: str, activation: Activation, why: str, *, by_itself: bool, detected: Stamp
    ) -> RolledBack:
        since = self._windows.end(name, activation.digest)
        back = self._choice.take_back(name, why, by_itself, detected.utc_us)
        good = activation.previous[0] if activation.previous else None
        for lane in self._preparer.on(name):
            self._sees_to(lane, name, activation, good, why)
        took_ms = ms_between(detected, self._clock.now())
        back = back.model_copy(update=self._to_hold(activation))
        self._activations.insist(name, rolled_back=back)
        after_s = round(ms_between(since, detected) / 1e3, 3) if since else -1.0
        times = {"after_s": after_s, "took_ms": round(took_ms, 1)}
        said = back.model_dump(mode="json", exclude={"by_itself", "after"})
        self._event("model_rolled_back", recipe=name, **said, **times)
        if good is None:
            log.error("recipe %s: there is no good model to go back to from %s: %s", name, activation.active, why)
        return back

    def _sees_to(self, lane: Lane, name: str, taken: Activation, good: Version | None, why: str) -> None:
        """No lane judges by what was taken back: what `models.json` says by now holds on each of them."""
        lane.on_trial = None
        if lane.job is not None and lane.job.origin.model_hash == taken.digest:
            log.error("lane %s: model %s still judged after it was taken back", lane.name, taken.active)
            lane.judge_no_more(f"model {taken.active} was taken back: {why}")
        if lane.job is None and lane.started and good is not None:
            # None stood by; at the start every lane is prepared later.
            try:
                lane.take_over(self._before(lane, name, good))
            except (OkngError, OSError) as error:
                lane.trouble = f"model {taken.active} was taken back, and no other can judge: {error}"
                self._event("engine_failed", lane=lane.name, why=lane.trouble[:500])
        if lane.job is not None:
            self._jobs.remember(lane.job.recipe, lane.name)
            if good is not None and lane.job.origin.model_hash == good.digest:
                lane.model_trouble = ""  # the one that is active now does judge

    def _to_hold(self, activation: Activation) -> dict[str, int]:
        try:
            return asdict(self._judged_by(activation.digest, activation.since_utc_us))
        except StoreFailed as error:
            log.error("the parts that %s judged cannot be listed: %s", activation.active, error)
            return {}
