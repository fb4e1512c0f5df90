"""What an action costs the sender, and each step of it.

    python benchmarks/sender.py [--actions N] [--rounds N] [--no-live] [--json]

**Live**: the real ``triggerstream sender`` on Kafka, everything on: every gate has something to
ask (consent by opt-in, quiet hours that are not now, two caps with room), the reservation is
durable before the channel is called, the answer is a record, and the delivery is recorded. The
channel is ``log`` at the log level ``warning``: it is called like any other and its line is
dropped before it is written, so what an e-mail or a webhook takes to go out is not in the figure.
Firings, as a worker writes them (`core.records.actions`), are appended as fast as the broker takes
them. Told are the sender's CPU an action, actions by CPU second and by the wall, how many attempts
had to be put off because more were decided than could be called, and what share of a core a sender
takes that has nothing to do: on a busy machine, which lets everything take longer, that is in the
figure.

**Steps**: the same code in this process, in turn, a hundred actions at a time as the sender takes
them, with a store on RocksDB and a log that acknowledges at once:

- decode: the firing's record; gates: it passes them and is reserved;
- checkpoint: the ledgers encoded and written to RocksDB (twice an action: reserved, ended);
- call: the attempt's task, the channel, and its answer as a record;
- answer: that record decoded, and the action ended;
- record: the delivery encoded.

What is between the sum of these and the live figure is Kafka's: fetching, four appends and their
acknowledgements, Faust, and the loop.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from benchmarks.bench import cpu_seconds, delete_topics, open_broker, until_committed
from benchmarks.firings import files, firings
from benchmarks.load import PARTITIONS
from benchmarks.rounds import (
    Found,
    quick,
    say,
    show,
    summary,
    surroundings,
    take_turns,
    told,
    without_collector,
)
from triggerstream.channels.log import LogChannel
from triggerstream.core.policy.ledger import Ledger
from triggerstream.core.records.actions import records_of
from triggerstream.core.records.deliveries import Delivery
from triggerstream.core.records.record import Kind, Produce
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.core.sending.deliveries import Attempt
from triggerstream.core.sending.send import Send
from triggerstream.demo.lag import Lag
from triggerstream.demo.processes import Process
from triggerstream.installation.kafka import KafkaInstallation
from triggerstream.installation.publish import publish
from triggerstream.ops.settings import Kafka, Settings
from triggerstream.stream.dispatch.calls import Calls
from triggerstream.stream.dispatch.room import Bounds
from triggerstream.stream.kafka.client import client_options
from triggerstream.stream.kafka.log import KafkaLog
from triggerstream.stream.kafka.topics import Topics
from triggerstream.stream.keyed.process import SLICE
from triggerstream.stream.ports import Acknowledged
from triggerstream.stream.rocksdb.stores import Stores

_WARM_UP = 500
_IDLE_S = 4.0
_LIMIT_SECONDS = 300.0
# ── the steps, in this process ──────────────────────────────────────────────────────────────


class _Log:
    """Keeps the answers; acknowledges at once."""

    def __init__(self) -> None:
        self.appended: list[Produce] = []
        self._came = asyncio.Event()

    async def until(self, count: int) -> None:
        """Return when so many records have been appended."""
        while len(self.appended) < count:
            self._came.clear()
            await self._came.wait()

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        self.appended.extend(records)
        self._came.set()
        return _at_once()

    async def append_changelog(self, partition: int, entries: Any) -> Any:
        raise AssertionError("calls know no changelog")

    async def read_changelog(self, partition: int, start: int, end: int) -> Any:
        raise AssertionError("calls know no changelog")


async def _at_once() -> Sequence[Acknowledged]:
    return ()


class _Rulesets:
    def __init__(self, ruleset: Ruleset) -> None:
        self._ruleset = ruleset

    def newest(self) -> tuple[int, str] | None:
        return None

    def get(self, version: int) -> Ruleset | None:
        return self._ruleset

    async def wait_for(self, version: int) -> Ruleset:
        return self._ruleset


def _crash(error: BaseException) -> None:
    raise error


class Steps:
    """A sender without Kafka, which takes `SLICE` actions a round through one step after another.

    Attributes:
        ended: How many actions have been sent.
    """

    def __init__(self, directory: Path, count: int) -> None:
        now = time.time()
        self._at = int(now * 1000)
        self._ruleset = load_ruleset(files(now), version=1)
        self._send = Send()
        self._store = Stores(directory, "send").open(0)
        self._runner = asyncio.Runner()
        self._log = _Log()
        self._calls = Calls(
            {"log": LogChannel(lambda _: None)},
            log=self._log,
            rulesets=_Rulesets(self._ruleset),
            crash=_crash,
            now=time.time,
            bounds=Bounds(),
        )
        self._values = [
            record.value for firing in firings(count, self._at) for record in records_of(firing, 1)
        ]
        self._ledgers: dict[str, Ledger] = {}
        self._taken = self._offset = self.ended = 0
        self._messages: list[Any] = []
        self._out: list[Any] = []

    def works(self) -> dict[str, Any]:
        """Return the steps in their order; each takes what the one before it left."""
        return {
            "decode": self.decode,
            "gates, reservation": self.decide,
            "checkpoint, reserved": self.checkpoint,
            "call": self.call,
            "answer, decoding": self.read_answers,
            "answer, the end": self.decide,
            "delivery record": self.tell,
            "checkpoint, ended": self.checkpoint,
        }

    def decode(self) -> int:
        values = self._values[self._taken : self._taken + SLICE]
        self._taken += len(values)
        self._messages = [self._read(value, Kind.FIRING) for value in values]
        return len(values)

    def _read(self, value: bytes | None, kind: bytes) -> Any:
        return self._send.read(value, self._at, 0, 0, kind, ())

    def decide(self) -> int:
        send, ruleset, at = self._send, self._ruleset, self._at
        self._out = []
        for message in self._messages:
            customer = message.customer_id
            ledger = self._ledgers.get(customer)
            if ledger is None:
                ledger = self._ledgers[customer] = send.new_state(customer)
            self._offset += 1
            send.on_message(ledger, message, ruleset, at, at, self._offset, self._out)
            send.wake_at(ledger)
        return len(self._messages)

    def checkpoint(self) -> int:
        touched = {message.customer_id for message in self._messages}
        values: dict[bytes, bytes | None] = {
            name.encode(): self._send.dump(self._ledgers[name], self._offset) for name in touched
        }
        self._store.write(values, partition_record=None, changelog_offset=self._offset)
        return len(self._messages)

    def call(self) -> int:
        attempts = [outcome for outcome in self._out if isinstance(outcome, Attempt)]
        assert len(attempts) == len(self._messages), "an action was suppressed"
        self._log.appended.clear()
        self._runner.run(self._call(attempts))
        assert len(self._log.appended) == len(attempts)
        return len(attempts)

    async def _call(self, attempts: Sequence[Attempt]) -> None:
        for attempt in attempts:
            self._calls.start(0, attempt)
        await self._log.until(len(attempts))

    def read_answers(self) -> int:
        answers = [record.value for record in self._log.appended]
        self._messages = [self._read(value, Kind.RESULT) for value in answers]
        return len(self._messages)

    def tell(self) -> int:
        deliveries = [outcome for outcome in self._out if isinstance(outcome, Delivery)]
        for delivery in deliveries:
            self._send.encode(delivery, 1, self._at)
        self.ended += len(deliveries)
        return len(deliveries)

    def close(self) -> None:
        self._runner.close()
        self._store.close()


def measure_steps(count: int) -> dict[str, float]:
    """Return microseconds an action by step."""
    with tempfile.TemporaryDirectory(prefix="triggerstream-") as directory:
        steps = Steps(Path(directory), count)
        try:
            with without_collector():
                found = take_turns(steps.works(), count // SLICE, quiet=True)
            assert steps.ended == count // SLICE * SLICE
        finally:
            steps.close()
    return {name: quick(all_[len(all_) // 2 :]) for name, all_ in found.items()}


# ── the process, on Kafka ───────────────────────────────────────────────────────────────────

_ATTEMPTS = re.compile(r"^triggerstream_attempts_total{(.*)} ([0-9.e+]+)$", re.MULTILINE)


def put_off(metrics: str) -> int:
    """Return from a sender's *metrics* how many attempts were put off instead of called."""
    return sum(
        round(float(number)) for labels, number in _ATTEMPTS.findall(metrics) if "retry" in labels
    )


async def measure_sender(
    bootstrap: str, directory: Path, prefix: str, count: int
) -> dict[str, float]:
    """Return what one sender takes for *count* actions; its files go into *directory*."""
    kafka = Kafka(bootstrap=bootstrap, topic_prefix=prefix, partitions=PARTITIONS)
    settings = Settings(kafka=kafka)
    topics = Topics(prefix)
    environment = {
        "KAFKA__BOOTSTRAP": bootstrap,
        "KAFKA__TOPIC_PREFIX": prefix,
        "KAFKA__PARTITIONS": str(PARTITIONS),
        "LOG_LEVEL": "warning",
    }
    sender = Process("sender", ["sender"], environment, directory)
    log = KafkaLog(client_options(kafka), topic_name=topics.name)
    try:
        await _until_there(sender, topics.name("deliveries"), bootstrap)
        await publish(KafkaInstallation(settings), files(time.time()), None)
        await sender.wait_until_ready()
        await log.start()
        async with (
            Lag(bootstrap, topics.process("send"), topics.name("actions"), PARTITIONS) as lag,
            Lag(bootstrap, f"{prefix}-reader", topics.name("deliveries"), PARTITIONS) as ends,
        ):
            await _append(log, _WARM_UP, 0)
            await _until_delivered(sender, ends, _WARM_UP)
            await until_committed(lag)
            before, began = cpu_seconds(sender.pid), time.monotonic()
            await asyncio.sleep(_IDLE_S)
            idle = (cpu_seconds(sender.pid) - before) / (time.monotonic() - began)
            before, began = cpu_seconds(sender.pid), time.monotonic()
            await _append(log, count, _WARM_UP)
            await _until_delivered(sender, ends, _WARM_UP + count)
            wall = time.monotonic() - began
            await until_committed(lag)
            cpu = cpu_seconds(sender.pid) - before
        return {
            "us": cpu / count * 1e6,
            "per_second": count / wall,
            "idle_share": idle,
            "put_off": put_off(await sender.metrics()),
        }
    finally:
        await log.stop()
        sender.stop()
        await delete_topics(bootstrap, prefix)


async def _append(log: KafkaLog, count: int, start: int) -> None:
    at = int(time.time() * 1000)
    records = [r for each in firings(count, at, start) for r in records_of(each, 1)]
    await (await log.append(records))


async def _until_there(sender: Process, topic: str, bootstrap: str) -> None:
    """Return when the sender has made its topics."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        while topic not in await admin.list_topics():
            sender.check()
            await asyncio.sleep(0.1)
    finally:
        await admin.close()


async def _until_delivered(sender: Process, ends: Lag, count: int) -> None:
    deadline = time.monotonic() + _LIMIT_SECONDS
    while (await ends.read())[1] < count:
        sender.check()
        if time.monotonic() > deadline:
            raise SystemExit(f"{count} deliveries are required; found {(await ends.read())[1]}")
        await asyncio.sleep(0.05)


async def measure_live(bootstrap: str, directory: Path, count: int, rounds: int) -> Found:
    found: Found = {}
    for number in range(rounds):
        prefix = f"bench-sender-{os.getpid()}-{number}"
        with tempfile.TemporaryDirectory(dir=directory) as own:
            figures = await measure_sender(bootstrap, Path(own), prefix, count)
        for name, figure in figures.items():
            found.setdefault(name, []).append(figure)
        say(f"round {number + 1} of {rounds}: {figures['us']:.0f} us an action")
    return found


# ── the result ──────────────────────────────────────────────────────────────────────────────


def tell(steps: dict[str, float], live: Found) -> None:
    """Print what was found, for people."""
    whole = sum(steps.values())
    rows = [(name, f"{figure:.1f}", f"{figure / whole:.0%}") for name, figure in steps.items()]
    rows.append(("all steps", f"{whole:.1f}", "100%"))
    if live:
        rest = statistics.median(live["us"]) - whole
        rows.append(("Kafka, Faust, the loop", f"{rest:.1f}", ""))
    show("what an action costs", ("step", "us/action", "share"), rows)
    if live:
        show(
            "the sender on Kafka",
            ("CPU us/action", "actions/CPU s", "actions/s", "put off", "idle"),
            [
                (
                    told(live["us"], 0),
                    f"{1e6 / statistics.median(live['us']):,.0f}",
                    told(live["per_second"], 0),
                    told(live["put_off"], 0),
                    f"{statistics.median(live['idle_share']):.1%}",
                )
            ],
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--actions", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3, help="of the live sender")
    parser.add_argument("--no-live", action="store_true", help="the steps alone, without Kafka")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    say("measuring the steps")
    steps = measure_steps(asked.actions)
    live: Found = {}
    if not asked.no_live:
        with (
            open_broker() as bootstrap,
            tempfile.TemporaryDirectory(prefix="triggerstream-") as directory,
        ):
            live = asyncio.run(
                measure_live(bootstrap, Path(directory), asked.actions, asked.rounds)
            )
    if not asked.json:
        tell(steps, live)
        return
    result: dict[str, Any] = {
        "steps_us": {name: round(figure, 2) for name, figure in steps.items()},
        "all_steps_us": round(sum(steps.values()), 2),
        "with": surroundings("orjson", "msgspec", "aiokafka", "faust-streaming", "rocksdict"),
    }
    if live:
        result["sender"] = {name: summary(all_) for name, all_ in live.items()}
        result["actions_per_cpu_second"] = round(1e6 / statistics.median(live["us"]))
    print(json.dumps(result))


if __name__ == "__main__":
    main()
