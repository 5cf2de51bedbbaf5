"""Property tests try the same examples in each run, so that a change is judged by what it changed.

`OKNG_TESTS_RANDOM=1` draws new ones, to look for what the fixed ones do not show. Tests that are marked as slow are
begun first, so that no worker is left alone with one when the others have ended.
"""

import os

import pytest
from hypothesis import HealthCheck, settings

# Slow is the machine, when it is busy; the examples are the same each time.
settings.register_profile("repeatable", derandomize=True, suppress_health_check=[HealthCheck.too_slow])
if not os.environ.get("OKNG_TESTS_RANDOM"):
    settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
