"""The topic of the published rulesets, read to its end and then followed; and publishing to it.

What its records mean, and which version follows which, is `core.rulesets.published`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from triggerstream.core.records.record import Produce
from triggerstream.core.rulesets.published import Head, Published, pack
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.errors import ConflictError, ProtocolError, TriggerstreamError
from triggerstream.ops.settings import Settings
from triggerstream.stream.kafka.client import client_options
from triggerstream.stream.kafka.consumer import open_consumer
from triggerstream.stream.kafka.log import KafkaLog
from triggerstream.stream.kafka.topics import Topics, ensure_topics, rulesets_topic

_log = logging.getLogger(__name__)

KEPT: Final = 32
"""Compiled rulesets kept in memory; partitions far apart in the log may need several."""
SILENCE_MS: Final = 5_000
"""Milliseconds for which the broker may hold a request for records that do not come."""
CAUGHT_UP_WITHIN: Final = 60.0
"""Seconds within which the topic must have been read to its end."""


class KafkaRulesets:
    """The `Rulesets` port: reads the topic to its end, then on in the background.

    Use as an asynchronous context manager.

    Args:
        on_failure: Told of an error that ends the reading; the process must stop by it.

    Attributes:
        on_newest: Called when another ruleset has become the newest.
    """

    def __init__(
        self,
        options: Mapping[str, Any],
        topics: Topics,
        *,
        on_failure: Callable[[BaseException], None],
        load: Callable[..., Ruleset] = load_ruleset,
    ) -> None:
        self._options = options
        self._tp = TopicPartition(topics.name("rulesets"), 0)
        self._on_failure = on_failure
        self._load = load
        self.on_newest: Callable[[], None] = lambda: None
        self._published = Published()
        self._compiled: dict[int, Ruleset] = {}
        self._changed = asyncio.Condition()
        self._newest: tuple[int, str] | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._tail: asyncio.Task[None] | None = None

    # ── the port ────────────────────────────────────────────────────────────────────────────

    def newest(self) -> tuple[int, str] | None:
        return self._newest

    def get(self, version: int) -> Ruleset | None:
        ruleset = self._compiled.pop(version, None)
        if ruleset is not None:
            self._compiled[version] = ruleset  # the youngest again: the oldest are forgotten
        return ruleset

    async def wait_for(self, version: int) -> Ruleset:
        async with self._changed:
            await self._changed.wait_for(lambda: version in self._published.heads)
        found = self.get(version)
        return await self._compile(version) if found is None else found

    # ── reading ─────────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        """Return when the topic has been read to its present end.

        Raises:
            ProtocolError: It cannot be read.
            TriggerstreamError: The newest ruleset cannot be loaded by this version of the code.
        """
        consumer = self._consumer = open_consumer(
            self._options, auto_offset_reset="earliest", fetch_max_wait_ms=SILENCE_MS
        )
        await consumer.start()
        try:
            consumer.assign([self._tp])
            async with asyncio.timeout(CAUGHT_UP_WITHIN):
                end = (await consumer.end_offsets([self._tp]))[self._tp]
                while await consumer.position(self._tp) < end:
                    await self._read(consumer)
            if self._published.newest:
                await self._put_in_force(self._published.newest)
        except (KafkaError, TimeoutError) as error:
            await consumer.stop()
            message = f"{self._tp.topic}: cannot be read to its end: {error!r}"
            raise ProtocolError(message) from error
        except BaseException:
            await consumer.stop()
            raise
        self._tail = asyncio.create_task(self._follow(consumer))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._tail is not None:
            self._tail.cancel()
            with suppress(asyncio.CancelledError):
                await self._tail
        if self._consumer is not None:
            await self._consumer.stop()

    async def _read(self, consumer: AIOKafkaConsumer) -> int | None:
        """Read on; return the newest version that came, if one did."""
        version: int | None = None
        for records in (await consumer.getmany(self._tp, timeout_ms=SILENCE_MS)).values():
            for record in records:
                version = self._published.take(record.key, record.value) or version
        async with self._changed:
            self._changed.notify_all()
        return version

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                try:
                    version = await self._read(consumer)
                except KafkaError as error:
                    # Rulesets in force stay in force; new ones come when the broker is back.
                    _log.warning("%s: cannot be read at the moment: %r", self._tp.topic, error)
                    await asyncio.sleep(1)
                    continue
                if version is not None:
                    await self._try_in_force(version)
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process
            self._on_failure(error)

    async def _try_in_force(self, version: int) -> None:
        try:
            await self._put_in_force(version)
        except TriggerstreamError:
            # Not marked by us. Where another process does, `wait_for` raises and stops us.
            _log.exception("ruleset %d cannot be loaded, and is left out", version)

    async def _put_in_force(self, version: int) -> None:
        await self._compile(version)
        self._newest = (version, self._published.heads[version].hash)
        self.on_newest()

    async def _compile(self, version: int) -> Ruleset:
        files = self._published.files(version)
        ruleset = await asyncio.to_thread(self._load, files, version=version)
        self._compiled[version] = ruleset
        for forgotten in list(self._compiled)[:-KEPT]:
            del self._compiled[forgotten]
        return ruleset

    def was_refused(self, head: Head) -> bool:
        """Return whether *head*, which has been appended, lost against another deployment."""
        return self._published.heads.get(head.version) != head

    async def read_until(self, offset: int) -> None:
        """Return when the topic has been read beyond *offset*."""
        consumer = self._consumer
        if consumer is None:
            message = "the rulesets are not being read"
            raise ProtocolError(message)
        try:
            async with asyncio.timeout(CAUGHT_UP_WITHIN), self._changed:
                while await consumer.position(self._tp) <= offset:
                    await self._changed.wait()
        except TimeoutError as error:
            message = f"{self._tp.topic}: offset {offset} was not read within {CAUGHT_UP_WITHIN} s"
            raise ProtocolError(message) from error


Review = Callable[[Ruleset | None], bool]
"""Takes the ruleset in force, if any is; returns whether another is to be published behind it."""


async def publish(
    settings: Settings,
    files: Mapping[str, str],
    from_version: int | None,
    review: Review | None = None,
) -> int:
    """Publish *files* as the version after *from_version*, and return its number.

    Args:
        files: Text by file name, checked by the caller.
        from_version: The version that it was made from; ``None``: whichever is newest.
        review: Asked before; where it says no, nothing is published, and the version in force is
            returned.

    Raises:
        ConflictError: Another version is newest, or has just become so.
        ProtocolError: It could not be appended.
    """
    options = client_options(settings.kafka)
    topics = Topics(settings.kafka.topic_prefix)
    # Of all topics this one alone is the same whatever the workers' settings say.
    wanted = (rulesets_topic(topics),)
    await ensure_topics(options, wanted, replication=settings.kafka.replication)
    log = KafkaLog(options, topic_name=topics.name)
    failures: list[BaseException] = []
    await log.start()
    try:
        async with KafkaRulesets(options, topics, on_failure=failures.append) as rulesets:
            base = base_of(rulesets, from_version)
            if review is not None and not review(rulesets.get(base)):
                return base
            return await publish_through(log.append, rulesets, files, base)
    finally:
        await log.stop()


async def publish_through(
    append: Callable[[list[Produce]], Awaitable[Awaitable[Any]]],
    rulesets: KafkaRulesets,
    files: Mapping[str, str],
    from_version: int | None,
) -> int:
    """Do what `publish` does, with a log and a reader that are there already."""
    base = base_of(rulesets, from_version)
    head, records = pack(files, base)
    written = await append([Produce("rulesets", 0, key, value) for key, value in records])
    answers = await written
    await rulesets.read_until(answers[-1].base_offset + answers[-1].count - 1)
    if rulesets.was_refused(head):
        message = f"version {head.version} was published by somebody else at the same time"
        raise ConflictError(message)
    return head.version


def base_of(rulesets: KafkaRulesets, from_version: int | None) -> int:
    """Return the version in force, 0 for none.

    Raises:
        ConflictError: It is not *from_version*, if that says one.
    """
    newest = rulesets.newest()
    base = newest[0] if newest is not None else 0
    if from_version is not None and from_version != base:
        message = (
            f"this ruleset was made from version {from_version}; in force is version {base}. "
            "Bring in what changed, and deploy again"
        )
        raise ConflictError(message)
    return base
