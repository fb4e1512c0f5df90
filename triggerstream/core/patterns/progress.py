"""What patterns remember of one instance. Old progress decodes for ever: fields are added at the
end, with defaults.

msgspec makes it out of stored bytes, so it stays in Python where the rest of the core is compiled
(``docs/decisions/0007``).
"""

from __future__ import annotations

import msgspec

from triggerstream.core.patterns.base import Ref

Value = str | bool | int | float
"""An aggregated field."""


class Held(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A counted event: its effective time, what names it, and the field that is aggregated."""

    at: int
    position: int
    event_id: str
    value: Value | None = None


class Window(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An open window: its timer, how many events it counted, the newest of them, the last whole."""

    due: int
    arrival: int
    number: int
    held: tuple[Held, ...]
    raw: bytes


class Partial(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A partial match: the times of its first and its latest event, and all of them."""

    first: int
    at: int
    events: tuple[Ref, ...]


class Wait(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All event steps are filled, and the final absence is not decided yet."""

    due: int
    arrival: int
    events: tuple[Ref, ...]
    raw: bytes


class Progress(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The partial matches at each step but the last, oldest first, and the open wait."""

    steps: tuple[tuple[Partial, ...], ...]
    wait: Wait | None = None
