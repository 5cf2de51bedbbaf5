"""How long who guesses has to wait: doubling with each wrong password, by address and by name, over restarts."""

import ipaddress
from collections.abc import Mapping, Sequence

from agent.store.people import failures
from agent.store.people.database import PeopleDatabase
from agent.store.people.users import key_of
from agent.store.people.values import Failures

FREE = 4
"""So many mistakes cost nothing."""
MOST_S: Mapping[str, float] = {"address": 900.0, "user": 60.0}
"""A name waits less: else anybody could keep a person out by typing nonsense for them."""


class Throttle:
    """Counts in `web.db`. Its calls raise StoreFailed: where failures cannot be counted, nobody may try."""

    def __init__(self, database: PeopleDatabase) -> None:
        self._database = database

    def wait_s(self, address: str, name: str, now_utc_us: int) -> float:
        """How long until the next try is looked at; 0: now."""
        known = self._database.ask(failures.of(_keys(address, name)))
        return max((left_s(key.partition(" ")[0], one, now_utc_us) for key, one in known.items()), default=0.0)

    def failed(self, address: str, name: str, now_utc_us: int) -> None:
        self._database.change(failures.count(_keys(address, name), now_utc_us))

    def succeeded(self, address: str, name: str) -> None:
        self._database.change(failures.forget(_keys(address, name)))


def left_s(kind: str, one: Failures, now_utc_us: int) -> float:
    """What is left of the wait after these failures."""
    if one.count <= FREE:
        return 0.0
    wait_s = min(MOST_S[kind], 2.0 ** min(one.count - FREE + 1, 20))
    since_s = (now_utc_us - one.last_utc_us) / 1e6
    # A clock that was set back must not lock a person out for the years between.
    return max(0.0, wait_s - since_s) if since_s >= 0 else wait_s if since_s > -MOST_S["address"] else 0.0


def _keys(address: str, name: str) -> Sequence[str]:
    """A whole /64 of IPv6 is one customer's."""
    keys = [f"address {_network(address)}"]
    return [*keys, f"user {key_of(name)[:200]}"] if name else keys


def _network(address: str) -> str:
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return address[:60]
    if known.version == 6:
        return str(ipaddress.ip_network((int(known) >> 64 << 64, 64)))
    return str(known)
