"""F16: a sender is killed between each two steps of a send.

Nothing in the product helps with it. A gate between the sender and its broker stops the sender at
a request, or at the answer to one; a far side stops it in the middle of a call. When the sender
stands there, and there only, it gets SIGKILL. The gaps, in the order of a send:

``decided``     the firing was read and decided; the append of the reservation is stopped
``half-stored`` the customer's state is in the changelog; the partition record that covers it is not
``reserved``    all of the checkpoint is in the changelog; the sender does not know, and cannot call
``calling``     the far side is being talked to, and has accepted nothing
``accepted``    the far side has accepted; the append of its answer is stopped
``answered``    the answer is in the log; the append of the state that contains it is stopped
``stored``      that checkpoint is in the changelog; the commit of the offset is stopped

An injection counts only if the sender was seen in the gap, and for the first four gaps, also if
the far side's books and the changelog's end agree with that.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from tests.chaos.kafka_stage import KafkaStage
from tests.chaos.rows import Row
from tests.chaos.senders.gate import OFFSET_COMMIT, Gate, Request, Step, open_gate
from tests.chaos.senders.reckoning import CAPPED, SENT, UNKNOWN, Reckoning
from tests.chaos.senders.scene import Scene, open_scene
from tests.chaos.senders.story import Asked
from tests.chaos.senders.supervisor import Supervisor, told
from tests.e2e.deployment import Deployment
from triggerstream.stream.dispatch.room import Bounds

SENDER = "sender"
LANES = 2
"""Installations side by side: a kill is mostly waiting for the group to notice it."""
WITHIN = 120.0
_ACTIONS = (("letter", "reminder"), ("order",))
"""What a customer does: asks for a mail and a rival under its cap, or for a webhook."""


class Gap(NamedTuple):
    """One gap, and what must come of an action that a kill caught there.

    Attributes:
        at: Where the sender is stopped: at a request, its answer, or by the far side.
        mail: How a mail ends; it is never sent again.
        mails: How often it is accepted.
        hooks: How often a webhook is accepted; it always ends as sent.
    """

    name: str
    at: Literal["request", "answer", "far side"]
    mail: str
    mails: int
    hooks: int


GAPS = (
    Gap("calling", "far side", UNKNOWN, 0, 1),
    Gap("accepted", "request", UNKNOWN, 1, 2),
    Gap("decided", "request", SENT, 1, 1),
    Gap("reserved", "answer", UNKNOWN, 0, 1),
    Gap("answered", "request", SENT, 1, 1),
    Gap("half-stored", "request", UNKNOWN, 0, 1),
    Gap("stored", "request", SENT, 1, 1),
)
BY_NAME = {gap.name: gap for gap in GAPS}


async def senders_are_killed(stage: KafkaStage, injections: int) -> Row:
    # Every gap before any gap again, and by the other channel then.
    plan = [
        (GAPS[n % len(GAPS)], _ACTIONS[(n + n // len(GAPS)) % len(_ACTIONS)])
        for n in range(injections)
    ]
    stage.random.shuffle(plan)
    lanes = [
        Lane(stage, f"lane-{n}", [each for at, each in enumerate(plan) if at % LANES == n])
        for n in range(min(LANES, injections))
    ]
    reckonings = await asyncio.gather(*(lane.run() for lane in lanes))
    hit: Counter[str] = sum((lane.hit for lane in lanes), Counter())
    return _together(
        reckonings,
        hit.total(),
        [recovery for lane in lanes for recovery in lane.recoveries],
        f"hit {', '.join(f'{name} {hit[name]}' for name in BY_NAME if hit[name])}",
        f"missed {injections - hit.total()}" if hit.total() < injections else "",
        told(sum((lane.ended for lane in lanes), Counter())),
    )


class Lane:
    """One installation, whose one sender is killed again and again.

    Attributes:
        hit: By gap: how many kills certainly met it.
    """

    def __init__(
        self, stage: KafkaStage, name: str, plan: Sequence[tuple[Gap, tuple[str, ...]]]
    ) -> None:
        self._stage = stage
        self._name = name
        self._plan = plan
        self.hit: Counter[str] = Counter()
        self.recoveries: list[float] = []
        self.ended: Counter[int] = Counter()
        self._gaps: dict[str, Gap] = {}
        # Whose sender also ended by itself, as on a machine too busy for its lease.
        self._disturbed: set[str] = set()
        self._wrong: list[str] = []

    async def run(self) -> Reckoning:
        async with (
            open_gate(self._stage.bootstrap) as gate,
            open_scene(self._stage, self._name, senders=(SENDER,), gate=gate.bootstrap) as scene,
        ):
            supervisor = Supervisor(scene.deployment)
            customers = await self._introduce(scene)
            for number, (gap, types) in enumerate(self._plan):
                await self._inject(scene, supervisor, gate, customers[number], gap, types)
                if number % 3 == 1:
                    self._stage.say(f"{self._name}: {number + 1} of {len(self._plan)}")
            await scene.end(WITHIN, supervisor.look)
            reckoning = scene.reckon(self._expect)
        reckoning.wrong += self._wrong + supervisor.wrong
        self.ended = supervisor.ended
        for action_id in scene.story.asked:
            self._count_acceptances(scene, reckoning, action_id)
        return reckoning

    async def _introduce(self, scene: Scene) -> list[str]:
        """Let every customer of the plan be known, so that a later checkpoint with their state is
        that of a reservation."""
        customers, everything = [], []
        for gap, _ in self._plan:
            customer, events = scene.story.meet("hold" if gap.at == "far side" else gap.name)
            self._gaps[customer] = gap
            customers.append(customer)
            everything += events
        await scene.deployment.produce(everything)
        await scene.deployment.wait_until_done("detect", "events", WITHIN)
        await scene.watch.until_contained(WITHIN)
        return customers

    async def _inject(
        self,
        scene: Scene,
        supervisor: Supervisor,
        gate: Gate,
        customer: str,
        gap: Gap,
        types: tuple[str, ...],
    ) -> None:
        events, asked = scene.story.go_on(customer, *types)
        if gap.at != "far side":
            gate.arm(_steps(gap, customer, scene.deployment), gap.at)
        before, ended = await scene.watch.changelog_ends(), supervisor.ended.total()
        await scene.deployment.produce(events)
        try:
            async with asyncio.timeout(WITHIN):
                while not self._is_there(scene, gate, gap, asked[0]):
                    supervisor.look()
                    await asyncio.sleep(0.005)
        except TimeoutError:
            self._wrong.append(f"{gap.name}: the sender never came there")
            gate.cut()
            return
        scene.deployment.kill(SENDER)
        killed = time.monotonic()
        gate.cut()
        if await self._is_certain(scene, gap, asked[0], before):
            self.hit[gap.name] += 1
        if self._stage.random.random() < 0.3:
            shutil.rmtree(scene.deployment.disk(SENDER))
        scene.deployment.sender(SENDER)
        self.recoveries.append(await scene.watch.until_contained(WITHIN, supervisor.look, killed))
        await scene.watch.until_ended([each.action_id for each in asked], WITHIN, supervisor.look)
        # The last answer's checkpoint belongs to this injection, not to the next.
        await scene.watch.until_contained(WITHIN, supervisor.look)
        if supervisor.ended.total() > ended:
            self._disturbed.add(customer)

    def _is_there(self, scene: Scene, gate: Gate, gap: Gap, asked: Asked) -> bool:
        """Return whether the sender stands in the gap."""
        if gap.at != "far side":
            return gate.reached.is_set()
        return asked.action_id in scene.receiver.reached or asked.customer_id in scene.mail.reached

    async def _is_certain(self, scene: Scene, gap: Gap, asked: Asked, before: int) -> bool:
        """Return whether what can be seen from outside is as it must be for a sender that died in
        *gap*."""
        accepted = (scene.mail.accepted + scene.receiver.accepted).count(asked.action_id)
        written = await scene.watch.changelog_ends() - before
        if gap.name == "decided":
            return accepted == 0 and written == 0
        if gap.name == "half-stored":
            return accepted == 0 and written == 1
        if gap.name in ("reserved", "calling"):
            return accepted == 0 and written == 2
        least = {"accepted": 2, "answered": 2, "stored": 4}[gap.name]
        # Two more where the rival of a mail came in a batch of its own.
        return accepted == 1 and written in (least, least + 2)

    def _expect(self, asked: Asked, _: Mapping[str, Any]) -> list[str]:
        if asked.trigger == "reminder":
            return [CAPPED]
        if asked.channel == "webhook":
            return [SENT]
        if asked.customer_id in self._disturbed:
            return [SENT, UNKNOWN]
        return [self._gaps[asked.customer_id].mail]

    def _count_acceptances(self, scene: Scene, reckoning: Reckoning, action_id: str) -> None:
        asked = scene.story.asked[action_id]
        gap = self._gaps[asked.customer_id]
        if asked.trigger == "reminder" or asked.customer_id in self._disturbed:
            return
        mail = asked.channel == "email"
        accepted = scene.mail.accepted if mail else scene.receiver.accepted
        required, found = gap.mails if mail else gap.hooks, accepted.count(action_id)
        if required != found:
            reckoning.wrong.append(
                f"{gap.name}: {asked.trigger} was accepted {found} times, not {required}"
            )


def _steps(gap: Gap, customer: str, deployment: Deployment) -> list[Step]:
    """Return the requests that lead a sender to *gap* with an action of *customer*."""
    changelog = f"{deployment.prefix}.send-states-changelog"
    place: list[int] = []

    def to(topic: str) -> Step:
        """A request that says something of the customer to *topic*."""

        def met(request: Request) -> bool:
            for append in request.appends:
                if append.topic == topic and customer.encode() in append.records:
                    place[:] = [append.partition]
                    return True
            return False

        return met

    def partition_record(request: Request) -> bool:
        return any(
            append.topic == changelog and [append.partition] == place for append in request.appends
        )

    def commit(request: Request) -> bool:
        return request.api == OFFSET_COMMIT

    state, answer = to(changelog), to(deployment.topic("actions"))
    return {
        "decided": [state],
        "half-stored": [state, partition_record],
        "reserved": [state, partition_record],
        "accepted": [state, partition_record, answer],
        "answered": [state, partition_record, answer, state],
        "stored": [state, partition_record, answer, state, partition_record, commit],
    }[gap.name]


def _together(
    reckonings: Sequence[Reckoning], injected: int, recoveries: list[float], *notes: str
) -> Row:
    first, *others = reckonings
    for other in others:
        first.add(other)
    never_called = first.unknown - first.called
    if never_called > (most := Bounds().per_channel * injected):
        first.wrong.append(f"{never_called} were never called, over {most}")
    return first.row("F16 sender killed in a send", injected, recoveries, *notes)
