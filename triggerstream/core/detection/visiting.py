"""What an event does to the customer's session, and what the clock does (61)."""

from __future__ import annotations

from hashlib import blake2b

import orjson

from triggerstream.core.derive.visit import SESSION, Visit
from triggerstream.core.detection.derived import Queue, happened
from triggerstream.core.events.derived import SESSION_ENDED, SESSION_STARTED
from triggerstream.core.events.event import Event
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.state.customer import CustomerState


def visit(
    state: CustomerState,
    ruleset: Ruleset,
    session: Visit,
    event: Event,
    at: int,
    arrival: int,
    queue: Queue,
) -> None:
    """Add *event*, which is one of activity, to the session; tell what that ended and began."""
    added = session.add(state, event, at, arrival)
    for event_type, told in ((SESSION_ENDED, added.ended), (SESSION_STARTED, added.started)):
        if told is not None and event_type in ruleset.interests:
            cause = orjson.dumps([event.source, event.event_id])
            named = blake2b(cause, digest_size=16).hexdigest()
            queue.append(happened(event_type, told, named, state.customer_id, at, event, arrival))


def leave(state: CustomerState, ruleset: Ruleset, session: Visit, queue: Queue) -> None:
    """End the session, whose time has come."""
    *_, arrival, due = state.derived[session.key]
    at = max(due, state.tau)
    told = session.end(state, at)
    if SESSION_ENDED in ruleset.interests:
        state.tau = at
        named = blake2b(orjson.dumps([f"${SESSION}", due]), digest_size=16).hexdigest()
        queue.append(
            happened(SESSION_ENDED, told, named, state.customer_id, at, None, max(due, arrival))
        )
