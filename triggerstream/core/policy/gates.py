"""The gates: one pure question each, in the order of `docs/architecture.md`.

A gate returns ``None`` when the action passes, else what stands against it. All of them are
asked, so that a suppression names every reason; the first is the one that counts.

Two of that list are no gates here. A repeat is recognised at the door, before any question, so
that it can change nothing (`turn.Turn.admit`); and whom a holdout leaves alone is asked last, of
an action that would otherwise go out (`holdout`).
"""

from __future__ import annotations

from collections.abc import Callable
from zoneinfo import ZoneInfo

import msgspec

from triggerstream.core.decisions import Firing
from triggerstream.core.model import Policy, Trigger
from triggerstream.core.policy import caps, consent
from triggerstream.core.policy.ledger import Ledger, Pending
from triggerstream.core.policy.quiet import is_quiet, quiet_until
from triggerstream.core.reasons import GateReason
from triggerstream.core.records.deliveries import Failing
from triggerstream.core.timestamps import format_moment
from triggerstream.core.zones import customer_zone, zone


class Case(msgspec.Struct, frozen=True):
    """What the gates judge: one action of one firing, at one instant.

    Attributes:
        trigger: As it stands in the ruleset in force; ``None`` if it is not there, or off.
        outdated: Whether the firing was decided under a newer ruleset than the one in force.
        at: The instant judged: epoch milliseconds.
    """

    pending: Pending
    firing: Firing
    trigger: Trigger | None
    outdated: bool
    policy: Policy
    ledger: Ledger
    at: int


Gate = Callable[[Case], Failing | None]


def consented(case: Case) -> Failing | None:
    """The customer's consent permits the channel."""
    channel = case.pending.channel
    regime = case.policy.consent.get(channel, "none")
    if consent.allows(case.ledger, regime, channel, case.pending.type):
        return None
    return Failing(
        GateReason.CONSENT, f"{channel} is {regime}, and the customer does not permit it"
    )


def trigger_on(case: Case) -> Failing | None:
    """The trigger is still there, and not switched off."""
    if case.trigger is not None or case.outdated:
        return None  # what is newer than the ruleset in force cannot be missing from it
    return Failing(GateReason.TRIGGER_OFF)


def not_shadowed(case: Case) -> Failing | None:
    """The trigger is live, and was when it fired."""
    shadowed = case.trigger is not None and case.trigger.mode == "shadow"
    return Failing(GateReason.SHADOW) if shadowed or case.firing.mode == "shadow" else None


def in_time(case: Case) -> Failing | None:
    """The action's expiry has not come."""
    expires = case.pending.expires
    if case.at < expires:
        return None
    return Failing(GateReason.EXPIRED, f"it expired at {format_moment(expires)}")


def wanted(case: Case) -> Failing | None:
    """The customer's preferences have nothing against it."""
    pending = case.pending
    against = consent.unwanted(case.ledger, pending.channel, pending.type, pending.trigger)
    return Failing(GateReason.PREFERENCE, f"{against} is false") if against else None


def awake(case: Case) -> Failing | None:
    """It is not in the quiet hours; transactional messages may come at any time."""
    hours = case.policy.quiet_hours
    if hours is None or case.pending.type == consent.TRANSACTIONAL:
        return None
    local = _zone(hours.zone, case)
    if not is_quiet(hours, case.at, local):
        return None
    until = quiet_until(hours, case.at, local)
    return Failing(GateReason.QUIET_HOURS, f"quiet hours in {local.key}", until)


def under_caps(case: Case) -> Failing | None:
    """Every cap that counts such an action has room; one that defers tells from when on."""
    pending, full, until = case.pending, [], case.at
    deferred = True
    for cap in case.policy.caps:
        if not caps.limits(cap, pending.channel, pending.type):
            continue
        taken = caps.slots_taken(cap, case.ledger, case.at, but=pending.action_id)
        if len(taken) < cap.limit:
            continue
        full.append(f"{len(taken)} of {cap.limit} in {cap.window} ms ({cap.channel or 'any'})")
        room = caps.room_from(cap, taken) if cap.on_cap == "defer" else None
        deferred = deferred and room is not None
        until = max(until, room or until)
    if not full:
        return None
    return Failing(GateReason.FREQUENCY_CAP, "; ".join(full), until if deferred else None)


GATES: tuple[Gate, ...] = (
    consented,
    trigger_on,
    not_shadowed,
    in_time,
    wanted,
    awake,
    under_caps,
)


def failing(case: Case) -> tuple[Failing, ...]:
    """Return what stands against the action, in the order of the gates; nothing if it may go."""
    return tuple(found for gate in GATES if (found := gate(case)) is not None)


def _zone(name: str, case: Case) -> ZoneInfo:
    fallback = zone(case.policy.timezone) or ZoneInfo("UTC")
    if name == "customer":
        return customer_zone(case.firing.profile, fallback)
    return zone(name) or fallback
