"""Makes second models for lanes: a shadow in its process, or a canary's job. Touches no lane."""

from collections.abc import Callable
from dataclasses import dataclass

from agent.config import Config
from agent.errors import StoreFailed
from agent.ports import Clock
from agent.recipes import Recipes
from agent.station.beside.canary import Canary, Terms
from agent.station.beside.keep import Candidate, Keeper, Write
from agent.station.beside.purse import Purse
from agent.station.beside.shadow import Patience, Shadow
from agent.station.beside.wire import Task
from agent.station.jobs import Jobs, planned_for
from agent.station.lane import Lane
from agent.station.models.activation import Canary as Told
from agent.station.models.activation import Version
from agent.station.models.library import Library
from agent.station.reference import read_reference
from agent.store.values import Role
from pipelines.recipe import Recipe
from pipelines.values import Frame, Record

PROCESS_MB = 150
"""What a shadow's process takes besides its model."""
MOST_HANG_S = 600.0
"""What `engine.hang_s` may be."""


@dataclass(frozen=True, slots=True)
class Opinions:
    """Where what second models say goes."""

    write: Write
    show: Callable[[int, Record, Frame, float], bool]
    """(record's id, record, picture, the recipe's share of OK pictures): keep the picture; False where it is kept
    anyway, or there is no room for it now."""
    draw_key: Callable[[], bytes]
    """The database's key of the draw. Raises StoreFailed."""
    stored: Callable[[], int]
    """Bytes of the pictures that lie there because two models disagreed. Raises StoreFailed."""


class Casting:
    """Makes shadows and canaries."""

    def __init__(
        self,
        *,
        config: Config,
        library: Library,
        recipes: Recipes,
        jobs: Jobs,
        opinions: Opinions,
        purse: Purse,
        clock: Clock,
    ) -> None:
        self.purse = purse
        """Of the pictures on which second models disagree with the active ones."""
        self._config = config
        self._library = library
        self._recipes = recipes
        self._jobs = jobs
        self._opinions = opinions
        self._clock = clock
        self._key = b""

    def version(self, model: str) -> Version:
        """What a model is, checked and trusted. Raises OkngError."""
        return Version(id=model, digest=self._library.read(model).digest)

    def shadow(self, lane: Lane, recipe: Recipe, model: Version) -> Shadow:
        """Begin a shadow for a lane; it is not ready yet. Raises OkngError.

        It runs on the last device of the order, by one thread: an accelerator knows no priorities.
        """
        bundle = self._library.read(model.id)
        pinned = recipe.model_copy(update=model.of_recipe)
        planned = planned_for(lane.config, bundle, pinned, read_reference(self._recipes, pinned))
        engine, trial_s = self._config.engine, self._config.models.trial_s
        task = Task(
            bundle=bundle.folder.absolute(),
            digest=model.digest,
            data=self._config.station.data.absolute(),
            # At the lowest priority a picture may take long: that is no error of the model's.
            engine=engine.model_copy(update={"threads": 1, "streams": 1, "hang_s": min(MOST_HANG_S, trial_s)}),
            device=engine.devices[-1],
            recipe=pinned.model_dump(mode="json"),
            height_px=planned.input_size[0],
            width_px=planned.input_size[1],
            slots=planned.slots,
            memory_mb=self._config.models.budget_memory_mb + PROCESS_MB,
        )
        keeper = self._keeper("shadow", recipe, model)
        return Shadow(task, pinned, keeper, Patience(trial_s), lambda: lane.judged)

    def compile(self, lane: Lane, recipe: Recipe, model: Version) -> None:
        """Have a canary's model compiled, so that `canary` need not wait for it. Whoever calls holds no lock.

        Raises OkngError; StoreFailed where the key of the draw cannot be read now.
        """
        self._draw_key()
        self._jobs.compile(lane.config, recipe.model_copy(update=model.of_recipe))

    def canary(self, lane: Lane, recipe: Recipe, told: Told) -> Canary:
        """A canary for a lane, ready. Whoever calls holds the preparer's lock.

        Raises OkngError; StoreFailed where the key of the draw cannot be read now.
        """
        key = self._draw_key()
        model = Version(id=told.id, digest=told.digest)
        job = self._jobs.make(lane.name, lane.config, recipe.model_copy(update=model.of_recipe))
        terms = Terms(told.share, key, self._config.models.health_errors)
        return Canary(job, terms, self._keeper("canary", recipe, model), self._clock)

    def _keeper(self, role: Role, recipe: Recipe, model: Version) -> Keeper:
        def show(record_id: int, record: Record, frame: Frame) -> bool:
            return self._opinions.show(record_id, record, frame, recipe.evidence_ok_rate)

        candidate = Candidate(model.id, model.digest, role)
        return Keeper(candidate, self._opinions.write, show, self._clock, self.purse)

    def _draw_key(self) -> bytes:
        self._key = self._key or self._opinions.draw_key()
        if not self._key:
            raise StoreFailed("the database has no key of the draw yet")
        return self._key
