"""Conditions: paths, combinations, the calendar, and the account of what stood against one."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core import model, zones
from triggerstream.core.conditions.calendar import in_time_of_day
from triggerstream.core.conditions.compile import compile_if, compile_where, describe
from triggerstream.core.events.event import Event
from triggerstream.core.model import (
    AllOf,
    AnyOf,
    Condition,
    DateRange,
    DayOfWeek,
    Negation,
    Operator,
    TimeOfDay,
)
from triggerstream.core.timestamps import parse_moment, to_ms

NOON = parse_moment("2026-03-04T12:00:00Z")
"""A Wednesday."""

EVENT = Event(
    customer_id="c1",
    event_type="cart_added",
    event_id="e1",
    timestamp=NOON,
    source="web",
    event_data={"total": 99.9, "cart": {"lines": {"count": 3}, "list": [1]}, "note": None},
    device_info={"type": "mobile"},
)


def compare(path: str, operator: Operator, operand: Any) -> model.Test:
    return model.Test(path, operator, operand)


YES = compare("event_data.total", "greater_than", 50)
NO = compare("event_data.total", "less_than", 50)


@pytest.mark.covers("B2")
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("event_type", "cart_added"),
        ("event_id", "e1"),
        ("customer_id", "c1"),
        ("source", "web"),
        ("session_id", None),
        ("event_data.total", 99.9),
        ("event_data.cart.lines", {"count": 3}),
        ("event_data.cart.lines.count", 3),
        ("event_data.cart.lines.count.more", None),
        ("event_data.cart.list.0", None),
        ("event_data.missing", None),
        ("event_data.missing.more", None),
        ("event_data.total.more", None),
        ("event_data.note", None),
        ("event_data.note.more", None),
        ("device_info.type", "mobile"),
        ("location_data.country", None),
        ("location_data.a.b", None),
        ("metadata.a.b.c", None),
    ],
)
def test_a_path_walks_mappings_only(path: str, value: Any) -> None:
    condition = compare(path, "equals", value)

    assert compile_where(condition)(EVENT)
    assert compile_if(condition, "UTC")(EVENT, {}, NOON) is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("profile.name", "Ada"),
        ("profile.address.city", "Bonn"),
        ("profile.address.city.more", None),
        ("profile.missing", None),
    ],
)
def test_a_path_reads_the_profile(path: str, value: Any) -> None:
    profile = {"name": "Ada", "address": {"city": "Bonn"}}

    assert compile_if(compare(path, "equals", value), "UTC")(EVENT, profile, NOON) is None


@pytest.mark.covers("B13", "B14")
@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (AllOf((YES,)), True),
        (AllOf((YES, YES)), True),
        (AllOf((YES, NO)), False),
        (AllOf((YES, YES, YES)), True),
        (AllOf((YES, YES, NO)), False),
        (AnyOf((NO,)), False),
        (AnyOf((NO, YES)), True),
        (AnyOf((NO, NO)), False),
        (AnyOf((NO, NO, YES)), True),
        (Negation(YES), False),
        (Negation(NO), True),
        (Negation(Negation(YES)), True),
        (AllOf((AnyOf((NO, YES)), Negation(AllOf((YES, NO))))), True),
    ],
)
def test_combinations_follow_their_truth_tables(condition: Condition, holds: bool) -> None:
    assert compile_where(condition)(EVENT) is holds
    assert (compile_if(condition, "UTC")(EVENT, {}, NOON) is None) is holds


@pytest.mark.parametrize(
    ("condition", "account"),
    [
        (NO, "event_data.total less_than 50; found 99.9"),
        (
            compare("profile.email_consent", "equals", True),
            "profile.email_consent equals true; found nothing",
        ),
        (AllOf((YES, NO)), "event_data.total less_than 50; found 99.9"),
        (
            AnyOf((NO, compare("source", "equals", "app"))),
            (
                "any: none holds (event_data.total less_than 50; found 99.9 | "
                'source equals "app"; found "web")'
            ),
        ),
        (Negation(YES), "not(event_data.total greater_than 50); it holds"),
        (TimeOfDay(22 * 60, 8 * 60), "time_of_day 22:00 to 08:00 in customer; it is not"),
        (DayOfWeek((5, 6), "UTC"), "day_of_week sat, sun in UTC; it is not"),
        (DateRange("2026-12-01"), "date_range 2026-12-01 to ever in customer; it is not"),
        (DateRange("12-01", "01-06"), "date_range 12-01 to 01-06 in customer; it is not"),
    ],
)
def test_an_account_says_which_test_failed_and_on_what(condition: Condition, account: str) -> None:
    assert compile_if(condition, "UTC")(EVENT, {}, NOON) == account


def test_an_account_shows_no_more_than_80_characters_of_a_value() -> None:
    profile = {"note": "x" * 1000}
    account = compile_if(compare("profile.note", "exists", False), "UTC")(EVENT, profile, NOON)

    assert account is not None
    assert len(account.partition("found ")[2]) == 80


def test_where_refuses_the_calendar() -> None:
    with pytest.raises(TypeError, match="found DayOfWeek"):
        compile_where(DayOfWeek((0,)))


# ── the calendar ────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("B10")
@pytest.mark.parametrize(
    ("start", "end", "clock", "expected"),
    [
        ("09:00", "17:00", "09:00:00", True),
        ("09:00", "17:00", "08:59:59", False),
        ("09:00", "17:00", "16:59:59", True),
        ("09:00", "17:00", "17:00:00", False),
        ("22:00", "08:00", "22:00:00", True),
        ("22:00", "08:00", "21:59:59", False),
        ("22:00", "08:00", "00:00:00", True),
        ("22:00", "08:00", "07:59:59", True),
        ("22:00", "08:00", "08:00:00", False),
        ("00:00", "24:00", "23:59:59", True),
        ("18:00", "24:00", "23:59:59", True),
        ("18:00", "24:00", "00:00:00", False),
    ],
)
def test_time_of_day_is_half_open_and_may_wrap_midnight(
    start: str, end: str, clock: str, expected: bool
) -> None:
    minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (start, end)]
    check = compile_if(TimeOfDay(minutes[0], minutes[1], "UTC"), "UTC")

    assert (check(EVENT, {}, parse_moment(f"2026-03-04T{clock}Z")) is None) is expected


@pytest.mark.covers("B9")
@pytest.mark.parametrize(
    ("profile", "default", "hour"),
    [
        ({"timezone": "America/New_York"}, "Europe/Berlin", 7),
        ({}, "Europe/Berlin", 13),
        ({"timezone": "Mars/Olympus"}, "Europe/Berlin", 13),
        ({"timezone": "../../etc/passwd"}, "Europe/Berlin", 13),
        ({"timezone": "Europe"}, "Europe/Berlin", 13),
        ({"timezone": "localtime"}, "Europe/Berlin", 13),
        ({"timezone": ""}, "Europe/Berlin", 13),
        ({"timezone": "\0"}, "Europe/Berlin", 13),
        ({"timezone": 5}, "Europe/Berlin", 13),
        ({"timezone": ["UTC"]}, "Europe/Berlin", 13),
        ({"timezone": None}, "UTC", 12),
    ],
)
def test_the_customers_zone_is_the_profiles_or_else_the_default(
    profile: dict[str, Any], default: str, hour: int
) -> None:
    check = compile_if(TimeOfDay(hour * 60, hour * 60 + 1), default)

    assert check(EVENT, profile, NOON) is None


def test_a_fixed_zone_does_not_ask_the_profile() -> None:
    check = compile_if(TimeOfDay(21 * 60, 21 * 60 + 1, "Asia/Tokyo"), "UTC")

    assert check(EVENT, {"timezone": "America/New_York"}, NOON) is None


@pytest.mark.covers("B9")
def test_the_day_of_the_week_is_the_zones_own_on_both_sides_of_midnight() -> None:
    wednesday = compile_if(DayOfWeek((2,), "Asia/Tokyo"), "UTC")

    assert wednesday(EVENT, {}, parse_moment("2026-03-03T15:00:00Z")) is None
    assert wednesday(EVENT, {}, parse_moment("2026-03-03T14:59:59Z")) is not None
    assert wednesday(EVENT, {}, parse_moment("2026-03-04T14:59:59Z")) is None
    assert wednesday(EVENT, {}, parse_moment("2026-03-04T15:00:00Z")) is not None


@pytest.mark.covers("B22")
def test_a_date_range_includes_both_of_its_local_days() -> None:
    december = compile_if(DateRange("2026-12-01", "2026-12-24", "Europe/Berlin"), "UTC")

    assert december(EVENT, {}, parse_moment("2026-11-30T22:59:59Z")) is not None
    assert december(EVENT, {}, parse_moment("2026-11-30T23:00:00Z")) is None
    assert december(EVENT, {}, parse_moment("2026-12-24T22:59:59Z")) is None
    assert december(EVENT, {}, parse_moment("2026-12-24T23:00:00Z")) is not None


def test_an_open_date_range_has_one_end() -> None:
    assert compile_if(DateRange(last="2026-03-04"), "UTC")(EVENT, {}, NOON) is None
    assert compile_if(DateRange(first="2026-03-05"), "UTC")(EVENT, {}, NOON) is not None


EVERY_YEAR = [
    # A range that wraps: both days are inside, in Berlin's winter time.
    ("12-01", "01-06", "Europe/Berlin", "2026-11-30T22:59:59.999Z", False),
    ("12-01", "01-06", "Europe/Berlin", "2026-11-30T23:00:00Z", True),
    ("12-01", "01-06", "Europe/Berlin", "2026-12-31T23:00:00Z", True),
    ("12-01", "01-06", "Europe/Berlin", "2027-01-06T22:59:59.999Z", True),
    ("12-01", "01-06", "Europe/Berlin", "2027-01-06T23:00:00Z", False),
    ("12-01", "01-06", "Europe/Berlin", "2031-12-24T12:00:00Z", True),
    # One that does not.
    ("06-01", "08-31", "UTC", "2026-05-31T23:59:59.999Z", False),
    ("06-01", "08-31", "UTC", "2026-06-01T00:00:00Z", True),
    ("06-01", "08-31", "UTC", "1999-08-31T23:59:59.999Z", True),
    ("06-01", "08-31", "UTC", "1999-09-01T00:00:00Z", False),
    # 29 February: in other years it lies between the 28th and March.
    ("02-20", "02-29", "UTC", "2027-02-28T23:59:59.999Z", True),
    ("02-20", "02-29", "UTC", "2027-03-01T00:00:00Z", False),
    ("02-20", "02-29", "UTC", "2028-02-29T23:59:59.999Z", True),
    ("02-20", "02-29", "UTC", "2028-03-01T00:00:00Z", False),
    ("02-29", "03-05", "UTC", "2027-02-28T23:59:59.999Z", False),
    ("02-29", "03-05", "UTC", "2027-03-01T00:00:00Z", True),
    ("02-29", "03-05", "UTC", "2028-02-29T00:00:00Z", True),
    ("02-29", "02-29", "UTC", "2028-02-29T12:00:00Z", True),
    ("02-29", "02-29", "UTC", "2027-02-28T12:00:00Z", False),
    ("02-29", "02-29", "UTC", "2027-03-01T12:00:00Z", False),
    ("03-01", "02-29", "UTC", "2027-03-01T00:00:00Z", True),
    # The whole year, either way.
    ("01-01", "12-31", "UTC", "2026-12-31T23:59:59.999Z", True),
    ("03-02", "03-01", "UTC", "2026-03-01T23:59:59.999Z", True),
    # Days of 23 and 25 hours, of half an hour more, one without a midnight, and one that is none.
    ("03-08", "03-08", "America/New_York", "2026-03-08T04:59:59.999Z", False),
    ("03-08", "03-08", "America/New_York", "2026-03-08T05:00:00Z", True),
    ("03-08", "03-08", "America/New_York", "2026-03-09T03:59:59.999Z", True),
    ("03-08", "03-08", "America/New_York", "2026-03-09T04:00:00Z", False),
    ("04-05", "04-05", "Australia/Lord_Howe", "2026-04-04T12:59:59.999Z", False),
    ("04-05", "04-05", "Australia/Lord_Howe", "2026-04-04T13:00:00Z", True),
    ("04-05", "04-05", "Australia/Lord_Howe", "2026-04-05T13:29:59.999Z", True),
    ("04-05", "04-05", "Australia/Lord_Howe", "2026-04-05T13:30:00Z", False),
    ("09-06", "09-06", "America/Santiago", "2026-09-06T03:59:59.999Z", False),
    ("09-06", "09-06", "America/Santiago", "2026-09-06T04:00:00Z", True),
    ("09-06", "09-06", "America/Santiago", "2026-09-07T02:59:59.999Z", True),
    ("09-06", "09-06", "America/Santiago", "2026-09-07T03:00:00Z", False),
    ("12-30", "12-30", "Pacific/Apia", "2011-12-30T09:59:59.999Z", False),
    ("12-30", "12-30", "Pacific/Apia", "2011-12-30T10:00:00Z", False),
    ("12-31", "12-31", "Pacific/Apia", "2011-12-30T10:00:00Z", True),
    ("12-29", "12-29", "Pacific/Apia", "2011-12-30T09:59:59.999Z", True),
]


@pytest.mark.covers("B22")
@pytest.mark.parametrize(("first", "last", "zone", "at", "expected"), EVERY_YEAR)
def test_a_range_of_every_year_has_both_of_its_local_days(
    first: str, last: str, zone: str, at: str, *, expected: bool
) -> None:
    check = compile_if(DateRange(first, last, zone), "UTC")

    assert (check(EVENT, {}, parse_moment(at)) is None) is expected
    customers = compile_if(DateRange(first, last), "UTC")
    assert (customers(EVENT, {"timezone": zone}, parse_moment(at)) is None) is expected


CIRCLE = [f"{date(2024, 1, 1) + timedelta(days=number):%m-%d}" for number in range(366)]
"""The days that a year may have, in order."""


@given(st.dates(date(1990, 1, 1), date(2090, 12, 31)), st.integers(0, 365), st.integers(1, 366))
def test_a_range_of_every_year_is_as_its_days_counted_one_by_one(
    today: date, first: int, number: int
) -> None:
    days = [CIRCLE[(first + each) % 366] for each in range(number)]
    said = DateRange(days[0], days[-1], "UTC")

    holds = compile_if(said, "UTC")(EVENT, {}, parse_moment(f"{today}T12:00:00Z")) is None

    assert holds is (f"{today:%m-%d}" in days)


BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.covers("B10")
@pytest.mark.parametrize(
    ("start", "end", "at", "expected"),
    [
        # 29 March 2026: 02:00 to 03:00 does not exist, 01:00Z is 03:00.
        pytest.param(150, 240, "2026-03-29T00:59:59Z", False, id="before a start in the gap"),
        pytest.param(150, 240, "2026-03-29T01:00:00Z", True, id="a start in the gap is its end"),
        pytest.param(60, 150, "2026-03-29T00:59:59Z", True, id="before an end in the gap"),
        pytest.param(60, 150, "2026-03-29T01:00:00Z", False, id="an end in the gap is its end"),
        # 25 October 2026: 02:00 to 03:00 exists twice, from 00:00Z and from 01:00Z.
        pytest.param(150, 240, "2026-10-25T00:29:59Z", False, id="before a start, first pass"),
        pytest.param(150, 240, "2026-10-25T00:30:00Z", True, id="a start is in the first pass"),
        pytest.param(150, 240, "2026-10-25T01:00:00Z", True, id="02:00 of the second pass"),
        pytest.param(60, 150, "2026-10-25T00:29:59Z", True, id="before an end, first pass"),
        pytest.param(60, 150, "2026-10-25T00:30:00Z", False, id="an end is in the first pass"),
        pytest.param(60, 150, "2026-10-25T01:00:00Z", False, id="nor does the second pass reopen"),
        pytest.param(1320, 150, "2026-10-25T00:29:59Z", True, id="wrapped, before the end"),
        pytest.param(1320, 150, "2026-10-25T01:10:00Z", False, id="wrapped, second pass"),
        pytest.param(1320, 180, "2026-10-25T01:59:59Z", True, id="wrapped, the whole overlap"),
    ],
)
def test_the_ends_of_a_time_of_day_on_the_days_when_clocks_change(
    start: int, end: int, at: str, expected: bool
) -> None:
    assert in_time_of_day(parse_moment(at), start, end, BERLIN) is expected


CHANGING = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Asia/Tokyo",
]


@given(
    st.sampled_from(CHANGING),
    st.integers(to_ms(datetime(2011, 1, 1, tzinfo=UTC)), to_ms(datetime(2012, 12, 31, tzinfo=UTC))),
    st.integers(0, 1439),
    st.integers(0, 1440),
)
def test_time_of_day_agrees_with_its_definition_by_instants(
    name: str, at: int, start: int, end: int
) -> None:
    """Inside is: some local day's start has been reached and its end has not."""
    zone = zones.zone(name)
    assert zone is not None
    length = end - start if start < end else end - start + 1440
    today = zones.local_time(at, zone).replace(tzinfo=None, fold=0, hour=0, minute=0, second=0)
    expected = False
    for day in (today - timedelta(days=1), today):
        opens = day + timedelta(minutes=start)
        closes = opens + timedelta(minutes=length)
        expected |= zones.instant(opens, zone) <= at < zones.instant(closes, zone)

    assert in_time_of_day(at, start, end, zone) is expected


PATHS = st.sampled_from(
    ["event_data.a", "event_data.a.b", "event_data.a.b.c", "source", "metadata.x", "profile.a.b"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["a", "1", "\ud800"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=5,
)
LEAVES: st.SearchStrategy[Condition] = st.one_of(
    st.builds(model.Test, PATHS, st.sampled_from(["equals", "not_equals"]), JSON),
    st.builds(
        model.Test, PATHS, st.sampled_from(["greater_than", "less_than"]), st.integers(-9, 9)
    ),
    st.builds(model.Test, PATHS, st.just("contains"), st.sampled_from(["a", 1, True])),
    st.builds(TimeOfDay, st.integers(0, 1439), st.integers(0, 1440)),
    st.builds(DayOfWeek, st.tuples(st.integers(0, 6))),
    st.builds(DateRange, st.sampled_from([None, "2026-01-01"]), st.just("2027-01-01")),
    st.builds(DateRange, st.sampled_from(["12-01", "02-29"]), st.just("03-01")),
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(Negation, inner),
    ),
    max_leaves=5,
)
MAPPINGS = st.none() | st.dictionaries(st.sampled_from(["a", "x", "timezone"]), JSON, max_size=3)


@given(
    CONDITIONS,
    MAPPINGS,
    MAPPINGS,
    st.sampled_from([-(10**20), 0, NOON, 253_402_300_800_000, 10**20]),
)
def test_a_condition_never_raises_and_its_negation_is_its_opposite(
    condition: Condition,
    data: dict[str, Any] | None,
    profile: dict[str, Any] | None,
    at: int,
) -> None:
    event = Event("c", "t", "e", 0, event_data=data)

    against = compile_if(condition, "Europe/Berlin")(event, profile or {}, at)

    assert against is None or against
    negated = compile_if(Negation(condition), "Europe/Berlin")(event, profile or {}, at)
    assert (negated is None) is not (against is None)
    assert describe(condition)
