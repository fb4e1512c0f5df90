"""Running fixtures: the engine itself in virtual time, and what a sender would make of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from triggerstream.authoring.emails import differences
from triggerstream.authoring.fixtures import Expected, Fixture, Result, matcher
from triggerstream.authoring.messages import called, render, why_not
from triggerstream.channels.templates import TemplateError
from triggerstream.core.decisions import Firing
from triggerstream.core.durations import format_duration
from triggerstream.core.reasons import RecordStatus
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.replay.driver import Decision, Replay

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
    for block in matcher(wanted, got).get_matching_blocks():
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


def _as_expected(decision: Decision) -> Expected:
    return Expected(
        trigger=decision.trigger,
        customer=decision.customer_id,
        at=decision.at,
        kind="firing" if isinstance(decision, Firing) else "suppressed",
        reason=None if isinstance(decision, Firing) else str(decision.reason),
    )
