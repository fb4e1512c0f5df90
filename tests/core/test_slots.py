"""A customer's slots: what follows from a change is always right."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings

from tests.core.customers import Customer
from tests.reference.stories import Json
from tests.reference.strategies import logs, trigger_sets
from triggerstream.core import slots
from triggerstream.core.state import CustomerState, Timer


class Noticing(Customer):
    """A customer whose earliest waits are held against all timers after everything."""

    def _note(self, out: list[Any]) -> None:
        self.same(self.state)
        super()._note(out)

    def same(self, state: CustomerState) -> None:
        found = (state.due, state.wake, state.waits)
        state.note_waits()
        assert found == (state.due, state.wake, state.waits)


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

    slots._set_timer(state, "late", None)

    assert (state.due, state.wake, state.waits) == (60, 70, 1)
