"""Property tests try the same examples in each run, so that a change is judged by what it changed.

`OKNG_TESTS_RANDOM=1` draws new ones, to look for what the fixed ones do not show.
"""

import os

from hypothesis import HealthCheck, settings

# Slow is the machine, when it is busy; the examples are the same each time.
settings.register_profile("repeatable", derandomize=True, suppress_health_check=[HealthCheck.too_slow])
if not os.environ.get("OKNG_TESTS_RANDOM"):
    settings.load_profile("repeatable")
