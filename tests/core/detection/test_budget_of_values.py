"""What is derived of a customer stays within the budget of their state, too."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.detection.customers import Customer, ruleset_of
from triggerstream.core.decisions import Bounded
from triggerstream.core.detection import budget as bounds
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.patterns.aggregates import MOST_HELD
from triggerstream.core.state.codec import dump_body

START = 1_767_225_600_000
HOUR = 3_600_000

HEADS = {
    "count": "count: a",
    "count in a window": "count: a\nwithin: 6h",
    "count of values": "count: a\ndistinct: event_data.k\nwithin: 6h",
    "sum": "sum: event_data.n\non: a",
    "sum in a window": "sum: event_data.n\non: a\nwithin: 6h",
    "first": "first: event_data.k\non: a",
    "first, begun": "first: event_data.k\non: a\nstart: profile.k",
    "last": "last: event_data.k\non: a\nwithin: 3h",
    "last, begun": "last: event_data.k\non: [a, b]\nstart: profile.k",
    "last moment": "last: at\non: a",
    "top": "top: event_data.k\non: a",
    "points": "points: {a: 0.1}\nhalf_life: 1h",
}
WATCHING = """
segment: often
is: {count: a, at_least: 2, within: 2h}
---
segment: both
is: {all: [{segment: often}, {profile.k: {equals: k}}]}
---
trigger: tells
when: {changed: profile.k}
---
trigger: hears
when: {count: [{fired: tells}, {entered: often}], at_least: 3, within: 6h}
---
trigger: falls
when: {trend: a, below: 0.5, recent: 8m, baseline: 96m, min: 1}
---
trigger: reads
when: {event: b}
if: {profile.v: {equals: 1}, since_last: {event: a, at_least: 1h}}
"""
LONG = ["k" * 250, "\u00e4\n" * 60, "x" * 400, "k", 1, True, 1e300, -(2**62), None]


@st.composite
def logs(draw: Any) -> list[dict[str, Any]]:
    said = st.tuples(
        st.sampled_from(["a", "a", "b", "identify"]),
        st.sampled_from(LONG),
        st.integers(0, 400),
        st.sampled_from([1, 60_000, HOUR]),
    )
    at, log = START, []
    for event_type, value, number, after in draw(st.lists(said, min_size=1, max_size=25)):
        at += after
        text = f"{value}{number}"[-300:] if type(value) is str else value
        log.append({"event_type": event_type, "timestamp": at, "event_data": {"k": text, "n": 1e9}})
    return log


@pytest.mark.parametrize("head", HEADS.values(), ids=list(HEADS))
@settings(max_examples=15)
@given(logs(), st.booleans())
def test_the_weight_is_an_upper_bound_of_what_is_derived(
    head: str, log: list[dict[str, Any]], is_adopted: bool
) -> None:
    whole = ruleset_of(f"attribute: v\n{head}\n---{WATCHING}")
    customer = Customer("{trigger: t, when: {event: A}}" if is_adopted else whole)
    for number, event in enumerate(log):
        if number == 1:
            customer.ruleset = whole
        value, at = orjson.dumps({"customer_id": "c", **event}), event["timestamp"]
        message = customer.program.read(value, at, 3, number, None, ())
        state = customer.state
        # As `enforce` leaves it: what an event adds, it must add to the weight itself.
        state.weight = bounds._size(state) + bounds.UNCOUNTED
        customer.program.on_message(state, message, customer.ruleset, at, at, number, [])
        assert state.weight >= bounds._size(state)


def grown(customer: Customer, event_type: str, at: int, **data: Any) -> int:
    """Let an event happen to who has no room to spare; return by how much the weight is over."""
    state, program = customer.state, customer.program
    state.weight = bounds._size(state) + bounds.UNCOUNTED
    event = {"customer_id": "c", "event_type": event_type, "event_id": str(at), "timestamp": at}
    message = program.read(orjson.dumps({**event, "event_data": data}), at, 3, at, None, ())
    program.on_message(state, message, customer.ruleset, at, at, at, [])
    return state.weight - bounds._size(state)


@pytest.mark.parametrize("head", ["first", "last"])
def test_what_values_begin_with_by_being_asked_for_weighs(head: str) -> None:
    attributes = [
        f"{{attribute: v{n}, {head}: event_data.k{n}, on: x, start: profile.k}}" for n in range(9)
    ]
    tests = [f"{{profile.v{n}: {{not_equals: b}}}}" for n in range(9)]
    trigger = f"{{trigger: t, when: {{event: b}}, if: {{all: [{', '.join(tests)}]}}}}"
    customer = Customer("\n---\n".join([*attributes, trigger]))
    assert grown(customer, "identify", START, k="k" * 250) >= 0

    assert grown(customer, "b", START + 1) >= 0


def test_a_number_that_begins_by_being_asked_for_weighs() -> None:
    attributes = [f"{{attribute: v{n}, sum: event_data.k{n}, on: x, start: 7}}" for n in range(50)]
    tests = [f"{{profile.v{n}: {{equals: 7}}}}" for n in range(50)]
    trigger = f"{{trigger: t, when: {{event: b}}, if: {{all: [{', '.join(tests)}]}}}}"

    assert grown(Customer("\n---\n".join([*attributes, trigger])), "b", START) >= 0


def test_a_session_that_grows_weighs() -> None:
    types = [f"{n:064}" for n in range(5)]
    customer = Customer(
        ruleset_of(
            "{trigger: t, when: {session: ended}}", f"activity: {orjson.dumps(types).decode()}"
        )
    )
    customer.happens(types[0], START)

    for n in range(1, 40):
        assert grown(customer, types[n % 5], START + n, url="u" * min(224, 10 * n)) >= 0


def crowded(stored_every: int) -> tuple[bytes, list[Bounded]]:
    """Return the last state of a customer of whom far too much is kept, and what was given up."""
    values = "\n---\n".join(
        f"{{attribute: a{n}, count: e, distinct: event_data.k{n}, within: 400d}}" for n in range(4)
    )
    customer = Customer(f"{values}\n---\n{{segment: s, is: {{count: e, at_least: 1, within: 1h}}}}")
    program, ruleset, state = customer.program, customer.ruleset, customer.state
    out: list[Any] = []
    for number in range(MOST_HELD + 50):
        data = {f"k{n}": f"{number:0{200 + 5 * n}}" for n in range(4)}
        event = {"customer_id": "c", "event_type": "e", "timestamp": START + number}
        value = orjson.dumps({**event, "event_data": data})
        message = program.read(value, START + number, 3, number, None, ())
        program.on_message(state, message, ruleset, START + number, START, number, out)
        assert len(dump_body(state)) <= bounds.BYTES
        if number % stored_every == 0:
            state = program.load("c", program.dump(state, number))
    return program.dump(state, 0), [each for each in out if isinstance(each, Bounded)]


def test_windows_of_long_values_are_given_up_by_the_budget_whenever_they_were_stored() -> None:
    ends = [crowded(stored_every) for stored_every in (1, 7, 10_000)]

    assert ends[0] == ends[1] == ends[2]
    assert ends[0][1] == [Bounded("attribute", "", "c")] * len(ends[0][1])
    assert 0 < len(ends[0][1]) < 10


def test_who_is_in_a_segment_that_is_given_up_is_woken_for_it_no_more() -> None:
    customer = Customer("{segment: s, is: {count: e, at_least: 1, within: 1h}}")
    customer.happens("e", START)
    state = customer.state
    assert state.wake < NEVER
    out: list[Any] = []

    bounds._give_up_attributes(state, bounds.BYTES, out)

    assert out == [Bounded("attribute", "", "c")] * 2
    assert (state.due, state.wake) == (NEVER, NEVER)
    assert customer.waits_until(START + 2 * HOUR) == []


def test_a_text_that_is_too_long_for_a_value_begins_none() -> None:
    customer = Customer("{attribute: v, last: event_data.k, on: e, start: profile.k}")
    customer.happens("identify", START, k="x" * 257)
    customer.happens("e", START + 1)
    attribute = customer.ruleset.attributes["v"]

    assert attribute.fold.value(customer.state, START + 1) is None
