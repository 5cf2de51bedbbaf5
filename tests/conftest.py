"""Property tests try the same examples in each run, so that a change is judged by what it changed.

`OKNG_TESTS_RANDOM=1` draws new ones, to look for what the fixed ones do not show. Tests that are marked as slow are
begun first, so that no worker is left alone with one when the others have ended.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

# Slow is the machine, when it is busy; the examples are the same each time.
settings.register_profile("random", deadline=None)
settings.register_profile("repeatable", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("random" if os.environ.get("OKNG_TESTS_RANDOM") else "repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    """A headless Chromium, begun once a worker; whoever opens a page has a profile of its own there."""
    from tests.web.browsing import CHROMIUM, chromium  # skips where there is no playwright

    if CHROMIUM is None:
        pytest.skip("chromium is not installed (Debian: chromium)")
    with chromium() as begun:
        yield begun
