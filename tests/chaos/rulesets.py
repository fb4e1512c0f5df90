"""Rulesets that change and go back under load, while workers come and go."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from pathlib import Path

import msgspec

from tests.chaos.kafka_stage import KafkaStage
from tests.chaos.kafka_trial import KafkaTrial
from tests.chaos.rows import Row
from tests.chaos.stage import TRIGGERS
from tests.chaos.trial import lines_of
from triggerstream.authoring.files import read_files
from triggerstream.core.rulesets.ruleset import load_ruleset


def edited(directory: Path, number: int) -> Path:
    """Return another content: other detection, other limits, in turns; every third is the first
    one again, as a rollback deploys it."""
    other = directory / f"triggers-{number}"
    shutil.copytree(TRIGGERS, other)
    file = other / "all.yaml"
    text = file.read_text()
    match number % 3:
        case 1:
            text = text.replace("at_least: 4", f"at_least: {2 + number % 2}")
            text = text.replace("for: 1h", f"for: {20 + number}m")
        case 2:
            text = text.replace("cooldown: 12h", f"cooldown: {number}h")
    file.write_text(text)
    return other


async def deployed(stage: KafkaStage, times: int) -> Row:
    """Deploy and roll back under load on two workers, one of which is killed meanwhile. Which
    record each version begins with is a mark in the log: from it on it alone decides."""
    with stage.deployment() as deployment:
        async with KafkaTrial(stage, deployment, lines_of(stage.shop.log)) as trial:
            deployment.worker("w2")
            await trial.reading("w2")
            for number in range(1, times + 1):
                directory = edited(stage.directory, number)
                version = number + 1
                trial.rulesets[version] = load_ruleset(read_files(directory), version=version)
                async with trial.load(1 / (times + 1), 4.0):
                    await trial.sleep_up_to(2)
                    deploying = asyncio.to_thread(deployment.run, "deploy", str(directory))
                    done, _ = await asyncio.gather(deploying, _kill_some(trial))
                    assert done.returncode == 0, done.stderr
                    await trial.recovered()
            row = await trial.row("F17 ruleset changed", times)
            firings = await deployment.firings()
    fired = Counter(firing["ruleset"] for firing in firings)
    note = f"{len(fired)} versions fired; {row.note}"
    return msgspec.structs.replace(row, wrong=row.wrong + (len(fired) < 2), note=note)


async def _kill_some(trial: KafkaTrial) -> None:
    await trial.sleep_up_to(3)
    if trial.stage.random.random() < 0.5:
        trial.deployment.kill("w2")
        trial.deployment.worker("w2")
