"""`okng user`: the way back in, on the console, beside a running page and without one."""

import os
import subprocess
import sys
from pathlib import Path

from tests.web.fake_station import running
from tests.web.people.folk import ADMIN, SECRET, acts, client, log_in, make_admin
from tests.web.served import serving


def okng(folder: Path, *arguments: str, typed: str = "") -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "agent.cli", "user", *arguments, "--config", str(folder / "station.toml")],
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("OKNG_")},
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_who_lost_the_way_in_gets_it_back_on_the_console(tmp_path: Path) -> None:
    with running(tmp_path), serving(tmp_path, this_machine="none") as served:
        make_admin(served)
        assert okng(tmp_path, "list") == (0, f"{ADMIN:<40} admin\n")
        code, said = okng(tmp_path, "disable", ADMIN)
        assert (code, "only admin" in said) == (1, True)
        assert okng(tmp_path, "add", "Bob", "--role", "admin", typed="three old bridges\n")[0] == 0
        for typed, why in (("short\n", "too short"), ("bobPassword1\n", "too easy")):
            code, said = okng(tmp_path, "reset", "Bob", typed=typed)
            assert (code, why in said) == (1, True), said
        assert okng(tmp_path, "disable", ADMIN)[0] == 0
        assert client(served).post("/login", data={"name": ADMIN, "password": SECRET}).status_code == 401
        bob = log_in(served, "bob", "three old bridges")
        assert bob.get("/").headers["location"] == "/me"  # to choose an own password first
        form = {"now": "three old bridges", "password": "four new bridges", "again": "four new bridges"}
        assert bob.post("/me/password", data=form).status_code == 303
        by_console = [act for act in acts(bob) if act["by"] == "console"]
        assert [act["act"] for act in by_console] == ["people.disable", "people.add"]
        code, said = okng(tmp_path, "role", "Nobody", "viewer")
        assert (code, "'Nobody'" in said) == (1, True)
