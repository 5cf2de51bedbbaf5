"""Device profiles: each is loaded, and each is taken on the machine that it is for."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from agent import paths
from agent.config import DEVICES, EngineConfig
from agent.errors import ConfigurationRefused
from agent.machine import Machine, PciDevice, read_machine
from agent.options import cameras
from agent.profile import GENERIC, Profile, match, read_profile, read_profiles

PROFILES = read_profiles(paths.device_profiles())
CPU = Machine("x86_64", "some CPU", frozenset({"avx2", "sse4_2"}), (), frozenset(), frozenset())
IGPU = PciDevice("8086", "46a6", "030000")
NPU = PciDevice("8086", "643e", "120000")
GPU_BOX = replace(CPU, pci=(IGPU,), nodes=frozenset({"/dev/dri/card0", "/dev/dri/renderD128"}))
NPU_BOX = replace(GPU_BOX, pci=(IGPU, NPU), nodes=GPU_BOX.nodes | {"/dev/accel/accel0"})
ARM = Machine("aarch64", "Cortex-A76", frozenset({"fp", "asimd"}), (), frozenset(), frozenset())


def by_name(name: str) -> Profile:
    return next(p for p in PROFILES if p.name == name)


BY_ITSELF = ["arm64-cpu", "intel-gpu", "intel-npu", "x86-cpu"]
BY_NAME = ["amd-gpu", "amd-npu", "nvidia-gpu", "qualcomm-npu"]
"""They need a build of onnxruntime that a machine does not show: taken where the configuration names them."""


def test_the_profiles_are_there() -> None:
    assert [p.name for p in PROFILES] == sorted(BY_ITSELF + BY_NAME)


def test_onnxruntimes_profiles_are_taken_by_name_only() -> None:
    """Whatever is in the machine: where one of them fits, a CPU profile fits as well and comes first."""
    cpu = {p.match.architecture: p for p in (by_name("x86-cpu"), by_name("arm64-cpu"))}
    for profile in map(by_name, BY_NAME):
        other = cpu[profile.match.architecture]
        assert set(other.match.cpu_flags) <= set(profile.match.cpu_flags)
        assert profile.priority < other.priority
        assert profile.engine["kind"] == "onnxruntime"
        assert set(profile.engine["devices"]) <= set(DEVICES["onnxruntime"])


@pytest.mark.parametrize("profile", [*PROFILES, GENERIC], ids=lambda p: p.name)
def test_a_profiles_engine_and_cameras_are_valid_configuration(profile: Profile) -> None:
    engine = EngineConfig.model_validate(profile.engine)
    assert engine.devices[-1] == "CPU"  # what is always there ends the order
    for kind, defaults in profile.camera.items():
        section = cameras_by_kind()[kind]
        assert set(defaults) < set(section.model_fields)
    assert profile.tested


def cameras_by_kind() -> dict[str, type]:
    from agent.config import LaneConfig

    return dict(cameras(LaneConfig.model_fields["camera"].annotation))


@pytest.mark.parametrize(
    ("machine", "name"),
    [
        (CPU, "x86-cpu"),
        (GPU_BOX, "intel-gpu"),
        (NPU_BOX, "intel-npu"),
        (ARM, "arm64-cpu"),
        (replace(ARM, architecture="riscv64"), "generic"),
        (replace(CPU, cpu_flags=frozenset()), "generic"),
        # A device without its driver is no use: the next best is taken, and why is said.
        (replace(NPU_BOX, nodes=GPU_BOX.nodes), "intel-gpu"),
        (replace(CPU, pci=(PciDevice("10de", "2684", "030000"),), nodes=GPU_BOX.nodes), "x86-cpu"),
    ],
)
def test_each_machine_gets_its_profile(machine: Machine, name: str) -> None:
    found = match(machine, PROFILES)
    assert found.profile.name == name
    assert found.why
    assert {other for other, _ in found.others} == {p.name for p in PROFILES} - {name}
    assert all(why for _, why in found.others)


def test_a_missing_driver_is_said() -> None:
    others = dict(match(replace(NPU_BOX, nodes=GPU_BOX.nodes), PROFILES).others)
    assert others["intel-npu"] == "there is no /dev/accel/accel* (is its driver loaded?)"


def test_what_was_never_run_says_so() -> None:
    for name in ("intel-npu", "intel-gpu", "arm64-cpu", *BY_NAME):
        assert "never run on its hardware" in by_name(name).tested
    assert "never" not in by_name("x86-cpu").tested


def test_this_machine_gets_one() -> None:
    assert match(read_machine(), PROFILES).profile.name


def test_facts_are_read_from_the_systems_files(tmp_path: Path) -> None:
    for name, content in {
        "proc/cpuinfo": "processor\t: 0\nmodel name\t: Test CPU\nflags\t\t: fpu avx2\nprocessor\t: 1\nflags\t\t: x\n",
        "sys/bus/pci/devices/0000:00:0b.0/vendor": "0x8086\n",
        "sys/bus/pci/devices/0000:00:0b.0/device": "0x643E\n",
        "sys/bus/pci/devices/0000:00:0b.0/class": "0x120000\n",
        "sys/bus/usb/devices/1-1/idVendor": "046d\n",
        "sys/bus/usb/devices/1-1/idProduct": "0825\n",
        "sys/bus/usb/devices/1-1:1.0/bInterfaceClass": "0e\n",
        "dev/accel/accel0": "",
        "dev/dri/renderD128": "",
    }.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    machine = read_machine(tmp_path)
    assert machine.cpu == "Test CPU"
    assert machine.cpu_flags == {"fpu", "avx2"}
    assert machine.pci == (NPU,)
    assert machine.usb == {"046d:0825"}
    assert machine.nodes == {"/dev/accel/accel0", "/dev/dri/renderD128"}


def test_a_machine_without_anything_is_read(tmp_path: Path) -> None:
    machine = read_machine(tmp_path)
    assert (machine.cpu, machine.pci, machine.usb, machine.nodes) == ("", (), frozenset(), frozenset())


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("description = 3", "description"),
        ("[match]\npci = [{ vendor = '80g6' }]", "match.pci.0.vendor"),
        ("[match]\ncpu_flag = ['avx2']", "match.cpu_flag"),
        ("not toml", "own.toml"),
    ],
)
def test_a_wrong_profile_is_refused(tmp_path: Path, text: str, where: str) -> None:
    file = tmp_path / "own.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationRefused, match="device profile own") as refused:
        read_profile(file)
    assert any(where in p.where for p in refused.value.problems)


@given(
    some.builds(
        Machine,
        architecture=some.sampled_from(["x86_64", "aarch64", "riscv64"]),
        cpu=some.text(max_size=3),
        cpu_flags=some.frozensets(some.sampled_from(["avx2", "asimd", "sse2"])),
        pci=some.lists(some.sampled_from([IGPU, NPU, PciDevice("1022", "1480", "060000")]), max_size=3).map(tuple),
        usb=some.frozensets(some.just("046d:0825")),
        nodes=some.frozensets(some.sampled_from(["/dev/accel/accel0", "/dev/dri/renderD128", "/dev/dri/card0"])),
    )
)
def test_every_machine_gets_exactly_one_and_all_others_a_reason(machine: Machine) -> None:
    found = match(machine, PROFILES)
    names = [found.profile.name, *(name for name, _ in found.others)]
    assert sorted(names) == sorted({p.name for p in PROFILES} | {found.profile.name})
    assert all(why for _, why in found.others)
