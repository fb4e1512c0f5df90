"""One test for each private thing of Faust and aiokafka that `stream.kafka.faust` leans on.

Versions are pinned. When an upgrade makes one of these fail, the message says what to look at;
when all pass, the edge stands as it did.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Sequence
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import aiokafka
import faust
import pytest
import pytest_asyncio
from aiokafka.consumer import fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol import api
from faust.assignor.client_assignment import ClientAssignment, CopartitionedAssignment
from faust.assignor.copartitioned_assignor import CopartitionedAssignor
from faust.assignor.partition_assignor import PartitionAssignor
from faust.tables.manager import TableManager as FaustTableManager
from faust.tables.recovery import Recovery as FaustRecovery
from faust.transport import consumer as faust_consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from triggerstream.core.keyed.partition_record import PARTITION_KEY, PartitionRecord
from triggerstream.core.records.columns import Columns
from triggerstream.core.records.record import Produce
from triggerstream.ops.settings import Kafka, Settings
from triggerstream.stream.kafka.client import client_options
from triggerstream.stream.kafka.consumer import ROUND
from triggerstream.stream.kafka.faust.app import build_app
from triggerstream.stream.kafka.faust.edge import EdgeApp
from triggerstream.stream.kafka.faust.recovery import RecoveringApp, Recovery, TableManager
from triggerstream.stream.kafka.faust.transport import (
    BUSY_POLL_MS,
    SILENT_POLL_MS,
    Consumer,
    ConsumerThread,
    Producer,
    Transport,
)
from triggerstream.stream.kafka.log import KafkaLog
from triggerstream.stream.kafka.records import Fetched, Result
from triggerstream.stream.kafka.topic_admin import ensure_topics
from triggerstream.stream.kafka.topics import Topics, wanted_topics
from triggerstream.stream.ports import Input
from triggerstream.stream.rocksdb.stores import Stores

pytestmark = [pytest.mark.kafka, pytest.mark.asyncio(loop_scope="module")]

PARTITIONS = 3

# ── what is overridden must still be there, and be called in the same way ────────────────────


@pytest.mark.parametrize(
    ("ours", "base", "name", "look_at"),
    [
        (Consumer, driver.Consumer, "_new_consumer_thread", "how the consumer gets its thread"),
        (Consumer, driver.Consumer, "_drain_messages", "who fetches and hands records on"),
        (Consumer, driver.Consumer, "commit", "what Faust's commit timer calls"),
        (Consumer, driver.Consumer, "on_partitions_revoked", "where partitions are given away"),
        (
            Consumer,
            driver.Consumer,
            "verify_all_partitions_active",
            "the livelock detector, which is off",
        ),
        (
            ConsumerThread,
            driver.AIOKafkaConsumerThread,
            "_create_worker_consumer",
            "where aiokafka's consumer is made: its fetch wait was hard-coded",
        ),
        (ConsumerThread, driver.AIOKafkaConsumerThread, "on_start", "when the coordinator exists"),
        (Producer, driver.Producer, "on_start", "how to keep Faust's producer unconnected"),
        (Producer, driver.Producer, "flush", "what Faust flushes before it stops"),
        (Recovery, FaustRecovery, "_restart_recovery", "the task that runs after a rebalance"),
        (Recovery, FaustRecovery, "_slurp_changelogs", "the task that read changelogs one by one"),
        (Recovery, FaustRecovery, "_publish_stats", "the task that told of its progress"),
        (TableManager, FaustTableManager, "recovery", "where the recovery is made"),
        (TableManager, FaustTableManager, "on_start", "the second of waiting at the start"),
        (EdgeApp, faust.App, "_crash", "how a crash anywhere reaches the app"),
        (EdgeApp, faust.App, "_create_directories", "what Faust makes on disk"),
    ],
)
async def test_what_is_overridden_is_there(ours: type, base: type, name: str, look_at: str) -> None:
    assert name in vars(ours), f"{ours.__name__} overrides {name} no more: drop it from this list"
    assert hasattr(base, name), f"{base.__name__}.{name} is gone: look at {look_at}"
    before, after = getattr(base, name), getattr(ours, name)
    if inspect.isfunction(before) and inspect.isfunction(after):
        required = [
            each.name
            for each in inspect.signature(before).parameters.values()
            if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
        ]
        taken = inspect.signature(after).parameters
        takes_any = any(each.kind is each.VAR_POSITIONAL for each in taken.values())
        assert takes_any or len(taken) >= len(required), (
            f"{base.__name__}.{name} takes {required} now: look at {look_at}"
        )


async def test_the_versions_are_those_that_were_tried() -> None:
    pinned = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "aiokafka": "0.14.0"}

    assert {name: version(name) for name in pinned} == pinned, (
        "read the changes of what was upgraded against every test here, then raise the pin in "
        "pyproject.toml and here"
    )


async def test_a_crash_anywhere_is_the_process_s_fate(tmp_path: Path) -> None:
    app = build_app(
        "detect",
        settings=Settings(),
        topics=Topics(),
        stores=Stores(tmp_path, "detect"),
        main=("events", Noting),
    )
    error = RuntimeError("on purpose")

    await app.tables.crash(error)

    assert app.edge.shutdown.error is error, (
        "a service's crash must reach EdgeApp._crash: look at mode's Service.crash"
    )


async def test_the_recovery_has_no_further_tasks() -> None:
    tasks = {each.fun.__name__ for each in FaustRecovery._get_tasks(object.__new__(FaustRecovery))}

    assert tasks == {"_restart_recovery", "_slurp_changelogs", "_publish_stats"}, (
        "a task of Faust's recovery that is not replaced may touch the group's consumer: "
        "look at faust/tables/recovery.py"
    )


async def until(met: Callable[[], bool]) -> None:
    """Wait for what another thread or the broker brings about."""
    async with asyncio.timeout(30):
        while not met():  # noqa: ASYNC110 - there is nothing to be told by
            await asyncio.sleep(0.05)


async def test_faust_gives_standbys_and_promotes_them() -> None:
    look_at = "look at faust/assignor/copartitioned_assignor.py, and at docs/decisions/0006"
    partitions = set(range(8))

    def placed(**members: CopartitionedAssignment) -> dict[str, CopartitionedAssignment]:
        found = CopartitionedAssignor({"t"}, members, len(partitions), 1).get_assignment()
        return dict(found)

    alone = placed(a=CopartitionedAssignment())
    assert alone["a"].standbys == set(), "a worker alone has nobody to follow: " + look_at
    two = placed(a=alone["a"], b=CopartitionedAssignment())
    assert (two["a"].actives, two["a"].standbys) == (two["b"].standbys, two["b"].actives), (
        "of two workers each follows what the other owns: " + look_at
    )
    assert two["a"].actives | two["b"].actives == partitions
    kept = set(two["b"].actives)
    left = placed(b=two["b"])
    assert (left["b"].actives, left["b"].standbys) == (partitions, set()), look_at
    assert kept <= left["b"].actives


async def test_standbys_are_told_by_topic_and_only_their_changelog_is_assigned() -> None:
    assignment = ClientAssignment(
        actives={"events": [0], "changelog": [0]}, standbys={"events": [1], "changelog": [1]}
    )
    assignor = PartitionAssignor.__new__(PartitionAssignor)
    assignor._assignment = assignment

    class Tables:
        changelog_topics = frozenset({"changelog"})

    look_at = "who follows what is read from it: look at Recovery._stores"
    assert assignor.assigned_standbys() == {TP("events", 1), TP("changelog", 1)}, look_at
    assigned: Any = assignment.kafka_protocol_assignment(cast("Any", Tables()))
    assert sorted(assigned) == [("changelog", [0, 1]), ("events", [0])], (
        "a standby's input must not be read: look at faust/assignor/client_assignment.py"
    )


# ── an app on a real broker ──────────────────────────────────────────────────────────────────


class Noting:
    """A process that notes what it is called for."""

    def __init__(self, consumer: Input) -> None:
        self.input = consumer
        self.records: dict[int, list[Any]] = {}
        self.came_in: set[type] = set()
        self.calls: list[tuple[str, int]] = []
        self.passed: dict[int, int] = {}
        self.changed = asyncio.Condition()

    async def open(self, number: int) -> None:
        self.calls.append(("open", number))

    async def on_batch(self, number: int, records: Sequence[Any]) -> None:
        self.records.setdefault(number, []).extend(records)
        self.came_in.add(type(records))
        async with self.changed:
            self.changed.notify_all()

    def pass_over(self, number: int, offset: int) -> None:
        self.passed[number] = offset

    async def turn(self, number: int) -> float:
        return inf

    async def close(self, number: int) -> None:
        self.calls.append(("close", number))

    def leave(self) -> None:
        """No call waits."""

    def drop(self) -> None: ...


class Running:
    """A started app, and the log beside it."""

    def __init__(self, app: RecoveringApp, process: Noting, log: KafkaLog) -> None:
        self.app = app
        self.process = process
        self.log = log

    @property
    def consumer(self) -> Consumer:
        consumer: Any = self.app.consumer
        assert isinstance(consumer, Consumer)
        return consumer

    @property
    def aio(self) -> Any:
        return self.consumer.thread._consumer

    async def append(self, partition: int, count: int) -> None:
        await (
            await self.log.append(
                [Produce("events", partition, b"k", b"%d" % n) for n in range(count)]
            )
        )

    async def wait_for(self, partition: int, count: int) -> list[Any]:
        records = self.process.records
        async with asyncio.timeout(20), self.process.changed:
            await self.process.changed.wait_for(lambda: len(records.get(partition, ())) >= count)
        return records[partition]


@pytest_asyncio.fixture(loop_scope="module", scope="module", name="running")
async def _running(kafka: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    directory: Path = tmp_path_factory.mktemp("plug")
    topics = Topics(f"t{uuid4().hex[:8]}")
    settings = Settings(
        kafka=Kafka(
            bootstrap=kafka.bootstrap,
            topic_prefix=topics.prefix,
            partitions=PARTITIONS,
            session_timeout=6,
        ),
        data_dir=directory,
    )
    options = client_options(settings.kafka)
    await ensure_topics(options, wanted_topics(topics, PARTITIONS, header_clock=False))
    log = KafkaLog(options, topic_name=topics.name, changelog=topics.changelog("detect"))
    await log.start()
    made: list[Noting] = []

    def build(consumer: Input) -> Noting:
        made.append(Noting(consumer))
        return made[0]

    app = build_app(
        "detect",
        settings=settings,
        topics=topics,
        stores=Stores(directory, "detect"),
        main=("events", build),
    )
    await app.start()
    await until(lambda: app.edge.is_settled)
    yield Running(app, made[0], log)
    await app.stop()
    app.stores.close_others()
    await log.stop()


async def test_faust_names_the_changelog_as_we_do(running: Running) -> None:
    names = running.app.tables.changelog_topics

    assert names == {running.app.changelog}, (
        "changelogs are made by stream.topics under Faust's names: look at "
        "faust/tables/base.py, changelog_topic_name"
    )


async def test_the_changelog_is_assigned_with_the_input(running: Running) -> None:
    assigned = running.consumer.assignment()
    by_topic = {
        topic: {tp.partition for tp in assigned if tp.topic == topic}
        for topic in (running.app.main_topic, running.app.changelog)
    }

    assert by_topic[running.app.main_topic] == set(range(PARTITIONS))
    assert by_topic[running.app.changelog] == set(range(PARTITIONS)), (
        "Faust's assignor must be in use, and group topics of equal partition counts: look at "
        "faust/assignor/partition_assignor.py and ConsumerThread._create_worker_consumer"
    )


async def test_the_setting_of_standbys_reaches_the_assignor(running: Running) -> None:
    assert getattr(running.app.assignor, "replicas", None) == 1, (
        "table_standby_replicas must reach the assignor: look at faust/app/base.py, assignor"
    )
    assert running.app.assignor.assigned_standbys() == set()
    assert not running.app.standbys.partitions


async def test_changelogs_are_not_fetched_by_the_group_s_consumer(running: Running) -> None:
    paused = {tp for tp in running.aio.paused() if tp.topic == running.app.changelog}

    assert len(paused) == PARTITIONS, (
        "an unpaused changelog is prefetched and never taken: look at ConsumerThread.read_from"
    )


async def test_records_come_whole_in_order_and_light(running: Running) -> None:
    await running.append(0, 500)

    records = await running.wait_for(0, 500)

    assert [record.offset for record in records] == list(range(500))
    assert running.process.came_in == {Columns}, (
        "aiokafka's fetcher keeps its results elsewhere than in _records, or does not take them by "
        "FetchResult.getall: look at stream.kafka.records, and at Fetcher.fetched_records"
    )
    assert records[0].value == b"0"


async def test_marks_of_transactions_are_passed_over(running: Running) -> None:
    topic, number = running.app.main_topic, 1
    end = (await running.consumer.thread.bounds([TP(topic, number)])).popitem()[1][1]
    producer = aiokafka.AIOKafkaProducer(**running.log._options, transactional_id=topic)
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"taken back", partition=number)
        held = await running.consumer.thread.bounds([TP(topic, number)])
        await producer.abort_transaction()
    finally:
        await producer.stop()

    await until(lambda: running.process.passed.get(number) == end + 1)

    assert held[TP(topic, number)][1] == end + 1, (
        "where a log ends is asked with a copy of aiokafka's Fetcher: look at stream.kafka.consumer"
    )
    assert b"taken back" not in [each.value for each in running.process.records.get(number, ())], (
        "the list of aborted transactions: look at PartitionRecords, and at stream.kafka.unpacked"
    )


async def test_how_long_the_broker_may_hold_a_request_is_asked_for_each(running: Running) -> None:
    consumer = running.consumer
    fetcher_of = running.aio._fetcher
    assert fetcher_of._fetch_max_wait_ms in {BUSY_POLL_MS, SILENT_POLL_MS}
    actions = inspect.getsource(fetcher.Fetcher._get_actions_per_node)
    look_at = "in a silence the broker holds requests for longer: look at ConsumerThread.poll"
    assert "req = FetchRequest(\n                self._fetch_max_wait_ms," in actions, look_at

    await running.append(0, 1)
    await until(lambda: fetcher_of._fetch_max_wait_ms == SILENT_POLL_MS)
    consumer.thread.poll(in_silence=False)

    assert fetcher_of._fetch_max_wait_ms == BUSY_POLL_MS, look_at


async def test_the_fetcher_is_woken_by_what_concerns_it(running: Running) -> None:
    assert running.aio._fetcher._fetcher_timeout == ROUND
    look_at = "it looks by itself but seldom: look at stream.kafka.consumer.calm"
    assert "backoff = self._fetcher_timeout" in inspect.getsource(
        fetcher.Fetcher._get_actions_per_node
    ), look_at
    woken = "other_futs = [self._wait_consume_future, assignment.unassign_future]"
    routine = inspect.getsource(fetcher.Fetcher._fetch_requests_routine)
    assert woken in routine, look_at
    assert "set(chain(self._pending_tasks, other_futs, resume_futures))" in routine, look_at


async def test_the_bytes_of_a_fetch_are_at_hand() -> None:
    look_at = "Fetcher makes them by other names: look at stream.kafka.records"
    assert (fetcher.MemoryRecords, fetcher.FetchResult) == (Fetched, Result), look_at
    source = inspect.getsource(fetcher.Fetcher.fetched_records)
    assert "records = res_or_error.getall(max_records)" in source, look_at
    assert "records = MemoryRecords(part_data[-1])" in inspect.getsource(
        fetcher.Fetcher._proc_fetch_request
    ), "look at how what was fetched reaches PartitionRecords"


async def test_only_the_partitions_asked_for_are_fetched(running: Running) -> None:
    await running.append(0, 1)
    await running.append(1, 1)
    left_out, asked_for = (aiokafka.TopicPartition(running.app.main_topic, n) for n in (0, 1))
    options = running.log._options
    consumer = aiokafka.AIOKafkaConsumer(**options, auto_offset_reset="earliest")
    await consumer.start()
    try:
        consumer.assign([left_out, asked_for])
        async with asyncio.timeout(20):
            found: dict[Any, Any] = {}
            while not found:
                found = await consumer._fetcher.fetched_records({asked_for}, 0.25, 100)
            rest = await consumer._fetcher.fetched_records({left_out}, 5, 100)
    finally:
        await consumer.stop()

    look_at = "full partitions are left out: look at aiokafka's Fetcher.fetched_records"
    assert list(found) == [asked_for], look_at
    assert list(rest) == [left_out], look_at
    assert rest[left_out][0].offset == 0, look_at


async def test_what_is_done_is_committed_and_nothing_else(running: Running) -> None:
    await running.append(2, 20)
    await running.wait_for(2, 20)
    tp = aiokafka.TopicPartition(running.app.main_topic, 2)
    assert await running.consumer.commit() is False
    assert (await running.consumer.thread.committed([tp]))[tp] is None

    running.process.input.done(2, 11)
    await running.process.input.commit()

    assert (await running.consumer.thread.committed([tp]))[tp] == 12, (
        "offsets are committed by Consumer.commit alone: look at who else commits in "
        "faust/transport/consumer.py"
    )


async def test_the_log_s_end_is_heard(running: Running) -> None:
    await running.append(0, 1)
    end = (await running.consumer.thread.bounds([TP(running.app.main_topic, 0)])).popitem()[1][1]

    await until(lambda: running.process.input.end_offset(0) == end)


async def test_position_and_end_are_known_of_each_partition(running: Running) -> None:
    await running.append(0, 1)
    tp = TP(running.app.main_topic, 0)
    await until(lambda: running.consumer.thread.stands_at(tp)[0] > 0)

    position, stable, end = running.consumer.thread.stands_at(tp)

    assert 0 < position <= stable <= end, (
        "the watchdog sees progress by them: look at aiokafka's TopicPartitionState "
        "(position, lso, highwater, has_valid_position)"
    )


async def test_a_heartbeat_says_whether_it_was_answered(running: Running) -> None:
    answered = await running.consumer.thread._there(running.aio._coordinator._do_heartbeat())

    assert answered is True, "the lease is renewed by it: look at GroupCoordinator._do_heartbeat"
    assert "await self._on_join_complete(" in inspect.getsource(GroupCoordinator), (
        "the lease is renewed when the group has let us in: look at where joining ends"
    )
    assert "await self._do_heartbeat()" in inspect.getsource(GroupCoordinator._heartbeat_routine), (
        "the wrapped heartbeat is not what the routine calls: look at ConsumerThread.on_start"
    )


async def test_the_coordinator_tells_its_error_to_who_asks(running: Running) -> None:
    running.aio._coordinator.check_errors()

    source = inspect.getsource(GroupCoordinator._push_error_to_user)
    assert "_pending_exception = exc" in source, (
        "aiokafka parks after an error until check_errors is called: look at the watchdog's half "
        "in ConsumerThread._watch_the_group"
    )


async def test_a_member_that_the_group_knows_has_a_generation(running: Running) -> None:
    assert not running.consumer.thread.is_evicted
    assert running.app.consumer_generation_id == running.aio._coordinator.generation > 0

    source = inspect.getsource(GroupCoordinator.reset_generation)
    look_at = "an evicted member forgets without writing: look at ConsumerThread.is_evicted"
    assert "self.generation = OffsetCommitRequest.DEFAULT_GENERATION_ID" in source, look_at
    assert driver.DEFAULT_GENERATION_ID < 0, look_at


async def test_faust_s_producer_stays_unconnected(running: Running) -> None:
    assert isinstance(running.app.producer, Producer)
    assert running.app.producer._producer is None, (
        "something in Faust has started its producer: look at who calls maybe_start_producer"
    )


async def test_the_fetcher_service_drives_our_drain(running: Running) -> None:
    assert running.app._fetcher.started
    source = inspect.getsource(faust_consumer.Fetcher._fetcher.fun)

    assert "consumer._drain_messages(self)" in source, "look at who calls Consumer._drain_messages"


async def test_a_rebalance_closes_commits_and_opens_again(running: Running) -> None:
    running.process.calls.clear()
    running.process.input.done(2, 15)
    record = PartitionRecord(offset=15).encode()
    await running.log.append_changelog(2, [(PARTITION_KEY, record)])
    generation = running.app.consumer_generation_id

    running.consumer.thread.thread_loop.call_soon_threadsafe(
        running.aio._coordinator.request_rejoin
    )
    await until(lambda: running.app.consumer_generation_id != generation)
    await until(lambda: running.app.edge.is_settled)

    tp = aiokafka.TopicPartition(running.app.main_topic, 2)
    assert running.process.calls == [
        *(("close", number) for number in range(PARTITIONS)),
        *(("open", number) for number in range(PARTITIONS)),
    ], "look at Consumer.on_partitions_revoked, and at when aiokafka calls the listener"
    assert (await running.consumer.thread.committed([tp]))[tp] == 16, (
        "what is done must be committed before partitions are given away; the broker takes a "
        "commit while it prepares a rebalance: look at Consumer.give_up"
    )


# ── protocol ─────────────────────────────────────────────────────────────────────────────────


async def test_requests_can_be_spelled_out(kafka: Any) -> None:
    assert {"FLEXIBLE_VERSION", "API_VERSION", "RESPONSE_TYPE"} <= set(
        api.RequestStruct.__annotations__
    ), "topic ids are asked for with a request of our own: look at aiokafka/protocol/api.py"
    assert hasattr(aiokafka.admin.AIOKafkaAdminClient, "_send_request"), (
        "look at how stream.topic_ids sends its request"
    )


async def test_the_transport_is_the_apps(running: Running) -> None:
    assert isinstance(running.app.transport, Transport)
    assert isinstance(running.consumer.transport, Transport)
