"""A reader as a process of its own: asks for everything, again and again, and prints what went wrong.

Arguments: the database, how long in seconds.
"""

import sys
import time
from pathlib import Path

from agent.errors import StoreFailed
from agent.store.read import Reader
from agent.store.values import PartQuery


def main(database: Path, for_s: float) -> None:
    reader, until = Reader(database), time.monotonic() + for_s
    print("reading", flush=True)
    rounds, newest = 0, 0
    while time.monotonic() < until:
        try:
            outbox = reader.outbox()
            parts = reader.parts(PartQuery(limit=50))
            tally = reader.tally("top")
            reader.unsettled(max(0, outbox.last_seq - 10), 10)
            reader.events(10)
            reader.last_ids()
        except StoreFailed as error:
            print("failed", type(error).__name__, error, flush=True)
            continue
        rounds += 1
        if parts:
            if parts[0].id < newest:
                print("failed: went back in time", flush=True)
            newest = max(newest, parts[0].id)
            if tally.parts > parts[0].id + 10_000:
                print("failed: counted more than there is", flush=True)
    print(f"rounds {rounds} newest {newest}", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
