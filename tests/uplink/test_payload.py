"""The messages: whatever a station measures becomes a flat, valid object; what is not one is refused."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agent.store.values import StoredEvent, StoredPart, Totals
from agent.uplink.flat import slug
from agent.uplink.payload import (
    COMMANDS,
    AckMessage,
    AnswerMessage,
    EventMessage,
    PayloadRefused,
    ResultMessage,
    StationEncoder,
    StatusMessage,
    SummaryMessage,
    decode,
    schemas,
)
from agent.uplink.schema import files
from pipelines.summary import Window, summarise
from pipelines.values import (
    Detection,
    Inspection,
    Origin,
    Outcome,
    Purpose,
    Quality,
    Reason,
    Record,
    Rule,
    Stages,
    Stamp,
    Verdict,
)

ENCODER = StationEncoder("plant", "line1", "station1")
EPOCH = "0123456789abcdef"
SCHEMAS = {name: Draft202012Validator(schema) for name, schema in schemas().items()}
ANY = st.floats()
LABELS = st.sampled_from(["open", "pin-hole", "Pin hole", "划痕", "", "a/b", "\udcff"]) | st.text(max_size=20)
MICROS = st.integers(-(10**9), 4 * 10**15)


@st.composite
def records(draw: st.DrawFn) -> Record:
    """Any record that the types allow, not only sensible ones."""
    label = draw(LABELS)
    outcome = draw(st.sampled_from(Outcome))
    rule = draw(st.sampled_from(Rule))
    detections = tuple(Detection(label, draw(st.floats(0, 1)), 0, 0, 1, 1) for _ in range(draw(st.integers(0, 3))))
    quality = draw(st.none() | st.builds(Quality, ANY, ANY, ANY, ANY, st.integers(0, 9)))
    reasons = () if outcome is Outcome.OK else (Reason(rule, label=label), Reason(rule, label=label))
    return Record(
        origin=Origin("top", label, label, "board", "a" * 64, label, "b" * 64, "CPU", "0"),
        run="r",
        sequence=1,
        missed=draw(st.integers(0, 5)),
        captured=Stamp(draw(MICROS), 0, "b"),
        decided_utc_us=draw(MICROS),
        inspection=Inspection(detections, quality, 1, 1, Stages(total_ms=draw(st.floats(allow_nan=False)))),
        verdict=Verdict(outcome, reasons),
        purpose=draw(st.sampled_from(Purpose)),
        attempt=draw(st.integers(1, 3)),
        part_id=label,
    )


def flat(payload: bytes) -> dict[str, Any]:
    """The object in a payload; nothing in it but numbers and texts."""
    found: dict[str, Any] = json.loads(payload)
    assert all(type(value) in (int, float, str) for value in found.values()), found
    return found


@settings(deadline=None)
@given(st.lists(records(), max_size=12), st.integers(1, 2**40))
def test_any_summary_is_flat_valid_and_adds_up(parts: list[Record], seq: int) -> None:
    summary = summarise("top", "cam", Window(0, 60_000_000, 1, len(parts)), parts)
    topic, payload = ENCODER.summary(EPOCH, seq, summary, Totals(summary.parts, summary.ok, summary.ng))
    assert topic == "summary/top"
    found = flat(payload)
    SCHEMAS["summary"].validate(found)
    read = decode(SummaryMessage, payload)
    assert (read.site, read.line, read.station, read.epoch, read.seq) == ("plant", "line1", "station1", EPOCH, seq)
    assert (read.parts, read.ok, read.ng, read.unsure) == (summary.parts, summary.ok, summary.ng, summary.unsure)
    assert read.latency_ms() == summary.latency_ms
    assert read.scores() == summary.scores
    assert sum(read.defects().values()) == sum(count for _, count in summary.defects)
    assert sum(read.missing().values()) == sum(count for _, count in summary.missing)
    assert read.unsure_reasons() == dict(summary.unsure_reasons)
    assert ("yield_pct" in found) == (summary.parts > 0)
    assert ENCODER.summary(EPOCH, seq, summary, Totals(summary.parts, summary.ok, summary.ng)) == (topic, payload)


@given(records(), st.integers(1, 10**9))
def test_any_result_is_flat_and_valid(record: Record, record_id: int) -> None:
    topic, payload = ENCODER.result(EPOCH, StoredPart(record_id, record, "judged", None))
    found = flat(payload)
    SCHEMAS["result"].validate(found)
    read = decode(ResultMessage, payload)
    assert (topic, read.record, read.outcome) == ("result/top", record_id, str(record.verdict.outcome))
    assert read.ok + read.ng + read.unsure == 1
    assert found[str(record.verdict.outcome).lower()] == 1


@given(MICROS, st.dictionaries(st.text(max_size=20), st.text(max_size=2000) | ANY | st.integers() | st.booleans()))
def test_any_event_is_flat_and_valid(utc_us: int, detail: dict[str, Any]) -> None:
    _, payload = ENCODER.event(EPOCH, 1, StoredEvent(7, utc_us, "camera_gone", detail))
    SCHEMAS["event"].validate(flat(payload))
    assert decode(EventMessage, payload).event_id == 7


def test_event_keeps_its_details() -> None:
    _, payload = ENCODER.event(EPOCH, 9, StoredEvent(7, 1_000, "disk_low", {"lane": "top", "free_mb": 12}))
    read = decode(EventMessage, payload)
    assert (read.name, read.lane, read.seq, read.detail()) == ("disk_low", "top", 9, {"lane": "top", "free_mb": 12})


@given(st.dictionaries(st.text(max_size=10), st.lists(st.text()) | st.none() | st.text() | ANY | st.integers()))
def test_any_answer_is_flat_and_valid(said: dict[str, Any]) -> None:
    payload = ENCODER.answer(1000, "id", "pause", "", {**said, "ok": True, "site": "elsewhere"})
    SCHEMAS["answer"].validate(flat(payload))
    read = decode(AnswerMessage, payload)
    assert (read.ok, read.site, read.command) == (1, "plant", "pause")


def test_status() -> None:
    payload = ENCODER.status(True, 1000, "0.1.0", "boot", "me")
    SCHEMAS["status"].validate(flat(payload))
    assert decode(StatusMessage, payload).online == 1


@given(st.text(max_size=30))
def test_slug_is_a_field_name(name: str) -> None:
    assert set(slug(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789_")
    assert slug(name)
    assert slug(slug(name)) == slug(name)


def test_slugs_of_other_scripts_stay_apart() -> None:
    assert slug("pin-hole") == slug("Pin Hole") == "pin_hole"
    assert len({slug(name) for name in ("划痕", "缺口", "ä", "ö", "a/b", "a|b", "")}) == 7


def good() -> dict[str, Any]:
    summary = summarise("top", "cam", Window(0, 60_000_000, 1, 0), [])
    found: dict[str, Any] = json.loads(ENCODER.summary(EPOCH, 1, summary, Totals())[1])
    return found


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"parts": 3}, "parts 3 is not ok 0 + ng 0 + unsure 0"),
        ({"ok": "0"}, "ok: "),
        ({"ok": True}, "ok: "),
        ({"epoch": "x"}, "epoch: "),
        ({"seq": 0}, "seq: "),
        ({"schema": "okng.summary/2"}, "schema: "),
        ({"defect_open": -1}, "defect_open must be"),
        ({"defect_open": 1.5}, "defect_open must be"),
        ({"missing_screw": -1}, "missing_screw must be"),
        ({"latency_le_50": 3}, "must rise"),
        ({"latency_le_50": None}, "latency_le_50 must be"),
        ({"latency_sum_ms": "many"}, "latency_sum_ms: "),
    ],
)
def test_bad_summary_is_refused_and_named(change: dict[str, Any], named: str) -> None:
    payload = json.dumps({**good(), **change}).encode()
    with pytest.raises(PayloadRefused, match=named.replace("+", r"\+")):
        decode(SummaryMessage, payload)


def test_missing_bucket_and_unknown_field() -> None:
    short = good()
    del short["score_le_50"]
    with pytest.raises(PayloadRefused, match="score_le_50"):
        decode(SummaryMessage, json.dumps(short).encode())
    newer = decode(SummaryMessage, json.dumps({**good(), "humidity_pct": 40.5, "latency_le_2000": 0}).encode())
    assert newer.parts == 0


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_in_words(payload: bytes) -> None:
    with pytest.raises(PayloadRefused):
        decode(AckMessage, payload)


@pytest.mark.parametrize("payload", [b"[" * 60_000, b'{"a":' * 9_000, b"1" * 60_000, b" " * 70_000, b"NaN"])
def test_hostile_payloads_are_refused(payload: bytes) -> None:
    with pytest.raises(PayloadRefused):
        decode(AckMessage, payload)


def test_ack_names_at_most_so_many() -> None:
    ack = {"epoch": EPOCH, "seq": 1, "missing": list(range(3, 1003))}
    assert len(decode(AckMessage, json.dumps(ack).encode()).missing) == 1000
    with pytest.raises(PayloadRefused, match="missing"):
        decode(AckMessage, json.dumps({**ack, "missing": list(range(3, 1004))}).encode())


def test_schemas_in_the_tree_are_those_of_the_code() -> None:
    """Made by `python -m agent.uplink.schema docs/schema`."""
    folder = Path(__file__).parents[2] / "docs" / "schema"
    assert {file.name: file.read_text() for file in folder.iterdir()} == files()
    for schema in schemas().values():
        Draft202012Validator.check_schema(schema)


def test_the_documents_examples_are_taken() -> None:
    """docs/mqtt.md is true: its payloads decode, its class name is what the code makes."""
    document = (Path(__file__).parents[2] / "docs" / "mqtt.md").read_text()
    ack, command = re.findall(r"```json\n(.*?)\n```", document, re.DOTALL)
    assert decode(AckMessage, ack.encode()).missing == (1043, 1044)
    assert decode(COMMANDS["pause"], command.encode()).id == "shift-2-0001"
    assert f"defect_{slug('划痕')}" in document
    assert set(re.findall(r"\(schema/(.*?)\)", document)) == set(files())
