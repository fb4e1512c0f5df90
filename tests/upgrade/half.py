"""A stretch of a log through one partition of a worker, with checkpoints, as far as a kill.

    PYTHONPATH=CHECKOUT python half.py TRIGGERS LOG STOP DIRECTORY

runs it with the code of another checkout: so this file imports nothing else of the tests, and
nothing of the package that the earliest commit of `before` does not have. It decides the log's
lines before index STOP, and leaves in DIRECTORY

=================  ===============================================================================
``detect/0/``      the local store as the last checkpoint left it
``changelog``      the changelog's (key, value) in order, as MessagePack
``decided``        what was decided up to the last checkpoint, as `replay` prints it
``repeated``       what was decided behind it: whoever goes on decides it once more
=================  ===============================================================================
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from triggerstream.core.detection.detect import Detect
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.keyed.partition_record import CUSTOMER_PREFIX, PARTITION_KEY
from triggerstream.core.records.record import KIND, Kind
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.replay.lines import TOPIC, decision_line, read_line
from triggerstream.replay.partition import as_line
from triggerstream.stream.rocksdb.stores import Stores

CHECKPOINT = 997
"""Lines between two checkpoints."""
CAPACITY = 50
"""Customers who stay in memory: fewer than come between two checkpoints, so that most are read
from the store again."""

Changelog = list[tuple[bytes, bytes]]


Headers = tuple[tuple[str, bytes], ...]

COLUMNS = "triggerstream.core.records.columns"
"""What later code takes records in; the earlier one takes a list of them."""
HAS_COLUMNS = find_spec(COLUMNS) is not None


class Arrived(msgspec.Struct):
    """A record of the input topic."""

    offset: int
    timestamp: int
    value: bytes | None
    headers: Headers
    key: bytes | None = None
    partition: int = 0


def arrived(offset: int, arrival: int, value: bytes | None, headers: Headers = ()) -> Any:
    """Return one record of the input topic as the code that is imported takes it."""
    if not HAS_COLUMNS:
        return [Arrived(offset, arrival, value, headers)]
    columns: Any = import_module(COLUMNS)
    return columns.Columns(0, [offset], [arrival], [None], [value], {0: headers} if headers else {})


class Half:
    """A partition on *store*, which goes on where that ends.

    Attributes:
        changelog: What has been appended to it.
        decided: What was decided up to the last checkpoint, and then what was behind it, as lines.
    """

    def __init__(self, store: Any, ruleset: Ruleset, changelog: Changelog) -> None:
        self.store = store
        self.changelog = changelog
        self.decided: list[bytes] = []
        self.repeated: list[bytes] = []
        self._lateness = ruleset.policy.allowed_lateness
        # As replay takes lines without `received_at`: they arrive when they say that they happened.
        self.partition: Partition[Any, Any] = Partition(
            Detect(TOPIC, clamp_skew=False),
            store,
            rulesets=lambda _: ruleset,
            capacity=CAPACITY,
            in_one_piece=True,
        )

    def apply(self, lines: Sequence[bytes], stop: int) -> None:
        """Decide *lines* from where the store ends up to index *stop*; with a checkpoint before
        each line whose index is a multiple of `CHECKPOINT`, and none at the end."""
        for index in range(self.partition.offset + 1, stop):
            if index and index % CHECKPOINT == 0:
                self.checkpoint()
            value = lines[index].strip()
            _, arrival, _ = read_line(value, index)
            self._apply(arrived(index, arrival, value))

    def run_until(self, moment: int) -> None:
        """Let the clock run on, as `replay --until` does."""
        offset = self.partition.offset + 1
        self._apply(arrived(offset, moment + self._lateness, None, ((KIND, Kind.TICK),)))

    def _apply(self, records: Any) -> None:
        partition = self.partition
        assert partition.apply(records) == 1, "nothing holds this partition up"
        told = filter(None, map(decision_line, partition.outcomes))
        self.repeated.extend(map(as_line, told))
        partition.outcomes.clear()

    def checkpoint(self) -> None:
        """Store what has changed: in the changelog first, then locally."""
        cut = self.partition.cut(self.partition.record)
        self.changelog.extend(
            (CUSTOMER_PREFIX + name, value) for name, value in cut.values.items() if value
        )
        self.changelog.append((PARTITION_KEY, cut.record))
        last = len(self.changelog) - 1
        self.store.write(
            cut.values, partition_record=cut.record, changelog_offset=last, old=cut.old
        )
        self.partition.landed(cut)
        self.decided += self.repeated
        self.repeated = []


def read_log(path: Path) -> list[bytes]:
    with gzip.open(path) as log:
        return log.read().splitlines()


def read_triggers(directory: Path) -> Ruleset:
    return load_ruleset(
        {
            path.relative_to(directory).as_posix(): path.read_text(encoding="utf-8")
            for path in directory.rglob("*.yaml")
            if not path.name.endswith(".test.yaml")
        }
    )


def main(triggers: Path, log: Path, stop: int, directory: Path) -> None:
    stores = Stores(directory, "detect")
    half = Half(stores.open(0), read_triggers(triggers), [])
    half.apply(read_log(log), stop)
    stores.close(0)
    (directory / "changelog").write_bytes(msgspec.msgpack.encode(half.changelog))
    (directory / "decided").write_bytes(b"".join(half.decided))
    (directory / "repeated").write_bytes(b"".join(half.repeated))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
