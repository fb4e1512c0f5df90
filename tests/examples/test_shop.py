"""The shop's events: as the converter makes them, sorted, with somebody to write to."""

from __future__ import annotations

import gzip
from pathlib import Path

import msgspec
import pytest

from examples.shop.convert import OUTPUT, convert
from triggerstream.core.events.decode import IDENTIFY, decode_event
from triggerstream.core.events.event import Event

ROOT = Path(__file__).parents[2]


def row(user: str, event: str, timestamp: str) -> dict[str, str]:
    return {
        "user_id": user,
        "session_id": "s1",
        "event": event,
        "timestamp": timestamp,
        "platform": "mobile",
        "acquisition_channel": "email",
        "user_cohort": "2024-01",
        "user_lifecycle": "new",
    }


@pytest.fixture(name="shipped", scope="module")
def _shipped() -> list[Event]:
    with gzip.open(OUTPUT, "rb") as lines:
        return [decode_event(line, fallback_id="", fallback_timestamp=-1) for line in lines]


def test_rows_are_sorted_by_time_and_keep_their_numbers() -> None:
    events = convert(
        [row("b", "home", "2024-01-01 00:00:02"), row("a", "cart", "2024-01-01 00:00:01")]
    )

    assert [event["event_id"] for event in events] == [
        "identify-a",
        "row-00002",
        "identify-b",
        "row-00001",
    ]
    assert events[1]["timestamp"] == "2024-01-01T00:00:01Z"


def test_a_customer_is_introduced_once_before_the_first_event() -> None:
    events = convert([row("a", "home", "2024-01-01 00:00:01")] * 2)

    assert [event["event_type"] for event in events] == ["identify", "home", "home"]
    assert events[0]["timestamp"] == events[1]["timestamp"]
    assert events[0]["event_data"]["email"] == "a@example.com"


def test_contact_data_depend_on_the_customer_alone() -> None:
    first, second = (
        convert([row("a", event, "2024-01-01 00:00:01")])[0] for event in ("home", "cart")
    )

    assert first == second


def test_the_shipped_events_are_all_of_the_data_set_in_order(shipped: list[Event]) -> None:
    told = [event for event in shipped if event.event_type != IDENTIFY]

    assert len(told) == 31_106
    assert len({event.event_id for event in shipped}) == len(shipped)
    assert [event.timestamp for event in shipped] == sorted(event.timestamp for event in shipped)


def test_most_customers_consent_and_some_do_not(shipped: list[Event]) -> None:
    consents = [
        msgspec.json.decode(event.raw)["event_data"]["email_consent"]
        for event in shipped
        if event.event_type == IDENTIFY
    ]

    assert len(consents) == 600
    assert 0.8 < sum(consents) / len(consents) < 0.9


@pytest.mark.parametrize("file", ["NOTICE", "examples/shop/README.md"])
def test_the_data_set_is_attributed_wherever_it_goes(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")

    assert "Retentioneering" in text
    assert "5.2.4" in text
    assert "Apache" in text
