"""A small program whose every decision depends on the order of all that came before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import msgspec

from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER, Dues
from triggerstream.core.reasons import RecordStatus
from triggerstream.core.records.record import Header, Produce, Rejected


class Said(msgspec.Struct, frozen=True):
    """One message: *word* is chained into the state; *wait* sets an alarm."""

    customer_id: str
    word: int
    wait: int = 0


class Fired(msgspec.Struct, frozen=True):
    customer_id: str
    at: int
    chain: int


class Chain(msgspec.Struct, array_like=True):
    """*chain* is a checksum over everything that was said and every alarm, in order."""

    customer_id: str
    chain: int = 0
    length: int = 0
    alarm: int = NEVER


class Toy:
    """Implements `Program`: fires at every third word, and at every alarm."""

    def read(
        self,
        value: bytes | None,
        timestamp: int,
        partition: int,
        offset: int,
        kind: bytes | None,
        headers: Sequence[Header],
    ) -> Said:
        try:
            return msgspec.json.decode(value or b"", type=Said)
        except (msgspec.DecodeError, msgspec.ValidationError) as error:
            raise Rejected("bad_json", str(error)) from error

    def new_state(self, customer_id: str, erased: int = -1) -> Chain:
        return Chain(customer_id)

    def load(self, customer_id: str, value: bytes) -> Chain:
        return msgspec.msgpack.decode(value[header.SIZE :], type=Chain)

    def dump(self, state: Chain, fence: int) -> bytes:
        return header.pack(1, 0, state.alarm, fence) + msgspec.msgpack.encode(state)

    def transplant(self, value: bytes) -> bytes:
        return header.with_fence(value, -1)

    def wake_at(self, state: Chain) -> int:
        return state.alarm

    def on_clock(
        self, state: Chain, ruleset: Any, clock: int, position: int, out: list[Any]
    ) -> Dues:
        due, start = state.alarm, len(out)
        if state.alarm <= clock:
            self._chain(state, f"alarm {state.alarm} under {ruleset.version}")
            out.append(Fired(state.customer_id, state.alarm, state.chain))
            state.alarm = NEVER
        return [(due, start)]

    def on_message(
        self,
        state: Chain,
        message: Said,
        ruleset: Any,
        arrival: int,
        clock: int,
        position: int,
        out: list[Any],
    ) -> str:
        self._chain(state, f"word {message.word} at {arrival} under {ruleset.version}")
        if message.wait and state.alarm == NEVER:
            state.alarm = clock + message.wait
        if state.length % 3 == 0:
            out.append(Fired(state.customer_id, arrival, state.chain))
        return RecordStatus.APPLIED

    def on_erase(self, state: Chain, ruleset: Any, clock: int, erased: int, out: list[Any]) -> bool:
        """Nothing is unfinished here."""
        return True

    def resume(self, state: Chain) -> Sequence[Any]:
        return ()

    def describe(self, state: Chain, ruleset: Any) -> dict[str, Any]:
        return {"chain": state.chain}

    def adopts(self, ruleset: Any) -> tuple[bytes, bool]:
        return b"", False

    def encode(self, outcome: Fired, ruleset_version: int, clock: int) -> Sequence[Produce]:
        value = msgspec.json.encode(outcome)
        return (Produce("actions", None, outcome.customer_id.encode(), value),)

    @staticmethod
    def _chain(state: Chain, link: str) -> None:
        state.chain = crc32(link.encode(), state.chain)
        state.length += 1
