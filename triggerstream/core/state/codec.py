"""A customer's state as bytes, and back.

A header (`core.keyed.header`) with the format, the wake-up and the fence; then MessagePack::

    [last, ring, profile,
     {trigger: slot},
     {trigger: [count, [[key, at]], awaits goal]},
     {trigger: [due, settled, waits]},
     detections of the ruleset,
     {trigger with ``per``: {instance: slot}}]

A slot is ``[fingerprint, progress]``, with progress as its matcher's `progress_type` says: as
bytes, or, if it is `BIG`, as it is. What an event does not concern is never decoded.

The ring is the digests of the newest events' ids, 8 bytes each. Where they are more than 64, two
that are none stand before them: ``lot`` and a zero, how many events the open lot has (4 bytes), and
when its first arrived (8 bytes). A program that does not know of lots takes them for ids, and at
each event drops the first 8 bytes of the ring: one that does then opens a lot anew.

A format is read for ever (``tests/core/state/golden``). Fields are only added, at the end and with
defaults; anything else is a new format.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import msgspec

from triggerstream.core.keyed import header
from triggerstream.core.state.customer import DIGEST, FIXED, RING, CustomerState
from triggerstream.core.state.formats import Open, Slot, Stored, Stored1, Stored2
from triggerstream.errors import StateFormatError

FORMAT = 3

BIG = 2048
"""Bytes from which on a slot stays decoded, once it has been: an event may change one part in a
thousand of it."""

SlotDecoder = Callable[[bytes], tuple[bytes, Any]]
"""Returns a slot's fingerprint and progress, or raises one of `UNREADABLE`."""

UNREADABLE = (msgspec.ValidationError, msgspec.DecodeError)


_decode = msgspec.msgpack.Decoder(Stored).decode
_decode1 = msgspec.msgpack.Decoder(Stored1).decode
_decode2 = msgspec.msgpack.Decoder(Stored2).decode
_decode_any = msgspec.msgpack.Decoder(Open).decode
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
    try:
        stored = _read(form, memoryview(value)[header.SIZE :])
    except UNREADABLE as error:
        raise StateFormatError(f"customer {customer_id!r}: {error}") from error
    state = CustomerState(
        customer_id,
        last=stored.last,
        ring=stored.ring,
        profile=stored.profile,
        slots=stored.slots,
        instances=stored.instances,
        timers=stored.timers,
        limits=stored.limits,
        wake=wake,
        detections=stored.detections,
        weight=len(value) + FIXED,
    )
    if len(state.ring) > RING * DIGEST:
        _read_lot(state)
    if stored.timers:
        state.lateness = wake - min(timer.settled for timer in stored.timers.values())
        state.note_waits()
    return state


def _read(form: int, body: memoryview) -> Stored:
    if form == FORMAT:
        return _decode(body)
    old = _decode2(body) if form == 2 else _decode1(body).as_format_2()
    slots, instances = old.split_slots()
    return Stored(
        old.last, old.ring, old.profile, slots, old.limits, old.timers, old.detections, instances
    )


def dump(state: CustomerState, fence: int) -> bytes:
    """Return the stored form of *state*."""
    return header.pack(FORMAT, 0, state.wake, fence) + dump_body(state)


def dump_body(state: CustomerState) -> bytes:
    """Return the stored form of *state* without its header."""
    return _encode(
        (
            state.last,
            _with_lot(state) if state.lot else state.ring,
            state.profile,
            state.slots,
            state.limits,
            state.timers,
            state.detections,
            state.instances,
        )
    )


_LOT = struct.Struct(">4sIq")
_IS_LOT = b"lot\0"


def _with_lot(state: CustomerState) -> bytes:
    return _LOT.pack(_IS_LOT, state.lot, state.lot_since) + state.ring


def _read_lot(state: CustomerState) -> None:
    mark, number, since = _LOT.unpack_from(state.ring)
    if mark == _IS_LOT:
        state.lot, state.lot_since = number, since
        del state.ring[: _LOT.size]


def slot_decoder(progress_type: Any) -> SlotDecoder:
    """Return what decodes slots with progress of *progress_type*."""
    return msgspec.msgpack.Decoder(tuple[bytes, progress_type]).decode


def encode_slot(made_by: bytes, progress: Any, before: Slot | None = None) -> Slot:
    """Return the slot of *progress*, which was in *before*, if in any."""
    if type(before) is Open:
        return Open(made_by, progress)
    slot = _encode((made_by, progress))
    return slot if len(slot) < BIG else Open(made_by, progress)


def decode_slot(slot: Slot, decode: SlotDecoder) -> Any:
    """Return the progress in *slot*.

    Raises:
        StateFormatError: It cannot be read; the process must stop.
    """
    if isinstance(slot, bytes):
        try:
            return decode(slot)[1]
        except UNREADABLE as error:
            raise _unreadable(error) from error
    if type(slot.progress) is msgspec.Raw:
        slot.progress = decode_slot(_encode(slot), decode)
    return slot.progress


def read_fingerprint(slot: Slot) -> bytes:
    """Return the fingerprint of the detection that made *slot*.

    Raises:
        StateFormatError: It cannot be read; the process must stop.
    """
    if isinstance(slot, bytes):
        try:
            return _decode_any(slot).made_by
        except UNREADABLE as error:
            raise _unreadable(error) from error
    return slot.made_by


def size_of(slot: Slot) -> int:
    """Return how many bytes *slot* takes in a stored state, but for two."""
    return len(slot if isinstance(slot, bytes) else _encode(slot))


def _unreadable(error: Exception) -> StateFormatError:
    return StateFormatError(f"progress of a trigger cannot be read: {error}")
