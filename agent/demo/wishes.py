"""What was asked for on the demo's command line, and what is wrong with it."""

import socket
from dataclasses import dataclass
from pathlib import Path

from agent.errors import OkngError

MOST_STATIONS = 16
"""Each is processes of its own: about 400 MB and a twentieth of a processor."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """As typed."""

    parts: int
    """End after so many boards over all lanes; 0: never."""
    rate_hz: float
    lanes: int
    page: bool
    json: Path | None
    port: int
    data: Path | None
    broker: str
    """HOST:PORT; empty: an own one."""
    stations: int
    """0: three where the fleet is shown, else one."""
    fleet_port: int

    @property
    def fleet(self) -> bool:
        """A run for its figures, and one that nobody looks at, is a run of one station alone."""
        return self.page and not self.parts

    @property
    def count(self) -> int:
        """How many stations."""
        return self.stations or (3 if self.fleet else 1)

    def check(self) -> None:
        """Raises OkngError with what is wrong and what is allowed."""
        if self.parts < 0 or self.rate_hz <= 0 or not 1 <= self.lanes <= 16:
            raise OkngError(
                f"--parts {self.parts}, --rate {self.rate_hz:g}, --lanes {self.lanes}: "
                "allowed are parts from 0, a rate above 0, 1 to 16 lanes"
            )
        if not 0 <= self.stations <= MOST_STATIONS:
            raise OkngError(f"--stations {self.stations}: allowed are 1 to {MOST_STATIONS}")
        if self.page:
            _free("--port", self.port)
        if self.fleet:
            _free("--fleet-port", self.fleet_port)
            if self.fleet_port == self.port:
                raise OkngError(f"--fleet-port {self.fleet_port}: the station's page has it already (--port)")


def _free(option: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else "allowed are 0 to 65535"
            raise OkngError(f"port {port} cannot be used ({why}); another one: {option} N") from error
