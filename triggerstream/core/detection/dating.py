"""Dates: armed at each edge that may change them, and told when their day has come (64, 65)."""

from __future__ import annotations

from hashlib import blake2b

import orjson

from triggerstream.core.conditions.calendar import ZONE
from triggerstream.core.derive.calendar.dated import CompiledDate
from triggerstream.core.detection.derived import Queue, happened
from triggerstream.core.events.derived import DATE
from triggerstream.core.events.event import Event
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.state.customer import CustomerState


def arm_all(state: CustomerState, ruleset: Ruleset, at: int, arrival: int) -> None:
    """Arm every date of a customer who meets *ruleset* at *at*: nothing is told, and what was due
    before is not made up for (56, 65). To ask again changes nothing."""
    at = max(at, state.tau)
    if ruleset.whereabouts is not None:
        zone = ruleset.whereabouts.zone(state)
        for date in ruleset.dates:
            date.arm(state, zone, at, arrival)


def arm(state: CustomerState, ruleset: Ruleset, changed: set[str], at: int, arrival: int) -> None:
    """Arm the dates that follow from one of the names *changed* of the profile, at *at*."""
    dates = [each for each in ruleset.dates if not each.reads.isdisjoint(changed)]
    if dates and ruleset.whereabouts is not None:
        zone = ruleset.whereabouts.zone(state)
        for date in dates:
            date.arm(state, zone, at, arrival)


def hear(
    state: CustomerState, ruleset: Ruleset, event: Event, at: int, told: set[str] | None
) -> set[str] | None:
    """Note where *event* says that the customer is; return *told*, the names of the profile that
    have changed, with that of the zone if it may have."""
    whereabouts = ruleset.whereabouts
    if whereabouts is not None and whereabouts.hear(state, event, at):
        return {ZONE} if told is None else told | {ZONE}
    return told


def tell_date(state: CustomerState, ruleset: Ruleset, date: CompiledDate, queue: Queue) -> None:
    """Tell of *date*, whose time has come, and wait for the next."""
    *_, arrival, due = state.derived[date.key]
    at = max(due, state.tau)
    state.tau = at
    if ruleset.whereabouts is None:
        raise ValueError("the zones of customers, where there are dates; found none")
    told = date.happen(state, ruleset.whereabouts.zone(state), at)
    named = blake2b(orjson.dumps([f"${date.name}", due]), digest_size=16).hexdigest()
    settled = max(due, arrival)
    queue.append(happened(DATE + date.name, told, named, state.customer_id, at, None, settled))
