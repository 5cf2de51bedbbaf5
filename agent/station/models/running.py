"""Whether the station's last run was stopped, or died: a file that is there while it runs.

It is removed by a clean stop, and a name can be removed where nothing can be written any more. So a stop on a
full disk is a stop, whatever `models.json` could not be told.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path

from agent.atomic import sync_folder

log = logging.getLogger(__name__)

FILE = "models.running"


class Running:
    """`models.running` in the data folder. One for each run of a station."""

    def __init__(self, data: Path) -> None:
        self._file = data / FILE
        self.died = self._file.exists()
        """The run before was not stopped: whatever judged then may be why."""
        self._begun = False

    def begin(self) -> None:
        """What the run before left is dealt with: from now on this one can die.

        Where that cannot be written down, its death is not noticed.
        """
        self._begun = True
        try:
            os.close(os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640))
            sync_folder(self._file.parent)
        except OSError as error:
            log.warning("%s cannot be written: %s", self._file, error)

    def end(self) -> None:
        """This run was stopped. One that was stopped before it began leaves the word of the one before."""
        if not self._begun:
            return
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
            sync_folder(self._file.parent)
