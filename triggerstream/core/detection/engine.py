"""The engine: what an event, the clock or a failed delivery means for one customer.

The order is part of the language (``docs/decisions/0002``, *Customers, time*). For an accepted
event: the timers due by the clock; is it a duplicate; its effective time, or late; the profile;
the timers due by its effective time; goals; then the triggers that its type concerns, by priority
and id.

An exception inside one trigger's evaluation is a decision: `TriggerFailed`, and that trigger
begins anew for this customer. Everything else that is raised here stops the process.
"""

from __future__ import annotations

from triggerstream.core.decisions import Bounded, Clamped, ConsentChanged, Decided, GoalReached
from triggerstream.core.detection import slots
from triggerstream.core.detection.budget import BYTES, WAITS, enforce
from triggerstream.core.detection.firing import FATAL, fail, judge
from triggerstream.core.detection.timers import fire_due
from triggerstream.core.events.decode import IDENTIFY
from triggerstream.core.events.event import Event
from triggerstream.core.patterns.base import Occurrence, Step
from triggerstream.core.reasons import RecordStatus
from triggerstream.core.rulesets.compile import CompiledTrigger
from triggerstream.core.rulesets.ruleset import Goal, Ruleset
from triggerstream.core.rulesets.subscription import Subscription
from triggerstream.core.state import profile
from triggerstream.core.state.codec import decode_slot, encode_slot
from triggerstream.core.state.customer import CustomerState

Out = list[Decided]

# Plain strings: an enum's member is hashed by a call in Python, and statuses are counted.
APPLIED = RecordStatus.APPLIED.value
LATE = RecordStatus.LATE.value
DUPLICATE = RecordStatus.DUPLICATE.value

NOTHING = -1
"""Before every time: nothing is due by it."""


def on_event(
    state: CustomerState,
    event: Event,
    ruleset: Ruleset,
    arrival: int,
    clock: int,
    position: int,
    out: Out,
    clamp_skew: bool,
) -> str:
    """Apply *event*; append what is decided to *out*, in order.

    Args:
        clamp_skew: Whether a timestamp too far ahead of *arrival* is taken for it.
    """
    if state.ruleset is not ruleset:
        _adopt(state, ruleset)
    lateness = state.lateness
    if state.wake <= clock:
        fire_due(state, ruleset, clock - lateness, NOTHING, out)
    if state.remember(event.source, event.event_id, arrival):
        return DUPLICATE

    at = event.timestamp
    if at > arrival and clamp_skew and at > arrival + ruleset.policy.max_skew:
        out.append(Clamped(event.customer_id, at, arrival))
        at = arrival
    if at < state.last:
        if state.last - at > lateness:
            _on_late_event(state, event, ruleset, at, position, out)
            return LATE
        at = state.last
    state.last = at
    if event.event_type == IDENTIFY:
        _identify(state, event, out)
    if at >= state.due:
        fire_due(state, ruleset, NOTHING, at, out)
    interest = ruleset.interests.get(event.event_type)
    if interest is not None:
        if interest.goals:
            _reach(state, event, interest.goals, position, out)
        now = Occurrence(event, at, position, arrival)
        _advance(state, now, interest.entries, ruleset, out)
    if state.weight > BYTES or state.waits > WAITS:
        enforce(state, ruleset, out)
    return APPLIED


def _on_late_event(
    state: CustomerState, event: Event, ruleset: Ruleset, at: int, position: int, out: Out
) -> None:
    """Take from an event that comes too late what it still says: the profile, goals, and what
    must not happen (27, 28)."""
    if event.event_type == IDENTIFY:
        _identify(state, event, out)
        if state.weight > BYTES:
            enforce(state, ruleset, out)
    interest = ruleset.interests.get(event.event_type)
    if interest is not None:
        _reach(state, event, interest.goals, position, out)
        _cancel(state, event, interest.entries, at, out)


def on_clock(state: CustomerState, ruleset: Ruleset, clock: int, out: Out) -> None:
    """Decide the waits that are due by *clock*."""
    if state.ruleset is not ruleset:
        _adopt(state, ruleset)
    fire_due(state, ruleset, clock - state.lateness, NOTHING, out)


def on_failed_delivery(state: CustomerState, trigger: str, firing_id: str) -> str:
    """Take back a firing whose delivery failed for good: cooldown and maximum forget it.

    One that is not known (any more), or was taken back before, changes nothing.
    """
    memory = state.limits.get(trigger)
    without = None if memory is None else memory.taken_back(firing_id)
    if without is None:
        return DUPLICATE
    state.limits[trigger] = without
    return APPLIED


def _adopt(state: CustomerState, ruleset: Ruleset) -> None:
    """Drop the progress of triggers that are gone, off, or detect something else by now."""
    if state.detections != ruleset.detections:
        triggers = ruleset.triggers
        for name in slots.names(state):
            trigger = triggers.get(name)
            if trigger is None or trigger.fingerprint != slots.made_by(state, name):
                slots.drop(state, name)
        state.detections = ruleset.detections
    state.ruleset = ruleset
    state.lateness = ruleset.policy.allowed_lateness
    if state.timers:
        state.note_waits()


def _identify(state: CustomerState, event: Event, out: Out) -> None:
    """Merge what the event says into the profile."""
    if not event.event_data:
        return
    before = state.profile
    state.profile, left_out = profile.merge(before, event.event_data)
    state.weight += profile.GROWTH * len(event.raw)
    out.extend([Bounded("attribute", "", state.customer_id)] * left_out)
    consent = profile.consent_of(state.profile)
    if profile.differ(consent, profile.consent_of(before)):
        out.append(ConsentChanged(state.customer_id, state.last, consent))


def _reach(
    state: CustomerState, event: Event, goals: tuple[Goal, ...], position: int, out: Out
) -> None:
    """Note the goals that *event* reaches: those of triggers that fired since they were reached."""
    for goal in goals:
        memory = state.limits.get(goal.trigger)
        if memory is not None and memory.awaits_goal and goal.is_reached(event):
            state.limits[goal.trigger] = memory.reached_goal()
            out.append(GoalReached(goal.trigger, state.customer_id, state.last, position))


def _advance(
    state: CustomerState,
    now: Occurrence,
    entries: tuple[Subscription, ...],
    ruleset: Ruleset,
    out: Out,
) -> None:
    """Offer an event to the triggers that its type concerns."""
    event = now.event
    kept = state.slots
    reference = slots.REFERENCE + len(event.raw)
    # The commonest case in one piece: a call per trigger would cost more than the branches.
    for entry in entries:
        name = entry.id
        slot = kept.get(name)
        if slot is not None:
            progress = decode_slot(slot, entry.decode)
        elif entry.opens or entry.instance_of is not None:
            progress = None
        else:
            continue
        try:
            if entry.instance_of is not None:
                _advance_instance(state, now, entry, ruleset, out)
                continue
            step = entry.on_event(progress, now)
            if step is None:
                continue
            after = step.progress
            if after is None or step.gave_up:
                _take(state, entry.trigger, None, step, now, ruleset, out)
                continue
            if slot is None:
                state.weight += entry.weight
            kept[name] = encode_slot(entry.fingerprint, after, slot)
            state.weight += entry.growth * reference
            if entry.timed:
                slots.note_wait(state, entry.trigger, after)
        except FATAL:
            raise
        except Exception as error:  # noqa: BLE001 - one bad trigger is a decision, not a crash
            fail(state, name, now.at, error, out)


def _advance_instance(
    state: CustomerState, now: Occurrence, entry: Subscription, ruleset: Ruleset, out: Out
) -> None:
    """Offer an event to the instance that it names."""
    instance_of, event = entry.instance_of, now.event
    instance = None if instance_of is None else instance_of(event)
    if instance is None:
        _cancel_entry(state, entry, event, now.at)
        return
    progress = slots.progress(state, entry.trigger, instance)
    if progress is None and not entry.opens:
        return
    step = entry.on_event(progress, now)
    if step is not None:
        _take(state, entry.trigger, instance, step, now, ruleset, out)


def _take(
    state: CustomerState,
    trigger: CompiledTrigger,
    instance: str | None,
    step: Step,
    now: Occurrence,
    ruleset: Ruleset,
    out: Out,
) -> None:
    """Keep what an event left of an instance, and judge the match that it completed."""
    event, after = now.event, step.progress
    if after is None:
        slots.forget(state, trigger, instance)
    elif slots.put(state, trigger, instance, after, now.at, len(event.raw)):
        out.append(Bounded("instance", trigger.id, state.customer_id))
    for what in step.gave_up:
        out.append(Bounded(what, trigger.id, state.customer_id))
    match = step.match
    if match is not None:
        out.append(judge(state, trigger, instance, match, event, None, ruleset.policy))


def _cancel(
    state: CustomerState, event: Event, entries: tuple[Subscription, ...], at: int, out: Out
) -> None:
    """Let a late event cancel what it forbids at its own time (28)."""
    for entry in entries:
        try:
            _cancel_entry(state, entry, event, at)
        except FATAL:
            raise
        except Exception as error:  # noqa: BLE001 - one bad trigger is a decision, not a crash
            fail(state, entry.id, at, error, out)


def _cancel_entry(state: CustomerState, entry: Subscription, event: Event, at: int) -> None:
    """Cancel in the event's instance, or in every one where it names none (21)."""
    on_cancel, trigger = entry.on_cancel, entry.trigger
    if on_cancel is None:
        return
    concerned = slots.instances(state, trigger)
    if entry.instance_of is not None:
        instance = entry.instance_of(event)
        if instance is not None:
            concerned = [instance]
    for name in concerned:
        progress = slots.progress(state, trigger, name)
        step = None if progress is None else on_cancel(progress, event, at)
        if step is None:
            continue
        if step.progress is None:
            slots.forget(state, trigger, name)
        else:
            slots.put(state, trigger, name, step.progress, at, len(event.raw))
