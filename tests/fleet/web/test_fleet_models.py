"""Models on the fleet's page: uploaded, given to stations, sent to chosen ones, stopped, cancelled."""

import hashlib
import io
import json
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from fleet.store.rollouts import Rollouts
from tests.fleet.web.shown import ShownFleet, serving

NOW_MS = time.time_ns() // 1_000_000


def bundle(**manifest: object) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        file.writestr("manifest.json", json.dumps({"name": "boards", "version": "2", **manifest}))
        file.writestr("model.onnx", bytes(1000))
    return made.getvalue()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> ShownFleet:
    """Five stations, of which one is not connected."""
    made = ShownFleet(Path(tmp_path_factory.mktemp("fleet")))
    for place, station in enumerate(made.stations):
        made.store(station, ("status", station.birth(NOW_MS, place != 0, why="" if place else "lost")))
    return made


@pytest.fixture(scope="module")
def client(fleet: ShownFleet) -> Iterator[httpx.Client]:
    with serving(fleet) as served, httpx.Client(base_url=served.url, timeout=60) as made:
        yield made


def rollouts(fleet: ShownFleet) -> Rollouts:
    return Rollouts(fleet.reader.database)


def begin(client: httpx.Client, file: int, *places: str, **more: str) -> httpx.Response:
    form = {"file": str(file), "first": "1", "most_failures": "0", **dict.fromkeys(places, "on"), **more}
    return client.post("/models/rollouts", data=form, headers={"accept-language": "en", "accept": "text/html"})


def test_an_uploaded_model_is_given_to_whoever_knows_its_token(fleet: ShownFleet, client: httpx.Client) -> None:
    body = bundle()
    answer = client.post("/api/v1/models", content=body)
    assert answer.status_code == 201, answer.text
    said = answer.json()
    assert (said["model"], said["bytes"], said["sha256"]) == ("boards-2", len(body), hashlib.sha256(body).hexdigest())
    token = rollouts(fleet).files()[0].token
    with serving(fleet, this_machine="none") as served, httpx.Client(base_url=served.url) as stranger:
        whole = stranger.get(f"/files/{token}/boards-2.okng")
        assert whole.content == body
        half = stranger.get(f"/files/{token}/boards-2.okng", headers={"range": "bytes=100-199"})
        assert (half.status_code, half.content) == (206, body[100:200])
        assert stranger.get(f"/files/{token}/other.okng").status_code == 404
        assert stranger.get(f"/files/{'x' * 43}/boards-2.okng").status_code == 404
        assert stranger.post("/api/v1/models", content=body).status_code == 401
        assert stranger.post("/models/rollouts", data={"file": "1"}).status_code == 401


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        (b"", 400, "the file is empty"),
        (b"no zip at all", 422, "it is no zip of a model"),
        (bundle(name="../x"), 422, "names no model: name is '../x'"),
        (b"PK\x05\x06" + bytes(18), 422, "there is no manifest.json in it"),
    ],
)
def test_what_is_no_model_is_refused(
    fleet: ShownFleet, client: httpx.Client, body: bytes, status: int, why: str
) -> None:
    answer = client.post("/api/v1/models", content=body)
    assert (answer.status_code, why in answer.json()["error"]) == (status, True), answer.text
    assert not list((fleet.data / "models").glob("*.part"))


def test_a_roll_out_is_begun_stopped_gone_on_with_and_cancelled(fleet: ShownFleet, client: httpx.Client) -> None:
    file = client.post("/api/v1/models", content=bundle(version="3")).json()["id"]
    answer = begin(client, file, "to:wuxi", "to:suzhou/smt1/aoi1", activate="on", recipe="board")
    assert answer.status_code == 303, answer.text
    address = answer.headers["location"]
    known = rollouts(fleet).every()[0]
    told = [str(target.address) for target in known.targets]
    assert set(told) == {"wuxi/smt1/aoi1", "wuxi/smt1/aoi2", "wuxi/smt2/aoi1", "suzhou/smt1/aoi1"}
    assert told[-1] == "wuxi/smt1/aoi1", "who is not connected is not among the first"
    assert (known.activate, known.recipe, known.first) == (True, "board", 1)
    for language, word in (("en", "not connected: asked when it is back"), ("zh", "未连接，恢复后下发")):
        page = client.get(address, headers={"accept-language": language}).text
        assert word in page
        assert re.search(
            r'href="/models/rollouts/\d+"', client.get("/models", headers={"accept-language": language}).text
        )
    assert "boards-3" in client.get("/models").text
    assert client.get(f"/live{address.removeprefix('/models')}").status_code == 200
    for act, phase in (("stop", "stopped"), ("go-on", "running"), ("cancel", "cancelled")):
        assert client.post(f"{address}/{act}").status_code == 303
        assert rollouts(fleet).every()[0].phase == phase
    again = client.post(f"{address}/cancel", headers={"accept": "text/html"})
    assert (again.status_code, "is cancelled; allowed: running or stopped" in again.text) == (409, True)
    acts = client.get("/setup/acts", headers={"accept-language": "en"}).text
    assert all(word in acts for word in ("Uploaded a model", "Began a roll-out", "Cancelled a roll-out"))


def test_what_is_wrong_with_a_roll_out_is_said(client: httpx.Client) -> None:
    file = client.post("/api/v1/models", content=bundle(version="4")).json()["id"]
    answer = begin(client, file, first="-1", most_failures="many")
    assert answer.status_code == 422
    assert all(word in answer.text for word in ("first: is", "most_failures: is", "stations: none is chosen"))
    assert begin(client, 10**6, "to:").status_code == 409
    assert begin(client, file, "to:nowhere").status_code == 422
    assert client.get("/models/rollouts/999").status_code == 404
