"""What deciding leads to: firings, suppressions, errors; and the ids that make them the same.

Ids are hashes of what was decided, so that a repeat of the decision has the same id
(semantics 30). No randomness anywhere.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec
import orjson

from triggerstream.core.reasons import SuppressionReason


def firing_id(
    trigger: str,
    customer_id: str,
    instance: str | None,
    source: str | None,
    event_id: str,
    due: int | None,
) -> str:
    """Return the id of a firing: hex BLAKE2b-128 of the compact JSON of what was decided.

    *source* and *event_id* are the last matched event's; *due* is the timer's due time in epoch
    milliseconds, or ``None`` where an event completed the match.
    """
    decided = orjson.dumps([trigger, customer_id, instance, source, event_id, due])
    return blake2b(decided, digest_size=16).hexdigest()


def action_id(firing: str, index: int) -> str:
    """Return the id of a firing's action number *index* (from 0, in file order)."""
    return blake2b(orjson.dumps([firing, index]), digest_size=16).hexdigest()


class Action(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that a firing asks for.

    Attributes:
        after: Milliseconds to wait, from the firing's arrival at the sender.
        options: The channel's own settings, as in the trigger file.
    """

    action_id: str
    channel: str
    template: str | None = None
    after: int = 0
    options: dict[str, Any] = {}


class Firing(msgspec.Struct, frozen=True):
    """A trigger matched for a customer at a time, and nothing stood against it.

    Attributes:
        at: The completing event's effective time, or the timer's due time: epoch milliseconds.
        events: Ids of the matched events, in log order.
        ruleset: The version of the ruleset that decided.
        event: The last matched event's envelope, as JSON.
        profile: The customer's attributes when it fired.
        values: The numbers that the trigger looked up, by name, or by the path that they go by.
        segments: Those that the customer was in, by name.
    """

    firing_id: str
    trigger: str
    customer_id: str
    at: int
    instance: str | None
    events: tuple[str, ...]
    actions: tuple[Action, ...]
    mode: str = "live"
    type: str = "behavioral"
    priority: str = "medium"
    holdout: float = 0.0
    event: msgspec.Raw = msgspec.Raw(b"null")
    profile: dict[str, Any] = {}
    values: dict[str, float] = {}
    segments: tuple[str, ...] = ()


class Suppressed(msgspec.Struct, frozen=True):
    """A match that did not fire, with the first reason against it and what was found.

    Attributes:
        match_id: What its firing's id would have been (`firing_id`).
        is_recorded: Whether the policy wants it told; it is counted in any case.
    """

    reason: SuppressionReason
    trigger: str
    customer_id: str
    at: int
    instance: str | None
    events: tuple[str, ...]
    actions: int
    """How many actions the trigger asks for: what the conservation law counts."""
    detail: str = ""
    match_id: str = ""
    mode: str = "live"
    type: str = "behavioral"
    is_recorded: bool = True


class TriggerFailed(msgspec.Struct, frozen=True):
    """A trigger's evaluation raised: counted, and its slot for this customer starts anew."""

    trigger: str
    customer_id: str
    at: int
    error: str


class GoalReached(msgspec.Struct, frozen=True):
    """A customer reached a trigger's goal: what it has not sent yet is to be cancelled.

    Attributes:
        at: The customer's effective time; two goals may have the same.
        position: Of the record in the log from which that was decided.
        n: Its number among those that the record leads to, from 0. A goal is told from the repeat
            of another by (*position*, *n*).
    """

    trigger: str
    customer_id: str
    at: int
    position: int = -1
    n: int = 0


class ConsentChanged(msgspec.Struct, frozen=True):
    """A customer's consent or preference attributes, as they stand from now on.

    Attributes:
        position: To who hears of it: of the event in the log, or -1 where that is not told.
    """

    customer_id: str
    at: int
    consent: dict[str, Any]
    position: int = -1


class SegmentChanged(msgspec.Struct, frozen=True):
    """A customer has entered or left a segment.

    Attributes:
        change: ``entered`` or ``left``. For one customer and segment they take turns.
    """

    segment: str
    change: str
    customer_id: str
    at: int


class Membership(msgspec.Struct, frozen=True):
    """What holds of a customer and a segment where no edge tells it: after another definition came
    into force, when it is told again, or when it is forgotten.

    Attributes:
        since: When the customer entered, who is inside; ``None`` where nothing is known any more.
    """

    segment: str
    customer_id: str
    since: int | None


class Bounded(msgspec.Struct, frozen=True):
    """Something was given up to keep a customer's state within its bounds: counted by trigger."""

    what: str
    """``partial`` (semantics 3), ``value`` (17), ``instance`` (22); by the budget: ``wait``,
    ``slot``, and ``attribute``, which is no trigger's: of the profile, or a declared one."""
    trigger: str
    customer_id: str


class ExpressionErred(msgspec.Struct, frozen=True):
    """An expression of a trigger had no value, and so was false: counted by trigger."""

    trigger: str
    customer_id: str


class Clamped(msgspec.Struct, frozen=True):
    """An event's timestamp was too far ahead of its arrival, and was taken for it: counted."""

    customer_id: str
    timestamp: int
    arrival: int


Decided = (
    Firing
    | Suppressed
    | TriggerFailed
    | GoalReached
    | ConsentChanged
    | SegmentChanged
    | Membership
    | Bounded
    | ExpressionErred
    | Clamped
)
