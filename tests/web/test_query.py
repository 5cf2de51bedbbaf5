"""Searches: whatever is asked, a query or a refusal in words."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.store.values import PartQuery
from agent.web.query import FIELDS, QueryRefused, address, read_query
from pipelines.values import Outcome

ZONE = ZoneInfo("Asia/Shanghai")


@given(st.dictionaries(st.sampled_from((*FIELDS, "other")), st.text(max_size=200)))
def test_anything_asked_gives_a_query_or_a_refusal(asked: dict[str, str]) -> None:
    try:
        query = read_query(asked, ZONE)
    except QueryRefused:
        return
    assert 1 <= query.limit <= 200


def test_every_problem_is_named_at_once() -> None:
    asked = {
        "outcome": "BAD",
        "purpose": "fun",
        "since": "yesterday",
        "before_id": "-1",
        "limit": "9999",
        "colour": "red",
    }
    with pytest.raises(QueryRefused) as refused:
        read_query(asked, ZONE)
    assert {p.where for p in refused.value.problems} == set(asked)


def test_times_without_a_zone_are_the_plants() -> None:
    assert read_query({"since": "2026-01-01T00:00"}, ZONE).since_utc_us == 1_767_196_800_000_000
    assert read_query({"since": "2026-01-01T00:00:00Z"}, ZONE).since_utc_us == 1_767_225_600_000_000


def test_everything_can_be_asked() -> None:
    asked = {"lane": "top", "outcome": "NG", "label": "spur", "part_id": "A 1", "before_id": "7", "limit": "20"}
    asked |= {"recipe": "board", "model": "boards-2", "overridden": "1"}
    assert read_query(asked, ZONE) == PartQuery(
        lane="top",
        outcome=Outcome.NG,
        label="spur",
        part_id="A 1",
        before_id=7,
        limit=20,
        recipe="board",
        model="boards-2",
        overridden=True,
        told=True,
    )
    assert address("/parts", asked, 3) == (
        "/parts?lane=top&outcome=NG&label=spur&part_id=A+1&recipe=board&model=boards-2&overridden=1&before_id=3&limit=20"
    )
    assert address("/parts", asked, overridden="", lane="", label="", range="hour") == (
        "/parts?outcome=NG&part_id=A+1&recipe=board&model=boards-2&limit=20&range=hour"
    )
    assert address("/parts", {}, None) == "/parts"
