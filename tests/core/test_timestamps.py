"""Moments: epoch milliseconds to RFC 3339 and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core.timestamps import EARLIEST, LATEST, format_moment, parse_moment

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
