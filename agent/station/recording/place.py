"""One recording as files: a folder of its own with the pictures, a JSON line a part, and a word on the whole.

RECORD_FOLDER/STATION-LANE-20261130T140500Z/
    recording.json      lane, from when to when, how many parts, why it ended
    parts.jsonl         one line a part, in the order in which they were kept
    pictures/ID.png     or .jpg, as `evidence.record_lossless` says
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from agent.atomic import write_atomically
from pipelines.values import Record

PICTURES, PARTS, ABOUT = "pictures", "parts.jsonl", "recording.json"
TEMPORARY = ".part"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a recording goes. Every method raises OSError and may block as long as a share does."""

    root: Path
    """`evidence.record_folder`, never made here: where a share is not mounted its folder would fill our own disk."""
    name: str
    device: int
    """st_dev of the root when it began: a share that went away leaves the empty folder that it was mounted on."""

    @property
    def folder(self) -> Path:
        return self.root / self.name

    def check(self) -> None:
        """That the root is what it was."""
        if os.stat(self.root).st_dev != self.device:
            raise OSError(f"{self.root} is on another disk than when the recording began: is the share mounted?")

    def open(self) -> None:
        """Make what is missing of its folders."""
        self.check()
        (self.folder / PICTURES).mkdir(parents=True, exist_ok=True)

    def keep(self, file: str, data: bytes, line: Mapping[str, object]) -> None:
        """The picture whole first, then its line: a line without a picture there is never."""
        self.open()
        picture = self.folder / PICTURES / file
        temporary = picture.with_name(picture.name + TEMPORARY)
        try:
            temporary.write_bytes(data)
            temporary.replace(picture)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        with (self.folder / PARTS).open("ab") as stream:
            stream.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")

    def tell(self, about: Mapping[str, object]) -> None:
        """What is known of the whole, durably."""
        self.open()
        write_atomically(self.folder / ABOUT, json.dumps(about, ensure_ascii=False, indent=1).encode() + b"\n")


def place_in(root: Path, name: str) -> Place:
    """A new recording's. Raises OSError where the root is not there."""
    return Place(root, name, os.stat(root).st_dev)


def line_of(record_id: int, record: Record, file: str) -> dict[str, object]:
    """One part as it stands in `parts.jsonl`: what it is, what was said of it, by whom. Boxes in px of the picture."""
    seen, origin = record.inspection, record.origin
    return {
        "id": record_id,
        "file": f"{PICTURES}/{file}",
        "lane": origin.lane,
        "captured_utc_us": record.captured.utc_us,
        "part_id": record.part_id,
        "purpose": str(record.purpose),
        "outcome": str(record.verdict.outcome),
        "reasons": [asdict(reason) | {"rule": str(reason.rule)} for reason in record.verdict.reasons],
        "boxes": [asdict(found) for found in seen.detections],
        "width_px": seen.width_px,
        "height_px": seen.height_px,
        "recipe": origin.recipe,
        "recipe_hash": origin.recipe_hash,
        "model": origin.model,
        "model_hash": origin.model_hash,
        "camera_serial": origin.camera_serial,
    }
