"""A replay on several cores: one process a share, and this one, which merges what they decide.

They go in rounds of one chunk each. In a round every process surveys one chunk, is given the
surveys of the others, and decides its share of each. So nobody is ahead of the others by more than
a round, and what is in memory has a bound. They wait for this process alone, never for one
another: one that ends is seen, and ends the replay.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from triggerstream import errors
from triggerstream.core.records.record import Rejected
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.replay.clock import Ahead
from triggerstream.replay.driver import OnError, OnReject
from triggerstream.replay.partition import BATCH, MAX_GAP
from triggerstream.replay.shard import MOST, Shard, Survey, Told, merge
from triggerstream.replay.sources import LineSource

WORTH = 8 << 20
"""Bytes of a log, as it lies on the disk, from which several processes pay: some 20,000 events."""
_FEWEST = 3
"""Two processes take as long as one (benchmarks/replay.py --jobs 2): each passes by all lines."""
_COMPRESSED = 8
"""A compressed log is so many times longer, or so."""


def jobs_for(path: str) -> int:
    """Return how many processes a replay of *path* takes where nobody says: one for what can be
    read only once (stdin, a pipe), for what is small, and on fewer than `_FEWEST` cores; else one
    a core."""
    try:
        size = Path(path).stat().st_size if Path(path).is_file() else 0
    except OSError:
        return 1
    if size * (_COMPRESSED if path.endswith(".gz") else 1) < WORTH:
        return 1
    cores = most_jobs()
    return cores if cores >= _FEWEST else 1


def most_jobs() -> int:
    """Return how many processes can run at a time here."""
    if not hasattr(os, "fork"):
        return 1
    if hasattr(os, "sched_getaffinity"):
        return min(MOST, len(os.sched_getaffinity(0)))
    return min(MOST, os.cpu_count() or 1)


def check_jobs(path: str, jobs: int) -> None:
    """Refuse what cannot be shared by *jobs* processes.

    Raises:
        UsageError: There are too many for a replay, or *path* is no file, which each can read.
    """
    if jobs > MOST or (jobs > 1 and not hasattr(os, "fork")):
        most = MOST if hasattr(os, "fork") else 1
        msg = f"--jobs: required are at most {most}; found {jobs}"
        raise errors.UsageError(msg)
    if jobs > 1 and not Path(path).is_file():
        msg = f"--jobs: required is a file, which {jobs} processes can read; found {path}"
        raise errors.UsageError(msg)


class _Decided(msgspec.Struct, array_like=True, tag="decided"):
    """One share of a chunk's decisions, and how far the file has been read."""

    told: list[Told]
    read: int = 0


class _Ended(msgspec.Struct, array_like=True, tag="ended"):
    statuses: dict[str, int]
    clamped: int


class _Failed(msgspec.Struct, array_like=True, tag="failed"):
    """What a process ended by: an error's class, what it says, and where it was raised."""

    kind: str
    text: str
    trace: str

    def error(self) -> Exception:
        kind = getattr(errors, self.kind, None)
        if isinstance(kind, type) and issubclass(kind, errors.TriggerstreamError):
            return kind(self.text)
        return RuntimeError(f"in a process of the replay:\n{self.trace}")


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Survey | _Decided | _Ended | _Failed).decode


class Jobs:
    """Decides the log in the file *path* in *jobs* processes. A context manager; use it once.

    The decisions, what *on_reject* and *on_error* hear, and in which order, are those of `Replay`.

    Args:
        until: How far the clock runs on when the log has ended; ``None`` for not at all.

    Attributes:
        statuses, clamped, failures: As of `Replay`; complete when `printed` has ended.
        read: How many bytes of the file have been read.
    """

    def __init__(
        self,
        ruleset: Ruleset,
        path: str,
        jobs: int,
        *,
        on_reject: OnReject,
        on_error: OnError,
        until: int | None = None,
        max_gap: int = MAX_GAP,
        batch: int = BATCH,
    ) -> None:
        self._on_reject, self._on_error = on_reject, on_error
        self._until = until
        self._batch = batch
        self._number = 0
        self.statuses: Counter[str] = Counter()
        self.clamped = 0
        self.failures = 0
        self.read = 0
        context = get_context("fork")
        pipes = [context.Pipe() for _ in range(jobs)]
        self._pipes: list[Connection[Any, Any]] = [ours for ours, _ in pipes]
        self._processes: list[BaseProcess] = []
        # What is written here and not yet out would come out of each of them too.
        sys.stdout.flush()
        sys.stderr.flush()
        for number, (_, theirs) in enumerate(pipes):
            others = [end for pair in pipes for end in pair if end is not theirs]
            share = Shard(ruleset, number, jobs, max_gap=max_gap)
            process = context.Process(
                target=_work,
                args=(theirs, others, share, jobs, path, until, batch),
                name=f"replay-{number + 1}",
                daemon=True,
            )
            process.start()
            self._processes.append(process)
        for _, theirs in pipes:
            theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let nothing run on."""
        for pipe in self._pipes:
            pipe.close()
        for process in self._processes:
            process.kill()  # they hold nothing, and one that is stopped would not hear less
            process.join()
            process.close()

    @property
    def pids(self) -> list[int]:
        """The processes' ids."""
        return [process.pid or 0 for process in self._processes]

    def printed(self) -> Iterator[bytes]:
        """Yield what is decided, chunk by chunk, as lines of JSON.

        Raises:
            UnreachableError: A process has ended, by a signal or otherwise.
            Exception: What was raised in a process.
        """
        everyone = range(len(self._pipes))
        is_last = False
        while not is_last:
            frames = [self._receive(number) for number in everyone]
            for number in everyone:
                for frame in frames:
                    self._send(number, frame)
            for frame in frames:
                survey = _take(frame, Survey)
                yield self._merged()
                for index, reason, detail in survey.rejected:
                    self.statuses["rejected"] += 1
                    self._on_reject(self._number + index + 1, reason, detail)
                self._number += len(survey.owners)
                is_last = len(survey.owners) < self._batch
        if self._until is not None:
            yield self._merged()
        for number in everyone:
            ended = _take(self._receive(number), _Ended)
            self.statuses.update(ended.statuses)
            self.clamped = ended.clamped

    def _merged(self) -> bytes:
        shares = [_take(self._receive(number), _Decided) for number in range(len(self._pipes))]
        self.read = max(self.read, shares[0].read)
        lines: list[bytes] = []
        for told in merge(share.told for share in shares):
            if told.failed is None:
                lines.append(told.line)
            else:
                self.failures += 1
                self._on_error(told.failed)
        return b"".join(lines)

    def _send(self, number: int, frame: bytes) -> None:
        try:
            self._pipes[number].send_bytes(frame)
        except OSError:
            self._receive(number)  # it has ended, and may have said why
            raise

    def _receive(self, number: int) -> bytes:
        try:
            frame = self._pipes[number].recv_bytes()
        except (EOFError, OSError) as error:
            process = self._processes[number]
            process.join()
            code = process.exitcode or 0
            how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
            msg = f"replay: process {number + 1} of {len(self._pipes)} has ended {how}"
            raise errors.UnreachableError(msg) from error
        message = _decode(frame)
        if isinstance(message, _Failed):
            raise message.error()
        return frame


def _take(frame: bytes, kind: type[Any]) -> Any:
    message = _decode(frame)
    if type(message) is not kind:
        msg = f"a process of the replay: required is {kind.__name__}; found {message!r:.200}"
        raise errors.DecisionError(msg)
    return message


# ── in the other processes ──────────────────────────────────────────────────────────────────


def _work(
    pipe: Connection[Any, Any],
    others: Sequence[Connection[Any, Any]],
    share: Shard,
    jobs: int,
    path: str,
    until: int | None,
    batch: int,
) -> None:
    """Decide *share*, and tell it through *pipe*. Ends with the process at its other end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # that process hears it too, and ends
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    for other in others:
        other.close()  # or nobody would see the end of the one that holds it
    try:
        _decide(pipe, share, jobs, path, until, batch)
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except Exception as error:  # noqa: BLE001 - it is raised where somebody hears it
        failed = _Failed(type(error).__name__, str(error), traceback.format_exc())
        pipe.send_bytes(_encode(failed))


def _decide(
    pipe: Connection[Any, Any],
    share: Shard,
    jobs: int,
    path: str,
    until: int | None,
    batch: int,
) -> None:
    source = LineSource(path)
    lines = Ahead(source)
    is_last = False
    while not is_last:
        chunks = [lines.take(batch) for _ in range(jobs)]
        pipe.send_bytes(_encode(share.survey(chunks[share.number])))
        surveys = [_take(pipe.recv_bytes(), Survey) for _ in chunks]
        for number, (chunk, survey) in enumerate(zip(chunks, surveys, strict=True), 1):
            following = partial(_following, chunks[number:], lines)
            told = _decide_chunk(share, chunk, survey, following, path)
            pipe.send_bytes(_encode(_Decided(told, source.read)))
        is_last = len(chunks[-1]) < batch
    if until is not None:
        pipe.send_bytes(_encode(_Decided(share.run_until(until))))
    pipe.send_bytes(_encode(_Ended(dict(share.statuses), share.clamped)))


def _following(chunks: Sequence[Sequence[bytes]], lines: Ahead) -> Iterator[bytes]:
    return chain(*chunks, lines.peek())


def _decide_chunk(
    share: Shard,
    lines: Sequence[bytes],
    survey: Survey,
    following: Callable[[], Iterator[bytes]],
    path: str,
) -> list[Told]:
    try:
        if len(survey.owners) == len(lines):
            return share.decide(lines, survey, following)
    except Rejected:
        pass
    msg = f"{path}: required is a file that nobody writes to meanwhile; it has changed"
    raise errors.UsageError(msg)
