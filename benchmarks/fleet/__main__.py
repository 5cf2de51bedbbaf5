"""The fleet's figures: what one collector takes, what two take, what a part costs on the wire, what a page waits for.

    python -m benchmarks.fleet [--stations 500] [--minutes 20] [--days 30] [--json FILE]
    python -m benchmarks.fleet --faults [--stations 50] [--minutes 60]

mosquitto, PostgreSQL (durable, as it comes) and `okng fleet collect` are the real ones, on free ports of this machine.
A backlog waits at the broker; then the collectors start, and nothing else runs but they, the broker and PostgreSQL.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from benchmarks.fleet import faults, history, load
from benchmarks.fleet.servers import Broker, Postgres
from benchmarks.fleet.simulated import START_US
from benchmarks.fleet.wire import on_the_wire
from fleet.store.database import Database

NOW_MS = START_US // 1000 + (40 * 24 + 14) * 3_600_000
"""In the middle of a day, as a month that is looked at mostly ends."""


@contextmanager
def servers() -> Iterator[tuple[Path, Broker, Postgres]]:
    """A folder, a broker and a PostgreSQL, as long as the block lasts."""
    folder = Path(mkdtemp(prefix="okng-fleet-", dir="/tmp"))
    folder.chmod(0o755)
    for name in ("mqtt", "sql"):
        (folder / name).mkdir()
    broker: Broker | None = None
    postgres: Postgres | None = None
    try:
        broker, postgres = Broker(folder / "mqtt").start(), Postgres(folder / "sql").start()
        yield folder, broker, postgres
    finally:
        for server in (broker, postgres):
            if server is not None:
                server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def figures(options: argparse.Namespace) -> dict[str, Any]:
    """All figures, as they are measured."""
    found: dict[str, Any] = {"machine": _machine(), "wire": asdict(on_the_wire())}
    _tell("wire", found["wire"])
    sent = load.messages(options.stations, options.minutes)
    for count in (1, 2):  # each with a broker of its own: a session that is left takes its share of what comes
        with servers() as (folder, broker, postgres):
            done = load.drain(broker, folder, postgres.fresh(f"drain{count}"), count, sent)
            rates = {"per_s": done.per_s, "stations": done.stations, "stations_a_core": done.stations_a_core}
            found[f"collectors_{count}"] = {**asdict(done), **rates}
            _tell(f"{count} collector(s)", found[f"collectors_{count}"])
    found["ratio"] = found["collectors_2"]["per_s"] / found["collectors_1"]["per_s"]
    with servers() as (folder, broker, postgres):
        took_ms = load.latencies(broker, folder, postgres.fresh("latency"), 500, options.rate, 20.0)
        cuts = statistics.quantiles(took_ms, n=100, method="inclusive")
        found["publish_to_word_ms"] = {"p50": cuts[49], "p99": cuts[98], "n": len(took_ms), "per_s": options.rate}
        _tell("publish to the centre's word", found["publish_to_word_ms"])
        for kind, url in (("sqlite", f"sqlite:///{folder / 'month.db'}"), ("postgresql", postgres.fresh("month"))):
            found[f"questions_{kind}"] = _questions(url, options)
    found["load_at_the_end"] = os.getloadavg()
    return found


def _questions(url: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    database = Database(url)
    database.bring_up()
    history.fill(database, 500, options.days, NOW_MS)
    timed = [asdict(each) for each in history.ask(database, NOW_MS, options.turns)]
    for each in timed:
        print(f"  {database.url.get_backend_name()}: {each}", file=sys.stderr)
    database.close()
    return timed


def _faults(options: argparse.Namespace) -> int:
    plan = faults.Plan(stations=options.stations or 50, minutes=options.minutes or 60)
    with servers() as (folder, broker, postgres):
        outcome = faults.run(plan, folder, broker, postgres, postgres.fresh("faults"))
    print(json.dumps(asdict(outcome), indent=1))
    return 0 if outcome.good else 1


def _machine() -> dict[str, Any]:
    return {"python": platform.python_version(), "cores": os.cpu_count(), "load": os.getloadavg()}


def _tell(name: str, value: object) -> None:
    print(f"{name}: {value}", file=sys.stderr, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", action="store_true", help="kill everything, then look whether anything is lost")
    parser.add_argument("--stations", type=int, default=0, metavar="N", help="default: 500; with --faults 50")
    parser.add_argument("--minutes", type=int, default=0, metavar="N", help="summaries a station; default: 20, 60")
    parser.add_argument("--rate", type=float, default=83.0, help="messages a second for the latency (5,000 stations)")
    parser.add_argument("--days", type=int, default=30, help="days of hours for the pages' questions (default: 30)")
    parser.add_argument("--turns", type=int, default=20, help="times that each question is asked (default: 20)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    options = parser.parse_args()
    if options.faults:
        return _faults(options)
    options.stations, options.minutes = options.stations or 500, options.minutes or 20
    found = figures(options)
    text = json.dumps(found, indent=1, default=str)
    if options.json is not None:
        options.json.write_text(text + "\n")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
