"""Fixtures: tests of triggers, which run the engine itself in virtual time.

A fixture says which events come, and exactly which decisions are expected of them, in order. The
file format is `authoring.fixture_files`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

import msgspec

from triggerstream.authoring.emails import ExpectedEmail, differences
from triggerstream.core.decisions import Firing
from triggerstream.core.durations import UNITS, format_duration
from triggerstream.core.reasons import RecordStatus
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.timestamps import format_moment, parse_moment
from triggerstream.replay.driver import Decision, Replay

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
        matcher = _matcher(wanted, got)
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


def run_fixture(fixture: Fixture, ruleset: Ruleset, folder: str = "") -> Result:
    """Play *fixture* under *ruleset*, and return what came of it.

    The messages of each firing that came and was expected are rendered, as a sender would.

    Args:
        folder: Put before the paths of templates, as in `messages.why_not`.
    """
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
    decisions: list[Decision] = []
    notes: list[str] = []
    for line, event in zip(fixture.lines, fixture.events, strict=True):
        before = {status: replay.statuses[status] for status in _NOTED}
        decisions.extend(replay.decided((event,)))
        for status, why in _NOTED.items():
            if replay.statuses[status] > before[status]:
                lateness = format_duration(ruleset.policy.allowed_lateness)
                notes.append(f"{fixture.file}:{line}: {why.format(lateness=lateness)}")
    if fixture.until is not None:
        decisions.extend(replay.decided_until(fixture.until))
    decided = [
        decision
        for decision in decisions
        if fixture.only is None or decision.trigger in fixture.only
    ]
    got = tuple(map(_as_expected, decided))
    rendered = 0
    for index, decision in _expected_ones(fixture.expect, got, decided):
        if isinstance(decision, Firing):
            rendered += _read_messages(fixture, index, decision, ruleset, folder, problems)
    fired = tuple(decision for decision in decided if isinstance(decision, Firing))
    return Result(fixture, got, tuple(problems), tuple(notes), fired, rendered)


def _expected_ones(
    wanted: Sequence[Expected], got: Sequence[Expected], decided: Sequence[Decision]
) -> Iterator[tuple[int, Decision]]:
    """Yield each decision that came and was expected, with its number in *wanted*."""
    for block in _matcher(wanted, got).get_matching_blocks():
        for number in range(block.size):
            yield block.a + number, decided[block.b + number]


def _read_messages(
    fixture: Fixture,
    index: int,
    firing: Firing,
    ruleset: Ruleset,
    folder: str,
    problems: list[str],
) -> int:
    """Render the messages of *firing*, tell what is wrong with them, and return how many there
    were."""
    if all(action.template is None for action in firing.actions):
        return 0
    # Imported where there is something to render: Liquid takes a tenth of a second.
    from triggerstream.authoring.messages import called, render, why_not
    from triggerstream.channels.templates import TemplateError

    where = f"{fixture.file}:{fixture.expect_lines[index]}"
    wanted = iter(fixture.emails[index])
    rendered = 0
    for action in firing.actions:
        expected = next(wanted, None) if action.channel == "email" else None
        if action.template is None:
            continue
        message = called(action, firing.trigger)
        try:
            content = render(firing, action, ruleset)
        except TemplateError as error:
            problems.append(f"{where}: {message} cannot be rendered: {why_not(error, folder)}")
            continue
        rendered += 1
        if expected is not None:
            place = f"{fixture.file}:{expected.line}"
            found = differences(expected, content)
            problems += [f"{place}: {message}: {difference}" for difference in found]
    return rendered


def _matcher(wanted: Sequence[Expected], got: Sequence[Expected]) -> SequenceMatcher[Expected]:
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


def _as_expected(decision: Decision) -> Expected:
    return Expected(
        trigger=decision.trigger,
        customer=decision.customer_id,
        at=decision.at,
        kind="firing" if isinstance(decision, Firing) else "suppressed",
        reason=None if isinstance(decision, Firing) else str(decision.reason),
    )
