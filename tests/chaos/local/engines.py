"""The engine is killed, and its supervisor, and both; and the shop's messages go out meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.chaos.local.stage import LocalStage
from tests.chaos.local.trial import LocalTrial
from tests.chaos.rows import Row

MODES = ("acknowledged", "engine", "supervisor", "engine", "both", "acknowledged", "supervisor")
"""What is killed, in turns; ``acknowledged`` is the engine, as it acknowledges. An engine that ends
again and again is started again later and later, but for one that a new supervisor starts."""


async def killed(stage: LocalStage, times: int) -> Row:
    """SIGKILL at any instant: opening, reading the log again, deciding, sending, between any two
    writes. An engine whose supervisor is killed ends by itself, and a new ``up`` goes on."""
    slowest = 0.0
    hit: Counter[str] = Counter()
    async with stage.trial() as trial:
        for number in range(times):
            mode = MODES[number % len(MODES)]
            async with trial.load(1 / times, 2.0):
                await trial.sleep_up_to(2.5)
                slowest = max(slowest, await kill(trial, mode))
                hit[mode] += 1
                if stage.random.random() < 0.7:
                    await trial.recovered()
        trial.notes.append(", ".join(f"{mode} {n}" for mode, n in hit.items()))
        if hit["supervisor"]:
            trial.notes.append(f"an engine alone ended within {slowest:.1f} s")
        return await trial.row("F1 engine killed", times)


async def kill(trial: LocalTrial, mode: str = "engine") -> float:
    """Kill what *mode* says; return the seconds that an engine took to end by itself."""
    installation = trial.deployment
    if mode == "engine":
        while not installation.strike_engine():  # noqa: ASYNC110 - it is not started again yet
            await asyncio.sleep(0.02)
        return 0.0
    if mode == "acknowledged":
        await trial.strike_when_acknowledged()
        return 0.0
    if mode == "both":
        installation.strike_engine()
    took = await trial.end_without_supervisor()
    installation.up()
    return took if mode == "supervisor" else 0.0
