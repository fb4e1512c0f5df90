"""Whatever is in the log, and wherever a fetch of it begins and breaks off: our readers give what
aiokafka's own unpacking gives."""

from __future__ import annotations

from typing import Any

from aiokafka.consumer.fetcher import READ_COMMITTED, READ_UNCOMMITTED
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import _MemoryRecordsPy
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.stream.kafka.batches import (
    APPENDED,
    ATTRIBUTES,
    COMPRESSIONS,
    LAST_OFFSET_DELTA,
    fields,
    marked,
    packed,
    resealed,
)
from triggerstream.stream.kafka.readers import NO_TIME
from triggerstream.stream.kafka.unpacked import Unpacked

texts = st.none() | st.binary(max_size=3) | st.sampled_from([b"v" * 63, b"v" * 64, b"v" * 9000])
headers = st.lists(st.tuples(st.text(max_size=3), st.none() | st.binary(max_size=3)), max_size=3)
# Deltas of one, two and five bytes, and those that go back.
times = st.sampled_from([0, 1, 63, 64, 8_191, 8_192, 10**11]) | st.integers(0, 10**12)
records = st.lists(
    st.tuples(st.integers(1, 3) | st.sampled_from([64, 9_000]), times, texts, texts, headers),
    min_size=1,
    max_size=6,
)


class Log:
    """A log that grows batch by batch.

    Attributes:
        batches: (bytes, offset that follows).
        transactions: Of those that were taken back: (producer, first offset, offset of the mark).
    """

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._end = 0
        self._open: dict[int, int] = {}
        self.batches: list[tuple[bytes, int]] = []
        self.transactions: list[tuple[int, int, int]] = []

    def grow(self) -> None:
        producer = self._draw(st.sampled_from([7, 8]))
        kind = self._draw(st.sampled_from(["plain", "plain", "transaction", "mark", "old"]))
        if kind == "mark" and producer in self._open:
            self._mark(producer, is_commit=self._draw(st.booleans()))
        elif kind == "old":
            self._old()
        else:
            self._append(producer if kind == "transaction" else -1)

    def end(self) -> None:
        """End what is open: what is sent ends below the last stable offset."""
        for producer in list(self._open):
            self._mark(producer, is_commit=False)

    def _append(self, producer: int) -> None:
        builder = DefaultRecordBatchBuilder(
            2,
            self._draw(st.sampled_from([0, 0, *COMPRESSIONS.values()])),
            is_transactional=int(producer >= 0),
            producer_id=producer,
            producer_epoch=-1,
            base_sequence=0,
            batch_size=1_000_000,
        )
        if producer >= 0:
            self._open.setdefault(producer, self._end)
        # Compaction leaves gaps, at the beginning and at the end too.
        delta = self._draw(st.integers(0, 2))
        for step, timestamp, key, value, named in self._draw(records):
            builder.append(delta, timestamp, key, value, named)
            delta += step
        made = bytearray(builder.build())
        made[:8] = self._end.to_bytes(8, "big")
        made[LAST_OFFSET_DELTA : LAST_OFFSET_DELTA + 4] = (delta - 1).to_bytes(4, "big")
        if self._draw(st.booleans()):
            made[ATTRIBUTES] |= APPENDED
        self._add(resealed(made), delta)

    def _old(self) -> None:
        magic = self._draw(st.sampled_from([0, 1]))
        builder = LegacyRecordBatchBuilder(magic, 0, 1_000_000)
        timestamp = self._draw(st.sampled_from([-1, 1_234]))
        builder.append(0, timestamp, self._draw(texts), self._draw(texts))
        made = bytearray(builder.build())
        made[:8] = self._end.to_bytes(8, "big")
        self._add(made, 1)

    def _mark(self, producer: int, *, is_commit: bool) -> None:
        first = self._open.pop(producer)
        if not is_commit:
            self.transactions.append((producer, first, self._end))
        self._add(marked(self._end, producer, is_commit=is_commit), 1)

    def _add(self, made: bytearray, count: int) -> None:
        self._end += count
        self.batches.append((bytes(made), self._end))


@st.composite
def logs(draw: st.DrawFn) -> Log:
    log = Log(draw)
    for _ in range(draw(st.integers(1, 6))):
        log.grow()
    log.end()
    return log


@settings(max_examples=300, deadline=None)
@given(log=logs(), data=st.data())
def test_our_readers_give_what_aiokafkas_unpacking_gives(log: Log, data: st.DataObject) -> None:
    end = log.batches[-1][1]
    start = data.draw(st.integers(0, end - 1), "start")
    level = data.draw(st.sampled_from([READ_COMMITTED, READ_UNCOMMITTED]), "level")
    sent = b"".join(made for made, following in log.batches if following > start)
    cut = data.draw(st.integers(0, min(60, len(log.batches[0][0]) - 1)), "bytes of the next one")
    sent += log.batches[0][0][:cut]
    aborted = [(who, first) for who, first, mark in log.transactions if mark >= start]
    # aiokafka's reader in C takes all batches for what the first one is.
    theirs = packed(sent, start, aborted=aborted, level=level, batches=_MemoryRecordsPy)

    expected = [_timed(fields(record)) for record in theirs]

    for by_own_reader in (False, True):
        once = packed(sent, start, aborted=aborted, level=level)
        ours = Unpacked(once, by_own_reader=by_own_reader)
        assert ours.end == end
        found: list[Any] = []
        while not ours.is_over:
            most = data.draw(st.integers(1, 7), "most")
            taken = ours.take(most)
            assert len(taken) <= most
            found += map(fields, taken)
            if taken and not ours.is_over:
                assert ours.next_fetch_offset > taken[-1].offset
        assert found == expected
        assert ours.next_fetch_offset == theirs.next_fetch_offset == end


def _timed(row: tuple[Any, ...]) -> tuple[Any, ...]:
    partition, offset, timestamp, *rest = row
    return partition, offset, NO_TIME if timestamp is None else timestamp, *rest
