"""Asked inside the booted guest: do okng's units work, under their sandboxes, as systemd runs them?

Plain Python of the guest; prints a line for each question, and "all is well" when every answer was right.
"""

import json
import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

UNITS = ("okng-station.service", "okng-uplink.service", "okng-web.service")
STATION_TOML = """\
[station]
name = "guest"
[lanes.virtual]
recipe = "demo-board"
camera = { kind = "virtual", rate_hz = 5 }
[lanes.hand]
recipe = "demo-board"
camera = { kind = "push" }
[store]
window_s = 2
[uplink]
host = "127.0.0.1"
settle = "puback"
[web]
this_machine = "operator"
"""
failed: list[str] = []


def say(what: str, right: bool, detail: object = "") -> None:
    print(f"{'ok  ' if right else 'FAIL'} {what}  {detail}", flush=True)
    if not right:
        failed.append(what)


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return (done.stdout + done.stderr).strip()


def show(unit: str, name: str) -> str:
    return run("systemctl", "show", "-P", name, unit)


def within(seconds: float, true: Callable[[], object]) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.5)
    return False


def active(unit: str) -> bool:
    return show(unit, "ActiveState") == "active"


def resident(unit: str) -> str:
    lines = Path(f"/proc/{show(unit, 'MainPID')}/status").read_text().splitlines()
    return next((line for line in lines if line.startswith("VmRSS")), "")


def page(path: str) -> object:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:8080{path}", timeout=5) as answer:
            return json.load(answer)
    except (OSError, ValueError) as error:
        return {"error": str(error)}


def judged() -> int:
    """Parts since the station started, as the page says; 0 while it says nothing."""
    status = page("/api/v1/status")
    station = status.get("status") if isinstance(status, dict) else None
    lanes = station["lanes"] if isinstance(station, dict) else []
    return sum(lane["judged"] for lane in lanes if lane["name"] == "virtual")


DRAW = """
import cv2, numpy
picture = numpy.full((640, 640, 3), 200, numpy.uint8)
picture[::16] = 30
cv2.imwrite("/trial/board.png", picture)
"""


def pushed() -> object:
    """What the page answers to a picture that is handed in."""
    run("/opt/okng/bin/python", "-c", DRAW)
    headers = {"Content-Type": "image/png"}
    body = Path("/trial/board.png").read_bytes()
    wanted = urllib.request.Request("http://127.0.0.1:8080/api/v1/judge?lane=hand", body, headers)
    try:
        with urllib.request.urlopen(wanted, timeout=30) as answer:
            return json.load(answer)
    except (OSError, ValueError) as error:
        return {"error": str(error), "body": error.read().decode() if hasattr(error, "read") else ""}


def installed() -> None:
    Path("/etc/okng").mkdir(exist_ok=True)
    Path("/etc/okng/station.toml").write_text(STATION_TOML)
    print(run("/opt/okng/bin/okng", "install", "--prefix", "/opt/okng"))
    print(run("systemctl", "enable", "--now", "okng.target"))
    for unit in UNITS:
        say(f"{unit} becomes active", within(90, lambda unit=unit: active(unit)), show(unit, "StatusText"))
    for unit in UNITS:
        scored = run("systemd-analyze", "security", "--no-pager", unit).splitlines()[-1]
        say(f"{unit} scores at most 2.0", float(scored.partition(": ")[2].split()[0]) <= 2.0, scored)


def works() -> None:
    seen = within(90, lambda: judged() > 10)
    say("parts are judged and the page says so", seen, judged() if seen else page("/api/v1/status"))
    answer = pushed()
    told = isinstance(answer, dict) and "id" in answer
    say("a picture handed to the page is judged by the station", told, str(answer)[:300])
    left = list(Path("/run/okng/push").iterdir())
    say("and nothing of it is left in the runtime folder", not left, left)
    topic = "okng/plant/line1/guest/summary/virtual"
    heard = run("timeout", "15", "mosquitto_sub", "-h", "127.0.0.1", "-C", "2", "-F", "%t", "-t", topic)
    say("summaries reach the broker", heard.count(topic) == 2, heard.replace("\n", ", "))
    for unit in UNITS:
        say(f"{unit} was started once", show(unit, "NRestarts") == "0", resident(unit))
    print(run("find", "/run/okng", "/var/lib/okng", "-maxdepth", "1", "-printf", "%M %u:%g %p\n"))
    for other in ("okng-uplink", "okng-web"):
        told = run("setpriv", f"--reuid={other}", "--regid=okng", "--clear-groups", "touch", "/var/lib/okng/results.db")
        say(f"{other} may not write the database", "denied" in told, told)


def restarts() -> None:
    for unit in UNITS:
        os.kill(int(show(unit, "MainPID")), signal.SIGKILL)
        again = within(60, lambda unit=unit: active(unit) and show(unit, "NRestarts") == "1")
        say(f"{unit} comes back after kill -9", again, show(unit, "Result"))
    before = judged()
    say("and parts are judged again", within(60, lambda: judged() > before or (0 < judged() < before)), judged())
    pid = int(show(UNITS[0], "MainPID"))
    os.kill(pid, signal.SIGSTOP)
    barked = within(90, lambda: show(UNITS[0], "MainPID") not in ("0", str(pid)) and active(UNITS[0]))
    say("a station that hangs is ended by the watchdog and started again", barked, show(UNITS[0], "NRestarts"))


def bad_configuration() -> None:
    own = Path("/etc/okng/station.toml")
    good = own.read_text()
    within(60, lambda: Path("/var/lib/okng/last-good/station.json").exists())
    own.write_text(good + "[webb]\nprot = 1\n")
    run("systemctl", "restart", *UNITS)
    say("a bad configuration: it works on the last good one", within(60, lambda: judged() > 0), judged())
    status = json.dumps(page("/api/v1/status"))
    say("and the page says why", "webb" in status, status[-200:])
    Path("/var/lib/okng/last-good/station.json").unlink(missing_ok=True)
    run("systemctl", "restart", *UNITS)
    say(
        "where none was ever good the station ends with 78",
        within(30, lambda: show(UNITS[0], "ExecMainStatus") == "78"),
    )
    say("and is not started again", within(5, lambda: show(UNITS[0], "ActiveState") == "failed"))
    say("and the page is up", within(30, lambda: active(UNITS[2]) and page("/healthz") is not None))
    own.write_text(good)
    run("systemctl", "restart", *UNITS)
    say("a mended one starts again", within(60, lambda: active(UNITS[0]) and judged() > 0))


def ends() -> None:
    begun = time.monotonic()
    run("systemctl", "stop", "okng.target", *UNITS)
    took_s = time.monotonic() - begun
    say("everything stops when told", all(show(u, "ActiveState") == "inactive" for u in UNITS), f"{took_s:.1f} s")
    for unit in UNITS:
        say(f"{unit} ended well", show(unit, "Result") == "success", show(unit, "Result"))
    print(run("/opt/okng/bin/okng", "uninstall", "--prefix", "/opt/okng"))
    left = run("find", "/usr/local", "-name", "*okng*")
    say("nothing that was laid is left", left == "", left)
    kept = Path("/etc/okng/station.toml").exists() and Path("/var/lib/okng/results.db").exists()
    say("configuration and data are kept", kept)


for step in (installed, works, restarts, bad_configuration, ends):
    print(f"-- {step.__name__}", flush=True)
    try:
        step()
    except (OSError, ValueError, LookupError, TypeError, subprocess.SubprocessError) as error:
        say(step.__name__, False, repr(error))
denied = [line for line in run("journalctl", "-b", "--no-pager", "-u", "okng-*").splitlines() if "denied" in line]
say("the sandbox denied nothing", not denied, denied[:3])
print("-- journal")
print(run("journalctl", "-b", "--no-pager", "-o", "short-monotonic", "-u", "okng-*")[-12000:])
print("all is well" if not failed else f"wrong: {failed}")
