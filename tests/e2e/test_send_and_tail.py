"""Sending an event from the command line, and seeing what comes of it, on a real Kafka."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Self

import orjson
import pytest

from tests.e2e.deployment import Bootstrapped, Deployment
from triggerstream.core.records.placement import partition_of

pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.timeout(120)]

TRIGGERS = """
trigger: seen
when: {event: seen}
if: {event_data.n: {less_than: 5}}
limits: {cooldown: 1h}
then: [{log: {}}, {email: {template: hello}}]
---
trigger: cart
when: {event: cart}
then:
  - log: {}
  - log: {}
    after: 6h
"""
CSV = """\
who,n,timestamp
bob,1,2026-03-01T10:00:00Z
,2,2026-03-01T10:00:00Z
"""
PAGE = Path(__file__).parents[2] / "docs" / "sending-events.md"
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
ENDED = "decided, and all that came of it has ended\n"


async def run(deployment: Deployment, *command: str) -> CompletedProcess[str]:
    return await asyncio.to_thread(deployment.run, *command)


def told(output: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in output.splitlines()]


async def test_an_event_is_sent_and_what_comes_of_it_is_seen(
    kafka: Bootstrapped, tmp_path: Path
) -> None:
    triggers = tmp_path / "triggers"
    templates = triggers / "templates" / "hello"
    templates.mkdir(parents=True)
    (triggers / "all.yaml").write_text(TRIGGERS)
    for part in ("subject", "text"):
        (templates / f"{part}.liquid").write_text("Hello")
    settings = {"TRIGGERSTREAM_CLOCK": "broker"}
    with Deployment(
        kafka.bootstrap, tmp_path, triggers, partitions=2, settings=settings
    ) as deployment:
        await before_a_worker_has_run_it_says_so(deployment)
        deployment.worker()
        deployment.sender()
        await deployment.wait_until_reading("worker")
        await deployment.wait_until_reading("sender")

        async with Tail(deployment) as tail:
            await a_firing_is_seen_to_its_ends(deployment)
            await tail.shows("  ada       seen          fired  ")
            await asyncio.gather(
                a_match_that_does_not_fire_says_why(deployment),
                a_file_that_is_sent_again_changes_nothing(deployment, tmp_path),
                what_is_not_due_yet_is_open(deployment),
                tail.shows("  bob       seen          fired  "),  # it came while we looked on
            )
        await deployment.produce_raw(b"nonsense", key=b"eve")
        await deployment.wait_for_records("events.dlq")
        await asyncio.gather(
            the_past_is_told_in_order(deployment),
            one_customer_is_told_to_machines(deployment),
            the_example_in_python_is_placed_where_it_belongs(deployment),
        )
        assert deployment.stop("worker") == 0
        assert deployment.stop("sender") == 0


async def before_a_worker_has_run_it_says_so(deployment: Deployment) -> None:
    sent, tailed = await asyncio.gather(
        run(deployment, "send", "ada", "seen"), run(deployment, "tail", "dead-letters")
    )

    for ran, topic in ((sent, "events"), (tailed, "actions.dlq")):
        assert (ran.returncode, ran.stdout) == (69, "")
        assert f"required is the topic {deployment.topic(topic)}; " in ran.stderr


async def a_firing_is_seen_to_its_ends(deployment: Deployment) -> None:
    ran = await run(deployment, "send", "ada", "seen", "n=1", "--watch")

    assert ran.returncode == 0, ran.stderr
    place = f"{deployment.topic('events')}, partition {partition_of(b'ada', 2)}, offset 0"
    sent = f"sent 1 event of 1 customer, all acknowledged ({place})\n"
    assert ran.stderr == sent + ENDED
    fired, *ends = ran.stdout.splitlines()
    assert "  ada       seen          fired        log, email  " in fired
    assert sorted(end.split("seen")[1].split()[0] for end in ends) == ["not", "sent"]
    assert "email: consent: email is opt_in" in ran.stdout


async def a_match_that_does_not_fire_says_why(deployment: Deployment) -> None:
    again = await run(deployment, "send", "ada", "seen", "n=2", "--watch", "--json")
    other = await run(deployment, "send", "ada", "seen", "n=9", "--watch")

    assert (again.returncode, other.returncode) == (0, 0)
    sent, suppressed = told(again.stdout)
    place = f"{deployment.topic('events')}/{sent['partition']}/{sent['offset']}"
    assert (sent["kind"], sent["event_id"]) == ("sent", place)
    assert (suppressed["kind"], suppressed["reason"]) == ("suppressed", "cooldown")
    assert suppressed["events"] == [place]
    assert "not fired    condition: event_data.n less_than 5; found 9  " in other.stdout
    assert other.stderr.endswith(ENDED)


async def a_file_that_is_sent_again_changes_nothing(deployment: Deployment, path: Path) -> None:
    file = path / "seen.csv"
    file.write_text(CSV)
    command = ("send", str(file), "--map", "who=customer_id", "--type", "seen", "--watch")

    first = await run(deployment, *command)
    second = await run(deployment, *command)

    refused = f"{file}:3: missing_field: customer_id: a text; found nothing\n"
    for ran in (first, second):
        assert ran.returncode == 1
        assert ran.stderr.startswith(f"{refused}sent 1 event of 1 customer, all acknowledged (")
    assert "  bob       seen          fired  " in first.stdout
    assert second.stdout == ""
    assert "decided, and nothing came of it now: " in second.stderr


async def what_is_not_due_yet_is_open(deployment: Deployment) -> None:
    ran = await run(deployment, "send", "cy", "cart", "--watch", "--for", "4s")

    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.endswith("after 4 s these have not ended: cart: log in 6h\n")


async def the_past_is_told_in_order(deployment: Deployment) -> None:
    ran = await run(deployment, "tail", "--from-beginning", "--no-follow")

    assert (ran.returncode, ran.stderr) == (0, "")
    lines = ran.stdout.splitlines()
    assert sorted(lines, key=lambda line: line[:20]) == lines
    assert "  ada       seen          fired  " in lines[0]
    assert sum("  ada       seen          not fired  " in line for line in lines) == 2
    assert f"({deployment.topic('events')}/{partition_of(b'eve', 2)}/" in lines[-1]
    assert "  eve       -             dead letter  bad_json: a JSON object; " in lines[-1]


async def one_customer_is_told_to_machines(deployment: Deployment) -> None:
    ran = await run(
        deployment, *("tail", "deliveries", "--customer", "bob", "-n", "1", "--no-follow", "--json")
    )

    [last] = told(ran.stdout)
    assert (last["kind"], last["customer_id"], last["trigger"]) == ("delivery", "bob", "seen")


async def the_example_in_python_is_placed_where_it_belongs(deployment: Deployment) -> None:
    code = PYTHON.search(PAGE.read_text(encoding="utf-8"))
    assert code is not None
    named = code[1].replace("triggerstream.", f"{deployment.prefix}.")

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", named.replace("localhost:9092", deployment.bootstrap))
    )

    assert await process.wait() == 0
    [record] = [
        record for record in await deployment.read("events") if b"total" in (record.value or b"")
    ]
    assert (record.key, record.partition) == (b"ada", partition_of(b"ada", deployment.partitions))


class Tail:
    """``tail`` as it runs. Ended with Ctrl-C, as people do, it ends well."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "triggerstream", "tail", "--from-beginning"),
            env={**os.environ, **self._deployment.settings},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        return self

    async def shows(self, words: str) -> None:
        """Return when a line with *words* has come."""
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            while line := (await self._process.stdout.readline()).decode():
                if words in line:
                    return
        raise AssertionError(await self._process.communicate())

    async def __aexit__(self, *_: object) -> None:
        self._process.send_signal(signal.SIGINT)
        assert (await self._process.communicate())[1] == b""
        assert self._process.returncode == 0
