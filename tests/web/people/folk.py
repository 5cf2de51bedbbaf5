"""People for the tests: a page that asks for a log-in, its first admin, and browsers of several persons."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.web.served import Served, serving

ADMIN, SECRET = "Anna Li", "copper rivers bend"
OTHER_SECRET = "seven quiet lamps"


def set_up_code(served: Served) -> str:
    """Out of the page's log, as a person would read it."""
    for line in served.process.said:
        if "set-up code" in line:
            return line.split()[-1]
    raise AssertionError("the page's log has no set-up code")


def client(served: Served) -> httpx.Client:
    """A browser that keeps no connection open, so that nobody has to close it."""
    return httpx.Client(base_url=served.url, timeout=60, headers={"accept": "text/html", "connection": "close"})


def make_admin(served: Served) -> httpx.Client:
    """The first admin, logged in."""
    browser = client(served)
    form = {"code": set_up_code(served), "name": ADMIN, "password": SECRET, "again": SECRET}
    answer = browser.post("/first", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/"), answer.text
    return browser


def log_in(served: Served, name: str, password: str) -> httpx.Client:
    browser = client(served)
    answer = browser.post("/login", data={"name": name, "password": password})
    assert answer.status_code == 303, answer.text
    return browser


def add(admin: httpx.Client, name: str, role: str) -> int:
    """A person with OTHER_SECRET as the first password; the id."""
    answer = admin.post("/api/v1/people", json={"name": name, "role": role, "password": OTHER_SECRET})
    assert answer.status_code == 200, answer.text
    number: int = answer.json()["id"]
    return number


def settled(served: Served, admin: httpx.Client, name: str, role: str, password: str) -> httpx.Client:
    """A new person, logged in with a password of the own."""
    add(admin, name, role)
    browser = log_in(served, name, OTHER_SECRET)
    form = {"now": OTHER_SECRET, "password": password, "again": password}
    answer = browser.post("/me/password", data=form)
    assert answer.status_code == 303, answer.text
    return browser


def acts(admin: httpx.Client, **asked: str) -> list[dict[str, object]]:
    answer = admin.get("/api/v1/acts", params=asked)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, object]] = answer.json()["acts"]
    return found


@contextmanager
def closed(folder: Path, **web: object) -> Iterator[Served]:
    """A page where nothing is to be had without logging in."""
    with serving(folder, **{"this_machine": "none", **web}) as served:
        yield served
