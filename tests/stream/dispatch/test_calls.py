"""`Calls`: one answer for every attempt, whatever the channel and the process do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from tests.core.sending.harness import NOON, firing, ruleset_of
from triggerstream.channels.base import Answer, Channel, Content, Message
from triggerstream.channels.templates import TemplateError
from triggerstream.channels.templates.processes import RenderingUnavailableError
from triggerstream.channels.templates.render import Job
from triggerstream.core.model import Policy, RulesetSource
from triggerstream.core.reasons import FailReason
from triggerstream.core.records.record import KIND, Kind, Produce
from triggerstream.core.rulesets.ruleset import Ruleset, build_ruleset
from triggerstream.core.sending.deliveries import Attempt
from triggerstream.errors import ProtocolError
from triggerstream.stream.dispatch.calls import GRACE, Calls
from triggerstream.stream.dispatch.room import Bounds
from triggerstream.stream.ports import Acknowledged


class FakeLog:
    """Keeps what was appended; acknowledges it unless it is broken."""

    def __init__(self) -> None:
        self.appended: list[Produce] = []
        self.broken = False

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        self.appended.extend(records)
        return self._acknowledge()

    async def _acknowledge(self) -> Sequence[Acknowledged]:
        if self.broken:
            raise ProtocolError("the broker has gone")
        return ()

    async def append_changelog(self, partition: int, entries: Any) -> Any:
        raise AssertionError("calls know no changelog: their answers are records of the input")

    async def read_changelog(self, partition: int, start: int, end: int) -> Any:
        raise AssertionError("calls know no changelog: their answers are records of the input")

    @property
    def answers(self) -> list[tuple[int | None, str, int, str, str | None]]:
        """(partition, action, attempt, outcome, reason) of every answer."""
        told = [(r.partition, orjson.loads(r.value or b"")) for r in self.appended]
        return [
            (number, t["action_id"], t["attempt"], t["outcome"], t.get("reason"))
            for number, t in told
        ]

    @property
    def details(self) -> list[str]:
        """What each answer says for people."""
        return [orjson.loads(r.value or b"").get("detail", "") for r in self.appended]


class FakeRulesets:
    """Version 1 has one template; no other version is here."""

    def __init__(self) -> None:
        templates = {"t": {"subject": "s", "text": "for {{ customer.id }}"}}
        cart, other = ruleset_of().source.triggers
        triggers = (replace(cart, name="The cart"), other)
        policy = Policy(timezone="Asia/Tokyo")
        source = RulesetSource(triggers=triggers, policy=policy, templates=templates)
        self.ruleset = build_ruleset(source, version=1)

    def newest(self) -> tuple[int, str] | None:
        return 1, ""

    def get(self, version: int) -> Ruleset | None:
        return self.ruleset if version == 1 else None

    async def wait_for(self, version: int) -> Ruleset:
        raise AssertionError("a call waits for no ruleset: it is not made, and decided again")


class FakeChannel:
    """Answers when it is told to; until then, its calls are under way."""

    def __init__(self) -> None:
        self.calls: list[Message] = []
        self._answers: dict[str, asyncio.Future[Answer]] = {}

    async def send(self, message: Message) -> Answer:
        self.calls.append(message)
        return await self._answer(message.action_id)

    async def close(self) -> None:
        """Nothing is held."""

    def answers(self, action: str, answer: Answer | Exception) -> None:
        if isinstance(answer, Exception):
            self._answer(action).set_exception(answer)
        else:
            self._answer(action).set_result(answer)

    def _answer(self, action: str) -> asyncio.Future[Answer]:
        return self._answers.setdefault(action, asyncio.get_running_loop().create_future())


class World:
    """Calls among fakes; time stands still until `passes`."""

    def __init__(self, **bounds: Any) -> None:
        self.log = FakeLog()
        self.email, self.webhook = FakeChannel(), FakeChannel()
        self.crashes: list[BaseException] = []
        self.observed: list[tuple[str, str, str, float]] = []
        self.now = NOON / 1000
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        channels: dict[str, Channel] = {"email": self.email, "webhook": self.webhook}
        self.calls = Calls(
            channels,
            log=self.log,
            rulesets=FakeRulesets(),
            crash=self.crashes.append,
            now=lambda: self.now,
            sleep=self._sleep,
            observe=lambda *told: self.observed.append(told),
            bounds=Bounds(**bounds),
        )

    async def _sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self.now + seconds, woken))
        await woken

    async def settles(self) -> None:
        for _ in range(20):
            await asyncio.sleep(0)

    async def passes(self, seconds: float) -> None:
        """Let the time pass, and everything happen that waits for it."""
        await self.settles()
        self.now += seconds
        for due, woken in self._sleepers:
            if due <= self.now and not woken.done():
                woken.set_result(None)
        await self.settles()


def attempt(action: str = "f-0", channel: str = "email", **fields: Any) -> Attempt:
    settings: dict[str, Any] = {
        "action_id": action,
        "attempt": 1,
        "customer_id": "c1",
        "at": NOON,
        "trigger": "cart",
        "channel": channel,
        "template": "t",
        "options": {},
        "ruleset": 1,
        "firing": firing("f", (action, channel)),
        "deadline": 10.0,
    }
    return Attempt(**{**settings, **fields})


SENT = Answer("sent", provider_id="p1")

Worlds = Callable[..., World]


@pytest.fixture(name="worlds")
async def _worlds() -> AsyncIterator[Worlds]:
    """Make worlds, and end what is under way in them."""
    made: list[World] = []

    def make(**bounds: Any) -> World:
        made.append(World(**bounds))
        return made[-1]

    yield make
    for world in made:
        await world.calls.drain(0.0)


# ── one call ────────────────────────────────────────────────────────────────────────────────


async def test_a_call_is_rendered_and_its_answer_becomes_a_record(worlds: Worlds) -> None:
    world = worlds()

    world.calls.start(3, attempt())
    await world.settles()
    world.email.answers("f-0", SENT)
    await world.settles()

    (call,) = world.email.calls
    assert call.content is not None
    assert call.content.text == "for c1"
    (record,) = world.log.appended
    assert (record.topic, record.partition, record.key) == ("actions", 3, b"c1")
    assert record.headers == ((KIND, Kind.RESULT),)
    assert orjson.loads(record.value or b"") == {
        "action_id": "f-0",
        "customer_id": "c1",
        "attempt": 1,
        "outcome": "sent",
        "provider_id": "p1",
    }


async def test_an_action_without_a_template_is_called_without_content(worlds: Worlds) -> None:
    world = worlds()

    world.calls.start(0, attempt(channel="webhook", template=None))
    await world.settles()

    assert world.webhook.calls[0].content is None


async def test_a_template_that_cannot_be_rendered_fails(worlds: Worlds) -> None:
    world = worlds()

    world.calls.start(0, attempt(template="gone"))
    await world.settles()

    assert world.log.answers == [(0, "f-0", 1, "failed", "template")]
    assert world.email.calls == []


class FakeRenderer:
    """Notes its jobs; gives what it is told to."""

    def __init__(self, gives: Content | Exception) -> None:
        self.jobs: list[Job] = []
        self._gives = gives

    async def render(self, job: Job) -> Content:
        self.jobs.append(job)
        if isinstance(self._gives, Exception):
            raise self._gives
        return self._gives

    async def close(self) -> None:
        """Nothing is held."""


async def test_what_is_rendered_is_told_by_name_and_in_the_zone_of_the_policy(
    worlds: Worlds,
) -> None:
    world = worlds()
    renderer = world.calls._renderer = FakeRenderer(Content("s", "x"))

    world.calls.start(0, attempt())
    await world.settles()

    (job,) = renderer.jobs
    assert (job.template, job.action_id) == ("t", "f-0")
    assert (job.trigger_name, job.zone) == ("The cart", "Asia/Tokyo")
    assert job.parts == {"subject": "s", "text": "for {{ customer.id }}"}
    assert world.email.calls[0].content == Content("s", "x")


async def test_a_template_that_runs_away_fails_its_action_and_says_where(worlds: Worlds) -> None:
    world = worlds()
    error = TemplateError("rendering is limited to 2 s of processor time", "t", "text", 3)
    world.calls._renderer = FakeRenderer(error)

    world.calls.start(0, attempt())
    await world.settles()

    assert world.log.answers == [(0, "f-0", 1, "failed", "template")]
    assert world.log.details == ["template t/text: line 3: " + error.problem]
    assert world.crashes == []


async def test_where_nothing_can_be_rendered_now_it_is_decided_again_later(
    worlds: Worlds,
) -> None:
    world = worlds()
    world.calls._renderer = FakeRenderer(RenderingUnavailableError("no process to render in"))

    world.calls.start(0, attempt())
    await world.settles()

    assert world.log.answers == [(0, "f-0", 1, "retry", "not_called")]
    assert world.email.calls == []


async def test_a_channel_that_is_not_set_up_fails(worlds: Worlds) -> None:
    world = worlds()

    world.calls.start(0, attempt(channel="sms"))
    await world.settles()

    assert world.log.answers == [(0, "f-0", 1, "failed", "no_provider")]


async def test_without_the_content_of_its_ruleset_it_is_not_called(worlds: Worlds) -> None:
    world = worlds()

    world.calls.start(0, attempt(ruleset=2))
    await world.settles()

    assert world.log.answers == [(0, "f-0", 1, "retry", "not_called")]


async def test_no_answer_by_the_deadline_is_unknown(worlds: Worlds) -> None:
    world = worlds()

    world.calls.start(0, attempt())
    await world.passes(10.0 + GRACE - 0.001)
    before = list(world.log.answers)
    await world.passes(0.001)

    assert before == []
    assert world.log.answers == [(0, "f-0", 1, "unknown", "ambiguous")]


async def test_calls_are_observed(worlds: Worlds) -> None:
    world = worlds()

    world.calls.start(0, attempt())
    await world.passes(2.0)
    world.email.answers("f-0", Answer("retry", FailReason.UNAVAILABLE))
    await world.settles()

    assert world.observed == [("email", "retry", "unavailable", 2.0)]


async def test_an_answer_that_cannot_be_appended_stops_the_process(worlds: Worlds) -> None:
    world = worlds()
    world.log.broken = True

    world.calls.start(0, attempt())
    await world.settles()
    world.email.answers("f-0", SENT)
    await world.settles()

    (error,) = world.crashes
    assert isinstance(error, ProtocolError)


async def test_a_channel_that_raises_stops_the_process_and_leaves_an_orphan(worlds: Worlds) -> None:
    world = worlds()

    world.calls.start(0, attempt())
    await world.settles()
    world.email.answers("f-0", KeyError("a defect"))
    await world.settles()

    assert [type(error) for error in world.crashes] == [KeyError]
    assert world.log.answers == []


# ── many calls ──────────────────────────────────────────────────────────────────────────────


async def test_a_slow_channel_leaves_room_for_the_others(worlds: Worlds) -> None:
    world = worlds(per_channel=2)

    for number in range(3):
        world.calls.start(0, attempt(f"mail-{number}"))
    world.calls.start(0, attempt("hook", "webhook"))
    await world.settles()

    assert [call.action_id for call in world.email.calls] == ["mail-0", "mail-1"]
    assert [call.action_id for call in world.webhook.calls] == ["hook"]


async def test_what_waits_is_called_in_order_as_soon_as_there_is_room(worlds: Worlds) -> None:
    world = worlds(per_channel=1)
    for number in range(3):
        world.calls.start(0, attempt(f"mail-{number}"))
    await world.settles()

    world.email.answers("mail-0", SENT)
    await world.settles()

    assert [call.action_id for call in world.email.calls] == ["mail-0", "mail-1"]


async def test_all_channels_together_are_bounded(worlds: Worlds) -> None:
    world = worlds(total=1)

    world.calls.start(0, attempt("mail"))
    world.calls.start(0, attempt("hook", "webhook"))
    await world.settles()
    before = len(world.webhook.calls)
    world.email.answers("mail", SENT)
    await world.settles()

    assert (before, len(world.webhook.calls)) == (0, 1)


async def test_what_finds_the_queue_full_is_not_called(worlds: Worlds) -> None:
    world = worlds(per_channel=1, waiting=1, pause=15.0)

    for number in range(3):
        world.calls.start(0, attempt(f"mail-{number}"))
    await world.settles()

    assert world.log.answers == [(0, "mail-2", 1, "retry", "not_called")]
    assert 0 < orjson.loads(world.log.appended[0].value or b"")["retry_after"] < 15.0


async def test_what_would_wait_for_longer_than_it_may_is_not_called(worlds: Worlds) -> None:
    world = worlds(per_channel=1, patience=0.0)

    for number in range(3):
        world.calls.start(0, attempt(f"mail-{number}"))
    await world.settles()

    assert world.log.answers == [(0, "mail-2", 1, "retry", "not_called")]


@pytest.mark.parametrize(("waited", "called"), [(5.0, True), (5.001, False)])
async def test_what_has_waited_too_long_is_not_called(
    waited: float, called: bool, worlds: Worlds
) -> None:
    world = worlds(per_channel=1, patience=5.0)
    for number in range(2):
        world.calls.start(0, attempt(f"mail-{number}"))

    await world.passes(waited)
    world.email.answers("mail-0", SENT)
    await world.settles()

    assert (len(world.email.calls) == 2) == called
    assert ((0, "mail-1", 1, "retry", "not_called") in world.log.answers) != called


@pytest.mark.parametrize(("age", "called"), [(60.0, True), (60.001, False)])
async def test_an_old_decision_is_made_again_before_it_is_acted_on(
    age: float, called: bool, worlds: Worlds
) -> None:
    world = worlds(stale=60.0)
    world.now += age

    world.calls.start(0, attempt())
    await world.settles()

    assert bool(world.email.calls) == called
    assert called or world.log.answers == [(0, "f-0", 1, "retry", "not_called")]


async def test_where_time_is_data_no_decision_is_old(worlds: Worlds) -> None:
    world = worlds(stale=None)
    world.now += 1e9

    world.calls.start(0, attempt())
    await world.settles()

    assert len(world.email.calls) == 1


# ── room for more ───────────────────────────────────────────────────────────────────────────


def reserve(world: World, *attempts: Attempt, partition: int = 0) -> None:
    """Let *attempts* be decided, and become durable."""
    world.calls.expect(partition, attempts)
    for each in attempts:
        world.calls.start(partition, each)


async def test_there_is_room_again_when_an_answer_is_in_the_log(worlds: Worlds) -> None:
    world = worlds(per_channel=2, hold=None)
    for _ in range(200):
        world.calls._paces["email"].ended(60.0)
    room = [world.calls.room(0)]
    reserve(world, attempt("mail-0"), attempt("mail-1"))
    room.append(world.calls.room(0))
    reserve(world, attempt("mail-2"))
    await world.settles()
    room.append(world.calls.room(0))

    world.email.answers("mail-0", SENT)
    await world.settles()

    assert [*room, world.calls.room(0)] == [2, 1, 0, 1]
    assert [call.action_id for call in world.email.calls] == ["mail-0", "mail-1", "mail-2"]


async def test_what_is_not_called_takes_room_until_that_is_in_the_log(worlds: Worlds) -> None:
    world = worlds(per_channel=1, unplaced=1)

    reserve(world, attempt(channel="sms"))
    before = world.calls.room(0)
    await world.settles()

    assert (before, world.calls.room(0)) == (0, 1)
    assert world.log.answers == [(0, "f-0", 1, "failed", "no_provider")]


async def test_a_congested_channel_turns_away_what_cannot_begin_soon(worlds: Worlds) -> None:
    world = worlds(per_channel=1, hold=5.0, pause=15.0)
    for _ in range(200):
        world.calls._paces["email"].ended(4.0)
    reserve(world, attempt("mail-0"), attempt("mail-1"))
    assert world.calls.room(0) == 0
    world.now += 5.0
    assert world.calls.room(0) > 0

    reserve(world, attempt("mail-2"), attempt("hook", "webhook"))
    await world.settles()

    assert world.log.answers == [(0, "mail-2", 1, "retry", "not_called")]
    assert [call.action_id for call in world.webhook.calls] == ["hook"]


async def test_a_partition_given_away_leaves_its_room_to_the_others(worlds: Worlds) -> None:
    world = worlds(per_channel=2, hold=None)
    world.calls.expect(0, [attempt("mail-0"), attempt("mail-1")])
    assert world.calls.room(1) == 0

    world.calls.release(0)

    assert world.calls.room(1) == 2


# ── partitions and processes come and go ────────────────────────────────────────────────────


async def test_an_orphan_is_unknown_when_its_former_owner_must_be_done(worlds: Worlds) -> None:
    world = worlds(patience=5.0)

    world.calls.orphan(2, attempt(attempt=3))
    await world.passes(5.0 + 10.0 + GRACE - 0.001)
    before = list(world.log.answers)
    await world.passes(0.001)

    assert before == []
    assert world.log.answers == [(2, "f-0", 3, "unknown", "ambiguous")]


async def test_a_partition_given_away_begins_no_more_calls(worlds: Worlds) -> None:
    world = worlds(per_channel=1)
    world.calls.start(0, attempt("under-way"))
    world.calls.start(0, attempt("waiting"))
    world.calls.start(1, attempt("another"))
    world.calls.orphan(0, attempt("orphan"))
    await world.settles()

    world.calls.release(0)
    world.email.answers("under-way", SENT)
    await world.passes(4.0)
    world.email.answers("another", SENT)
    await world.passes(100.0)

    assert sorted(world.log.answers) == [
        (0, "under-way", 1, "sent", None),
        (0, "waiting", 1, "retry", "not_called"),
        (1, "another", 1, "sent", None),
    ]


async def test_draining_waits_for_calls_under_way_and_begins_no_more(worlds: Worlds) -> None:
    world = worlds(per_channel=1)
    world.calls.start(0, attempt("under-way"))
    world.calls.start(0, attempt("waiting"))
    await world.settles()

    drained = asyncio.ensure_future(world.calls.drain(30.0))
    await world.settles()
    world.calls.start(0, attempt("too-late"))
    world.email.answers("under-way", SENT)
    await drained
    await world.settles()

    assert sorted(world.log.answers) == [
        (0, "too-late", 1, "retry", "not_called"),
        (0, "under-way", 1, "sent", None),
        (0, "waiting", 1, "retry", "not_called"),
    ]
    assert len(world.email.calls) == 1


async def test_draining_abandons_what_has_no_answer_in_time(worlds: Worlds) -> None:
    world = worlds()
    world.calls.start(0, attempt())
    await world.settles()

    await world.calls.drain(0.0)

    assert world.log.answers == []
    assert world.crashes == []


async def test_only_attempts_are_attempts(worlds: Worlds) -> None:
    world = worlds()

    assert world.calls.is_one(attempt())
    assert not world.calls.is_one("attempt")
