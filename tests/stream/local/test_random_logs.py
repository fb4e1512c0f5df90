"""Whatever is done to a log, and whenever its process is killed, it is the list that it should be.

The list is kept beside it: by topic, what was appended at each offset, or ``None`` where it was
removed since.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.stream.local.logs import NOW
from triggerstream.core.records.record import Header, Produce
from triggerstream.stream.local.erasure import Named, erase
from triggerstream.stream.local.log import LocalLog
from triggerstream.stream.local.reader import LogReader
from triggerstream.stream.local.retention import Sweep
from triggerstream.stream.ports import Acknowledged

TOPICS = ("events", "actions", "events.dlq")
KEYS = (b"a", b"b", b"c")
EVERYTHING = 1 << 62

Kept = tuple[bytes | None, bytes | None, tuple[Header, ...]]

contents = st.none() | st.binary(max_size=3) | st.sampled_from([b"x" * 900, b"y" * 6_000])
headers = st.lists(st.tuples(st.text(max_size=2), st.none() | st.binary(max_size=2)), max_size=2)
produce = st.builds(
    Produce,
    st.sampled_from(TOPICS),
    st.sampled_from([None, 0]),
    st.none() | st.sampled_from(KEYS),
    contents,
    headers.map(tuple),
)
groups = st.lists(st.lists(produce, min_size=1, max_size=4), min_size=1, max_size=8)


class Logs(RuleBasedStateMachine):
    """A log and its list."""

    @initialize()
    def begin(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="local-log-"))
        self.path = self.directory / "log.db"
        self.expected: dict[str, list[Kept | None]] = {topic: [] for topic in TOPICS}
        self.runner = asyncio.Runner()
        self.run(self.open())

    def run(self, call: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(call)

    async def open(self) -> None:
        self.log = LocalLog(self.path, now=lambda: NOW, passed=lambda: 0)
        await self.log.start()

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.run(self.log.stop())
            self.runner.close()
            shutil.rmtree(self.directory)

    # ── what is done ────────────────────────────────────────────────────────────────────────

    @rule(groups=groups)
    def append(self, groups: list[list[Produce]]) -> None:
        async def appending() -> list[Sequence[Acknowledged]]:
            waiting: list[Awaitable[Sequence[Acknowledged]]] = [
                await self.log.append(group) for group in groups
            ]
            return [await each for each in waiting]

        for group, answers in zip(groups, self.run(appending()), strict=True):
            topics = list(dict.fromkeys(record.topic for record in group))
            assert [answer.base_offset for answer in answers] == [
                len(self.expected[topic]) for topic in topics
            ]
            self.expect(group)
            assert sum(answer.count for answer in answers) == len(group)

    def expect(self, group: list[Produce]) -> None:
        for record in group:
            self.expected[record.topic].append((record.key, record.value, record.headers))

    @rule()
    def reopen(self) -> None:
        self.run(self.log.stop())
        self.run(self.open())

    @rule(groups=groups, acknowledged=st.integers(0, 8), statement=st.none() | st.integers(1, 30))
    def append_and_be_killed(
        self, groups: list[list[Produce]], acknowledged: int, statement: int | None
    ) -> None:
        """After so many acknowledgements by us, or by itself before a statement to SQLite."""
        self.run(self.log.stop())
        told = append_in_another(self.path, groups, acknowledged, statement)
        self.run(self.open())
        # Appends are there in the order of calls: the acknowledged ones, and a few more perhaps.
        ends = {topic: self.log.end_offset(topic) for topic in TOPICS}
        for number, group in enumerate(groups):
            if ends == {topic: len(self.expected[topic]) for topic in TOPICS}:
                assert number >= told
                break
            self.expect(group)
        assert ends == {topic: len(self.expected[topic]) for topic in TOPICS}

    @rule(key=st.sampled_from(KEYS), topic=st.sampled_from(TOPICS), share=st.floats(0, 1))
    def erase(self, key: bytes, topic: str, share: float) -> None:
        expected = self.expected[topic]
        until = int(share * len(expected))
        is_theirs = Named(key.decode(), by_content=frozenset())

        found = self.run(
            erase(self.log, is_theirs, until={topic: until}, needed=lambda _: EVERYTHING)
        )

        gone = [at for at in range(until) if (kept := expected[at]) and kept[0] == key]
        for at in gone:
            expected[at] = None
        assert (found.removed, found.left) == (len(gone), 0)

    @rule(topic=st.sampled_from(TOPICS), share=st.floats(0, 1))
    def sweep(self, topic: str, share: float) -> None:
        expected = self.expected[topic]
        needed = int(share * len(expected))

        self.run(self.log.work(Sweep({topic: (NOW + 1, needed)}).step))

        # Whole rows: the one that *needed* is in stays.
        left = [at for at, _ in self.read_all(self.log, topic)]
        start = left[0] if left else needed
        assert start <= needed or all(kept is None for kept in expected[needed:start])
        for at in range(min(start, needed)):
            expected[at] = None

    # ── what is asked ───────────────────────────────────────────────────────────────────────

    def read_all(self, log: LocalLog | LogReader, topic: str, most: int = 3) -> list[Any]:
        found: list[tuple[int, Kept]] = []
        following = 0
        while following < log.end_offset(topic):
            columns, after = log.read(topic, following, most)
            assert after > following
            assert len(columns) <= most
            found += [(r.offset, (r.key, r.value, tuple(r.headers))) for r in columns]
            assert {r.timestamp for r in columns} <= {NOW}
            following = after
        return found

    @precondition(lambda self: hasattr(self, "log"))
    @invariant()
    def it_is_the_list(self) -> None:
        with LogReader(self.path) as reader:
            for topic, expected in self.expected.items():
                assert self.log.end_offset(topic) == len(expected)
                assert reader.end_offset(topic) == len(expected)
                wanted = [(at, kept) for at, kept in enumerate(expected) if kept is not None]
                assert self.read_all(self.log, topic) == wanted
                assert self.read_all(reader, topic, 100) == wanted

    @rule(topic=st.sampled_from(TOPICS), offset=st.integers(0, 60), most=st.integers(1, 9))
    def read(self, topic: str, offset: int, most: int) -> None:
        columns, following = self.log.read(topic, offset, most)

        behind = list(enumerate(self.expected[topic]))[offset:]
        wanted = [(at, kept) for at, kept in behind if kept is not None][:most]
        assert list(columns.offsets) == [at for at, _ in wanted]
        assert columns.keys == [kept[0] for _, kept in wanted]
        assert following >= offset
        assert not any(wanted and offset <= following <= at for at, _ in wanted)


def append_in_another(
    path: Path, groups: list[list[Produce]], acknowledged: int, statement: int | None
) -> int:
    """Append *groups* in a process that is killed; return of how many it heard that they are
    durable."""
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(_append_and_tell(path, groups, writable, statement))
            signal.pause()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.close(writable)
    told = 0
    while told < min(acknowledged, len(groups)) and os.read(readable, 1):
        told += 1
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while os.read(readable, 1):
        told += 1
    os.close(readable)
    return told


async def _append_and_tell(
    path: Path, groups: list[list[Produce]], writable: int, statement: int | None
) -> None:
    log = LocalLog(path, now=lambda: NOW, passed=lambda: 0)
    await log.start()
    if statement is not None:
        await log.work(dying_at(statement))
    # Each three share a transaction, as far as the machine is quick enough.
    for start in range(0, len(groups), 3):
        waiting = [await log.append(group) for group in groups[start : start + 3]]
        for each in waiting:
            await each
            os.write(writable, b".")


def dying_at(statement: int) -> Callable[[sqlite3.Connection], bool]:
    """Return work that has the process die before its so-manieth statement to SQLite."""
    left = statement

    def trace(_: str) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def step(db: sqlite3.Connection) -> bool:
        db.set_trace_callback(trace)
        return False

    return step


TestLogs = pytest.mark.long(Logs.TestCase)
TestLogs.settings = settings(max_examples=25, stateful_step_count=15)
