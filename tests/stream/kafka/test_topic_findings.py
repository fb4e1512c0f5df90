"""What differs between the topics that are wanted and those that are there."""

from __future__ import annotations

import pytest

from triggerstream.errors import WorldChangedError
from triggerstream.stream.kafka.topic_findings import (
    PARTITIONS,
    Finding,
    Found,
    findings_of,
    refuse_to_start,
)
from triggerstream.stream.kafka.topics import OLDEST_STORE, Topics, wanted_topics

TOPICS = Topics("t")
WANTED = wanted_topics(TOPICS, 4, header_clock=False)
AS_WANTED = {topic.name: Found(topic.partitions, topic.config) for topic in WANTED}
EVENTS = TOPICS.name("events")
CHANGELOG = TOPICS.changelog("detect")
OUTAGE = 3 * 86_400_000


def findings(topic: str, **settings: str) -> list[Finding]:
    """Return the findings where *topic* is set otherwise; dots are underscores here."""
    config = dict(AS_WANTED[topic].config) | {
        name.replace("_", "."): value for name, value in settings.items()
    }
    there = AS_WANTED | {topic: Found(AS_WANTED[topic].partitions, config)}
    return findings_of(WANTED, there)


def test_nothing_is_found_where_all_is_as_wanted() -> None:
    assert findings_of(WANTED, AS_WANTED) == []
    refuse_to_start([])


def test_a_setting_that_differs_is_told_with_the_command_that_sets_it() -> None:
    [found] = findings(EVENTS, segment_ms="604800000")

    assert found == Finding(
        topic=EVENTS,
        setting="segment.ms",
        wanted="86400000",
        found="604800000",
        remedy=(
            "kafka-configs.sh --alter --entity-type topics --entity-name t.events.v1 "
            "--add-config segment.ms=86400000"
        ),
        stops=False,
    )
    refuse_to_start([found])


@pytest.mark.parametrize("topic", ["events", "actions", "inbox"])
@pytest.mark.parametrize(
    ("kept", "stops"), [(OUTAGE - 1, True), (OUTAGE, False), (OUTAGE + 1, False), (-1, False)]
)
def test_no_process_starts_where_less_is_kept_than_an_outage_may_last(
    topic: str, kept: int, stops: bool
) -> None:
    found = findings(TOPICS.name(topic), retention_ms=str(kept))

    assert all(each.stops == stops for each in found)
    if stops:
        with pytest.raises(WorldChangedError, match=rf"t\.{topic}\.v1 .*found {kept}"):
            refuse_to_start(found)
    else:
        refuse_to_start(found)


@pytest.mark.parametrize(
    ("kept", "stops"), [(OLDEST_STORE - 1, True), (OLDEST_STORE, False), (OLDEST_STORE + 1, False)]
)
def test_no_process_starts_where_deletions_go_before_an_old_store_has_heard_of_them(
    kept: int, stops: bool
) -> None:
    [found] = findings(CHANGELOG, delete_retention_ms=str(kept))

    assert found.stops == stops


def test_deliveries_may_be_kept_for_as_short_as_their_owner_likes() -> None:
    [found] = findings(TOPICS.name("deliveries"), retention_ms="1")

    assert not found.stops


@pytest.mark.parametrize(
    ("setting", "value"),
    [("message_timestamp_type", "CreateTime"), ("cleanup_policy", "compact,delete")],
)
def test_a_topic_s_clock_and_what_becomes_of_old_records_are_fixed(
    setting: str, value: str
) -> None:
    found = findings(EVENTS, **{setting: value})

    with pytest.raises(WorldChangedError, match=f"found {value}"):
        refuse_to_start(found)


def test_another_number_of_partitions_is_refused() -> None:
    there = AS_WANTED | {EVENTS: Found(5, AS_WANTED[EVENTS].config)}

    [found] = findings_of(WANTED, there)

    assert (found.setting, found.wanted, found.found) == (PARTITIONS, "4", "5")
    with pytest.raises(WorldChangedError, match=r"t\.events\.v1 has 5, required are 4"):
        refuse_to_start([found])


def test_a_topic_that_is_missing_is_found_and_can_be_made() -> None:
    there = {name: found for name, found in AS_WANTED.items() if name != EVENTS}

    [found] = findings_of(WANTED, there)

    assert (found.topic, found.found, found.remedy) == (EVENTS, "0", "triggerstream topics create")
    refuse_to_start([found])


def test_a_broker_that_tells_no_settings_gives_no_findings() -> None:
    """librdkafka's stand-in does not: of a topic's settings nothing is known there."""
    there = {topic.name: Found(topic.partitions) for topic in WANTED}

    assert findings_of(WANTED, there) == []
