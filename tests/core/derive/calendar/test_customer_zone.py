"""Which zone a customer is in: the first rule that names one, and what events say of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from triggerstream.core import zones
from triggerstream.core.derive.calendar.customer_zone import (
    NOTHING,
    Said,
    find_zone,
    hear,
    only_zone_of,
)
from triggerstream.core.events.decode import decode_event
from triggerstream.core.events.event import Event

UTC = zones.zone("UTC")


@pytest.mark.parametrize(
    ("profile", "said", "name", "rule"),
    [
        (
            {"timezone": "Asia/Tokyo", "country": "FR"},
            Said("Europe/Rome", "IN"),
            "Asia/Tokyo",
            "profile.timezone",
        ),
        (
            {"timezone": "Tokyo", "country": "FR"},
            Said("Europe/Rome", "IN"),
            "Europe/Rome",
            "newest timezone",
        ),
        (
            {"timezone": ["Asia/Tokyo"], "country": "FR"},
            Said(None, "IN"),
            "Europe/Paris",
            "profile.country",
        ),
        ({"country": "US"}, Said(None, "IN"), "Asia/Kolkata", "newest country"),
        ({"country": "US"}, Said(None, "AU"), "UTC", "policy.timezone"),
        ({}, NOTHING, "UTC", "policy.timezone"),
    ],
)
def test_the_first_that_names_a_zone_decides(
    profile: dict[str, Any], said: Said, name: str, rule: str
) -> None:
    assert UTC is not None

    found = find_zone(profile, said, UTC)

    assert (found.zone.key, found.rule) == (name, rule)


@pytest.mark.parametrize(
    ("country", "name"),
    [
        ("FR", "Europe/Paris"),
        ("fr", "Europe/Paris"),
        ("JP", "Asia/Tokyo"),
        ("SE", "Europe/Berlin"),  # the same clocks since 1970
        ("US", None),
        ("DE", None),  # Buesingen kept the time of Zurich, which differed in 1980
        *[(other, None) for other in ("", "France", "XX", "#", None, 33, ["FR"])],
    ],
)
def test_a_country_names_a_zone_where_it_has_only_one(country: Any, name: str | None) -> None:
    assert only_zone_of(country) == name


@pytest.mark.parametrize(
    ("location", "metadata", "said"),
    [
        (None, None, Said("Europe/Rome", "IT")),
        ({"timezone": "Asia/Tokyo"}, {"timezone": "Asia/Seoul"}, Said("Asia/Tokyo", "IT")),
        ({"country": "KR"}, {"timezone": "Asia/Seoul"}, Said("Asia/Seoul", "KR")),
        ({"timezone": "Tokyo", "country": 81}, {"timezone": ""}, Said("Europe/Rome", "IT")),
    ],
)
def test_an_event_says_what_is_newer_and_silence_says_nothing(
    location: dict[str, Any] | None, metadata: dict[str, Any] | None, said: Said
) -> None:
    event = Event("c1", "page_view", location_data=location, metadata=metadata)

    assert hear(Said("Europe/Rome", "IT"), event) == said


def test_a_segment_call_says_the_zone_in_its_context() -> None:
    call = {
        "type": "track",
        "event": "Viewed",
        "userId": "c1",
        "messageId": "m1",
        "timestamp": "2026-03-01T10:00:00Z",
        "context": {"timezone": "Asia/Tokyo", "location": {"country": "JP"}},
    }

    event = decode_event(msgspec.json.encode(call), fallback_id="x", fallback_timestamp=0)

    assert hear(NOTHING, event) == Said("Asia/Tokyo", "JP")
