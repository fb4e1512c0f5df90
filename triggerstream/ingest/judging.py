"""Each event, judged as the worker will judge it, and by the rights of the key it came with.

A browser key stands in a page, so anybody has it, and it proves nothing: it may speak for anonymous
ids only, unless a user token says who the customer is. Else anybody could give a customer another
address, or take their consent back.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from triggerstream.core.detection.reading import Reader
from triggerstream.core.events.decode import IDENTIFY, MAX_BYTES
from triggerstream.core.events.event import Event
from triggerstream.core.events.fields import seen
from triggerstream.core.events.stamping import stamped
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.placement import partition_of
from triggerstream.core.records.record import Header, Produce, Rejected
from triggerstream.core.schemas.admit import Failed, admit
from triggerstream.core.schemas.schemas import Schemas
from triggerstream.ingest.keys import Key
from triggerstream.ingest.reading import Refused
from triggerstream.ingest.tokens import Proof

EVENTS: Final = "events"
"""The short name of the topic."""
ANONYMOUS: Final = "anon_"
"""How the ids begin that nobody is known by. No customer's id of the shop may begin so."""
REMEMBERED: Final = 64
"""Ids of a customer by which the worker knows repeats for sure (semantics 30)."""

CONSENT: Final = "consent"
TRACKING: Final = "tracking"
_ALIAS: Final = "alias"
_RESERVED: Final = ("$", "message_")
_RESERVED_TYPES: Final = frozenset({"segment_change"})
_PROVEN: Final = frozenset(
    {"email", "phone", "devices", "hops", "preferences", "unsubscribed", "pause_until", "sayings"}
)
"""Traits that a browser may set of a proven customer only; with all that speak of consent."""

_NAMELESS: Final = "\0/0/0"
"""How the reader names an event that brings no id."""
_reader = Reader("\0", MAX_BYTES, takes_reserved=True)
_as_members = msgspec.json.Decoder(dict[str, Any]).decode


class Judge(msgspec.Struct, frozen=True):
    """Judges the events of one request.

    Attributes:
        partitions: Of ``events``.
        now: When it came, epoch milliseconds: a device's clock is corrected by it.
        names: The ``Idempotency-Key``: events without an id are named after it, and their index.
        failed: Told of what the schemas have found (`core.schemas.admit`).
    """

    key: Key
    proof: Proof
    schemas: Schemas | None
    now: int
    partitions: int = 1
    names: str | None = None
    failed: Failed = lambda *_: None

    def record(self, value: bytes, headers: Sequence[Header], index: int) -> Produce:
        """Return the event in *value* as a record of ``events``.

        Raises:
            Rejected: It is no event, or the key may not say this of this customer.
            Refused: The key may not send events of its type: the request as a whole is not taken.
        """
        event = _reader.read(value, self.now, 0, 0, None, headers)
        assert isinstance(event, Event)  # noqa: S101 - for the types: other kinds have a header
        key, said = self.key, dict[str, Any]()
        if event.source != key.source:
            said["source"] = key.source
        if event.event_id == _NAMELESS and self.names is not None:
            said["event_id"] = f"{self.names}#{index}"
        if key.is_public:
            _take_for_anonymous(event, value, said)
        kind = event.event_type
        if self.schemas is not None:
            kind = self.schemas.name_of(kind)
        self._check_type(kind)
        event.source = key.source
        body = stamped(admit(event, self.schemas, self.failed), said, "what the door adds")
        event.event_type = kind
        if key.is_public:
            _check_rights(event, key, self.proof)
        customer = event.customer_id.encode()
        return Produce(EVENTS, partition_of(customer, self.partitions), customer, body)

    def _check_type(self, kind: str) -> None:
        if kind.startswith(_RESERVED) or kind in _RESERVED_TYPES:
            raise Refused(403, f"a type that is not reserved; found {seen(kind)}")
        types = self.key.types
        if types is not None and kind not in types:
            detail = f"one of the types of the key {self.key.name}; found {seen(kind)}"
            raise Refused(403, detail)


def anonymous(text: str) -> str:
    """Return the anonymous id that *text* is, or stands for."""
    return text if text.startswith(ANONYMOUS) else ANONYMOUS + text


def is_repeat_safe(records: Sequence[Produce]) -> bool:
    """Return whether the worker knows all of *records* again, should the request be repeated."""
    if len(records) <= REMEMBERED:
        return True
    return max(Counter(record.key for record in records).values()) <= REMEMBERED


def _take_for_anonymous(event: Event, value: bytes, said: dict[str, Any]) -> None:
    """Keep what a page's Segment library calls anonymous apart from the ids of customers: there
    anybody may put anything."""
    if b"nonymousId" in value and _is_by_anonymous_id(value):
        event.customer_id = said["customer_id"] = anonymous(event.customer_id)
    before = (event.event_data or {}).get("previous_id") if event.event_type == _ALIAS else None
    if type(before) is str:
        said["event_data"] = {**(event.event_data or {}), "previous_id": anonymous(before)}


def _is_by_anonymous_id(value: bytes) -> bool:
    try:
        members = _as_members(value)
    except msgspec.DecodeError:  # mended on its way: then it stands under its own id
        return False
    return "customer_id" not in members and not members.get("userId")


def _check_rights(event: Event, key: Key, proof: Proof) -> None:
    """Raises: Rejected: A public key may not say this of this customer."""
    is_anonymous = event.customer_id.startswith(ANONYMOUS)
    why_not = "no customer" if is_anonymous else proof.why_not(event.customer_id)
    if not is_anonymous and why_not:
        required = f"an anonymous id ({ANONYMOUS}…), or the customer's user token"
        raise _forbidden(f"{required}; found {why_not}")
    data = event.event_data or {}
    if event.event_type == IDENTIFY:
        for name in data:
            if name not in key.traits:
                raise _forbidden(f"a trait of the key {key.name}; found {seen(name)}")
            if is_anonymous and (name in _PROVEN or CONSENT in name):
                raise _forbidden(f"the customer's user token for {seen(name)}; found {why_not}")
    elif event.event_type == CONSENT and is_anonymous and data.get("purpose") != TRACKING:
        found = seen(data.get("purpose"))
        raise _forbidden(f"consent of purpose {TRACKING} of an anonymous id; found {found}")


def _forbidden(detail: str) -> Rejected:
    return Rejected(RejectReason.FORBIDDEN_CUSTOMER, detail)
