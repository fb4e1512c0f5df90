"""Conditions, compiled to closures: ``where`` on an event, ``if`` at the moment of firing.

Which getter and which comparison is decided when the ruleset is compiled; a call only follows
them (``benchmarks/conditions.py``: 0.1 to 0.4 µs a test). Both kinds are total: they never raise.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from math import ceil
from typing import Any

from triggerstream.core.conditions.calendar import (
    CalendarCondition,
    compile_calendar,
    describe_calendar,
)
from triggerstream.core.conditions.check import Check
from triggerstream.core.conditions.expressions import (
    Erred,
    compile_event_expression,
    compile_expression,
    unheard,
)
from triggerstream.core.conditions.numbers import (
    compile_number,
    compile_operand,
    default_of,
    in_force,
    tables_in,
)
from triggerstream.core.conditions.operators import compile_operator
from triggerstream.core.conditions.paths import compile_event_path, compile_event_test, compile_path
from triggerstream.core.durations import format_duration
from triggerstream.core.events.event import Event
from triggerstream.core.model import (
    COMPARATORS,
    AllOf,
    AnyOf,
    Condition,
    Counted,
    Expression,
    Held,
    InSegment,
    Negation,
    Number,
    SinceLast,
    Table,
    Test,
)
from triggerstream.core.timestamps import format_moment, read_moment

Predicate = Callable[[Event], bool]
"""A test of one event."""

INSTANCE = "~"
"""Where in the profile the instance at hand stands, as `short_instance`, for who counts its events:
no attribute has that name."""

_SHOWN = 80
"""Characters of a value that an account shows; values are customers' data."""


def compile_where(condition: Condition, erred: Erred = unheard) -> Predicate:
    """Return the predicate of a ``where``. *erred* hears of each expression that had no value.

    Raises:
        TypeError: *condition* reads the calendar, which an event does not have.
    """
    match condition:
        case Test(path, operator, operand):
            if any(tables_in(operand)):
                return _looked_up_where(path, operator, operand)
            return compile_event_test(path, compile_operator(operator, in_force(operand)))
        case AllOf(conditions):
            return _every([compile_where(each, erred) for each in conditions])
        case AnyOf(conditions):
            return _some([compile_where(each, erred) for each in conditions])
        case Negation(inner):
            holds = compile_where(inner, erred)
            return lambda event: not holds(event)
        case Expression(text):
            return compile_event_expression(text, erred)
        case _:
            msg = f"where: a test of the event; found {type(condition).__name__}"
            raise TypeError(msg)


def _looked_up_where(path: str, operator: str, operand: Any) -> Predicate:
    get, look_up = compile_event_path(path), compile_operand(operand)

    def holds(event: Event) -> bool:
        return compile_operator(operator, look_up(event, _NOBODY))(get(event))

    return holds


_NOBODY: dict[str, Any] = {}


def _every(predicates: list[Predicate]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]
    if len(predicates) == 2:
        first, second = predicates
        return lambda event: first(event) and second(event)

    def holds(event: Event) -> bool:
        for predicate in predicates:  # noqa: SIM110 - all() with a generator takes twice as long
            if not predicate(event):
                return False
        return True

    return holds


def _some(predicates: list[Predicate]) -> Predicate:
    if len(predicates) == 1:
        return predicates[0]

    def holds(event: Event) -> bool:
        for predicate in predicates:  # noqa: SIM110 - any() with a generator takes twice as long
            if predicate(event):
                return True
        return False

    return holds


def compile_if(condition: Condition, default_zone: str, erred: Erred = unheard) -> Check:
    """Return the check of an ``if``.

    Args:
        default_zone: The zone of customers who name none.
        erred: Hears of each expression that had no value.
    """
    match condition:
        case Test(path, operator, operand):
            return _check(path, operator, operand)
        case AllOf(conditions):
            return _all_hold([compile_if(each, default_zone, erred) for each in conditions])
        case AnyOf(conditions):
            return _any_holds([compile_if(each, default_zone, erred) for each in conditions])
        case Negation(inner):
            holds = compile_if(inner, default_zone, erred)
            return _does_not_hold(holds, f"not({describe(inner)}); it holds")
        case Expression(text):
            return compile_expression(text, erred)
        case _:
            return _other_check(condition, default_zone)


def _other_check(
    condition: InSegment | Held | SinceLast | Counted | CalendarCondition, default_zone: str
) -> Check:
    if isinstance(condition, SinceLast):
        return _since_last(condition)
    if isinstance(condition, Counted):
        return _counted(condition)
    if isinstance(condition, Held):
        return _check(condition.path, condition.operator, condition.value)
    if isinstance(condition, InSegment):
        return _in_segment(condition)
    return _calendar_check(condition, default_zone)


def _check(path: str, operator: str, operand: Any) -> Check:
    if any(tables_in(operand)):
        return _looked_up_check(path, operator, operand)
    get, operand = compile_path(path), in_force(operand)
    holds = compile_operator(operator, operand)
    required = f"{path} {operator} {_shown(operand)}"

    def check(
        event: Event, profile: dict[str, Any], at: int, read_at: int | None = None
    ) -> str | None:
        value = get(event, profile)
        return None if holds(value) else f"{required}; found {_shown(value)}"

    return check


def _looked_up_check(path: str, operator: str, operand: Any) -> Check:
    get, look_up = compile_path(path), compile_operand(operand)

    def check(
        event: Event, profile: dict[str, Any], at: int, read_at: int | None = None
    ) -> str | None:
        value, number = get(event, profile), look_up(event, profile)
        if compile_operator(operator, number)(value):
            return None
        return f"{path} {operator} {_shown(number)}; found {_shown(value)}"

    return check


def _since_last(condition: SinceLast) -> Check:
    get = compile_path(condition.path)
    duration, is_least = condition.duration, condition.is_least
    required = describe(condition)

    def check(
        event: Event, profile: dict[str, Any], at: int, read_at: int | None = None
    ) -> str | None:
        last = moment_of(get(event, profile))
        now = at if read_at is None else read_at
        holds = is_least if last is None else (now - last >= duration) is is_least
        if holds:
            return None
        return f"{required}; found {'never' if last is None else format_moment(last)}"

    return check


def moment_of(value: Any) -> int | None:
    """Return the moment that *value* says in epoch milliseconds, or ``None`` if it says none."""
    if type(value) is int:
        return value
    try:
        return None if value is None else read_moment(value)
    except ValueError:
        return None


def _in_segment(condition: InSegment) -> Check:
    names, required = frozenset(condition.names), describe(condition)

    def check(
        event: Event, profile: dict[str, Any], at: int, read_at: int | None = None
    ) -> str | None:
        found = profile.get("segments")
        if found and not names.isdisjoint(found):
            return None
        return f"{required}; found {_shown(found or None)}"

    return check


def _counted(condition: Counted) -> Check:
    get, compare = compile_path(condition.path), COMPARATORS[condition.comparator]
    counted = counted_number(condition.threshold, condition.of.head)
    look_up = compile_number(counted) if any(tables_in(counted)) else None
    threshold = default_of(counted)
    required = describe(condition)
    is_of_instance = condition.of.head == "instances"

    def check(
        event: Event, profile: dict[str, Any], at: int, read_at: int | None = None
    ) -> str | None:
        value = get(event, profile)
        if is_of_instance:
            value = value.get(profile.get(INSTANCE), 0)
        number = threshold if look_up is None else look_up(event, profile)
        return None if compare(value, number) else f"{required}; found {_shown(value)}"

    return check


def _calendar_check(condition: CalendarCondition, default_zone: str) -> Check:
    holds = compile_calendar(condition, default_zone)
    required = describe_calendar(condition)

    def check(
        event: Event, profile: dict[str, Any], at: int, read_at: int | None = None
    ) -> str | None:
        return None if holds(profile, at) else f"{required}; it is not"

    return check


def _all_hold(checks: list[Check]) -> Check:
    def check(
        event: Event, profile: dict[str, Any], at: int, read_at: int | None = None
    ) -> str | None:
        for each in checks:
            against = each(event, profile, at, read_at)
            if against is not None:
                return against
        return None

    return check


def _any_holds(checks: list[Check]) -> Check:
    def check(
        event: Event, profile: dict[str, Any], at: int, read_at: int | None = None
    ) -> str | None:
        against = []
        for each in checks:
            found = each(event, profile, at, read_at)
            if found is None:
                return None
            against.append(found)
        return f"any: none holds ({' | '.join(against)})"

    return check


def _does_not_hold(inner: Check, against: str) -> Check:
    def check(
        event: Event, profile: dict[str, Any], at: int, read_at: int | None = None
    ) -> str | None:
        return None if inner(event, profile, at, read_at) is not None else against

    return check


def describe(condition: Condition) -> str:
    """Return *condition* in one line, for people."""
    match condition:
        case Test(path, operator, operand):
            return f"{path} {operator} {_shown(operand)}"
        case AllOf(conditions):
            return f"all({', '.join(map(describe, conditions))})"
        case AnyOf(conditions):
            return f"any({', '.join(map(describe, conditions))})"
        case Negation(inner):
            return f"not({describe(inner)})"
        case Expression(text):
            return f"expr {text}"
        case _:
            return _described(condition)


def _described(condition: InSegment | Held | SinceLast | Counted | CalendarCondition) -> str:
    if isinstance(condition, SinceLast):
        what = condition.path if condition.of is None else "/".join(condition.of.on.types)
        bound = "at_least" if condition.is_least else "less_than"
        return f"since_last {what} {bound} {format_duration(condition.duration)}"
    if isinstance(condition, Counted):
        what = "/".join(condition.of.on.types)
        return f"{condition.of.head} of {what} {condition.comparator} {_shown(condition.threshold)}"
    if isinstance(condition, Held):
        return f"{'/'.join(condition.of.on.types)} {condition.operator} {_shown(condition.value)}"
    if isinstance(condition, InSegment):
        return f"segment {' or '.join(condition.names)}"
    return describe_calendar(condition)


def counted_number(number: Number, head: str | None) -> Number:
    """Return *number* as a threshold of what *head* counts: of whole numbers it is one, rounded up
    (76), and no more than a count holds."""
    found = in_force(number)
    if head in {"sum", "average"} or number is found:
        return number
    if isinstance(found, Table):
        cases = tuple([(case, _whole(each)) for case, each in found.cases])
        return Table(found.by, cases, _whole(found.default))
    return _whole(found)


def _whole(number: float) -> int:
    return min(max(ceil(number), 0), _MOST_HELD)


_MOST_HELD = 1_000
"""Events that one count holds (17)."""


def _shown(value: Any) -> str:
    value = in_force(value)
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=_said)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def _said(value: Any) -> Any:
    """Return a table as files have it."""
    if isinstance(value, Table):
        return {"by": value.by, **dict(value.cases), "default": value.default}
    return str(value)
