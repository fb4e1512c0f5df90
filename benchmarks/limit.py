"""The physical limit that `spine.py` measures against: consume with aiokafka, decode, nothing else.

python benchmarks/limit.py BOOTSTRAP TOPIC GROUP
"""

from __future__ import annotations

import asyncio
import signal
import sys

import orjson
from aiokafka import AIOKafkaConsumer


async def consume(bootstrap: str, topic: str, group: str) -> None:
    """Decode every record of *topic*, and commit, until SIGTERM."""
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=bootstrap,
        group_id=group,
        auto_offset_reset="earliest",
        auto_commit_interval_ms=1000,
        fetch_max_wait_ms=100,
    )
    await consumer.start()
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    try:
        while not ended.is_set():
            batches = await consumer.getmany(timeout_ms=200)
            for records in batches.values():
                for record in records:
                    orjson.loads(record.value)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run(consume(*sys.argv[1:]))
