"""Fixtures: tests of triggers, which run the engine itself in virtual time.

A fixture says which events come, and exactly which decisions are expected of them, in order. The
file format is `authoring.fixture_files`.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

import msgspec

from triggerstream.core.durations import UNITS, format_duration
from triggerstream.core.reasons import RecordStatus
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.timestamps import format_moment, parse_moment
from triggerstream.replay.driver import Replay

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
    """

    name: str
    file: str
    line: int
    events: tuple[bytes, ...]
    lines: tuple[int, ...]
    expect: tuple[Expected, ...]
    until: int | None = None
    only: frozenset[str] | None = None

    @property
    def where(self) -> str:
        return f"{self.file}:{self.line}"


class Result(msgspec.Struct, frozen=True):
    """What came of a fixture.

    Attributes:
        problems: Events that are none, and triggers that failed: ``file:line: …`` each.
        notes: Events that changed little or nothing, for they came late or again: each in the same
            form. That is no problem, but often why a test fails.
    """

    fixture: Fixture
    got: tuple[Expected, ...]
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

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
        matcher = SequenceMatcher(None, wanted, got, autojunk=False)
        for _, wanted_from, wanted_to, got_from, got_to in matcher.get_opcodes():
            missing, extra = wanted[wanted_from:wanted_to], got[got_from:got_to]
            if missing == extra:
                lines.extend(f"  {decision}" for decision in missing)
            else:
                lines.extend(f"- {decision}" for decision in missing)
                lines.extend(f"+ {decision}" for decision in extra)
        return lines


_NOTED = {
    RecordStatus.LATE.value: "the event came late: more than allowed_lateness ({lateness}) behind "
    "its customer's last one, so it fills and counts nothing; put events in the order of their "
    "times",
    RecordStatus.DUPLICATE.value: "the event came again: its id is known, so it changes nothing",
}


def run_fixture(fixture: Fixture, ruleset: Ruleset) -> Result:
    """Play *fixture* under *ruleset*, and return what came of it."""
    problems: list[str] = []
    replay = Replay(
        ruleset,
        on_reject=lambda number, reason, detail: problems.append(
            f"{fixture.file}:{fixture.lines[number - 1]}: the event is refused ({reason}): {detail}"
        ),
        on_error=lambda failed: problems.append(
            f"{fixture.where}: trigger {failed.trigger!r} failed: {failed.error}"
        ),
    )
    decisions: list[dict[str, Any]] = []
    notes: list[str] = []
    for line, event in zip(fixture.lines, fixture.events, strict=True):
        before = {status: replay.statuses[status] for status in _NOTED}
        decisions.extend(replay.decisions((event,)))
        for status, why in _NOTED.items():
            if replay.statuses[status] > before[status]:
                lateness = format_duration(ruleset.policy.allowed_lateness)
                notes.append(f"{fixture.file}:{line}: {why.format(lateness=lateness)}")
    if fixture.until is not None:
        decisions.extend(replay.run_until(fixture.until))
    got = tuple(
        _as_expected(decision)
        for decision in decisions
        if fixture.only is None or decision["trigger"] in fixture.only
    )
    return Result(fixture, got, tuple(problems), tuple(notes))


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


def _as_expected(decision: dict[str, Any]) -> Expected:
    return Expected(
        trigger=decision["trigger"],
        customer=decision["customer_id"],
        at=parse_moment(decision["at"]),
        kind=decision["kind"],
        reason=decision.get("reason"),
    )
