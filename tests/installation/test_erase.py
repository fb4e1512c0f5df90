"""Having customers forgotten, and knowing when detection has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from typing import Self

import pytest

from triggerstream.core.records.columns import Row
from triggerstream.core.records.record import KIND, ORIGIN, Kind, Produce, Record
from triggerstream.installation.erase import Asked, erase
from triggerstream.installation.port import Detection, Entrance, Remembered
from triggerstream.stream.following import Follower, Start
from triggerstream.stream.ports import Acknowledged

FIRST = 40
"""The inbox's end."""


def erased(origin: str | None, partition: int, offset: int, kind: bytes = Kind.ERASE) -> Record:
    """Return what the intake makes of a record of the inbox that says to erase somebody."""
    headers = [(KIND, kind)] + ([] if origin is None else [(ORIGIN, origin.encode())])
    return Row(partition, offset, 0, b"c", None, headers)


class FakeInstallation:
    """Everything in it happens in turns: what comes in a turn, and how far detection is by then.

    It is its own follower, entrance and detection.
    """

    engine = "the engine"

    def __init__(self, *turns: tuple[Sequence[Record], Mapping[int, int]]) -> None:
        self._turns = iter(turns)
        self._committed: Mapping[int, int] = {}
        self.appended: list[Produce] = []
        self.followed: tuple[Collection[str], Collection[str] | None] | None = None
        self.turns_taken = 0
        self.has_begun = False

    # ── the installation ────────────────────────────────────────────────────────────────────

    def topic_name(self, topic: str) -> str:
        return topic

    def talking(self) -> AbstractContextManager[None]:
        return nullcontext()

    async def reach(self, needs: Collection[str] = ()) -> None: ...

    async def make_rulesets_topic(self) -> None: ...

    async def inspect(self, customer: str) -> Mapping[str, Remembered]:
        raise AssertionError("nobody is inspected")

    def follow(self, topics: Collection[str], customers: Collection[str] | None = None) -> Follower:
        self.followed = topics, customers
        return self

    @asynccontextmanager
    async def entrance(self) -> AsyncIterator[Entrance]:
        yield self

    @asynccontextmanager
    async def detection(self) -> AsyncIterator[Detection]:
        yield self

    # ── its follower ────────────────────────────────────────────────────────────────────────

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def begin(self, start: Start) -> None:
        assert start == Start(), "what is asked now comes later"
        assert self.appended == [], "it begins before anything is asked"
        self.has_begun = True

    def history(self) -> AsyncIterator[tuple[str, Record]]:
        raise AssertionError("the past does not concern us")

    async def coming(self) -> list[tuple[str, Record]]:
        assert self.has_begun
        self.turns_taken += 1
        records, self._committed = next(self._turns, ((), self._committed))
        return [("events", record) for record in records]

    async def has_read_all(self) -> bool:
        return False

    # ── its entrance, its detection ─────────────────────────────────────────────────────────

    async def place(self, topic: str, key: bytes | None) -> int:
        return 3

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        base = FIRST + len(self.appended)
        self.appended.extend(records)

        async def answer() -> Sequence[Acknowledged]:
            return [Acknowledged(base, len(records), -1)]

        return answer()

    async def has_committed(self, offsets: Mapping[int, int]) -> bool:
        return all(self._committed.get(each, -1) > offset for each, offset in offsets.items())


class Clock:
    """Goes on by a second whenever it is looked at."""

    now = 0.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


async def asked(
    installation: FakeInstallation, wait: float | None, *customers: str
) -> tuple[list[Asked], Sequence[str]]:
    told: list[Asked] = []
    open_ = await erase(installation, customers, told.append, wait, clock=Clock())
    return told, open_


async def test_the_order_goes_to_the_inbox_and_is_told_when_it_is_there() -> None:
    installation = FakeInstallation()

    told, _ = await asked(installation, None, "ada", "bob")

    assert installation.appended == [
        Produce("inbox", 3, name, None, ((KIND, Kind.ERASE),)) for name in (b"ada", b"bob")
    ]
    assert told == [Asked("ada", 3, FIRST), Asked("bob", 3, FIRST + 1)]
    assert (installation.followed, installation.turns_taken) == (None, 0)


async def test_who_waits_knows_when_detection_is_done_with_all_of_them() -> None:
    installation = FakeInstallation(
        ([erased("3:40", 0, 7)], {0: 7}),  # read, and not done with
        ([], {0: 8}),
        ([erased("3:41", 1, 2)], {0: 8, 1: 3}),
    )

    _, open_ = await asked(installation, 100, "ada", "bob")

    assert open_ == []
    assert installation.followed == (("events",), ("ada", "bob"))
    assert installation.turns_taken == 3


@pytest.mark.parametrize(
    "record",
    [
        erased("3:39", 0, 7),
        erased("2:40", 0, 7),
        erased(None, 0, 7),
        erased("3:40", 0, 7, Kind.TICK),
    ],
    ids=["another offset", "another partition", "another's erasure", "another kind"],
)
async def test_what_is_not_ours_says_nothing_of_it(record: Record) -> None:
    _, open_ = await asked(FakeInstallation(([record], {0: 8})), 5, "ada")

    assert open_ == ["ada"]


async def test_when_time_is_up_it_is_told_of_whom_it_is_not_known() -> None:
    installation = FakeInstallation(
        ([erased("3:40", 0, 7), erased("3:41", 0, 8)], {0: 8}),
    )

    _, open_ = await asked(installation, 5, "ada", "bob")

    assert open_ == ["bob"]
    assert installation.turns_taken == 4
