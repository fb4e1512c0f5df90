"""Dates (63-65): the engine's series and days are those of the reference, for any changes of the
value and of the zone; and each day happens once."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.reference.definitions import Definitions
from tests.reference.derivations import Derivations
from tests.reference.stories import START, Json
from tests.reference.test_agreement import agree, some
from triggerstream.core.derive.calendar import dates
from triggerstream.core.model import Series

HOUR = 3_600_000
ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Pacific/Apia",
]
VALUES = [
    "1990-02-28",
    "1988-02-29",
    "02-29",
    "12-31",
    "2026-01-03",
    "2024-10-31",
    "2026-03-29",
    START - 400 * 24 * HOUR,
    "2026-01-01T23:30:00Z",
    "never",
    None,
]

SPECS = st.fixed_dictionaries(
    {
        "every": st.sampled_from(["year", "month", "once"]),
        "at": st.sampled_from(["09:00", "00:00", "02:30", "23:59"]),
        "feb29": st.sampled_from(["feb28", "mar1"]),
        "shift": st.sampled_from([0, 0, -7, 3, -400]),
    }
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([1, HOUR, 9 * HOUR, 23 * HOUR, 24 * HOUR, 90 * 24 * HOUR, 400 * 24 * HOUR]),
        st.sampled_from([*VALUES, "same", "same", "same"]),
        st.sampled_from(ZONES),
    ),
    min_size=1,
    max_size=12,
)


@given(SPECS, STEPS)
def test_days_are_told_alike_and_once(said: Json, steps: list[tuple[int, Any, str]]) -> None:
    shift = said["shift"]
    spec: Json = {"date": "profile.day", **{key: said[key] for key in ("every", "at", "feb29")}}
    if shift:
        spec["before" if shift < 0 else "after"] = f"{abs(shift)}d"
    known = Derivations(Definitions([{"trigger": "t", "when": spec}], {}), {})
    (name,) = known.definitions.dates
    hours, minutes = map(int, said["at"].split(":"))
    series = Series(said["every"], shift, hours * 60 + minutes, said["feb29"])
    armed: dates.Date | None = None
    now, value, zone_name = START, None, "UTC"
    expected, found = list[tuple[int, Any]](), list[tuple[int, Any]]()

    for pause, next_value, next_zone in [*steps, (HOUR, "same", steps[-1][2])]:
        now += pause
        while name in known.armed and known.armed[name].due <= now:
            due = known.armed[name].due
            expected += [(due, derived.data) for derived in known.on_date(name, due)]
        while armed and armed.due <= now:
            due = armed.due
            told, armed = dates.happen("day", series, ZoneInfo(zone_name), armed, due)
            found.append((due, told))
        value = value if next_value == "same" else next_value
        zone_name = next_zone
        known.profile |= {"day": value, "timezone": zone_name}
        known.arm(now, None)
        armed = dates.arm(value, series, ZoneInfo(zone_name), now, armed)

    assert found == expected
    days = [told["date"] for _, told in found]
    assert len(set(days)) == len(days)


# ── through the engine ──────────────────────────────────────────────────────────────────────

DAY = 24 * HOUR
DOCUMENTS: list[Json] = [
    {"trigger": "d", "when": {"date": "profile.day"}},
    {"trigger": "m", "when": {"date": "profile.day", "every": "month", "at": "00:00"}},
    {"trigger": "o", "when": {"date": "profile.day", "every": "once", "before": "1d"}},
    {"trigger": "w", "when": {"sequence": [{"date": "profile.day"}, {"absent": "a", "for": "3h"}]}},
    {"trigger": "n", "when": {"count": {"date": "profile.day", "every": "month"}, "at_least": 2}},
    {"trigger": "f", "when": {"date": "profile.since", "every": "month", "at": "02:30"}},
    {"attribute": "since", "first": "at", "on": "a"},
    {"attribute": "newest", "last": "at", "on": "b"},
    {"trigger": "l", "when": {"date": "profile.newest", "every": "once", "after": "2d"}},
    {"attribute": "dates", "count": {"date": "profile.day", "every": "month", "at": "00:00"}},
    {"segment": "s", "is": {"profile.dates": {"greater_than": 0}}},
    {
        "trigger": "t",
        "when": {"event": "a"},
        "if": {"time_of_day": {"from": "09:00", "to": "17:00"}},
    },
    {"trigger": "u", "when": {"event": ["b", "c"]}, "if": {"day_of_week": {"in": ["thu", "sun"]}}},
]
PLACES: list[Json] = [
    {},
    {},
    {"timezone": "Asia/Tokyo"},
    {"timezone": "Pacific/Honolulu"},
    {"timezone": "Nowhere", "country": "FR"},
    {"country": "JP"},
    {"country": "US"},
]
IDENTIFIED: list[Json] = [
    {"day": "1990-01-03"},
    {"day": "01-02"},
    {"day": "2026-01-02"},
    {"day": "2024-02-29"},
    {"day": "2026-01-01T23:30:00Z"},
    {"day": START - 366 * DAY},
    {"day": None},
    {"day": "soon"},
    {"timezone": "Australia/Lord_Howe"},
    {"timezone": None},
    {"country": "NZ"},
    {"country": "IN"},
]


@st.composite
def journeys(draw: Any) -> list[Json]:
    """One customer, who travels, and whose date is corrected; some events come late."""
    now, made = START, list[Json]()
    pauses = [0, 1, HOUR, 3 * HOUR, 9 * HOUR - 1, 15 * HOUR, DAY, 3 * DAY, 20 * DAY]
    for number in range(draw(st.integers(2, 14))):
        now += draw(st.sampled_from(pauses))
        is_said = draw(st.sampled_from([False, True, False]))
        made.append(
            {
                "event_id": str(number),
                "customer_id": "c",
                "event_type": "identify" if is_said else draw(st.sampled_from("abc")),
                "timestamp": now - draw(st.sampled_from([0, 0, 0, 0, 9_000, HOUR, 2 * DAY])),
                "received_at": now,
                "event_data": draw(st.sampled_from(IDENTIFIED)) if is_said else {},
                "location_data": draw(st.sampled_from(PLACES)),
            }
        )
    return made


@pytest.mark.covers("I9")
@some(4)
@given(
    st.lists(st.sampled_from(DOCUMENTS), min_size=1, max_size=5, unique_by=str),
    journeys(),
    st.sampled_from([None, START + 40 * DAY, START + 400 * DAY]),
    st.sampled_from([{}, {"timezone": "Europe/Berlin"}]),
)
def test_dates_and_zones_decide_alike_through_the_engine(
    documents: list[Json], events: list[Json], until: int | None, policy: Json
) -> None:
    names = {each.get("attribute") for each in documents}
    for each in DOCUMENTS:
        if each.get("attribute") not in names and f"profile.{each.get('attribute')}" in str(
            documents
        ):
            documents = [*documents, each]
    agree(documents, events, until, policy)
