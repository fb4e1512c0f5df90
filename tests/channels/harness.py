"""A message to send, for tests of channels."""

from __future__ import annotations

from typing import Any

import msgspec

from triggerstream.channels.base import Content, Message
from triggerstream.core.decisions import Action, Firing

NOW = 1_772_366_400.0
"""2026-03-01T12:00:00Z in epoch seconds."""
ACTION = "0123456789abcdef0123456789abcdef"
CONTENT = Content("Your cart", "Grüße, Ada\n.\nbye", "<p>Grüße</p>")

EVENT = b'{"event_id":"e1","event_type":"cart_added","event_data":{"total":99.9,"items":["a","b"]}}'


def firing(profile: dict[str, Any] | None = None, **fields: Any) -> Firing:
    return Firing(
        firing_id="f" * 32,
        trigger="cart",
        customer_id="c1",
        at=int(NOW * 1000),
        instance=None,
        events=("e1",),
        actions=(action(),),
        event=msgspec.Raw(EVENT),
        profile={"email": "ada@mail.example"} if profile is None else profile,
        **fields,
    )


def action() -> Action:
    return Action(ACTION, "email", template="cart")


def message(
    profile: dict[str, Any] | None = None,
    *,
    content: Content | None = CONTENT,
    attempt: int = 1,
    type: str = "behavioral",  # noqa: A002 - the firing's own word
    **options: Any,
) -> Message:
    return Message(
        action_id=ACTION,
        attempt=attempt,
        channel="email",
        firing=firing(profile, type=type),
        options=options,
        content=content,
    )
