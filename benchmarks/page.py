"""What the page weighs, how soon it is there, and what five viewers cost the judging.

    python -m benchmarks.page [--viewers 5] [--blocks 4] [--block-s 45] [--rate 10] [--browsers] [--json FILE]

The real processes (`okng station`, `okng web`) on the virtual line with the bundled model. Blocks without and with
viewers take turns in one run, so that a machine that slows down slows down both; the ratio is
p99(frame to verdict, with viewers) / p99(without). A viewer follows the stream and fetches every picture that it names,
as the page's script does, in a process of its own at the lowest priority: in a plant it is another machine. With
`--browsers` the viewers are pages of a headless Chromium on this machine, which also draws them.
"""

import argparse
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.parse import urljoin
from urllib.request import urlopen

from agent.demo.figures import every_part
from agent.priority import LOWEST, give_way
from agent.run import Children, okng
from agent.station.meters import percentile
from agent.store.read import Reader

SETTINGS = """\
[station]
data = "{data}"
runtime = "{runtime}"
[lanes.board1]
recipe = "demo-board"
[lanes.board1.camera]
kind = "virtual"
rate_hz = {rate}
bad_share = 0.3
[web]
port = {port}
[log]
level = "warning"
"""
START_S = 180.0
SETTLE_S = 4.0
"""After viewers came or went: these parts belong to no block."""
LINKS = re.compile(r'(?:href|src)="(/static/[^"#?]+)"')
IMPORTS = re.compile(r'from "\./([a-z]+\.js)"')
WEIGHT_BYTES, VIEW_MS, RATIO = 100_000, 1000.0, 1.05
"""The targets."""
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def fetched(address: str) -> bytes:
    with urlopen(address, timeout=20) as answer:
        data: bytes = answer.read()
        return data


def weight(url: str) -> dict[str, int]:
    """Bytes of the line view and of all that it links to, as sent: nothing is compressed."""
    files = {"/": fetched(url + "/")}
    waiting = [*LINKS.findall(files["/"].decode())]
    while waiting:
        path = waiting.pop()
        if path not in files:
            files[path] = fetched(url + path)
            if path.endswith(".js"):
                waiting += [urljoin(path, name) for name in IMPORTS.findall(files[path].decode())]
    return {path: len(data) for path, data in files.items()}


def first_views(url: str, times: int) -> list[float]:
    """ms from the request to the first contentful paint, each in a browser that has never been here; () without one."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return []
    if chromium is None:
        return []
    painted = """() => new Promise(done => { const look = () => {
        const [entry] = performance.getEntriesByName("first-contentful-paint");
        entry ? done(entry.startTime) : requestAnimationFrame(look); }; look(); })"""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        found = []
        for _ in range(times):
            context = browser.new_context(viewport={"width": 1920, "height": 1080})
            page = context.new_page()
            page.goto(url)
            found.append(float(page.evaluate(painted)))
            context.close()
        browser.close()
    return found


def follow(url: str) -> None:
    """One viewer, until killed: the stream, and every picture once, as a browser's cache has it."""
    seen: set[str] = set()
    with urlopen(f"{url}/events", timeout=30) as stream:
        for line in stream:
            if not line.startswith(b"data: "):
                continue
            for path in re.findall(r"(/live/[a-z0-9_.-]+|/parts/[0-9]+/thumbnail)", line.decode()):
                if path not in seen:
                    seen.add(path)
                    try:
                        fetched(url + path)
                    except OSError:
                        continue  # gone already: a newer one is there


def browse(url: str, many: int) -> None:
    """So many pages of a headless Chromium, until killed."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        for _ in range(many):
            browser.new_context(viewport={"width": 1920, "height": 1080}).new_page().goto(url)
        while True:
            time.sleep(1)


@contextmanager
def viewers(url: str, many: int, real: bool) -> Iterator[None]:
    """Viewers in processes of their own, at the lowest priority."""
    commands = [["--browse", str(many)]] if real else [["--follow"]] * many
    program = [sys.executable, "-m", "benchmarks.page", "--url", url]
    started = [
        subprocess.Popen([*program, *command], start_new_session=True, preexec_fn=lambda: give_way(LOWEST))  # noqa: PLW1509
        for command in commands
    ]
    try:
        yield
        assert all(process.poll() is None for process in started), "a viewer has died"
    finally:
        for process in started:
            os.killpg(process.pid, 9)
            process.wait()


def watching(url: str) -> int:
    """How many follow the stream now, as the page's own metrics say."""
    found = re.search(rb"^okng_web_viewers ([0-9.]+)$", fetched(f"{url}/metrics"), re.M)
    return int(float(found.group(1))) if found else -1


def wait_until(holds: Callable[[], bool], children: Children, within_s: float = START_S) -> None:
    end = time.monotonic() + within_s
    while not holds():
        if not children.turn() or time.monotonic() > end:
            raise SystemExit("the station or its page did not start")
        time.sleep(0.2)


def blocks(url: str, children: Children, options: argparse.Namespace) -> dict[str, list[tuple[int, int]]]:
    """Spans of time in µs UTC without and with viewers."""
    spans: dict[str, list[tuple[int, int]]] = {"without": [], "with": []}
    for number in range(2 * options.blocks):
        # without, with, with, without, ...: a drift of the machine falls on both.
        name = ("without", "with", "with", "without")[number % 4]
        with ExitStack() as stack:
            if name == "with":
                stack.enter_context(viewers(url, options.viewers, options.browsers))
                wait_until(lambda: watching(url) == options.viewers, children)
            time.sleep(SETTLE_S)
            begun = time.time_ns() // 1000
            time.sleep(options.block_s)
            spans[name].append((begun, time.time_ns() // 1000))
        wait_until(lambda: watching(url) == 0, children)
    return spans


def latencies(reader: Reader, spans: Sequence[tuple[int, int]]) -> list[float]:
    parts = [part.record for part in every_part(reader)]
    return sorted(
        record.inspection.stages.total_ms
        for record in parts
        if any(begin <= record.captured.utc_us < end for begin, end in spans)
    )


def run(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data, url = folder / "data", f"http://127.0.0.1:{port}"
    data.mkdir()
    settings = folder / "station.toml"
    settings.write_text(SETTINGS.format(data=data, runtime=folder / "run", rate=options.rate, port=port))
    reader = Reader(data / "results.db")
    children = Children([okng(verb, "--config", str(settings)) for verb in ("station", "web")])

    def judging() -> bool:
        try:
            return len(json.loads(fetched(f"{url}/api/v1/inspections?limit=20"))["inspections"]) == 20
        except OSError:
            return False

    try:
        wait_until(judging, children)
        files, views = weight(url), first_views(url, 5)
        wait_until(lambda: watching(url) == 0, children)
        spans = blocks(url, children, options)
    finally:
        children.stop()
    without, beside = (latencies(reader, spans[name]) for name in ("without", "with"))
    return {
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}",
        "weight_bytes": sum(files.values()),
        "weight_target_bytes": WEIGHT_BYTES,
        "files": dict(sorted(files.items(), key=lambda one: -one[1])),
        "first_view_ms": {"median": round(statistics.median(views)), "worst": round(max(views))} if views else None,
        "first_view_target_ms": VIEW_MS,
        "viewers": options.viewers,
        "kind": "Chromium" if options.browsers else "stream and pictures",
        "parts": {"without": len(without), "with": len(beside)},
        "without_ms": {f"p{q}": round(percentile(without, q / 100), 2) for q in (50, 90, 99)},
        "with_ms": {f"p{q}": round(percentile(beside, q / 100), 2) for q in (50, 90, 99)},
        "p99_ratio": round(percentile(beside, 0.99) / percentile(without, 0.99), 3),
        "p99_ratio_target": RATIO,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=5)
    parser.add_argument("--blocks", type=int, default=4, help="of each kind")
    parser.add_argument("--block-s", type=float, default=45.0)
    parser.add_argument("--rate", type=float, default=10.0)
    parser.add_argument("--browsers", action="store_true")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--follow", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--browse", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.follow:
        follow(options.url)
    elif options.browse:
        browse(options.url, options.browse)
    else:
        measure(options)


def measure(options: argparse.Namespace) -> None:
    """Run it all and print the figures."""
    # A Unix socket's path has room for 107 characters only.
    with tempfile.TemporaryDirectory(prefix="okng-") as name:
        figures = run(options, Path(name))
    print(json.dumps(figures, indent=2))
    if options.json is not None:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
