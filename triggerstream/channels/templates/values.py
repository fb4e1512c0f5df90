"""What a template sees: one name for one thing, the same as in trigger files and webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from triggerstream.core.conditions.paths import FIELDS, MAPPINGS
from triggerstream.core.decisions import Action, Firing
from triggerstream.core.timestamps import format_moment

EVENT = (*FIELDS, *MAPPINGS, "timestamp")
"""The fields of an event. In `event` all of them are there, those that it left out as null."""

KNOWN: Mapping[str, tuple[str, ...] | None] = {
    "customer": ("id",),
    "event": EVENT,
    "events": EVENT,
    "profile": None,
    "trigger": ("id", "name", "type", "priority"),
    "firing": ("id", "at", "instance", "events"),
    "action": None,
}
"""What a template may ask for: by root, its fields, or ``None`` where an author or a customer
names them. `events` is a list; each of its items has these fields."""

ACTION = ("id", "channel", "template", "options")
"""The fields of every action, beside its own settings."""


class EventJsonError(ValueError):
    """The firing's event is JSON that cannot be read."""


def values_of(firing: Firing, action: Action, name: str | None = None) -> dict[str, Any]:
    """Return what a template can ask for, by root (`KNOWN`).

    Args:
        name: The trigger's name, which a firing does not carry; its id where there is none.

    Raises:
        EventJsonError: The event's JSON cannot be read.
    """
    event = _event(firing)
    return {
        "customer": {"id": firing.customer_id},
        "event": dict.fromkeys(EVENT) | (event or {}),
        "events": matched_events(firing, event),
        "profile": firing.profile,
        "trigger": {
            "id": firing.trigger,
            "name": name or firing.trigger,
            "type": firing.type,
            "priority": firing.priority,
        },
        "firing": {
            "id": firing.firing_id,
            "at": format_moment(firing.at),
            "instance": firing.instance,
            "events": list(firing.events),
        },
        "action": {
            **action.options,
            "id": action.action_id,
            "channel": action.channel,
            "template": action.template,
            "options": action.options,
        },
    }


def matched_events(firing: Firing, last: Any) -> list[Any]:
    """Return the matched events in log order, the last of them as *last*, if that is not ``None``.

    Of the others a firing knows the ids alone: what is kept of a customer who waits for the rest of
    a pattern is where its events are, not what they say (``docs/decisions/0004``).
    """
    events: list[Any] = [{"event_id": event_id} for event_id in firing.events]
    if events and last is not None:
        events[-1] = last
    return events


def _event(firing: Firing) -> dict[str, Any] | None:
    """Return the last matched event. Whole numbers keep their digits, however many there are."""
    try:
        return msgspec.json.decode(firing.event, type=dict[str, Any] | None)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # A field that no trigger reads may hold a number beyond what readers take, such as 1e999.
        raise EventJsonError(f"the event: JSON that can be read; found {error}") from error
