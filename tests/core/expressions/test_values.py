"""Numbers, texts, lists and fields: what each operator makes of what an event has."""

from __future__ import annotations

from itertools import pairwise
from math import inf, isnan, nan
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.expressions.evaluating import holds, value_of
from triggerstream.core.expressions.values import double, equal

BIG = 2**53


class TestNumbers:
    """One type: a double."""

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("1 / 2", 0.5),
            ("1 / 0", inf),
            ("-1 / 0", -inf),
            ("1 / -0.0", -inf),
            ("1e308 * 10", inf),
            ("-1e308 - 1e308", -inf),
            ("2 * 3 - 4 / 2", 4.0),
            ("1 - 1 - 1", -1.0),
            ("8 / 4 / 2", 1.0),
            ("-(2)", -2.0),
            ("--2", 2.0),
            ("---2", -2.0),
            ("----2", 2.0),
            ("0.1 + 0.2", 0.30000000000000004),
        ],
    )
    def test_arithmetic_is_that_of_ieee_754(self, text: str, value: float) -> None:
        assert value_of(text) == value

    @pytest.mark.parametrize("text", ["0 / 0", "1 / 0 - 1 / 0", "(0 / 0) / 0", "0 * (1 / 0)"])
    def test_what_is_no_number_is_no_error(self, text: str) -> None:
        assert isnan(value_of(text))

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("0 / 0 == 0 / 0", False),
            ("0 / 0 != 0 / 0", True),
            ("0 / 0 < 1", False),
            ("0 / 0 >= 1", False),
            ("[0 / 0] == [0 / 0]", False),
            ("0 / 0 in [0 / 0]", False),
            ("0.0 == -0.0", True),
        ],
    )
    def test_what_is_no_number_equals_nothing(self, text: str, value: bool) -> None:
        assert value_of(text) is value

    def test_a_whole_number_of_an_event_is_a_double_wherever_it_comes_out(self) -> None:
        data = {"x": BIG + 1, "l": [BIG + 1], "o": {"x": BIG + 1}}
        of_all = ("event_data.x", "event_data.l[0]", "event_data.o.x", 'event_data["x"]')

        for text in of_all:
            value = value_of(text, data)
            assert (type(value), value) == (float, float(BIG))
        assert holds(f"event_data.x == {BIG}", data) is True
        assert holds(f"{BIG} in event_data.l", data) is True
        assert holds(f"event_data.l == [{BIG}]", data) is True
        assert holds(f"event_data.l.exists(i, i == {BIG})", data) is True
        assert holds("event_data.x in event_data.l", data | {"x": BIG}) is True

    def test_two_big_numbers_of_events_that_differ_in_lost_bits_are_equal(self) -> None:
        assert holds("event_data.x == event_data.y", {"x": BIG, "y": BIG + 1}) is True
        assert holds("event_data == event_data.o", {"o": {}}) is False
        assert equal([{"a": [BIG]}], [{"a": [BIG + 1]}], [100, None, None]) is True

    @pytest.mark.parametrize(("value", "becomes"), [(10**400, inf), (-(10**400), -inf), (7, 7.0)])
    def test_a_number_beyond_all_doubles_is_infinite(self, value: int, becomes: float) -> None:
        assert double(value) == becomes
        assert value_of("event_data.x", {"x": value}) == becomes

    @pytest.mark.parametrize("sign", ["+", "-", "*", "/"])
    @pytest.mark.parametrize("other", ["a", True, None, [1], {}])
    def test_arithmetic_wants_numbers(self, sign: str, other: Any) -> None:
        (error,) = value_of(f"event_data.x {sign} event_data.y", {"x": 1, "y": other})

        assert error.startswith(f"event_data.x {sign} event_data.y: two numbers; found a number a")
        assert isinstance(value_of("-event_data.y", {"y": other}), list)


class TestComparisons:
    VALUES: tuple[Any, ...] = (None, True, False, 0, 1, 1.5, "", "1", "a", [], [1], {}, {"a": 1})

    @pytest.mark.parametrize("left", VALUES, ids=repr)
    @pytest.mark.parametrize("right", VALUES, ids=repr)
    def test_values_of_different_kinds_are_never_equal(self, left: Any, right: Any) -> None:
        data = {"x": left, "y": right}
        are_equal = type(left) is type(right) and left == right

        assert value_of("event_data.x == event_data.y", data) is are_equal
        assert value_of("event_data.x != event_data.y", data) is not are_equal

    @pytest.mark.parametrize("left", VALUES, ids=repr)
    @pytest.mark.parametrize("right", VALUES, ids=repr)
    @pytest.mark.parametrize("sign", ["<", "<=", ">", ">="])
    def test_order_is_between_two_numbers_two_texts_or_two_booleans(
        self, left: Any, right: Any, sign: str
    ) -> None:
        value = value_of(f"event_data.x {sign} event_data.y", {"x": left, "y": right})

        kinds = {
            "float" if isinstance(each, float) else type(each).__name__ for each in (left, right)
        }
        if kinds <= {"int", "float"} or (len(kinds) == 1 and kinds <= {"str", "bool"}):
            ordered = {"<": left < right, "<=": left <= right, ">": left > right}
            assert value is ordered.get(sign, left >= right)
        else:
            assert "two numbers, two texts or two booleans; found" in value[0]

    CONSTANTS = (("1", 1), ("1.5", 1.5), ('"a"', "a"), ("true", True), ("null", None), ("''", ""))

    @pytest.mark.parametrize("value", VALUES, ids=repr)
    @pytest.mark.parametrize(("text", "constant"), CONSTANTS, ids=repr)
    @pytest.mark.parametrize("sign", ["==", "!=", "<", "<=", ">", ">="])
    def test_what_is_written_is_compared_as_what_is_read(
        self, value: Any, text: str, constant: Any, sign: str
    ) -> None:
        data = {"x": value, "y": constant}
        short = value_of(f"event_data.x {sign} {text}", data)
        long = value_of(f"event_data.x {sign} event_data.y", data)

        if isinstance(long, list):
            assert short == [long[0].replace("event_data.y", text)]
        else:
            assert short is long

    def test_texts_are_compared_by_code_point(self) -> None:
        ordered = ["", "B", "a", "ab", "b", "z", "ä", "\uffff", "\U0001f600"]

        for left, right in pairwise(ordered):
            assert value_of("event_data.x < event_data.y", {"x": left, "y": right}) is True

    @given(st.text(), st.text())
    def test_which_is_the_order_of_their_utf_8(self, one: str, other: str) -> None:
        found = value_of("event_data.x < event_data.y", {"x": one, "y": other})

        assert found is (one.encode() < other.encode())


class TestFields:
    DATA = {"x": 5, "n": None, "l": [1, "a"], "o": {"a.b": 2, "k": 3}, "s": "abc"}  # noqa: RUF012

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("event_data.x", 5.0),
            ('event_data["x"]', 5.0),
            ("event_data.n", None),
            ("event_data.l[0]", 1.0),
            ("event_data.l[1.0]", "a"),
            ('event_data.o["a.b"]', 2.0),
            ('event_data["o"].k', 3.0),
            ("event_data.l[event_data.l[0]]", "a"),
            ("event_type", "t"),
            ("session_id", None),
            ("size(device_info)", 0.0),
            ("has(event_data.n)", True),
            ("has(event_data.y)", False),
            ("has(device_info.type)", False),
            ('"k" in event_data.o', True),
            ('"z" in event_data.o', False),
            ("1 in event_data.o", False),
            ("true in event_data.o", False),
        ],
    )
    def test_what_is_there_is_found(self, text: str, value: Any) -> None:
        found = value_of(text, self.DATA)

        assert (type(found), found) == (type(value), value)

    @pytest.mark.parametrize(
        "text",
        [
            "event_data.y",
            "event_data.n.z",
            "event_data.s.z",
            "event_data.l.z",
            "event_data.l[2]",
            "event_data.l[-1]",
            "event_data.l[0.5]",
            "event_data.l[1 / 0]",
            "event_data.l[0 / 0]",
            'event_data.l["0"]',
            "event_data.o[0]",
            "event_data.s[0]",
            "event_data.n[0]",
            "device_info.type",
            'event_data.o["zz"]',
        ],
    )
    def test_what_is_not_there_is_an_error_that_names_it(self, text: str) -> None:
        assert value_of(text, self.DATA) == [f"{text}: a value; found nothing"]

    def test_the_first_that_is_not_there_is_named(self) -> None:
        assert value_of("event_data.y.z.a", self.DATA) == ["event_data.y: a value; found nothing"]

    @pytest.mark.parametrize("of", ["event_data.y", "event_data.n", "event_data.s", "event_data.l"])
    def test_has_wants_an_object(self, of: str) -> None:
        (error,) = value_of(f"has({of}.z)", self.DATA)

        assert error.startswith(f"{of}: ")

    def test_in_wants_a_list_or_an_object_and_the_name_of_a_field(self) -> None:
        assert "behind 'in'; found a text" in value_of('"a" in event_data.s', self.DATA)[0]
        assert "before 'in'; found null" in value_of("null in event_data.o", self.DATA)[0]
        assert value_of("event_data.y in event_data.l", self.DATA) == [
            "event_data.y: a value; found nothing"
        ]

    @pytest.mark.parametrize(
        ("value", "among", "is_in"),
        [
            (1, '[true, "1", null]', False),
            (1, "[1.0]", True),
            (True, "[1, 2]", False),
            (True, "[1, true]", True),
            (0, "[false]", False),
            (None, "[null]", True),
            (None, "[1]", False),
            ("a", '["a"]', True),
            ([1], "[[1]]", True),
            ([1], "[1]", False),
            ({}, "[]", False),
        ],
    )
    def test_in_a_list_is_equality_with_one(self, value: Any, among: str, is_in: bool) -> None:
        data = {"x": value}

        assert value_of(f"event_data.x in {among}", data) is is_in
        assert value_of(f"{among}.exists(i, event_data.x == i)", data) is is_in


class TestTexts:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ('size("grün😀")', 5.0),
            ('"grün😀".size()', 5.0),
            ("size([1, 2])", 2.0),
            ('"abc".contains("b")', True),
            ('"abc".contains("B")', False),
            ('"abc".startsWith("ab")', True),
            ('"abc".startsWith("bc")', False),
            ('"abc".endsWith("bc")', True),
            ('"abc".endsWith("ab")', False),
            ('"abc".endsWith("")', True),
            ('"abc".matches("b")', True),
            ('"abc".matches("^b")', False),
            ("'a1'.matches(r'^[a-z]\\d$')", True),
            ("'grün'.matches('^.{4}$')", True),
            ('"\\u00e4\\t\\"\\U0001F600" == \'ä\t"😀\'', True),
        ],
    )
    def test_the_functions_of_texts(self, text: str, value: Any) -> None:
        found = value_of(text)

        assert (type(found), found) == (type(value), value)

    @pytest.mark.parametrize("value", [None, 1, True, [], {}], ids=repr)
    def test_they_want_texts(self, value: Any) -> None:
        data = {"x": value}
        for name in ("contains", "startsWith", "endsWith"):
            assert "two texts; found" in value_of(f'event_data.x.{name}("a")', data)[0]
            assert "two texts; found" in value_of(f'"a".{name}(event_data.x)', data)[0]
        assert "a text; found" in value_of('event_data.x.matches("a")', data)[0]
        if not isinstance(value, list | dict):
            assert "a text, a list or an object; found" in value_of("size(event_data.x)", data)[0]

    def test_half_of_a_surrogate_pair_raises_nothing(self) -> None:
        assert value_of('event_data.x.matches("^.$")', {"x": "\ud800"}) is True
        assert value_of("event_data.x < event_data.y", {"x": "\ud800", "y": "\ud801"}) is True


def test_no_value_is_shown_in_an_error() -> None:
    (error,) = value_of("event_data.x > 5", {"x": "secret"})

    assert error == (
        "event_data.x > 5: two numbers, two texts or two booleans; found a text and a number"
    )


def test_what_is_neither_true_nor_false_is_no_condition() -> None:
    assert holds("event_data.x", {"x": 1}) == "event_data.x: true or false; found a number"
    assert holds("event_data.x", {"x": "true"}) == "event_data.x: true or false; found a text"
    assert holds("event_data.x", {"x": True}) is True
    assert holds("event_data.x", {"x": False}) is False


def test_nan_of_data_is_compared_as_any() -> None:
    assert value_of("event_data.x == event_data.x", {"x": nan}) is False
