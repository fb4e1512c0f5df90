"""A customer's state as bytes, and back.

A header (`core.keyed.header`) with the format, the wake-up and the fence; then MessagePack of a
`formats.Stored`: the tables as they are.

The ring is the digests of the newest events' ids, 8 bytes each. Where they are more than 64, two
that are none stand before them: ``lot`` and a zero, how many events the open lot has (4 bytes), and
when its first arrived (8 bytes).

A format is read for ever (``tests/core/state/golden``). Fields are only added, at the end and with
defaults; anything else is a new format.
"""

from __future__ import annotations

import struct

import msgspec

from triggerstream.core.keyed import header
from triggerstream.core.patterns.progress import Progress
from triggerstream.core.state.customer import DIGEST, FIXED, RING, CustomerState
from triggerstream.core.state.formats import Stored, Stored1, Stored2, Stored3
from triggerstream.errors import StateFormatError

FORMAT = 4

UNREADABLE = (msgspec.ValidationError, msgspec.DecodeError)

_decode = msgspec.msgpack.Decoder(Stored).decode
_decode1 = msgspec.msgpack.Decoder(Stored1).decode
_decode2 = msgspec.msgpack.Decoder(Stored2).decode
_decode3 = msgspec.msgpack.Decoder(Stored3).decode
_encode = msgspec.msgpack.Encoder().encode


def load(customer_id: str, value: bytes) -> CustomerState:
    """Return the state in *value*. The progress of an old format stays as it is until a ruleset
    tells what it means (`CustomerState.old`).

    Raises:
        StateFormatError: It cannot be read; the process must stop.
    """
    form, _, wake, _ = header.unpack(value)
    if not 1 <= form <= FORMAT:
        raise StateFormatError(
            f"customer {customer_id!r}: formats up to {FORMAT} are known; found {form}"
        )
    body = memoryview(value)[header.SIZE :]
    stored: Stored | Stored3
    try:
        stored = _decode(body) if form == FORMAT else _read_old(form, body)
        progress = _progress(stored) if isinstance(stored, Stored) else Progress()
    except UNREADABLE as error:
        raise StateFormatError(f"customer {customer_id!r}: {error}") from error
    state = CustomerState(
        customer_id,
        last=stored.last,
        ring=stored.ring,
        profile=stored.profile,
        progress=progress,
        limits=stored.limits,
        wake=wake,
        detections=stored.detections,
        weight=len(value) + FIXED,
        old=stored if isinstance(stored, Stored3) else None,
    )
    if len(state.ring) > RING * DIGEST:
        _read_lot(state)
    return state


def _progress(stored: Stored) -> Progress:
    progress = Progress(
        stored.times,
        stored.ids,
        stored.bodies,
        stored.cells,
        stored.waits,
        stored.matches,
        stored.values,
        {key: dict.fromkeys(instances) for key, instances in stored.instances.items()},
        stored.room,
    )
    if stored.waits:
        progress.look_at_waits()
    return progress


def _read_old(form: int, body: memoryview) -> Stored3:
    if form == 3:
        return _decode3(body)
    old = _decode2(body) if form == 2 else _decode1(body).as_format_2()
    return old.as_format_3()


def dump(state: CustomerState, fence: int) -> bytes:
    """Return the stored form of *state*, which a ruleset has touched."""
    return header.pack(FORMAT, 0, state.wake, fence) + dump_body(state)


def dump_body(state: CustomerState) -> bytes:
    """Return the stored form of *state* without its header."""
    progress = state.progress
    instances = progress.instances
    return _encode(
        (
            state.last,
            _with_lot(state) if state.lot else state.ring,
            state.profile,
            state.limits,
            state.detections,
            progress.times,
            progress.ids,
            progress.bodies,
            progress.cells,
            progress.waits,
            progress.matches,
            progress.values,
            {key: list(instances[key]) for key in instances} if instances else instances,
            progress.room,
        )
    )


def size_of(part: object) -> int:
    """Return how many bytes *part* of a state takes."""
    return len(_encode(part))


_LOT = struct.Struct(">4sIq")
_IS_LOT = b"lot\0"


def _with_lot(state: CustomerState) -> bytes:
    return _LOT.pack(_IS_LOT, state.lot, state.lot_since) + state.ring


def _read_lot(state: CustomerState) -> None:
    mark, number, since = _LOT.unpack_from(state.ring)
    if mark == _IS_LOT:
        state.lot, state.lot_since = number, since
        del state.ring[: _LOT.size]
