"""Plays history to the events topic."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from aiokafka import AIOKafkaProducer

from triggerstream.demo.history import Played

_CHUNK = 500


async def play(
    bootstrap: str,
    topic: str,
    records: Sequence[Played],
    *,
    seconds: float,
    on_progress: Callable[[int, int], None],
) -> None:
    """Append *records* to *topic* in order, spread evenly over about *seconds*.

    Records with a key go where murmur2 places it, ticks to every partition.

    Args:
        on_progress: Told how many records were appended, and the last one's arrival.
    """
    loop = asyncio.get_running_loop()
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap, acks="all", enable_idempotence=True, linger_ms=5
    )
    await producer.start()
    try:
        partitions = await producer.partitions_for(topic)
        began = loop.time()
        for start in range(0, len(records), _CHUNK):
            chunk = records[start : start + _CHUNK]
            await _append(producer, topic, partitions, chunk)
            played = start + len(chunk)
            on_progress(played, chunk[-1].arrival)
            await asyncio.sleep(began + seconds * played / len(records) - loop.time())
    finally:
        await producer.stop()


async def _append(
    producer: AIOKafkaProducer, topic: str, partitions: Iterable[int], chunk: Iterable[Played]
) -> None:
    acknowledgements = []
    for record in chunk:
        targets = [None] if record.key is not None else sorted(partitions)
        for partition in targets:
            sent = await producer.send(
                topic,
                record.value,
                key=record.key,
                partition=partition,
                headers=record.headers,
            )
            acknowledgements.append(sent)
    await asyncio.gather(*acknowledgements)
