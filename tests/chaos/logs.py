"""What comes in the log itself: poison, a customer with a million events, disorder."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

import msgspec
import orjson

from tests.chaos.judging import place, restored
from tests.chaos.kafka_stage import KafkaStage
from tests.chaos.kafka_trial import KafkaTrial
from tests.chaos.rows import Row
from tests.chaos.stage import Stage
from tests.chaos.trial import Line, lines_of
from tests.e2e.test_poison import POISON
from tests.e2e.told import decided
from triggerstream.core.timestamps import parse_moment
from triggerstream.replay.driver import replay_lines

DAY = 86_400_000
PATIENCE = 1800.0
"""Seconds that a flood may take to be decided, on a machine that has other things to do."""
STATE_LIMIT = 512 << 10
"""Bytes that may be kept of one customer (README, bounds)."""


async def poisoned(stage: Stage, times: int) -> Row:
    """Records that are no events, of every kind, between the good ones, in every partition."""
    lines = lines_of(stage.shop.log)
    poisons = [poison for _, poison in POISON if len(poison or b"") < stage.largest]
    for number in range(times):
        poison = poisons[number % len(poisons)]
        partition = number % stage.partitions
        at = stage.random.randrange(len(lines))
        lines.insert(at, Line(b"c", poison, lines[at].headers, partition))
    async with stage.trial(lines, decided=stage.expected) as trial:
        row = await trial.row("F10 poison", times)
        dead = len(await trial.deployment.read("events.dlq"))
    note = f"{row.note}; {dead} dead letters".lstrip("; ")
    wrong = row.wrong + abs(dead - times)
    return msgspec.structs.replace(row, note=note, wrong=wrong)


async def flooded(stage: Stage, times: int) -> Row:
    """One customer, a bot, with *times* events among the shop's: its state stays within its bound,
    and everybody else is decided as if it were not there."""
    bot = b"bot"
    lines = list(_flood(lines_of(stage.shop.log), bot, times))
    async with stage.trial(lines, decided=stage.expected, others=bot) as trial:
        await trial.play(1.0)
        await trial.recovered(PATIENCE)
        row = await trial.row("F11 a customer's flood", times)
        number = place(bot.decode(), stage.partitions)
        size = len((await restored(trial.deployment))[number].get(bot) or b"")
    wrong = row.wrong + (not 0 < size <= STATE_LIMIT)
    return msgspec.structs.replace(row, wrong=wrong, note=f"its state: {size:,} bytes; {row.note}")


def _flood(lines: list[Line], bot: bytes, times: int) -> Iterator[Line]:
    kinds = ("product_view", "search", "add_to_cart", "payment_error", "purchase", "wishlist_add")
    sent = 0
    for number, line in enumerate(lines, 1):
        yield line
        at = int(line.headers[0][1])
        while sent < times * number // len(lines):
            event = {
                "event_id": f"b{sent}",
                "customer_id": bot.decode(),
                "event_type": kinds[sent * 7919 % len(kinds)],
                "timestamp": at,
                "session_id": f"s{sent // 50}",
            }
            yield Line(bot, orjson.dumps(event), line.headers)
            sent += 1


async def disordered(stage: KafkaStage, times: int) -> Row:
    """Events twice, out of order, far too late, and with stamps of tomorrow and of the year 9999;
    what is decided is what `replay` decides on the same log."""
    log = list(_disorder(stage.shop.log, stage.random, times))
    lines = replay_lines(stage.shop.ruleset, log, until=stage.shop.until)
    expected = decided(line for line in lines if line["kind"] == "firing")
    with stage.deployment() as deployment:
        async with KafkaTrial(stage, deployment, lines_of(log), decided=expected) as trial:
            async with trial.load(0.5, 4.0):
                await trial.sleep_up_to(4)
                deployment.kill("w1")
                deployment.worker("w1")
                await trial.recovered()
            return await trial.row("F12 twice, late, out of order", times)


def _disorder(log: list[bytes], random: Random, times: int) -> Iterator[bytes]:
    """Yield *log* with *times* events disturbed, each stamped with when it arrived."""
    moments = [parse_moment(orjson.loads(value)["timestamp"]) for value in log]
    queue: list[tuple[int, int, dict[str, Any]]] = []
    chosen = dict.fromkeys(random.sample(range(len(log)), times))
    for order, value in enumerate(log):
        event, at = orjson.loads(value), moments[order]
        if order not in chosen:
            queue.append((at, order, event))
            continue
        match random.randrange(5):
            case 0:  # twice, seconds to days apart
                queue.append((at, order, event))
                queue.append((at + random.choice((0, 900, 60_000, 2 * DAY)), order, event))
            case 1:  # within the lateness
                queue.append((at + random.randrange(10_001), order, event))
            case 2:  # beyond it
                queue.append((at + random.randrange(10_000, 3 * DAY), order, event))
            case 3:
                queue.append((at, order, event | {"timestamp": at + DAY}))
            case _:
                queue.append((at, order, event | {"timestamp": "9999-12-31T23:59:59Z"}))
    queue.sort(key=lambda each: each[:2])
    for arrival, _, event in queue:
        yield orjson.dumps(event | {"received_at": arrival})
