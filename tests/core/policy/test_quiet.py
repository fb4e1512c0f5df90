"""Quiet hours: half-open, over midnight, and where the clocks change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.sending.harness import HOUR
from triggerstream.core.model import QuietHours
from triggerstream.core.policy.quiet import is_quiet, quiet_until
from triggerstream.core.timestamps import format_moment, parse_moment
from triggerstream.core.zones import zone


def hours(text: str) -> QuietHours:
    start, end = (int(part[:2]) * 60 + int(part[3:]) for part in text.split("-"))
    return QuietHours(start, end)


@pytest.mark.parametrize(
    ("span", "time", "quiet"),
    [
        ("22:00-08:00", "21:59:59.999", False),
        ("22:00-08:00", "22:00:00", True),
        ("22:00-08:00", "07:59:59.999", True),
        ("22:00-08:00", "08:00:00", False),
        ("12:00-14:00", "11:59:59.999", False),
        ("12:00-14:00", "12:00:00", True),
        ("12:00-14:00", "14:00:00", False),
        ("09:00-09:00", "09:00:00", True),
    ],
)
def test_the_start_is_quiet_and_the_end_is_not(span: str, time: str, quiet: bool) -> None:
    utc = zone("UTC")
    assert utc is not None

    assert is_quiet(hours(span), parse_moment(f"2026-03-01T{time}Z"), utc) == quiet


@pytest.mark.parametrize(
    ("place", "span", "at", "until"),
    [
        pytest.param("UTC", "22:00-08:00", "2026-03-01T23:00Z", "2026-03-02T08:00Z", id="tonight"),
        pytest.param("UTC", "22:00-08:00", "2026-03-01T03:00Z", "2026-03-01T08:00Z", id="morning"),
        pytest.param("UTC", "00:00-08:00", "2026-03-01T00:00Z", "2026-03-01T08:00Z", id="midnight"),
        pytest.param(
            "Europe/Berlin", "22:00-02:30", "2026-03-29T00:30Z", "2026-03-29T01:00Z", id="in a gap"
        ),
        pytest.param(
            "Europe/Berlin",
            "22:00-02:30",
            "2026-10-24T23:00Z",
            "2026-10-25T00:30Z",
            id="first of two",
        ),
        pytest.param(
            "Europe/Berlin", "22:00-02:30", "2026-10-25T01:10Z", "2026-10-25T01:30Z", id="second"
        ),
        pytest.param(
            "Pacific/Apia", "22:00-08:00", "2011-12-30T09:00Z", "2011-12-30T18:00Z", id="a day lost"
        ),
    ],
)
def test_the_end_of_the_quiet_hours(place: str, span: str, at: str, until: str) -> None:
    local = zone(place)
    assert local is not None

    found = quiet_until(hours(span), parse_moment(at.replace("Z", ":00Z")), local)

    assert found is not None
    assert format_moment(found) == until.replace("Z", ":00.000Z")


def test_quiet_hours_of_a_whole_day_never_end() -> None:
    utc = zone("UTC")
    assert utc is not None

    assert quiet_until(hours("09:00-09:00"), 0, utc) is None


PLACES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo")


@given(
    place=st.sampled_from(PLACES),
    start=st.integers(0, 1439),
    end=st.integers(0, 1439),
    at=st.integers(parse_moment("2024-01-01T00:00:00Z"), parse_moment("2028-01-01T00:00:00Z")),
)
def test_no_deferred_instant_is_ever_quiet(place: str, start: int, end: int, at: int) -> None:
    span, local = QuietHours(start, end), zone(place)
    assert local is not None
    if start == end or not is_quiet(span, at, local):
        return

    until = quiet_until(span, at, local)

    assert until is not None
    assert at < until <= at + 49 * HOUR
    assert not is_quiet(span, until, local)
