"""The forms in which states are stored. The present one stands first, and alone is written; all are
read for ever.

Until format 3, each trigger had a *slot* with the progress of its pattern as one value
(`old_progress`), and a timer beside it.

msgspec makes these out of stored bytes, so they stay in Python where the rest of the core is
compiled (``docs/decisions/0007``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from triggerstream.core.patterns.progress import IN_MATCH, IN_WAIT, Value
from triggerstream.core.state.limits import Memory

if TYPE_CHECKING:
    OldProgress = Any
else:
    # What the decoder takes: it is decoded by who knows its type.
    OldProgress = msgspec.Raw


_Row = Annotated[int, msgspec.Meta(ge=0)]
_Cell = Annotated[tuple[_Row, ...], msgspec.Meta(min_length=1)]
_Wait = Annotated[tuple[_Row, ...], msgspec.Meta(min_length=IN_WAIT + 1)]
_Match = Annotated[tuple[_Row, ...], msgspec.Meta(min_length=IN_MATCH + 1)]


class Stored(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Format 5: the tables of `patterns.progress.Progress`. Of format 4 the last four are missing,
    and they are left out wherever nothing is derived."""

    last: int
    ring: bytearray
    profile: dict[str, Any]
    limits: dict[str, Memory]
    detections: bytes
    times: bytes
    ids: bytearray
    bodies: dict[int, bytes]
    cells: dict[str, _Cell]
    waits: dict[str, _Wait]
    matches: dict[str, _Match]
    values: dict[str, tuple[Value, ...]]
    instances: dict[str, list[str]]
    room: int
    derived: dict[str, tuple[Any, ...]] = {}
    derivations: bytes = b""
    position: int = -1
    tau: int = -1


class Timer(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What one trigger waited for.

    Attributes:
        due: The earliest due time of its open waits.
        settled: The earliest ``max(due, arrival of the opener)`` of them.
        waits: How many there are, at least one.
    """

    due: int
    settled: int
    waits: int


class Open(msgspec.Struct, array_like=True, gc=False, eq=False):
    """A slot as it is where it is big.

    Attributes:
        made_by: The fingerprint of the detection that made the progress.
    """

    made_by: bytes
    progress: OldProgress


Slot = bytes | Open
"""The progress of one trigger, or of one of its instances, and what made it: as bytes, it is
MessagePack of an `Open`."""

Instances = dict[str, Slot]
"""A trigger's slots by instance, the one whose progress changed longest ago first."""


class Stored3(msgspec.Struct, array_like=True, frozen=True, gc=False):
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

    def as_format_3(self) -> Stored3:
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
        return Stored3(
            self.last,
            self.ring,
            self.profile,
            slots,
            self.limits,
            self.timers,
            self.detections,
            instances,
        )


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
