"""The virtual line: drawn boards pass at a set rate, from a seed, and the truth about each is known.

    [lanes.demo.camera]
    kind = "virtual"
    layout = 1        # the golden layout
    seed = 1          # same seed, same boards
    rate_hz = 10.0
    free_run = true   # by the clock, so that boards can be missed

Board i is a function of (layout, size, seed, bad_share, drift, i) and of nothing else, so the truth of a
record is found again from its source, "virtual:SEED:INDEX", with `board_of` or `is_bad`.
"""

import time
from functools import lru_cache

import cv2
import numpy as np

from agent.config import VirtualConfig
from agent.errors import CameraGone, EndOfPictures
from agent.ports import CameraInfo, Clock, Shot
from agent.station.cameras.misbehaviour import Grey, Misbehaviour, blurred, darkened, torn
from agent.station.cameras.pace import Pace
from agent.station.cameras.virtual.boards import Board, draw_board
from agent.station.cameras.virtual.layout import Layout, draw_layout
from pipelines.values import Pixels

_IS_BAD, _DRAWING = 1, 2
"""Independent streams of random numbers for the two questions about a board."""
_DRAW_AHEAD = 3.0
"""A board is drawn so many times the slowest drawing before it passes: drawing is not latency."""
_SLOWEST = 0.2
"""A drawing counts as no slower than this share of the time between two boards."""


@lru_cache(maxsize=8)
def layout_of(seed: int, width_px: int, height_px: int) -> Layout:
    """The golden layout; kept, because drawing one takes 0.1 to 0.2 s."""
    return draw_layout(seed, width_px, height_px)


def is_bad(config: VirtualConfig, index: int) -> bool:
    """Whether board `index` has defects, without drawing it."""
    drifted = min(index / config.drift_boards, 1.0) if config.drift_boards else 0.0
    share = config.bad_share + (config.drift_to - config.bad_share) * drifted
    return float(np.random.default_rng((config.seed, index, _IS_BAD)).random()) < share


def board_of(config: VirtualConfig, index: int) -> Board:
    """Board `index` of this line: grey pixels and truth."""
    layout = layout_of(config.layout, config.width_px, config.height_px)
    return draw_board(layout, np.random.default_rng((config.seed, index, _DRAWING)), is_bad(config, index))


def index_of(source: str) -> int:
    """The board's index in a source "virtual:SEED:INDEX"; -1 for another kind of source."""
    kind, _, rest = source.partition(":")
    return int(rest.rpartition(":")[2]) if kind == "virtual" else -1


class VirtualLine:
    """Driver `virtual`.

    Running free, board i passes i / rate_hz s after the first `open` and is stamped with that moment;
    boards that nobody read are counted as lost before the next one; the last board stays under the
    camera until it was read, so that a finite line is always counted to its end. Not running free,
    each `read` gives the next board at once. The line goes on while the camera is closed.
    """

    def __init__(self, config: VirtualConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._pace = Pace(clock, config.rate_hz)
        self._faults = Misbehaviour(config.faults)
        self._open = False
        self._next = 0
        self._drawn: tuple[int, Grey] | None = None
        self._slowest_s = 0.0
        self._last: Pixels | None = None

    def misbehave(self, kind: str, for_s: float) -> None:
        """Go wrong from now on for so long (0 ends it); from any thread. Raises ValueError."""
        self._faults.command(kind, self._pace.elapsed_s(), for_s)

    def open(self) -> CameraInfo:
        config = self._config
        self._refuse_while_vanished()
        self._draw(self._next)  # the layout and the first board take their time before the clock starts
        self._pace.start()
        self._open = True
        return CameraInfo(f"virtual-{config.layout}-{config.seed}", config.width_px, config.height_px)

    def read(self, timeout_s: float) -> Shot | None:
        give_up = time.monotonic() + timeout_s
        self._refuse_while_vanished()
        index = self._choose()
        if self._config.free_run and not self._pace.wait(index, timeout_s, _DRAW_AHEAD * self._slowest_s):
            return None
        grey = self._draw(index)
        if self._config.free_run and not self._pace.wait(index, give_up - time.monotonic()):
            return None
        self._refuse_while_vanished()
        shot = self._shoot(index, grey)
        self._next, self._drawn = index + 1, None
        return shot

    def close(self) -> None:
        self._open = False

    def _refuse_while_vanished(self) -> None:
        if self._faults.active("vanish", self._pace.elapsed_s()):
            self._open = False
            raise CameraGone("virtual line: the camera has vanished, as it was told to")

    def _choose(self) -> int:
        """The board to give: the newest that has passed, or the next one to come."""
        if not self._open:
            raise CameraGone("virtual line: not open")
        config, last = self._config, self._config.boards - 1
        if config.boards and self._next > last:
            raise EndOfPictures(f"virtual line: all {config.boards} boards have passed")
        index = max(self._next, self._pace.newest()) if config.free_run else self._next
        while self._dropped(index) and not (config.boards and index >= last):
            index += 1
        return min(index, last) if config.boards else index

    def _moment_s(self, index: int) -> float:
        return self._pace.due_s(index) if self._config.free_run else self._pace.elapsed_s()

    def _dropped(self, index: int) -> bool:
        """While frames drop, every second one is lost."""
        return index % 2 == 1 and self._faults.active("drop", self._moment_s(index))

    def _draw(self, index: int) -> Grey:
        if self._drawn is None or self._drawn[0] != index:
            begun = time.perf_counter()
            self._drawn = (index, board_of(self._config, index).pixels)
            took_s = time.perf_counter() - begun
            self._slowest_s = min(max(self._slowest_s, took_s), _SLOWEST / self._config.rate_hz)
        return self._drawn[1]

    def _shoot(self, index: int, grey: Grey) -> Shot:
        at_s = self._moment_s(index)
        if self._last is not None and self._faults.active("freeze", at_s):
            pixels = self._last.copy()
        else:
            if self._faults.active("tear", at_s):
                grey = torn(grey, board_of(self._config, max(index - 1, 0)).pixels)
            if self._faults.active("blur", at_s):
                grey = blurred(grey)
            if self._faults.active("dark", at_s):
                grey = darkened(grey)
            pixels = np.asarray(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR), np.uint8)
        self._last = pixels
        at = self._pace.stamp(index) if self._config.free_run else self._clock.now()
        return Shot(pixels, at, lost=index - self._next, source=f"virtual:{self._config.seed}:{index}")
