"""What differs between the topics as they must be and as the brokers have them, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from triggerstream.core.durations import format_duration
from triggerstream.errors import WorldChangedError
from triggerstream.ops.kept import FOREVER
from triggerstream.stream.kafka.topics import Topic

PARTITIONS: Final = "partitions"
"""Stands for a setting where the number of partitions is another one, or there are none."""

FIXED: Final = ("message.timestamp.type", "cleanup.policy")
"""What must not be otherwise: a topic's clock, and what becomes of its old records."""

_ENDLESS: Final = (str(FOREVER), str((1 << 63) - 1))


class Found(msgspec.Struct, frozen=True):
    """A topic as the brokers have it: no *partitions* where it is not there."""

    partitions: int = 0
    config: Mapping[str, str] = {}


class Finding(msgspec.Struct, frozen=True):
    """One setting of one topic that is not as it must be.

    Attributes:
        setting: By Kafka's name, or `PARTITIONS`.
        remedy: The command that mends it.
        stops: Whether a process that touches the topic does not start for it.
    """

    topic: str
    setting: str
    wanted: str
    found: str
    remedy: str
    stops: bool


def findings_of(wanted: Iterable[Topic], found: Mapping[str, Found]) -> list[Finding]:
    """Return all that is not as it must be, topic by topic; *found* is by full name."""
    findings: list[Finding] = []
    for topic in wanted:
        there = found.get(topic.name, Found())
        if not there.partitions:
            findings.append(_missing(topic))
            continue
        if there.partitions != topic.partitions:
            findings.append(_other_partitions(topic, there.partitions))
        findings.extend(
            _other_setting(topic, setting, there.config[setting])
            for setting, wanted_value in topic.config.items()
            if there.config.get(setting, wanted_value) != wanted_value
        )
    return findings


def remedies(findings: Iterable[Finding]) -> dict[str, dict[str, str]]:
    """Return the settings, by topic, by which *findings* are none any more; what is missing, and
    numbers of partitions, are no settings."""
    settings: dict[str, dict[str, str]] = {}
    for each in findings:
        if each.setting != PARTITIONS:
            settings.setdefault(each.topic, {})[each.setting] = each.wanted
    return settings


def refuse_to_start(findings: Iterable[Finding]) -> None:
    """Raise for those of *findings* for which no process may start.

    Raises:
        WorldChangedError: There is one. The message names all of them, each with its remedy.
    """
    stopping = [finding for finding in findings if finding.stops]
    settings = [
        f"{each.remedy} (found {told(each.setting, each.found)})"
        for each in stopping
        if each.setting != PARTITIONS
    ]
    if settings:
        message = "topics are not set as they must be: " + "; ".join(settings)
        raise WorldChangedError(message)
    partitions = [f"{each.topic} has {each.found}, required are {each.wanted}" for each in stopping]
    if partitions:
        message = (
            "the numbers of partitions do not match, and are fixed for life: "
            + "; ".join(partitions)
            + ". Correct the setting, or start under a new prefix"
        )
        raise WorldChangedError(message)


def told(setting: str, value: str) -> str:
    """Return *value* with what it means to people, where it is a time."""
    if not setting.endswith(".ms") or not value.removeprefix("-").isdigit():
        return value
    return f"{value}, {kept_for(value)}"


def kept_for(value: str) -> str:
    """Return in words for how long *value*, milliseconds as a broker tells them, is."""
    return "forever" if value in _ENDLESS else format_duration(int(value))


def _missing(topic: Topic) -> Finding:
    remedy = "triggerstream topics create"
    return Finding(topic.name, PARTITIONS, str(topic.partitions), "0", remedy, stops=False)


def _other_partitions(topic: Topic, found: int) -> Finding:
    remedy = "TRIGGERSTREAM_KAFKA__PARTITIONS, or a new TRIGGERSTREAM_KAFKA__TOPIC_PREFIX"
    return Finding(topic.name, PARTITIONS, str(topic.partitions), str(found), remedy, stops=True)


def _other_setting(topic: Topic, setting: str, found: str) -> Finding:
    wanted = topic.config[setting]
    remedy = (
        f"kafka-configs.sh --alter --entity-type topics --entity-name {topic.name} "
        f"--add-config {setting}={wanted}"
    )
    least = topic.least.get(setting)
    stops = setting in FIXED or (least is not None and _is_less(found, least))
    return Finding(topic.name, setting, wanted, found, remedy, stops=stops)


def _is_less(found: str, least: int) -> bool:
    return found not in _ENDLESS and (least == FOREVER or int(found) < least)
