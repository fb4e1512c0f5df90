"""A live installation: the broker is the clock, and ticks move it where nothing else does."""

from __future__ import annotations

import time
from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from tests.e2e.deployment import Bootstrapped, Deployment

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

TRIGGER = """
trigger: left
type: transactional
when:
  sequence:
    - event: seen
    - absent: bought
      for: 2s
then:
  - log: {}
"""


@pytest.mark.covers("C10")
async def test_an_absence_fires_in_silence_and_its_action_is_sent(
    kafka: Bootstrapped, tmp_path: Path
) -> None:
    triggers = tmp_path / "triggers"
    triggers.mkdir()
    (triggers / "left.yaml").write_text(TRIGGER)
    (triggers / "policy.yaml").write_text("allowed_lateness: 1s\n")
    settings = {"TRIGGERSTREAM_CLOCK": "broker"}
    with Deployment(
        kafka.bootstrap, tmp_path, triggers, partitions=2, settings=settings
    ) as deployment:
        deployment.worker()
        deployment.sender()
        await deployment.wait_until_reading("worker")
        await deployment.wait_until_reading("sender")
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
            for event_type, customer in (("seen", "a"), ("seen", "b"), ("bought", "b")):
                event = {"customer_id": customer, "event_type": event_type}
                await producer.send_and_wait(
                    deployment.topic("events"), orjson.dumps(event), key=customer.encode()
                )
        seen = time.monotonic()
        deliveries = await deployment.wait_for_records("deliveries")
        # Two seconds of absence and one of lateness are the least that it takes.
        assert time.monotonic() - seen >= 3
        [delivery] = [orjson.loads(record.value) for record in deliveries]
        assert (delivery["customer_id"], delivery["outcome"]) == ("a", "sent")
        assert [firing["customer_id"] for firing in await deployment.firings()] == ["a"]
        assert deployment.stop("worker") == 0
        assert deployment.stop("sender") == 0
