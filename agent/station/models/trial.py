"""A model is tried in a process of its own before the station itself loads it.

Whatever a model does to its engine - crash it, hang it, eat all memory - it does there and not to the lanes:
the process is the first to go where memory is short (oom_score_adj), and has a bound of its own (setrlimit(2),
RLIMIT_DATA: what it has for itself, reserved address space and mapped files not counted).
The process compiles at low priority into the station's cache of compiled models, so that the line never
waits for it; a second one then loads from that cache and measures at ordinary priority.

`python -m agent.station.models.trial` reads one `Task` as JSON on stdin and writes its `Outcome` to stdout.
"""

import json
import math
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict

from agent.clock import SystemClock
from agent.config import EngineConfig
from agent.errors import EngineFailed, OkngError
from agent.station.engines.engine import Engine
from agent.station.engines.table import ENGINES
from agent.station.models.bundle import Bundle, read_bundle
from agent.station.models.golden import Prover, golden_size

RUNS, FEWEST_RUNS, RUNS_S = 50, 5, 5.0
"""Golden pictures judged to measure the time; fewer where one takes long."""
LOW_PRIORITY = 10
ANSWER_BYTES, TAIL_BYTES = 1 << 20, 1 << 16
"""Of what a trial's process writes: the most that is an answer, and what is kept of the end of its complaints."""
LEAST_MB, COMPILES = 2000, 4
"""Memory for a trial: compiling takes several times what the model then needs, and the engine itself some."""
JOIN_S = 5.0
NO_MEMORY = ("bad_alloc", "MemoryError", "annot allocate memory")
"""How what has run into its bound says so."""
_CUT = 2000


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Input(_Value):
    """How a lane will use the model: it is compiled for this."""

    height_px: int
    width_px: int
    slots: int = 1
    """Tiles that run together."""


class Task(_Value):
    """What is to be tried."""

    bundle: Path
    cache: Path
    engine: EngineConfig
    devices: tuple[str, ...]
    inputs: tuple[Input, ...] = ()
    """Compiled as well, so that no lane has to wait for it later."""
    lanes: int = 1
    nice: int = 0
    runs: int = RUNS
    memory_mb: float = 0.0
    """What its process may take for itself, beyond what okng takes; 0: no bound."""


class Result(_Value):
    """What one device made of the model."""

    device: str
    runtime: str = ""
    """Engine and driver with their versions; empty where it could not be loaded."""
    why: str = ""
    """Why it may not judge on this device; empty: it may."""
    p50_ms: float = 0.0
    """One golden picture: into the model's input, through it, and its answer read."""
    p99_ms: float = 0.0
    memory_mb: float = 0.0
    """By how much resident memory had grown when it had run."""
    peak_mb: float = 0.0
    """The same for the highest it ever was: while compiling, if the cache was empty."""
    kind: Literal["ran", "absent", "broke"] = "ran"
    """absent: the device is not there, or does not take the model; broke: it took the process with it."""


class Outcome(_Value):
    """What all the devices made of it."""

    results: tuple[Result, ...]


def try_out(task: Task, within_s: float) -> tuple[Result, ...]:
    """Try a model on each device, each in a process of its own. A device that breaks it is one result."""
    return tuple(_on(task, device, within_s) for device in task.devices)


def _on(task: Task, device: str, within_s: float) -> Result:
    first = task.model_copy(update={"devices": (device,), "nice": LOW_PRIORITY, "runs": FEWEST_RUNS})
    result = _ask(first, device, within_s)
    # Measured by a second process: from low priority there is no way back without privileges.
    if result.why or task.engine.kind == "canned":
        return result
    measured = _ask(task.model_copy(update={"devices": (device,), "inputs": ()}), device, within_s)
    return measured.model_copy(update={"peak_mb": max(result.peak_mb, measured.peak_mb)})


def bound_mb(budget_mb: int) -> float:
    """What the process of a trial may take: enough to find that a model is over its budget, less than there is."""
    return min(max(LEAST_MB, COMPILES * budget_mb), max(LEAST_MB / 4, available_mb()))


def _ask(task: Task, device: str, within_s: float) -> Result:
    command = (sys.executable, "-m", "agent.station.models.trial")
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, env=_environment())
    except OSError as error:
        return Result(device=device, why=f"its process cannot be started: {error.strerror}", kind="broke")
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        answer, complaints = _Tail(process.stdout, ANSWER_BYTES), _Tail(process.stderr, TAIL_BYTES)
        with suppress(BrokenPipeError):
            process.stdin.write(task.model_dump_json().encode())
            process.stdin.close()
        try:
            code = process.wait(within_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return Result(device=device, why=f"it had not proven itself after {within_s:g} s", kind="broke")
        return _answered(answer.text(), complaints.text(), code, device, task)


class _Tail:
    """Reads a stream to its end beside us and keeps the last bytes: whoever talks too much fills no memory."""

    def __init__(self, stream: IO[bytes], most: int) -> None:
        self._stream = stream
        self._most = most
        self._kept = b""
        self._thread = threading.Thread(target=self._read, name="trial", daemon=True)
        self._thread.start()

    def text(self) -> bytes:
        """What was kept, once the other side has ended."""
        self._thread.join(JOIN_S)
        return self._kept

    def _read(self) -> None:
        with suppress(OSError, ValueError):  # closed by us
            while more := os.read(self._stream.fileno(), 1 << 16):
                self._kept = (self._kept + more)[-self._most :]


def _answered(answer: bytes, complaints: bytes, code: int, device: str, task: Task) -> Result:
    try:
        result = Outcome.model_validate_json(answer).results[0]
    except (ValueError, IndexError):
        said = complaints.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        result = Result(device=device, why=f"it broke its process ({how}): {said[-1]}"[:_CUT], kind="broke")
    if task.memory_mb and any(word in result.why for word in NO_MEMORY):
        result = result.model_copy(update={"why": f"it takes more than {task.memory_mb:.0f} MB: {result.why}"[:_CUT]})
    return result


def _environment() -> Mapping[str, str]:
    """Ours, with the folder that okng was imported from: it need not be installed."""
    root = str(Path(__file__).resolve().parents[3])
    before = os.environ.get("PYTHONPATH", "")
    return {**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{before}" if before else root}


def run(task: Task) -> Outcome:
    """Try the model on each of the devices, in this process."""
    bundle = read_bundle(task.bundle)
    engine = ENGINES[task.engine.kind](task.engine, task.cache)
    return Outcome(results=tuple(_measure(engine, bundle, device, task) for device in task.devices))


def _measure(engine: Engine, bundle: Bundle, device: str, task: Task) -> Result:
    before = _resident_mb()
    try:
        loaded = engine.load(bundle, [device], golden_size(bundle), task.lanes)
        prover = Prover(bundle, loaded.model.session(), SystemClock())
        for one in task.inputs:
            engine.load(bundle, [device], (one.height_px, one.width_px), task.lanes, one.slots)
            if (one.height_px, one.width_px) != golden_size(bundle):  # proven by one of its own size
                engine.load(bundle, [device], golden_size(bundle))
    except EngineFailed as error:
        return Result(device=device, why=str(error)[:_CUT], kind="absent")
    wrong = prover.all()
    if wrong:
        why = f"the golden pictures fail: {wrong}"
        return Result(device=loaded.device, runtime=loaded.runtime, why=why[:_CUT])
    times = _times(prover, task.runs)
    return Result(
        device=loaded.device,
        runtime=loaded.runtime,
        p50_ms=round(times[(len(times) - 1) // 2], 3),
        p99_ms=round(times[math.ceil(0.99 * len(times)) - 1], 3),
        memory_mb=round(max(0.0, _resident_mb() - before), 1),
        peak_mb=round(max(0.0, _peak_mb() - before), 1),
    )


def _times(prover: Prover, runs: int) -> Sequence[float]:
    """Sorted times of one golden picture after the other, ms."""
    times: list[float] = []
    end = time.monotonic() + RUNS_S
    while len(times) < runs and (len(times) < FEWEST_RUNS or time.monotonic() < end):
        begun = time.monotonic_ns()
        prover.one()
        times.append((time.monotonic_ns() - begun) / 1e6)
    return sorted(times)


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def available_mb() -> float:
    """Memory that can be had without swapping, MB (proc(5), meminfo)."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == "MemAvailable":
            return int(rest.split()[0]) * 1024 / 1e6
    return 0.0


def _bound(memory_mb: float) -> None:
    """No more than this beyond what is taken now."""
    taken = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()  # data and stack
    most = taken + int(memory_mb * 1e6)
    with suppress(OSError, ValueError):  # ValueError: it is bound to less already
        resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def main() -> int:
    """One task on stdin, its outcome on stdout; whatever a library prints goes to stderr."""
    answer = os.dup(1)
    os.dup2(2, 1)
    with suppress(OSError):  # where memory is short, this process is the one to go
        Path("/proc/self/oom_score_adj").write_text("1000")
    task = Task.model_validate_json(sys.stdin.buffer.read())
    if task.nice:
        with suppress(OSError):  # a sandbox may forbid it
            os.setpriority(os.PRIO_PROCESS, 0, task.nice)
    if task.memory_mb:
        _bound(task.memory_mb)
    try:
        outcome = run(task)
    except MemoryError:
        outcome = Outcome(results=tuple(Result(device=d, why="MemoryError", kind="broke") for d in task.devices))
    except OkngError as error:
        outcome = Outcome(results=tuple(Result(device=d, why=str(error)[:_CUT]) for d in task.devices))
    with os.fdopen(answer, "wb") as stream:
        stream.write(json.dumps(outcome.model_dump(mode="json")).encode())
    # Without the interpreter's end: a device whose library aborts there has still given its answer.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
