"""The given DeepPCB exports as bundles, each with a golden picture of the training split.

Reads ../shared/data/deeppcb and ../shared/models/deeppcb (DeepPCB: the repository's licence is MIT, its
README says "You can only use this dataset for research purpose"); nothing of either is shipped.
"""

import sys
from collections.abc import Iterable
from pathlib import Path

from agent.errors import BundleRefused
from agent.station.models.bundle import Bundle
from agent.station.models.make import make_bundle

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "deeppcb"
MODELS = ROOT.parent / "shared" / "models" / "deeppcb"
GOLDEN_THRESHOLD = 0.4
"""A given model's bundle has one golden picture; this only parts what it shows from what it does not."""


def training_pictures() -> Iterable[Path]:
    """Boards of the training split, each with defects."""
    for row in (DATA / "trainval.txt").read_text().splitlines():
        named = DATA / row.split()[0]
        yield named.with_name(f"{named.stem}_test.jpg")


def given_bundle(model: str, folder: Path, data: str = "DeepPCB training pairs (MIT, for research purpose)") -> Bundle:
    """A given export as a bundle; its golden picture is the first of the training split that will do.

    A picture with a score near the bundle's threshold is refused as golden.
    """
    refused = "there is no picture"
    for picture in training_pictures():
        try:
            return make_bundle(
                MODELS / model,
                folder / f"{model}-1",
                name=model,
                version="1",
                threshold=GOLDEN_THRESHOLD,
                data=data,
                licence="AGPL-3.0-only",
                golden=[picture],
            )
        except BundleRefused as error:
            refused = str(error)
            if "too close" not in refused:
                break
    sys.exit(refused)
