"""Clocks of machines that jump, while the broker's is the one that counts.

Here the log is played live: the broker stamps the records, and ticks make timers come due.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random

import msgspec
import orjson

from tests.chaos.judging import Installed, restored
from tests.chaos.kafka_stage import KafkaStage
from tests.chaos.kafka_trial import KafkaTrial
from tests.chaos.rows import NotRunError, Row
from tests.chaos.trial import Line
from tests.e2e.told import LATENESS
from triggerstream.authoring.files import read_files
from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.records.record import KIND, Kind
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.core.timestamps import parse_moment
from triggerstream.errors import LeaseExpiredError

_LIBRARIES = ("/usr/lib/*/faketime/libfaketimeMT.so.1", "/usr/lib/faketime/libfaketimeMT.so.1")
_JUMPS = ("+3600", "-3600", "+86400", "-86400", "+7200", "+0")
_LATEST = 60_000
"""Milliseconds by which a timer may fire after its due time and the lateness. Far more than a tick
takes; far less than the clocks jump."""

PAUSED = frozenset({LeaseExpiredError.exit_code})
"""A machine that is too busy looks like a pause; nothing else may end a worker here."""

TRIGGERS = """\
trigger: left
when:
  sequence:
    - event: cart
    - absent: buy
      for: 2s
then: [{log: {}}]
---
trigger: often
when: {count: view, at_least: 3, within: 5s}
then: [{log: {}}]
"""


def faketime() -> Path:
    for pattern in _LIBRARIES:
        if found := next(Path("/").glob(pattern[1:]), None):
            return found
    raise NotRunError("libfaketime is required (Debian: apt-get install faketime)")


def seen(environment: Mapping[str, str]) -> float:
    """Return what time it is to a process with this *environment*."""
    command = [sys.executable, "-c", "import time; print(time.time())"]
    return float(subprocess.check_output(command, env={**os.environ, **environment}))


def live_triggers(directory: Path) -> Path:
    """Write triggers with windows of seconds."""
    triggers = directory / "live"
    triggers.mkdir()
    (triggers / "live.yaml").write_text(TRIGGERS)
    return triggers


def live_events(random: Random, count: int, customers: int = 300) -> Iterator[Line]:
    """Yield events without a time of their own: theirs is the broker's."""
    for number in range(count):
        customer = f"live-{random.randrange(customers)}"
        event = {
            "event_id": f"e{number}",
            "customer_id": customer,
            "event_type": random.choice(("cart", "buy", "view", "view", "view")),
        }
        yield Line(customer.encode(), orjson.dumps(event))


async def jumping(stage: KafkaStage, times: int) -> Row:
    """The clock of one of two workers jumps by an hour or a day, forwards and back, as it runs.
    Nobody may end by that."""
    clock = stage.directory / "clock"
    library = faketime()
    triggers = live_triggers(stage.directory)
    environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        # Python's loop and our lease run on the monotonic clock, which jumps nowhere.
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
    }
    clock.write_text("-864000\n")
    assert seen(environment) < time.time() - 86_400, "the clock does not jump"
    clock.write_text("+0\n")
    lines = list(live_events(stage.random, 900 * times))
    ruleset = load_ruleset(read_files(triggers), version=1)
    settings = {"TRIGGERSTREAM_CLOCK": "broker"}
    with stage.deployment(triggers=triggers, settings=settings) as deployment:
        deployment.environments["w1"] = environment
        async with KafkaTrial(
            stage, deployment, lines, rulesets={1: ruleset}, allowed=PAUSED
        ) as trial:
            deployment.worker("w2")
            await trial.reading("w2")
            for number in range(times):
                async with trial.load(1 / times, 5.0):
                    await trial.sleep_up_to(2)
                    clock.write_text(f"{_JUMPS[number % len(_JUMPS)]}\n")
                    await asyncio.sleep(2)
                    await trial.recovered()
            row = await trial.row("F13 clock of a worker jumps", times)
            return await with_timers(row, deployment)


async def with_timers(row: Row, deployment: Installed) -> Row:
    """Add to *row* what only time can show: timers that never fired, or much too late."""
    waits = sum(
        header.unpack(value)[2] != NEVER
        for store in (await restored(deployment)).values()
        for value in store.values.values()
    )
    late = [
        record.timestamp - parse_moment(orjson.loads(record.value)["at"]) - LATENESS
        for record in await deployment.read("actions")
        if dict(record.headers).get(KIND) == Kind.FIRING
        and orjson.loads(record.value)["trigger"] == "left"
    ]
    wrong = waits + sum(each > _LATEST for each in late)
    note = f"timers fired at most {max(late) / 1000:.1f} s late, {waits} never; {row.note}"
    return msgspec.structs.replace(row, wrong=row.wrong + wrong, note=note)
