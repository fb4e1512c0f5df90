"""What one test of a condition costs, compiled, beside walking the condition for every event.

Claims: a compiled test costs 0.1 to 0.4 microseconds (a pattern a few), and less than half of a
walk over the tree; an expression costs at most three times as much as the operators
that say the same; testing at the path in one call (`compile_event_test`) is cheaper
than getting the value and then testing it.

    python benchmarks/conditions.py

Process CPU time, the least of interleaved repeats in one run. Only ratios travel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from time import process_time_ns

from triggerstream.core.conditions.compile import compile_where
from triggerstream.core.conditions.operators import compile_operator
from triggerstream.core.conditions.paths import compile_event_path
from triggerstream.core.events.event import Event
from triggerstream.core.model import AllOf, Condition, Expression, Test

CALLS = 20_000
REPEATS = 15

EVENT = Event(
    customer_id="c42",
    event_type="cart_added",
    event_id="e1",
    timestamp=0,
    source="web",
    event_data={
        "total": 99.9,
        "cart": {"lines": 3},
        "sku": "A-1",
        "country": "DE",
        "before": 120,
        "items": [{"price": 9.5}] * 10,
    },
)
TOTAL = Test("event_data.total", "greater_than", 50)
CONDITIONS: dict[str, Condition] = {
    "a number": TOTAL,
    "a text": Test("source", "equals", "web"),
    "two levels down": Test("event_data.cart.lines", "equals", 3),
    "a list": Test("event_data.sku", "in_list", ["A-1", "A-2"]),
    "a pattern": Test("event_data.sku", "matches", "^A-[0-9]"),
    "both of two": AllOf((TOTAL, Test("source", "equals", "web"))),
    "both of the paper": AllOf((TOTAL, Test("event_data.country", "equals", "DE"))),
}
EXPRESSIONS = {
    "a number": "event_data.total > 50",
    "a text": 'source == "web"',
    "two levels down": "event_data.cart.lines == 3",
    "a list": 'event_data.sku in ["A-1", "A-2"]',
    "a pattern": "event_data.sku.matches('^A-[0-9]')",
    "both of two": 'event_data.total > 50 && source == "web"',
    "both of the paper": 'event_data.total > 50.0 && event_data.country == "DE"',
    "two fields": "event_data.total < event_data.before",
    "some of ten": "event_data.items.exists(i, i.price > 500)",
    "no value": "event_data.missing > 50",
}


def walk(condition: Condition, event: Event) -> bool:
    """Decide as plainly as can be: follow path and operator anew for every event."""
    if isinstance(condition, AllOf):
        return all(walk(each, event) for each in condition.conditions)
    if not isinstance(condition, Test):
        raise TypeError(condition)
    root, *keys = condition.path.split(".")
    value = getattr(event, root)
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    if condition.operator == "greater_than":
        return isinstance(value, (int, float)) and value > condition.operand
    if condition.operator == "in_list":
        return value in condition.operand
    return bool(value == condition.operand)


def in_two_calls(test: Test) -> Callable[[Event], bool]:
    get = compile_event_path(test.path)
    holds = compile_operator(test.operator, test.operand)
    return lambda event: holds(get(event))


def cost(call: Callable[[Event], bool]) -> int:
    """Return the nanoseconds of `CALLS` calls."""
    started = process_time_ns()
    for _ in range(CALLS):
        call(EVENT)
    return process_time_ns() - started


def main() -> None:
    contenders: dict[tuple[str, str], Callable[[Event], bool]] = {}
    for name, condition in CONDITIONS.items():
        contenders[name, "compiled"] = compile_where(condition)
        if name != "a pattern":
            contenders[name, "walked"] = partial(walk, condition)
    contenders["a number", "in two calls"] = in_two_calls(TOTAL)
    for name, text in EXPRESSIONS.items():
        contenders[name, "expression"] = compile_where(Expression(text))
    empty = min(cost(lambda _event: True) for _ in range(REPEATS))
    least = dict.fromkeys(contenders, 1 << 62)
    for _ in range(REPEATS):
        for key, call in contenders.items():
            least[key] = min(least[key], cost(call))
    for (name, way), spent in least.items():
        print(f"{name:16} {way:14} {(spent - empty) / CALLS / 1000:6.2f} µs")


if __name__ == "__main__":
    main()
