"""The reference's own expressions answer as Google's evaluator of CEL does."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.core.expressions.corpus import ERROR, cases
from tests.reference.expressions import Error, is_true, profile_names, roots, value


def answer(text: str, data: dict[str, Any]) -> Any:
    try:
        return as_told(value(text, roots({"event_data": data}, None)))
    except Error:
        return ERROR


def as_told(found: Any) -> Any:
    """As the file of answers has it: all numbers are doubles, and JSON has not all of them."""
    if isinstance(found, list):
        return [as_told(each) for each in found]
    if isinstance(found, dict):
        return {key: as_told(each) for key, each in found.items()}
    if isinstance(found, bool) or not isinstance(found, int | float):
        return found
    found = float(found)
    return found if math.isfinite(found) else {"number": repr(found)}


def test_it_answers_as_google_does() -> None:
    wrong = [
        (text, data, expected, found)
        for text, data, expected in cases()
        if repr(found := answer(text, data)) != repr(expected)
    ]

    assert wrong[:3] == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("profile.a > 1", {"a"}),
        ('profile["a"] > 1 && has(profile.b) || "c" in profile', {"a", "b", "c"}),
        ("profile.a.b.c == 1 ? profile.d : [profile.e]", {"a", "d", "e"}),
        ("profile.list.exists(x, x.profile > profile.n)", {"list", "n"}),
        ("event_data.profile == 1", set()),
    ],
)
def test_the_names_that_it_reads(text: str, names: set[str]) -> None:
    assert profile_names(text) == names


def test_an_error_is_false() -> None:
    assert not is_true("!(profile.x > 5)", roots({}, {}))
    assert is_true("!(profile.x > 5)", roots({}, {"x": 5}))
    assert not is_true("profile.x", roots({}, {"x": 5}))


def test_a_list_of_a_million_spends_the_budget() -> None:
    with pytest.raises(Error):
        value(
            "event_data.l.exists(x, x == 2) || true", roots({"event_data": {"l": [1] * 10**6}}, {})
        )
