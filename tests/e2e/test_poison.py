"""Poison on a real Kafka: each bad record is a dead letter with its reason; the good ones go on."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from tests.e2e.deployment import Bootstrapped, Deployment
from triggerstream.core.records.record import ARRIVAL, KIND, Kind

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]


AT = 1_772_359_200_000
EVENT = {"customer_id": "c", "event_type": "seen", "timestamp": AT}

POISON: list[tuple[str, bytes | None]] = [
    ("empty", None),
    ("empty", b""),
    ("bad_utf8", b'{"customer_id":"\xff","event_type":"seen"}'),
    ("bad_json", b'{"customer_id":'),
    ("wrong_type", b"[1, 2]"),
    ("wrong_type", orjson.dumps({**EVENT, "customer_id": 7.5})),
    ("wrong_type", orjson.dumps({**EVENT, "event_data": "text"})),
    ("missing_field", orjson.dumps({"event_type": "seen", "timestamp": AT})),
    ("missing_field", orjson.dumps({"customer_id": "c", "timestamp": AT})),
    ("too_large", orjson.dumps({**EVENT, "event_data": {"text": "x" * (5 << 20)}})),
    ("too_large", orjson.dumps({**EVENT, "event_data": {"text": "x" * (1 << 18)}})),
    ("too_deep", b'{"customer_id":"c","event_data":' + b"[" * 10_000 + b"]" * 10_000 + b"}"),
    ("timestamp_out_of_range", orjson.dumps({**EVENT, "timestamp": "9999-12-31T23:59:59Z"})),
    ("bad_timestamp", orjson.dumps({**EVENT, "timestamp": "yesterday"})),
]


IN_HEADERS = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e50"),
    ("ce_source", b"/shop"),
    ("ce_type", b"seen"),
    ("ce_subject", b"c1"),
    ("content-type", b"application/json"),
]
"""A CloudEvent in binary mode."""


async def test_every_poison_is_a_dead_letter_and_every_good_event_around_it_is_decided(
    kafka: Bootstrapped, tmp_path: Path
) -> None:
    triggers = tmp_path / "triggers"
    triggers.mkdir()
    (triggers / "seen.yaml").write_text("trigger: seen\nwhen: {event: seen}\nthen: [{log: {}}]\n")
    with Deployment(kafka.bootstrap, tmp_path, triggers, partitions=1) as deployment:
        deployment.worker()
        await deployment.wait_for_topics()
        good = []
        async with AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap, max_request_size=16 << 20
        ) as producer:
            for number, (_, poison) in enumerate(POISON):
                good.append(f"good-{number}")
                event = orjson.dumps({**EVENT, "event_id": good[-1]})
                headers = [(ARRIVAL, b"%d" % (AT + number))]
                for value in (poison, event):
                    await producer.send_and_wait(
                        deployment.topic("events"), value, key=b"c", headers=headers
                    )
        await deployment.wait_until_done("detect", "events", seconds=40)

        dead = await deployment.read("events.dlq")
        reasons = [dict(record.headers)["x-dlq-reason"].decode() for record in dead]
        assert reasons == [reason for reason, _ in POISON]
        assert [record.value for record in dead] == [value for _, value in POISON]
        assert [firing["events"] for firing in await deployment.firings()] == [[e] for e in good]
        shown = deployment.run("dlq", "list", "--json")
        assert shown.returncode == 0, shown.stderr
        assert b"too_large" in shown.stdout.encode()


async def test_what_the_intake_cannot_place_is_a_dead_letter_and_the_rest_arrives_once(
    kafka: Bootstrapped, tmp_path: Path
) -> None:
    triggers = tmp_path / "triggers"
    triggers.mkdir()
    (triggers / "seen.yaml").write_text("trigger: seen\nwhen: {event: seen}\nthen: [{log: {}}]\n")
    with Deployment(kafka.bootstrap, tmp_path, triggers, partitions=3) as deployment:
        deployment.worker()
        await deployment.wait_for_topics()
        async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer:
            for number in range(40):
                event = {**EVENT, "customer_id": f"c{number % 7}", "event_id": f"e{number}"}
                await producer.send_and_wait(
                    deployment.topic("inbox"),
                    orjson.dumps(event),
                    headers=[(ARRIVAL, b"%d" % (AT + number))],
                )
            batch = [
                {**EVENT, "customer_id": f"c{n % 7}", "event_id": f"e{n}"} for n in range(40, 50)
            ]
            await producer.send_and_wait(
                deployment.topic("inbox"),
                orjson.dumps([*batch[:5], 7, *batch[5:]]),
                headers=[(ARRIVAL, b"%d" % (AT + 40))],
            )
            await producer.send_and_wait(
                deployment.topic("inbox"),
                b'{"total": 9.5}',
                headers=[(ARRIVAL, b"%d" % (AT + 41)), *IN_HEADERS],
            )
            await producer.send_and_wait(deployment.topic("inbox"), b"{}")
        await deployment.wait_until_done("detect", "inbox", seconds=40)
        await deployment.wait_until_done("detect", "events", seconds=40)

        firings = await deployment.firings()
        assert sorted(firing["events"][0] for firing in firings) == sorted(
            f"e{number}" for number in range(51)
        )
        dead = await deployment.read("events.dlq")
        found = {dict(record.headers)["x-dlq-reason"]: record.value for record in dead}
        assert found == {b"wrong_type": b"7", b"missing_field": b"{}"}
        assert len(dead) == 2
        assert not any(dict(record.headers).get(KIND) == Kind.TICK for record in dead)
