"""Tries the broker once, for `okng check`."""

import time

from agent.config import UplinkConfig
from agent.uplink.mqtt import Broker


def try_once(config: UplinkConfig, client_id: str, timeout_s: float = 10.0) -> str:
    """Connect once and leave again: empty when the broker took us, else why not in words.

    `client_id` must not be the running station's own, which would be thrown out.
    """
    broker = Broker(config, client_id)
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        broker.turn(0.2)
        if broker.online:
            broker.close(None)
            return ""
        if broker.state != "connecting":
            return broker.detail
    broker.close(None)
    return f"{config.host}:{config.port} did not answer within {timeout_s:g} s"
