"""What a condition demands is there wherever it holds: by hand, and held against the engine."""

from __future__ import annotations

from typing import Any

import pytest

from triggerstream.core import model
from triggerstream.core.conditions.compile import compile_where
from triggerstream.core.conditions.demands import demanded
from triggerstream.core.conditions.operators import OPERATORS
from triggerstream.core.events.event import Event
from triggerstream.core.model import AllOf, AnyOf, Condition, DayOfWeek, Negation

A, B = "event_data.a", "event_data.b"
IS_A = model.Test(A, "exists", True)
IS_B = model.Test(B, "equals", 1)
NOT_A = model.Test(A, "not_equals", 1)


@pytest.mark.parametrize(
    ("condition", "paths"),
    [
        (None, set()),
        (IS_A, {A}),
        (model.Test(A, "exists", False), set()),
        (model.Test(A, "equals", None), set()),
        (model.Test(A, "not_equals", None), {A}),
        (NOT_A, set()),
        (Negation(NOT_A), {A}),
        (Negation(IS_A), set()),
        (Negation(model.Test(A, "exists", False)), {A}),
        (AllOf((IS_A, IS_B)), {A, B}),
        (AnyOf((IS_A, IS_B)), set()),
        (AnyOf((IS_A, AllOf((IS_A, IS_B)))), {A}),
        (Negation(AnyOf((NOT_A, NOT_A))), {A}),
        (Negation(AllOf((NOT_A, NOT_A))), {A}),
        (Negation(AllOf((NOT_A, IS_B))), set()),
        (DayOfWeek((0,)), set()),
        (AnyOf((IS_A, DayOfWeek((0,)))), set()),
    ],
)
def test_what_is_demanded(condition: Condition | None, paths: set[str]) -> None:
    assert demanded(condition) - {"event_data"} == paths


def test_with_a_path_goes_what_it_leads_through() -> None:
    assert demanded(model.Test("profile.cart.total", "greater_than", 1)) == {
        "profile",
        "profile.cart",
        "profile.cart.total",
    }


_OPERANDS: dict[str, Any] = {
    "contains": "x",
    "not_contains": "x",
    "in_list": [None, 1],
    "not_in_list": [1],
    "exists": True,
    "between": (1, 2),
    "starts_with": "x",
    "matches": "x",
}


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("is_negated", [False, True])
def test_what_is_demanded_is_what_a_missing_value_does_not_pass(
    operator: str, is_negated: bool
) -> None:
    test: Condition = model.Test(A, operator, _OPERANDS.get(operator, 1))  # type: ignore[arg-type]
    condition = Negation(test) if is_negated else test
    without = Event(customer_id="c", event_type="t", event_id="e", timestamp=0)

    assert (A in demanded(condition)) is not compile_where(condition)(without)
