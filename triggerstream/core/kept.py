"""What a customer's state is made of: slots, and timers.

These are the parts that msgspec makes out of stored bytes, so they stay in Python where the rest
of the core is compiled (``docs/decisions/0007``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    Progress = Any
else:
    # What the decoder takes: it is decoded by who knows its type.
    Progress = msgspec.Raw


class Timer(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What one trigger waits for.

    Attributes:
        due: The earliest due time of its open waits.
        settled: The earliest ``max(due, arrival of the opener)`` of them.
        waits: How many there are, at least one.
    """

    due: int
    settled: int
    waits: int


class Open(msgspec.Struct, array_like=True, gc=False, eq=False):
    """A slot that is too big to be decoded for each event (`codec.BIG`).

    Attributes:
        made_by: The fingerprint of the detection that made the progress.
        progress: Decoded when it is first asked for.
    """

    made_by: bytes
    progress: Progress


Slot = bytes | Open
"""The progress of one trigger, or of one of its instances, and what made it.

It is bytes (MessagePack of an `Open`), decoded by whoever asks for it and encoded again when it
changes. That takes less time than to find its ten objects in memory, where so many states are
that no cache holds them, and a checkpoint only copies it (``docs/decisions/0007``).
"""

Instances = dict[str, Slot]
"""A trigger's slots by instance, the one whose progress changed longest ago first."""
