"""Small pictures of parts: made once, kept in memory as long as there is room."""

import threading
from collections import OrderedDict
from pathlib import Path

from agent.store.values import StoredPart
from agent.web import drawing
from agent.web.pictures import evidence_file
from agent.web.shown import seen_of

MOST = 600
"""Kept: about 6 MB of JPEGs, the pictures of a dozen pages."""


class Thumbs:
    """Threads may share it."""

    def __init__(self, data: Path, most: int = MOST) -> None:
        self._data = data
        self._most = most
        self._kept: OrderedDict[tuple[int, str, bool], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, part: StoredPart, whole: bool) -> bytes | None:
        """A JPEG cut out around the part's first defect, or of the whole part; None where its picture is not there or
        broken."""
        if part.evidence is None:
            return None
        key = part.id, part.evidence.sha256, whole
        with self._lock:
            if (known := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return known
        made = self._made(part, whole)
        if made is not None:
            with self._lock:
                self._kept[key] = made
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
        return made

    def _made(self, part: StoredPart, whole: bool) -> bytes | None:
        file = evidence_file(self._data, part.evidence)
        if file is None:
            return None
        seen = seen_of(part)
        first = None if whole else next((r.detection for r in seen.reasons if r.detection is not None), None)
        around = seen.detections[first] if first is not None and first < len(seen.detections) else None
        try:
            return drawing.thumbnail(file.read_bytes(), around)
        except OSError:
            return None
