"""The process `okng fleet collect`.

Threads: "broker" owns the connection; "store" reads, stores and says what is to be acknowledged; one "notices"
a channel of mail or webhook sends what is due to be told; "age" lets go what is old; the main thread waits for
signals and feeds systemd's watchdog.
"""

import logging
import re
import signal
import socket
import time
from contextlib import ExitStack

from agent import notify
from agent.clock import SystemClock
from agent.errors import StoreFailed, StoreTooNew
from agent.log import set_up
from agent.worker import Worker
from fleet.collector.age import Age
from fleet.collector.keeper import Keeper
from fleet.collector.mqtt import Link
from fleet.config import FleetConfig
from fleet.intake.read import ANSWERS
from fleet.intake.topics import Topics
from fleet.notices.sending import sendings_of, wishes_of
from fleet.store.database import Database, database_of
from fleet.store.rollout_steps import Asking
from fleet.store.write import Writer

log = logging.getLogger(__name__)

TURN_S = 0.2
RETRY_S = 2.0
HUNG_S = 180.0
"""Longest turn that is believed to go on: PostgreSQL's statement time-out is 60 s."""


def run(config: FleetConfig) -> int:
    """Run until SIGTERM or SIGINT; the exit status: 0, or 1 after a crash or for a database of a newer okng."""
    set_up(config.log.level)
    stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stop.append(received))
    with ExitStack() as stack:
        database = database_of(config)
        stack.callback(database.close)
        notify.ready(f"collects from {config.broker.host}:{config.broker.port} into {database.where}")
        try:
            _bring_up(database, stop)
        except StoreTooNew as error:
            log.error("%s", error)
            return 1
        asking = _asking(config, database)
        link = Link(config.broker, name_of(config), ANSWERS if asking else ())
        topics, clock = Topics(config.broker.topic), SystemClock()
        writer = Writer(database, wishes_of(config))
        keeper = Keeper(link, writer, topics, clock, config.store.batch, asking)
        workers = [Worker("store", keeper.turn), Worker("broker", link.turn)]
        workers += [Worker(f"notices {each.name}", each.turn) for each in sendings_of(config, database, clock)]
        workers.append(Worker("age", Age(database, config.store, clock).turn))
        for worker in workers:
            stack.callback(worker.start().stop)
        crashed = _watch(stop, workers, keeper)
        notify.stopping()
        if workers[0].stop() and workers[1].stop():
            link.close()
    return 1 if crashed else 0


def _asking(config: FleetConfig, database: Database) -> Asking | None:
    """Where stations cannot load anything from here, nobody is told anything, and no answer is listened to."""
    rollout = config.rollout
    return Asking(database, rollout.address, rollout.at_once, rollout.patience_s) if rollout.address else None


def name_of(config: FleetConfig) -> str:
    """This collector's name: the configured one, else this machine's."""
    return config.broker.collector or re.sub(r"[^a-z0-9_-]+", "-", socket.gethostname().lower())[:63]


def _bring_up(database: Database, stop: list[int]) -> None:
    """Wait for the database for as long as it takes: PostgreSQL may start after us. Raises StoreTooNew."""
    told = ""
    while not stop:
        try:
            database.bring_up()
            return
        except StoreTooNew:
            raise
        except StoreFailed as error:
            if str(error) != told:
                log.warning("the database is not ready, tried again: %s", error)
            told = str(error)
        notify.watchdog()
        time.sleep(RETRY_S)


def _watch(stop: list[int], workers: list[Worker], keeper: Keeper) -> str:
    """Wait for a signal, or for a worker that crashed: its last words."""
    while not stop:
        time.sleep(TURN_S)
        for worker in workers:
            if worker.crash:
                return worker.crash
        if time.monotonic() - keeper.turned_at < HUNG_S:
            notify.watchdog()
    return ""
