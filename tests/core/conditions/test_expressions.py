"""Expressions as conditions: where they stand, what they see, and that an error is false."""

from __future__ import annotations

from typing import Any

import pytest

from triggerstream.core import model
from triggerstream.core.conditions.compile import compile_if, compile_where, describe
from triggerstream.core.events.event import Event
from triggerstream.core.model import AllOf, AnyOf, Condition, Expression, Negation


def event_of(**data: Any) -> Event:
    return Event(
        customer_id="c1",
        event_type="cart_added",
        event_id="e1",
        timestamp=0,
        source="web",
        session_id="s1",
        event_data=data,
        device_info={"type": "mobile"},
        location_data={"country": "DE"},
        metadata={"v": 2},
    )


class Heard:
    """Counts errors."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


@pytest.mark.covers("B17")
@pytest.mark.parametrize(
    "text",
    [
        "event_data.x == 1",
        'event_type == "cart_added"',
        'event_id == "e1"',
        'customer_id == "c1"',
        'source == "web"',
        'session_id == "s1"',
        'device_info.type == "mobile"',
        'location_data.country == "DE"',
        "metadata.v == 2",
    ],
)
def test_an_expression_sees_all_of_the_event(text: str) -> None:
    event = event_of(x=1)

    assert compile_where(Expression(text))(event) is True
    assert compile_if(Expression(text), "UTC")(event, {}, 0) is None
    assert compile_where(Expression(f"!({text})"))(event) is False


def test_under_if_it_sees_the_profile() -> None:
    check = compile_if(Expression("event_data.x > profile.most"), "UTC")

    assert check(event_of(x=2), {"most": 1}, 0) is None
    assert check(event_of(x=1), {"most": 1}, 0) == ("expr event_data.x > profile.most; it is false")


@pytest.mark.covers("B17")
def test_an_error_is_false_and_heard() -> None:
    heard = Heard()
    text = "!(event_data.x > 5)"
    holds = compile_where(Expression(text), heard)
    check = compile_if(Expression(text), "UTC", heard)

    assert (holds(event_of(x=4)), holds(event_of(x=6)), heard.times) == (True, False, 0)
    assert (holds(event_of()), heard.times) == (False, 1)
    assert (holds(event_of(x="4")), heard.times) == (False, 2)
    assert check(event_of(), {}, 0) == (
        "expr !(event_data.x > 5); event_data.x: a value; found nothing"
    )
    assert heard.times == 3


def test_unlike_an_operator_under_not() -> None:
    operator = Negation(model.Test("event_data.x", "greater_than", 5))
    around = Negation(Expression("event_data.x > 5"))

    assert compile_where(operator)(event_of()) is True
    assert compile_where(around)(event_of()) is True
    assert compile_where(Expression("!(event_data.x > 5)"))(event_of()) is False


NO, YES, ERRS = Expression("false"), Expression("true"), Expression("event_data.missing")


@pytest.mark.parametrize(
    ("condition", "is_true", "times"),
    [
        (AllOf((YES, ERRS)), False, 1),
        (AllOf((NO, ERRS)), False, 0),
        (AllOf((YES, YES, ERRS)), False, 1),
        (AnyOf((ERRS, YES)), True, 1),
        (AnyOf((NO, ERRS, YES)), True, 1),
        (AnyOf((YES, ERRS)), True, 0),
        (Negation(ERRS), True, 1),
    ],
    ids=lambda each: "" if isinstance(each, bool | int) else describe(each),
)
def test_it_is_heard_wherever_it_stands(condition: Condition, is_true: bool, times: int) -> None:
    of_where, of_if = Heard(), Heard()

    assert compile_where(condition, of_where)(event_of()) is is_true
    assert (compile_if(condition, "UTC", of_if)(event_of(), {}, 0) is None) is is_true
    assert (of_where.times, of_if.times) == (times, times)


# ── beside the operators ────────────────────────────────────────────────────────────────────

VALUES: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "0": 0,
    "1": 1,
    "50": 50,
    "50.5": 50.5,
    "1e400": float("inf"),
    "empty": "",
    "text": "abc",
    "capitals": "ABC",
    "numeric text": "51",
    "list": ["abc", 1],
    "list of capitals": ["ABC"],
    "empty list": [],
    "object": {"a": 1},
}

THERE = "has(event_data.x) && event_data.x != null"
TWINS: list[tuple[str, Any, str, set[str]]] = [
    ("equals", "abc", 'event_data.x == "abc"', set()),
    ("equals", 1, "event_data.x == 1", set()),
    ("equals", True, "event_data.x == true", set()),
    ("equals", None, "!has(event_data.x) || event_data.x == null", set()),
    ("equals", ["abc", 1], 'event_data.x == ["abc", 1]', set()),
    ("not_equals", "abc", '!has(event_data.x) || event_data.x != "abc"', set()),
    ("greater_than", 50, "event_data.x > 50", {"numeric text", "1e400"}),
    ("greater_than_or_equal", 50, "event_data.x >= 50", {"numeric text", "1e400"}),
    ("less_than", 52, "event_data.x < 52", {"numeric text"}),
    ("less_than_or_equal", 51, "event_data.x <= 51", {"numeric text"}),
    ("between", [0, 51], "event_data.x >= 0 && event_data.x <= 51", {"numeric text"}),
    ("contains", "ab", 'event_data.x.contains("ab")', {"capitals"}),
    ("contains", "abc", '"abc" in event_data.x', {"text", "capitals", "list of capitals"}),
    ("not_contains", "ab", f'!({THERE}) || !event_data.x.contains("ab")', set()),
    ("in_list", ["abc", 1, True], 'event_data.x in ["abc", 1, true]', set()),
    ("not_in_list", ["abc", 1], f'!({THERE}) || !(event_data.x in ["abc", 1])', set()),
    ("exists", True, THERE, set()),
    ("exists", False, f"!({THERE})", set()),
    ("starts_with", "ab", 'event_data.x.startsWith("ab")', set()),
    ("matches", "^a.c$", 'event_data.x.matches("^a.c$")', set()),
]
"""Operator, operand, what says the same, and the values of which it does not: an operator takes a
text that reads as a number for one, no infinity, and no letter's case. Where `not_contains` is
asked of what is no text, an expression errs."""

_NO_TEXTS = {"true", "false", "0", "1", "50", "50.5", "1e400", "list", "list of capitals"}
_NO_TEXTS |= {"empty list", "object", "capitals"}


@pytest.mark.parametrize(
    ("operator", "operand", "text", "but"),
    TWINS,
    ids=[f"{operator} {operand}" for operator, operand, *_ in TWINS],
)
def test_an_operator_has_a_twin(operator: Any, operand: Any, text: str, but: set[str]) -> None:
    by_operator = compile_where(model.Test("event_data.x", operator, operand))
    by_expression = compile_where(Expression(text))
    events = {name: event_of(x=value) for name, value in VALUES.items()} | {"missing": event_of()}

    differing = {
        name for name, event in events.items() if by_operator(event) != by_expression(event)
    }

    assert differing == (but or (_NO_TEXTS if operator == "not_contains" else set()))
