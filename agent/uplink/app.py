"""The process `okng uplink`: the stored outbox to the broker, and the centre's words to the station.

Threads: "broker" owns the connection, the outbox's reader and the desk of commands; "station" talks to
the station's control socket, and "slow" waits there for what takes minutes; the main thread waits for
signals and feeds systemd's watchdog.
"""

import logging
import signal
import time
from contextlib import ExitStack

from agent import notify
from agent.clock import SystemClock
from agent.config import Config
from agent.errors import EXIT_BAD_CONFIGURATION, ConfigurationRefused
from agent.store.read import Reader
from agent.uplink.discovery import Discovery
from agent.uplink.link import client_id_of, may_command, prefix_of
from agent.uplink.mqtt import Broker
from agent.uplink.payload import StationEncoder
from agent.uplink.presence import Presence
from agent.uplink.replay import Replay, Source
from agent.uplink.results import Parts, Results
from agent.uplink.sender import Sender
from agent.uplink.standing import Standing
from agent.uplink.talk import Says, Talk
from agent.uplink.update import Updates
from agent.worker import Worker

log = logging.getLogger(__name__)

DATABASE = "results.db"
TURN_S = 0.5
HUNG_S = 90.0
"""Longest turn that is believed to go on: an attempt to connect, with a resolver that does not answer, s."""


def run(config: Config) -> int:
    """Run until SIGTERM or SIGINT; the exit status: 0, 1 after a crash, 78 for a bad configuration."""
    stop: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda received, _: stop.append(received))
    talk = Talk(config.station.runtime)
    try:
        sender = _sender(config, talk) if config.uplink.host else None
    except ConfigurationRefused as refusal:
        log.error("%s", refusal)
        return EXIT_BAD_CONFIGURATION
    with ExitStack() as stack:
        stack.callback(talk.last_word, Says("off" if sender is None else "offline", "stopped"))
        workers = [Worker("station", talk.turn), Worker("slow", talk.slow_turn)]
        if sender is None:
            talk.say(Says("off", "no broker is configured (uplink.host)"))
        else:
            workers += [Worker("update", sender.updates.turn), Worker("broker", sender.turn)]
        for worker in workers:
            stack.callback(worker.start().stop)
        if sender is not None:
            stack.callback(sender.updates.stop)
        notify.ready(f"to {config.uplink.host}:{config.uplink.port}" if sender else "no broker configured")
        crashed = _watch(stop, workers, sender)
        notify.stopping()
        if sender is not None and workers[-1].stop():
            sender.close()
    return 1 if crashed else 0


def _sender(config: Config, talk: Talk) -> Sender:
    reader = Reader(config.station.data / DATABASE)
    return make_sender(config, talk, reader, reader if config.uplink.results else None)


def make_sender(config: Config, talk: Talk, source: Source, parts: Parts | None = None) -> Sender:
    """The sender of a configured station. Raises ConfigurationRefused."""
    prefix = prefix_of(config)
    encoder = StationEncoder.of(config.station)
    clock = SystemClock()
    presence = Presence(prefix, encoder, clock)
    commands = [f"{prefix}/cmd/+"] if may_command(config) else []
    discovery = Discovery.of(config, prefix) if config.uplink.home_assistant else None
    subscriptions = [presence.topic, f"{prefix}/ack", *commands, *(discovery.topics if discovery else ())]
    broker = Broker(config.uplink, client_id_of(config), subscriptions, presence.will)
    replay = Replay(source, asks_settled=config.uplink.settle != "none")
    results = None if parts is None else Results(parts, encoder)
    return Sender(
        config,
        prefix,
        broker,
        replay,
        talk,
        presence,
        Standing(prefix, encoder, clock),
        encoder,
        clock,
        Updates(config, clock),
        results,
        discovery,
    )


def _watch(stop: list[int], workers: list[Worker], sender: Sender | None) -> str:
    """Wait for a signal, or for a worker that crashed: its last words."""
    while not stop:
        time.sleep(TURN_S)
        for worker in workers:
            if worker.crash:
                return worker.crash
        if sender is None or time.monotonic() - sender.turned_at < HUNG_S:
            notify.watchdog()
    return ""
