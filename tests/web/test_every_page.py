"""Every page that can be reached by links, looked at by axe-core: 0 serious findings in both themes.

The pages are found by walking, so that whoever adds one and links it has it looked at; a page that nothing links to
stands in BEFORE or is added to the walk's beginning. What is no page stands in _NO_PAGE.
"""

from collections.abc import Iterator

import pytest

from tests.web import axe_core
from tests.web.browsing import CHROMIUM, opened, sync_api
from tests.web.people.folk import ADMIN, SECRET, set_up_code
from tests.web.served import Served
from tests.web.walk import BEFORE, PAGES, Walk, become_admin, seen_everything

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)")

DESK = {"width": 1280, "height": 800}
EVERYTHING = {"resultTypes": ["violations"]}
COLOURS = {"resultTypes": ["violations"], "runOnly": ["color-contrast"]}
LOOKED_AT = """async ([options, theme]) => {
    if (theme) document.documentElement.dataset.theme = theme;
    const found = await axe.run(document, options);
    return found.violations.filter(each => ["serious", "critical"].includes(each.impact))
        .flatMap(each => each.nodes.map(node => `${each.id}: ${node.html.slice(0, 200)} ${node.failureSummary}`));
}"""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with seen_everything(tmp_path_factory.mktemp("pages") / "station") as served:
        yield served


def grave(page: "sync_api.Page", other: str) -> list[str]:
    """The page wholly, and its colours in the other theme."""
    page.evaluate(axe_core.source())
    found = [each for asked in ([EVERYTHING, ""], [COLOURS, other]) for each in page.evaluate(LOOKED_AT, asked)]
    return [f"{page.url}: {each}" for each in found]


@pytest.mark.slow
def test_no_page_has_a_grave_finding(browser: "sync_api.Browser", served: Served) -> None:
    """One page in light English, the next in dark Chinese; the first admin walks them all."""
    options = {"viewport": DESK, "reduced_motion": "reduce"}
    with (
        opened(browser, f"{served.url}/first", "en-US", color_scheme="light", **options) as english,
        opened(browser, f"{served.url}/first", "zh-CN", color_scheme="dark", **options) as chinese,
    ):
        found = grave(english, "dark")
        become_admin(english, served.url, set_up_code(served))
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
            walk.links_of(page)
            found += grave(page, other)
    assert found == [], "\n".join(found)
    assert PAGES - walk.seen == set(BEFORE)
