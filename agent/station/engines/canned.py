"""The canned engine: answers that were written down, for trials and tests without a model's work.

```toml
[engine]
kind = "canned"
canned = [["open", 0.9, 100, 100, 140, 130]]   # label, score, x1, y1, x2, y2 in px of the input
canned_ms = 15                                 # each run takes so long
canned_fail_after = 0                          # every run after so many fails; 0: none does
```

It takes any device but those named `MISSING...`, so that the fall-back can be tried as well.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.config import EngineConfig
from agent.errors import EngineFailed
from agent.ports import Session
from agent.station.engines.engine import Loaded
from agent.station.models.bundle import Bundle
from pipelines.values import Pixels

Answer = tuple[str, float, float, float, float, float]


class CannedEngine:
    """Gives the configuration's answers, encoded as the bundle's head would."""

    def __init__(self, config: EngineConfig) -> None:
        self._config = config

    def load(
        self, bundle: Bundle, devices: Sequence[str], size: tuple[int, int], lanes: int = 1, slots: int = 1
    ) -> Loaded:
        """See `Engine.load`. Raises EngineFailed as well for an answer with a label the model lacks."""
        del lanes, slots
        labels = bundle.manifest.labels
        if strange := [answer[0] for answer in self._config.canned if answer[0] not in labels]:
            raise EngineFailed(f"engine.canned: unknown labels {strange}; {bundle.id} knows {', '.join(labels)}")
        passed_over = []
        for device in devices:
            if device.startswith("MISSING"):
                passed_over.append(f"{device}: there is no such device")
                continue
            output = encode(self._config.canned, labels, bundle.manifest.head)
            model = CannedModel(self._config, device, size, output)
            return Loaded(model, "; ".join(passed_over), runtime="canned", canned=True)
        raise EngineFailed(f"no device could load {bundle.id}: {'; '.join(passed_over) or 'none was asked for'}")


@dataclass(frozen=True, slots=True, eq=False)
class CannedModel:
    """A model that knows its answer."""

    config: EngineConfig
    device: str
    size: tuple[int, int]
    output: NDArray[np.float32]

    def session(self, slots: int = 1) -> Session:
        return CannedSession(self, slots)


class CannedSession:
    """One lane's session; its first run is the one that opening it makes, and that counts."""

    def __init__(self, model: CannedModel, slots: int) -> None:
        self._model = model
        self._inputs = tuple(np.zeros((*model.size, 3), np.uint8) for _ in range(slots))
        self._runs = 0
        self.run(slots)

    @property
    def inputs(self) -> Sequence[Pixels]:
        return self._inputs

    def run(self, count: int = 1) -> Sequence[NDArray[np.float32]]:
        config = self._model.config
        self._runs += 1
        if config.canned_ms:
            time.sleep(config.canned_ms / 1000)
        if config.canned_fail_after and self._runs > config.canned_fail_after:
            raise EngineFailed(f"canned: run {self._runs} fails, as engine.canned_fail_after asks")
        return [self._model.output] * count


def encode(answers: Sequence[Answer], labels: tuple[str, ...], head: str) -> NDArray[np.float32]:
    """Answers as a head gives them: (1, 4 + classes, anchors) or (1, n, 6). Read-only."""
    count = max(len(answers), 1)
    raw = np.zeros((1, 4 + len(labels), count), np.float32)
    # One row more than answers: a head whose rows are all taken may have had more to say.
    free = np.zeros((1, len(answers) + 1, 6), np.float32)
    for i, (label, score, x1, y1, x2, y2) in enumerate(answers):
        index = labels.index(label)
        raw[0, :4, i] = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
        raw[0, 4 + index, i] = score
        free[0, i] = (x1, y1, x2, y2, score, index)
    output = raw if head == "raw" else free
    output.flags.writeable = False
    return output
