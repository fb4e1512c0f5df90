"""`admit`: what of an event's bytes changes at a door, and what never does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from triggerstream.core.events.decode import MAX_BYTES, decode_event
from triggerstream.core.events.event import Event
from triggerstream.core.model import SchemaRules, TypeRule
from triggerstream.core.records.record import Rejected
from triggerstream.core.schemas.admit import CHECKED, admit
from triggerstream.core.schemas.schemas import Schemas

RULES = Schemas(
    SchemaRules(
        unknown="flag",
        types={"bought": TypeRule(on_invalid="flag"), "paid": TypeRule(sources=("server",))},
        aliases={"order": "bought"},
        schemas={"bought": {"required": ["id"]}},
    ),
    ("seen",),
)


def event(value: bytes) -> Event:
    return decode_event(value, fallback_id="-", fallback_timestamp=0)


def body(more: bytes = b"", event_type: bytes = b"seen") -> bytes:
    return b'{ "customer_id":"c1", "event_type":"%b"%b }' % (event_type, more)


def admitted(value: bytes) -> Any:
    return json.loads(admit(event(value), RULES))


def test_where_nothing_is_asked_an_event_comes_in_as_it_is() -> None:
    value = body(b', "metadata":{"ts_flags":["x"]}')

    assert admit(event(value), None) == value


def test_what_is_as_it_should_be_stays_byte_for_byte() -> None:
    value = body(b', "event_data":{"n": 1.0e2}, "metadata":{"a": 1}, "mine": [ 1 ]')

    assert admit(event(value), RULES) == value


def test_an_alias_is_replaced_and_all_else_stays() -> None:
    value = body(b', "event_data":{"id": 1.0e2}, "metadata":{ "a":1}, "mine":[ 1 ]', b"order")

    assert admit(event(value), RULES) == (
        b'{"customer_id":"c1","event_type":"bought","event_data":{"id": 1.0e2},'
        b'"metadata":{ "a":1},"mine":[ 1 ]}'
    )


@pytest.mark.covers("A13")
@pytest.mark.parametrize("metadata", [b"", b', "metadata":null', b', "metadata":{}'])
def test_a_flag_stands_in_the_metadata(metadata: bytes) -> None:
    assert admitted(body(metadata, b"bought")) == {
        "customer_id": "c1",
        "event_type": "bought",
        "metadata": {"ts_flags": ["schema"]},
    }


def test_what_else_the_metadata_say_stays_byte_for_byte() -> None:
    value = body(b', "metadata":{"n":123456789012345678901234, "ts_flags":[], "b":[ ]}', b"odd")

    assert admit(event(value), RULES) == (
        b'{"customer_id":"c1","event_type":"odd",'
        b'"metadata":{"n":123456789012345678901234,"b":[ ],"ts_flags":["unknown_type"]}}'
    )


def test_a_flag_that_a_producer_has_set_is_taken_out() -> None:
    assert admitted(body(b', "metadata":{"ts_flags":["schema"],"a":1}'))["metadata"] == {"a": 1}


def test_an_alias_and_a_flag_come_together() -> None:
    found = admitted(body(b"", b"order"))

    assert (found["event_type"], found["metadata"]) == ("bought", {"ts_flags": ["schema"]})


def test_who_reads_it_behind_the_door_finds_what_the_door_found() -> None:
    found = event(admit(event(body(b"", b"order")), RULES))

    assert (found.event_type, found.metadata) == ("bought", {"ts_flags": ["schema"]})


@pytest.mark.parametrize(
    ("event_type", "source", "labels"),
    [
        (b"order", b"web", [("other", "bought", "schema")]),
        (b"odd", b"server", [("server", "other", "unknown_type")]),
        (b"seen", b"web", []),
    ],
)
def test_what_is_flagged_is_told_by_source_and_type(
    event_type: bytes, source: bytes, labels: list[tuple[str, str, str]]
) -> None:
    told: list[tuple[str, str, str]] = []

    value = body(b', "source":"%b"' % source, event_type)
    admit(event(value), RULES, lambda *why: told.append(why))

    assert told == labels


def test_what_is_rejected_is_told_too() -> None:
    told: list[tuple[str, str, str]] = []

    with pytest.raises(Rejected, match="forbidden_source"):
        admit(event(body(b', "source":"web"', b"paid")), RULES, lambda *why: told.append(why))

    assert told == [("other", "paid", "forbidden_source")]
    assert {reason for *_, reason in told} <= set(CHECKED)


@pytest.mark.parametrize("more", [0, 1])
def test_with_its_flags_it_is_no_longer_than_its_owner_reads(more: int) -> None:
    flagged = len(admit(event(body(b', "mine":""', b"odd")), RULES))
    value = body(b', "mine":"' + b"x" * (MAX_BYTES - flagged + more) + b'"', b"odd")

    if more:
        with pytest.raises(Rejected, match=f"too_large: at most {MAX_BYTES} bytes with its type"):
            admit(event(value), RULES)
    else:
        assert len(admit(event(value), RULES)) == MAX_BYTES
