"""``replay``: a log of events and a directory of triggers in, decisions out."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triggerstream.cli.output import escaped, say, with_progress
from triggerstream.cli.trigger_files import TriggerFiles
from triggerstream.errors import UsageError

if TYPE_CHECKING:
    from triggerstream.core.decisions import TriggerFailed
    from triggerstream.core.rulesets.ruleset import Ruleset
    from triggerstream.replay.driver import Replay
    from triggerstream.replay.jobs import Jobs


def replay(
    events: Annotated[
        str,
        typer.Argument(
            help="Events as JSON Lines: a file, compressed by gzip or not, or - for stdin."
        ),
    ],
    triggers: Annotated[Path, typer.Option("--triggers", help="A directory of trigger files.")],
    until: Annotated[
        str | None,
        typer.Option(
            "--until", help="Let the clock run on to this moment, such as 2026-03-01T10:00:00Z."
        ),
    ] = None,
    max_gap: Annotated[
        str,
        typer.Option(
            "--max-gap",
            help="The furthest that one event may move the clock where those behind it are not "
            "there as well.",
        ),
    ] = "400d",
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            min=1,
            help="How many processes share the customers: one a core, unless said; on one or two "
            "cores, for a small file, and for what can be read only once, one. The output is the "
            "same.",
        ),
    ] = None,
) -> None:
    """Decide a log of events in virtual time.

    Prints each decision as one line of JSON. Lines that are no events are reported with their
    number and reason, and the replay goes on; it exits 1 if there were any, or if a trigger failed.
    """
    from triggerstream.core.durations import parse_duration
    from triggerstream.core.timestamps import parse_moment
    from triggerstream.ops.interpreter import spare_the_collector
    from triggerstream.replay.jobs import jobs_for

    end = None if until is None else _parsed(parse_moment, until, "--until")
    gap = _parsed(parse_duration, max_gap, "--max-gap")
    number = jobs_for(events) if jobs is None else _checked(jobs, events)
    ruleset = TriggerFiles(triggers).ruleset()
    spare_the_collector()
    run = _in_one if number == 1 else _in_many
    findings = _Findings(events)
    counts = run(ruleset, events, number, until=end, max_gap=gap, findings=findings)
    sys.stdout.flush()
    findings.sum_up()
    _summarise(counts.statuses, counts.clamped)
    if counts.statuses["rejected"] or counts.failures:
        raise typer.Exit(1)


_SHOWN = 10
"""Complaints of one kind that are said one by one."""


class _Findings:
    """Says on stderr what is wrong with a log, as soon as it is found: of each kind the first few,
    and of the others, at the end, how many there were."""

    def __init__(self, events: str) -> None:
        self._events = events
        self._found: Counter[str] = Counter()

    def on_reject(self, number: int, reason: str, detail: str) -> None:
        self._say(reason, f"{self._events}:{number}: {reason}: {escaped(detail)}")

    def on_error(self, failed: TriggerFailed) -> None:
        what = f"trigger {failed.trigger!r} failed"
        error = escaped(str(failed.error))
        self._say(what, f"{what} for a customer at {failed.at}: {error}")

    def sum_up(self) -> None:
        for kind, number in self._found.items():
            if number > _SHOWN:
                say(f"and {number - _SHOWN:,} more like it: {kind}")

    def _say(self, kind: str, text: str) -> None:
        self._found[kind] += 1
        if self._found[kind] <= _SHOWN:
            say(text)


def _in_one(
    ruleset: Ruleset,
    events: str,
    _jobs: int,
    *,
    until: int | None,
    max_gap: int,
    findings: _Findings,
) -> Replay:
    """Decide in this process."""
    from triggerstream.replay.driver import Replay
    from triggerstream.replay.sources import LineSource

    source = LineSource(events)
    run = Replay(ruleset, max_gap=max_gap, on_reject=findings.on_reject, on_error=findings.on_error)
    _print(run.printed(source, until=until), lambda: (source.read, source.size))
    return run


def _in_many(
    ruleset: Ruleset,
    events: str,
    jobs: int,
    *,
    until: int | None,
    max_gap: int,
    findings: _Findings,
) -> Jobs:
    """Decide in *jobs* processes."""
    from triggerstream.replay.jobs import Jobs

    size = Path(events).stat().st_size
    with Jobs(
        ruleset,
        events,
        jobs,
        until=until,
        max_gap=max_gap,
        on_reject=findings.on_reject,
        on_error=findings.on_error,
    ) as run:
        _print(run.printed(), lambda: (run.read, size))
    return run


def _print(lines: Iterable[bytes], position: Callable[[], tuple[int, int | None]]) -> None:
    for some in with_progress(lines, "replaying", position=position):
        sys.stdout.buffer.write(some)


def _checked(jobs: int, events: str) -> int:
    from triggerstream.replay.jobs import check_jobs

    check_jobs(events, jobs)
    return jobs


def _parsed(parse: Callable[[str], int], text: str, option: str) -> int:
    try:
        return parse(text)
    except ValueError as error:
        msg = f"{option}: required is {error}"
        raise UsageError(msg) from error


def _summarise(statuses: Mapping[str, int], clamped: int) -> None:
    parts = [f"{number} {status}" for status, number in sorted(statuses.items()) if number]
    if clamped:
        parts.append(f"{clamped} clamped by --max-gap")
    say(f"events: {', '.join(parts) or 'none'}")
