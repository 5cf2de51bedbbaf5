"""The temperature of the device that answers, from the kernel's hwmon sensors (Linux, hwmon sysfs ABI)."""

from collections.abc import Mapping
from pathlib import Path

HWMON = Path("/sys/class/hwmon")
SENSORS: Mapping[str, tuple[str, ...]] = {
    "CPU": ("coretemp", "k10temp", "zenpower", "cpu_thermal", "soc_thermal"),
    "GPU": ("xe", "i915", "amdgpu"),
    "NPU": ("intel_vpu", "coretemp"),
}
"""Names of the drivers that measure a kind of device. The NPU of a Core Ultra is on the CPU's die."""


def temperature_c(device: str, hwmon: Path = HWMON) -> float | None:
    """Highest reading of the device's sensors, degrees Celsius; None where it has none.

    `device` is as the engine names it: CPU, GPU, GPU.1, NPU.
    """
    drivers = SENSORS.get(device.partition(".")[0], ())
    for driver in drivers:
        readings = [r for chip in sorted(hwmon.glob("hwmon*")) if _is(chip, driver) for r in _readings(chip)]
        if readings:
            return max(readings)
    return None


def _is(chip: Path, driver: str) -> bool:
    try:
        return (chip / "name").read_text().strip() == driver
    except OSError:
        return False


def _readings(chip: Path) -> list[float]:
    readings = []
    for file in chip.glob("temp*_input"):
        try:
            readings.append(int(file.read_text()) / 1000)
        except (OSError, ValueError):
            continue  # a sensor that is asleep answers with an error
    return readings
