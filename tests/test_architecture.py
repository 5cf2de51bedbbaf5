"""The house's rules, read off the source: arrows, owners of libraries, cycles, sizes, driver tables."""

import ast
import importlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
OURS = ("agent", "pipelines", "training", "fleet")

HOMES: Mapping[str, tuple[str, ...]] = {
    "openvino": ("agent/station/engines/openvino.py", "training/", "benchmarks/"),
    "onnxruntime": ("agent/station/engines/onnx.py", "training/"),
    "paho": ("agent/uplink/mqtt.py", "fleet/collector/mqtt.py", "benchmarks/fleet"),
    "sqlalchemy": ("agent/store/", "fleet/store/", "benchmarks/fleet/"),
    "alembic": ("agent/store/", "fleet/store/"),
    "psycopg": ("fleet/store/",),
    "pyarrow": ("fleet/web/",),
    "sqlite3": ("agent/store/", "fleet/store/", "benchmarks/search.py"),
    "pyudev": ("agent/udev.py",),
    "ultralytics": ("training/", "benchmarks/"),
    "torch": ("training/", "benchmarks/"),
    "nncf": ("training/",),
    "fastapi": ("agent/web/", "fleet/"),
    "starlette": ("agent/web/", "fleet/"),
    "uvicorn": ("agent/web/", "fleet/"),
    "jinja2": ("agent/web/", "fleet/"),
    "cryptography": ("agent/station/models/signing.py", "agent/web/people/certificate.py"),
    "argon2": ("agent/web/people/passwords.py",),
    "reportlab": ("agent/web/shift/pdf.py",),
    "prometheus_client": ("agent/web/", "fleet/"),
}
"""Library -> the only places that may import it (a file, or a folder with everything in it)."""
PURE_FORBIDS = frozenset(
    {"agent", "training", "fleet", "socket", "ssl", "threading", "multiprocessing", "concurrent", "asyncio"}
    | {"subprocess", "signal", "select", "time", "os", "io", "pathlib", "shutil", "tempfile", "glob", "logging"}
    | {"sqlite3", "http", "urllib", "random", "secrets"}
)
"""What the judgement does not import: nothing of ours, no thread, clock, file, socket or chance."""
PURE_FORBIDS_CALLS = frozenset({"open", "print", "input", "exec", "eval", "imread", "imwrite", "fromfile", "tofile"})
ASYNC_HOMES = ("agent/web/", "agent/line/", "fleet/")
CATCHES_ALL = {"agent/worker.py": 1, "agent/station/job.py": 1, "agent/station/lane.py": 1}
ALARM_LINES, LIMIT_LINES = 300, 400
MOCKS_PER_100 = 5


@dataclass(frozen=True, slots=True)
class Source:
    name: str
    """Path from the root."""
    module: str
    tree: ast.Module
    lines: int


def sources(*folders: str) -> list[Source]:
    files = sorted(f for folder in folders for f in (ROOT / folder).rglob("*.py"))
    return [_source(file) for file in files if "__pycache__" not in file.parts]


def _source(file: Path) -> Source:
    text = file.read_text("utf-8")
    path = file.relative_to(ROOT)
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    return Source(path.as_posix(), module, ast.parse(text, str(path)), text.count("\n") + 1)


PROGRAM = sources(*OURS)
MODULES = {source.module: source for source in PROGRAM}
TESTS = sources("tests")


def imports(source: Source, deep: bool = True) -> Iterator[str]:
    """Full names of what a file imports; with `deep`, inside of functions too (but not for types only)."""
    for node in _walk(source.tree, deep):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            assert node.level == 0, f"{source.name}:{node.lineno}: imports are written out in full"
            for alias in node.names:
                inside = f"{base}.{alias.name}"
                yield inside if inside in MODULES else base


def _walk(tree: ast.AST, deep: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        if deep or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _walk(node, deep)


def test_the_judgement_is_pure() -> None:
    """pipelines imports nothing of ours, no socket, no thread, no clock, no file."""
    wrong = [
        f"{source.name} imports {name}"
        for source in PROGRAM
        if source.name.startswith("pipelines/")
        for name in imports(source)
        if name.partition(".")[0] in PURE_FORBIDS
    ]
    wrong += [
        f"{source.name}:{node.lineno} calls {ast.unparse(node.func)}"
        for source in PROGRAM
        if source.name.startswith("pipelines/")
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in PURE_FORBIDS_CALLS
    ]
    assert not wrong


def test_statistics_and_their_drawings_know_no_station() -> None:
    """The fleet's page and the shift's report draw with them too: numbers in, a chart out, no store, no effect."""
    allowed = {"agent/quality/": ("agent.quality.",), "agent/web/charts/": ("agent.quality.", "agent.web.charts.")}
    wrong = [
        f"{source.name} imports {name}"
        for folder, ours in allowed.items()
        for source in PROGRAM
        if source.name.startswith(folder)
        for name in imports(source)
        if name.partition(".")[0] in PURE_FORBIDS and not name.startswith(ours)
    ]
    assert not wrong


WEB_FOUNDATION = (
    "acts", "body", "catalogue", "charts", "drawing", "forms", "frame", "guard", "https", "people", "preferences",
    "quality.figures", "query", "refusals", "rest", "serving", "sheet", "speech", "spreadsheet", "templating", "who",
)  # fmt: skip
"""What two programs' pages stand on: of it nothing knows the station."""
FLEET_TAKES = (
    *("agent.uplink.messages", "agent.uplink.payload", "agent.uplink.flat", "agent.uplink.link", "agent.uplink.causes"),
    *("agent.store.people", "agent.store.database", "agent.store.migrate", "agent.quality"),
    *(f"agent.web.{name}" for name in WEB_FOUNDATION),
)
TAKE_TRAINING = ("agent/commands/", "agent/station/engines/table.py")


def test_the_arrows_point_one_way() -> None:
    """agent, training and fleet import pipelines; fleet takes few things of agent; nobody takes training or fleet.

    But for the command line, whose verbs take training and fleet when they are called and not before, and for the
    table of engines, which takes the torch engine when a station is told to use it.
    """
    wrong = []
    for source in PROGRAM:
        here = source.name.partition("/")[0]
        for name in imports(source):
            there = name.partition(".")[0]
            if there not in OURS or there in (here, "pipelines"):
                continue
            allowed = here == "training" and there == "agent"
            lazily = name not in imports(source, deep=False)
            allowed |= there == "training" and lazily and source.name.startswith(TAKE_TRAINING)
            allowed |= there == "fleet" and lazily and source.name.startswith("agent/commands/")
            allowed |= here == "fleet" and (within(name, FLEET_TAKES) or _is_ground(name))
            if not allowed:
                wrong.append(f"{source.name} imports {name}")
    assert not wrong


def within(name: str, places: tuple[str, ...]) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places)


def _is_ground(name: str) -> bool:
    return name.startswith("agent.") and name.removeprefix("agent.") in GROUND - COMPOSES | {"run"}


def test_the_pages_foundation_knows_no_station() -> None:
    """The fleet's page stands on it too."""
    ours = tuple(f"agent.web.{name}" for name in WEB_FOUNDATION)
    wrong = [
        f"{source.name} imports {name}"
        for source in PROGRAM
        if within(source.module, ours) and not within(source.module, ("agent.web.catalogue",))
        for name in imports(source)
        if name.startswith(("agent.station", "agent.uplink", "agent.control"))
        or (name.startswith("agent.web") and not within(name, (*ours, "agent.web.labels")))
    ]
    assert not wrong


GROUND = frozenset(p.stem for p in (ROOT / "agent").glob("*.py"))
COMPOSES = frozenset({"cli", "check", "judge", "install", "run", "demo", "explain"})
"""Files of the ground floor that are programs of their own and put the others together."""


def test_the_ground_floor_knows_no_process() -> None:
    """What lies in agent/ itself is for all processes and imports none of them (programs apart)."""
    rooms = ("station", "uplink", "web", "line")
    wrong = [
        f"{source.name} imports {name}"
        for source in PROGRAM
        if source.name.count("/") == 1 and source.name.startswith("agent/") and Path(source.name).stem not in COMPOSES
        for name in imports(source)
        if name.startswith(tuple(f"agent.{room}." for room in rooms))
    ]
    assert not wrong


def test_processes_do_not_import_each_other() -> None:
    """They talk over the control socket; values that travel have their own modules."""
    shared = {"agent.uplink.payload", "agent.station.cameras.decode", "agent.station.cameras.formats"}
    rooms = ("station", "uplink", "web", "line")
    wrong = []
    for source in PROGRAM:
        here = source.name.split("/")[1] if source.name.startswith("agent/") else ""
        if here not in rooms:
            continue
        for name in imports(source):
            parts = name.split(".")
            if parts[0] == "agent" and len(parts) > 1 and parts[1] in rooms and parts[1] != here and name not in shared:
                wrong.append(f"{source.name} imports {name}")
    assert not wrong


@pytest.mark.parametrize("library", HOMES)
def test_each_library_has_one_home(library: str) -> None:
    strangers = [
        source.name
        for source in [*PROGRAM, *sources("benchmarks")]
        if any(name.partition(".")[0] == library for name in imports(source))
        and not source.name.startswith(HOMES[library])
    ]
    assert not strangers


def test_asyncio_lives_in_web_and_line_only() -> None:
    strangers = [
        source.name
        for source in PROGRAM
        if any(name.partition(".")[0] == "asyncio" for name in imports(source))
        and not source.name.startswith(ASYNC_HOMES)
    ]
    assert not strangers


def test_no_import_cycles() -> None:
    """Counting what is imported when a module is loaded."""
    arrows = {s.module: {n for n in imports(s, deep=False) if n in MODULES and n != s.module} for s in PROGRAM}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, f"import cycle: {' -> '.join((*trail[trail.index(module) :], module))}"
        if module not in done:
            for there in sorted(arrows[module]):
                visit(there, (*trail, module))
            done.add(module)

    for module in arrows:
        visit(module, ())


def test_packages_re_export_nothing() -> None:
    wrong = []
    for source in [*PROGRAM, *TESTS]:
        if source.name.endswith("__init__.py"):
            rest = [node for node in source.tree.body if not _is_docstring(node)]
            wrong += [f"{source.name}:{node.lineno}" for node in rest]
    assert not wrong


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def test_errors_are_caught_by_name() -> None:
    """`except Exception` stands in two places: around one part's judging, and in the worker's loop."""
    found: dict[str, int] = {}
    for source in PROGRAM:
        if not source.name.startswith(("agent/", "pipelines/")):
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ExceptHandler) and _catches_all(node):
                found[source.name] = found.get(source.name, 0) + 1
    assert sum(found.values()) <= 2, found
    assert not [name for name, count in found.items() if count > CATCHES_ALL.get(name, 0)], found


def _catches_all(node: ast.ExceptHandler) -> bool:
    """Bare, or Exception; BaseException that is raised again is tidying up and not catching."""
    if node.type is None:
        return True
    names = {ast.unparse(part) for part in (node.type.elts if isinstance(node.type, ast.Tuple) else [node.type])}
    raises_again = any(isinstance(inner, ast.Raise) and inner.exc is None for inner in node.body)
    return "Exception" in names or ("BaseException" in names and not raises_again)


def test_files_are_of_a_size_that_can_be_read() -> None:
    """More than 300 lines is an alarm, not a failure; more than 400 is one."""
    large = {source.name: source.lines for source in PROGRAM if source.lines > ALARM_LINES}
    if large:
        print("more than 300 lines:", large)
    assert not {name: lines for name, lines in large.items() if lines > LIMIT_LINES}


NAMES_TO_AVOID = ("Manager", "Service", "Helper", "Util", "Utils", "Base", "Abstract", "Handler")


def test_names_are_the_fields_own() -> None:
    wrong = [
        f"{source.name}: {node.name}"
        for source in PROGRAM
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ClassDef)
        and (node.name.endswith(NAMES_TO_AVOID) or node.name.startswith(("Base", "Abstract")))
    ]
    assert not wrong


TABLES = (("agent.station.cameras.table", "CAMERAS"), ("agent.station.engines.table", "ENGINES"))


@pytest.mark.parametrize(("module", "name"), TABLES)
def test_every_driver_of_a_table_is_there(module: str, name: str) -> None:
    """A driver is imported when chosen: here all are, so that a typing error does not wait for the field."""
    source = MODULES[module]
    table = getattr(importlib.import_module(module), name)
    assert table
    for inside in imports(source):
        if inside.startswith("agent."):
            assert inside in MODULES, f"{module} names {inside}, which is not there"
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                importlib.import_module(inside)


def test_every_kind_of_camera_has_its_driver() -> None:
    from agent.config import EngineConfig, LaneConfig
    from agent.options import allowed_of, cameras
    from agent.station.cameras.table import CAMERAS
    from agent.station.engines.table import ENGINES

    kinds = set(cameras(LaneConfig.model_fields["camera"].annotation))
    assert set(CAMERAS) | {"push"} == kinds
    assert ", ".join(ENGINES) == allowed_of(EngineConfig.model_fields["kind"].annotation)


def test_ports_are_small() -> None:
    """A port is a Protocol with at most three methods, and its docstring is the contract."""
    tree = MODULES["agent.ports"].tree
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases):
            methods = [m for m in node.body if isinstance(m, ast.FunctionDef)]
            assert 1 <= len(methods) <= 3, node.name
            assert ast.get_docstring(node), node.name


def test_fakes_instead_of_mocks() -> None:
    """Fewer than 5 mocks per 100 tests."""
    tests = mocks = 0
    for source in TESTS:
        if source.name == "tests/test_architecture.py":
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                tests += 1
                mocks += sum(argument.arg in ("monkeypatch", "mocker") for argument in node.args.args)
            elif isinstance(node, ast.Call):
                called = ast.unparse(node.func).rpartition(".")[2]
                mocks += called in ("patch", "Mock", "MagicMock", "AsyncMock")
    assert mocks * 100 < MOCKS_PER_100 * max(tests, 1), f"{mocks} mocks in {tests} tests"


def test_a_station_has_no_torch_in_it() -> None:
    lock = (ROOT / "requirements" / "station.txt").read_text()
    heavy = ("torch", "ultralytics", "nncf", "scipy", "pandas", "matplotlib", "opencv-python=", "nvidia")
    assert not [line for line in lock.splitlines() if line.startswith(heavy)]
