"""Every page on a phone: nothing wider than the screen, nothing too small for a finger.

Where OKNG_SHOTS names a folder, a picture of every page in every look is kept there, as PAGE.LOOK.png, for a person to
look at (`make shots`).
"""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.web.browsing import CHROMIUM, SHOTS, opened, shot, sync_api
from tests.web.looks import LOOKS, ON_PHONES, ill_fits, named
from tests.web.people.folk import set_up_code
from tests.web.served import Served
from tests.web.walk import Walk, become_admin, seen_everything

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed (Debian: chromium)")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with seen_everything(tmp_path_factory.mktemp("looks") / "station") as served:
        yield served


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_every_page_fits_a_phone(browser: "sync_api.Browser", served: Served) -> None:
    with ExitStack() as stack:
        pages = {
            look: stack.enter_context(opened(browser, f"{served.url}/first", look.locale, **look.options()))
            for look in (LOOKS if SHOTS else ON_PHONES)
        }
        first, *others = pages.values()
        found = [each for look in ON_PHONES for each in ill_fits(pages[look])]
        become_admin(first, served.url, set_up_code(served))
        for page in others:
            page.context.add_cookies(first.context.cookies())
        walk = Walk("/")
        for path in walk:
            for look, page in pages.items():
                page.goto(served.url + path, wait_until="load")
                shot(page, f"{named(page.url)}.{look.name}")
                found += ill_fits(page) if look.phone else []
            walk.links_of(first)
    assert found == [], "\n".join(found)
