"""What one expression costs an event: ours, the operators that say the same, and libraries of CEL.

Claim: an expression of ours costs a few times what its operators do, and no library stands in the
loop of the engine, whose events cost a few microseconds as a whole.

    python benchmarks/expressions.py

Libraries are no dependencies: which of them are there takes part (``cel-expr-python``,
``common-expression-language``, ``cel-python``), compiled once, and given the event as they want it.
Process CPU time, the least and the median of rounds that take turns. Only ratios travel.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from statistics import median
from time import process_time_ns
from typing import Any

from triggerstream.core.conditions.compile import compile_where
from triggerstream.core.events.event import Event
from triggerstream.core.model import AllOf, Expression, Test

TEXT = 'event_data.total > 50.0 && event_data.country == "DE"'
DATA = {"total": 99.9, "country": "DE"}
EVENT = Event(customer_id="c", event_type="t", event_id="e", timestamp=0, event_data=DATA)
TESTS = AllOf(
    (Test("event_data.total", "greater_than", 50.0), Test("event_data.country", "equals", "DE"))
)
CALLS = 2_000
ROUNDS = 25


def google() -> Callable[[], Any]:
    from cel_expr_python import cel  # noqa: PLC0415 - where it is installed

    compiled = cel.NewEnv(variables={"event_data": cel.Type.DYN}).compile(TEXT)
    return lambda: compiled.eval(data={"event_data": DATA}).plain_value()


def rust() -> Callable[[], Any]:
    import cel  # noqa: PLC0415 - where it is installed

    return partial(cel.compile(TEXT).execute, {"event_data": DATA})


def python() -> Callable[[], Any]:
    import celpy  # noqa: PLC0415 - where it is installed

    environment = celpy.Environment()
    program = environment.program(environment.compile(TEXT))
    return partial(program.evaluate, {"event_data": celpy.json_to_cel(DATA)})


PEERS = {
    "cel-expr-python": google,
    "common-expression-language": rust,
    "cel-python": python,
}


def cost(call: Callable[[], Any]) -> float:
    """Return the microseconds of one call."""
    started = process_time_ns()
    for _ in range(CALLS):
        call()
    return (process_time_ns() - started) / CALLS / 1000


def main() -> None:
    contenders: dict[str, Callable[[], Any]] = {
        "operators": partial(compile_where(TESTS), EVENT),
        "expression": partial(compile_where(Expression(TEXT)), EVENT),
    }
    for name, build in PEERS.items():
        try:
            contenders[f"{name} {version(name)}"] = build()
        except PackageNotFoundError:
            print(f"{name} is not installed")
    assert all(bool(call()) for call in contenders.values())
    spent: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, call in contenders.items():
            spent[name].append(cost(call))
    for name, rounds in spent.items():
        print(f"{name:36} {min(rounds):8.2f} µs, median {median(rounds):8.2f}")


if __name__ == "__main__":
    main()
