"""Durations: what people may write, and that writing one back loses nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core.durations import LONGEST, format_duration, parse_duration


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1ms", 1),
        ("250ms", 250),
        ("10s", 10_000),
        ("30m", 1_800_000),
        ("1h", 3_600_000),
        ("24h", 86_400_000),
        ("1d", 86_400_000),
        ("2w", 1_209_600_000),
        ("36500d", LONGEST),
    ],
)
def test_a_whole_number_and_a_unit(text: str, milliseconds: int) -> None:
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "h", "1 h", "1.5h", "-1h", "+1h", "1H", "1h30m", "1 hour", "1y", "1h\n"),
        "\N{FULLWIDTH DIGIT ONE}h",
    ],
)
def test_anything_else_is_told_with_what_is_required(text: str) -> None:
    with pytest.raises(
        ValueError, match=r"a positive whole number and a unit .* such as 30m; found"
    ):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0s", "0d", "36501d", "99999999999999w"])
def test_neither_nothing_nor_for_ever(text: str) -> None:
    with pytest.raises(ValueError, match=f"above 0 and of at most 36500d; found {text}"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        *((1, "1ms"), (1_500, "1500ms"), (90_000, "90s"), (5_400_000, "90m")),
        *((86_400_000, "1d"), (1_209_600_000, "14d"), (0, "0s")),
    ],
)
def test_the_greatest_unit_that_divides_it_is_told(milliseconds: int, text: str) -> None:
    assert format_duration(milliseconds) == text


@given(st.integers(1, LONGEST))
def test_what_was_formatted_is_read_back(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds)) == milliseconds
