"""An installation on Kafka, with as many workers and senders as there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from typing import Any, Final, NamedTuple

from triggerstream.core.records.record import Produce
from triggerstream.errors import UnreachableError
from triggerstream.installation.port import Detection, Entrance, Remembered
from triggerstream.ops.health_client import ask, customer_path
from triggerstream.ops.settings import Settings
from triggerstream.stream.following import Follower
from triggerstream.stream.kafka.client import client_options
from triggerstream.stream.kafka.follow import KafkaFollower
from triggerstream.stream.kafka.group import Group
from triggerstream.stream.kafka.log import KafkaLog
from triggerstream.stream.kafka.owners import find_owner
from triggerstream.stream.kafka.reach import reach, reaching
from triggerstream.stream.kafka.topic_admin import ensure_topics
from triggerstream.stream.kafka.topics import Topics, rulesets_topic
from triggerstream.stream.ports import Acknowledged


class _Process(NamedTuple):
    """A process's name in its group, the command that starts it, and whose partitions it owns."""

    name: str
    command: str
    topic: str


_PROCESSES: Final = (_Process("detect", "worker", "events"), _Process("send", "sender", "actions"))


class KafkaInstallation:
    """The `Installation` on the Kafka that *settings* name.

    Args:
        otherwise: What else there is to be done where no broker answers at the default address;
            told behind that it is the default.
    """

    engine = "triggerstream worker"

    def __init__(self, settings: Settings, *, otherwise: str = "") -> None:
        self._settings = settings
        self._topics = Topics(settings.kafka.topic_prefix)
        self._otherwise = otherwise

    def topic_name(self, topic: str) -> str:
        return self._topics.name(topic)

    def talking(self) -> AbstractContextManager[None]:
        return reaching(self._settings, self._otherwise)

    async def reach(self, needs: Collection[str] = ()) -> None:
        found = await reach(self._options)
        for topic in map(self.topic_name, needs):
            if topic not in found:
                msg = (
                    f"required is the topic {topic}; {self._settings.kafka.bootstrap} has no such "
                    "topic: has a `triggerstream worker` run here yet, with this prefix?"
                )
                raise UnreachableError(msg)

    def follow(self, topics: Collection[str], customers: Collection[str] | None = None) -> Follower:
        return KafkaFollower(self._options, topics, customers, topic_name=self.topic_name)

    @asynccontextmanager
    async def entrance(self) -> AsyncIterator[Entrance]:
        log = KafkaLog(self._options, topic_name=self.topic_name)
        await log.start()
        try:
            yield _KafkaEntrance(log, self._topics)
        finally:
            await log.stop()

    async def make_rulesets_topic(self) -> None:
        # Of all topics this one alone is the same whatever the workers' settings say.
        wanted = (rulesets_topic(self._topics),)
        await ensure_topics(self._options, wanted, replication=self._settings.kafka.replication)

    def detection(self) -> AbstractAsyncContextManager[Detection]:
        return Group(self._options, self._topics.process("detect"), self.topic_name("events"))

    async def inspect(self, customer: str) -> Mapping[str, Remembered]:
        return {each.name: await self._ask(each, customer) for each in _PROCESSES}

    async def _ask(self, process: _Process, customer: str) -> Remembered:
        group, topic = self._topics.process(process.name), self.topic_name(process.topic)
        number, owner = await find_owner(
            self._options, group=group, topic=topic, customer_id=customer
        )
        if owner is None:
            return Remembered(
                why_unknown=f"{process.name}: nobody owns partition {number} of {topic} now; "
                f"start a `triggerstream {process.command}`, which joins {group}"
            )
        token = self._settings.http.admin_token
        secret = None if token is None else token.get_secret_value()
        url = f"http://{owner.host}:{owner.port}{customer_path(customer)}"
        found = ask(str(owner), url, secret)
        return Remembered(found if found and found["known"] else None)

    @property
    def _options(self) -> dict[str, Any]:
        return client_options(self._settings.kafka)


class _KafkaEntrance:
    def __init__(self, log: KafkaLog, topics: Topics) -> None:
        self._log = log
        self._topics = topics

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        return await self._log.append(records)

    async def place(self, topic: str, key: bytes | None) -> int:
        return await self._log.place(self._topics.name(topic), key)
