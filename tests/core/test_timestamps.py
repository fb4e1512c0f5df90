"""Moments: epoch milliseconds to RFC 3339 and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core.timestamps import (
    EARLIEST,
    LATEST,
    SECONDS_FROM,
    SECONDS_TO,
    format_moment,
    parse_moment,
    read_moment,
)

TEN = 1_772_359_200_000


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (TEN, "2026-03-01T10:00:00.000Z"),
        (TEN + 7, "2026-03-01T10:00:00.007Z"),
        (TEN - 1, "2026-03-01T09:59:59.999Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
    ],
)
def test_a_moment_has_milliseconds_and_is_utc(ms: int, text: str) -> None:
    assert format_moment(ms) == text


@pytest.mark.parametrize(
    "text",
    [
        *("2026-03-01T10:00:00Z", "2026-03-01t10:00:00z", "2026-03-01T10:00:00+00:00"),
        *("2026-03-01T15:30:00+05:30", "2026-03-01T00:00:00-10:00"),
        *("2026-03-01T10:00:00.000Z", "2026-03-01T10:00:00.0009Z"),
    ],
)
def test_a_moment_has_many_forms(text: str) -> None:
    assert parse_moment(text) == TEN


@pytest.mark.parametrize(
    "text",
    [
        *("", "now", "2026-03-01", "2026-03-01T10:00:00", "2026-13-01T10:00:00Z", "1772359200000"),
        *("2026-03-01T10:00Z", "2026-02-29T10:00:00Z", "2026-03-01T24:00:00Z"),
    ],
)
def test_what_is_none_is_told_with_what_is_required(text: str) -> None:
    with pytest.raises(ValueError, match=f"such as 2026-03-01T10:00:00Z; found '{text}'"):
        parse_moment(text)


@given(st.integers(EARLIEST, LATEST - 1))
def test_what_was_formatted_is_read_back(ms: int) -> None:
    assert parse_moment(format_moment(ms)) == ms


@pytest.mark.parametrize("digits", range(1, 31))
def test_what_is_below_a_millisecond_is_cut_off_however_many_digits_there_are(digits: int) -> None:
    kept = 999 if digits >= 3 else 9 * sum(10 ** (2 - place) for place in range(digits))

    for offset in ("Z", "z", "+00:00", "-00:00"):
        assert parse_moment(f"2026-03-01T10:00:00.{'9' * digits}{offset}") == TEN + kept
        assert parse_moment(f"2026-03-01t10:00:00.{'0' * digits}{offset}") == TEN


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        pytest.param("1969-12-31T23:59:59.9999999Z", -1, id="before 1970 it is rounded down, too"),
        pytest.param("1969-12-31T23:59:59.0000001Z", -1000, id="which cutting digits off does"),
        pytest.param("2100-12-31T23:59:59.999999999Z", LATEST - 1, id="not into the next year"),
        pytest.param("9999-12-31T23:59:59.9999999Z", 253_402_300_799_999, id="nor the last one"),
        pytest.param("2026-03-01T15:29:59.9999999+05:30", TEN - 1, id="nor by the offset"),
    ],
)
def test_no_moment_is_carried_over_an_end(text: str, ms: int) -> None:
    assert parse_moment(text) == ms


@pytest.mark.parametrize(
    "text",
    [
        *("2016-12-31T23:59:60Z", "2016-12-31T23:59:60.5z", "2016-12-31t23:59:60.999999999Z"),
        *("2017-01-01T05:29:60+05:30", "2016-12-31T15:59:60-08:00"),
    ],
)
def test_a_leap_second_is_the_last_millisecond_of_its_day(text: str) -> None:
    assert format_moment(parse_moment(text)) == "2016-12-31T23:59:59.999Z"


@pytest.mark.parametrize(
    "text",
    [
        *("2016-12-31T22:59:60Z", "2016-12-31T23:58:60Z", "2016-12-31T23:59:61Z"),
        *("2016-12-31T23:59:60", "2016-12-31T23:59:60+05:30", "2016-13-31T23:59:60Z"),
    ],
)
def test_any_other_sixtieth_second_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="such as"):
        parse_moment(text)


@given(st.integers(EARLIEST, LATEST - 1), st.text("0123456789", max_size=18))
def test_digits_behind_the_millisecond_say_nothing(ms: int, digits: str) -> None:
    assert parse_moment(f"{format_moment(ms)[:-1]}{digits}Z") == ms


@pytest.mark.parametrize("number", [0, 5, SECONDS_FROM - 1, SECONDS_TO, TEN, -1, 10**30])
def test_a_number_is_epoch_milliseconds(number: int) -> None:
    assert read_moment(number) == number


REQUIRED = "RFC 3339 with an offset, or epoch milliseconds; found "


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (1_772_359_200, "1772359200, which reads as seconds: multiply by 1000"),
        (SECONDS_FROM, "100000000, which reads as seconds: multiply by 1000"),
        (SECONDS_TO - 1, "4133980799, which reads as seconds: multiply by 1000"),
        (
            1_772_359_200.5,
            (
                "1772359200.5: a whole number is required, and this one reads as seconds: "
                "multiply by 1000"
            ),
        ),
        (1_772_359_200_000.5, "1772359200000.5: a whole number is required"),
        (
            "1772359200",
            (
                "the text '1772359200': a number is written without quotes, and this one reads as "
                "seconds: multiply by 1000"
            ),
        ),
        ("1772359200000", "the text '1772359200000': a number is written without quotes"),
        ("2026-03-01T10:00:00", "2026-03-01T10:00:00, which has no offset"),
        ("soon", "'soon'"),
        ("\x1b[2J", "'\\x1b[2J'"),
        (True, "true"),
        ([], "[]"),
        ({"a": "b"}, '{"a":"b"}'),
    ],
)
def test_what_is_no_moment_is_told_with_the_remedy(value: object, found: str) -> None:
    with pytest.raises(ValueError, match=REQUIRED) as caught:
        read_moment(value)

    assert str(caught.value) == REQUIRED + found
