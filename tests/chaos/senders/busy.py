"""F16: a sender is killed while it has more to send than it can.

What it had reserved and not begun ends as unknown, though no far side ever heard of it. So that has
to be little: at each kill no more than the channel has calls at a time, whether time passes or is
played, and however much is due.
"""

from __future__ import annotations

import time
from typing import Literal

from tests.chaos.kafka_stage import KafkaStage
from tests.chaos.rows import Row
from tests.chaos.senders.reckoning import SENT, UNKNOWN, Reckoning
from tests.chaos.senders.scene import Scene, open_scene
from tests.chaos.senders.supervisor import Supervisor
from triggerstream.stream.dispatch.room import Bounds

SENDER = "sender"
CROWD = 150
"""Customers who ask for a mail at once."""
THINKING = 0.4
"""Seconds that the mail server takes at most, so that a crowd takes some two of them."""
CALL = 5.0
WITHIN = 120.0
MOST = Bounds().per_channel
"""Mails of one kill that may be unknown though the mail server never heard of them."""

Clock = Literal["broker", "header"]
CLOCKS: tuple[Clock, ...] = ("broker", "header")


async def busy_senders_are_killed(stage: KafkaStage, injections: int) -> Row:
    lanes = [
        _Lane(stage, clock, len(range(n, injections, len(CLOCKS))))
        for n, clock in enumerate(CLOCKS)
    ]
    # One after the other: on a busy machine a kill would find little under way.
    reckonings = [await lane.run() for lane in lanes if lane.injections]
    first, *others = reckonings
    for other in others:
        first.add(other)
    return first.row(
        "F16 busy sender killed",
        injections,
        [recovery for lane in lanes for recovery in lane.recoveries],
        f"never called at most {max(max(lane.never_called) for lane in lanes if lane.injections)} "
        f"of a kill, with {MOST} calls at a time",
    )


class _Lane:
    """One installation, with the time told by *clock*, and its one sender."""

    def __init__(self, stage: KafkaStage, clock: Clock, injections: int) -> None:
        self._stage = stage
        self._clock = clock
        self.injections = injections
        self.recoveries: list[float] = []
        self.never_called: list[int] = []

    async def run(self) -> Reckoning:
        random = self._stage.random
        crowds: list[list[str]] = []
        async with open_scene(
            self._stage,
            self._clock,
            senders=(SENDER,),
            think=lambda: random.uniform(0, THINKING),
            call_timeout=CALL,
            clock=self._clock,
        ) as scene:
            supervisor = Supervisor(scene.deployment)
            for number in range(self.injections):
                crowds.append(await self._inject(scene, supervisor))
                self._stage.say(f"{self._clock}: {number + 1} of {self.injections}")
            await scene.end(WITHIN, supervisor.look)
        reckoning = scene.reckon(lambda *_: [SENT, UNKNOWN], supervisor.wrong)
        self.never_called = [reckoning.never_called(crowd) for crowd in crowds]
        for number in self.never_called:
            if number > MOST:
                reckoning.wrong.append(f"{number} of one kill were never called, over {MOST}")
        if not reckoning.unknown:
            reckoning.wrong.append("no kill met a mail under way")
        return reckoning

    async def _inject(self, scene: Scene, supervisor: Supervisor) -> list[str]:
        told = [scene.story.tell("plain", "letter") for _ in range(CROWD)]
        crowd = [asked.action_id for _, actions in told for asked in actions]
        already = len(scene.mail.accepted)
        await scene.deployment.produce([event for events, _ in told for event in events])
        share = self._stage.random.uniform(0, 0.6)
        await scene.until(
            lambda: scene.mail.under_way > 0 and len(scene.mail.accepted) - already >= share * CROWD
        )
        scene.deployment.kill(SENDER)
        killed = time.monotonic()
        scene.deployment.sender(SENDER)
        self.recoveries.append(await scene.watch.until_contained(WITHIN, supervisor.look, killed))
        await scene.watch.until_ended(crowd, WITHIN, supervisor.look)
        return crowd
