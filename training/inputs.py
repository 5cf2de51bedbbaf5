"""Picture files as the network's input, letterboxed as the station does it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from agent.errors import OkngError
from agent.station.cameras.decode import read_picture
from pipelines import letterbox
from pipelines.values import Pixels

PAD = 114
"""Grey level of the border that Ultralytics trains with."""


def network_input(pixels: Pixels, side_px: int) -> NDArray[np.float32]:
    """(height, width, 3) BGR, uint8, as (1, 3, side, side) RGB, 0..1."""
    buffer = np.empty((side_px, side_px, 3), np.uint8)
    letterbox.place(pixels, letterbox.fit(pixels.shape[:2], (side_px, side_px)), buffer, PAD)
    planes = buffer[:, :, ::-1].transpose(2, 0, 1)[None]
    return np.ascontiguousarray(planes, np.float32) / np.float32(255)


def network_inputs(files: Sequence[Path], side_px: int) -> Iterator[NDArray[np.float32]]:
    """As `network_input`, of each file. Raises OkngError, naming a file that cannot be read."""
    for file in files:
        decoded = read_picture(file)
        if decoded.fault is not None:
            raise OkngError(f"{file}: {decoded.note}")
        yield network_input(decoded.pixels, side_px)


def evenly(files: Sequence[Path], most: int) -> list[Path]:
    """At most so many, evenly out of all."""
    return list(files) if len(files) <= most else [files[i * len(files) // most] for i in range(most)]
