"""The page beside the real station: what it judges is shown, what is pushed is judged and answered."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cv2
import httpx

from tests.station.rig import PUSH, Rig, running, virtual, wait_for
from tests.web.fake_station import grey_board
from tests.web.served import serving

CANNED_NG = 'canned = [["spur", 0.9, 10, 10, 30, 30]]\n'


@contextmanager
def turning(rig: Rig) -> Iterator[None]:
    """The station's main loop on a thread of its own."""
    stop = threading.Event()

    def loop() -> None:
        while not stop.wait(0.2):
            rig.turn()

    thread = threading.Thread(target=loop)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def events(url: str, name: str, many: int) -> list[dict[str, object]]:
    """The next messages of one kind."""
    found: list[dict[str, object]] = []
    end = time.monotonic() + 60
    with httpx.stream("GET", f"{url}/events", timeout=20) as stream:
        current = ""
        for line in stream.iter_lines():
            assert time.monotonic() < end
            if line.startswith("event: "):
                current = line.removeprefix("event: ")
            elif line.startswith("data: ") and current == name:
                found.append(json.loads(line.removeprefix("data: ")))
                if len(found) == many:
                    break
    return found


def test_live_parts_are_committed_parts(tmp_path: Path) -> None:
    """What is shown is read from what is durably committed."""
    with (
        running(tmp_path, virtual(rate_hz=20), CANNED_NG) as rig,
        turning(rig),
        serving(tmp_path, data=rig.data, runtime=rig.runtime) as served,
    ):
        parts = events(served.url, "part", 5)
        assert {part["word"] for part in parts} == {"NG"}
        for part in parts:
            stored = rig.reader.part(int(str(part["id"])))
            assert stored is not None
            assert stored.state == "judged"
        newest = parts[-1]
        assert httpx.get(served.url + str(newest["picture"])).headers["content-type"] == "image/jpeg"
        assert "spur" in str(newest["overlay"]).lower()


def test_a_pushed_picture_is_judged_by_the_station(tmp_path: Path) -> None:
    with (
        running(tmp_path, PUSH, CANNED_NG) as rig,
        turning(rig),
        serving(tmp_path, data=rig.data, runtime=rig.runtime, lanes=("desk",)) as served,
    ):
        wait_for(lambda: rig.station.lanes["desk"].job is not None)
        body = cv2.imencode(".png", grey_board(320, 240))[1].tobytes()
        answer = httpx.post(f"{served.url}/api/v1/judge?lane=desk&part_id=A1", content=body, timeout=60)
        assert answer.status_code == 200, answer.text
        found = answer.json()
        assert (found["outcome"], found["part_id"], found["purpose"]) == ("NG", "A1", "api")
        assert (found["width_px"], found["height_px"]) == (320, 240)
        assert httpx.get(f"{served.url}/api/v1/inspections/{found['id']}").json()["id"] == found["id"]
        refused = httpx.post(f"{served.url}/api/v1/judge?lane=top", content=body, timeout=60)
        assert (refused.status_code, "desk" in refused.json()["error"]) == (409, True)
