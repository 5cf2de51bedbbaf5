"""Telegraf's configuration and Grafana's dashboard: what a query asks for is there, by Telegraf's own rules.

Neither is run here: see telegraf_rules.py. Grafana's side is held as far as it is data: each query's measurement,
fields and tags, and the dashboard's own references.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agent.store.values import StoredEvent
from tests.dashboards.real_payloads import CAMERA_GONE, ENCODER, EPOCH, NOW_US, messages, summary
from tests.dashboards.telegraf_rules import CONFIGURATION, Point, inputs, points
from tests.uplink.rig import PREFIX

DASHBOARD = json.loads((CONFIGURATION.parent / "grafana" / "okng.json").read_text())
TAGS = {"site": "plant", "line": "line1", "station": "station1"}
NOW_MS = NOW_US // 1000
BELOW = {"summary": "summary/top", "status": "status", "alarms": "alarms", "event": "event"}


def known() -> dict[str, list[Point]]:
    """Measurement -> points of real messages."""
    found: dict[str, list[Point]] = {}
    for kind, payloads in messages().items():
        for payload in payloads:
            (point,) = points(f"{PREFIX}/{BELOW[kind]}", json.dumps(payload).encode())
            found.setdefault(point.measurement, []).append(point)
    return found


def queries() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        yield from (target["query"] for target in panel["targets"])
    yield from (variable["query"] for variable in DASHBOARD["templating"]["list"])


def test_a_window_is_a_point_at_its_end() -> None:
    (point,) = points(f"{PREFIX}/summary/top", summary(ok=7, ng=2, unsure=1))
    assert point.measurement == "okng_summary"
    assert point.tags == {**TAGS, "lane": "top"}
    assert point.time_ms == NOW_MS + 60_000
    assert (point.fields["parts"], point.fields["ok"], point.fields["yield_pct"]) == (10.0, 7.0, 70.0)
    assert (point.fields["defect_pin_hole"], point.fields["models"]) == (2.0, "deeppcb-1")
    texts = {name for name, value in point.fields.items() if isinstance(value, str)}
    assert texts == {"models", "recipes"}
    assert all(type(value) is float for name, value in point.fields.items() if name not in texts)


def test_a_message_that_comes_again_is_the_same_point() -> None:
    """Time and tags are the same, so that InfluxDB writes it over itself."""
    first, again = (points(f"{PREFIX}/summary/top", summary(ok=3))[0] for _ in range(2))
    assert first == again


def test_a_last_will_does_not_take_the_births_place() -> None:
    """It is made beforehand and has the birth's ts: by that time it would be written over the birth."""
    born = ENCODER.status(True, NOW_MS, "0.1.0", "boot", "instance")
    will = ENCODER.status(False, NOW_MS, "0.1.0", "boot", "instance", "lost")
    assert json.loads(born)["ts"] == json.loads(will)["ts"]
    (alive,), (dead,) = points(f"{PREFIX}/status", born), points(f"{PREFIX}/status", will)
    assert (alive.time_ms, dead.time_ms) == (None, None)
    assert (alive.fields["online"], dead.fields["online"], dead.fields["why"]) == (1.0, 0.0, "lost")


def test_two_alarms_at_one_moment_are_two_points() -> None:
    made = [
        points(f"{PREFIX}/event", ENCODER.event(EPOCH, seq, StoredEvent(seq, NOW_US, name, detail))[1])[0]
        for seq, (name, detail) in enumerate(
            [("alarm", {"alarm": "camera_gone", "lane": lane}) for lane in ("top", "side")], 1
        )
    ]
    assert len({(point.time_ms, tuple(sorted(point.tags.items()))) for point in made}) == 2
    assert made[0].fields["detail_alarm"] == "camera_gone"


def test_no_input_reads_what_another_one_does() -> None:
    for kind, below in BELOW.items():
        assert len(points(f"{PREFIX}/{below}", json.dumps(messages()[kind][0]).encode())) == 1
    for below in ("ack", "cmd/pause", "cmd/pause/answer", "result/top"):
        assert points(f"{PREFIX}/{below}", b"{}") == []
    clients = [section["client_id"] for section in inputs() if section.get("persistent_session")]
    assert len(set(clients)) == len(clients) == 2


def test_the_word_on_alarms_has_no_count_while_the_station_is_away() -> None:
    (away,) = points(f"{PREFIX}/alarms", ENCODER.alarms(NOW_MS, None))
    (there,) = points(f"{PREFIX}/alarms", ENCODER.alarms(NOW_MS, [CAMERA_GONE]))
    assert (away.fields["up"], "standing" in away.fields) == (0.0, False)
    assert (there.fields["up"], there.fields["standing"], there.fields["names"]) == (1.0, 1.0, "camera_gone:top")


@pytest.mark.parametrize("query", sorted(set(queries())))
def test_a_query_asks_for_what_is_there(query: str) -> None:
    """Every name in double quotes that is not a column's own (AS), and every pattern of fields."""
    (measurement,) = re.findall(r'FROM "(\w+)"', query)
    found = known()[measurement]
    fields = {name for point in found for name in point.fields}
    tags = {name for point in found for name in point.tags}
    bare = re.sub(r'AS "[^"]*"|FROM "\w+"', "", query)
    named = set(re.findall(r'"(\w+)"', bare))
    if query.startswith("SHOW TAG VALUES"):
        assert named <= tags
        return
    assert named - tags <= fields, named - tags - fields
    grouped = set(re.findall(r'"(\w+)"', bare.partition("GROUP BY")[2]))
    assert grouped <= tags
    for pattern in re.findall(r"sum\(/(.*?)/\)", query):
        assert any(re.search(pattern, name) for name in fields)


def test_every_ratio_leaves_out_windows_that_would_divide_by_zero() -> None:
    """InfluxQL says 0 for a division by zero: a lane without parts would have a yield of 0 %."""
    ratios = [query for query in queries() if re.search(r"/ sum\(", query)]
    assert len(ratios) >= 7
    for query in ratios:
        assert re.search(r'"(parts|first_pass)" > 0', query), query


def test_the_dashboard_is_whole() -> None:
    panels: list[dict[str, Any]] = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    (asked,) = DASHBOARD["__inputs"]
    for part in [*panels, *DASHBOARD["templating"]["list"], *(t for p in panels for t in p["targets"])]:
        assert part["datasource"] == {"type": "influxdb", "uid": f"${{{asked['name']}}}"}
    variables = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\^\$(\w+)\$", "".join(queries())))
    assert used == variables == {"site", "line", "station"}
    taken: set[tuple[int, int]] = set()
    for place in (panel["gridPos"] for panel in panels):
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


def test_the_documents_configuration_is_this_one() -> None:
    """docs/mqtt.md shows the gist of it."""
    document = (Path(__file__).parents[2] / "docs" / "mqtt.md").read_text()
    (shown,) = re.findall(r"```toml\n(\[\[inputs\.mqtt_consumer\]\].*?)```", document, re.DOTALL)
    ours = CONFIGURATION.read_text()
    for line in (line.strip() for line in shown.splitlines() if "servers" not in line):
        assert line in ours, line
