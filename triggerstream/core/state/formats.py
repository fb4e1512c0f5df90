"""What a customer's state is made of, slots and timers, and the forms in which states are stored.

The present format stands first. All are read for ever, and only the present one is written.

msgspec makes these out of stored bytes, so they stay in Python where the rest of the core is
compiled (``docs/decisions/0007``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from triggerstream.core.state.limits import Memory

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


class Stored(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Format 3: each slot, and each instance of a trigger with ``per``, by itself."""

    last: int
    ring: bytearray
    profile: dict[str, Any]
    slots: dict[str, Slot]
    limits: dict[str, Memory]
    timers: dict[str, Timer]
    detections: bytes
    instances: dict[str, Instances]


class Stored2(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Format 2: a slot stands open, and with ``per`` holds the progress of all instances."""

    last: int
    ring: bytearray
    profile: dict[str, Any]
    slots: dict[str, msgspec.Raw]
    limits: dict[str, Memory]
    timers: dict[str, Timer]
    detections: bytes

    def split_slots(self) -> tuple[dict[str, Slot], dict[str, Instances]]:
        """Return the slots of triggers without ``per``, and of those with it."""
        slots: dict[str, Slot] = {}
        instances: dict[str, Instances] = {}
        for name, slot in self.slots.items():
            try:
                by_instance = _decode_instances(slot)
            except msgspec.ValidationError:
                slots[name] = bytes(slot)
            else:
                instances[name] = {
                    instance: _encode((by_instance.made_by, progress))
                    for instance, progress in by_instance.progress.items()
                }
        return slots, instances


class _Slot1(msgspec.Struct, array_like=True, frozen=True):
    fingerprint: bytes
    due: int
    settled: int
    waits: int
    content: msgspec.Raw


class Stored1(msgspec.Struct, array_like=True, frozen=True):
    """Format 1: each slot with its timer, and the earliest of them all."""

    last: int
    due: int
    settled: int
    waits: int
    ring: bytearray
    profile: dict[str, Any]
    slots: dict[str, _Slot1]
    limits: dict[str, Memory]

    def as_format_2(self) -> Stored2:
        slots = {
            name: msgspec.Raw(_encode((slot.fingerprint, slot.content)))
            for name, slot in self.slots.items()
        }
        timers = {
            name: Timer(slot.due, slot.settled, slot.waits)
            for name, slot in self.slots.items()
            if slot.waits
        }
        return Stored2(self.last, self.ring, self.profile, slots, self.limits, timers, b"")


class _Instances2(msgspec.Struct, array_like=True, frozen=True):
    """What no slot without ``per`` can be taken for: no pattern's progress is a map."""

    made_by: bytes
    progress: dict[str, msgspec.Raw]


_encode = msgspec.msgpack.Encoder().encode
_decode_instances = msgspec.msgpack.Decoder(_Instances2).decode
