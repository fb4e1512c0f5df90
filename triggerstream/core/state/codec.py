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
import sys

import msgspec

from triggerstream.core.keyed import header
from triggerstream.core.patterns.progress import END
from triggerstream.core.state.arrays import pack
from triggerstream.core.state.customer import DIGEST, FIXED, RING, CustomerState
from triggerstream.core.state.formats import Stored, Stored1, Stored2, Stored3
from triggerstream.errors import StateFormatError

FORMAT = 5

_TABLES = 4
"""The first format with tables. The next one has only more fields at its end."""

UNREADABLE = (msgspec.ValidationError, msgspec.DecodeError)

_IS_BIG_ENDIAN = sys.byteorder == "big"

_decode = msgspec.msgpack.Decoder(Stored).decode
_decode1 = msgspec.msgpack.Decoder(Stored1).decode
_decode2 = msgspec.msgpack.Decoder(Stored2).decode
_decode3 = msgspec.msgpack.Decoder(Stored3).decode
_encode = msgspec.msgpack.Encoder(enc_hook=pack).encode


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
        stored = _decode(body) if form >= _TABLES else _read_old(form, body)
    except UNREADABLE as error:
        raise StateFormatError(f"customer {customer_id!r}: {error}") from error
    state = CustomerState(
        customer_id=customer_id,
        last=stored.last,
        ring=stored.ring,
        profile=stored.profile,
        limits=stored.limits,
        wake=wake,
        detections=stored.detections,
        weight=len(value) + FIXED,
        old=stored if isinstance(stored, Stored3) else None,
    )
    if len(state.ring) > RING * DIGEST:
        _read_lot(state)
    if isinstance(stored, Stored):
        _read_progress(state, stored)
    return state


def _read_progress(state: CustomerState, stored: Stored) -> None:
    number = stored.ids.count(END)
    if len(stored.times) != 8 * number:
        raise StateFormatError(
            f"customer {state.customer_id!r}: 8 bytes of time are required for each of {number} "
            f"events; found {len(stored.times)}"
        )
    state.times.frombytes(stored.times)
    if _IS_BIG_ENDIAN:
        state.times.byteswap()
    state.ids = stored.ids
    state.bodies = stored.bodies
    state.cells = stored.cells
    state.waits = stored.waits
    state.matches = stored.matches
    state.values = stored.values
    for key, instances in stored.instances.items():
        state.instances[key] = dict.fromkeys(instances)
    state.room = stored.room
    if stored.derivations:
        state.derived = stored.derived
        state.derivations = stored.derivations
        state.position = stored.position
        state.tau = stored.tau
    if stored.waits:
        wake = state.wake
        state.look_at_waits()
        # How long after it is settled a wait fires, is what the ruleset said that was in force.
        state.lateness = wake - state.wake
        state.wake = wake


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
    times, instances = state.times, state.instances
    if _IS_BIG_ENDIAN:
        times = times[:]
        times.byteswap()
    tables = (
        state.last,
        ring_of(state),
        state.profile,
        state.limits,
        state.detections,
        times.tobytes(),
        state.ids,
        state.bodies,
        state.cells,
        state.waits,
        state.matches,
        state.values,
        {key: list(instances[key]) for key in instances} if instances else instances,
        state.room,
    )
    if not state.derivations:
        return _encode(tables)
    return _encode((*tables, state.derived, state.derivations, state.position, state.tau))


def size_of(part: object) -> int:
    """Return how many bytes *part* of a state takes."""
    return len(_encode(part))


_LOT = struct.Struct(">4sIq")
_IS_LOT = b"lot\0"


def ring_of(state: CustomerState) -> bytes | bytearray:
    """Return the ring as it is stored: with the lot before it, if there is one."""
    if not state.lot:
        return state.ring
    return _LOT.pack(_IS_LOT, state.lot, state.lot_since) + state.ring


def _read_lot(state: CustomerState) -> None:
    mark, number, since = _LOT.unpack_from(state.ring)
    if mark == _IS_LOT:
        state.lot, state.lot_since = number, since
        del state.ring[: _LOT.size]
