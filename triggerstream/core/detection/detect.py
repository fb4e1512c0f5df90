"""Detecting, as a program of the keyed process: events in, firings out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

from triggerstream.core.decisions import Membership, SegmentChanged, Suppressed
from triggerstream.core.detection import engine
from triggerstream.core.detection.describe import describe
from triggerstream.core.detection.for_all import is_for_all
from triggerstream.core.detection.membership import forgotten
from triggerstream.core.detection.reading import Reader
from triggerstream.core.events.decode import MAX_BYTES
from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NO_FENCE, Dues
from triggerstream.core.records.actions import records_of
from triggerstream.core.records.deliveries import suppressed_record
from triggerstream.core.records.record import Produce
from triggerstream.core.records.segments import segment_record
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.state import codec
from triggerstream.core.state.customer import CustomerState


class Detect:
    """The program that detects.

    Args:
        topic: The input topic's name, for the ids of events that bring none.
        max_event_bytes: Longer events are dead-lettered.
        clamp_skew: Whether a timestamp too far ahead of its arrival is taken for the arrival;
            off where the arrival itself is made up from the timestamp.
    """

    wake_at: Callable[[CustomerState], int] = staticmethod(attrgetter("wake"))
    # Both are asked for each event: without a call in between.
    read: Callable[..., Any]
    on_message: Callable[..., str]

    def __init__(
        self, topic: str, *, max_event_bytes: int = MAX_BYTES, clamp_skew: bool = True
    ) -> None:
        self.clamp_skew = clamp_skew
        self.read = Reader(topic, max_event_bytes).read
        self.on_message = engine.Engine(clamp_skew=clamp_skew).on_message

    def new_state(self, customer_id: str, erased: int = -1) -> CustomerState:
        return CustomerState(customer_id=customer_id)

    def load(self, customer_id: str, value: bytes) -> CustomerState:
        return codec.load(customer_id, value)

    def dump(self, state: CustomerState, fence: int) -> bytes:
        return codec.dump(state, fence)

    def transplant(self, value: bytes) -> bytes:
        """A state holds no position: its table of events has none, and what older formats have
        only says in which order the events came."""
        return header.with_fence(value, NO_FENCE)

    def on_clock(
        self,
        state: CustomerState,
        ruleset: Ruleset,
        clock: int,
        position: int,
        out: list[Any],
    ) -> Dues:
        return engine.on_clock(state, ruleset, clock, position, out)

    def on_erase(
        self, state: CustomerState, ruleset: Ruleset, clock: int, erased: int, out: list[Any]
    ) -> bool:
        """Nothing is unfinished: what was decided is with the sender, who erases too. What stands
        on the topic of segments is taken back."""
        out.extend(forgotten(state))
        return True

    def resume(self, state: CustomerState) -> Sequence[Any]:
        return ()

    def describe(self, state: CustomerState, ruleset: Ruleset) -> dict[str, Any]:
        return describe(state, ruleset)

    def adopts(self, ruleset: Ruleset) -> tuple[bytes, bool]:
        return ruleset.derivations, is_for_all(ruleset)

    def encode(self, outcome: Any, ruleset_version: int, clock: int) -> Sequence[Produce]:
        if isinstance(outcome, Suppressed):
            return (suppressed_record(outcome, ruleset_version),) if outcome.is_recorded else ()
        if isinstance(outcome, SegmentChanged | Membership):
            return (segment_record(outcome),)
        return records_of(outcome, ruleset_version)
