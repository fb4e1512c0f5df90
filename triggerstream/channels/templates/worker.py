"""The process that renders: one job after the other, until nobody is at the other end.

It is started by `processes` and talks over its standard input, a socket in both directions: frames
of four bytes of length and MessagePack. It ends when the other end is closed, which is what the
death of the sender does too.
"""

from __future__ import annotations

import resource
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import msgspec
from liquid.exceptions import LiquidError

from triggerstream.channels.base import Content
from triggerstream.channels.templates.environment import OutOfMemoryError, TemplateError
from triggerstream.channels.templates.processes import LENGTH, Problem, Reply
from triggerstream.channels.templates.render import Job, render_job


class _OverrunError(LiquidError):
    """The first alarm; Liquid adds the line that it was at."""


def main(cpu: float, memory: int) -> None:
    """Render until the other end is closed.

    Args:
        cpu: Seconds of processor time for one job.
        memory: Bytes that rendering may take beside what the process has at its start.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Meant for the sender, which still renders while it finishes what is under way.
        signal.signal(number, signal.SIG_IGN)
    _bound_memory(memory)
    decode, encode = msgspec.msgpack.Decoder(Job).decode, msgspec.msgpack.Encoder().encode
    with socket.socket(fileno=sys.stdin.fileno()) as other_end, other_end.makefile("rb") as frames:
        while (frame := _read(frames)) is not None:
            told = encode(_answer(decode(frame), cpu))
            other_end.sendall(LENGTH.pack(len(told)) + told)


def _bound_memory(memory: int) -> None:
    """Have allocations fail beyond *memory*, where the system can do that."""
    used = 0
    with suppress(OSError):
        used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = used * resource.getpagesize() + memory
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _read(frames: BinaryIO) -> bytes | None:
    head = frames.read(LENGTH.size)
    return frames.read(*LENGTH.unpack(head)) if len(head) == LENGTH.size else None


def _answer(job: Job, cpu: float) -> Reply:
    try:
        return Reply(content=_render(job, cpu))
    except TemplateError as error:
        exhausted = isinstance(error, OutOfMemoryError)
        told = Problem(error.problem, error.part, error.line, error.column, exhausted)
        return Reply(problem=told)
    except _OverrunError as error:  # beside the template: in what is read for it
        return Reply(problem=Problem(str(error.message)))


def _render(job: Job, cpu: float) -> Content:
    def overrun(*_: object) -> None:
        raise _OverrunError(f"rendering is limited to {cpu:g} s of processor time", token=None)

    signal.signal(signal.SIGVTALRM, overrun)
    # Python hears the first alarm between two of its steps; the second one the system carries out.
    signal.setitimer(signal.ITIMER_VIRTUAL, cpu)
    signal.setitimer(signal.ITIMER_PROF, 2 * cpu)
    try:
        return render_job(job)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.setitimer(signal.ITIMER_PROF, 0)


if __name__ == "__main__":
    with suppress(OSError):  # the other end has gone
        main(float(sys.argv[1]), int(sys.argv[2]))
