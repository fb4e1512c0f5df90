"""How long graves have lain: by the broker's clock, and under one owner.

A null has no fence. Once it stands alone in a compacted changelog, a restore cannot tell whether a
state behind it is newer than the grave, or was written late by a former owner. So a grave stays
until no such owner writes any more. None is paused for longer than `GRAVE_REST`: not one who lost
the partition before we got it, and not we ourselves, should we have lost it without noticing. The
partition's own clock cannot say when that is: in a backlog its hours pass within seconds.
"""

from __future__ import annotations

from collections import deque

from triggerstream.core.keyed.partition_record import PartitionRecord

GRAVE_REST = 3_600_000
"""How long a grave stays before its null, in milliseconds of the broker's clock."""

STEP = 60_000
"""Between two notes at least, in milliseconds of the same: there are some sixty of them."""


class GracePeriod:
    """Notes of one owner: when which partition record, and all graves that it covers, were durable.

    They are in memory only. After a take-over nothing is noted, and every grave lies for another
    `GRAVE_REST`.

    Attributes:
        record: The graves that it covers have lain for long enough; ``None`` where none has.
    """

    __slots__ = ("_heard", "_notes", "record")

    def __init__(self) -> None:
        self.record: PartitionRecord | None = None
        self._heard = -1
        self._notes: deque[tuple[int, PartitionRecord]] = deque()

    def hear(self, appended: int) -> None:
        """Take the broker's time of an append to the changelog, or -1 where it told none."""
        self._heard = max(self._heard, appended)
        while self._notes and self._notes[0][0] <= self._heard - GRAVE_REST:
            self.record = self._notes.popleft()[1]

    def note(self, record: PartitionRecord) -> None:
        """Note that *record* is durable, if the last note is `STEP` ago."""
        if self._heard >= 0 and (not self._notes or self._notes[-1][0] <= self._heard - STEP):
            self._notes.append((self._heard, record))
