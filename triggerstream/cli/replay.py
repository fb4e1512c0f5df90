"""``replay``: a log of events and a directory of triggers in, decisions out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated

import typer

from triggerstream.cli.loading import TriggerFiles
from triggerstream.cli.talk import print_json, say, with_progress
from triggerstream.errors import UsageError


def replay(
    events: Annotated[
        str,
        typer.Argument(help="Events as JSON Lines: a .jsonl or .jsonl.gz file, or - for stdin."),
    ],
    triggers: Annotated[Path, typer.Option("--triggers", help="A directory of trigger files.")],
    until: Annotated[
        str | None,
        typer.Option(
            "--until", help="Let the clock run on to this moment, such as 2026-03-01T10:00:00Z."
        ),
    ] = None,
    max_gap: Annotated[
        str, typer.Option("--max-gap", help="The furthest that one event may move the clock.")
    ] = "400d",
) -> None:
    """Decide a log in virtual time; print each decision as one line of JSON.

    Lines that are no events are reported with their number and reason, and the replay goes on; it
    exits 1 if there were any, or if a trigger failed.
    """
    from triggerstream.core.durations import parse_duration
    from triggerstream.core.moments import parse_moment
    from triggerstream.replay.driver import Replay
    from triggerstream.replay.sources import LineSource

    end = None if until is None else _parsed(parse_moment, until, "--until")
    gap = _parsed(parse_duration, max_gap, "--max-gap")
    ruleset = TriggerFiles(triggers).ruleset()
    source = LineSource(events)
    run = Replay(
        ruleset,
        max_gap=gap,
        on_reject=lambda number, reason, detail: say(f"{events}:{number}: {reason}: {detail}"),
        on_error=lambda failed: say(
            f"trigger {failed.trigger!r} failed for a customer at {failed.at}: {failed.error}"
        ),
    )
    lines = with_progress(source, "replaying", position=lambda: (source.read, source.size))
    for decision in run.decisions(lines):
        print_json(decision)
    if end is not None:
        for decision in run.run_until(end):
            print_json(decision)
    sys.stdout.flush()
    _summarise(run.statuses, run.clamped)
    if run.statuses["rejected"] or run.failures:
        raise typer.Exit(1)


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
