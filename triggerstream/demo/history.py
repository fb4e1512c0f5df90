"""A shop's history, read from a file, and the records that play it.

Time is data: each record carries its arrival in a header, so that half a year passes as fast as
the worker decides it, with the decisions that it would have brought at the time.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from triggerstream.core.events.decode import decode_event
from triggerstream.core.records.record import ARRIVAL, KIND, Kind

HOUR = 3_600_000
DAY = 24 * HOUR


class Played(msgspec.Struct, frozen=True):
    """A record to append to the events topic.

    Attributes:
        arrival: Epoch milliseconds.
        key: The customer; ``None`` for a tick, which goes to every partition.
    """

    arrival: int
    key: bytes | None = None
    value: bytes = b""

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        arrived = (ARRIVAL, b"%d" % self.arrival)
        return [arrived] if self.key is not None else [(KIND, Kind.TICK), arrived]


def read_history(path: Path) -> list[Played]:
    """Return the events of a gzipped JSON Lines file, in its order; each arrives when it happened.

    Raises:
        Rejected: A line is not an event.
        OSError: The file cannot be read.
    """
    events = []
    with gzip.open(path, "rb") as lines:
        for number, line in enumerate(lines):
            value = line.rstrip(b"\n")
            event = decode_event(value, fallback_id=str(number), fallback_timestamp=0)
            events.append(Played(event.timestamp, event.customer_id.encode(), value))
    return events


def with_ticks(events: Sequence[Played], *, every: int, tail: int) -> Iterator[Played]:
    """Yield *events* with a tick for each *every* milliseconds that pass, up to *tail* beyond the
    last event.

    Between events nothing moves a partition's clock but ticks, and what has come due should be
    decided about when it does. *events* are in order of arrival.
    """
    if not events:
        return
    due = events[0].arrival + every
    for event in events:
        while due <= event.arrival:
            yield Played(due)
            due += every
        yield event
    end = events[-1].arrival + tail
    while due < end:
        yield Played(due)
        due += every
    yield Played(end)
