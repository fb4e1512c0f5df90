"""A customer's state stays within its budget, whatever happens."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.detection.customers import Customer, kinds, ruleset_of
from tests.reference.stories import Json
from tests.reference.strategies import logs, trigger_sets
from triggerstream.core.decisions import Bounded
from triggerstream.core.detection import budget as bounds
from triggerstream.core.state.codec import dump_body
from triggerstream.core.state.customer import DIGEST, MOST, CustomerState

START = 100_000


def absences(number: int) -> str:
    return "\n---\n".join(
        f"trigger: t{index:02}\n"
        "when: {sequence: [{event: A}, {absent: X, for: 1h}], per: event_data.k}"
        for index in range(number)
    )


def given_up(out: list[Any]) -> list[Bounded]:
    return [each for each in out if isinstance(each, Bounded)]


@pytest.mark.covers("E9")
def test_waits_over_the_budget_are_given_up_oldest_first() -> None:
    customer = Customer(absences(5))
    for key in range(51):
        assert given_up(customer.happens("A", START + key, k=key)) == []

    out = customer.happens("A", START + 51, k=51)

    assert given_up(out) == [Bounded("wait", f"t{index:02}", "c") for index in (4, 3, 2, 1)]
    assert len(customer.state.waits) == bounds.WAITS
    fired = [firing for firing in customer.waits_until(START * 100) if firing.trigger == "t04"]
    assert [firing.instance for firing in fired] == [str(key) for key in range(1, 52)]


def test_an_instance_that_does_not_wait_is_not_given_up_for_waits() -> None:
    pair, wait = (
        "sequence: [{event: P}, {event: Q}]",
        "sequence: [{event: A}, {absent: X, for: 1h}]",
    )
    either = f"any: [{{{pair}}}, {{{wait}}}]"
    customer = Customer(
        "\n---\n".join(
            f"{{trigger: t{index}, when: {{{either}, per: event_data.k}}}}" for index in range(5)
        )
    )
    customer.happens("P", START, k="older")
    for key in range(51):
        customer.happens("A", START, k=key)

    out = customer.happens("A", START, k=51)

    assert given_up(out) == [Bounded("wait", f"t{index}", "c") for index in (4, 3, 2, 1)]
    assert kinds(customer.happens("Q", START, k="older")) == ["Firing"] * 5


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


def test_an_event_that_two_triggers_hold_takes_its_bytes_until_both_have_gone() -> None:
    customer = Customer(absences(2))
    out = []
    for key in range(6):
        out += customer.happens("A", START + key, k=key, text="x" * 100_000)

    assert given_up(out) == [Bounded("slot", name, "c") for name in ("t01", "t00") * 3]
    assert [customer.instances(name) for name in ("t00", "t01")] == [["3", "4", "5"]] * 2
    assert len(customer.state.bodies) == 3


def test_the_bytes_of_an_event_go_with_its_wait_although_a_count_holds_it() -> None:
    customer = Customer(
        absences(1) + "\n---\n{trigger: counts, when: {count: A, at_least: 99, within: 1h}}"
    )
    for key in range(6):
        customer.happens("A", START + key, k=key, text="x" * 100_000)

    assert customer.instances("t00") == ["3", "4", "5"]
    assert sorted(customer.state.bodies) == [3, 4, 5]
    assert len(customer.state.times) == 6


COUNTS = "{{trigger: c{}, when: {{count: A, at_least: 1000, within: 1h, per: event_data.k}}}}"


@pytest.mark.parametrize(
    ("triggers", "text", "id_length", "events"),
    [
        pytest.param([absences(4)], 30_000, 3, 40, id="waits"),
        pytest.param([COUNTS.format(1)], 0, 5, 40_000, id="many small events"),
        pytest.param([COUNTS.format(1)], 0, 250, 3_000, id="long ids"),
        pytest.param([absences(2), COUNTS.format(1)], 30_000, 250, 3_000, id="both"),
    ],
)
def test_what_is_given_up_makes_room_for_a_quarter_of_the_budget(
    triggers: list[str], text: int, id_length: int, events: int
) -> None:
    """Nothing is taken for more bytes than it has, or too little would be given up."""
    ruleset = ruleset_of("\n---\n".join(triggers))
    program, state = Customer(ruleset).program, CustomerState(customer_id="c")
    out: list[Any] = []
    for number in range(events):
        fields = {"event_id": f"{number:0{id_length}}", "event_type": "A", "timestamp": START}
        data = {"k": number % 64, "text": "x" * text}
        value = orjson.dumps({"customer_id": "c", **fields, "event_data": data})
        message = program.read(value, START, 3, number, None, ())
        count = len(out)
        program.on_message(state, message, ruleset, START, START, number, out)
        if len(out) > count:
            assert {each.what for each in given_up(out)} == {"slot"}
            assert bounds.BYTES // 2 < len(dump_body(state)) <= bounds.BYTES * 3 // 4
    assert len(out) > 1


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


# ── the weight ──────────────────────────────────────────────────────────────────────────────

LONG: list[Any] = [
    1e300,
    -1e300,
    10**17,
    "k" * 3000,
    "\u00e4\n" * 500,
    "k",
    1,
    None,
    [*range(100)],
    ["k" * 500, "l" * 500],
]
"""As instances, and as values: a number of five bytes may be a text of 301."""
SOME = [
    "count: a, distinct: event_data.n, at_least: 900, within: 6h, per: event_data.k",
    "count: a, sum: event_data.n, at_most: 1, within: 6h, per: event_data.k",
    "count: [a, b], at_least: 1000, within: 6h, per: event_data.k",
    "sequence: [{event: a}, {event: a, after: 1m}, {event: b}], per: event_data.k",
    "sequence: [{event: a}, {absent: x, for: 1h}], restart: on_repeat, per: event_data.k",
    "all: [{event: a}, {sequence: [{event: b}, {absent: x, for: 1h}]}], per: event_data.k",
    "any: [{sequence: [{event: a}, {event: x}]}, {count: b, at_least: 99}], per: event_data.k",
    "count: a, distinct: event_data.n, at_least: 900, within: 6h",
    "event: a",
]


@st.composite
def heavy_logs(draw: Any) -> list[dict[str, Any]]:
    """Return a log of one customer whose events say much in few bytes, or in many."""
    said = st.tuples(
        st.sampled_from("aaabbx"),
        st.sampled_from(LONG),
        st.sampled_from(LONG),
        st.sampled_from(["", "x" * 20_000]),
        st.integers(0, 40),
    )
    return [
        {
            "event_type": event_type,
            "timestamp": START + 1000 * number,
            "event_id": str(number) * (1 + longer),
            "event_data": {"k": key, "n": value, "t": text},
        }
        for number, (event_type, key, value, text, longer) in enumerate(
            draw(st.lists(said, min_size=1, max_size=25))
        )
    ]


def assert_upper_bound(customer: Customer, value: bytes, at: int) -> None:
    state, number = customer.state, customer.offset
    message = customer.program.read(value, at, 3, number, None, ())
    customer.program.on_message(state, message, customer.ruleset, at, at, number, [])
    customer.offset += 1
    # As if the ring were full: what it has not yet is no room for anything else.
    assert state.weight >= bounds._size(state) >= len(dump_body(state))


@settings(max_examples=100)
@given(trigger_sets(), logs(), st.sampled_from(LONG), st.sampled_from(["", "x" * 30_000]))
def test_the_weight_is_an_upper_bound_of_the_bytes(
    triggers: list[Json], events: list[Json], long: Any, text: str
) -> None:
    for trigger in triggers:
        trigger.pop("then", None)
    customer = Customer("\n---\n".join(map(json.dumps, triggers)))
    for event in events:
        data = {**event.get("event_data", {}), "text": text}
        if data.get("k") == "l":
            data["k"] = long
        value = orjson.dumps({**event, "customer_id": "c", "event_data": data})
        assert_upper_bound(customer, value, event["timestamp"])


@settings(max_examples=40)
@given(heavy_logs(), st.sampled_from(SOME), st.sampled_from([1, 12]))
def test_the_weight_is_an_upper_bound_whatever_an_instance_is_called(
    events: list[dict[str, Any]], pattern: str, triggers: int
) -> None:
    customer = Customer(
        "\n---\n".join(f"trigger: t{n}\nwhen: {{{pattern}}}" for n in range(triggers))
    )
    for event in events:
        value = orjson.dumps({"customer_id": "c", **event})
        assert_upper_bound(customer, value, event["timestamp"])


def test_the_weight_counts_each_instance_that_holds_an_event() -> None:
    customer = Customer(f"trigger: t\nwhen: {{{SOME[0]}}}")
    data = {"k": [*range(64)], "n": "x" * 3000}

    for number in range(2):
        event = {"customer_id": "c", "event_type": "a", "event_data": data, "event_id": str(number)}
        assert_upper_bound(customer, orjson.dumps(event | {"timestamp": START}), START)


def test_the_weight_is_an_upper_bound_when_it_has_been_counted() -> None:
    """The ring grows by events that no trigger holds, and they add no weight."""
    customer = Customer(absences(1))
    for key in range(5):
        customer.happens("A", START, k=key, text="x" * 100_000)
    customer.state.weight = bounds.BYTES + 1
    for number in range(1100):
        value = orjson.dumps({"customer_id": "c", "event_type": "B", "timestamp": START + number})
        assert_upper_bound(customer, value, START + number)
    assert len(customer.state.ring) == DIGEST * MOST


def test_a_state_that_is_given_up_of_is_so_whenever_it_was_stored() -> None:
    """Numbers that are long as texts: their bytes are noticed, and not only when they are read."""
    ends = []
    for stored_every in (1, 7, 1000):
        customer = Customer(
            "\n---\n".join(
                f"{{trigger: t{n:02}, when: {{{SOME[0].replace('900', '999')}}}}}"
                for n in range(30)
            )
        )
        program, ruleset, state = customer.program, customer.ruleset, customer.state
        out: list[Any] = []
        for number in range(60):
            key = float(f"1.{number:03}e300")
            event = {"event_type": "a", "timestamp": START, "event_data": {"n": 1, "k": key}}
            value = orjson.dumps({"customer_id": "c", **event})
            message = program.read(value, START, 3, number, None, ())
            program.on_message(state, message, ruleset, START, START, number, out)
            if number % stored_every == 0:
                state = program.load("c", program.dump(state, number))
        ends.append((program.dump(state, 60), out))

    assert ends[0] == ends[1] == ends[2]
    assert len(ends[0][1]) > 10
