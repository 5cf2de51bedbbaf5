"""Processes that draw pictures side by side."""

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context


def processes() -> ProcessPoolExecutor:
    """One process a core that this one may use, each started afresh.

    Not forked: a fork of a process in which OpenCV has worked hangs in its first call, waiting for
    threads that were not forked with it.
    """
    return ProcessPoolExecutor(
        len(os.sched_getaffinity(0)),
        mp_context=get_context("spawn"),
        initializer=signal.signal,  # a terminal's Ctrl-C goes to all of them: it is the parent's to answer
        initargs=(signal.SIGINT, signal.SIG_IGN),
    )
