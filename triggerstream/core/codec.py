"""A customer's state as bytes, and back.

A header (`core.keyed.header`) with the format, the wake-up and the fence; then MessagePack::

    [last, ring, profile,
     {trigger: [fingerprint, progress]},
     {trigger: [count, [[key, at]], awaits goal]},
     {trigger: [due, settled, waits]},
     detections of the ruleset]

Progress is as its matcher's `progress_type` says; with ``per`` it is a map of such by instance. It
is left undecoded until an event asks for it, and copied as it came if none did: what an event does
not concern costs it nothing.

A format is read for ever (``tests/core/golden``). Fields are only added, at the end and with
defaults; anything else is a new format.
"""

from __future__ import annotations

from typing import Any

import msgspec

from triggerstream.core.keyed import header
from triggerstream.core.limits import Memory
from triggerstream.core.state import FIXED, CustomerState, Timer
from triggerstream.errors import StateFormatError

FORMAT = 2

SlotDecoder = msgspec.msgpack.Decoder[tuple[bytes, Any]]


class _Stored(msgspec.Struct, array_like=True, frozen=True, gc=False):
    last: int
    ring: bytearray
    profile: dict[str, Any]
    slots: dict[str, msgspec.Raw]
    limits: dict[str, Memory]
    timers: dict[str, Timer]
    detections: bytes


class _Slot1(msgspec.Struct, array_like=True, frozen=True):
    fingerprint: bytes
    due: int
    settled: int
    waits: int
    content: msgspec.Raw


class _Stored1(msgspec.Struct, array_like=True, frozen=True):
    """Format 1: each slot with its timer, and the earliest of them all."""

    last: int
    due: int
    settled: int
    waits: int
    ring: bytearray
    profile: dict[str, Any]
    slots: dict[str, _Slot1]
    limits: dict[str, Memory]

    def as_stored(self) -> _Stored:
        slots = {
            name: msgspec.Raw(_encode((slot.fingerprint, slot.content)))
            for name, slot in self.slots.items()
        }
        timers = {
            name: Timer(slot.due, slot.settled, slot.waits)
            for name, slot in self.slots.items()
            if slot.waits
        }
        return _Stored(self.last, self.ring, self.profile, slots, self.limits, timers, b"")


_decode = msgspec.msgpack.Decoder(_Stored).decode
_decode1 = msgspec.msgpack.Decoder(_Stored1).decode
_encode = msgspec.msgpack.Encoder().encode


def load(customer_id: str, value: bytes) -> CustomerState:
    """Return the state in *value*.

    Raises:
        StateFormatError: It cannot be read; the process must stop.
    """
    form, _, wake, _ = header.unpack(value)
    if not 1 <= form <= FORMAT:
        raise StateFormatError(
            f"customer {customer_id!r}: formats up to {FORMAT} are known; found {form}"
        )
    body = memoryview(value)[header.SIZE :]
    try:
        stored = _decode(body) if form == FORMAT else _decode1(body).as_stored()
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise StateFormatError(f"customer {customer_id!r}: {error}") from error
    state = CustomerState(
        customer_id,
        last=stored.last,
        ring=stored.ring,
        profile=stored.profile,
        slots=stored.slots,
        timers=stored.timers,
        limits=stored.limits,
        wake=wake,
        detections=stored.detections,
        weight=len(value) + FIXED,
    )
    if stored.timers:
        state.lateness = wake - min(timer.settled for timer in stored.timers.values())
        state.note_waits()
    return state


def dump(state: CustomerState, fence: int) -> bytes:
    """Return the stored form of *state*."""
    return header.pack(FORMAT, 0, state.wake, fence) + dump_body(state)


def dump_body(state: CustomerState) -> bytes:
    """Return the stored form of *state* without its header."""
    if state.changed:
        slots, progress = state.slots, state.open
        for name, fingerprint in state.changed.items():
            slots[name] = msgspec.Raw(_encode((fingerprint, progress[name])))
        state.changed.clear()
    return _encode(
        (
            state.last,
            state.ring,
            state.profile,
            state.slots,
            state.limits,
            state.timers,
            state.detections,
        )
    )


def slot_decoder(progress_type: Any, *, per: bool) -> SlotDecoder:
    """Return the decoder of slots with progress of *progress_type*, *per* instance or not."""
    held = dict[str, progress_type] if per else progress_type
    return msgspec.msgpack.Decoder(tuple[bytes, held])  # type: ignore[valid-type]  # built here


def decode_slot(slot: msgspec.Raw, decoder: SlotDecoder) -> tuple[bytes, Any]:
    """Return the fingerprint and the progress in a stored *slot*.

    Raises:
        StateFormatError: It cannot be read; the process must stop.
    """
    try:
        return decoder.decode(slot)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise StateFormatError(f"progress of a trigger cannot be read: {error}") from error


def read_fingerprint(slot: msgspec.Raw) -> bytes:
    """Return the fingerprint of the detection that made a stored *slot*.

    Raises:
        StateFormatError: It cannot be read; the process must stop.
    """
    return decode_slot(slot, _any_slot)[0]


_any_slot: SlotDecoder = msgspec.msgpack.Decoder(tuple[bytes, msgspec.Raw])
