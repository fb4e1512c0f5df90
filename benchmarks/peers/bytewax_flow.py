"""The detection as a dataflow of Bytewax: state in memory, with or without a recovery store.

    python -m benchmarks.peers.bytewax_flow BOOTSTRAP TOPIC FIRINGS END TRIGGERS
        INTERVAL tuned|plain DIRECTORY

With a DIRECTORY that is not empty, snapshots of the states that changed go to SQLite there, at the
end of each epoch of INTERVAL seconds. A wait is due when the customer's own time, its last event's
plus what has passed since, has reached it: as the event-time windows of Bytewax have it.

Tuned, its batches are larger: five times its own of `KafkaSource`, so that it hands on fewer; and
librdkafka's `fetch.min.bytes` and `linger.ms`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource, KafkaSourceMessage
from bytewax.dataflow import Dataflow
from bytewax.operators import StatefulBatchLogic
from bytewax.recovery import RecoveryConfig, init_db_dir
from bytewax.run import cli_main

from benchmarks.peers.detection import Detection, Event, Firing, State, decode, encode, next_due

TUNED_BATCH = 5_000
READING = {"fetch.min.bytes": "65536", "fetch.wait.max.ms": "100"}
WRITING = {"linger.ms": "100"}
_restored = msgspec.msgpack.Decoder(dict).decode
_snapshot = msgspec.msgpack.Encoder().encode


class Customer(StatefulBatchLogic[Event, Firing, bytes]):  # type: ignore[misc]  # not installed here
    """What is remembered of one customer, and what its events mean."""

    def __init__(self, detection: Detection, snapshot: bytes | None) -> None:
        self._detection = detection
        self._customer = ""
        self._ahead = 0.0
        self._state: State = {}
        if snapshot is not None:
            self._customer, self._ahead, self._state = _restored(snapshot).values()

    def on_batch(self, values: list[Event]) -> tuple[Iterable[Firing], bool]:
        out: list[Firing] = []
        for event in values:
            self._detection(self._state, event, out)
        self._customer = event.customer_id
        self._ahead = time.time() * 1000 - event.timestamp
        return out, self.RETAIN

    def on_notify(self) -> tuple[Iterable[Firing], bool]:
        out: list[Firing] = []
        now = time.time() * 1000 - self._ahead
        self._detection.fire_due(self._state, self._customer, int(now), out)
        return out, self.RETAIN

    def notify_at(self) -> datetime | None:
        due = next_due(self._state)
        if due is None:
            return None
        return datetime.fromtimestamp((due + self._ahead) / 1000, UTC)

    def snapshot(self) -> bytes:
        # As bytes it is immutable, as it must be, and copied faster than by deepcopy.
        kept = {"customer": self._customer, "ahead": self._ahead, "state": self._state}
        return _snapshot(kept)


def build(
    bootstrap: str, topic: str, firings: str, end: str, triggers: str, *, tuned: bool
) -> Dataflow:
    detection = Detection(triggers, end)
    brokers = [bootstrap]
    source, sink = KafkaSource(brokers, [topic]), KafkaSink(brokers, firings)
    if tuned:
        source = KafkaSource(brokers, [topic], add_config=READING, batch_size=TUNED_BATCH)
        sink = KafkaSink(brokers, firings, add_config=WRITING)

    def keyed(messages: list[KafkaSourceMessage[Any, Any]]) -> list[tuple[str, Event]]:
        events = [decode(message.value) for message in messages]
        return [(event.customer_id, event) for event in events]

    flow = Dataflow("peer")
    records = op.input("events", flow, source)
    events = op.flat_map_batch("decode", records, keyed)
    found = op.stateful_batch("detect", events, lambda snapshot: Customer(detection, snapshot))
    told = op.map("encode", found, lambda item: KafkaSinkMessage(None, encode(item[1])))
    op.output("firings", told, sink)
    return flow


if __name__ == "__main__":
    *arguments, interval, how, directory = sys.argv[1:]
    recovery = None
    if directory:
        Path(directory).mkdir(parents=True)
        init_db_dir(directory, 1)
        recovery = RecoveryConfig(directory)
    cli_main(
        build(*arguments, tuned=how == "tuned"),
        epoch_interval=timedelta(seconds=float(interval)),
        recovery_config=recovery,
    )
