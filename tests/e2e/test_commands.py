"""The commands that an operator has, against a running worker and sender on a real Kafka."""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any
from urllib.request import urlopen

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.deployment import Bootstrapped, Deployment
from triggerstream.core.records.record import ARRIVAL, KIND, Kind
from triggerstream.ops.catalogue import ENDED, MATCHED, PENDING, PREFIX

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(120)]

AT = 1_772_359_200_000
MINUTE = 60_000
CUSTOMERS = 12

TRIGGERS = """
trigger: seen
when: {event: seen}
limits: {cooldown: 1h, holdout: 50%}
then: [{log: {}}, {email: {template: hello}}]
---
trigger: cart
when: {sequence: [{event: cart}, {absent: bought, for: 1h}]}
then: [{log: {}}]
---
trigger: reminders
type: transactional
when: {event: cart}
until: bought
then:
  - log: {}
  - log: {}
    after: 6h
  - webhook: {endpoint: nowhere}
"""


async def run(deployment: Deployment, *command: str) -> CompletedProcess[str]:
    return await asyncio.to_thread(deployment.run, *command)


async def ask(deployment: Deployment, name: str, path: str) -> str:
    """Return what the health server of process *name* answers to *path* with 200."""
    found = re.search(rf"health on {name}@([\d.]+:\d+)", deployment.log(name).read_text())
    assert found is not None

    def get() -> str:
        with urlopen(f"http://{found[1]}{path}", timeout=10) as answer:
            return str(answer.read().decode())

    return await asyncio.to_thread(get)


async def counted(deployment: Deployment, name: str) -> Counter[tuple[str, str]]:
    """Return the sums of a process's metrics, by short name and outcome."""
    sums: Counter[tuple[str, str]] = Counter()
    for family in text_string_to_metric_families(await ask(deployment, name, "/metrics")):
        for sample in family.samples:
            place = sample.name.removeprefix(PREFIX), sample.labels.get("outcome", "")
            sums[place] += int(sample.value)
    return sums


def total(sums: Counter[tuple[str, str]], name: str) -> int:
    return sum(number for (each, _), number in sums.items() if each == name)


async def say(deployment: Deployment, events: list[tuple[int, str, str]], *raw: bytes) -> None:
    """Append events of (minutes, customer, type), then *raw* values."""
    bootstrap = deployment.bootstrap
    async with AIOKafkaProducer(bootstrap_servers=bootstrap) as producer:
        for number, (minutes, customer, event_type) in enumerate(events):
            at = AT + minutes * MINUTE
            event = {
                "event_id": f"{minutes}-{number}",
                "customer_id": customer,
                "event_type": event_type,
                "timestamp": at,
            }
            await producer.send(
                deployment.topic("events"),
                orjson.dumps(event),
                key=customer.encode(),
                headers=[(ARRIVAL, b"%d" % at)],
            )
        for value in raw:
            await producer.send(
                deployment.topic("events"),
                value,
                key=b"customer-0",
                headers=[(ARRIVAL, b"%d" % AT)],
            )
        await producer.flush()


async def until_in_force(deployment: Deployment, version: int) -> None:
    """Return when every partition of the log has the mark of *version*."""
    async with asyncio.timeout(20):
        marked: set[int] = set()
        while len(marked) < deployment.partitions:
            marked = {
                record.partition
                for record in await deployment.read("events")
                if dict(record.headers).get(KIND) == Kind.RULESET
                and orjson.loads(record.value)["version"] == version
            }
            await asyncio.sleep(0.1)


@pytest.mark.covers("E6")
async def test_an_operator_deploys_looks_and_finds_everything_accounted_for(
    kafka: Bootstrapped, tmp_path: Path
) -> None:
    triggers = tmp_path / "triggers"
    triggers.mkdir()
    (triggers / "all.yaml").write_text("trigger: first\nwhen: {event: seen}\nthen: [{log: {}}]\n")
    with Deployment(kafka.bootstrap, tmp_path, triggers, partitions=2) as deployment:
        deployment.worker()
        deployment.sender()
        await deployment.wait_until_reading("worker")
        await deployment.wait_until_reading("sender")

        (triggers / "all.yaml").write_text(TRIGGERS)
        template = triggers / "templates" / "hello"
        template.mkdir(parents=True)
        (template / "subject.liquid").write_text("Hello")
        (template / "text.liquid").write_text("Hello, {{ customer.id }}")
        deployed = await run(deployment, "deploy", str(triggers), "--from", "1")
        assert (deployed.returncode, deployed.stdout) == (0, "2\n"), deployed.stderr
        assert [line for line in deployed.stderr.splitlines() if line[0] in "+-~"] == [
            "+ trigger cart",
            (
                "- trigger first: progress and open waits are lost, and what is not sent yet ends "
                "trigger_off"
            ),
            "+ trigger reminders",
            "+ trigger seen",
            "+ template hello",
        ]
        again = await run(deployment, "deploy", str(triggers))
        assert (again.returncode, again.stdout) == (0, "2\n"), again.stderr
        assert f"nothing changed: {triggers} is in force as version 2" in again.stderr
        late = asyncio.create_task(run(deployment, "deploy", str(triggers), "--from", "1"))
        await until_in_force(deployment, 2)

        names = [f"customer-{number}" for number in range(CUSTOMERS)]
        events = [(0, name, kind) for name in names for kind in ("seen", "cart", "seen")]
        events += [(30, name, "bought") for name in names[::2]]
        await say(deployment, events, b"nonsense", b"nonsense again", b"{}")
        await everything_ends(deployment)

        await a_late_deployment_is_refused(late)
        await asyncio.gather(
            an_open_wait_is_shown(deployment),
            dead_letters_are_shown(deployment),
            everything_is_accounted_for(deployment),
        )
        assert deployment.stop("worker") == 0
        assert deployment.stop("sender") == 0
        the_logs_are_ours_and_without_customers(deployment)


async def everything_ends(deployment: Deployment) -> None:
    """Return when all that was asked for has ended, but for the reminders that wait six hours."""
    waiting = CUSTOMERS // 2
    async with asyncio.timeout(30):
        while True:
            await deployment.wait_until_done("detect", "events")
            await deployment.wait_until_done("send", "actions")
            asked = sum(len(firing["actions"]) for firing in await deployment.firings())
            if len(await deployment.deliveries()) == asked - waiting:
                return
            await asyncio.sleep(0.1)


def the_logs_are_ours_and_without_customers(deployment: Deployment) -> None:
    for name in ("worker", "sender"):
        text = deployment.log(name).read_text()
        lines = [json.loads(line) for line in text.splitlines()]
        # A library may complain, such as of a group whose coordinator is not up yet.
        talk = [line for line in lines if line["level"] == "info"]
        assert all(line["logger"].startswith("triggerstream.") for line in talk), text
        assert "customer-" not in text


async def a_late_deployment_is_refused(late: asyncio.Task[CompletedProcess[str]]) -> None:
    refused = await late

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "was made from version 1; in force is version 2" in refused.stderr


async def an_open_wait_is_shown(deployment: Deployment) -> None:
    shown, told, nobody = await asyncio.gather(
        run(deployment, "inspect", "customer-1"),
        run(deployment, "inspect", "customer-1", "--json"),
        run(deployment, "inspect", "nobody"),
    )

    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith("detect:\n")
    assert "cart" in shown.stdout
    assert "2026-03-01T11:00:00.000Z" in shown.stdout, "when the absence is due"
    known: dict[str, Any] = json.loads(told.stdout)
    assert set(known) == {"detect", "send"}
    assert known["detect"]["ruleset"] == 2
    assert "2026-03-01T11:00:00.000Z" in json.dumps(known["detect"]["state"])
    [pending] = known["send"]["state"]["pending"]
    assert (pending["trigger"], pending["state"]) == ("reminders", "waiting")
    assert (nobody.returncode, nobody.stdout) == (1, "")


async def dead_letters_are_shown(deployment: Deployment) -> None:
    listed, shown = await asyncio.gather(
        run(deployment, "dlq", "list", "--json"),
        run(deployment, "dlq", "show", "--reason", "bad_json"),
    )

    letters = {each["reason"]: each["letters"] for each in json.loads(listed.stdout)}
    assert letters == {"bad_json": 2, "missing_field": 1}
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("nonsense") == 2


async def everything_is_accounted_for(deployment: Deployment) -> None:
    """The conservation law holds, exactly."""
    await asyncio.gather(*(ask(deployment, name, "/readyz") for name in ("worker", "sender")))
    worker, sender = await asyncio.gather(
        counted(deployment, "worker"), counted(deployment, "sender")
    )

    firings = await deployment.firings()
    assert total(worker, "firings_total") == len(firings) == 2 * CUSTOMERS
    assert total(worker, "suppressed_total") == CUSTOMERS, "the second look is in the cooldown"
    recorded_matches = await deployment.suppressed()
    assert {match["customer_id"] for match in recorded_matches} == {
        f"customer-{number}" for number in range(CUSTOMERS)
    }
    assert [match["reason"] for match in recorded_matches] == ["cooldown"] * CUSTOMERS
    assert total(worker, "records_rejected_total") == 3
    outcomes = {
        outcome: number for (name, outcome), number in sender.items() if name == ENDED[1] and number
    }
    assert set(outcomes) == {"sent", "held_out", "cancelled", "suppressed", "failed"}
    recorded = Counter(delivery["outcome"] for delivery in await deployment.deliveries())
    assert outcomes == recorded
    pending = total(sender, PENDING)
    assert pending == CUSTOMERS // 2
    suppressed = total(worker, ENDED[0])
    assert total(worker, MATCHED) == suppressed + sum(outcomes.values()) + pending
