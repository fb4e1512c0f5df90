"""The topics: their names, and how each of them must be set.

A topic's full name is ``<prefix>.<short name>.v1``. Our code and `Produce` use the short names:
``events``, ``actions``, ``inbox``, ``deliveries``, ``segments``, ``rulesets``, ``events.dlq``,
``actions.dlq``.

Nothing here asks a broker: `topic_findings` compares with what one has, `topic_admin` makes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from triggerstream.core.durations import UNITS
from triggerstream.core.records.segments import SEGMENTS
from triggerstream.ops.kept import FOREVER, Kept
from triggerstream.ops.settings import Retention
from triggerstream.stream.ports import DEAD_LETTER_LIMIT, RECORD_LIMIT

INPUT_LIMIT: Final = 8 << 20
"""Bytes of the largest record batch on the topics that others write to: what is too large becomes
a dead letter, with its reason, rather than an error that only its producer sees."""

OLDEST_STORE: Final = 6 * UNITS["d"]
"""Milliseconds for which a store may have been offline and is still used
(`stream.rocksdb.stores.MAX_AGE_S`): it needs every deletion since then, or erased customers are
back."""

_HOUR: Final = UNITS["h"]
_DAY: Final = UNITS["d"]
_ENDLESS: Final = (1 << 63) - 1
_OURS: Final = {"message.timestamp.type": "LogAppendTime"}
"""The clock of a machine of ours must not decide when a record is compacted or removed; and a
broker refuses one that is stamped more than an hour ahead of its own."""


class Topic(msgspec.Struct, frozen=True):
    """A topic as it must be.

    Attributes:
        config: Its settings by Kafka's names.
        least: Of settings that are milliseconds, below what no process may start: what it would
            find again after an outage would have a hole.
    """

    name: str
    partitions: int
    config: Mapping[str, str]
    least: Mapping[str, int] = {}


class Topics(msgspec.Struct, frozen=True):
    """The names under one prefix."""

    prefix: str = "triggerstream"

    def name(self, short: str) -> str:
        """Return the full name of the topic with this short name."""
        return f"{self.prefix}.{short}.v1"

    def process(self, process: str) -> str:
        """Return the id of a keyed process, which is its consumer group's too."""
        return f"{self.prefix}.{process}"

    def changelog(self, process: str) -> str:
        """Return the name that Faust gives to the changelog of a process's one table."""
        return f"{self.process(process)}-states-changelog"


def wanted_topics(
    topics: Topics,
    partitions: int,
    *,
    header_clock: bool,
    retention: Retention | None = None,
) -> tuple[Topic, ...]:
    """Return all topics, with *partitions* for those that carry customers.

    Where the broker is the clock, a record's timestamp is the time of its append.

    Args:
        retention: How long each keeps its records; the defaults if ``None``.
    """
    kept = retention or Retention()
    clock = "CreateTime" if header_clock else "LogAppendTime"
    stamped = {"message.timestamp.type": clock, "max.message.bytes": str(INPUT_LIMIT)}
    inbox = {"max.message.bytes": str(INPUT_LIMIT)}
    plain = {"max.message.bytes": str(RECORD_LIMIT)} | _OURS
    dead = {"max.message.bytes": str(DEAD_LETTER_LIMIT)} | _OURS | _for(kept.dead_letters)
    read_again = {"retention.ms": int(kept.outage)}
    # Deletions stay readable for a week, and nothing is compacted for an hour: a restore that is
    # late still sees them, and still sees both of two writers' records. Beyond the greatest lag,
    # what was overwritten or erased goes, however little is written.
    compacted = {
        "cleanup.policy": "compact",
        "compression.type": "lz4",
        "delete.retention.ms": str(7 * _DAY),
        "min.compaction.lag.ms": str(_HOUR),
        "max.compaction.lag.ms": _milliseconds(kept.changelogs, _ENDLESS),
        "segment.ms": str(_HOUR),
    } | plain
    # A table for others, who go by the position of a record: until two of a key are compacted, the
    # newer one is read, also where a former owner has appended an older one behind it.
    table = {
        "cleanup.policy": "compact",
        "delete.retention.ms": str(7 * _DAY),
        "min.compaction.lag.ms": str(_DAY),
        "max.compaction.lag.ms": str(max(2 * _DAY, int(_milliseconds(kept.changelogs, _ENDLESS)))),
        "segment.ms": str(_DAY),
    } | plain
    back_from_the_dead = {"delete.retention.ms": OLDEST_STORE}
    return (
        Topic(topics.name("events"), partitions, stamped | _for(kept.events), read_again),
        Topic(topics.name("actions"), partitions, stamped | _for(kept.actions), read_again),
        Topic(topics.changelog("detect"), partitions, compacted, back_from_the_dead),
        Topic(topics.changelog("send"), partitions, compacted, back_from_the_dead),
        Topic(topics.name("inbox"), partitions, inbox | _for(kept.inbox), read_again),
        Topic(topics.name("deliveries"), partitions, plain | _for(kept.deliveries)),
        Topic(topics.name(SEGMENTS), partitions, table),
        rulesets_topic(topics),
        Topic(topics.name("events.dlq"), 1, dead),
        Topic(topics.name("actions.dlq"), 1, dead),
    )


def rulesets_topic(topics: Topics) -> Topic:
    """Return the topic of the published rulesets.

    Content is kept while it may be referred to: never deleted, only compacted by key.
    """
    settings = {"cleanup.policy": "compact", "max.message.bytes": str(RECORD_LIMIT)} | _OURS
    return Topic(topics.name("rulesets"), 1, settings)


def touched_by(topics: Topics, process: str) -> frozenset[str]:
    """Return the full names of the topics that a *process* (``detect`` or ``send``) reads or
    writes: the others are none of its business."""
    names = [topics.name(short) for short in _TOUCHED[process]]
    return frozenset([*names, topics.changelog(process)])


_TOUCHED: Final = {
    "detect": ("events", "inbox", "actions", "deliveries", SEGMENTS, "rulesets", "events.dlq"),
    "send": ("actions", "events", "deliveries", "rulesets", "actions.dlq"),
}


def _for(kept: Kept) -> dict[str, str]:
    """Return the settings of a topic whose records go when they are older than *kept*.

    Kafka removes whole segments, the youngest record of which is older: so each holds a day.
    """
    return {
        "cleanup.policy": "delete",
        "retention.ms": _milliseconds(kept, FOREVER),
        # A broker's own bound in bytes would remove what is younger.
        "retention.bytes": str(FOREVER),
        "segment.ms": str(_DAY if kept == FOREVER else min(_DAY, int(kept))),
    }


def _milliseconds(kept: Kept, forever: int) -> str:
    return str(forever if kept == FOREVER else int(kept))
