"""A customer's state stays within its budget, whatever happens."""

from __future__ import annotations

from typing import Any

import orjson

from tests.core.detection.customers import Customer, kinds, ruleset_of
from triggerstream.core.decisions import Bounded
from triggerstream.core.detection import budget as bounds
from triggerstream.core.state.codec import dump_body

START = 100_000


def absences(number: int) -> str:
    return "\n---\n".join(
        f"trigger: t{index:02}\n"
        "when: {sequence: [{event: A}, {absent: X, for: 1h}], per: event_data.k}"
        for index in range(number)
    )


def given_up(out: list[Any]) -> list[Bounded]:
    return [each for each in out if isinstance(each, Bounded)]


def test_waits_over_the_budget_are_given_up_oldest_first() -> None:
    customer = Customer(absences(5))
    for key in range(51):
        assert given_up(customer.happens("A", START + key, k=key)) == []

    out = customer.happens("A", START + 51, k=51)

    assert given_up(out) == [Bounded("wait", f"t{index:02}", "c") for index in (4, 3, 2, 1)]
    assert len(customer.state.waits) == bounds.WAITS
    fired = [firing for firing in customer.waits_until(START * 100) if firing.trigger == "t04"]
    assert [firing.instance for firing in fired] == [str(key) for key in range(1, 52)]


def test_bytes_over_the_budget_are_given_up_from_the_largest_slot() -> None:
    customer = Customer(
        absences(1) + "\n---\n{trigger: small, when: {count: A, at_least: 9, within: 1h}}"
    )
    out = []
    for key in range(7):
        out += customer.happens("A", START + key, k=key, text="x" * 100_000)

    assert given_up(out) == [Bounded("slot", "t00", "c")] * 3
    assert kinds(customer.happens("B", START + 8)) == []
    assert customer.holders == {"small", "t00"}
    assert customer.instances("t00") == ["3", "4", "5", "6"]


def test_what_is_given_up_does_not_depend_on_when_states_are_stored() -> None:
    ends = {stored_every: crowded(stored_every) for stored_every in (1, 3, 1000)}

    assert ends[1] == ends[3] == ends[1000]
    assert len(ends[1][1]) > 10


def crowded(stored_every: int) -> tuple[bytes, list[Bounded]]:
    """Return the last state of a customer with ever larger events, and what was given up."""
    customer = Customer(absences(2))
    program, ruleset, state = customer.program, customer.ruleset, customer.state
    out: list[Any] = []
    for number in range(40):
        data = {"k": number, "text": "x" * (9_000 + 700 * number)}
        event = {"customer_id": "c", "event_type": "A", "timestamp": START, "event_data": data}
        message = program.read(orjson.dumps(event), START, 3, number, None, ())
        program.on_message(state, message, ruleset, START, START, number, out)
        assert len(dump_body(state)) <= bounds.BYTES
        if number % stored_every == 0:
            state = program.load("c", program.dump(state, number))
    return program.dump(state, 40), given_up(out)


def test_firings_of_triggers_that_are_gone_are_forgotten_first() -> None:
    customer = Customer("{trigger: old, when: {event: B}}")
    customer.happens("B", START)
    customer.ruleset = ruleset_of(absences(1))
    for key in range(7):
        customer.happens("A", START + key, k=key, text="x" * 100_000)

    assert customer.state.limits == {}


def test_a_full_profile_leaves_out_and_counts() -> None:
    customer = Customer("{trigger: t, when: {event: A}}")

    out = customer.happens("identify", START, one="x" * 100_000, two="x" * 100_000)

    assert given_up(out) == [Bounded("attribute", "", "c")]
    assert customer.state.profile.keys() == {"one"}
