"""Retry-After, in every form of RFC 9110."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.channels.harness import NOW
from triggerstream.channels.http.retry_after import LONGEST, seconds_of

ZONES = ["UTC", "America/New_York", "Pacific/Kiritimati", "Asia/Kolkata"]


@pytest.fixture(params=ZONES)
def host_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Put this host into a zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("host_zone")
@pytest.mark.parametrize(
    "header",
    [
        "120",
        "Sun, 01 Mar 2026 12:02:00 GMT",
        "sun, 1 mar 2026 12:02:00 gmt",
        "Sun, 01 Mar 2026 12:02:00 UTC",
        "Sun, 01 Mar 2026 12:02:00",
        "Sun, 01 Mar 2026 12:02:00 -0000",
        "Sun, 01 Mar 2026 12:02:00 +0000",
        "Sun, 01 Mar 2026 17:32:00 +0530",
        "Sun, 01 Mar 2026 08:32:00 -0330",
        "Sunday, 01-Mar-26 12:02:00 GMT",
        "Sun, 01-Mar-2026 12:02:00 GMT",
        "Sun Mar  1 12:02:00 2026",
        "Sun Mar 01 12:02:00 2026",
        "Sun, 01 Mar 2026 12:01:60 GMT",  # a leap second
    ],
)
def test_every_form_means_the_same_on_every_host(header: str) -> None:
    assert seconds_of(header, NOW) == 120.0


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Sun, 01 Mar 2026 12:00:01 GMT", 1.0),
        ("Sun, 01 Mar 2026 12:00:00 GMT", 0.0),
        ("Sun, 01 Mar 2026 11:59:59 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("Mon Jan  1 00:00:00 0001", 0.0),
        ("Tue, 31 Mar 2026 11:59:59 GMT", LONGEST - 1),
        ("Tue, 31 Mar 2026 12:00:00 GMT", LONGEST),
        ("Tue, 31 Mar 2026 12:00:01 GMT", LONGEST),
        ("Fri, 31 Dec 9999 23:59:60 -2359", LONGEST),
        ("0", 0.0),
        ("2591999", LONGEST - 1),
        ("2592000", LONGEST),
        ("2592001", LONGEST),
        ("999999999", LONGEST),
        ("9" * 8000, LONGEST),
        ("0" * 8000 + "7", 7.0),
        (" \t7 ", 7.0),
    ],
)
def test_no_more_than_the_longest_and_no_less_than_nothing(header: str, seconds: float) -> None:
    assert seconds_of(header, NOW) == seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("Sunday, 01-Mar-76 12:00:00 GMT", LONGEST),  # 2076, 50 years ahead
        ("Sunday, 01-Mar-76 12:01:00 GMT", 0.0),  # 1976: 2076 would be more than 50
        ("Friday, 31-Dec-76 23:59:59 GMT", 0.0),
        ("Monday, 29-Feb-76 12:00:00 GMT", LONGEST),
        ("Monday, 01-Mar-77 12:00:00 GMT", 0.0),  # 1977
        ("Sunday, 01-Mar-99 12:00:00 GMT", 0.0),
        ("Sunday, 01-Mar-00 12:00:00 GMT", 0.0),
    ],
)
def test_a_year_of_two_digits_is_at_most_fifty_years_ahead(header: str, seconds: float) -> None:
    assert seconds_of(header, NOW) == seconds


def test_a_year_of_two_digits_may_be_of_the_next_century() -> None:
    the_last_second_of_2099 = 4_102_444_799.0

    assert seconds_of("Friday, 01-Jan-00 00:00:29 GMT", the_last_second_of_2099) == 30.0


@pytest.mark.parametrize(
    "header",
    [
        "",
        "soon",
        "-5",
        "+5",
        "1e9",
        "1.5",
        "1_000",
        "١٢٠",
        "120 s",
        "120, 130",
        "NaN",
        "inf",
        "2026-03-01T12:02:00Z",
        "12:02:00",
        "01 Mar 2026",
        "Mon, 30 Feb 2026 12:02:00 GMT",
        "Sun, 01 Mrz 2026 12:02:00 GMT",
        "Sun, 01 Mar 2026 24:00:00 GMT",
        "Sun, 01 Mar 2026 12:60:00 GMT",
        "Sun, 01 Mar 2026 12:02:61 GMT",
        "Sun, 01 Mar 2026 12:02:00 EST",  # which hours these are, nobody says
        "Sun, 01 Mar 2026 12:02:00 +2400",
        "Sun, 01 Mar 0000 12:02:00 GMT",
        "Sun, \u0660\u0661 Mar 2026 12:02:00 GMT",
        "Sun, 01 Mar 2026 12:02:00 GMT\n",
    ],
)
def test_what_is_in_no_such_form_is_nothing(header: str) -> None:
    assert seconds_of(header, NOW) is None


def test_no_header_is_nothing() -> None:
    assert seconds_of(None, NOW) is None


@given(st.text(st.sampled_from("0123456789 ,:-+abgjmnrstuyGMT")), st.floats(0, 4e9))
def test_whatever_comes_is_nothing_or_within_the_bounds(header: str, now: float) -> None:
    found = seconds_of(header, now)

    assert found is None or 0.0 <= found <= LONGEST
