"""Collects what is noticed while a data set is read."""

from pathlib import Path

from training.datasets.headers import size_px
from training.datasets.safely import Folder
from training.datasets.values import Code, Finding, Severity, name_below


class Notes:
    """Findings in the order in which they came up, places named from the data set's folder."""

    def __init__(self, folder: Folder) -> None:
        self._root = folder.root
        self._findings: list[Finding] = []

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(self._findings)

    def error(self, code: Code, where: Path | str, what: str) -> None:
        self._add(Severity.ERROR, code, where, what)

    def warning(self, code: Code, where: Path | str, what: str) -> None:
        self._add(Severity.WARNING, code, where, what)

    def note(self, code: Code, where: Path | str, what: str) -> None:
        self._add(Severity.NOTE, code, where, what)

    def lack(self, code: Code, where: Path | str, what: str, needed: bool) -> None:
        """Something that is not there: an error where it is needed, else a warning."""
        self._add(Severity.ERROR if needed else Severity.WARNING, code, where, what)

    def size(self, file: Path) -> tuple[int, int]:
        """(width, height) of a picture; (0, 0) and an error where its header does not say."""
        width, height, why = size_px(file)
        if why:
            self.error(Code.UNREADABLE, file, why)
        return width, height

    def _add(self, severity: Severity, code: Code, where: Path | str, what: str) -> None:
        if isinstance(where, Path):
            where = name_below(self._root, where)
        self._findings.append(Finding(severity, code, where, what))
