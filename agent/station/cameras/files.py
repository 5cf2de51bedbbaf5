"""Driver for picture files named one by one: what `okng judge` reads without a station."""

import os
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.errors import EndOfPictures
from agent.ports import CameraInfo, Clock, Shot
from agent.station.cameras.decode import read_picture
from pipelines.values import Purpose


class Files:
    """Gives each file once, in the order of the list; a file that cannot be read is a Shot with a fault."""

    def __init__(
        self, files: Sequence[Path], purpose: Purpose, clock: Clock, committed: Callable[[Path, int], None]
    ) -> None:
        self._left = deque(files)
        self._purpose = purpose
        self._clock = clock
        self._committed = committed

    def open(self) -> CameraInfo:
        return CameraInfo(serial="files", width_px=0, height_px=0)

    def read(self, timeout_s: float) -> Shot | None:  # noqa: ARG002
        if not self._left:
            raise EndOfPictures("every file was read")
        file = self._left.popleft()
        # The part's time begins when its picture is in memory: reading a disk is not judging.
        picture = read_picture(file)
        return Shot(
            pixels=picture.pixels,
            at=self._clock.now(),
            source=printable(str(file)),
            part_id=printable(file.stem)[:200],
            fault=picture.fault,
            note=f"{printable(str(file))}: {picture.note}" if picture.fault else "",
            purpose=self._purpose,
            committed=lambda record_id: self._committed(file, record_id),
        )

    def close(self) -> None:
        return None


def printable(name: str) -> str:
    """A name that UTF-8 can hold, whatever bytes the file's has."""
    return os.fsencode(name).decode(errors="replace")
