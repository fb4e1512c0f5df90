"""Derived events: what the engine finds out about a customer, told to their patterns at once.

They are events like others, of types that begin with ``$``, and nobody outside can write one. They
live within the decision of one record: what is not held by a pattern is gone behind it.
"""

from __future__ import annotations

from typing import Any, Final

from triggerstream.core.decisions import Decided, Firing
from triggerstream.core.derive.changes import Changed
from triggerstream.core.detection.firing import envelope
from triggerstream.core.events.derived import CHANGED, DERIVED, FIRED
from triggerstream.core.events.event import Event
from triggerstream.core.timestamps import format_moment

ID: Final = 16
"""Hex digits of what tells one derived event from the others of its type."""


Out = list[Decided]


class Derived:
    """One that is to be handled.

    Attributes:
        arrival: The arrival of the record that it is decided with; of what a timer tells, when that
            was settled: so it does not matter when the clock came by.
        is_shadow: It says that a trigger in shadow mode fired: only such triggers see it (38).
    """

    __slots__ = ("arrival", "event", "is_shadow")

    def __init__(self, event: Event, arrival: int, *, is_shadow: bool = False) -> None:
        self.event = event
        self.arrival: int = arrival
        self.is_shadow: bool = is_shadow


Queue = list[Derived]


def fired(firing: Firing, cause: Event | None, arrival: int) -> Derived:
    """Return what tells that a trigger has fired.

    Args:
        cause: The event that completed the match, which may be derived; ``None`` for a timer.
    """
    data = {
        "trigger": firing.trigger,
        "firing_id": firing.firing_id,
        "instance": firing.instance,
    }
    event = make(FIRED + firing.trigger, firing.firing_id, firing.customer_id, firing.at, data)
    return Derived(_caused(event, cause), arrival, is_shadow=firing.mode == "shadow")


def edge(
    segment: str,
    change: str,
    named: str,
    customer_id: str,
    at: int,
    since: int | None,
    cause: Event | None,
    arrival: int,
) -> Derived:
    """Return what tells that a customer has entered or left a segment (*change*).

    Args:
        since: When who leaves has entered.
        cause: The event that made it so, which may be derived; ``None`` for a timer.
    """
    data: dict[str, Any] = {"segment": segment}
    if since is not None:
        data["since"] = format_moment(since)
    event = make(f"${change}:{segment}", named, customer_id, at, data)
    return Derived(_caused(event, cause), arrival)


def changed(
    name: str,
    found: Changed,
    named: str,
    customer_id: str,
    at: int,
    cause: Event | None,
    arrival: int,
) -> Derived:
    """Return what tells that the value *name* has changed; *cause* as in `edge`."""
    data = {
        "attribute": name,
        "from": found.old,
        "to": found.new,
        "seen": format_moment(found.seen),
        "gap": at - found.seen,
    }
    event = make(CHANGED + name, named, customer_id, at, data)
    return Derived(_caused(event, cause), arrival)


def happened(
    event_type: str,
    told: dict[str, Any],
    named: str,
    customer_id: str,
    at: int,
    cause: Event | None,
    arrival: int,
) -> Derived:
    """Return what tells of a session or of a date; *cause* as in `edge`."""
    return Derived(_caused(make(event_type, named, customer_id, at, told), cause), arrival)


def make(event_type: str, named: str, customer_id: str, at: int, data: dict[str, Any]) -> Event:
    """Return a derived event that is told from the others of its type by *named*, hex digits."""
    return Event(
        customer_id=customer_id,
        event_type=event_type,
        event_id=f"{event_type}@{named[:ID]}",
        timestamp=at,
        source=DERIVED,
        event_data=data,
    )


def _caused(event: Event, cause: Event | None) -> Event:
    """Return *event* with what it takes from its cause: of a derived one, that of the real event
    behind it."""
    if cause is not None:
        data: dict[str, Any] = event.event_data or {}
        if cause.source != DERIVED:
            data["cause"] = {"event_type": cause.event_type, "event_data": cause.event_data}
        elif cause.event_data is not None and "cause" in cause.event_data:
            data["cause"] = cause.event_data["cause"]
        event.session_id = cause.session_id
        event.device_info = cause.device_info
        event.location_data = cause.location_data
    event.raw = envelope(event)
    return event
