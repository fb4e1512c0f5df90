"""`Offsets`: committed is what is done."""

from __future__ import annotations

from faust.types import TP

from triggerstream.stream.kafka.faust.offsets import Offsets

ONE = TP("events", 1)


def test_what_is_done_is_pending_until_committed() -> None:
    offsets = Offsets()
    offsets.started(ONE, 5)
    assert offsets.pending() == {}

    offsets.done(ONE, 9)
    assert offsets.pending() == {ONE: 10}

    offsets.committed({ONE: 10})
    assert offsets.pending() == {}


def test_done_never_goes_back() -> None:
    offsets = Offsets()
    offsets.started(ONE, None)
    offsets.done(ONE, 9)

    offsets.done(ONE, 4)

    assert offsets.pending() == {ONE: 10}


def test_nothing_is_committed_that_the_group_holds_already() -> None:
    offsets = Offsets()
    offsets.started(ONE, 10)

    offsets.done(ONE, 9)

    assert offsets.pending() == {}


def test_a_partition_that_is_not_ours_is_not_committed() -> None:
    offsets = Offsets()
    offsets.started(ONE, None)
    offsets.done(ONE, 9)
    offsets.forget([ONE])

    offsets.done(ONE, 10)

    assert offsets.pending() == {}
