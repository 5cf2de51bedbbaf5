"""Bytes in, a message or a cause out: nothing that anybody can send raises, nor stops a batch."""

import json
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.fleet.simulated import START_US, Simulated
from fleet.intake.read import MAX_DEPTH, depth_of, read
from fleet.intake.values import Cause, Heard, SetAside, Taken
from fleet.store.database import Database
from fleet.store.read import Reader
from fleet.store.values import EventQuery, Scope
from fleet.store.write import Writer
from tests.fleet.stored import NOW_US, TOPICS

STATION = Simulated("a")
SUMMARY = STATION.window(START_US)[1]
EVENT = STATION.event(START_US, "camera_gone", lane="top", tries=3)[1]
STATUS = STATION.birth(START_US // 1000)
PREFIX = STATION.prefix


def aside(topic: str, payload: bytes) -> tuple[str, str]:
    item = read(TOPICS, topic, payload)
    assert isinstance(item, SetAside), item
    assert item.payload == payload
    return item.cause, item.reason


def altered(payload: bytes, **fields: Any) -> bytes:
    return json.dumps({**json.loads(payload), **fields}).encode()


def test_what_a_station_says_is_taken() -> None:
    assert isinstance(read(TOPICS, f"{PREFIX}/summary/top", SUMMARY), Taken)
    assert isinstance(read(TOPICS, f"{PREFIX}/event", EVENT), Taken)
    heard = read(TOPICS, f"{PREFIX}/status", STATUS, retained=True)
    assert isinstance(heard, Heard)
    assert heard.retained


@pytest.mark.parametrize(
    ("topic", "payload", "cause", "named"),
    [
        ("okng/plant/line1/a/result/top", SUMMARY, "unknown_topic", "no topic that the centre reads"),
        ("okng/plant/line1/a/summary/top/x", SUMMARY, "unknown_topic", ""),
        ("other/plant/line1/a/event", EVENT, "unknown_topic", ""),
        ("okng/plant/Line1/a/event", EVENT, "unknown_topic", ""),
        (f"{PREFIX}/event", b'{"x":"' + b"a" * 65536 + b'"}', "too_large", "65544 bytes, allowed: at most 65536"),
        (f"{PREFIX}/event", b'{"x":"\xff"}', "not_utf8", "byte 6"),
        (f"{PREFIX}/event", b"[" * 60_000, "too_deep", "60000 levels deep, allowed: at most 4"),
        (f"{PREFIX}/event", b'{"a":' * 5 + b"1" + b"}" * 5, "too_deep", "5 levels"),
        (f"{PREFIX}/event", b"", "not_json", ""),
        (f"{PREFIX}/event", EVENT[:-1], "not_json", "EOF"),
        (f"{PREFIX}/event", EVENT + EVENT, "not_json", "trailing"),
        (f"{PREFIX}/event", b"[1]", "schema", ""),
        (f"{PREFIX}/event", SUMMARY, "schema", "schema"),
        (f"{PREFIX}/event", altered(EVENT, schema="okng.event/2"), "schema", "okng.event/2"),
        (f"{PREFIX}/event", altered(EVENT, seq="7"), "schema", "seq: Input should be a valid integer (got '7')"),
        (f"{PREFIX}/event", altered(EVENT, seq=True), "schema", "seq"),
        (f"{PREFIX}/event", altered(EVENT, ts=2**62), "schema", "ts is 4611686018427387904, allowed"),
        (f"{PREFIX}/event", altered(EVENT, name="a\x00b"), "schema", "no NUL"),
        (f"{PREFIX}/event", altered(EVENT, detail_x=[1]), "schema", "detail_x is [1], allowed: a number or a text"),
        (f"{PREFIX}/event", EVENT[:-1] + b',"detail_x":NaN}', "schema", "detail_x"),
        (f"{PREFIX}/event", altered(EVENT, station="b"), "identity", "payload is of plant/line1/b, the topic of plant"),
        (f"{PREFIX}/event", altered(EVENT, id="x"), "identity", "id is 'x'"),
        (f"{PREFIX}/status", altered(STATUS, site="x"), "identity", ""),
        (f"{PREFIX}/summary/side", SUMMARY, "identity", "lane 'top', the topic is summary/side"),
        (f"{PREFIX}/summary/top", altered(SUMMARY, parts=5), "schema", "parts 5 is not ok"),
        (f"{PREFIX}/summary/top", altered(SUMMARY, missed=2**62), "schema", "missed is 4611686018427387904, allowed"),
        (
            f"{PREFIX}/summary/top",
            altered(SUMMARY, brightness_sum=1e300),
            "schema",
            "brightness_sum is 1e+300",
        ),
        (f"{PREFIX}/summary/top", altered(SUMMARY, brightness_sum=-1.0), "schema", "at least 0"),
        (f"{PREFIX}/summary/top", altered(SUMMARY, defect_A=1), "schema", "a field is called 'defect_A'"),
        (f"{PREFIX}/summary/top", altered(SUMMARY, defect_x=2**50), "schema", "defect_x is 1125899906842624"),
        (f"{PREFIX}/summary/top", altered(SUMMARY, window_end=1), "schema", "at least window_start"),
    ],
)
def test_each_refusal_has_its_cause_and_names_it(topic: str, payload: bytes, cause: str, named: str) -> None:
    found, reason = aside(topic, payload)
    assert found == cause
    assert named in reason
    assert reason


def test_fields_that_are_not_known_yet_are_let_through() -> None:
    more = altered(EVENT, newer={"a": [1]}, also=None)
    assert isinstance(read(TOPICS, f"{PREFIX}/event", more), Taken)


TOPICS_TRIED = st.sampled_from([f"{PREFIX}/{b}" for b in ("summary/top", "event", "status", "ack")]) | st.text(
    max_size=60
)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)


@given(topic=TOPICS_TRIED, payload=st.binary(max_size=300))
def test_any_bytes(topic: str, payload: bytes) -> None:
    item = read(TOPICS, topic, payload)
    assert isinstance(item, SetAside)
    assert item.cause in get_args(Cause)


@given(topic=TOPICS_TRIED, said=ANY_JSON)
def test_any_json(topic: str, said: object) -> None:
    assert isinstance(read(TOPICS, topic, json.dumps(said).encode()), SetAside)


@given(cut=st.integers(0, len(SUMMARY)), put=st.binary(max_size=4), gone=st.integers(0, 4))
def test_a_summary_with_any_bytes_of_it_changed(cut: int, put: bytes, gone: int) -> None:
    payload = SUMMARY[:cut] + put + SUMMARY[cut + gone :]
    item = read(TOPICS, f"{PREFIX}/summary/top", payload)
    assert isinstance(item, SetAside | Taken)


@given(st.text(alphabet='{}[]"\\a', max_size=60))
def test_depth_of_what_is_json_is_never_guessed_too_low(text: str) -> None:
    def deep(value: object) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if inner is None else 1 + max(map(deep, inner), default=0)

    try:
        value = json.loads(text)
    except ValueError:
        return
    assert depth_of(text) == deep(value) or (deep(value) <= MAX_DEPTH and depth_of(text) == 1)


FIELDS = sorted({*json.loads(SUMMARY), *json.loads(EVENT), *json.loads(STATUS), "defect_x", "detail_y", "classes"})
VALUES = (
    st.integers(-1, 2**63 - 1)
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["\ud800", "x" * 5000, "a=b;pin_hole=pin-hole;;=", 2**63 - 1, 1e308, -0.0, 5e-324])
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(["summary/top", "event", "status"]), fields=st.dictionaries(st.sampled_from(FIELDS), VALUES)
)
def test_what_is_taken_can_be_stored_and_read(database: Database, kind: str, fields: dict[str, Any]) -> None:
    """Whatever passes the intake stops no batch, in neither database, and no page."""
    payload = {"summary/top": SUMMARY, "event": EVENT, "status": STATUS}[kind]
    said = {**json.loads(payload), **fields}
    said["id"] = f"{said.get('epoch')}-{said.get('seq')}"
    item = read(TOPICS, f"{PREFIX}/{kind}", json.dumps(said).encode())
    Writer(database).store([item], NOW_US)
    reader = Reader(database)
    reader.glances(NOW_US // 1000)
    reader.sums(Scope(), ("box", "lane", "hour", "models"))
    reader.pareto(Scope())
    reader.windows(Scope(), 10)
    reader.events(EventQuery(limit=10))
    reader.asides(limit=10)
    reader.alarms()
