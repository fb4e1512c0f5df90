"""F14 and F15: far sides that refuse, stall, and end the conversation where it hurts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from tests.chaos.rows import Row
from tests.chaos.senders.receiver import RETRY_AFTER
from tests.chaos.senders.reckoning import CAPPED, SENT, UNKNOWN
from tests.chaos.senders.scene import Scene, open_scene
from tests.chaos.senders.story import Asked
from tests.chaos.senders.watch import metrics_of
from tests.chaos.stage import Stage

WAVE = 28
"""Injections at once; no more stall than leave room for other calls of their channel."""
BACKOFF = 5.0
STALL = 4.0
"""Seconds that a webhook may take where some stall, so that there is time to look meanwhile."""

WEBHOOKS: Mapping[str, tuple[int, str]] = {
    "500": (2, SENT),
    "stall": (2, SENT),
    "429": (2, SENT),
    "reset": (2, SENT),
    "410": (1, "failed gone"),
    "shut": (2, SENT),
    "beyond": (1, "failed exhausted"),
}
"""By how the receiver treats the first call: how many calls there are, and the end."""
MAILS: Mapping[str, tuple[int, str]] = {
    "greylist": (2, SENT),
    "busy": (2, SENT),
    "refused": (1, "failed rejected"),
    "lost": (1, UNKNOWN),
    "gone": (2, SENT),
    "mute": (1, UNKNOWN),
    "closing": (2, SENT),
    "spam": (1, "failed rejected"),
    "full": (2, SENT),
}
"""By how the mail server treats the first conversation: how many there are, and the end."""


async def webhooks_misbehave(stage: Stage, injections: int) -> Row:
    """F14. While some calls stall, the partitions keep moving: what is asked for meanwhile of the
    same channel and of others ends before the stalled calls do."""
    recoveries: list[float] = []
    wrong: list[str] = []
    slowest = 0.0
    async with open_scene(stage, senders=("sender",), call_timeout=STALL) as scene:
        kinds = list(WEBHOOKS)
        for start in range(0, injections, WAVE):
            wave = [kinds[n % len(kinds)] for n in range(start, min(injections, start + WAVE))]
            recovery, slow = await _webhook_wave(scene, wave, wrong)
            recoveries.append(recovery)
            slowest = max(slowest, slow)
        await scene.end(60)
        for asked in scene.story.asked.values():
            if asked.kind in WEBHOOKS:
                wrong += _wrong_calls(scene, asked)
        wrong += _conserved(scene)

    def expect(asked: Asked, _: Mapping[str, Any]) -> list[str]:
        return [WEBHOOKS.get(asked.kind, (1, SENT))[1]]

    reckoning = scene.reckon(expect, wrong)
    return reckoning.row(
        "F14 webhooks misbehave",
        injections,
        recoveries,
        f"what was asked for during a stall ended within {slowest:.1f} s of {STALL:g}",
    )


async def _webhook_wave(scene: Scene, wave: list[str], wrong: list[str]) -> tuple[float, float]:
    """Return how long the group needed to catch up, and how long the slowest of those that have
    nothing to do with the faults."""
    told = [scene.story.tell(kind, "order") for kind in wave]
    await scene.deployment.produce(event for events, _ in told for event in events)
    began = time.monotonic()
    mine = {asked.action_id: asked for _, each in told for asked in each}
    stalled = [asked.action_id for asked in mine.values() if asked.kind == "stall"]
    slowest = 0.0
    if stalled:
        try:
            await scene.until(lambda: any(action in scene.receiver.reached for action in stalled))
        except TimeoutError:
            wrong.append("no call came that was to stall")
        bystanders = [
            scene.story.tell("plain", *types) for types in (["order"], ["letter"], ["note"]) * 2
        ]
        await scene.deployment.produce(event for events, _ in bystanders for event in events)
        asked_at = time.monotonic()
        theirs = [asked.action_id for _, each in bystanders for asked in each]
        left = await scene.watch.until_ended(theirs, 30)
        slowest = time.monotonic() - asked_at
        is_over = any(call.left for call in scene.receiver.calls if call.action_id in stalled)
        if left or is_over:
            wrong.append(f"{len(theirs)} others waited {slowest:.1f} s for a call that stalled")
    recovery = await scene.watch.until_contained(60, since=began)
    await scene.watch.until_ended(mine, 60)
    return recovery, slowest


def _wrong_calls(scene: Scene, asked: Asked) -> list[str]:
    """Return what is wrong with the calls for an action: their number, and when they were."""
    calls = [call for call in scene.receiver.calls if call.action_id == asked.action_id]
    number, _ = WEBHOOKS[asked.kind]
    if len(calls) != number:
        return [f"{asked.customer_id} was called {len(calls)} times, not {number}"]
    least = {"500": BACKOFF, "429": RETRY_AFTER}.get(asked.kind, 0.0)
    # The receiver looks at its clock after the caller has let go.
    early = [b.began - a.left for a, b in pairwise(calls) if b.began - a.left < least - 0.05]
    return [f"{asked.customer_id} was called again after {pause:.2f} s" for pause in early]


async def mails_misbehave(stage: Stage, injections: int) -> Row:
    """F15. Afterwards every customer is sent a second mail: it goes out where the first one
    failed and gave its slot back, and is capped where that was sent or may have been."""
    recoveries: list[float] = []
    wrong: list[str] = []
    async with open_scene(stage, senders=("sender",)) as scene:
        kinds = list(MAILS)
        told = [scene.story.tell(kinds[n % len(kinds)], "letter") for n in range(injections)]
        for start in range(0, injections, WAVE):
            wave = told[start : start + WAVE]
            await scene.deployment.produce(event for events, _ in wave for event in events)
            recoveries.append(await scene.watch.until_contained(60))
            await scene.watch.until_ended([a.action_id for _, each in wave for a in each], 60)
        for _, each in told:
            for asked in each:
                number, found = MAILS[asked.kind][0], scene.mail.tried[asked.customer_id]
                if found != number:
                    wrong.append(f"{asked.customer_id}: {found} conversations, not {number}")
        again = [scene.story.go_on(a.customer_id, "reminder") for _, each in told for a in each]
        await scene.deployment.produce(event for events, _ in again for event in events)
        await scene.end(60)
        wrong += _conserved(scene)

    def expect(asked: Asked, _: Mapping[str, Any]) -> list[str]:
        first = MAILS[asked.kind][1]
        if asked.trigger == "letter":
            return [first]
        return [SENT if first.startswith("failed") else CAPPED]

    reckoning = scene.reckon(expect, wrong)
    unknown = sum(end["outcome"] == "unknown" for end in reckoning.ends.values())
    return reckoning.row(
        "F15 mail server misbehaves", injections, recoveries, f"{unknown} unknown, none sent again"
    )


def _conserved(scene: Scene) -> list[str]:
    """Return what breaks the law that every action that matched has ended, by the metrics."""
    worker, sender = metrics_of(scene.deployment, "worker"), metrics_of(scene.deployment, "sender")
    matched = worker["triggerstream_matched_actions_total"]
    ended = sender["triggerstream_deliveries_total"]
    ended += worker.get("triggerstream_suppressed_actions_total", 0)
    pending = sender["triggerstream_actions_pending"]
    if matched == ended + pending == len(scene.story.asked) and not pending:
        return []
    asked = len(scene.story.asked)
    return [f"metrics: of {asked}, {matched:g} matched, {ended:g} ended, {pending:g} are pending"]
