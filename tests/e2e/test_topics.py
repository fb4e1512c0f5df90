"""Topics that were there already are only taken if they will do; and a command makes them so."""

from __future__ import annotations

import logging
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest

from deploy.local_kafka.broker import Broker
from deploy.local_kafka.topics import Topic as Made
from deploy.local_kafka.topics import create_topics
from tests.e2e.deployment import Bootstrapped, Deployment
from triggerstream.errors import SettingsError, WorldChangedError
from triggerstream.stream.kafka.topic_admin import TopicAdmin, ensure_topics
from triggerstream.stream.kafka.topic_findings import findings_of, remedies
from triggerstream.stream.kafka.topics import Topics, touched_by, wanted_topics

pytestmark = pytest.mark.kafka

DAY = 86_400_000


@pytest.fixture(name="topics")
def _topics() -> Topics:
    return Topics(f"t{uuid4().hex[:8]}")


def made(topics: Topics, short: str, partitions: int = 2, **changed: str) -> Made:
    """Return the topic as it is wanted, but for settings *changed*; dots are underscores here."""
    [wanted] = [
        topic
        for topic in wanted_topics(topics, partitions, header_clock=False)
        if topic.name == topics.name(short)
    ]
    config = dict(wanted.config) | {
        name.replace("_", "."): value for name, value in changed.items()
    }
    return Made(wanted.name, partitions, config)


async def test_a_topic_whose_producers_would_set_the_clock_is_refused(
    kafka: Bootstrapped, topics: Topics
) -> None:
    await create_topics(kafka.bootstrap, [Made(topics.name("events"), 2)])
    options = {"bootstrap_servers": kafka.bootstrap}

    with pytest.raises(WorldChangedError, match=r"message\.timestamp\.type=LogAppendTime"):
        await ensure_topics(options, wanted_topics(topics, 2, header_clock=False))


async def test_topics_that_we_made_will_do_the_next_time_too(
    kafka: Bootstrapped, topics: Topics, caplog: pytest.LogCaptureFixture
) -> None:
    options = {"bootstrap_servers": kafka.bootstrap}
    wanted = wanted_topics(topics, 2, header_clock=False)

    await ensure_topics(options, wanted)
    await ensure_topics(options, wanted)

    assert "otherwise" not in caplog.text
    async with TopicAdmin(options) as admin:
        assert findings_of(wanted, await admin.look(wanted)) == []


async def test_what_differs_is_told_at_the_start_and_is_no_reason_to_end(
    kafka: Bootstrapped, topics: Topics, caplog: pytest.LogCaptureFixture
) -> None:
    await create_topics(kafka.bootstrap, [made(topics, "events", retention_ms=str(4 * DAY))])
    options = {"bootstrap_servers": kafka.bootstrap}

    with caplog.at_level(logging.WARNING):
        await ensure_topics(options, wanted_topics(topics, 2, header_clock=False))

    [record] = [each for each in caplog.records if each.levelno == logging.WARNING]
    assert record.getMessage() == (
        "topics are set otherwise than the settings say, which `triggerstream topics create "
        f"--apply` mends: {topics.name('events')}: retention.ms is {4 * DAY}, 4d, wanted is "
        f"{14 * DAY}, 14d"
    )


async def test_a_topic_of_somebody_else_s_is_made_and_not_looked_at(
    kafka: Bootstrapped, topics: Topics
) -> None:
    await create_topics(kafka.bootstrap, [made(topics, "inbox", retention_ms="1")])
    options = {"bootstrap_servers": kafka.bootstrap}
    wanted = wanted_topics(topics, 2, header_clock=False)

    await ensure_topics(options, wanted, own=touched_by(topics, "send"))

    async with TopicAdmin(options) as admin:
        assert {topic.name for topic in wanted} <= await admin.names()
    with pytest.raises(WorldChangedError, match=r"retention\.ms=.*found 1, 1ms"):
        await ensure_topics(options, wanted, own=touched_by(topics, "detect"))


OTHERWISE = {
    "cleanup.policy": "compact,delete",
    "compression.type": "gzip",
    "delete.retention.ms": str(DAY),
    "max.compaction.lag.ms": str(3 * DAY),
    "max.message.bytes": "65536",
    "message.timestamp.type": "CreateTime",
    "min.compaction.lag.ms": "1",
    "retention.bytes": "1000000",
    "retention.ms": "5",
    "segment.ms": "7200000",
}


async def test_every_setting_that_is_otherwise_is_found_and_set(
    kafka: Bootstrapped, topics: Topics
) -> None:
    options = {"bootstrap_servers": kafka.bootstrap}
    wanted = wanted_topics(topics, 2, header_clock=False)
    changed = {topic.name: {key: OTHERWISE[key] for key in topic.config} for topic in wanted}
    await create_topics(
        kafka.bootstrap, [Made(each.name, each.partitions, changed[each.name]) for each in wanted]
    )

    async with TopicAdmin(options) as admin:
        found = findings_of(wanted, await admin.look(wanted))
        await admin.alter(remedies(found))
        then = findings_of(wanted, await admin.look(wanted))

    assert {(each.topic, each.setting) for each in found} == {
        (topic.name, key) for topic in wanted for key in topic.config
    }
    assert {each.setting for each in found} == OTHERWISE.keys()
    assert then == []


class TestCommands:
    """The whole way of somebody whose topics are not as they should be."""

    @pytest.fixture(name="deployment")
    def _deployment(self, kafka: Bootstrapped, tmp_path: Path) -> Deployment:
        clock = {"TRIGGERSTREAM_CLOCK": "broker"}
        return Deployment(kafka.bootstrap, tmp_path, tmp_path, partitions=2, settings=clock)

    def test_what_is_missing_is_found_made_and_found_no_more(self, deployment: Deployment) -> None:
        first = deployment.run("topics", "check")
        made = deployment.run("topics", "create")
        then = deployment.run("topics", "check", "--json")

        assert first.returncode == 1
        assert first.stdout.count("triggerstream topics create") == 10
        assert made.returncode == 0, made.stderr
        assert f"make {deployment.topic('inbox')}: 2 partitions" in made.stderr
        assert "10 topics made, 0 settings set" in made.stderr
        assert then.returncode == 0, then.stderr
        lines = [msgspec.json.decode(line) for line in then.stdout.splitlines()]
        kept = {line["topic"]: (line["partitions"], line["keeps"]) for line in lines}
        assert kept[deployment.topic("events")] == (2, "14d")
        assert kept[deployment.topic("inbox")] == (2, "3d")
        assert kept[deployment.topic("actions.dlq")] == (1, "14d")
        assert kept[f"{deployment.prefix}.detect-states-changelog"] == (
            2, "the newest of each key, others up to 1d",
        )  # fmt: skip
        assert all(line["findings"] == [] for line in lines)

    async def test_what_differs_is_set_only_when_told_to_and_nothing_else_is(
        self, deployment: Deployment
    ) -> None:
        topics = Topics(deployment.prefix)
        strange = made(topics, "deliveries", retention_ms=str(40 * DAY), min_insync_replicas="1",
                       preallocate="true")  # fmt: skip
        await create_topics(deployment.bootstrap, [strange])

        told = deployment.run("topics", "create")
        still = deployment.run("topics", "check")
        applied = deployment.run("topics", "create", "--apply")
        then = deployment.run("topics", "check")

        line = f"{strange.name}: retention.ms: {40 * DAY}, 40d -> {14 * DAY}, 14d"
        assert (told.returncode, still.returncode) == (1, 1)
        assert f"differs: {line}" in told.stderr
        assert "1 setting left as found: --apply sets what differs" in told.stderr
        assert f"--add-config retention.ms={14 * DAY}" in still.stdout
        assert applied.returncode == 0, applied.stderr
        assert f"set {line}" in applied.stderr
        assert then.returncode == 0, then.stdout
        options = {"bootstrap_servers": deployment.bootstrap}
        async with TopicAdmin(options) as admin:
            asked = [msgspec.structs.replace(wanted, config={"preallocate": ""})
                     for wanted in wanted_topics(topics, 2, header_clock=False)
                     if wanted.name == strange.name]  # fmt: skip
            found = await admin.look(asked)
        assert found[strange.name].config == {"preallocate": "true"}

    async def test_numbers_of_partitions_are_never_changed(self, deployment: Deployment) -> None:
        await create_topics(deployment.bootstrap, [made(Topics(deployment.prefix), "actions", 3)])

        applied = deployment.run("topics", "create", "--apply")
        checked = deployment.run("topics", "check")

        name = deployment.topic("actions")
        assert applied.returncode == 73
        assert f"{name} has 3, required are 2" in applied.stderr
        assert checked.returncode == 1
        assert "does not start" in checked.stdout

    async def test_a_process_does_not_start_where_an_outage_would_lose_records(
        self, deployment: Deployment
    ) -> None:
        short = made(Topics(deployment.prefix), "events", retention_ms=str(3 * DAY - 1))
        await create_topics(deployment.bootstrap, [short])

        ran = deployment.run("sender")
        applied = deployment.run("topics", "create", "--apply")

        assert ran.returncode == 73
        assert f"--entity-name {short.name} --add-config retention.ms={14 * DAY}" in ran.stderr
        assert applied.returncode == 0, applied.stderr


# ── rights ──────────────────────────────────────────────────────────────────────────────────

_TOPIC, _CLUSTER = 2, 4
_ALL, _CREATE = 2, 5
_DENY, _ALLOW = 2, 3
_LITERAL = 3


async def test_who_may_not_make_topics_works_where_they_are_there() -> None:
    """A principal with every right but CREATE; and a topic of another's that is missing."""
    config = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
    }
    topics = Topics("t")
    wanted = wanted_topics(topics, 2, header_clock=False)
    own = touched_by(topics, "detect")
    with Broker(config) as broker:
        options = {"bootstrap_servers": broker.bootstrap}
        there = [topic for topic in wanted if topic.name in own]
        await ensure_topics(options, there)
        admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
        await admin.start()
        try:
            for resource, name in ((_CLUSTER, "kafka-cluster"), (_TOPIC, "*")):
                for operation, permission in ((_ALL, _ALLOW), (_CREATE, _DENY)):
                    acl = (resource, name, _LITERAL, "User:*", "*", operation, permission)
                    answer = await admin._send_request(CreateAclsRequest(*acl))
                    assert [code for code, _ in answer.creation_responses] == [0]
        finally:
            await admin.close()

        await ensure_topics(options, wanted, own=own)
        with pytest.raises(SettingsError, match=r"t\.actions\.dlq\.v1: the broker refused"):
            await ensure_topics(options, wanted, own=touched_by(topics, "send"))
