"""A walk over every page that links lead to, on a station that has seen something of everything."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from agent.challenges import ChallengePart
from agent.release import Bound
from agent.status import Alarm
from agent.store import challenges
from agent.store.values import Review
from agent.web.people.rights import Right, Rights
from agent.web.rights import RIGHTS
from pipelines.values import Outcome
from tests.web.fake_station import FakeStation, grey_board, running
from tests.web.models.said import Answers, lay_backtest
from tests.web.people.folk import ADMIN, SECRET, closed
from tests.web.served import Served

if TYPE_CHECKING:
    from tests.web.browsing import sync_api

BEFORE = ("/first", "/login")
"""Seen by whoever is not logged in; the rest is walked as an admin."""
_NO_PAGE = re.compile(
    r"/(api|static|live|events|metrics|healthz)\b.*|.*(/picture|/thumbnail|/reference|/next|/now|\.\w+)"
)


def pages_of(rights: Iterable[Right]) -> set[str]:
    """The routes that are pages."""
    return {right.path for right in rights if right.method == "GET" and not _NO_PAGE.fullmatch(right.path)}


PAGES = pages_of(RIGHTS)
_LINKS = """[...document.querySelectorAll("a[href]:not([download])")]
    .filter(a => a.origin === location.origin).map(a => a.pathname + a.search)"""


class Walk:
    """Pages to see, one a route."""

    def __init__(self, *paths: str, rights: Iterable[Right] = RIGHTS) -> None:
        """`rights`: of the program whose pages they are."""
        self._rights, self._pages = Rights(rights), pages_of(rights)
        self._waiting: list[str] = []
        self.seen: set[str] = set()
        self.add(*paths)

    def add(self, *paths: str) -> None:
        for path in paths:
            right = self._rights.of("GET", path.split("?")[0])
            assert right is not None, f"a link to {path}, which is not there"
            if right.path in self._pages and right.path not in self.seen:
                self.seen.add(right.path)
                self._waiting.append(path)

    def links_of(self, page: "sync_api.Page") -> None:
        """Where this page leads is seen later."""
        self.add(*page.evaluate(_LINKS))

    def __iter__(self) -> Iterator[str]:
        while self._waiting:
            yield self._waiting.pop(0)


@contextmanager
def seen_everything(folder: Path) -> Iterator[Served]:
    """A station that has seen something of everything, and its page, where nobody has logged in yet."""
    with running(folder) as station, closed(folder) as served:
        station.stop()
        station.more = Answers().table()
        station.start()
        lay_backtest(station.data, "boards-1")
        for turn in range(8):
            outcome = (Outcome.OK, Outcome.NG, Outcome.UNSURE)[turn % 3]
            station.judge(outcome=outcome, pixels=grey_board(seed=turn))
        station.review(Review(part=2, verdict="ok", reviewer="ann"))
        _was_challenged(station)
        _is_in_trouble(station)
        yield served


def _was_challenged(station: FakeStation) -> None:
    """A run that failed: its page has every section."""
    store, now = station._store, station.clock.now().utc_us
    assert store is not None
    known = ChallengePart(id="G-1", expected="ok"), ChallengePart(id="B-1", expected="ng", defect="spur")
    new = challenges.NewRun("top", Bound(recipe="boards"), "ann", ("shift_start",), known, utc_us=now)
    number = store.state(lambda conn: challenges.begin(conn, new))
    for part, wrong in (("G-1", ""), ("B-1", "verdict")):
        said = challenges.StoredResult(part, 1, now, Outcome.OK, (), wrong)
        store.state(partial(challenges.add_result, run=number, result=said))
    store.state(lambda conn: challenges.end(conn, number, "failed", now + 60_000_000))


def _is_in_trouble(station: FakeStation) -> None:
    since = station.clock.now().utc_us
    station.said = {"alarms": (Alarm(name="camera_gone", lane="top", since_utc_us=since, detail="no 4F2A"),)}
    station.event("camera_gone", lane="top")


def become_admin(page: "sync_api.Page", url: str, code: str) -> None:
    """On /first: the first admin is made, and logged in."""
    for name, value in (("code", code), ("name", ADMIN), ("password", SECRET), ("again", SECRET)):
        page.locator(f"[name={name}]").fill(value)
    page.locator("main button").click()
    page.wait_for_url(f"{url}/")
