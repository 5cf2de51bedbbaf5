"""What the browser tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.fake_station import FakeStation, running
from tests.web.served import Served, serving


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A headless Chromium, begun once; whoever opens a page has a profile of its own there."""
    from tests.web.browsing import ARGUMENTS, CHROMIUM, sync_api  # skips where there is no playwright

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[FakeStation, Served]]:
    """A fake station and its page."""
    with running(tmp_path) as station, serving(tmp_path) as served:
        yield station, served
