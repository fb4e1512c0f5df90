"""What an event does to goals and triggers; and what the firings that it leads to do in turn.

A record is decided as a whole: behind its own event come the derived ones, first made first handled
(34). A cascade ends, since no ring leads from a trigger back to itself (37).
"""

from __future__ import annotations

from triggerstream.core.decisions import Bounded, Decided, Firing, GoalReached
from triggerstream.core.derive.attributes.compile import Taking
from triggerstream.core.derive.attributes.folds import GROWTH
from triggerstream.core.derive.visit import SESSION
from triggerstream.core.detection.dating import arm
from triggerstream.core.detection.derived import Out, Queue, fired
from triggerstream.core.detection.firing import FATAL, fail, held_event, judge, tell_erred
from triggerstream.core.detection.visiting import visit
from triggerstream.core.detection.watch import look_at
from triggerstream.core.events.event import Event
from triggerstream.core.patterns.progress import DERIVED_END, Now
from triggerstream.core.rulesets.compile import CompiledTrigger
from triggerstream.core.rulesets.ruleset import Goal, Interest, Ruleset
from triggerstream.core.state.customer import CustomerState

_CELL = 400
"""Bytes that one more row takes at most beside the event's own: those of a cell and of its key, in
which a number of the event may stand with three hundred digits."""


def reach(
    state: CustomerState,
    event: Event,
    goals: tuple[Goal, ...],
    at: int,
    position: int,
    out: Out,
) -> None:
    """Note the goals that *event* reaches: those of triggers that fired since they were reached."""
    for goal in goals:
        memory = state.limits.get(goal.trigger)
        if memory is not None and memory.awaits_goal and goal.is_reached(event):
            state.limits[goal.trigger] = memory.reached_goal()
            n = state.goals_told[1] if state.goals_told[0] == position else 0
            state.goals_told = (position, n + 1)
            out.append(GoalReached(goal.trigger, state.customer_id, at, position, n))


def advance(
    state: CustomerState,
    now: Now,
    interest: Interest,
    ruleset: Ruleset,
    queue: Queue,
    out: Out,
) -> None:
    """Offer an event to the triggers that its type concerns; put what they tell into *queue*."""
    for look, trigger in interest.looks:
        try:
            match = look.on_event(state, now, "")
            if now.gave_up:
                out.extend([Bounded(what, trigger.id, state.customer_id) for what in now.gave_up])
                now.gave_up = []
            while match is not None:
                rows, event = match.rows, now.event
                if ruleset.derives and len(rows) > 1:
                    rows = state.in_order(rows, now)
                    if rows[-1] != now.row:
                        event = held_event(state, rows[-1])
                ids = state.ids_of(rows, now.event.event_id)
                judged = judge(state, trigger, match, ids, event, None, ruleset)
                out.append(judged)
                if ruleset.told:
                    tell(ruleset, trigger, judged, now.event, now.arrival, queue)
                match = match.next
        except FATAL:
            raise
        except Exception as error:  # noqa: BLE001 - one bad trigger is a decision, not a crash
            fail(state, trigger, now.at, error, out)
            now.is_held = True  # by a trigger before it, perhaps
            now.gave_up = []
    if ruleset.erred:
        tell_erred(state, ruleset, out)
    if now.is_held:
        state.keep(now)
        event = now.event
        size = len(event.raw) + 4 * len(event.event_id)
        state.weight += (interest.growth * (1 + now.more) + 1) * (_CELL + size)
        now.more = 0
    if state.bodies and state.has_spare_bodies():
        state.trim()


def fold(
    state: CustomerState,
    ruleset: Ruleset,
    event: Event,
    at: int,
    arrival: int,
    interest: Interest | None,
    names: set[str] | None,
    queue: Queue,
    out: Out,
) -> None:
    """Fold *event* into the session and into attributes, at *at*, or at the last time that anything
    was derived; and find the edges that this makes, and what it has done to other *names* of the
    profile. Who has not met any definition yet begins at their next record."""
    if not state.derivations:
        return
    at = max(at, state.tau)
    state.tau = at
    folds: tuple[Taking, ...] = ()
    session = None
    if interest is not None:
        folds, session = interest.folds, interest.session
    if session is not None:
        visit(state, ruleset, session, event, at, arrival, queue)
    state.weight += GROWTH * len(folds)
    if not ruleset.listens or state.sleeps:
        for each in folds:
            each.take(state, event, at)
        return
    changed = {each.name for each in folds if each.take(state, event, at)}
    if session is not None:
        changed.add(SESSION)
    if names:
        changed |= names
    if changed:
        look_at(state, ruleset, changed, event, at, arrival, queue, out)
        if ruleset.dates:
            arm(state, ruleset, changed, at, arrival)


def tell(
    ruleset: Ruleset,
    trigger: CompiledTrigger,
    judged: Decided,
    cause: Event | None,
    arrival: int,
    queue: Queue,
) -> None:
    """Put into *queue* that *trigger* has fired, if it has and the ruleset names that."""
    if trigger.id in ruleset.told and isinstance(judged, Firing):
        queue.append(fired(judged, cause, arrival))


def cascade(state: CustomerState, ruleset: Ruleset, position: int, queue: Queue, out: Out) -> None:
    """Handle what is in *queue*, and what that adds to it, until it is empty."""
    now = Now(DERIVED_END)
    index = 0
    while index < len(queue):
        derived = queue[index]
        index += 1
        event = derived.event
        at: int = event.timestamp
        interest = ruleset.interests.get(event.event_type)
        if interest is None:
            continue
        if derived.is_shadow:
            interest = interest.shadow
        if interest.folds:
            fold(state, ruleset, event, at, derived.arrival, interest, None, queue, out)
        if interest.goals:
            reach(state, event, interest.goals, at, position, out)
        now.meet(state, event, at, derived.arrival)
        now.is_whole = True  # one that is derived behind it may stand before it
        advance(state, now, interest, ruleset, queue, out)
    queue.clear()
