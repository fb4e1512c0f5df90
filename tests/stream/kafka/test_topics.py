"""How the topics are set up."""

from __future__ import annotations

import pytest

from triggerstream.core.durations import UNITS
from triggerstream.ops.settings import load_settings
from triggerstream.stream.kafka.topics import (
    OLDEST_STORE,
    Topic,
    Topics,
    touched_by,
    wanted_topics,
)
from triggerstream.stream.rocksdb.stores import MAX_AGE_S

DAY = UNITS["d"]


def clocks(*, header_clock: bool) -> dict[str, str | None]:
    topics = wanted_topics(Topics("t"), 4, header_clock=header_clock)
    return {topic.name: topic.config.get("message.timestamp.type") for topic in topics}


def table(**kept: str) -> dict[str, Topic]:
    """Return the topics by name, with retention as the environment sets it."""
    environ = {f"TRIGGERSTREAM_RETENTION__{name.upper()}": value for name, value in kept.items()}
    retention = load_settings(environ).retention
    wanted = wanted_topics(Topics("t"), 4, header_clock=False, retention=retention)
    return {topic.name: topic for topic in wanted}


def test_no_clock_of_a_machine_of_ours_stamps_a_record() -> None:
    """With a clock an hour ahead, a worker could not have stored its states any more."""
    found = clocks(header_clock=False)

    assert found.pop("t.inbox.v1") is None  # others write there, and say when
    assert set(found.values()) == {"LogAppendTime"}
    assert len(found) == 9


def test_where_time_is_data_events_and_actions_keep_their_stamps() -> None:
    found = clocks(header_clock=True)

    assert found["t.events.v1"] == found["t.actions.v1"] == "CreateTime"
    assert found["t.detect-states-changelog"] == "LogAppendTime"


@pytest.mark.parametrize(
    ("topic", "days"),
    [
        ("events", 14), ("actions", 14), ("inbox", 3), ("deliveries", 14),
        ("events.dlq", 14), ("actions.dlq", 14),
    ],
)  # fmt: skip
def test_records_are_removed_after_their_days_and_a_segment_holds_one(
    topic: str, days: int
) -> None:
    config = table()[f"t.{topic}.v1"].config

    assert config["retention.ms"] == str(days * DAY)
    assert config["segment.ms"] == str(DAY)
    assert config["retention.bytes"] == "-1"
    assert config["cleanup.policy"] == "delete"


@pytest.mark.parametrize("process", ["detect", "send"])
def test_what_was_overwritten_leaves_the_changelog_within_a_day(process: str) -> None:
    config = table()[f"t.{process}-states-changelog"].config

    assert config["cleanup.policy"] == "compact"
    assert config["max.compaction.lag.ms"] == str(DAY)
    assert int(config["min.compaction.lag.ms"]) < int(config["max.compaction.lag.ms"])
    assert "retention.ms" not in config


def test_each_setting_sets_its_topics() -> None:
    found = table(
        events="30d", actions="20d", inbox="5d", deliveries="12h", dead_letters="forever",
        changelogs="forever",
    )  # fmt: skip

    kept = {name: topic.config.get("retention.ms") for name, topic in found.items()}
    assert kept["t.events.v1"] == str(30 * DAY)
    assert kept["t.actions.v1"] == str(20 * DAY)
    assert kept["t.inbox.v1"] == str(5 * DAY)
    assert kept["t.deliveries.v1"] == str(DAY // 2)
    assert found["t.deliveries.v1"].config["segment.ms"] == str(DAY // 2)
    assert kept["t.events.dlq.v1"] == kept["t.actions.dlq.v1"] == "-1"
    changelog = found["t.send-states-changelog"].config
    assert changelog["max.compaction.lag.ms"] == str((1 << 63) - 1)


def test_of_a_membership_the_newest_is_kept_and_two_are_there_for_a_day() -> None:
    """So a reader who goes by position sees the newer one, also where it is not the last."""
    topic = table()["t.segments.v1"]

    assert topic.partitions == table()["t.events.v1"].partitions
    assert topic.config["cleanup.policy"] == "compact"
    assert topic.config["min.compaction.lag.ms"] == str(DAY)
    assert topic.config["max.compaction.lag.ms"] == str(2 * DAY)
    assert "t.segments.v1" in touched_by(Topics("t"), "detect")
    assert "t.segments.v1" not in touched_by(Topics("t"), "send")


def test_rulesets_stay_for_ever() -> None:
    config = table()["t.rulesets.v1"].config

    assert config["cleanup.policy"] == "compact"
    assert not {"retention.ms", "max.compaction.lag.ms"} & config.keys()


def test_what_is_read_again_must_outlast_an_outage() -> None:
    found = table(outage="2d")

    least = {name: topic.least.get("retention.ms") for name, topic in found.items()}
    assert {name for name, each in least.items() if each == 2 * DAY} == {
        "t.events.v1", "t.actions.v1", "t.inbox.v1",
    }  # fmt: skip


def test_deletions_outlast_the_oldest_store_that_is_used() -> None:
    """Else a store that was away would raise the dead."""
    assert OLDEST_STORE == MAX_AGE_S * 1000
    for process in ("detect", "send"):
        changelog = table()[f"t.{process}-states-changelog"]
        assert changelog.least["delete.retention.ms"] == OLDEST_STORE
        assert int(changelog.config["delete.retention.ms"]) > OLDEST_STORE


def test_the_changelog_of_another_process_is_not_touched() -> None:
    topics = Topics("t")

    assert topics.changelog("send") not in touched_by(topics, "detect")
    assert topics.changelog("detect") not in touched_by(topics, "send")
    assert topics.name("inbox") not in touched_by(topics, "send")
    assert touched_by(topics, "detect") | touched_by(topics, "send") == table().keys()
