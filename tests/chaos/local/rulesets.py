"""Rulesets that change and go back under load, while the engine comes and goes."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import msgspec

from tests.chaos.local.engines import kill
from tests.chaos.local.stage import LocalStage
from tests.chaos.local.trial import LocalTrial
from tests.chaos.rows import Row
from tests.chaos.rulesets import edited
from tests.chaos.trial import LIMIT, lines_of, until
from triggerstream.authoring.files import read_files
from triggerstream.core.records.record import KIND, Kind, Produce
from triggerstream.core.rulesets.published import Published, pack
from triggerstream.core.rulesets.ruleset import load_ruleset


async def deployed(stage: LocalStage, times: int) -> Row:
    """Deploy and roll back under load, by the engine's door, and kill the engine meanwhile. Which
    record each version begins with is a mark in the log: from it on it alone decides. What nobody
    acknowledged is deployed again, and is in force once."""
    async with stage.trial(lines_of(stage.shop.log)) as trial:
        for number in range(1, times + 1):
            directory = edited(stage.directory, number)
            version = number + 1
            trial.rulesets[version] = load_ruleset(read_files(directory), version=version)
            async with trial.load(1 / (times + 1), 4.0):
                await trial.sleep_up_to(2)
                await asyncio.gather(_deploy(trial, directory, version - 1), _kill_some(trial))
                await trial.recovered()
        row = await trial.row("F17 ruleset changed", times)
        fired = Counter(firing["ruleset"] for firing in await trial.deployment.firings())
        marks = [
            record
            for record in await trial.deployment.read("events")
            if dict(record.headers).get(KIND) == Kind.RULESET
        ]
    note = f"{len(fired)} versions fired, {len(marks)} marks; {row.note}"
    wrong = row.wrong + (len(fired) < min(2, times + 1)) + (len(marks) < times)
    return msgspec.structs.replace(row, wrong=wrong, note=note)


async def _deploy(trial: LocalTrial, directory: Path, base: int) -> None:
    """Publish *directory* as the version after *base*, and return when that is in force."""
    _, packed = pack(read_files(directory), base)
    records = [Produce("rulesets", 0, key, value) for key, value in packed]
    await trial.deployment.append(records)

    async def is_in_force() -> bool:
        published = Published()
        for record in await trial.deployment.read("rulesets"):
            published.take(record.key, record.value)
        return published.newest == base + 1

    await until(is_in_force, LIMIT)


async def _kill_some(trial: LocalTrial) -> None:
    await trial.sleep_up_to(1)
    if trial.stage.random.random() < 0.5:
        await kill(trial)
