"""Fixtures: tests of triggers, and what came of them.

A fixture says which events come, and exactly which decisions are expected of them, in order. The
file format is `authoring.fixture_files`; `authoring.fixture_runs` runs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

import msgspec

from triggerstream.authoring.emails import ExpectedEmail
from triggerstream.core.decisions import Firing
from triggerstream.core.durations import UNITS
from triggerstream.core.timestamps import format_moment, parse_moment

BASE = parse_moment("2026-01-05T10:00:00Z")
"""Where the times of a fixture count from: a Monday, without a change of clocks near it."""

SHOWN = ("w", "d", "h", "m", "s", "ms")


class Expected(msgspec.Struct, frozen=True):
    """One decision, as far as a fixture speaks of it. *at* is in epoch milliseconds."""

    trigger: str
    customer: str
    at: int
    kind: str = "firing"
    reason: str | None = None

    def __str__(self) -> str:
        what = self.kind if self.reason is None else f"{self.kind} ({self.reason})"
        return f"{what} {self.trigger} for {self.customer} at {show_time(self.at)}"


class Fixture(msgspec.Struct, frozen=True):
    """One test.

    Attributes:
        events: One JSON object each.
        lines: The line in *file* of each event.
        until: Up to when the log is silent after the last event; ``None`` ends with it.
        only: Compare only these triggers' decisions; ``None`` compares all.
        expect_lines: The line in *file* of each decision of *expect*.
        emails: What is expected of the e-mails of each decision of *expect*, in the order of the
            trigger's file; nothing where it is empty.
    """

    name: str
    file: str
    line: int
    events: tuple[bytes, ...]
    lines: tuple[int, ...]
    expect: tuple[Expected, ...]
    until: int | None = None
    only: frozenset[str] | None = None
    expect_lines: tuple[int, ...] = ()
    emails: tuple[tuple[ExpectedEmail, ...], ...] = ()

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"


class Result(msgspec.Struct, frozen=True):
    """What came of a fixture.

    Attributes:
        problems: Events that are none, triggers that failed, messages that cannot be rendered or
            are not as expected: ``file:line: …`` each, with what is shown beside on further lines.
        notes: Events that changed little or nothing, for they came late or again: each in the same
            form. That is no problem, but often why a test fails.
        fired: The firings of *got*.
        rendered: How many messages were rendered.
    """

    fixture: Fixture
    got: tuple[Expected, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()
    fired: tuple[Firing, ...] = ()
    rendered: int = 0

    @property
    def is_ok(self) -> bool:
        return not self.problems and self.got == self.fixture.expect

    @property
    def is_reordered(self) -> bool:
        """Whether what came is what was expected, but in another order."""
        wanted, got = self.fixture.expect, self.got
        return wanted != got and sorted(wanted, key=str) == sorted(got, key=str)

    def diff(self) -> list[str]:
        """Return the expected and the got decisions line by line: ``-`` was expected and did not
        come, ``+`` came and was not expected, a blank is both."""
        wanted, got = self.fixture.expect, self.got
        lines: list[str] = []
        for _, wanted_from, wanted_to, got_from, got_to in matcher(wanted, got).get_opcodes():
            missing, extra = wanted[wanted_from:wanted_to], got[got_from:got_to]
            if missing == extra:
                lines.extend(f"  {decision}" for decision in missing)
            else:
                lines.extend(f"- {decision}" for decision in missing)
                lines.extend(f"+ {decision}" for decision in extra)
        return lines


def matcher(wanted: Sequence[Expected], got: Sequence[Expected]) -> SequenceMatcher[Expected]:
    """Return what finds which of *got* are the decisions of *wanted*."""
    return SequenceMatcher(None, wanted, got, autojunk=False)


def show_time(moment: int) -> str:
    """Return *moment* as a fixture writes it: from `BASE` on such as ``1h30m``, else in full."""
    left = moment - BASE
    if left < 0:
        return format_moment(moment)
    parts: list[str] = []
    for unit in SHOWN:
        number, left = divmod(left, UNITS[unit])
        if number:
            parts.append(f"{number}{unit}")
    return "".join(parts) or "0s"
