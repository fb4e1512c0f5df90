"""A customer's state as bytes, and back.

A header (`core.keyed.header`) with the format, the wake-up and the fence; then MessagePack::

    [last, due, settled, waits, ring, profile,
     {trigger: [fingerprint, due, settled, waits, progress]},
     {trigger: [count, [[key, at]], awaits goal]}]

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
from triggerstream.core.state import CustomerState, Slot
from triggerstream.errors import StateFormatError

FORMAT = 1

ContentDecoder = msgspec.msgpack.Decoder[Any]


class _Stored(msgspec.Struct, array_like=True, frozen=True):
    last: int
    due: int
    settled: int
    waits: int
    ring: bytes
    profile: dict[str, Any]
    slots: dict[str, Slot]
    limits: dict[str, Memory]


_decode = msgspec.msgpack.Decoder(_Stored).decode
_encode = msgspec.msgpack.Encoder().encode


def load(customer_id: str, value: bytes) -> CustomerState:
    """Return the state in *value*.

    Raises:
        StateFormatError: It cannot be read; the process must stop.
    """
    form, _, wake, _ = header.unpack(value)
    if form != FORMAT:
        raise StateFormatError(
            f"customer {customer_id!r}: formats up to {FORMAT} are known; found {form}"
        )
    try:
        stored = _decode(memoryview(value)[header.SIZE :])
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise StateFormatError(f"customer {customer_id!r}: {error}") from error
    return CustomerState(
        customer_id,
        last=stored.last,
        due=stored.due,
        settled=stored.settled,
        waits=stored.waits,
        lateness=wake - stored.settled,
        ring=stored.ring,
        profile=stored.profile,
        slots=stored.slots,
        limits=stored.limits,
        stored=len(value),
    )


def dump(state: CustomerState, fence: int) -> bytes:
    """Return the stored form of *state*."""
    return header.pack(FORMAT, 0, state.wake, fence) + dump_body(state)


def dump_body(state: CustomerState) -> bytes:
    """Return the stored form of *state* without its header."""
    for name in state.changed:
        state.slots[name].content = msgspec.Raw(_encode(state.open[name]))
    state.changed.clear()
    return _encode(
        (
            state.last,
            state.due,
            state.settled,
            state.waits,
            state.ring,
            state.profile,
            state.slots,
            state.limits,
        )
    )


def content_decoder(progress_type: Any, *, per: bool) -> ContentDecoder:
    """Return the decoder of slots with progress of *progress_type*, *per* instance or not."""
    return msgspec.msgpack.Decoder(dict[str, progress_type] if per else progress_type)


def decode_content(content: msgspec.Raw, decoder: ContentDecoder) -> Any:
    """Return what the stored *content* of a slot holds.

    Raises:
        StateFormatError: It cannot be read; the process must stop.
    """
    try:
        return decoder.decode(content)
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise StateFormatError(f"progress of a trigger cannot be read: {error}") from error
