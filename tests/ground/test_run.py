"""`okng run`'s processes: real children, started, restarted, stopped."""

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.run import Children, Command, okng

RUN = """
import sys
from agent.run import Command, run
sys.exit(run([Command(f"c{i}", (sys.executable, "-c", code), leads=i == 0) for i, code in enumerate(sys.argv[1:])]))
"""
STAYS = (
    "import signal, sys; signal.signal({signal}, lambda *_: sys.exit(0)); open({file!r}, 'w').close(); signal.pause()"
)
IGNORES = "import signal, time; signal.signal(15, signal.SIG_IGN); open({file!r}, 'w').close(); time.sleep(600)"


def until(true: Callable[[], bool], within_s: float = 30.0) -> None:
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def python(name: str, code: str, leads: bool = False) -> Command:
    return Command(name, (sys.executable, "-c", code), leads)


def exists(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


@pytest.fixture
def children() -> Iterator[Callable[..., Children]]:
    made: list[Children] = []

    def make(*commands: Command) -> Children:
        made.append(Children(commands))
        return made[-1]

    yield make
    for each in made:
        each.stop(signal.SIGKILL)


def test_only_the_dead_one_is_started_again(children: Callable[..., Children], tmp_path: Path) -> None:
    both = children(*(python(n, STAYS.format(signal=15, file=str(tmp_path / n))) for n in ("a", "b")))
    a, b = both.children
    until(lambda: both.turn() and (tmp_path / "a").exists() and (tmp_path / "b").exists())
    first, other = a.pid, b.pid
    os.kill(first, signal.SIGKILL)
    until(lambda: both.turn() and a.pid not in (0, first))
    assert b.pid == other


def test_each_child_has_a_session_of_its_own(children: Callable[..., Children], tmp_path: Path) -> None:
    one = children(python("a", STAYS.format(signal=15, file=str(tmp_path / "a"))))
    until(lambda: one.turn() and (tmp_path / "a").exists())
    assert os.getsid(one.children[0].pid) == one.children[0].pid


def test_who_only_tells_gives_way_to_who_judges(children: Callable[..., Children], tmp_path: Path) -> None:
    """Nice values count within a session only (autogroup, sched(7)): the session's own is lowered too."""
    said, made = tmp_path / "said", tmp_path / "made"
    look = f"""import os, pathlib
group = pathlib.Path("/proc/self/autogroup")
pathlib.Path({str(made)!r}).write_text(f"{{os.nice(0)}} {{group.read_text() if group.exists() else 'nice 10'}}")
os.replace({str(made)!r}, {str(said)!r})"""
    web = children(Command("web", (sys.executable, "-c", look), gives_way=okng("web").gives_way))
    until(lambda: not web.turn() and said.exists())
    first, *_, last = said.read_text().split()
    assert (int(first), int(last)) == (min(os.nice(0) + 10, 19), 10)
    assert okng("station").gives_way == 0 < okng("uplink").gives_way


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_are_handed_on_and_it_ends_with_0(tmp_path: Path, number: signal.Signals) -> None:
    code = STAYS.format(signal=int(number), file=str(tmp_path / "up"))
    with subprocess.Popen([sys.executable, "-c", RUN, code]) as parent:
        until((tmp_path / "up").exists)
        parent.send_signal(number)
        assert parent.wait(30) == 0


def test_78_is_passed_through_while_the_others_go_on(tmp_path: Path) -> None:
    """FIELD 22: a bad configuration keeps the page up to say why, and the exit status says 78."""
    page = STAYS.format(signal=15, file=str(tmp_path / "page"))
    with subprocess.Popen([sys.executable, "-c", RUN, "import sys; sys.exit(78)", page]) as parent:
        until((tmp_path / "page").exists)
        time.sleep(1.0)
        assert parent.poll() is None
        parent.terminate()
        assert parent.wait(30) == 78


def test_when_nothing_is_left_it_ends_by_itself() -> None:
    assert (
        subprocess.run([sys.executable, "-c", RUN, "import sys; sys.exit(78)"], timeout=60, check=False).returncode
        == 78
    )


def test_when_the_leading_one_ends_everything_ends(tmp_path: Path) -> None:
    page = STAYS.format(signal=15, file=str(tmp_path / "page"))
    done = subprocess.run([sys.executable, "-c", RUN, "pass", page], timeout=60, check=False)
    assert done.returncode == 0


def test_what_does_not_end_in_time_is_killed(children: Callable[..., Children], tmp_path: Path) -> None:
    one = children(python("a", IGNORES.format(file=str(tmp_path / "a"))))
    until(lambda: one.turn() and (tmp_path / "a").exists())
    pid = one.children[0].pid
    one.stop(within_s=0.5)
    assert not exists(pid)


def test_children_end_when_the_parent_is_killed(tmp_path: Path) -> None:
    """kill -9 of the parent leaves no orphan that judges unseen."""
    with subprocess.Popen([sys.executable, "-c", RUN, STAYS.format(signal=15, file=str(tmp_path / "up"))]) as parent:
        until((tmp_path / "up").exists)
        pids = [int(p) for p in Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()]
        parent.kill()
        parent.wait(30)
    assert pids
    until(lambda: not any(exists(pid) for pid in pids))


def test_the_wait_before_another_start_doubles_up_to_a_cap() -> None:
    child = Children([python("a", "raise SystemExit(3)")]).children[0]
    now_s, starts = 0.0, list[float]()
    while len(starts) < 9:
        before = child.pid
        child.turn(now_s)
        if child.pid and not before:
            starts.append(now_s)
        if child.pid:
            until(lambda: not child.alive)
        else:
            now_s += 0.25
    waits = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert waits == sorted(waits)
    assert waits[0] == pytest.approx(0.5, abs=0.3)
    assert waits[-1] == pytest.approx(30.0, abs=0.5)
