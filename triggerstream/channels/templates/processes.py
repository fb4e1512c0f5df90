"""Rendering in processes of their own, which a sender can lose without being lost.

The bounds on what a template makes hold everywhere (`bounds`). What they miss would stop a sender
with all of its partitions, or end it by its hunger for memory, over and over with the same action.
So a sender renders here: the system ends a process that takes too much processor time and refuses
it memory, and the next job gets another process. A thread could not be ended.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
from typing import Protocol

import msgspec

from triggerstream.channels.base import Content
from triggerstream.channels.templates.environment import TemplateError
from triggerstream.channels.templates.render import Job, render_job
from triggerstream.errors import TriggerstreamError

LENGTH = struct.Struct("!I")

CPU = 2.0
"""Seconds of processor time for one job, after some milliseconds that it usually takes."""
MEMORY = 256 * 1024 * 1024
"""Bytes that rendering may take."""
WALL = 10.0
"""Seconds after which a process is given up that does not answer and takes no processor time."""
_GOODBYE = 1.0


class Problem(msgspec.Struct, array_like=True, frozen=True):
    """A `TemplateError`, on its way.

    Attributes:
        exhausted: The process that tells it ran out of memory, and gets no other job: nobody knows
            what is left of it.
    """

    problem: str
    part: str | None = None
    line: int | None = None
    column: int | None = None
    exhausted: bool = False


class Reply(msgspec.Struct, array_like=True, frozen=True):
    """What became of a job: one of the two."""

    content: Content | None = None
    problem: Problem | None = None


class RenderingUnavailableError(TriggerstreamError):
    """There is no process to render in, through no fault of the template; later there may be."""


class Renderer(Protocol):
    """Where templates are rendered."""

    async def render(self, job: Job) -> Content:
        """Return the content that *job* asks for.

        Raises:
            TemplateError: It cannot be rendered, now or ever.
            RenderingUnavailableError: It cannot be rendered now.
        """
        ...

    async def close(self) -> None:
        """Let go of what it holds. No rendering is under way."""
        ...


class InProcess:
    """Renders where it is called: for tests and simulations, where templates are one's own."""

    async def render(self, job: Job) -> Content:
        return render_job(job)

    async def close(self) -> None:
        """Nothing is held."""


class Processes:
    """Renders in at most *size* processes, which are started when they are first needed.

    A process that is killed from outside is replaced and its job done again, once.
    """

    def __init__(
        self, size: int = 2, *, cpu: float = CPU, memory: int = MEMORY, wall: float = WALL
    ) -> None:
        self._limits = (cpu, memory)
        self._wall = wall
        self._room = asyncio.Semaphore(size)
        self._idle: list[_Process] = []

    async def render(self, job: Job) -> Content:
        frame = msgspec.msgpack.encode(job)
        async with self._room:
            reply = await self._ask(frame) or await self._ask(frame)
        if reply is None:
            raise TemplateError("the process that renders it ended twice", job.template)
        if reply.content is not None:
            return reply.content
        told = reply.problem or Problem("it came to nothing")
        raise TemplateError(told.problem, job.template, told.part, told.line, told.column)

    async def close(self) -> None:
        for process in self._idle:
            process.end()
        self._idle.clear()

    async def _ask(self, frame: bytes) -> Reply | None:
        """Return the reply of a process, or ``None`` if it ended without one."""
        process = self._idle.pop() if self._idle else self._start()
        try:
            async with asyncio.timeout(self._wall):
                told = await process.ask(frame)
        except TimeoutError as error:
            process.kill()
            message = f"the process that renders did not answer within {self._wall:g} s"
            raise RenderingUnavailableError(message) from error
        except (OSError, EOFError):
            if process.kill() != -signal.SIGPROF:
                return None
            cpu, _ = self._limits
            return Reply(problem=Problem(f"rendering is limited to {cpu:g} s of processor time"))
        except BaseException:
            process.kill()  # its reply, which nobody waits for, would be taken for another's
            raise
        reply = msgspec.msgpack.decode(told, type=Reply)
        if reply.problem is not None and reply.problem.exhausted:
            process.kill()  # nothing is left to it, and its own end may take long: all wait here
        else:
            self._idle.append(process)
        return reply

    def _start(self) -> _Process:
        try:
            return _Process(*self._limits)
        except OSError as error:
            message = f"no process to render in: {error.strerror}"
            raise RenderingUnavailableError(message) from error


class _Process:
    """One process, and this end of its socket."""

    def __init__(self, cpu: float, memory: int) -> None:
        self._socket, other_end = socket.socketpair()
        with other_end:
            try:
                self._process = subprocess.Popen(  # noqa: S603 - ourselves, with two numbers
                    [sys.executable, "-P", "-m", f"{__package__}.worker", str(cpu), str(memory)],
                    stdin=other_end.fileno(),
                    stdout=subprocess.DEVNULL,
                    env=_environment(),
                )
            except BaseException:
                self._socket.close()
                raise
        self._socket.setblocking(False)

    async def ask(self, frame: bytes) -> bytes:
        """Return the frame that the process answers to *frame*.

        Raises:
            OSError: The process has ended, as with `EOFError`.
        """
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._socket, LENGTH.pack(len(frame)) + frame)
        told = bytearray()
        wanted = LENGTH.size
        while len(told) < wanted:
            piece = await loop.sock_recv(self._socket, 1 << 18)
            if not piece:
                raise EOFError
            told += piece
            if wanted == LENGTH.size and len(told) >= LENGTH.size:
                wanted += LENGTH.unpack_from(told)[0]
        return bytes(told[LENGTH.size :])

    def kill(self) -> int:
        """End the process if it has not ended, and return its exit code."""
        self._socket.close()
        if self._process.poll() is None:
            self._process.kill()
        return self._process.wait()

    def end(self) -> None:
        """Let the process end by itself, which it does at once where it is idle."""
        self._socket.close()
        try:
            self._process.wait(_GOODBYE)
        except subprocess.TimeoutExpired:
            self.kill()


def _environment() -> dict[str, str]:
    """Return what the process may know: where Python's modules lie, and nothing of the machine.

    Not its zone or language, on which no template may depend, and not the sender's secrets.
    """
    path = os.pathsep.join(each or os.getcwd() for each in sys.path)
    return {"PYTHONPATH": path, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
