"""The fourteen operators, value by value (semantics 26), and that none of them ever raises."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core.conditions.operators import OPERATORS, compile_operator
from triggerstream.core.regex import compile_regex

INFINITY = float("inf")
NAN = float("nan")

EQUAL = [
    (1, 1, True),
    (1.0, 1, True),
    (1, 1.0, True),
    ("1", 1, False),
    (1, "1", False),
    (True, 1, False),
    (1, True, False),
    (0, False, False),
    (False, False, True),
    ("a", "a", True),
    ("A", "a", False),
    (None, None, True),
    (None, "", False),
    (None, 0, False),
    (None, False, False),
    ([1, 2], [1.0, 2], True),
    ([True], [1], False),
    ([1], [1, 2], False),
    ({"a": [1]}, {"a": [1.0]}, True),
    ({"a": True}, {"a": 1}, False),
    ({"a": 1}, {"b": 1}, False),
    ({}, [], False),
]


@pytest.mark.covers("B3", "B6")
@pytest.mark.parametrize(("value", "operand", "expected"), EQUAL)
def test_equality_is_typed_as_json_is(value: Any, operand: Any, expected: bool) -> None:
    assert compile_operator("equals", operand)(value) is expected
    assert compile_operator("not_equals", operand)(value) is not expected
    assert compile_operator("in_list", ["something else", operand])(value) is expected
    assert compile_operator("not_in_list", ["something else", operand])(value) is not expected
    assert compile_operator("contains", operand)([value]) is expected or isinstance(operand, str)


@pytest.mark.covers("B6")
@pytest.mark.parametrize("value", [None, 1, "a", [], {}])
def test_nothing_is_in_an_empty_list(value: Any) -> None:
    assert not compile_operator("in_list", [])(value)
    assert compile_operator("not_in_list", [])(value)


@pytest.mark.covers("B4")
@pytest.mark.parametrize(
    ("value", "than_10", "or_10", "below_10", "or_below_10"),
    [
        (9, False, False, True, True),
        (10, False, True, False, True),
        (11, True, True, False, False),
        (10.0, False, True, False, True),
        ("10", False, True, False, True),
        ("12.5", True, True, False, False),
        ("-3", False, False, True, True),
        ("1e3", True, True, False, False),
        (" 11 ", True, True, False, False),
        ("ten", False, False, False, False),
        ("", False, False, False, False),
        ("nan", False, False, False, False),
        ("inf", False, False, False, False),
        ("-Infinity", False, False, False, False),
        ("1e999", False, False, False, False),
        ("\N{FULLWIDTH DIGIT ONE}\N{FULLWIDTH DIGIT TWO}", False, False, False, False),
        (True, False, False, False, False),
        (None, False, False, False, False),
        ([11], False, False, False, False),
        ({"a": 11}, False, False, False, False),
        (NAN, False, False, False, False),
        (INFINITY, False, False, False, False),
        (-INFINITY, False, False, False, False),
        (10**400, True, True, False, False),
        (-(10**400), False, False, True, True),
    ],
)
def test_comparisons_take_numbers_and_numeric_strings(
    value: Any, than_10: bool, or_10: bool, below_10: bool, or_below_10: bool
) -> None:
    assert compile_operator("greater_than", 10)(value) is than_10
    assert compile_operator("greater_than_or_equal", 10)(value) is or_10
    assert compile_operator("less_than", 10)(value) is below_10
    assert compile_operator("less_than_or_equal", 10)(value) is or_below_10


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *((1, True), (3, True), (2.5, True), ("3", True), (0.99, False), (3.01, False)),
        *((None, False), (True, False), ([2], False), (NAN, False), (INFINITY, False)),
    ],
)
def test_between_includes_both_ends(value: Any, expected: bool) -> None:
    assert compile_operator("between", [1, 3])(value) is expected


@pytest.mark.covers("B5")
@pytest.mark.parametrize(
    ("value", "operand", "expected"),
    [
        ("Red Shoes", "shoe", True),
        ("red shoes", "SHOE", True),
        ("STRASSE", "stra\N{LATIN SMALL LETTER SHARP S}e", True),
        ("red", "shoe", False),
        ("anything", "", True),
        ("a1", 1, False),
        (["Red", "Blue"], "red", True),
        (["Reddish"], "red", False),
        ([1, 2], 2.0, True),
        ([True], 1, False),
        (["1"], 1, False),
        ([["red"]], "red", False),
        (None, "", False),
        (5, "5", False),
        ({"red": 1}, "red", False),
    ],
)
def test_contains_looks_into_texts_and_lists(value: Any, operand: Any, expected: bool) -> None:
    assert compile_operator("contains", operand)(value) is expected
    assert compile_operator("not_contains", operand)(value) is not expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *(("shoe-red", True), ("shoe", True), ("Shoe", False), ("a shoe", False)),
        *((None, False), (5, False), (["shoe"], False)),
    ],
)
def test_starts_with_heeds_case(value: Any, expected: bool) -> None:
    assert compile_operator("starts_with", "shoe")(value) is expected


@pytest.mark.parametrize(
    ("value", "pattern", "expected"),
    [
        ("an order 123", r"[0-9]{3}", True),
        ("an order 12", r"[0-9]{3}", False),
        ("order", "^ord", True),
        ("an order", "^ord", False),
        ("Order", "order", False),
        ("Order", "(?i)order", True),
        ("caf\N{LATIN SMALL LETTER E WITH ACUTE}", r"^caf.$", True),
        ("", "", True),
        (None, "", False),
        (123, "1", False),
        ("\ud800", "x", False),
    ],
)
def test_matches_searches_unanchored(value: Any, pattern: str, expected: bool) -> None:
    assert compile_operator("matches", pattern)(value) is expected


def test_matches_never_backtracks() -> None:
    assert not compile_operator("matches", "(a+)+$")("a" * 100_000 + "b")


@pytest.mark.parametrize("pattern", ["(a", "(?=a)", r"\1", "x{1001}", "\ud800"])
def test_a_pattern_that_re2_does_not_know_says_why(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        compile_regex(pattern)


@pytest.mark.parametrize("value", [0, "", [], {}, False])
def test_everything_but_null_exists(value: Any) -> None:
    assert compile_operator("exists", True)(value)
    assert not compile_operator("exists", False)(value)
    assert not compile_operator("exists", True)(None)
    assert compile_operator("exists", False)(None)


TEXT = st.text("a1.- \0\ud800\N{LATIN SMALL LETTER SHARP S}", max_size=4)
NUMBERS = st.integers() | st.floats() | st.sampled_from([10**400, -(10**400)])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
FINITE = st.integers(-100, 100) | st.floats(-100, 100)


OPERANDS: dict[str, st.SearchStrategy[Any]] = {
    "equals": VALUES,
    "not_equals": VALUES,
    "contains": TEXT | FINITE | st.booleans(),
    "not_contains": TEXT | FINITE | st.booleans(),
    "in_list": st.lists(VALUES, max_size=4),
    "not_in_list": st.lists(VALUES, max_size=4),
    "exists": st.booleans(),
    "between": st.tuples(FINITE, FINITE).map(sorted),
    "starts_with": TEXT,
    "matches": st.sampled_from(["a", "^1", r"\.$", "(?i)A"]),
}
"""The operands of each operator; the others take a number."""


@given(st.data(), st.sampled_from(OPERATORS), VALUES)
def test_no_operator_ever_raises(data: st.DataObject, operator: str, value: Any) -> None:
    holds = compile_operator(operator, data.draw(OPERANDS.get(operator, FINITE)))

    assert holds(value) in {True, False}
