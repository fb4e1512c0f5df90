"""Detecting, as a program of the keyed process: events in, firings out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Annotated, Any

import msgspec

from triggerstream.core.decisions import Suppressed
from triggerstream.core.detection import engine
from triggerstream.core.detection.budget import LONGEST_ID
from triggerstream.core.detection.describe import describe
from triggerstream.core.events.decode import MAX_BYTES, decode_event
from triggerstream.core.events.event import Event
from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.actions import records_of
from triggerstream.core.records.deliveries import suppressed_record
from triggerstream.core.records.record import Header, Kind, Produce, Rejected
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.state import codec
from triggerstream.core.state.customer import CustomerState


class FailedDelivery(msgspec.Struct, frozen=True):
    """The value of a `Kind.FAILED` record: a firing whose delivery failed for good."""

    firing_id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    trigger: str
    customer_id: str


_decode_failed = msgspec.json.Decoder(FailedDelivery).decode


class Detect:
    """The program that detects.

    Args:
        topic: The input topic's name, for the ids of events that bring none.
        max_event_bytes: Longer events are dead-lettered.
        clamp_skew: Whether a timestamp too far ahead of its arrival is taken for the arrival;
            off where the arrival itself is made up from the timestamp.
    """

    wake_at: Callable[[CustomerState], int] = staticmethod(attrgetter("wake"))

    def __init__(
        self, topic: str, *, max_event_bytes: int = MAX_BYTES, clamp_skew: bool = True
    ) -> None:
        self._topic = topic
        self._max_event_bytes = max_event_bytes
        self.clamp_skew = clamp_skew
        self._engine = engine.Engine(clamp_skew=clamp_skew)

    def read(
        self,
        value: bytes | None,
        timestamp: int,
        partition: int,
        offset: int,
        kind: bytes | None,
        headers: Sequence[Header],
    ) -> Event | FailedDelivery:
        if kind is not None:
            return _read_other(value, kind)
        event = decode_event(
            value,
            fallback_id="",
            fallback_timestamp=timestamp,
            max_bytes=self._max_event_bytes,
            headers=headers,
        )
        if not event.event_id:
            event.event_id = f"{self._topic}/{partition}/{offset}"
        elif len(event.event_id) > LONGEST_ID:
            raise _too_long("event_id", event.event_id)
        if len(event.customer_id) > LONGEST_ID:
            raise _too_long("customer_id", event.customer_id)
        return event

    def new_state(self, customer_id: str, erased: int = -1) -> CustomerState:
        return CustomerState(customer_id=customer_id)

    def load(self, customer_id: str, value: bytes) -> CustomerState:
        return codec.load(customer_id, value)

    def dump(self, state: CustomerState, fence: int) -> bytes:
        return codec.dump(state, fence)

    def on_clock(
        self,
        state: CustomerState,
        ruleset: Ruleset,
        clock: int,
        position: int,
        out: list[Any],
    ) -> None:
        engine.on_clock(state, ruleset, clock, out)

    def on_message(
        self,
        state: CustomerState,
        message: Event | FailedDelivery,
        ruleset: Ruleset,
        arrival: int,
        clock: int,
        position: int,
        out: list[Any],
    ) -> str:
        if isinstance(message, Event):
            return self._engine.on_event(state, message, ruleset, arrival, clock, position, out)
        engine.on_clock(state, ruleset, clock, out)
        return engine.on_failed_delivery(state, message.trigger, message.firing_id)

    def on_erase(
        self, state: CustomerState, ruleset: Ruleset, clock: int, erased: int, out: list[Any]
    ) -> bool:
        """Nothing is unfinished: what was decided is with the sender, who erases too."""
        return True

    def resume(self, state: CustomerState) -> Sequence[Any]:
        return ()

    def describe(self, state: CustomerState, ruleset: Ruleset) -> dict[str, Any]:
        return describe(state, ruleset)

    def encode(self, outcome: Any, ruleset_version: int, clock: int) -> Sequence[Produce]:
        if isinstance(outcome, Suppressed):
            return (suppressed_record(outcome, ruleset_version),) if outcome.is_recorded else ()
        return records_of(outcome, ruleset_version)


def _too_long(field: str, text: str) -> Rejected:
    detail = f"{field}: at most {LONGEST_ID} characters; found {len(text)}"
    return Rejected(RejectReason.TOO_LARGE, detail)


def _read_other(value: bytes | None, kind: bytes) -> FailedDelivery:
    if kind != Kind.FAILED:
        found = kind[:40].decode(errors="replace")
        detail = f"an event, or a record of kind failed; found kind {found}"
        raise Rejected(RejectReason.UNKNOWN_KIND, detail)
    if not value:
        raise Rejected(RejectReason.EMPTY, "a failed delivery; found no bytes")
    try:
        return _decode_failed(value)
    except msgspec.ValidationError as error:
        is_missing = "missing required field" in str(error)
        reason = RejectReason.MISSING_FIELD if is_missing else RejectReason.WRONG_TYPE
        raise Rejected(reason, f"a failed delivery; {error}") from error
    except UnicodeDecodeError as error:
        raise Rejected(RejectReason.BAD_UTF8, f"a failed delivery; {error}") from error
    except msgspec.DecodeError as error:
        raise Rejected(RejectReason.BAD_JSON, f"a failed delivery; {error}") from error
    except RecursionError as error:
        raise Rejected(RejectReason.TOO_DEEP, f"a failed delivery; {error}") from error
