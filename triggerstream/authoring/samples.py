"""Firings to look at a trigger's messages by: of one event, of a fixture, or of nothing at all."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from triggerstream.authoring.fixtures.fixture import BASE, Fixture
from triggerstream.authoring.fixtures.run import run_fixture
from triggerstream.core.decisions import Action, Firing, action_id, firing_id
from triggerstream.core.detection.firing import envelope
from triggerstream.core.events.decode import decode_event
from triggerstream.core.events.event import Event
from triggerstream.core.patterns.per import PerMatcher
from triggerstream.core.rulesets.compile import CompiledTrigger
from triggerstream.core.rulesets.ruleset import Ruleset


def event_of(value: bytes) -> Event:
    """Return the event in *value*, JSON in any form that a producer may send.

    What it leaves out is made up: its id is ``event``, its time that from which fixtures count.

    Raises:
        Rejected: It is no event.
    """
    return decode_event(value, fallback_id="event", fallback_timestamp=BASE)


def empty_event(trigger: CompiledTrigger) -> Event:
    """Return an event that *trigger* may wait for, and that says nothing else."""
    event_type = min(trigger.matcher.openers)
    return event_of(msgspec.json.encode({"customer_id": "customer", "event_type": event_type}))


def firing_of(trigger: CompiledTrigger, event: Event, profile: dict[str, Any]) -> Firing:
    """Return the firing of *trigger* that *event* alone would complete, at its time.

    Whether it would is not asked: neither the pattern nor the conditions are evaluated.
    """
    source, matcher = trigger.source, trigger.matcher
    named = matcher.read(event) if isinstance(matcher, PerMatcher) else None
    instance = named[0] if isinstance(named, tuple) else named
    customer = event.customer_id
    name = firing_id(source.id, customer, instance, event.source, event.event_id, None)
    return Firing(
        firing_id=name,
        trigger=source.id,
        customer_id=customer,
        at=event.timestamp,
        instance=instance,
        events=(event.event_id,),
        actions=tuple(
            Action(action_id(name, index), spec.channel, spec.template, spec.after, spec.options)
            for index, spec in enumerate(source.actions)
        ),
        mode=source.mode,
        type=source.type,
        priority=source.priority,
        holdout=source.limits.holdout,
        event=msgspec.Raw(envelope(event)),
        profile=profile,
    )


def first_firing(
    fixtures: Iterable[Fixture], ruleset: Ruleset, trigger: str
) -> tuple[Fixture, Firing] | None:
    """Return the first firing of *trigger* in *fixtures*, with the one that it comes from, whether
    that passes or not."""
    for fixture in fixtures:
        for firing in run_fixture(fixture, ruleset).fired:
            if firing.trigger == trigger:
                return fixture, firing
    return None
