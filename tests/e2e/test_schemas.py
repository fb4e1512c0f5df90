"""Schemas on a real Kafka: asked of the inbox by the newest ruleset, and of nobody else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from tests.e2e.deployment import Bootstrapped, Deployment
from triggerstream.core.records.record import KIND

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

TRIGGER = "trigger: bought\nwhen: {event: [bought, seen]}\nthen: [{log: {}}]\n"
RULES = "types: {bought: {sources: [server]}}\naliases: {order: bought}\nunknown: flag\n"
SCHEMA = '{"properties": {"total": {"type": "number"}}}'


def event(name: str, event_type: str, source: str = "server", total: Any = 5) -> bytes:
    return orjson.dumps(
        {
            "customer_id": name,
            "event_id": name,
            "event_type": event_type,
            "source": source,
            "event_data": {"total": total},
        }
    )


@pytest.mark.covers("A4")
@pytest.mark.covers("A6")
@pytest.mark.covers("A13")
async def test_what_comes_in_by_the_inbox_is_what_the_newest_ruleset_asks_for(
    kafka: Bootstrapped, tmp_path: Path
) -> None:
    triggers = tmp_path / "triggers"
    (triggers / "schemas").mkdir(parents=True)
    (triggers / "t.yaml").write_text(TRIGGER)
    with Deployment(kafka.bootstrap, tmp_path, triggers, partitions=1) as deployment:
        deployment.worker()
        await deployment.wait_until_reading("worker")

        async def send(topic: str, *values: bytes) -> None:
            async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
                for value in values:
                    key = orjson.loads(value)["customer_id"].encode()
                    await producer.send_and_wait(deployment.topic(topic), value, key=key)
            await deployment.wait_until_done("detect", topic, seconds=40)

        await send("inbox", event("before", "bought", "web", "five"))

        (triggers / "schemas.yaml").write_text(RULES)
        (triggers / "schemas/bought.json").write_text(SCHEMA)
        deployed = deployment.run("deploy", str(triggers))
        assert deployed.returncode == 0, deployed.stderr
        assert "+ schema bought" in deployed.stderr
        async with asyncio.timeout(30):
            newest = b"newest ruleset: version 2"
            while newest not in deployment.log("worker").read_bytes():  # noqa: ASYNC110 - a log
                await asyncio.sleep(0.1)
        await send("events", event("straight", "bought", "web", "five"))  # no door
        await send(
            "inbox",
            event("fits", "bought"),
            event("renamed", "order"),
            event("odd", "sen"),
            event("text", "bought", total="five"),
            event("theirs", "order", "web"),
        )
        await deployment.wait_until_done("detect", "events", seconds=40)

        events = {
            record.key.decode(): orjson.loads(record.value)
            for record in await deployment.read("events")
            if KIND not in dict(record.headers)
        }
        assert events.keys() == {"before", "straight", "fits", "renamed", "odd"}
        assert events["renamed"]["event_type"] == "bought"
        assert events["odd"]["metadata"] == {"ts_flags": ["unknown_type"]}
        dead = {
            record.key.decode(): dict(record.headers)["x-dlq-reason"]
            for record in await deployment.read("events.dlq")
        }
        assert dead == {"text": b"schema", "theirs": b"forbidden_source"}
        fired = {each["customer_id"] for each in await deployment.firings()}
        assert fired == {"before", "straight", "fits", "renamed"}
