"""What one trigger does with events of one type, as the engine asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from triggerstream.core.patterns.base import Canceller, Handler
from triggerstream.core.rulesets.compile import CompiledTrigger, Instance
from triggerstream.core.state.codec import SlotDecoder


@dataclass(slots=True, eq=False)
class Subscription:
    """What one trigger does with events of one type.

    Attributes:
        opens: It does something where the customer has no progress.
        instance_of, decode, fingerprint, timed, growth: The trigger's, here because they are
            asked at every event.
        weight: What a new slot of it adds to a state's weight.
    """

    trigger: CompiledTrigger
    id: str
    opens: bool
    instance_of: Instance | None
    on_event: Handler
    on_cancel: Canceller | None
    decode: SlotDecoder
    fingerprint: bytes
    timed: bool
    growth: int
    weight: int


def subscription_of(trigger: CompiledTrigger, event_type: str) -> Subscription:
    """Return the entry of *trigger* for events of *event_type*, one of its matcher's."""
    matcher = trigger.matcher
    return Subscription(
        trigger=trigger,
        id=trigger.id,
        opens=event_type in matcher.openers,
        instance_of=trigger.instance_of,
        on_event=matcher.handler(event_type),
        on_cancel=matcher.canceller(event_type),
        decode=trigger.decode,
        fingerprint=trigger.fingerprint,
        timed=trigger.timed,
        growth=trigger.growth,
        weight=trigger.weight,
    )
