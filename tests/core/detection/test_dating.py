"""Dates and zones in the engine: who pays for them, what a deploy arms, where conditions are."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest

from tests.core.detection.customers import LATENESS, Customer, ruleset_of
from triggerstream.core.detection.dating import arm_all
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.timestamps import parse_moment

HOUR = 3_600_000
DAY = 24 * HOUR
NEW_YEAR = parse_moment("2026-01-01T00:00:00Z")
NINE = 9 * HOUR

PLAIN = "{trigger: t, when: {event: view}}"
BIRTHDAY = "{trigger: b, when: {date: profile.day}}"
ASKS = "{trigger: c, when: {event: view}, if: {time_of_day: {from: '09:00', to: '10:00'}}}"


def says(customer: Customer, at: int, **where: str) -> list[str]:
    """Let a view happen somewhere; return what became of the trigger's matches."""
    before = len(customer.told)
    body = {"customer_id": "c", "event_type": "view", "timestamp": at, "location_data": where}
    customer.receives(orjson.dumps({**body, "event_id": str(customer.offset)}), arrival=at)
    return customer.told[before:].split()


@pytest.mark.parametrize("condition", ["", ", if: {profile.x: {equals: 1}}"])
def test_who_asks_for_no_zone_keeps_none(condition: str) -> None:
    customer = Customer(f"{{trigger: t, when: {{event: view}}{condition}}}")
    says(customer, NEW_YEAR, timezone="Asia/Tokyo")

    assert customer.ruleset.whereabouts is None
    assert (customer.state.derived, customer.state.derivations) == ({}, b"")


def test_a_fixed_zone_asks_for_no_customers() -> None:
    there = "{time_of_day: {from: '09:00', to: '10:00', zone: Asia/Tokyo}}"
    customer = Customer(f"{{trigger: t, when: {{event: view}}, if: {there}}}")

    assert customer.ruleset.whereabouts is None


@pytest.mark.covers("B9", "B10")
@pytest.mark.parametrize(
    ("attributes", "where", "hour"),
    [
        ({"timezone": "Asia/Tokyo", "country": "FR"}, {"timezone": "Europe/Rome"}, 0),
        ({"country": "FR"}, {"timezone": "Asia/Kolkata", "country": "FR"}, 3.5),
        ({"country": "FR"}, {"country": "JP"}, 8),
        ({"timezone": "Nowhere", "country": "US"}, {"country": "JP"}, 0),
        ({}, {"country": "US"}, 9),
    ],
)
def test_conditions_ask_the_clock_where_the_customer_was_found(
    attributes: dict[str, Any], where: dict[str, str], hour: float
) -> None:
    """Nine o'clock there is *hour* in UTC, the policy's zone: on both sides of it."""
    customer = Customer(ASKS)
    customer.happens("identify", NEW_YEAR - DAY, **attributes)
    nine = NEW_YEAR + round(hour * HOUR)
    says(customer, nine - DAY, **where)

    assert says(customer, nine - 1)[0].startswith("condition@")
    assert says(customer, nine)[0].startswith("c:")


@pytest.mark.covers("B9")
def test_the_day_of_the_week_is_that_of_the_customer() -> None:
    """On Thursday, 2026-01-01, it is Friday in Tokyo from 15:00 UTC on."""
    asks = "{trigger: c, when: {event: view}, if: {day_of_week: {in: [fri]}}}"
    customer = Customer(asks)

    assert says(customer, NEW_YEAR + 15 * HOUR - 1, country="JP")[0].startswith("condition@")
    assert says(customer, NEW_YEAR + 15 * HOUR)[0].startswith("c:")


def test_a_zone_stands_in_no_firing() -> None:
    customer = Customer(ASKS)

    (firing,) = customer.receives(
        orjson.dumps(
            {
                "customer_id": "c",
                "event_type": "view",
                "timestamp": NEW_YEAR,
                "location_data": {"timezone": "Asia/Tokyo"},
            }
        ),
        arrival=NEW_YEAR,
    )

    assert firing.profile == {}


def test_what_comes_late_does_not_move_who_has_been_elsewhere_since() -> None:
    customer = Customer(ASKS)
    says(customer, NEW_YEAR, timezone="Asia/Tokyo")
    says(customer, NEW_YEAR - HOUR, timezone="Europe/Rome")
    assert customer.ruleset.whereabouts is not None

    assert customer.ruleset.whereabouts.zone(customer.state).key == "Asia/Tokyo"


# ── deploys ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("at", "days"),
    [(NEW_YEAR + NINE - 1, ["2026-01-01T09:00:00.000Z"]), (NEW_YEAR + NINE, [])],
)
def test_a_deploy_arms_at_the_next_record_and_makes_up_for_nothing(
    at: int, days: list[str]
) -> None:
    customer = Customer(PLAIN)
    customer.happens("identify", NEW_YEAR - 30 * DAY, day="01-01")
    customer.ruleset = ruleset_of(BIRTHDAY)

    assert customer.happens("other", at) == []
    customer.waits_until(NEW_YEAR + 40 * DAY)
    assert [told.split("@")[-1] for told in customer.told.split()] == days


def test_to_arm_again_changes_nothing() -> None:
    customer = Customer(BIRTHDAY)
    customer.happens("identify", NEW_YEAR, day="06-05")
    armed = dict(customer.state.derived)

    arm_all(customer.state, customer.ruleset, NEW_YEAR + DAY, NEW_YEAR + DAY)

    assert customer.state.derived == armed


def test_a_date_that_nobody_waits_for_any_more_is_forgotten() -> None:
    customer = Customer(BIRTHDAY)
    customer.happens("identify", NEW_YEAR, day="06-05")
    customer.ruleset = ruleset_of(PLAIN)
    customer.happens("other", NEW_YEAR + DAY)

    assert (customer.state.derived, customer.state.wake) == ({}, NEVER)


def test_a_trigger_that_is_off_waits_for_no_date() -> None:
    ruleset = ruleset_of("{trigger: b, mode: 'off', when: {date: profile.day}}")

    assert (ruleset.dates, ruleset.whereabouts) == ((), None)


# ── the day ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.covers("I9")
def test_the_clock_tells_the_day_and_the_next_one_is_waited_for() -> None:
    customer = Customer(BIRTHDAY)
    customer.happens("identify", NEW_YEAR, day="1990-01-02")
    due = NEW_YEAR + DAY + NINE

    assert customer.waits_until(due + LATENESS - 1) == []
    (firing,) = customer.waits_until(due + LATENESS)

    assert msgspec.json.decode(firing.event)["event_data"] == {
        "attribute": "day",
        "date": "2026-01-02",
        "years": 36,
    }
    assert customer.state.wake == parse_moment("2027-01-02T09:00:00Z") + LATENESS


def test_what_comes_behind_a_day_that_is_decided_happens_at_its_time_or_later() -> None:
    """(36) The day of 9:00 is told when a view of 8:59:55 comes: it is folded at 9:00."""
    customer = Customer(f"{BIRTHDAY}\n---\n{{attribute: seen, last: at, on: view}}")
    customer.happens("identify", NEW_YEAR, day="01-01")
    customer.waits_until(NEW_YEAR + NINE + LATENESS)
    customer.happens("view", NEW_YEAR + NINE - 5_000, arrival=NEW_YEAR + NINE + LATENESS)

    described = customer.program.describe(customer.state, customer.ruleset)
    assert described["attributes"] == {"seen": "2026-01-01T09:00:00.000Z"}


def test_who_is_looked_at_shows_the_zone_and_by_which_rule_and_what_is_waited_for() -> None:
    customer = Customer(BIRTHDAY)
    customer.happens("identify", NEW_YEAR, day="01-02", country="JP")

    described = customer.program.describe(customer.state, customer.ruleset)
    assert described["zone"] == {"zone": "Asia/Tokyo", "rule": "profile.country"}
    assert described["dates"] == {"day": "2026-01-02T00:00:00.000Z"}


@pytest.mark.parametrize("value", [None, "soon", 5.5, ["06-05"], "2026-02-30"])
def test_what_is_no_date_waits_for_nothing(value: object) -> None:
    customer = Customer(BIRTHDAY)
    customer.happens("identify", NEW_YEAR, day="06-05")
    customer.happens("identify", NEW_YEAR + 1, day=value)

    assert customer.state.wake == NEVER


def test_a_late_identify_corrects_what_is_waited_for() -> None:
    customer = Customer(BIRTHDAY)
    customer.happens("identify", NEW_YEAR, day="01-02")
    customer.happens("view", NEW_YEAR + HOUR)
    customer.happens("identify", NEW_YEAR, day="01-03")
    customer.waits_until(NEW_YEAR + 30 * DAY)

    assert [told.split("@")[-1] for told in customer.told.split()] == ["2026-01-03T09:00:00.000Z"]


# The instants of the days on which clocks change, and of one that a zone did not have.
@pytest.mark.covers("I9")
@pytest.mark.parametrize(
    ("zone", "day", "at", "due"),
    [
        ("Europe/Berlin", "2026-03-29", "02:30", "2026-03-29T01:00:00.000Z"),
        ("Europe/Berlin", "2026-10-25", "02:30", "2026-10-25T00:30:00.000Z"),
        ("America/New_York", "2026-03-08", "02:30", "2026-03-08T07:00:00.000Z"),
        ("America/New_York", "2026-11-01", "01:30", "2026-11-01T05:30:00.000Z"),
        ("Australia/Lord_Howe", "2026-10-04", "02:15", "2026-10-03T15:30:00.000Z"),
        ("Australia/Lord_Howe", "2026-04-05", "01:45", "2026-04-04T14:45:00.000Z"),
        ("America/Santiago", "2026-09-06", "00:30", "2026-09-06T04:00:00.000Z"),
        ("America/Santiago", "2026-04-04", "23:30", "2026-04-05T02:30:00.000Z"),
        ("Pacific/Apia", "2011-12-30", "09:00", "2011-12-30T10:00:00.000Z"),
    ],
)
def test_the_days_on_which_clocks_change(zone: str, day: str, at: str, due: str) -> None:
    customer = Customer(f"{{trigger: b, when: {{date: profile.day, every: once, at: '{at}'}}}}")
    start = parse_moment(due) - 10 * DAY
    customer.happens("identify", start, day=day, timezone=zone)

    assert customer.waits_until(parse_moment(due) - 1 + LATENESS) == []
    customer.waits_until(parse_moment(due) + LATENESS)
    assert [told.split("@")[-1] for told in customer.told.split()] == [due]


@pytest.mark.parametrize(
    ("feb29", "days"),
    [
        ("feb28", ["2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        ("mar1", ["2025-03-01", "2026-03-01", "2027-03-01", "2028-02-29"]),
    ],
)
def test_29_february_in_four_years(feb29: str, days: list[str]) -> None:
    customer = Customer(f"{{trigger: b, when: {{date: profile.day, feb29: {feb29}}}}}")
    customer.happens("identify", parse_moment("2024-02-29T12:00:00Z"), day="1988-02-29")
    customer.waits_until(parse_moment("2028-12-31T00:00:00Z"))

    assert [told.split("@")[-1][:10] for told in customer.told.split()] == days
