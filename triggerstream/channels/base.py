"""What a channel is, and what it promises."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from triggerstream.core.decisions import Firing
from triggerstream.core.reasons import FailReason
from triggerstream.core.records.actions import Answered


class Content(msgspec.Struct, frozen=True):
    """A rendered template. *subject* is one line; *text* or *html* is there, or both."""

    subject: str | None = None
    text: str | None = None
    html: str | None = None


class Message(msgspec.Struct, frozen=True):
    """One call of a channel.

    Attributes:
        attempt: Counts the calls for this action from 1; the action's id stays the same.
        options: The channel's own settings, from the trigger.
        content: ``None`` where the action names no template.
    """

    action_id: str
    attempt: int
    channel: str
    firing: Firing
    options: dict[str, Any] = {}
    content: Content | None = None


class Answer(msgspec.Struct, frozen=True):
    """What came of a call.

    Attributes:
        outcome: ``sent``, ``failed`` (a definite no), ``retry`` (a temporary no: it certainly did
            not go out) or ``unknown`` (it may have gone out).
        detail: For people; without the customer's address.
        retry_after: Seconds that the far side asks us to wait.
    """

    outcome: Answered
    reason: FailReason | None = None
    detail: str = ""
    retry_after: float | None = None
    provider_id: str | None = None


class Channel(Protocol):
    """A way of delivery: one provider.

    Calls may overlap. A call ends within the attempt's time-out, and answers whatever the far
    side does: only a defect of our own raises. Which of ``retry`` and ``unknown`` is the answer
    decides whether a customer can get a message twice, so in doubt it is ``unknown``.
    """

    async def send(self, message: Message) -> Answer: ...

    async def close(self) -> None:
        """Let go of connections. No call is under way."""
        ...


DETAIL_LIMIT = 200


def shorten(text: str) -> str:
    """Return *text*, which a far side wrote, as one printable line of bounded length."""
    line = "".join(c if c.isprintable() else " " for c in text[: DETAIL_LIMIT * 4])
    return " ".join(line.split())[:DETAIL_LIMIT]
