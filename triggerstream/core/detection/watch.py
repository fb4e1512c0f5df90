"""Edges of segments: found behind each record that folds into what they read, and in silence."""

from __future__ import annotations

from hashlib import blake2b

import orjson

from triggerstream.core.decisions import SegmentChanged
from triggerstream.core.derive.attributes.folds import GROWTH
from triggerstream.core.derive.changes import CompiledChange
from triggerstream.core.derive.segments import LEFT, SEGMENTS, CompiledSegment
from triggerstream.core.detection.derived import Out, Queue, changed, edge
from triggerstream.core.detection.membership import OUT, standing, tell_edge
from triggerstream.core.events.derived import CHANGED
from triggerstream.core.events.event import Event
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.state.customer import CustomerState


def look_at(
    state: CustomerState,
    ruleset: Ruleset,
    changed: set[str],
    event: Event,
    at: int,
    arrival: int,
    queue: Queue,
    out: Out,
) -> None:
    """Ask the segments that read one of the names *changed*, or a segment that changes by that,
    each after those that it reads; *event* has done it.

    Args:
        arrival: Of the event.
    """
    cause = (event.source, event.event_id)
    for segment in ruleset.watched:
        if not segment.reads.isdisjoint(changed) and _ask(
            state, ruleset, segment, at, arrival, cause, event, arrival, queue, out
        ):
            changed.add(f"{SEGMENTS}:{segment.name}")


def wake_up(
    state: CustomerState, ruleset: Ruleset, segment: Watched, queue: Queue, out: Out
) -> None:
    """Ask *segment* when its time has come, and those that read it, if it has changed."""
    slot = state.derived[segment.key]
    due = slot[3]
    settled = max(due, slot[2])
    at = max(due, state.tau)
    cause = (f"${segment.name}", due)
    if not _ask(state, ruleset, segment, at, None, cause, None, settled, queue, out):
        return
    state.tau = at
    changed = {f"{SEGMENTS}:{segment.name}"}
    for each in ruleset.watched[segment.rank + 1 :]:
        if not each.reads.isdisjoint(changed) and _ask(
            state, ruleset, each, at, None, cause, None, settled, queue, out
        ):
            changed.add(f"{SEGMENTS}:{each.name}")


def meet(
    state: CustomerState,
    ruleset: Ruleset,
    event: Event | None,
    at: int,
    arrival: int,
    queue: Queue,
    out: Out,
) -> None:
    """Set what new definitions make of a customer who is known already: no edge is told, but where
    the author asks for it (56): then of an edited segment those that make it right, so that they
    alternate. Without an *event* it is a touch, named by its time alone."""
    at = max(at, state.tau)
    cause = ("$touch", at) if event is None else (event.source, event.event_id)
    for segment in ruleset.watched:
        if segment.key in state.derived:
            segment.adopt(state, at)
        elif isinstance(segment, CompiledChange):
            segment.look(state, at, None)
            state.weight += GROWTH
        elif segment.source.existing == "tell":
            before = standing(state).get(segment.name, OUT)
            change = segment.ask_anew(state, at, before)
            state.weight += _SLOT
            if change:
                _tell(
                    state, ruleset, segment, change, at, before, cause, event, arrival, queue, out
                )
        else:
            segment.ask(state, at, None)
            state.weight += _SLOT


def _ask(
    state: CustomerState,
    ruleset: Ruleset,
    segment: Watched,
    at: int,
    folded: int | None,
    cause: Cause,
    event: Event | None,
    arrival: int,
    queue: Queue,
    out: Out,
) -> bool:
    """Ask *segment*, and tell its edge; return whether there was one."""
    if isinstance(segment, CompiledChange):
        return _look(state, ruleset, segment, at, folded, cause, event, arrival, queue)
    before = state.derived.get(segment.key)
    change = segment.ask(state, at, folded)
    state.weight += _SLOT
    if not change:
        return False
    since = OUT if before is None else before[1]
    _tell(state, ruleset, segment, change, at, since, cause, event, arrival, queue, out)
    return True


def _tell(
    state: CustomerState,
    ruleset: Ruleset,
    segment: CompiledSegment,
    change: str,
    at: int,
    since: int,
    cause: Cause,
    event: Event | None,
    arrival: int,
    queue: Queue,
    out: Out,
) -> None:
    """Tell an edge of *segment*: to those outside, and to whoever hears of it.

    Args:
        since: When who leaves has entered.
    """
    if not segment.is_unnamed:
        tell_edge(state, SegmentChanged(segment.name, change, state.customer_id, at), out)
    if f"${change}:{segment.name}" in ruleset.interests:
        named = blake2b(orjson.dumps(cause), digest_size=16).hexdigest()
        began = since if change == LEFT else None
        derived = edge(segment.name, change, named, state.customer_id, at, began, event, arrival)
        queue.append(derived)


def _look(
    state: CustomerState,
    ruleset: Ruleset,
    change: CompiledChange,
    at: int,
    folded: int | None,
    cause: Cause,
    event: Event | None,
    arrival: int,
    queue: Queue,
) -> bool:
    """Look at a value, and tell how it has changed; return whether it has."""
    found = change.look(state, at, folded)
    state.weight += GROWTH
    if found is None:
        return False
    if CHANGED + change.name in ruleset.interests:
        named = blake2b(orjson.dumps(cause), digest_size=16).hexdigest()
        queue.append(changed(change.name, found, named, state.customer_id, at, event, arrival))
    return True


def remember(state: CustomerState, ruleset: Ruleset, names: set[str]) -> None:
    """Remember the values *names*, which a late event has set: nothing is told of it (40)."""
    for each in ruleset.watched:
        if isinstance(each, CompiledChange) and not each.reads.isdisjoint(names):
            each.look(state, max(state.last, state.tau), None)
            state.weight += GROWTH


def hear_of(
    state: CustomerState, ruleset: Ruleset, names: set[str], folded: int | None, at: int
) -> None:
    """Let those who read one of the *names*, which have changed without their being asked, hear of
    it at the next time after *at* at which anything changes that they read (49, 50).

    Args:
        folded: The arrival of the event that has done it, if it was folded.
    """
    for each in ruleset.watched:
        if not each.reads.isdisjoint(names):
            each.hear_of(state, at, folded)
            state.weight += GROWTH


Watched = CompiledChange | CompiledSegment

Cause = tuple[str | None, str | int]
"""What tells one edge from the others of its segment: the event, or the timer."""

_SLOT = 64
"""Bytes that a segment's slot takes at most, with its key."""
