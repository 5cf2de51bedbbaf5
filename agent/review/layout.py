"""The folder that `okng review export` writes and `okng review import` reads; its manifest is described here.

```
OUT/
  okng-review.json     the manifest: every part with the machine's verdict, the person's and how it was drawn
  data.yaml            Ultralytics; train.txt and val.txt name the pictures
  annotations.json     COCO
  images/NAME.png|jpg  the evidence files, byte for byte
  labels/NAME.txt      YOLO rows; an empty file is an empty picture, no file: the boxes are not known
```
"""

import hashlib
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from agent.store.values import Change, PersonVerdict, Stratum

MANIFEST = "okng-review.json"
SCHEMA = "okng.review/1"
IMAGES, LABELS, COCO, DATA = "images", "labels", "annotations.json", "data.yaml"
TRAIN, VAL = "train.txt", "val.txt"
VAL_SHARE = 0.2
"""Of the groups; which ones hangs on their names alone, so that they are the same in every export."""

Label = Annotated[str, Field(min_length=1, max_length=64)]
Box = tuple[Label, float, float, float, float]
"""(label, x1, y1, x2, y2), px of the picture."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Station(_Strict):
    """Where the parts were judged."""

    site: str
    line: str
    name: str


class Query(_Strict):
    """What was asked for."""

    since_utc_us: int | None
    until_utc_us: int | None
    recipe: str
    lane: str
    reviewed_only: bool


class Shares(_Strict):
    """How parts are drawn now; how each part was drawn stands with it."""

    ok_share: dict[str, float]
    """By recipe, of those in this export that have a file."""
    lossless_share: float
    audit_share: float


class Reviewed(_Strict):
    """The review that counts."""

    id: int
    reviewer: str
    utc_us: int
    verdict: PersonVerdict
    note: str
    stratum: Stratum
    boxes: tuple[tuple[Label, float, float, float, float, Change], ...]


class Part(_Strict):
    """One part. A person may edit `verdict` and the labels; all else says what was."""

    id: int = Field(ge=1)
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,90}$")
    picture: str
    sha256: Sha256
    lossless: bool
    width_px: int = Field(ge=1)
    height_px: int = Field(ge=1)
    lane: str
    part_id: str
    captured_utc_us: int
    purpose: str
    recipe: str
    recipe_hash: str
    model: str
    model_hash: str
    device: str
    software: str
    outcome: Literal["OK", "NG", "UNSURE"]
    detections: tuple[tuple[Label, float, float, float, float, float], ...]
    """The machine's: (label, score, x1, y1, x2, y2)."""
    evidence_share: float | None
    lossless_share: float | None
    audit_share: float | None
    split: Literal["train", "val", ""]
    group: str
    truth: Literal["person", "machine"]
    verdict: PersonVerdict | None
    boxes: tuple[Box, ...]
    boxes_known: bool
    empty_known: bool
    labels_sha256: str
    review: Reviewed | None


class Manifest(_Strict):
    """`okng-review.json`."""

    schema_: Literal["okng.review/1"] = Field(alias="schema")
    made_utc_us: int
    software: str
    export: str = Field(pattern=r"^[0-9a-f]{16}$")
    station: Station
    query: Query
    labels: tuple[Label, ...]
    required: tuple[Label, ...]
    """What the recipes require on a part: a box of such a label is no defect."""
    sampling: Shares
    files: dict[str, Sha256]
    parts: tuple[Part, ...]

    def dump(self) -> dict[str, Any]:
        """As it is written."""
        return self.model_dump(mode="json", by_alias=True)


def group_of(recipe: str, captured_utc_us: int) -> str:
    """Pictures that may be too much alike to stand on both sides of a split: one product, one day (UTC)."""
    return f"{recipe}/{datetime.fromtimestamp(captured_utc_us / 1e6, UTC):%Y-%m-%d}"


def splits(groups: set[str]) -> dict[str, Literal["train", "val", ""]]:
    """Group -> its side; "" for all where one side would be empty."""
    val = {group for group in groups if _share(group) < VAL_SHARE}
    if not val or val == groups:
        return dict.fromkeys(groups, "")
    return {group: "val" if group in val else "train" for group in groups}


def _share(group: str) -> float:
    digest = hashlib.blake2b(group.encode(), digest_size=8, person=b"okng.review").digest()
    return int.from_bytes(digest, "big") / 2**64
