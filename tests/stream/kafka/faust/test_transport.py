"""The consumer's thread: what one fetch brings."""

from __future__ import annotations

from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, cast

from faust.types import TP

from triggerstream.stream.kafka.faust.transport import (
    BUSY_POLL_MS,
    FETCH_WAIT,
    HELD_WAIT,
    SILENT_POLL_MS,
    ConsumerThread,
)

EVENTS = TP("events", 0)


class Position:
    """What aiokafka knows of a partition; ``None`` while the broker is asked where it begins."""

    highwater = lso = 9

    def __init__(self, position: int | None) -> None:
        self.position = position

    @property
    def has_valid_position(self) -> bool:
        return self.position is not None


class Thread(ConsumerThread):
    """Reads *found* of one partition, whose position is *after* by then."""

    def __init__(self, before: int | None, found: list[str], after: int | None) -> None:
        self.known = Position(before)
        self.found = found
        self.after = after
        self.fetcher = SimpleNamespace(_fetch_max_wait_ms=None)
        self.flow = SimpleNamespace(flow_active=True)
        self.consumer = cast("Any", self.flow)

    def _ensure_consumer(self) -> Any:
        assignment = SimpleNamespace(state_value=lambda _: self.known)
        return SimpleNamespace(
            _subscription=SimpleNamespace(subscription=SimpleNamespace(assignment=assignment)),
            _fetcher=self.fetcher,
        )

    async def _fetch_records(self, *_: Any, **__: Any) -> Any:
        self.known.position = self.after
        return {EVENTS: self.found} if self.found else {}

    async def _there(self, call: Coroutine[Any, Any, Any]) -> Any:
        return await call


async def fetched(before: int | None, found: list[str], after: int | None) -> Any:
    return await Thread(before, found, after).fetch({EVENTS}, 0.0)


async def test_a_fetch_says_where_the_next_one_begins() -> None:
    assert await fetched(3, ["three", "four"], 6) == {EVENTS: (["three", "four"], 6)}
    assert await fetched(3, [], 5) == {EVENTS: ([], 5)}
    assert await fetched(3, [], 3) == {}


async def test_records_whose_position_was_not_known_before_are_not_lost() -> None:
    assert await fetched(None, ["three"], 4) == {EVENTS: (["three"], 4)}


async def test_records_from_before_the_position_are_not_lost() -> None:
    # The log was found to end before it, and is read from its start.
    assert await fetched(9, ["zero"], 1) == {EVENTS: (["zero"], 1)}


async def test_a_position_alone_passes_nothing_over() -> None:
    assert await fetched(None, [], 4) == {}
    assert await fetched(4, [], None) == {}


async def polled(thread: Thread, limit: float) -> int | None:
    """Return for how long the broker may hold requests behind a fetch of at most *limit*."""
    await thread.fetch({EVENTS}, limit)
    found: int | None = thread.fetcher._fetch_max_wait_ms
    return found


async def test_in_a_silence_the_broker_may_hold_a_request_for_long() -> None:
    assert await polled(Thread(3, [], 3), FETCH_WAIT) == SILENT_POLL_MS


async def test_behind_records_it_may_not() -> None:
    assert await polled(Thread(3, ["three"], 4), FETCH_WAIT) == BUSY_POLL_MS


async def test_where_full_partitions_are_left_out_it_may_not() -> None:
    assert await polled(Thread(3, [], 3), HELD_WAIT) == BUSY_POLL_MS


async def test_where_partitions_are_being_given_away_it_may_not() -> None:
    thread = Thread(3, [], 3)
    thread.flow.flow_active = False

    assert await polled(thread, FETCH_WAIT) == BUSY_POLL_MS
