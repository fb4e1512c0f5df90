"""The load of the benchmarks: events and triggers, the same for everything that is measured."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import murmur2

TYPES = tuple(f"type_{number:02d}" for number in range(40))
CUSTOMERS = 10_000
PARTITIONS = 8

_BATCH_BYTES = 512 << 10
_RARE = 990
"""Of amounts below 1,000: one event in a hundred is above it."""

# Each look of a trigger at a type takes the next type, so that all are looked at equally often.
_LOOKS_BEFORE = (0, 1, 2, 3, 4, 5, 6, 9, 12, 14)
_LOOKS_OF_TEN = 16

Keyed = tuple[bytes, bytes]
"""A record's key and value."""


class Line(msgspec.Struct, gc=False):
    """A record of the input as a partition takes it."""

    offset: int
    timestamp: int
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    key: bytes | None = None
    partition: int = 0


def events(count: int, *, until: int, seed: int = 7) -> list[Keyed]:
    """Return *count* events of about 370 bytes, 10 ms apart, the last at *until* (epoch ms)."""
    draw = random.Random(seed)
    first = until - 10 * count
    return [_event(draw, first + 10 * number) for number in range(1, count + 1)]


def _event(draw: random.Random, timestamp: int) -> Keyed:
    customer = f"customer-{draw.randrange(CUSTOMERS):06d}"
    event: dict[str, Any] = {
        "event_id": f"{draw.getrandbits(128):032x}",
        "customer_id": customer,
        "event_type": draw.choice(TYPES),
        "timestamp": timestamp,
        "session_id": f"session-{draw.randrange(10**6):06d}",
        "source": "benchmark",
        "event_data": {
            "amount": draw.randrange(1000),
            "currency": "EUR",
            "sku": f"sku-{draw.randrange(5000):05d}",
            "category": draw.choice(("audio", "video", "phones", "cables")),
            "quantity": draw.randrange(1, 5),
            "page": f"/products/{draw.randrange(5000):06d}",
            "referrer": "newsletter-of-the-week",
            "is_new": draw.random() < 0.5,
            "score": round(draw.random(), 6),
        },
    }
    return customer.encode(), orjson.dumps(event)


def triggers(count: int) -> str:
    """Return *count* triggers as YAML.

    One is the count that the stock agent does: a customer's events of any type. More are mixed:
    of ten, two are single events with a condition, which fire for one event in a hundred, four
    are counts, two are sequences of three, two are absences. Of 100, four look at each type.
    """
    if count == 1:
        return _document(0, f"count: [{', '.join(TYPES)}]\n  at_least: 50\n  within: 1h")
    return "---\n".join(_mixed(number) for number in range(count))


def _mixed(number: int) -> str:
    tens, kind = divmod(number, 10)
    look = _LOOKS_OF_TEN * tens + _LOOKS_BEFORE[kind]
    first, second, third = (TYPES[(look + step) % len(TYPES)] for step in range(3))
    if kind < 2:
        when = f"event: {first}\n  where: {{event_data.amount: {{greater_than: {_RARE}}}}}"
    elif kind < 6:
        when = f"count: {first}\n  at_least: 20\n  within: 1h"
    elif kind < 8:
        steps = f"[{{event: {first}}}, {{event: {second}}}, {{event: {third}}}]"
        when = f"sequence: {steps}\n  within: 30m"
    else:
        when = f"sequence: [{{event: {first}}}, {{absent: {second}, for: 1h}}]"
    return _document(number, when)


def _document(number: int, when: str) -> str:
    return f"trigger: bench-{number:03d}\nwhen:\n  {when}\nthen:\n  - log: {{}}\n"


def looks_per_type(count: int) -> dict[str, int]:
    """Return how many of *count* triggers look at each event type."""
    text = triggers(count)
    return {name: text.count(name) for name in TYPES}


async def append(
    producer: AIOKafkaProducer,
    topic: str,
    records: Sequence[Keyed],
    *,
    partitions: int = PARTITIONS,
) -> None:
    """Append *records* in batches, each where murmur2 places its key; return when acknowledged."""
    acknowledgements = []
    for partition, batch in _batches(producer, records, partitions):
        acknowledgements.append(await producer.send_batch(batch, topic, partition=partition))
    for acknowledged in acknowledgements:
        await acknowledged


def _batches(
    producer: AIOKafkaProducer, records: Sequence[Keyed], partitions: int
) -> Iterator[tuple[int, Any]]:
    filling: dict[int, Any] = {}
    for key, value in records:
        partition = (murmur2(key) & 0x7FFFFFFF) % partitions
        batch = filling.setdefault(partition, producer.create_batch())
        if batch.append(key=key, value=value, timestamp=None) is None:
            batch.close()
            yield partition, batch
            filling[partition] = batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None)
    for partition, batch in filling.items():
        batch.close()
        yield partition, batch


def open_producer(bootstrap: str) -> AIOKafkaProducer:
    """Return a producer for `append`, to be started."""
    return AIOKafkaProducer(
        bootstrap_servers=bootstrap, max_batch_size=_BATCH_BYTES, max_request_size=1 << 20
    )
