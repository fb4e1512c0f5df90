"""Dates: what a value says, which day is next, travellers, and days that the clocks do not have."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core import zones
from triggerstream.core.derive.calendar.dates import MOST_BYTES, NONE, Date, arm, happen
from triggerstream.core.derive.calendar.series import day_of, read_base
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.model import Every, Feb29, Series
from triggerstream.core.timestamps import format_moment, parse_moment

BIRTHDAY = Series()
MONTHLY = Series("month")
ONCE = Series("once")


def zone(name: str) -> ZoneInfo:
    found = zones.zone(name)
    assert found is not None
    return found


UTC, BERLIN, AUCKLAND, HONOLULU = map(
    zone, ("UTC", "Europe/Berlin", "Pacific/Auckland", "Pacific/Honolulu")
)


def armed(value: Any, series: Series, tau: str, place: ZoneInfo = UTC) -> Date:
    found = arm(value, series, place, parse_moment(tau), None)
    assert found is not None
    return found


def opened(value: Any, series: Series, tau: str, place: ZoneInfo = UTC) -> tuple[str, str]:
    """Return the open day, and when it is due."""
    found = armed(value, series, tau, place)
    return day_of(found.day).isoformat(), format_moment(found.due)


def next_days(value: Any, series: Series, tau: str, number: int) -> list[str]:
    found, days = armed(value, series, tau), []
    for _ in range(number):
        told, found = happen("x", series, UTC, found, found.due)
        days.append(told["date"])
    return days


# ── values ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("1990-02-28", 19900228),
        ("02-28", 228),
        ("02-29", 229),
        ("2000-02-29", 20000229),
        ("0001-01-01", 10101),
        ("9999-12-31", 99991231),
        ("2026-03-01T23:30:00Z", 20260302),
        ("2026-03-01T23:30:00+01:00", 20260301),
        (1_772_407_800_000, 20260302),
        (-631_152_000_000, 19500101),
        (-1, 19700101),
    ],
)
def test_a_date_is_a_day_or_a_moment_in_the_zone_of_the_customer(value: Any, day: int) -> None:
    base = read_base(value, BIRTHDAY, BERLIN)

    assert base is not None
    assert base.day == day
    assert (base.moment is None) == (type(value) is str and "T" not in value)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 1.0, "", "1990", "28.02.1990", "1990-2-28", "19900228", "1990-W01-1"),
        *("1990-02-30", "02-30", "1990-13-01", "2026-02-29", "0000-01-01", "1990-02-28 ", "٠٢-٢٨"),
        *("2026-03-01T10:00:00", 1_700_000_000, 10**30, -(10**30), 253_402_300_799_999, [], {}),
    ],
)
def test_what_is_no_date_arms_nothing_and_is_removed(value: Any) -> None:
    before = armed("1990-02-28", BIRTHDAY, "2026-01-01T00:00:00Z")

    assert arm(value, BIRTHDAY, BERLIN, 0, None) is None
    assert arm(value, BIRTHDAY, BERLIN, 0, before) is None


def test_a_day_without_a_year_is_none_of_those_that_come_once() -> None:
    assert read_base("02-28", ONCE, UTC) is None
    assert read_base("02-28", MONTHLY, UTC) is not None


# ── series ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("tau", "day"),
    [
        ("2026-06-05T08:59:59.999Z", "2026-06-05"),
        ("2026-06-05T09:00:00.000Z", "2027-06-05"),
        ("1990-06-05T00:00:00Z", "1991-06-05"),
        ("1985-01-01T00:00:00Z", "1991-06-05"),
    ],
)
def test_a_year_comes_round_after_now_and_after_the_year_it_began_in(tau: str, day: str) -> None:
    assert opened("1990-06-05", BIRTHDAY, tau) == (day, f"{day}T09:00:00.000Z")


@pytest.mark.covers("I9")
@pytest.mark.parametrize(
    ("feb29", "days"),
    [
        ("feb28", ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        ("mar1", ["2025-03-01", "2026-03-01", "2027-03-01", "2028-02-29"]),
    ],
)
@pytest.mark.parametrize("value", ["2000-02-29", "02-29"])
def test_29_february_is_what_the_author_says_in_other_years(
    value: str, feb29: Feb29, days: list[str]
) -> None:
    assert next_days(value, Series(feb29=feb29), "2025-01-01T00:00:00Z", 4) == days


def test_1900_and_2100_have_no_29_february() -> None:
    assert next_days("1896-02-29", BIRTHDAY, "2099-06-01T00:00:00Z", 1) == ["2100-02-28"]


def test_a_month_that_is_too_short_has_its_last_day() -> None:
    days = next_days("2026-01-31", MONTHLY, "2026-01-31T08:00:00Z", 5)

    assert days == ["2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]
    assert next_days("2023-12-29", MONTHLY, "2024-02-01T00:00:00Z", 1) == ["2024-02-29"]
    assert next_days("02-29", Series("month", feb29="mar1"), "2026-02-01T00:00:00Z", 1) == [
        "2026-02-28"
    ]


def test_a_month_begins_with_the_day_it_follows_from() -> None:
    assert next_days("2026-03-15", MONTHLY, "2026-01-01T00:00:00Z", 2) == [
        "2026-03-15",
        "2026-04-15",
    ]


def test_once_is_one_day_and_none_that_has_passed() -> None:
    assert next_days("2026-03-15", ONCE, "2026-03-15T08:59:59.999Z", 1) == ["2026-03-15"]
    there = armed("2026-03-15", ONCE, "2026-03-15T08:00:00Z")
    told, after = happen("x", ONCE, UTC, there, there.due)
    assert told["years"] == 0
    assert (after.day, after.due) == (NONE, NEVER)
    missed = armed("2026-03-15", ONCE, "2026-03-15T09:00:00Z")
    assert (missed.day, missed.due) == (NONE, NEVER)


@pytest.mark.parametrize(
    ("shift", "tau", "day", "due"),
    [
        (-7, "2025-12-27T08:59:59.999Z", "2026-01-03", "2025-12-27"),
        (-7, "2025-12-27T09:00:00.000Z", "2027-01-03", "2026-12-27"),
        (7, "2026-01-10T08:59:59.999Z", "2026-01-03", "2026-01-10"),
        (7, "2026-01-10T09:00:00.000Z", "2027-01-03", "2027-01-10"),
        (-400, "2026-01-01T00:00:00Z", "2028-01-03", "2026-11-29"),
        (400, "2026-01-01T00:00:00Z", "2025-01-03", "2026-02-07"),
    ],
)
def test_a_shift_moves_when_a_day_is_told_and_not_the_day(
    shift: int, tau: str, day: str, due: str
) -> None:
    assert opened("1990-01-03", Series(shift=shift), tau) == (day, f"{due}T09:00:00.000Z")


def test_the_birthday_over_new_year_has_the_years_of_the_birthday() -> None:
    week_before = Series(shift=-7)

    there = armed("1990-01-03", week_before, "2026-12-01T00:00:00Z")
    told, _ = happen("birthday", week_before, UTC, there, there.due)

    assert told == {"attribute": "birthday", "date": "2027-01-03", "years": 37}


def test_a_day_without_a_year_has_no_years() -> None:
    there = armed("06-05", BIRTHDAY, "2026-01-01T00:00:00Z")
    told, _ = happen("x", BIRTHDAY, UTC, there, there.due)

    assert told["years"] is None


def test_what_is_later_than_any_event_is_not_waited_for() -> None:
    assert next_days("06-05", BIRTHDAY, "2100-01-01T00:00:00Z", 1) == ["2100-06-05"]
    for value, series in (("9999-12-31", Series("once", shift=9)), ("9999-12-31", MONTHLY)):
        assert armed(value, series, "2026-01-01T00:00:00Z").due == NEVER


# ── clocks that change ──────────────────────────────────────────────────────────────────────


@pytest.mark.covers("I9")
@pytest.mark.parametrize(
    ("place", "at", "tau", "value", "due"),
    [
        ("Europe/Berlin", "02:30", "2026-03-28T12:00Z", "03-29", "2026-03-29T01:00:00.000Z"),
        ("Europe/Berlin", "02:30", "2026-10-24T12:00Z", "10-25", "2026-10-25T00:30:00.000Z"),
        ("Europe/Berlin", "09:00", "2026-03-28T12:00Z", "03-29", "2026-03-29T07:00:00.000Z"),
        ("America/New_York", "02:30", "2026-03-07T12:00Z", "03-08", "2026-03-08T07:00:00.000Z"),
        ("America/New_York", "01:30", "2026-10-31T12:00Z", "11-01", "2026-11-01T05:30:00.000Z"),
        ("Australia/Lord_Howe", "02:15", "2026-10-03T00:00Z", "10-04", "2026-10-03T15:30:00.000Z"),
        ("Australia/Lord_Howe", "01:45", "2026-04-04T00:00Z", "04-05", "2026-04-04T14:45:00.000Z"),
        ("America/Santiago", "00:30", "2026-09-05T12:00Z", "09-06", "2026-09-06T04:00:00.000Z"),
        ("America/Santiago", "23:30", "2026-04-04T12:00Z", "04-04", "2026-04-05T02:30:00.000Z"),
        ("Pacific/Apia", "09:00", "2011-12-29T00:00Z", "12-30", "2011-12-30T10:00:00.000Z"),
        ("Pacific/Apia", "09:00", "2011-12-29T00:00Z", "12-31", "2011-12-30T19:00:00.000Z"),
    ],
)
def test_a_gap_moves_to_its_end_and_an_overlap_takes_the_first(
    place: str, at: str, tau: str, value: str, due: str
) -> None:
    series = Series(at=int(at[:2]) * 60 + int(at[3:]))

    assert opened(value, series, tau.replace("Z", ":00Z"), zone(place))[1] == due


def test_the_second_half_hour_of_an_overlap_is_after_the_day_has_been_told() -> None:
    series = Series(at=2 * 60 + 30)

    assert opened("10-25", series, "2026-10-25T00:30:00Z", BERLIN)[0] == "2027-10-25"


# ── travellers, and values that change ──────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("moved", "to", "due"),
    [
        ("2026-06-01T00:00:00Z", AUCKLAND, "2026-06-04T21:00:00.000Z"),
        ("2026-06-01T00:00:00Z", HONOLULU, "2026-06-05T19:00:00.000Z"),
        ("2026-06-04T20:59:59.999Z", AUCKLAND, "2026-06-04T21:00:00.000Z"),
        ("2026-06-04T21:00:00.000Z", AUCKLAND, "2026-06-04T21:00:00.001Z"),
        ("2026-06-05T06:59:59.999Z", AUCKLAND, "2026-06-05T07:00:00.000Z"),
        ("2026-06-05T06:59:59.999Z", HONOLULU, "2026-06-05T19:00:00.000Z"),
    ],
)
def test_the_open_day_stands_and_is_told_late_rather_than_never(
    moved: str, to: ZoneInfo, due: str
) -> None:
    before = armed("1990-06-05", BIRTHDAY, "2026-05-01T00:00:00Z", BERLIN)

    after = arm("1990-06-05", BIRTHDAY, to, parse_moment(moved), before)

    assert after is not None
    assert day_of(after.day) == date(2026, 6, 5)
    assert format_moment(after.due) == due
    told, then = happen("x", BIRTHDAY, to, after, after.due)
    assert (told["date"], then.day, then.happened) == ("2026-06-05", 20270605, 20260605)


def test_a_day_that_has_happened_does_not_happen_where_it_is_still_to_come() -> None:
    there = armed("1990-06-05", BIRTHDAY, "2026-05-01T00:00:00Z", AUCKLAND)
    _, after = happen("x", BIRTHDAY, AUCKLAND, there, there.due)
    tau = there.due + 1

    moved = arm("1990-06-05", BIRTHDAY, HONOLULU, tau, after)
    corrected = arm("1991-06-05", BIRTHDAY, HONOLULU, tau, moved)

    assert moved is not None
    assert corrected is not None
    assert moved.day == corrected.day == 20270605


def test_another_value_is_computed_anew_and_the_same_one_changes_nothing() -> None:
    before = armed("1990-06-05", BIRTHDAY, "2026-05-01T00:00:00Z")
    tau = parse_moment("2026-05-20T00:00:00Z")

    assert arm("1990-06-05", BIRTHDAY, UTC, tau, before) == before
    changed = arm("1990-05-21", BIRTHDAY, UTC, tau, before)
    assert changed is not None
    assert (changed.base, changed.day) == (19900521, 20260521)


def test_the_day_of_a_moment_is_cut_once_however_far_the_customer_travels() -> None:
    moment = "2025-06-04T22:30:00Z"
    at_home = armed(moment, BIRTHDAY, "2026-01-01T00:00:00Z", BERLIN)

    away = arm(moment, BIRTHDAY, HONOLULU, parse_moment("2026-01-02T00:00:00Z"), at_home)

    assert away is not None
    assert (away.base, away.day) == (20250605, 20260605)
    assert arm(parse_moment(moment), BIRTHDAY, HONOLULU, away.due - 1, away) == away


def test_a_day_that_is_about_to_be_told_is_not_put_off() -> None:
    before = armed("1990-06-05", BIRTHDAY, "2026-05-01T00:00:00Z")

    assert arm("1990-06-05", BIRTHDAY, HONOLULU, before.due, before) == before


def test_a_slot_is_flat_and_small() -> None:
    slot = armed("2026-03-01T10:00:00.123Z", BIRTHDAY, "2026-05-01T00:00:00Z")

    stored = msgspec.msgpack.encode(slot)

    assert len(stored) <= MOST_BYTES == 40
    assert Date(*msgspec.msgpack.decode(stored)) == slot


# ── against a recomputation, day by day ─────────────────────────────────────────────────────

PLACES = (
    *("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago"),
    *("Pacific/Apia", "Pacific/Kiritimati", "Pacific/Honolulu"),
)
FIRST = parse_moment("2010-06-01T00:00:00Z")
DAY = 86_400_000
YEARS = 3 * 366 * DAY


def belongs(day: date, base: str, every: Every, feb29: Feb29) -> bool:
    """Say whether *day* is of the series, by looking at it and its neighbours alone."""
    year, month, number = int(base[:4]), int(base[5:7]), int(base[8:])
    if day.day not in (number, 1, 28, 29, 30):
        return False
    tomorrow = day + timedelta(days=1)
    if every == "once":
        return day.isoformat() == base
    if every == "month":
        ends_early = tomorrow.day == 1 and day.day < number
        return day.isoformat() >= base and (day.day == number or ends_early)
    if day.year <= year:
        return False
    yesterday = day - timedelta(days=1)
    if (month, number) != (2, 29) or (day.month, day.day) == (2, 29):
        return (day.month, day.day) == (month, number)
    is_last_of_february = feb29 == "feb28" and (day.month, tomorrow.month) == (2, 3)
    is_first_of_march = feb29 == "mar1" and (day.month, day.day, yesterday.day) == (3, 1, 28)
    return is_last_of_february or is_first_of_march


def naive(base: str, series: Series, stays: list[tuple[int, str]]) -> list[tuple[str, int]]:
    """Return each day that is told, and when, walking all days of the calendar.

    Args:
        stays: Since when the customer is where; the first is when the value came.
    """
    told = []
    day = date(2009, 1, 1)
    while day < date(2016, 1, 1):
        day += timedelta(days=1)
        if not belongs(day, base, series.every, series.feb29):
            continue
        local = datetime.combine(
            day + timedelta(days=series.shift), time(series.at // 60, series.at % 60)
        )
        if zones.instant(local, zone(stays[0][1])) <= stays[0][0]:
            continue
        for index, (since, place) in enumerate(stays):
            until = stays[index + 1][0] if index + 1 < len(stays) else FIRST + YEARS
            due = max(zones.instant(local, zone(place)), since + 1)
            if due <= until:
                told.append((day.isoformat(), due))
                break
    return told


@given(
    base=st.dates(date(2004, 1, 1), date(2013, 12, 31)).map(date.isoformat)
    | st.sampled_from(["2008-02-29", "2009-12-30", "2010-12-31", "2011-12-30", "2010-10-31"]),
    series=st.builds(
        Series,
        st.sampled_from(["year", "month", "once"]),
        st.integers(-400, 400) | st.integers(-2, 2),
        st.integers(0, 1439) | st.sampled_from([0, 1439]),
        st.sampled_from(["feb28", "mar1"]),
    ),
    stays=st.lists(
        st.tuples(
            st.integers(FIRST, FIRST + YEARS) | st.integers(0, 100).map(lambda n: FIRST + n * DAY),
            st.sampled_from(PLACES),
        ),
        min_size=1,
        max_size=12,
        unique_by=lambda stay: stay[0],
    ).map(sorted),
)
def test_each_day_happens_once_wherever_the_customer_is(
    base: str, series: Series, stays: list[tuple[int, str]]
) -> None:
    told = []
    slot: Date | None = None
    for index, (since, place) in enumerate(stays):
        slot = arm(base, series, zone(place), since, slot)
        until = stays[index + 1][0] if index + 1 < len(stays) else FIRST + YEARS
        assert slot is not None
        while slot.due <= until:
            due = slot.due
            data, slot = happen("x", series, zone(place), slot, slot.due)
            told.append((data["date"], due))

    assert told == naive(base, series, stays)
    assert len({day for day, _ in told}) == len(told)


@given(
    turns=st.lists(
        st.tuples(
            st.integers(FIRST, FIRST + YEARS) | st.integers(0, 60).map(lambda n: FIRST + n * DAY),
            st.sampled_from(PLACES),
            st.sampled_from(["2010-06-10", "2010-06-11", "2010-07-12", "2010-07-12T22:00:00Z"]),
        ),
        min_size=1,
        max_size=12,
        unique_by=lambda turn: turn[0],
    ).map(sorted),
    series=st.builds(Series, st.sampled_from(["year", "month", "once"]), st.integers(-2, 2)),
)
def test_days_are_told_in_order_and_never_before_their_time_whatever_the_value_says(
    turns: list[tuple[int, str, str]], series: Series
) -> None:
    told: list[str] = []
    slot: Date | None = None
    for index, (since, place, value) in enumerate(turns):
        slot = arm(value, series, zone(place), since, slot)
        until = turns[index + 1][0] if index + 1 < len(turns) else FIRST + YEARS
        assert slot is not None
        assert arm(value, series, zone(place), since, slot) == slot
        while slot.due <= until:
            due = slot.due
            data, slot = happen("x", series, zone(place), slot, slot.due)
            told.append(data["date"])
            local = zones.local_time(due, zone(place)).date()
            assert local >= date.fromisoformat(told[-1]) + timedelta(days=series.shift)
            assert slot.due > due

    assert told == sorted(set(told))
