"""The worker's own process with a program that decides nothing: what is left is the edge.

    python benchmarks/bare.py BYTES EVERY

Everything else is as in ``triggerstream worker``: fetching, handing over, states in RocksDB and
in the changelog, records out, commits, metrics, health. The program finds its customer in the
value without reading that, gives each state BYTES bytes of content, which it does
not encode, and has one record in EVERY told downstream (none for 0), in 400 bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import msgspec

from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER, Dues
from triggerstream.core.reasons import RecordStatus
from triggerstream.core.records.record import Header, Kind, Produce
from triggerstream.ops.logs import configure_logs
from triggerstream.ops.settings import Settings, load_settings
from triggerstream.processes.detecting import DETECTING
from triggerstream.processes.kafka import KafkaWorld
from triggerstream.processes.loop import run
from triggerstream.stream.rulesets import publish_through

CONTENT = 400
"""Bytes of a record that is told: about what a firing takes."""
_CUSTOMER = b"customer-"
_LENGTH = len(_CUSTOMER) + 6
_APPLIED = RecordStatus.APPLIED.value
_RULESET = {"bare.yaml": "trigger: bare\nwhen:\n  event: nothing\nthen:\n  - log: {}\n"}


class Message(msgspec.Struct, gc=False):
    customer_id: str


class Bare:
    """A program that costs as little as a program can.

    Args:
        size: Bytes of each state's content.
        every: How many records lead to one that is told; 0 for none.
    """

    def __init__(self, size: int, every: int) -> None:
        # Bytes that compress about as badly as states do: texts of digits, all different.
        self._content = b"".join(b"%016x" % (n * 0x9E3779B97F4A7C15 % 2**64) for n in range(500))
        self._size = size
        self._every = every
        self._told = self._content[:CONTENT]

    def read(
        self,
        value: bytes | None,
        timestamp: int,
        partition: int,
        offset: int,
        kind: bytes | None,
        headers: Sequence[Header],
    ) -> Message:
        # As little as finds a customer: `load.py` gives all of them names of one length.
        found = value or b""
        begin = found.find(_CUSTOMER)
        return Message(found[begin : begin + _LENGTH].decode())

    def new_state(self, customer_id: str, erased: int = -1) -> int:
        return hash(customer_id) % 1000

    def load(self, customer_id: str, value: bytes) -> int:
        return hash(customer_id) % 1000

    def dump(self, state: int, fence: int) -> bytes:
        return header.pack(1, 0, NEVER, fence) + self._content[state : state + self._size]

    def transplant(self, value: bytes) -> bytes:
        return header.with_fence(value, -1)

    def wake_at(self, state: int) -> int:
        return NEVER

    def on_clock(self, state: int, ruleset: Any, clock: int, position: int, out: list[Any]) -> Dues:
        return []

    def on_message(
        self,
        state: int,
        message: Message,
        ruleset: Any,
        arrival: int,
        clock: int,
        position: int,
        out: list[Any],
    ) -> str:
        if self._every and position % self._every == 0:
            out.append(message)
        return _APPLIED

    def on_erase(self, state: int, ruleset: Any, clock: int, erased: int, out: list[Any]) -> bool:
        return True

    def resume(self, state: int) -> Sequence[Any]:
        return ()

    def describe(self, state: int, ruleset: Any) -> dict[str, Any]:
        return {}

    def adopts(self, ruleset: Any) -> tuple[bytes, bool]:
        return b"", False

    def encode(self, outcome: Message, ruleset_version: int, clock: int) -> Sequence[Produce]:
        key = outcome.customer_id.encode()
        return [Produce("actions", None, key, self._told, (("ts-kind", Kind.FIRING),))]


def run_bare(settings: Settings, program: Bare) -> int:
    """Run *program* until told to stop; return the exit code."""

    async def main() -> int:
        async with KafkaWorld(settings, DETECTING) as world:
            await publish_through(world.log.append, world.rulesets, _RULESET, 0)
            world.keyed.decide_with(program, marks=True)
            return await world.serve()

    return run(main)


if __name__ == "__main__":
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    sys.exit(run_bare(settings, Bare(int(sys.argv[1]), int(sys.argv[2]))))
