"""``&& || ! ?:`` and the macros over {true, false, an error, a number}: the whole tables."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from tests.core.expressions.evaluating import value_of

DATA = {"T": True, "F": False, "N": 1}
"""``E`` is what the event has not."""
PAIRS = list(product("TFEN", repeat=2))
TRIPLES = list(product("TFEN", repeat=3))
T, F = "T", "F"


def verdict(text: str, data: Any = None) -> str:
    """Return T, F, or E for an error."""
    value = value_of(text, DATA if data is None else data)
    return {True: T, False: F}[value] if isinstance(value, bool) else "E"


def _of(letter: str) -> str:
    return f"event_data.{letter}"


AND = {"TT": T, "TF": F, "TE": "E", "TN": "E", "FT": F, "FF": F, "FE": F, "FN": F}
AND |= {"ET": "E", "EF": F, "EE": "E", "EN": "E", "NT": "E", "NF": F, "NE": "E", "NN": "E"}
OR = {"TT": T, "TF": T, "TE": T, "TN": T, "FT": T, "FF": F, "FE": "E", "FN": "E"}
OR |= {"ET": T, "EF": "E", "EE": "E", "EN": "E", "NT": T, "NF": "E", "NE": "E", "NN": "E"}


@pytest.mark.parametrize(("sign", "table"), [("&&", AND), ("||", OR)])
@pytest.mark.parametrize("pair", PAIRS)
def test_an_error_does_not_matter_where_the_other_side_decides(
    sign: str, table: dict[str, str], pair: tuple[str, str]
) -> None:
    left, right = map(_of, pair)

    assert verdict(f"{left} {sign} {right}") == table["".join(pair)]


@pytest.mark.parametrize(("sign", "table"), [("&&", AND), ("||", OR)])
@pytest.mark.parametrize("letters", TRIPLES)
def test_a_chain_is_what_its_pairs_are(
    sign: str, table: dict[str, str], letters: tuple[str, str, str]
) -> None:
    first, second, third = letters
    parts = map(_of, letters)

    assert verdict(f" {sign} ".join(parts)) == table[table[first + second] + third]


@pytest.mark.parametrize(("letter", "is_not"), [(T, F), (F, T), ("E", "E"), ("N", "E")])
def test_not_of_an_error_or_of_a_number_is_an_error(letter: str, is_not: str) -> None:
    assert verdict(f"!{_of(letter)}") == is_not


@pytest.mark.parametrize(("signs", "answer"), [("!", F), ("!!", T), ("!!!", F), ("!!!!", T)])
def test_two_nots_are_none(signs: str, answer: str) -> None:
    assert verdict(f"{signs}event_data.T") == answer


@pytest.mark.parametrize("letters", TRIPLES)
def test_a_choice_looks_at_one_side_alone(letters: tuple[str, str, str]) -> None:
    condition, then, otherwise = letters
    of = {T: then, F: otherwise}.get(condition, "E")

    assert verdict(f"{_of(condition)} ? {_of(then)} : {_of(otherwise)}") == of.replace("N", "E")


ITEMS = {T: True, F: False, "E": {}, "N": {"x": 1}}
"""What ``i.x`` is of each, but for the booleans, which stand for themselves."""


@pytest.mark.parametrize("letters", TRIPLES)
def test_exists_and_all_are_chains_over_a_list(letters: tuple[str, str, str]) -> None:
    data = {"l": [{"x": ITEMS[each]} if each in "TF" else ITEMS[each] for each in letters]}
    first, second, third = letters

    assert verdict("event_data.l.exists(i, i.x)", data) == OR[OR[first + second] + third]
    assert verdict("event_data.l.all(i, i.x)", data) == AND[AND[first + second] + third]


@pytest.mark.parametrize("letters", TRIPLES)
def test_exists_one_wants_an_answer_of_each_item(letters: tuple[str, str, str]) -> None:
    data = {"l": [{"x": ITEMS[each]} if each in "TF" else ITEMS[each] for each in letters]}
    is_sure = set(letters) <= {T, F}
    answer = (T if letters.count(T) == 1 else F) if is_sure else "E"

    assert verdict("event_data.l.exists_one(i, i.x)", data) == answer


def test_of_an_empty_list_nothing_exists_and_all_hold() -> None:
    assert verdict("[].exists(i, event_data.E)") == F
    assert verdict("[].all(i, event_data.E)") == T
    assert verdict("[].exists_one(i, event_data.E)") == F


@pytest.mark.parametrize("over", ["event_data.E", "event_data.N", "event_data", '"abc"', "null"])
@pytest.mark.parametrize("macro", ["exists", "all", "exists_one"])
def test_a_macro_goes_over_a_list_alone(over: str, macro: str) -> None:
    assert verdict(f"{over}.{macro}(i, true)") == "E"
