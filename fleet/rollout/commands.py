"""The commands of a roll-out, as docs/mqtt.md describes them."""

from dataclasses import dataclass

from agent.uplink.messages import CancelCommand, UpdateCommand
from agent.uplink.payload import encode
from fleet.intake.topics import Address
from fleet.rollout.values import Rollout, Target

LIFE_MS = 600_000
"""A command that no station has taken by then is not taken any more."""
AGAIN_US = 15_000_000
"""Without an answer it is given again, byte for byte: a station carries out one id once, and answers from memory."""


@dataclass(frozen=True, slots=True)
class Told:
    """A command to publish below a station's prefix."""

    address: Address
    below: str
    payload: bytes


def address_of(base: str, token: str, name: str) -> str:
    """Where stations load a file."""
    return f"{base.rstrip('/')}/files/{token}/{name}"


def update(rollout: Rollout, target: Target, base: str) -> Told:
    """`base`: https://HOST:PORT of the page, as stations reach it."""
    file = rollout.file
    fields = {
        "id": target.command,
        "expires": target.expires_ms,
        "url": address_of(base, file.token, file.name),
        "sha256": file.sha256,
        "bytes": file.size,
        "activate": int(rollout.activate),
        "recipe": rollout.recipe,
    }
    return Told(target.address, "cmd/update", encode(UpdateCommand.model_validate(fields)))


def cancel(target: Target, expires_ms: int) -> Told:
    fields = {"id": cancel_id(target.command), "expires": expires_ms, "update": target.command}
    return Told(target.address, "cmd/cancel", encode(CancelCommand.model_validate(fields)))


def cancel_id(command: str) -> str:
    return f"{command}-cancel"


def cancelled_by(command: str) -> str:
    """The update that a cancel's id names; empty for another id."""
    return command.removesuffix("-cancel") if command.endswith("-cancel") else ""
