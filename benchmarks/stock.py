"""What the documentation of Faust would have one write: an agent, a table on RocksDB, one count.

    python benchmarks/stock.py BOOTSTRAP PREFIX DIRECTORY PARTITIONS

It counts each customer's events of any type in the last hour, and fires at fifty: what the first
trigger of `load.triggers` says.
"""

from __future__ import annotations

import sys
from typing import Any

import faust

AT_LEAST = 50
HOUR_MS = 3_600_000


def build(bootstrap: str, prefix: str, directory: str, partitions: int) -> faust.App:
    app = faust.App(
        f"{prefix}-stock",
        broker=f"kafka://{bootstrap}",
        store="rocksdb://",
        datadir=directory,
        topic_partitions=partitions,
        topic_replication_factor=1,
        table_standby_replicas=0,
        consumer_auto_offset_reset="earliest",
        web_enabled=False,
    )
    events = app.topic(f"{prefix}.events.v1", key_type=str, value_serializer="json")
    firings = app.topic(f"{prefix}.stock-firings", key_type=str, value_serializer="json")
    seen = app.Table("seen", default=list, partitions=partitions)

    @app.agent(events)
    async def detect(stream: faust.StreamT[Any]) -> None:
        async for event in stream:
            customer, at = event["customer_id"], event["timestamp"]
            times = [time for time in seen[customer] if time > at - HOUR_MS]
            times.append(at)
            if len(times) >= AT_LEAST:
                await firings.send(key=customer, value={"customer_id": customer, "at": at})
                times = []
            seen[customer] = times

    return app


if __name__ == "__main__":
    bootstrap, prefix, directory, partitions = sys.argv[1:]
    app = build(bootstrap, prefix, directory, int(partitions))
    # At "info": at "warning" Faust sets the root logger to debug, and pays for each record.
    sys.argv = [sys.argv[0], "worker", "--loglevel", "info"]
    app.main()
