"""What one trigger does with events of one type, as the engine asks for it."""

from __future__ import annotations

from dataclasses import dataclass

from triggerstream.core.patterns.base import Look
from triggerstream.core.rulesets.compile import CompiledTrigger, Instance


@dataclass(slots=True, eq=False)
class Subscription:
    """What one trigger does with events of one type.

    Attributes:
        look: What its pattern does with them.
        cancels: Whether they may take something away.
        instance_of: The trigger's, here because it is asked at every event.
    """

    trigger: CompiledTrigger
    look: Look
    cancels: bool
    instance_of: Instance | None


def subscription_of(trigger: CompiledTrigger, event_type: str) -> Subscription:
    """Return the entry of *trigger* for events of *event_type*, one of its matcher's."""
    matcher = trigger.matcher
    return Subscription(
        trigger=trigger,
        look=matcher.look(event_type),
        cancels=event_type in matcher.cancels,
        instance_of=trigger.instance_of,
    )
