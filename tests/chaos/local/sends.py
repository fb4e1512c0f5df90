"""F16: the engine is killed between each two steps of a send, and while it has a crowd to send to.

The gaps, in the order of a send, and what must come of an action that a kill caught there, are
those of `senders.killed`; there is none between a customer's state and the partition record, which
are stored in one write. With a crowd, what was reserved and not begun ends as unknown, though no
far side ever heard of it: at each kill no more than the channel has calls at a time.
"""

from __future__ import annotations

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.chaos.local.stage import LocalStage
from tests.chaos.local.stopping import NAME, Stop
from tests.chaos.rows import Row
from tests.chaos.senders.busy import CALL, CROWD, MOST, THINKING
from tests.chaos.senders.killed import BY_NAME, Gap
from tests.chaos.senders.reckoning import CAPPED, SENT, UNKNOWN, Reckoning
from tests.chaos.senders.scene import Scene, open_scene
from tests.chaos.senders.story import Asked
from tests.chaos.stage import Stage

WITHIN = 60.0
GAPS = [BY_NAME[n] for n in ("calling", "accepted", "decided", "reserved", "answered", "stored")]
_ACTIONS = (("letter", "reminder"), ("order",))
"""What a customer does: asks for a mail and a rival under its cap, or for a webhook."""
_STOPPING = "tests.chaos.local.stopping"


async def killed(stage: LocalStage, times: int) -> Row:
    """SIGKILL between each two steps of a send, by either channel."""
    plan = [(GAPS[n % len(GAPS)], _ACTIONS[(n + n // len(GAPS)) % 2]) for n in range(times)]
    stage.random.shuffle(plan)
    gaps: dict[str, Gap] = {}
    hit: Counter[str] = Counter()
    recoveries: list[float] = []
    wrong: list[str] = []
    async with open_scene(stage, module=_STOPPING) as scene:
        for gap, types in plan:
            customer, events = scene.story.meet("hold" if gap.at == "far side" else gap.name)
            gaps[customer] = gap
            await scene.deployment.produce(events)
            await scene.watch.until_contained(WITHIN)
            events, asked = scene.story.go_on(customer, *types)
            if gap.at != "far side":
                Stop(gap.name, customer).write(scene.deployment.directory)  # type: ignore[arg-type] # one of its steps
            await scene.deployment.produce(events)
            if await _is_met(scene, gap, asked[0]):
                hit[gap.name] += 1
            else:
                wrong.append(f"{gap.name}: the engine never came there")
            began = time.monotonic()
            scene.deployment.start(
                _STOPPING, "engine", str(scene.deployment.directory), "--keep-ruleset"
            )
            await scene.deployment.ready()
            recoveries.append(await scene.watch.until_contained(WITHIN, since=began))
            await scene.watch.until_ended([each.action_id for each in asked], WITHIN)
        await scene.end(WITHIN)

    def expect(asked: Asked, _: Mapping[str, Any]) -> list[str]:
        if asked.trigger == "reminder":
            return [CAPPED]
        return [SENT if asked.channel == "webhook" else gaps[asked.customer_id].mail]

    reckoning = scene.reckon(expect, wrong)
    _count_acceptances(scene, reckoning, gaps)
    told = ", ".join(f"{name} {hit[name]}" for name in BY_NAME if hit[name])
    return reckoning.row("F16 engine killed in a send", hit.total(), recoveries, f"hit {told}")


async def _is_met(scene: Scene, gap: Gap, asked: Asked) -> bool:
    """Return whether the engine has ended in *gap*: by itself, or, where the far side holds it, by
    us."""
    installation = scene.deployment
    if gap.at == "far side":
        await scene.until(
            lambda: (
                asked.action_id in scene.receiver.reached or asked.customer_id in scene.mail.reached
            ),
            WITHIN,
        )
        installation.kill()
        return True
    try:
        await scene.until(lambda: installation.has_ended() is not None, WITHIN)
    except TimeoutError:
        installation.kill()
        return False
    stopped = not (installation.directory / NAME).exists()
    return stopped and installation.has_ended() == -signal.SIGKILL


def _count_acceptances(scene: Scene, reckoning: Reckoning, gaps: Mapping[str, Gap]) -> None:
    for asked in scene.story.asked.values():
        if asked.trigger == "reminder":
            continue
        gap, mail = gaps[asked.customer_id], asked.channel == "email"
        accepted = scene.mail.accepted if mail else scene.receiver.accepted
        required, found = gap.mails if mail else gap.hooks, accepted.count(asked.action_id)
        if required != found:
            reckoning.wrong.append(
                f"{gap.name}: {asked.trigger} was accepted {found} times, not {required}"
            )


async def killed_busy(stage: Stage, times: int) -> Row:
    """SIGKILL of an engine that has more to send than it can, under its supervisor."""
    crowds: list[list[str]] = []
    recoveries: list[float] = []
    async with open_scene(
        stage, think=lambda: stage.random.uniform(0, THINKING), call_timeout=CALL
    ) as scene:
        for _ in range(times):
            told = [scene.story.tell("plain", "letter") for _ in range(CROWD)]
            crowds.append([asked.action_id for _, actions in told for asked in actions])
            already = len(scene.mail.accepted)
            await scene.deployment.produce([event for events, _ in told for event in events])
            enough = already + stage.random.uniform(0, 0.6) * CROWD
            await scene.until(
                lambda enough=enough: (  # type: ignore[misc] # a default is no argument
                    scene.mail.under_way > 0 and len(scene.mail.accepted) >= enough
                )
            )
            while not scene.deployment.strike_engine():  # noqa: ASYNC110 - it may be starting
                await asyncio.sleep(0.02)
            recoveries.append(await scene.watch.until_contained(WITHIN))
            await scene.watch.until_ended(crowds[-1], WITHIN)
        await scene.end(WITHIN)
    reckoning = scene.reckon(lambda *_: [SENT, UNKNOWN])
    never = [reckoning.never_called(crowd) for crowd in crowds]
    reckoning.wrong += [
        f"{n} of one kill were never called, over {MOST}" for n in never if n > MOST
    ]
    if not reckoning.unknown:
        reckoning.wrong.append("no kill met a mail under way")
    return reckoning.row(
        "F16 busy engine killed",
        times,
        recoveries,
        f"never called at most {max(never)} of a kill, with {MOST} calls at a time",
    )
