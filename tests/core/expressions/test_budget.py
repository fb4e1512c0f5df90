"""How much an expression may be, when read, and how much one evaluation may visit."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.expressions.evaluating import faults_of, holds, tree_of, value_of
from triggerstream.core.expressions.tree import depth, size
from triggerstream.core.expressions.values import BUDGET

TOO_LONG = "expr: at most 10,000 nodes visited; found more"


class TestWhenRead:
    def test_2000_characters(self) -> None:
        start = 'event_data.x == "'
        at_most = f'{start}{"a" * (1999 - len(start))}"'

        assert len(at_most) == 2000
        assert faults_of(at_most) == []
        assert [fault.message for fault in faults_of(f"{at_most} ")] == [
            "at most 2,000 characters; found 2,001"
        ]

    @pytest.mark.covers("B17")
    def test_200_nodes(self) -> None:
        # A list and its comparison are 4 nodes with the field; each item is one.
        text = f"event_data.x in [{', '.join('1' * 196)}]"
        one_more = text.replace("[1,", "[1, 1,")

        assert size(tree_of(text)) == 200
        assert faults_of(text) == []
        assert [fault.message for fault in faults_of(one_more)] == [
            "at most 200 names, values and operators; found 201"
        ]

    def test_16_levels(self) -> None:
        text = f"{'-(1 - ' * 7}2{')' * 7} > 1"

        assert depth(tree_of(text)) == 16
        assert faults_of(text) == []
        assert [fault.message for fault in faults_of(f"!({text})")] == [
            "at most 16 levels within each other; found 17"
        ]

    @pytest.mark.parametrize("sign", ["&&", "||"])
    def test_the_length_of_a_chain_is_no_depth(self, sign: str) -> None:
        text = f" {sign} ".join(["event_data.x"] * 60)

        assert depth(tree_of(text)) == 3
        assert faults_of(text) == []
        assert depth(tree_of(f"(({text})) {sign} (event_data.x {sign} (event_data.y))")) == 3

    def test_64_levels_of_brackets(self) -> None:
        assert faults_of(f"{'(' * 63}true{')' * 63}") == []
        (fault,) = faults_of(f"{'(' * 64}true{')' * 64}")
        assert fault.message == "at most 64 levels of brackets; found more"

    @pytest.mark.parametrize("text", ["(" * 1999, "-" * 2000, "[" * 2000, "!-" * 999, "a?" * 999])
    def test_nothing_that_nests_breaks_the_parser(self, text: str) -> None:
        assert len(faults_of(text)) == 1

    def test_one_macro_inside_another(self) -> None:
        inner = "j.exists(k, k > 1)"

        assert faults_of("event_data.l.all(i, i.exists(j, j > 1))") == []
        assert faults_of(f"event_data.l.all(i, {inner.replace('j', 'i')}) && {inner}") != []
        (fault,) = faults_of(f"event_data.l.all(i, i.exists(j, {inner}))")
        assert fault.message == "at most 2 macros within each other; found exists as one more"


class TestWhenEvaluated:
    # Outside of the test: the macro, its list as two nodes. A turn: >, i, 0.
    TEXT = "event_data.l.all(i, i > 0)"

    @pytest.mark.covers("B17")
    def test_10000_nodes(self) -> None:
        turns, rest = divmod(BUDGET - 3, 3)
        other = self.TEXT.replace(".l.", ".m.")
        two = f"{other} && {self.TEXT}"  # 7 nodes outside: the chain, and twice 3

        assert holds(self.TEXT, {"l": [1] * turns}) is True
        assert holds(self.TEXT, {"l": [1] * (turns + 1)}) == TOO_LONG
        assert (rest, (BUDGET - 7) % 3) == (1, 0)
        data = {"l": [1] * ((BUDGET - 7) // 3), "m": []}
        assert holds(two, data) is True
        assert holds(two, data | {"m": [1]}) == TOO_LONG

    @pytest.mark.parametrize(
        "text",
        [
            "event_data.l.exists(i, i < 0)",
            "event_data.l.exists(i, i.x)",
            "event_data.l.all(i, i > 0)",
            "event_data.l.exists_one(i, i < 0)",
            "event_data.l.exists(i, event_data.l.exists(j, i + j < 0))",
            "5 in event_data.l",
            "event_data.l == event_data.m",
            "event_data.o == event_data.p",
            "event_data.l in event_data.ll",
        ],
    )
    @pytest.mark.covers("B17")
    def test_a_list_of_a_million_is_an_error(self, text: str) -> None:
        many = [1] * 1_000_000
        data = {"l": many, "m": list(many), "ll": [list(many)], "o": {"l": many}, "p": {"l": many}}

        assert holds(text, data) == TOO_LONG

    @pytest.mark.parametrize("rest", ["|| true", "|| event_data.x", "&& false"])
    def test_which_nothing_passes_over(self, rest: str) -> None:
        text = f"event_data.l.exists(i, i < 0) {rest}"

        assert holds(text, {"l": [1] * 5000}) == TOO_LONG
        assert value_of(
            f"event_data.m.exists(j, {self.TEXT}) {rest}", {"l": [1] * 4000, "m": [1]}
        ) == [TOO_LONG]

    def test_a_size_costs_nothing_and_a_decided_macro_stops(self) -> None:
        many: dict[str, Any] = {"l": [1] * 1_000_000}

        assert holds("size(event_data.l) == 1e6", many) is True
        assert holds("event_data.l.exists(i, i > 0)", many) is True
        assert holds("event_data.l.all(i, i < 0)", many) is False
        assert holds("1 in event_data.l", many) is True

    def test_elements_that_are_compared_count(self) -> None:
        # 5 nodes: ==, and two fields of two nodes; then one for each pair.
        at_most = [1] * (BUDGET - 5)

        assert holds("event_data.l == event_data.m", {"l": at_most, "m": list(at_most)}) is True
        at_most.append(1)
        text = "event_data.l == event_data.m"
        assert holds(text, {"l": at_most, "m": list(at_most)}) == TOO_LONG
        assert holds(text, {"l": at_most, "m": [1]}) is False

    def test_items_that_in_looks_at_count(self) -> None:
        # 4 nodes: in, the number, a field of two.
        assert holds("5 in event_data.l", {"l": [1] * (BUDGET - 4)}) is False
        assert holds("5 in event_data.l", {"l": [1] * (BUDGET - 3)}) == TOO_LONG

    def test_each_evaluation_has_its_own(self) -> None:
        for _ in range(3):
            assert holds(self.TEXT, {"l": [1] * 3000}) is True

    def test_data_as_deep_as_json_may_be_break_nothing(self) -> None:
        deep: Any = []
        for _ in range(900):
            deep = [deep]

        assert holds("event_data.l == event_data.m", {"l": deep, "m": [deep]}) is False
        assert holds("event_data.l == event_data.l", {"l": deep}) is True
