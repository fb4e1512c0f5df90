"""A customer's waits: the earliest is known after every change, whatever has changed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from tests.core.detection.customers import Customer
from tests.reference.stories import Json
from tests.reference.strategies import logs, trigger_sets
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.patterns.per import MOST_INSTANCES


class Noticing(Customer):
    """A customer whose earliest wait is held against all waits after everything; never stored,
    since who is loaded looks at all waits."""

    def _note(self, out: list[Any]) -> None:
        self.out.extend(out)
        waits = self.state.waits.values()
        lateness = self.ruleset.policy.allowed_lateness
        assert self.state.due == min((due for due, *_ in waits), default=NEVER)
        assert self.state.wake == min(
            (due + later + lateness for due, later, *_ in waits), default=NEVER
        )


@settings(max_examples=200)
@given(trigger_sets(), logs())
def test_the_earliest_wait_is_known_without_looking_at_all(
    triggers: list[Json], events: list[Json]
) -> None:
    for trigger in triggers:
        trigger.pop("then", None)
    customer = Noticing("\n---\n".join(map(json.dumps, triggers)))
    for event in events:
        arrival = event.get("received_at") or event["timestamp"]
        customer.receives(json.dumps({**event, "customer_id": "c"}).encode(), arrival=arrival)
        customer.waits_until(customer.clock)


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

    assert len(customer.state.waits) == (3 if event_type == "A" else 2)


def test_the_earliest_wait_of_a_trigger_is_known_when_its_instance_is_given_up() -> None:
    customer = Noticing(ABSENCE)
    for number in range(MOST_INSTANCES + 1):
        customer.happens("A", number, k=number)

    assert len(customer.state.waits) == MOST_INSTANCES
