"""Playing: as fast as an installation works off what comes, and until all has ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence

import pytest

from tests.demo.test_tally import METRICS, delivery
from triggerstream.core.reasons import Outcome
from triggerstream.core.records.record import Record
from triggerstream.demo.history import Played
from triggerstream.demo.run import CHUNK, LIMIT, MOST_BEHIND, SETTLE, DemoError, play
from triggerstream.demo.show import Board
from triggerstream.demo.stage import Progress
from triggerstream.demo.tally import Tally, counts

ACTIONS = 6
"""That METRICS leave to be delivered: eight matched, of which two were suppressed."""


class Fake:
    """An installation that decides *pace* records between two looks, and delivers all actions when
    it has decided all; a second passes between two looks."""

    elsewhere = ""

    def __init__(self, records: int, *, pace: int, delivers: int = ACTIONS) -> None:
        self.now = 0.0
        self.behind: list[int] = []
        self.appended: list[Played] = []
        self._pace = pace
        self._decided = 0
        self._all = records
        self._delivers = delivers

    async def play(self) -> Tally:
        records = [Played(number, b"c1", b"{}") for number in range(self._all)]
        return await play(self, records, Board(), sleep=self.sleep, monotonic=lambda: self.now)

    async def sleep(self, _seconds: float) -> None:
        self.behind.append(len(self.appended) - self._decided)
        self.now += 1
        self._decided = min(len(self.appended), self._decided + self._pace)

    async def wait_until_ready(self) -> None: ...

    async def append(self, records: Sequence[Played]) -> None:
        self.appended += records

    async def progress(self) -> Progress:
        return Progress(self._decided, len(self.appended), 0, 0)

    async def read(self, topic: str) -> AsyncIterator[Record]:
        if topic == "deliveries" and self._decided == self._all:
            for number in range(self._delivers):
                yield delivery(number, Outcome.SENT)

    async def metrics(self) -> str:
        return METRICS

    @property
    def places(self) -> Mapping[str, str]:
        return {"log": "a-file"}


async def test_all_is_played_in_order_and_once() -> None:
    stage = Fake(3 * CHUNK + 1, pace=10 * CHUNK)

    await stage.play()

    assert [record.arrival for record in stage.appended] == list(range(3 * CHUNK + 1))


async def test_history_waits_for_who_decides() -> None:
    stage = Fake(4 * MOST_BEHIND, pace=CHUNK)

    await stage.play()

    assert max(stage.behind) == MOST_BEHIND


async def test_it_is_over_as_soon_as_every_action_has_ended() -> None:
    stage = Fake(CHUNK, pace=CHUNK)

    tally = await stage.play()

    assert tally.pending == 0
    assert stage.now == 1


async def test_an_action_that_does_not_end_is_waited_for_and_then_told() -> None:
    stage = Fake(CHUNK, pace=CHUNK, delivers=ACTIONS - 1)

    tally = await stage.play()

    assert tally.pending == 1
    assert stage.now == 1 + SETTLE


async def test_what_does_not_come_to_an_end_says_how_far_it_came() -> None:
    stage = Fake(CHUNK, pace=0)

    with pytest.raises(DemoError, match=r"500 of 500 records are played, 0 of 500.*log: a-file"):
        await stage.play()

    assert stage.now == LIMIT + 1


def test_who_is_further_behind_counts() -> None:
    assert Progress(decided=1, events=3, sent=0, actions=9).behind == 9
    assert Progress(decided=0, events=3, sent=9, actions=9).behind == 3


def test_counters_are_summed_by_the_label_that_is_asked_for() -> None:
    text = (
        "# TYPE triggerstream_records counter\n"
        'triggerstream_records_total{status="applied",topic="events"} 3.0\n'
        'triggerstream_records_total{status="late",topic="events"} 1.0\n'
        'triggerstream_records_total{status="applied",topic="actions"} 5.0\n'
        'triggerstream_records_rejected_total{reason="empty",topic="events"} 2.0\n'
        'triggerstream_records_rejected_total{reason="empty",topic="inbox"} 0.0\n'
    )

    found = counts(text, "records_total", "records_rejected_total", by="topic")

    assert found == Counter(events=6, actions=5)
