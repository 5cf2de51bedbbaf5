"""Device profiles: one TOML file per class of hardware, and the one that fits this machine.

A profile is data. Its `[engine]` and `[camera.KIND]` tables are configuration defaults that the
station's own settings override (`agent.settings`): device order, precision, threads, streams, cache,
and OpenVINO's own properties of a device (power, cores).
"""

import fnmatch
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from agent.errors import ConfigurationRefused, Problem
from agent.machine import Machine, PciDevice

Hex4 = Annotated[str, Field(pattern=r"^[0-9a-f]{4}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PciRule(_Strict):
    """A device on the PCI bus; an empty field fits everything."""

    vendor: Hex4 = Field(description="vendor id, hex")
    device: Annotated[str, Field(pattern=r"^([0-9a-f]{4})?$")] = Field("", description="device id, hex")
    klass: Annotated[str, Field(pattern=r"^([0-9a-f]{2}){0,3}$")] = Field(
        "", alias="class", description="beginning of the class code, hex: 03 is a display controller"
    )

    def fits(self, device: PciDevice) -> bool:
        same_device = self.device in ("", device.device)
        return self.vendor == device.vendor and same_device and device.klass.startswith(self.klass)

    def __str__(self) -> str:
        return f"{self.vendor}:{self.device or '*'}" + (f" class {self.klass}" if self.klass else "")


class Rules(_Strict):
    """When a profile fits: every list that is not empty must be met."""

    architecture: tuple[str, ...] = Field((), description="one of these, as `uname -m` says")
    cpu_flags: tuple[str, ...] = Field((), description="all of these")
    pci: tuple[PciRule, ...] = Field((), description="at least one of these")
    usb: tuple[Annotated[str, Field(pattern=r"^[0-9a-f]{4}:[0-9a-f]{4}$")], ...] = Field(
        (), description="at least one of these, vendor:product"
    )
    nodes: tuple[str, ...] = Field((), description="at least one device file fits one of these globs")


class Profile(_Strict):
    """A class of hardware and what to do on it: `device_profiles/NAME.toml`."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
    description: str = Field(min_length=1, description="the class of hardware, for people")
    tested: str = Field(min_length=1, description="on what it was run; 'never run on its hardware' otherwise")
    priority: int = Field(ge=0, le=100, description="of all that fit, the highest is taken")
    match: Rules
    engine: dict[str, Any] = Field({}, description="defaults of the configuration's [engine]")
    camera: dict[Literal["v4l2", "rtsp", "video", "folder", "push", "virtual"], dict[str, Any]] = Field(
        {}, description="defaults of a lane's camera, by its kind"
    )


GENERIC = Profile(
    name="generic",
    description="a machine that no profile fits: OpenVINO's CPU device with its own defaults",
    tested="run by the tests",
    priority=0,
    match=Rules(),
    engine={"devices": ["CPU"]},
)
"""What is used where no profile fits, so that an unknown machine still judges."""


@dataclass(frozen=True, slots=True)
class Match:
    """The profile that is used, and why the others are not."""

    profile: Profile
    why: str
    others: tuple[tuple[str, str], ...]
    """(name, why not)."""


def read_profile(file: Path) -> Profile:
    """Read one profile; its name is the file's. Raises ConfigurationRefused with every problem."""
    subject = f"device profile {file.name}"
    try:
        raw = tomllib.loads(file.read_text("utf-8"))
        return Profile.model_validate({"name": file.stem, **raw})
    except OSError as error:
        raise ConfigurationRefused(subject, [Problem(str(file), f"cannot be read: {error.strerror}")]) from error
    except ValidationError as error:
        problems = [Problem(".".join(map(str, e["loc"])), f"{e['msg']} (got {e['input']!r})") for e in error.errors()]
        raise ConfigurationRefused(subject, problems) from error
    except ValueError as error:  # TOML's and UTF-8's errors; pydantic's is one too and stands above
        raise ConfigurationRefused(subject, [Problem(str(file), f"is not TOML: {error}")]) from error


def read_profiles(folder: Path) -> tuple[Profile, ...]:
    """All profiles of a folder, by name. Raises ConfigurationRefused for the first that is wrong."""
    return tuple(read_profile(file) for file in sorted(folder.glob("*.toml")))


def match(machine: Machine, profiles: Sequence[Profile]) -> Match:
    """The fitting profile of highest priority (by name where two are equal), else GENERIC."""
    judged = [(profile, tuple(_unmet(machine, profile.match))) for profile in profiles]
    fitting = sorted((p for p, unmet in judged if not unmet), key=lambda p: (-p.priority, p.name))
    if not fitting:
        return Match(GENERIC, f"no profile fits {_describe(machine)}", _why_not(judged, taken=None))
    taken = fitting[0]
    why = "; ".join(_met(machine, taken.match)) or "it fits every machine"
    return Match(taken, why, _why_not(judged, taken))


def _why_not(judged: Sequence[tuple[Profile, tuple[str, ...]]], taken: Profile | None) -> tuple[tuple[str, str], ...]:
    return tuple(
        (profile.name, "; ".join(unmet) or f"fits too, but {taken.name if taken else ''} has a higher priority")
        for profile, unmet in judged
        if profile is not taken
    )


def _describe(machine: Machine) -> str:
    return machine.architecture + (f" ({machine.cpu})" if machine.cpu else "")


def _unmet(machine: Machine, rules: Rules) -> Iterator[str]:
    """Each rule that the machine does not meet, with what it has instead."""
    if rules.architecture and machine.architecture not in rules.architecture:
        yield f"needs {' or '.join(rules.architecture)}, this is {machine.architecture}"
    if lacking := [flag for flag in rules.cpu_flags if flag not in machine.cpu_flags]:
        yield f"the CPU lacks {', '.join(lacking)}"
    if rules.pci and not _pci_met(machine, rules):
        yield f"no PCI device is {_any(rules.pci)}"
    if rules.usb and not machine.usb.intersection(rules.usb):
        yield f"no USB device is {_any(rules.usb)}"
    if rules.nodes and not _nodes_met(machine, rules):
        yield f"there is no {_any(rules.nodes)}" + (" (is its driver loaded?)" if _pci_met(machine, rules) else "")


def _met(machine: Machine, rules: Rules) -> Iterator[str]:
    """What on the machine meets the rules, rule by rule."""
    if rules.architecture:
        yield _describe(machine)
    if rules.cpu_flags:
        yield f"the CPU has {', '.join(rules.cpu_flags)}"
    if rules.pci:
        yield f"PCI {', '.join(_pci_met(machine, rules))}"
    if rules.usb:
        yield f"USB {', '.join(sorted(machine.usb.intersection(rules.usb)))}"
    if rules.nodes:
        yield ", ".join(_nodes_met(machine, rules))


def _pci_met(machine: Machine, rules: Rules) -> list[str]:
    return [f"{d.vendor}:{d.device}" for d in machine.pci if any(rule.fits(d) for rule in rules.pci)]


def _nodes_met(machine: Machine, rules: Rules) -> list[str]:
    return sorted({n for n in machine.nodes for glob in rules.nodes if fnmatch.fnmatchcase(n, glob)})


def _any(things: Sequence[object]) -> str:
    return " or ".join(map(str, things))
