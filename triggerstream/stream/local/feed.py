"""A topic's records on their way to its lane: handed over as the lane takes them."""

from __future__ import annotations

from triggerstream.core.records.columns import Columns
from triggerstream.errors import WorldChangedError
from triggerstream.stream.handover import Fetch, Handover
from triggerstream.stream.local.log import LocalLog


class Feed:
    """Gives the records of *topic* to *handover*, as those of partition 0.

    One `Fetch` waits there at most. It is read as the lane takes batches out of it, as far as the
    log goes by then, so that nothing is held in memory before its turn. When the lane has caught
    up, the next append brings the next one; until then nothing runs.
    """

    def __init__(self, log: LocalLog, topic: str, handover: Handover) -> None:
        self._log = log
        self._topic = topic
        self._handover = handover
        self._generation = -1
        self._unread: Unread | None = None
        log.on_append(topic, self._go_on)

    def begin(self, generation: int, offset: int) -> None:
        """Hand over the records from *offset* on, as those of *generation*.

        Raises:
            WorldChangedError: The log does not hold that offset any more, or never did.
        """
        start, end = self._log.start_offset(self._topic), self._log.end_offset(self._topic)
        if not start <= offset <= end:
            raise WorldChangedError(
                f"{self._topic}: required are the records from offset {offset} on; found a log "
                f"from {start} to {end}: it is not the one that was read before. Put the "
                "installation's directory back from a backup"
            )
        self._generation = generation
        self._unread = Unread(self._log, self._topic, offset)
        self._go_on()

    def end(self) -> None:
        """Hand over nothing more, until `begin`."""
        self._unread = None

    def _go_on(self) -> None:
        unread = self._unread
        if unread is not None and unread.is_over and not unread.is_at_the_end:
            unread.is_over = False
            self._handover.put(Fetch(0, self._generation, unread))


class Unread:
    """What *log* has of *topic* behind what was taken (`handover.Unread`).

    Attributes:
        next_fetch_offset: The offset behind what has been taken.
        is_over: Whether the last look found the log's end: it does not wait in the handover then.
    """

    def __init__(self, log: LocalLog, topic: str, offset: int) -> None:
        self._log = log
        self._topic = topic
        self.next_fetch_offset = offset
        self.is_over = True

    @property
    def is_at_the_end(self) -> bool:
        return self.next_fetch_offset >= self._log.end_offset(self._topic)

    def take(self, most: int) -> Columns:
        records, self.next_fetch_offset = self._log.read(self._topic, self.next_fetch_offset, most)
        self.is_over = self.is_at_the_end
        return records
