"""A client's refusals that pass by themselves are not told; what lasts is."""

from __future__ import annotations

import logging

import pytest

from triggerstream.ops.client_noise import AGAIN_AFTER, LASTS, PASSING, PassingErrors


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Heard:
    """A filter by a clock of its own."""

    def __init__(self) -> None:
        self.clock = Clock()
        self._filter = PassingErrors(self.clock)

    def at(self, seconds: float, message: str, name: str = "aiokafka.consumer") -> bool:
        self.clock.now = seconds
        record = logging.LogRecord(name, logging.ERROR, "", 0, message, None, None)
        return self._filter.filter(record)


REFUSED = "Failed fetch offsets from 1: [Error 6] NotLeaderForPartitionError: …"


@pytest.mark.parametrize("sign", PASSING)
def test_what_passes_is_not_told(sign: str) -> None:
    heard = Heard()

    assert not any(heard.at(second, f"… {sign} …") for second in range(int(LASTS)))


def test_what_lasts_is_told_once_a_minute() -> None:
    heard = Heard()

    assert not heard.at(0, REFUSED)
    assert not heard.at(LASTS - 0.001, REFUSED)
    assert heard.at(LASTS, REFUSED)
    told = [second for second in range(16, 200) if heard.at(second, REFUSED)]

    assert told == [LASTS + AGAIN_AFTER, LASTS + 2 * AGAIN_AFTER, LASTS + 3 * AGAIN_AFTER]


def test_a_pause_begins_anew() -> None:
    heard = Heard()
    heard.at(0, REFUSED)

    assert not heard.at(LASTS, REFUSED)
    assert not heard.at(2 * LASTS - 0.001, REFUSED)


def test_other_errors_and_other_libraries_are_told_at_once() -> None:
    heard = Heard()

    assert heard.at(0, "Topic authorization failed")
    assert heard.at(0, REFUSED, name="triggerstream.stream")
