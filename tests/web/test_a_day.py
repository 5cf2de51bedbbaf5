"""A day with the page, on the real station: the first admin, an operator on a phone, a reject overruled, a recipe.

The other stories of a real station in a real browser: the start of a shift in tests/web/shift, a model's life in
tests/web/models.
"""

from pathlib import Path

import pytest

from agent.store.values import PartQuery
from pipelines.values import Outcome
from tests.station.rig import Rig, running, virtual, wait_for
from tests.web.browsing import CHROMIUM, PHONE, opened, says, shot, sync_api
from tests.web.people.folk import ADMIN, OTHER_SECRET, SECRET, closed, set_up_code
from tests.web.served import Served
from tests.web.test_with_station import turning

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)")

SPUR = 'canned = [["spur", 0.62, 60, 50, 100, 90]]\n'
DESK = {"width": 1280, "height": 800}
OPERATOR, OPERATORS_OWN = "王芳", "quiet copper lamps"


def fill(page: "sync_api.Page", **fields: str) -> None:
    for name, value in fields.items():
        page.locator(f"main [name={name}]").fill(value)


@pytest.mark.timeout(240)
def test_a_day(browser: "sync_api.Browser", tmp_path: Path) -> None:
    """FIELD 24 and 25: nothing without a log-in, each only what the role may; a person's word beside the machine's."""
    (tmp_path / "data").mkdir()
    with (
        running(tmp_path / "data", virtual(rate_hz=5), SPUR) as rig,
        turning(rig),
        closed(tmp_path, data=rig.data, runtime=rig.runtime) as served,
    ):
        wait_for(lambda: len(rig.reader.parts(PartQuery(limit=3, kept=True))) == 3)
        with opened(browser, served.url, viewport=DESK, color_scheme="light") as admin:
            _the_first_admin_adds_an_operator(admin, served)
            _the_operator_overrules_a_reject(browser, rig, served)
            _a_recipe_is_tried_and_saved(admin, rig, served)
            _a_report_is_downloaded(admin, served)
            admin.goto(f"{served.url}/setup/acts")
            sync_api.expect(admin.locator("main")).to_contain_text(OPERATOR)
            shot(admin, "day-acts")


def _the_first_admin_adds_an_operator(page: "sync_api.Page", served: Served) -> None:
    page.wait_for_url(f"{served.url}/first*")
    fill(page, code=set_up_code(served), name=ADMIN, password=SECRET, again=SECRET)
    page.locator("button.main").click()
    page.wait_for_url(f"{served.url}/")
    says(page, ".word", "NG")
    shot(page, "day-line")
    page.goto(f"{served.url}/setup/people")
    fill(page, name=OPERATOR, password=OTHER_SECRET)
    page.locator("main [name=role]").select_option("operator")
    page.get_by_role("button", name="Add", exact=True).click()
    says(page, ".notice.good", "The person was added.")


def _the_operator_overrules_a_reject(browser: "sync_api.Browser", rig: Rig, served: Served) -> None:
    """In Chinese, in the dark theme, on a phone."""
    phone = {"viewport": PHONE, "has_touch": True, "is_mobile": True, "color_scheme": "dark"}
    with opened(browser, f"{served.url}/login", "zh-CN", **phone) as page:
        fill(page, name=OPERATOR, password=OTHER_SECRET)
        page.locator("button.main").tap()
        page.wait_for_url(f"{served.url}/me*")  # the first password is not to be kept
        fill(page, now=OTHER_SECRET, password=OPERATORS_OWN, again=OPERATORS_OWN)
        page.get_by_role("button", name="更改").tap()
        says(page, ".notice.good", "密码已更改。")
        page.goto(f"{served.url}/parts?outcome=NG")
        number = rig.reader.parts(PartQuery(limit=1, kept=True, outcome=Outcome.NG))[0].id
        page.goto(f"{served.url}/parts/{number}")
        says(page, "h1 .chip", "NG")
        shot(page, "day-reject-phone-zh")
        page.goto(f"{served.url}/review/{number}")
        page.get_by_role("button", name="良品").tap()
        page.locator(".saved").wait_for()
        page.goto(f"{served.url}/parts/{number}")
        sync_api.expect(page.locator("main")).to_contain_text(OPERATOR)
        shot(page, "day-overruled-phone-zh")
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
        for path in ("/setup/people", "/setup/acts"):
            assert page.request.get(served.url + path).status == 403
    part = rig.reader.part(number)
    assert part is not None
    assert part.record.verdict.outcome is Outcome.NG  # what the machine said stays
    (review,) = rig.reader.review_history(number)
    assert (review.verdict, review.reviewer) == ("ok", OPERATOR)


def _a_recipe_is_tried_and_saved(page: "sync_api.Page", rig: Rig, served: Served) -> None:
    page.goto(f"{served.url}/setup/recipes/trial")
    page.locator("#recipe [name=threshold]").fill("0.7")
    page.get_by_role("button", name="Try on the last").click()
    sync_api.expect(page.locator("main")).to_contain_text("would be judged differently")
    shot(page, "day-recipe-tried")
    page.get_by_role("button", name="Save and apply").click()
    lane = rig.station.lanes["top"]
    wait_for(lambda: lane.job is not None and lane.job.recipe.threshold == 0.7)
    page.goto(served.url)
    says(page, ".word", "OK")


def _a_report_is_downloaded(page: "sync_api.Page", served: Served) -> None:
    page.goto(f"{served.url}/shift/report")
    shot(page, "day-report")
    for end, begin in ((".pdf", b"%PDF-"), (".csv", b"")):
        with page.expect_download() as found:
            page.locator(f'main a[href^="/shift/report{end}"]').click()
        file = Path(found.value.path())
        assert file.read_bytes().startswith(begin)
        assert file.stat().st_size > 100
