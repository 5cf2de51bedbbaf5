"""Every page that can be reached by links, looked at by axe-core: 0 serious findings in both themes.

The pages are found by walking, so that whoever adds one and links it has it looked at; a page that nothing links to
stands in BEFORE or is added to the walk's beginning. What is no page stands in NO_PAGE.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.status import Alarm
from agent.store.values import Review
from agent.web.people.rights import Rights
from agent.web.rights import RIGHTS
from pipelines.values import Outcome
from tests.web import axe_core
from tests.web.browsing import CHROMIUM, opened, shot, sync_api
from tests.web.fake_station import FakeStation, grey_board, running
from tests.web.models.said import Answers, lay_backtest
from tests.web.people.folk import ADMIN, SECRET, closed, set_up_code
from tests.web.served import Served

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)")

DESK = {"width": 1280, "height": 800}
BEFORE = ("/first", "/login")
"""Seen by whoever is not logged in; the rest is walked as an admin."""
ELSEWHERE = {"/shift/runs/{id}"}
"""There has to have been a challenge run: the story of the shift looks at it."""
NO_PAGE = re.compile(
    r"/(api|static|live|events|metrics|healthz)\b.*|.*(/picture|/thumbnail|/reference|/next|/now|\.\w+)"
)
EVERYTHING = {"resultTypes": ["violations"]}
COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
LOOKED_AT = """async ([options, theme]) => {
    if (theme) document.documentElement.dataset.theme = theme;
    const found = await axe.run(document, options);
    return found.violations.filter(each => ["serious", "critical"].includes(each.impact))
        .flatMap(each => each.nodes.map(node => `${each.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`));
}"""
LINKS = """[...document.querySelectorAll("a[href]:not([download])")]
    .filter(a => a.origin === location.origin).map(a => a.pathname + a.search)"""


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeStation, Served]]:
    """A station that has seen something of everything."""
    folder: Path = tmp_path_factory.mktemp("pages") / "station"
    with running(folder) as station, closed(folder) as served:
        station.stop()
        station.more = Answers().table()
        station.start()
        lay_backtest(station.data, "boards-1")
        for turn in range(8):
            outcome = (Outcome.OK, Outcome.NG, Outcome.UNSURE)[turn % 3]
            station.judge(outcome=outcome, pixels=grey_board(seed=turn))
        station.review(Review(part=2, verdict="ok", reviewer="ann"))
        since = station.clock.now().utc_us
        station.said = {"alarms": (Alarm(name="camera_gone", lane="top", since_utc_us=since, detail="no 4F2A"),)}
        station.event("camera_gone", lane="top")
        yield station, served


class Walk:
    """Pages to see, one a route."""

    def __init__(self, *paths: str) -> None:
        self._rights = Rights(RIGHTS)
        self._waiting: list[str] = []
        self.seen: set[str] = set()
        self.add(*paths)

    def add(self, *paths: str) -> None:
        for path in paths:
            right = self._rights.of("GET", path.split("?")[0])
            assert right is not None, f"a link to {path}, which is not there"
            if right.path not in self.seen and not NO_PAGE.fullmatch(right.path):
                self.seen.add(right.path)
                self._waiting.append(path)

    def __iter__(self) -> Iterator[str]:
        while self._waiting:
            yield self._waiting.pop(0)


def grave(page: "sync_api.Page", other: str) -> list[str]:
    """The page wholly, and its colours in the other theme."""
    page.evaluate(axe_core.source())
    shot(page, f"page{page.url.partition('?')[0].split('/', 3)[3].replace('/', '-') or '-'}")
    found = [each for asked in ([EVERYTHING, ""], [COLOURS, other]) for each in page.evaluate(LOOKED_AT, asked)]
    return [f"{page.url}: {each}" for each in found]


@pytest.mark.slow
def test_no_page_has_a_grave_finding(browser: "sync_api.Browser", line: tuple[FakeStation, Served]) -> None:
    """One page in light English, the next in dark Chinese; the first admin walks them all."""
    _, served = line
    options = {"viewport": DESK, "reduced_motion": "reduce"}
    with (
        opened(browser, f"{served.url}/first", "en-US", color_scheme="light", **options) as english,
        opened(browser, f"{served.url}/first", "zh-CN", color_scheme="dark", **options) as chinese,
    ):
        found = grave(english, "dark")
        for name, value in (("code", set_up_code(served)), ("name", ADMIN), ("password", SECRET), ("again", SECRET)):
            english.locator(f"[name={name}]").fill(value)
        english.locator("main button").click()
        english.wait_for_url(f"{served.url}/")
        chinese.goto(f"{served.url}/login")
        found += grave(chinese, "light")
        for name, value in (("name", ADMIN), ("password", SECRET)):
            chinese.locator(f"main [name={name}]").fill(value)
        chinese.locator("main button").first.click()
        chinese.wait_for_url(f"{served.url}/")
        walk = Walk("/")
        for turn, path in enumerate(walk):
            page, other = ((english, "dark"), (chinese, "light"))[turn % 2]
            page.goto(served.url + path, wait_until="load")
            walk.add(*page.evaluate(LINKS))
            found += grave(page, other)
    assert found == [], "\n".join(found)
    pages = {right.path for right in RIGHTS if right.method == "GET" and not NO_PAGE.fullmatch(right.path)}
    assert pages - walk.seen - ELSEWHERE == set(BEFORE)
