"""What sending leads to: attempts at a channel, ends of actions, and what is only counted.

Every action of every firing ends in exactly one `Delivery`; until then it is pending.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from triggerstream.core.records.deliveries import Delivery


class Attempt(msgspec.Struct, frozen=True):
    """A reserved call of a channel, to be made once the reservation is durable.

    Attributes:
        attempt: Counts this action's calls from 1; the answer must name it.
        at: The instant at which it was decided, epoch milliseconds.
        ruleset: The version whose templates it renders.
        firing: The firing's JSON, as `core.records.actions.read_firing` takes it.
        deadline: Seconds after which the call counts as unanswered.
    """

    action_id: str
    attempt: int
    customer_id: str
    at: int
    trigger: str
    channel: str
    template: str | None
    options: dict[str, Any]
    ruleset: int
    firing: bytes
    deadline: float


class FiringFailed(msgspec.Struct, frozen=True):
    """A firing came to nothing: one of its actions failed for good, none went out or may have,
    and none is left. Detection gives its cooldown back."""

    firing_id: str
    trigger: str
    customer_id: str
    at: int


class Admitted(msgspec.Struct, frozen=True):
    """An action was taken on, and is pending until its `Delivery`: counted."""

    trigger: str
    channel: str


class Ignored(msgspec.Struct, frozen=True):
    """A record that changed nothing: counted, never an end.

    Attributes:
        what: ``repeat``: an action or a goal heard before, or anything decided before its
            customer was erased; ``late_result``: the answer to an attempt that has ended, or that
            had an answer already.
    """

    what: Literal["repeat", "late_result"]
    customer_id: str
    at: int


Sending = Admitted | Attempt | Delivery | FiringFailed | Ignored
