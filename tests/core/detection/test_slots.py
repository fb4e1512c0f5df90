"""A customer's slots: what follows from a change is always right."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from tests.core.detection.customers import Customer
from tests.reference.stories import Json
from tests.reference.strategies import logs, trigger_sets
from triggerstream.core.detection import slots, waits
from triggerstream.core.state.customer import CustomerState
from triggerstream.core.state.formats import Timer


class Noticing(Customer):
    """A customer whose earliest waits are held against all timers after everything."""

    def _note(self, out: list[Any]) -> None:
        self.same(self.state)
        super()._note(out)

    def same(self, state: CustomerState) -> None:
        found = (dict(state.timers), state.due, state.wake, state.waits)
        for trigger in self.ruleset.triggers.values():
            slots._note_all_waits(state, trigger)
        state.note_waits()
        assert found == (state.timers, state.due, state.wake, state.waits)


@settings(max_examples=200)
@given(trigger_sets(), logs())
def test_the_earliest_wait_is_known_without_looking_at_all_timers(
    triggers: list[Json], events: list[Json]
) -> None:
    for trigger in triggers:
        trigger.pop("then", None)
    customer = Noticing("\n---\n".join(map(json.dumps, triggers)))
    for event in events:
        arrival = event.get("received_at") or event["timestamp"]
        customer.receives(json.dumps({**event, "customer_id": "c"}).encode(), arrival=arrival)
        customer.waits_until(customer.clock)


def test_who_was_due_first_may_not_have_been_settled_first() -> None:
    """The opener of the earlier one arrived behind its own due time."""
    state = CustomerState("c", timers={"late": Timer(50, 90, 1), "usual": Timer(60, 70, 1)})
    state.note_waits()

    waits.set_timer(state, "late", None)

    assert (state.due, state.wake, state.waits) == (60, 70, 1)


ABSENCE = """
trigger: t
when:
  sequence: [{event: A}, {absent: X, for: 20s}]
  restart: on_repeat
  per: event_data.k
"""


@pytest.mark.parametrize("key", ["first", "second", "third"])
@pytest.mark.parametrize("event_type", ["A", "X"], ids=["moves its wait", "ends its wait"])
def test_the_earliest_wait_of_a_trigger_is_known_whichever_instance_changes(
    event_type: str, key: str
) -> None:
    customer = Noticing(ABSENCE)
    for number, name in enumerate(("first", "second", "third")):
        customer.happens("A", 1_000 * number, k=name)

    customer.happens(event_type, 5_000, k=key)

    assert customer.state.waits == (3 if event_type == "A" else 2)


def test_the_earliest_wait_of_a_trigger_is_known_when_its_instance_is_given_up() -> None:
    customer = Noticing(ABSENCE)
    for number in range(slots.MOST_INSTANCES + 1):
        customer.happens("A", number, k=number)

    assert customer.state.waits == slots.MOST_INSTANCES


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        pytest.param((50, 0), True, id="due first"),
        pytest.param((51, 0), True, id="settled first"),
        pytest.param((51, 71), False, id="neither"),
        pytest.param((71, 0), False, id="neither, with its opener in time"),
    ],
)
def test_a_wait_may_be_the_earliest_by_what_is_due_or_by_what_is_settled(
    wait: tuple[int, int], expected: bool
) -> None:
    assert waits.is_of_earliest(Timer(50, 70, 2), [wait]) is expected
