"""Ends of a process: hard, where nothing else is possible any more."""

from __future__ import annotations

import threading

from triggerstream.stream.shutdown import STUCK, end_when_stuck


class Loop:
    """Turns, or does not; notes how the process was ended."""

    def __init__(self) -> None:
        self.why = ""
        self.looks = 0
        self.codes: list[int] = []
        self.looked = threading.Event()
        self.ended = threading.Event()

    def why_not_alive(self) -> str:
        self.looks += 1
        if self.looks > 3:
            self.looked.set()
        return self.why

    def end(self, code: int) -> None:
        self.codes.append(code)
        self.ended.set()


def test_a_process_whose_loop_does_not_turn_is_ended_once() -> None:
    loop = Loop()
    loop.why = "the event loop has not turned for 31 s"

    end_when_stuck(loop.why_not_alive, end=loop.end, look=0.001)

    assert loop.ended.wait(10)
    assert loop.codes == [STUCK]
    assert loop.looks == 1


def test_one_whose_loop_turns_is_left_alone() -> None:
    loop = Loop()

    stop = end_when_stuck(loop.why_not_alive, end=loop.end, look=0.001)

    assert loop.looked.wait(10)
    assert loop.codes == []
    stop()


def test_one_that_has_stopped_is_not_looked_at_any_more() -> None:
    loop = Loop()
    stop = end_when_stuck(loop.why_not_alive, end=loop.end, look=0.001)
    assert loop.looked.wait(10)
    stop()
    for thread in threading.enumerate():
        if thread.name == "stuck":
            thread.join(10)
    loop.why = "it has ended"

    assert not loop.ended.wait(0.01)
    assert loop.codes == []
