"""The device's temperature, off a sysfs laid out as the kernel documents it."""

from pathlib import Path

from agent.temperature import temperature_c


def chip(folder: Path, number: int, name: str, *readings: str) -> None:
    here = folder / f"hwmon{number}"
    here.mkdir()
    (here / "name").write_text(f"{name}\n")
    for index, reading in enumerate(readings, 1):
        (here / f"temp{index}_input").write_text(reading)


def test_the_hottest_sensor_of_the_device(tmp_path: Path) -> None:
    chip(tmp_path, 0, "nvme", "99000")
    chip(tmp_path, 1, "coretemp", "51000\n", "63500\n", "")
    chip(tmp_path, 2, "i915", "47000")
    assert temperature_c("CPU", tmp_path) == 63.5
    assert temperature_c("GPU.0", tmp_path) == 47.0
    assert temperature_c("NPU", tmp_path) == 63.5


def test_none_where_there_is_no_sensor(tmp_path: Path) -> None:
    assert temperature_c("CPU", tmp_path) is None
    assert temperature_c("CPU", tmp_path / "none") is None
    assert temperature_c("canned", tmp_path) is None
