"""What the browser tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.fake_station import FakeStation, running
from tests.web.served import Served, serving


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[FakeStation, Served]]:
    """A fake station and its page."""
    with running(tmp_path) as station, serving(tmp_path) as served:
        yield station, served
