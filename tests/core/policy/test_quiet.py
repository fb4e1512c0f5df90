"""Quiet hours: half-open, over midnight, and where the clocks change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.sending.harness import HOUR
from triggerstream.core.model import QuietHours
from triggerstream.core.policy.quiet import is_quiet, quiet_until
from triggerstream.core.timestamps import format_moment, parse_moment
from triggerstream.core.zones import zone, zone_names

MINUTES = timedelta(minutes=1)
WEEK = 7 * 24 * 60


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
            "America/Santiago", "23:30-07:00", "2026-04-05T03:10Z", "2026-04-05T11:00Z", id="again"
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


@pytest.mark.parametrize(
    ("place", "span", "at", "quiet"),
    [
        # In Santiago 24:00 becomes 23:00 again: the night that began at the first 23:30 goes on.
        pytest.param("America/Santiago", "23:30-07:00", "2026-04-05T02:29:59Z", False, id="before"),
        pytest.param("America/Santiago", "23:30-07:00", "2026-04-05T02:30:00Z", True, id="first"),
        pytest.param("America/Santiago", "23:30-07:00", "2026-04-05T03:00:00Z", True, id="23:00"),
        pytest.param("America/Santiago", "23:30-07:00", "2026-04-05T03:30:00Z", True, id="23:30"),
        pytest.param("America/Santiago", "23:30-07:00", "2026-04-05T10:59:59Z", True, id="morning"),
        pytest.param("America/Santiago", "23:30-07:00", "2026-04-05T11:00:00Z", False, id="07:00"),
        # In Berlin 03:00 becomes 02:00: what ended at the first 02:30 does not begin again.
        pytest.param("Europe/Berlin", "22:00-02:30", "2026-10-25T00:29:59Z", True, id="02:29:59"),
        pytest.param("Europe/Berlin", "22:00-02:30", "2026-10-25T00:30:00Z", False, id="02:30"),
        pytest.param("Europe/Berlin", "22:00-02:30", "2026-10-25T01:10:00Z", False, id="02:10"),
    ],
)
def test_an_hour_that_the_clock_shows_twice_counts_by_its_first_pass(
    place: str, span: str, at: str, quiet: bool
) -> None:
    local = zone(place)
    assert local is not None

    assert is_quiet(hours(span), parse_moment(at), local) == quiet


def test_quiet_hours_of_a_whole_day_never_end() -> None:
    utc = zone("UTC")
    assert utc is not None

    assert quiet_until(hours("09:00-09:00"), 0, utc) is None


PLACES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo")


@pytest.mark.covers("H13")
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


# ── an oracle ───────────────────────────────────────────────────────────────────────────────

SPANS = ("23:30-07:00", "22:00-02:30", "00:00-08:00", "23:15-23:45", "02:10-02:20", "02:45-02:30")
EDGES = (0, 1, 10, 20, 29, 30, 31, 45, 59)
"""Minutes past each hour that are looked at."""


def offset_of(place: str, minute: int) -> timedelta:
    local = zone(place)
    assert local is not None
    return datetime.fromtimestamp(minute * 60, local).utcoffset() or timedelta()


def changes_of_clocks(first: int, last: int) -> dict[tuple[int, int, int], str]:
    """Return a zone of every kind of change from year *first* to *last*, by the minute since 1970
    at which it comes and the minutes of offset before and after it."""
    start, end = (int(datetime(y, 1, 1, tzinfo=UTC).timestamp()) // 60 for y in (first, last))
    found: dict[tuple[int, int, int], str] = {}
    for place in sorted(zone_names()):
        for before in range(start, end, WEEK):
            was, will = offset_of(place, before), offset_of(place, before + WEEK)
            if was == will:
                continue
            low, high = before, before + WEEK
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if offset_of(place, middle) == was else (low, middle)
            found.setdefault((high, was // MINUTES, will // MINUTES), place)
    return found


def wall_that_never_goes_back(place: str, start: int, end: int) -> list[int]:
    """Return, for each minute since 1970 in ``[start, end)``, the latest local minute that the
    clock has shown by then."""
    shown, latest = [], 0
    for minute in range(start, end):
        latest = max(latest, minute + offset_of(place, minute) // MINUTES)
        shown.append(latest)
    return shown


def test_quiet_hours_go_by_a_clock_that_is_never_set_back() -> None:
    """What a clock shows for the second time, it has shown: the hours are judged, a minute at a
    time, on the greatest local time so far. Every kind of change in every zone."""
    changes = changes_of_clocks(2011, 2012) | changes_of_clocks(2026, 2027)
    assert len(changes) > 25
    for (minute, _, _), place in changes.items():
        local = zone(place)
        assert local is not None
        start = minute - 30 * 60
        wall = [shown % 1440 for shown in wall_that_never_goes_back(place, start, minute + 60 * 60)]
        for text in SPANS:
            span = hours(text)
            over_midnight = span.start > span.end
            quiet = [(at >= span.start) + (at < span.end) > (not over_midnight) for at in wall]
            for n in range(26 * 60, 58 * 60):
                if (start + n) % 60 not in EDGES or (n > 34 * 60 and (start + n) % 60):
                    continue
                at = (start + n) * 60_000
                assert is_quiet(span, at, local) == quiet[n], (place, text, at)
                if quiet[n] and False in quiet[n:]:
                    until = (start + quiet.index(False, n)) * 60_000
                    assert quiet_until(span, at, local) == until, (place, text, at)
