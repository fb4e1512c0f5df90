"""Reading a dead-letter topic, from its beginning to where it ends now."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from triggerstream.cli.output import escaped
from triggerstream.core.records.dead_letters import Letter, as_letter


async def read_letters(options: Mapping[str, Any], topic: str) -> AsyncIterator[Letter]:
    """Yield the letters of *topic* that are there now, partition by partition, in offset order.

    *options* say how to reach the brokers (`stream.kafka.client.client_options`).
    """
    from triggerstream.stream.kafka.consumer import open_consumer

    consumer = open_consumer(options, topic, auto_offset_reset="earliest")
    try:
        await consumer.start()
        ends = await consumer.end_offsets(consumer.assignment())
        await consumer.seek_to_beginning()
        for place, end in ends.items():
            others = [other for other in ends if other != place]
            consumer.pause(*others)
            consumer.resume(place)
            while await consumer.position(place) < end:
                for record in (await consumer.getmany(place, timeout_ms=1000)).get(place, ()):
                    if record.offset < end:
                        yield as_letter(
                            place.partition,
                            record.offset,
                            record.key,
                            record.value,
                            record.headers,
                        )
    finally:
        await consumer.stop()


def printable(value: bytes | None, limit: int) -> str:
    """Return *value* as text that cannot steer a terminal, cut after *limit* bytes."""
    if value is None:
        return "(null)"
    shown = escaped(value[:limit].decode(errors="backslashreplace"))
    return shown if len(value) <= limit else f"{shown}… ({len(value)} bytes)"
