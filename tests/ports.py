"""Ports for the servers that tests start: taken where the machine gives no port of its own accord.

A port that the machine has just given and got back may be the next one that it gives, to another test's
client. Each worker of the run has a span of its own.
"""

import itertools
import os
import socket

FIRST, SPAN, SPANS = 12_000, 2_000, 10
"""All below 32768, where Linux begins to give ports (ip_local_port_range)."""

_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
# Two runs side by side begin at different places.
_next = itertools.count(os.getpid() * 7 % SPAN)


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens, and that nobody else is told."""
    for turn in _next:
        port = FIRST + _worker % SPANS * SPAN + turn % SPAN
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("the count has no end")
