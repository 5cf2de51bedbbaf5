"""Real pairs that were once refused though their parts lie where they should. Research use only, see their README."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.align import Aligned, Aligner
from pipelines.light import Grey
from pipelines.recipe import Reference
from pipelines.similarity import Move, turned

DEEPPCB = Path(__file__).resolve().parents[3] / "shared" / "data" / "deeppcb"
BOUNDS = Reference.model_validate({"picture": "reference.png"})

pytestmark = pytest.mark.skipif(not DEEPPCB.is_dir(), reason="needs ../shared/data/deeppcb")


def pair(name: str) -> tuple[Aligner, Grey]:
    """The aligner to a training pair's template, and its part."""
    part, template = (
        cv2.imread(str(DEEPPCB / f"{name}_{kind}.jpg"), cv2.IMREAD_GRAYSCALE) for kind in ("test", "temp")
    )
    assert part is not None
    assert template is not None
    return Aligner(np.asarray(template, np.uint8), BOUNDS), np.asarray(part, np.uint8)


def test_two_settlings_of_one_place_are_no_ambiguity() -> None:
    """Stretched by its line scan: it fits by 0.69 where it lies, and by 0.66 under another scale, 2 px off."""
    aligner, part = pair("group20085/20085/20085154")
    found = aligner(part)
    assert isinstance(found, Aligned), found.why


def mirrored(part: Grey, move: Move, gain: float) -> Grey:
    """A part as a camera sees it that lies off, with something alike beside it."""
    size = (part.shape[1], part.shape[0])
    grey = cv2.warpAffine(part, move.matrix(*part.shape), size, borderMode=cv2.BORDER_REFLECT_101)
    return np.clip(np.rint(grey * gain), 0, 255).astype(np.uint8)


def test_fine_tracks_are_settled_beside_their_mirror() -> None:
    """Hardly anything but three fine tracks at a corner tells of turn and scale, and others lie beside them."""
    aligner, part = pair("group77000/77000/77000013")
    move = turned(0.9725, 2.33, 17.82, 16.66)
    found = aligner(mirrored(part, move, 0.87))
    assert isinstance(found, Aligned), found.why
    for corner in ((40, 40), (600, 500)):
        assert found.pose.to_reference(*(move.matrix(640, 640) @ (*corner, 1))) == pytest.approx(corner, abs=6)
