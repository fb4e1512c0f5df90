"""`Handover`: bounded, in order, of one generation."""

from __future__ import annotations

import asyncio

from triggerstream.stream.handover import MOST_RECORDS, WAITING, Batch, Fetch, Handover

ONE, TWO = 1, 2


class Fetched:
    """What a fetch brought: so many records, and behind each an offset without one."""

    def __init__(self, count: int) -> None:
        self.left = list(range(count))
        self.next_fetch_offset = 0

    @property
    def is_over(self) -> bool:
        return not self.left

    def take(self, most: int) -> list[int]:
        taken, self.left = self.left[:most], self.left[most:]
        self.next_fetch_offset += 2 * len(taken)
        return taken


def handover(generation: int = 7) -> Handover:
    made = Handover()
    made.generation = generation
    return made


async def test_batches_come_out_in_the_order_in_which_they_went_in() -> None:
    waiting = handover()
    for partition, record in ((ONE, "a"), (TWO, "b"), (ONE, "c")):
        waiting.put(Batch(partition, 7, [record], 1))

    found = [await waiting.get(1, 60), await waiting.get(1, 60), await waiting.get(2, 60)]

    assert [batch.records for batch in found if batch] == [["a"], ["c"], ["b"]]


async def test_silence_is_none() -> None:
    waiting = handover()
    waiting.put(Batch(TWO, 7, ["of another partition"], 1))

    assert await waiting.get(1, 0.001) is None


async def test_a_batch_ends_the_wait() -> None:
    waiting = handover()
    asyncio.get_running_loop().call_soon(waiting.put, Batch(ONE, 7, ["a"], 1))

    assert await waiting.get(1, 60) == Batch(ONE, 7, ["a"], 1)


async def test_a_batch_of_another_generation_is_never_handed_out() -> None:
    waiting = handover(7)
    waiting.put(Batch(ONE, 6, ["old"], 1))
    waiting.put(Batch(ONE, 7, ["new"], 1))

    assert await waiting.get(1, 60) == Batch(ONE, 7, ["new"], 1)


async def test_a_partition_is_full_until_its_batches_are_taken() -> None:
    waiting = handover()
    for _ in range(WAITING):
        assert not waiting.is_full(ONE)
        waiting.put(Batch(ONE, 7, ["a"], 1))
    assert waiting.is_full(ONE)
    assert not waiting.is_full(TWO)

    await waiting.get(1, 60)
    assert not waiting.is_full(ONE)


async def test_clearing_makes_room() -> None:
    waiting = handover()
    for _ in range(WAITING):
        waiting.put(Batch(ONE, 7, ["a"], 1))

    waiting.clear()

    assert not waiting.is_full(ONE)
    assert await waiting.get(1, 0.001) is None


async def test_clearing_ends_every_wait() -> None:
    waiting = handover()
    waits = [asyncio.create_task(waiting.get(partition, 60)) for partition in (1, 2)]
    await asyncio.sleep(0)  # both wait now

    async with asyncio.timeout(5):
        waiting.clear()

        assert await asyncio.gather(*waits) == [None, None]


async def test_a_fetch_is_read_in_parts_as_its_lane_gets_to_them() -> None:
    waiting, fetched = handover(), Fetched(MOST_RECORDS + 1)
    waiting.put(Fetch(ONE, 7, fetched))
    waiting.put(Batch(ONE, 7, ["behind it"], 9))

    first = await waiting.get(ONE, 60)
    assert (fetched.left, waiting.is_full(ONE)) == ([MOST_RECORDS], True)
    rest = [await waiting.get(ONE, 60), await waiting.get(ONE, 60)]

    assert first == Batch(ONE, 7, list(range(MOST_RECORDS)), 2 * MOST_RECORDS)
    assert rest == [
        Batch(ONE, 7, [MOST_RECORDS], 2 * MOST_RECORDS + 2),
        Batch(ONE, 7, ["behind it"], 9),
    ]


async def test_a_fetch_without_records_is_a_batch_too() -> None:
    waiting = handover()
    waiting.put(Fetch(ONE, 7, Fetched(0)))

    assert await waiting.get(ONE, 60) == Batch(ONE, 7, [], 0)
    assert await waiting.get(ONE, 0.001) is None


async def test_a_fetch_of_another_generation_is_not_read() -> None:
    waiting, old = handover(7), Fetched(1)
    waiting.put(Fetch(ONE, 6, old))

    assert await waiting.get(ONE, 0.001) is None
    assert old.left == [0]
    assert not waiting.is_full(ONE)


async def test_waking_ends_every_wait_and_drops_nothing() -> None:
    waiting = handover()
    waiting.put(Batch(3, 7, ["a"], 1))
    waits = [asyncio.create_task(waiting.get(partition, 60)) for partition in (1, 2)]
    await asyncio.sleep(0)  # both wait now

    waiting.wake()

    async with asyncio.timeout(5):
        assert await asyncio.gather(*waits) == [None, None]
        assert await waiting.get(3, 60) == Batch(3, 7, ["a"], 1)
