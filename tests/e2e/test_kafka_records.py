"""What Kafka lets a record be, at every door: headers without a value or without a readable name,
transactions that are taken back or stay open, marks at the end of the log, records without a time.

One worker and one sender read all of it.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Self

import aiohttp
import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.record.util import calc_crc32c

from tests.e2e.deployment import Bootstrapped, Deployment
from triggerstream.core.keyed.partition_record import PARTITION_KEY, PartitionRecord
from triggerstream.core.records.record import (
    ARRIVAL,
    KIND,
    ORIGIN,
    POSITION,
    Header,
    Kind,
)
from triggerstream.core.rulesets.published import pack
from triggerstream.stream.kafka.topics import Topics

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(180)]

TRIGGERS = """
trigger: seen
when: {event: seen}
then: [{log: {}}]
---
trigger: left
when: {sequence: [{event: cart}, {absent: bought, for: 1s}]}
then: [{log: {}}]
"""
PLACEHOLDER = "café"
"""A name that `Raw` makes one that is not UTF-8."""

ODD: list[Header] = [
    ("traceparent", None),
    ("traceparent", b"\xff\x00"),
    (PLACEHOLDER, b"au lait"),
    ("", b""),
    (KIND, None),
    (ARRIVAL, b"9" * 5000),
    (ORIGIN, b"1:x"),
    (ORIGIN, None),
    (POSITION, b"-1"),
    (POSITION, None),
    *[("many", None)] * 3000,
]
READ = [("caf\\xe9\\xff" if name == PLACEHOLDER else name, value) for name, value in ODD]


class Raw:
    """Appends single records whose headers may be called anything."""

    def __init__(self, bootstrap: str) -> None:
        self._producer = AIOKafkaProducer(bootstrap_servers=bootstrap)

    async def __aenter__(self) -> Self:
        await self._producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def append(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[Header] = (),
        *,
        at: int | None = None,
    ) -> None:
        batch = self._producer.create_batch()
        batch.append(timestamp=at, key=key, value=value, headers=list(headers))
        batch.close()
        made = bytearray(batch._builder.build())
        made = made.replace(PLACEHOLDER.encode(), b"caf\xe9\xff")
        made[17:21] = calc_crc32c(bytes(made[21:])).to_bytes(4, "big")
        batch._buffer = made
        await (await self._producer.send_batch(batch, topic, partition=0))


def event(name: str, customer: str = "c1", kind: str = "seen", **more: Any) -> bytes:
    return orjson.dumps({"customer_id": customer, "event_type": kind, "event_id": name, **more})


async def test_whatever_a_record_of_kafka_may_be_no_door_ends_by_it(
    kafka: Bootstrapped, tmp_path: Path
) -> None:
    triggers = tmp_path / "triggers"
    triggers.mkdir()
    (triggers / "all.yaml").write_text(TRIGGERS)
    (triggers / "policy.yaml").write_text("allowed_lateness: 0s\n")
    broker = {"TRIGGERSTREAM_CLOCK": "broker"}
    with Deployment(kafka.bootstrap, tmp_path, triggers, partitions=1, settings=broker) as d:
        d.worker()
        d.sender()
        await d.wait_until_reading("worker")
        await d.wait_until_reading("sender")

        await odd_headers_come_in_by_every_door(d)
        async with transactions(d) as producer:
            await what_is_taken_back_is_not_decided(d, producer)
            await an_open_transaction_holds_up_what_stands_behind_it(d, producer)
            await a_mark_at_the_end_of_the_log_stops_no_timer(d, producer)
            await what_is_taken_back_is_not_read_elsewhere(d, producer)
        await a_worker_without_its_disk_finds_its_way(d)
        assert d.stop("worker") == 0
        assert d.stop("sender") == 0


async def odd_headers_come_in_by_every_door(d: Deployment) -> None:
    async with Raw(d.bootstrap) as raw:
        for short in ("events", "inbox"):
            topic = d.topic(short)
            await raw.append(topic, b"c1", event(f"{short} before", short))
            await raw.append(topic, b"c1", event(f"{short} odd", short), ODD)
            await raw.append(topic, b"c1", b"nonsense", ODD)
            await raw.append(topic, b"gone", None, [*ODD, (KIND, Kind.ERASE)])
            await raw.append(topic, b"c1", event(f"{short} after", short))
        await raw.append(d.topic("inbox"), None, event("no time", "inbox"), at=-1)
        await raw.append(d.topic("events"), b"c1", event("no time either", "events"), at=-1)
        await raw.append(d.topic("actions"), b"c1", b"nonsense", ODD)
        await raw.append(d.topic("actions"), b"gone", None, [*ODD, (KIND, Kind.ERASE)])
        await raw.append(d.topic("rulesets"), b"2/h", b"nonsense", ODD)
        await raw.append(d.topic("events.dlq"), b"c1", b"no letter", ODD)
        stale = PartitionRecord(offset=-1).encode()
        for process in ("detect", "send"):
            await raw.append(Topics(d.prefix).changelog(process), PARTITION_KEY, stale, ODD)
    await everything_is_done(d)

    assert await fired(d) == sorted(
        [
            f"{short} {which}"
            for short in ("events", "inbox")
            for which in ("before", "odd", "after")
        ]
        + ["no time", "no time either"]
    )
    assert await dead(d, "events.dlq") == {"bad_json": 2, None: 1}
    assert await dead(d, "actions.dlq") == {"unknown_kind": 1}
    for record in (*await d.read("events.dlq"), *await d.read("actions.dlq")):
        own = [each for each in record.headers if not each[0].startswith("x-dlq-")]
        # The name is text by now, as every copy's is: nothing else is told apart.
        assert own == READ, own[:12]
    shown = await asyncio.to_thread(d.run, "dlq", "show", "--reason", "bad_json", "--json")
    assert shown.returncode == 0, shown.stderr
    letter = orjson.loads(shown.stdout.splitlines()[0])
    assert letter["headers"]["traceparent"] == [None, {"base64": "/wA="}]
    assert letter["headers"]["caf\\xe9\\xff"] == "au lait"


@asynccontextmanager
async def transactions(d: Deployment) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=d.bootstrap, transactional_id=d.prefix)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def append(producer: AIOKafkaProducer, d: Deployment, *names: str, **more: Any) -> None:
    for name in names:
        await producer.send_and_wait(d.topic("events"), event(name, **more), key=b"c1", partition=0)


async def what_is_taken_back_is_not_decided(d: Deployment, producer: AIOKafkaProducer) -> None:
    await producer.begin_transaction()
    await append(producer, d, "aborted", "aborted too")
    await producer.send_and_wait(
        d.topic("inbox"), event("aborted in the inbox", "inbox"), partition=0
    )
    await producer.abort_transaction()
    await producer.begin_transaction()
    await append(producer, d, "committed")
    await producer.send_and_wait(
        d.topic("inbox"), event("committed in the inbox", "inbox"), partition=0
    )
    await producer.commit_transaction()

    await everything_is_done(d)  # up to the marks, which are the last of both logs

    assert [name for name in await fired(d) if "committed" in name or "aborted" in name] == [
        "committed",
        "committed in the inbox",
    ]


async def an_open_transaction_holds_up_what_stands_behind_it(
    d: Deployment, producer: AIOKafkaProducer
) -> None:
    async with Raw(d.bootstrap) as raw:
        await producer.begin_transaction()
        await append(producer, d, "open")
        await raw.append(d.topic("events"), b"c1", event("behind"))
        await until(lambda: lag_is(d, 2))
        assert not {"open", "behind"} & set(await fired(d))
        await producer.commit_transaction()
        await everything_is_done(d)
        assert [name for name in await decided(d) if name in ("open", "behind")] == [
            "open",
            "behind",
        ]

        await producer.begin_transaction()
        await append(producer, d, "open again")
        await raw.append(d.topic("events"), b"c1", event("behind again"))
        await until(lambda: lag_is(d, 2))
        await producer.abort_transaction()
        await everything_is_done(d)
        assert {"open again", "behind again"} & set(await fired(d)) == {"behind again"}
    await until(lambda: lag_is(d, 0))


async def a_mark_at_the_end_of_the_log_stops_no_timer(
    d: Deployment, producer: AIOKafkaProducer
) -> None:
    await producer.begin_transaction()
    await append(producer, d, "cart", customer="c2", kind="cart")
    await producer.commit_transaction()

    await until(lambda: has_fired(d, "cart"))


async def what_is_taken_back_is_not_read_elsewhere(
    d: Deployment, producer: AIOKafkaProducer
) -> None:
    await producer.begin_transaction()
    for key, value in pack({"other.yaml": TRIGGERS.replace("left", "gone")}, 1)[1]:
        await producer.send_and_wait(d.topic("rulesets"), value, key=key, partition=0)
    await producer.send_and_wait(d.topic("events.dlq"), b"taken back", partition=0)
    await producer.abort_transaction()
    (d.triggers / "all.yaml").write_text(TRIGGERS.replace("for: 1s", "for: 2s"))

    listed, deployed = await asyncio.gather(
        asyncio.to_thread(d.run, "dlq", "list", "--json"),
        asyncio.to_thread(d.run, "deploy", str(d.triggers), "--from", "1"),
    )

    letters = {each["reason"]: each["letters"] for each in orjson.loads(listed.stdout)}
    assert letters == {"bad_json": 2, "unknown": 1}
    assert (deployed.returncode, deployed.stdout) == (0, "2\n"), deployed.stderr


async def a_worker_without_its_disk_finds_its_way(d: Deployment) -> None:
    assert d.stop("worker") == 0
    shutil.rmtree(d.disk("worker"))
    d.worker()
    async with Raw(d.bootstrap) as raw:
        await raw.append(d.topic("events"), b"c1", event("at last"))
    await everything_is_done(d)

    assert (await decided(d)).count("at last") == 1
    assert (await decided(d)).count("events odd") == 1


# ── looking ──────────────────────────────────────────────────────────────────────────────────


async def everything_is_done(d: Deployment) -> None:
    """Return when the committed offsets are the ends of the logs."""
    for process, short in (("detect", "inbox"), ("detect", "events"), ("send", "actions")):
        await d.wait_until_done(process, short, seconds=40)


async def decided(d: Deployment) -> list[str]:
    """Return the last event of each firing, in the order of the log."""
    return [firing["events"][-1] for firing in await d.firings()]


async def fired(d: Deployment) -> list[str]:
    return sorted(await decided(d))


async def has_fired(d: Deployment, name: str) -> bool:
    return name in await decided(d)


async def dead(d: Deployment, short: str) -> dict[str | None, int]:
    found: dict[str | None, int] = {}
    for record in await d.read(short):
        reason = dict(record.headers).get("x-dlq-reason")
        named = None if reason is None else reason.decode()
        found[named] = found.get(named, 0) + 1
    return found


async def lag_is(d: Deployment, records: int) -> bool:
    """Return whether the worker says that so many records of its log are not decided."""
    named = re.search(r"health on worker@([\d.]+:\d+)", d.log("worker").read_text())
    assert named is not None
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://{named[1]}/metrics") as answer,
    ):
        shown = await answer.text()
    [lag] = re.findall(r"^triggerstream_lag_records\{.*\} (\S+)$", shown, re.MULTILINE)
    return float(lag) == records


async def until(met: Callable[[], Awaitable[bool]], seconds: float = 30) -> None:
    ends = time.monotonic() + seconds
    while not await met():
        assert time.monotonic() < ends
        await asyncio.sleep(0.1)
