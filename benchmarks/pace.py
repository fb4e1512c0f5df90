"""An open-loop load: events at a steady rate, whatever becomes of them.

    python benchmarks/pace.py BOOTSTRAP TOPIC RATE SECONDS [SEED]

Each event carries, as its timestamp, the millisecond at which it was to be produced, so that a
delay of this process or of the broker counts against who is measured, and is not left out. Its id
is its number, its customer and its type are drawn as in `load.py`, and one amount in twenty is
above what the single-event triggers of `load.triggers` ask for. The producer is librdkafka, which
takes a third of aiokafka's CPU, with its own linger of 5 ms: with less, the broker is busy with
requests of a handful of records, and is what is measured.
"""

from __future__ import annotations

import random
import sys
import time

import orjson
from confluent_kafka import Producer

from benchmarks.load import CUSTOMERS, TYPES

PERIOD = 0.002
"""Seconds between two looks at what is to be produced by now."""
RARE = 0.05
_MARK = b"1000000000000"
_TEMPLATES = 2_000


def templates(draw: random.Random) -> list[tuple[bytes, bytes, bytes, bytes]]:
    """Return (key, what stands before the id, before the timestamp, behind it) of some events."""
    return [_template(draw) for _ in range(_TEMPLATES)]


def _template(draw: random.Random) -> tuple[bytes, bytes, bytes, bytes]:
    customer = f"customer-{draw.randrange(CUSTOMERS):06d}"
    is_rare = draw.random() < RARE
    value = orjson.dumps(
        {
            "event_id": "#",
            "customer_id": customer,
            "event_type": draw.choice(TYPES),
            "timestamp": int(_MARK),
            "session_id": f"session-{draw.randrange(10**6):06d}",
            "source": "benchmark",
            "event_data": {
                "amount": draw.randrange(991, 1000) if is_rare else draw.randrange(990),
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
    )
    before, rest = value.split(b"#")
    middle, behind = rest.split(_MARK)
    return customer.encode(), before, middle, behind


def produce(bootstrap: str, topic: str, rate: float, seconds: float, seed: int) -> int:
    """Produce *rate* events a second for *seconds*; return how many were not acknowledged."""
    draw = random.Random(seed)
    known = templates(draw)
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    producer.list_topics(topic, timeout=10)
    began = time.time()
    total = round(rate * seconds)
    number = 0
    while number < total:
        due = min(total, int((time.time() - began) * rate))
        while number < due:
            key, before, middle, behind = known[draw.randrange(_TEMPLATES)]
            at = int((began + number / rate) * 1000)
            value = b"%s%d-%d%s%d%s" % (before, seed, number, middle, at, behind)
            producer.produce(topic, value, key)
            number += 1
        producer.poll(0)
        time.sleep(PERIOD)
    return int(producer.flush(60))


if __name__ == "__main__":
    bootstrap, topic, rate, seconds, *seed = sys.argv[1:]
    sys.exit(min(1, produce(bootstrap, topic, float(rate), float(seconds), int((seed or "0")[0]))))
