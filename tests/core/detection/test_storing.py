"""Decisions depend on the log alone: not on when a state is stored, nor on when the clock ticks."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.e2e import everything
from tests.reference.stories import Json
from tests.reference.strategies import logs, trigger_sets
from triggerstream.core.detection.detect import Detect
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.core.timestamps import parse_moment

DAY = 86_400_000


def decided(
    ruleset: Ruleset, events: list[Json], *, stored: list[bool], ticks: list[bool]
) -> tuple[list[Any], bytes]:
    """Return what is decided on *events*, all of one customer, and the state at the end.

    Args:
        stored: After which events the state is stored and loaded again.
        ticks: Before which events the clock is told on its own.
    """
    program = Detect("events")
    state, clock = program.new_state("c"), 0
    out: list[Any] = []
    for offset, event in enumerate(events):
        arrival = event.get("received_at") or event["timestamp"]
        clock = max(clock, arrival)
        value = json.dumps({**event, "customer_id": "c"}).encode()
        if ticks[offset % len(ticks)]:
            program.on_clock(state, ruleset, clock, offset, out)
        message = program.read(value, arrival, 3, offset, None, ())
        program.on_message(state, message, ruleset, arrival, clock, offset, out)
        if stored[offset % len(stored)]:
            state = program.load("c", program.dump(state, offset))
    program.on_clock(state, ruleset, clock + DAY, len(events), out)
    return out, program.dump(state, len(events))


some = st.lists(st.booleans(), min_size=1, max_size=8)


@settings(max_examples=100)
@given(trigger_sets(), logs(), some, some)
def test_storing_and_ticks_change_no_decision(
    triggers: list[Json], events: list[Json], stored: list[bool], ticks: list[bool]
) -> None:
    for trigger in triggers:
        trigger.pop("then", None)
    ruleset = load_ruleset({"t.yaml": "\n---\n".join(map(json.dumps, triggers))})

    usual = decided(ruleset, events, stored=[False], ticks=[False])

    assert decided(ruleset, events, stored=stored, ticks=ticks) == usual


# ── with all that the language says ─────────────────────────────────────────────────────────


@pytest.fixture(scope="module", name="whole")
def _whole() -> Ruleset:
    return load_ruleset(everything.files())


@pytest.mark.parametrize("customer", ["every-07", "every-16", "every-00"])
def test_a_state_that_is_stored_behind_each_record_decides_as_one_that_never_is(
    whole: Ruleset, customer: str
) -> None:
    events = [each for each in map(json.loads, everything.events()) if _whose(each) == customer]
    for event in events:
        event["timestamp"] = parse_moment(event["timestamp"])
        event["received_at"] = parse_moment(event["received_at"])
    usual, _ = decided(whole, events, stored=[False], ticks=[False])

    assert len(usual) > 500
    for ticks in ([False], [True, False, False]):
        assert decided(whole, events, stored=[True], ticks=ticks)[0] == usual


def _whose(event: Json) -> str:
    return str(event["customer_id"])
