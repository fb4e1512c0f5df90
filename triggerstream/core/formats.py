"""Stored states as msgspec reads them, the present format first. All are read for ever, and only
the present one is written."""

from __future__ import annotations

from typing import Any

import msgspec

from triggerstream.core.kept import Instances, Slot, Timer
from triggerstream.core.limits import Memory


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
