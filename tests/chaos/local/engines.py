"""The engine is killed, and its supervisor, and both; and the shop's messages go out meanwhile."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import msgspec

from tests.chaos.local.installation import Installation
from tests.chaos.local.stage import LocalStage
from tests.chaos.local.trial import LocalTrial
from tests.chaos.rows import Row
from tests.e2e.sinks import Sinks, open_sinks
from triggerstream.core.timestamps import parse_moment

DAY = 86_400_000
MODES = ("engine", "engine", "supervisor", "engine", "both")
"""What is killed, in turns. An engine that ends again and again is started again later and later,
but for one that a new supervisor starts."""


async def killed(stage: LocalStage, times: int) -> Row:
    """SIGKILL at any instant: opening, reading the log again, deciding, sending, between any two
    writes. An engine whose supervisor is killed ends by itself, and a new ``up`` goes on."""
    async with open_sinks() as sinks:
        with stage.installation(settings=sinks.settings) as installation:
            async with LocalTrial(stage, installation) as trial:
                killed: Counter[str] = Counter()
                slowest = 0.0
                for number in range(times):
                    mode = MODES[number % len(MODES)]
                    async with trial.load(1 / times, 2.0):
                        await trial.sleep_up_to(2.5)
                        slowest = max(slowest, await _kill(trial, mode))
                        killed[mode] += 1
                        if stage.random.random() < 0.7:
                            await trial.recovered()
                trial.notes.append(", ".join(f"{mode} {n}" for mode, n in killed.items()))
                if killed["supervisor"]:
                    trial.notes.append(f"alone, an engine ended within {slowest:.1f} s")
                row = await trial.row("F1 engine killed", times)
                wrong, told = await _undelivered(installation, sinks, stage.expected)
    note = "; ".join([*(f"WRONG: {each}" for each in wrong[:5]), row.note, told])
    return msgspec.structs.replace(row, wrong=row.wrong + len(wrong), note=note)


async def _kill(trial: LocalTrial, mode: str) -> float:
    """Kill what *mode* says; return the seconds that an engine took to end by itself."""
    installation = trial.deployment
    if mode == "engine":
        while not installation.kill_engine():  # it is not started again yet
            await asyncio.sleep(0.02)
        return 0.0
    if mode == "both":
        installation.kill_engine()
    took = await trial.end_without_supervisor()
    installation.up()
    return took if mode == "supervisor" else 0.0


async def _undelivered(
    installation: Installation, sinks: Sinks, expected: Mapping[str, Mapping[str, Any]]
) -> tuple[list[str], str]:
    """Return what is wrong with what was sent, in words: every action of every firing has one end,
    no mail came twice, no cap is exceeded, and what is sent has arrived. And what was sent."""
    asked = {action["action_id"] for firing in expected.values() for action in firing["actions"]}
    ends: dict[str, dict[str, Any]] = {}
    wrong: list[str] = []
    for delivery in await installation.deliveries():
        if ends.setdefault(delivery["action_id"], delivery) != delivery:
            wrong.append(f"{delivery['action_id']} has two ends")
    wrong += [f"{each} has no end" for each in asked - ends.keys()]
    wrong += [f"{each}: an end of nothing" for each in ends.keys() - asked]
    mails, hooks = Counter(_ids(sinks.mails)), set(sinks.webhooks)
    wrong += [f"the mail {each} came {n} times" for each, n in mails.items() if n > 1]
    slots: defaultdict[str, list[int]] = defaultdict(list)
    for action_id, end in ends.items():
        outcome, came = end["outcome"], action_id in mails or action_id in hooks
        if end["channel"] == "webhook" and outcome != "sent":
            wrong.append(f"{action_id}: a webhook ended as {outcome}")
        if end["channel"] in ("webhook", "email") and outcome == "sent" and not came:
            wrong.append(f"{action_id} is sent, and never came")
        if outcome not in ("sent", "unknown") and came:
            wrong.append(f"{action_id} is {outcome}, and came")
        if end["channel"] == "email" and outcome in ("sent", "unknown"):
            slots[end["customer_id"]].append(parse_moment(end["reserved_at"]))
    for customer, taken in slots.items():
        if any(after - before < DAY for before, after in pairwise(sorted(taken))):
            wrong.append(f"{customer}: over the cap")
    unknown = [each for each, end in ends.items() if end["outcome"] == "unknown"]
    if not mails or not hooks:
        wrong.append("nothing was sent")
    called = sum(each in mails for each in unknown)
    again = len(sinks.webhooks) - len(hooks)
    return wrong, (
        f"{len(mails)} mails; {len(hooks)} webhooks, {again} again with the same id; "
        f"{len(unknown)} unknown, of them {called} came"
    )


def _ids(names: list[str]) -> list[str]:
    return [name.strip("<>").partition("@")[0] for name in names]
