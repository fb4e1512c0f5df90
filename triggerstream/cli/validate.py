"""``validate``: every problem of trigger and fixture files, at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from triggerstream.cli.output import print_json, say
from triggerstream.cli.trigger_files import TriggerFiles
from triggerstream.errors import Problem, TriggerFileError


def validate(
    paths: Annotated[
        list[Path], typer.Argument(help="Directories of trigger files, or single files.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print the problems as JSON.")] = False,
) -> None:
    """Check trigger files, templates, policy and fixtures; exit 1 if anything is wrong."""
    problems = [problem for path in paths for problem in _problems(path)]
    if json:
        print_json([problem._asdict() for problem in problems])
    else:
        for problem in problems:
            print(problem)
    if problems:
        say(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}")
        raise typer.Exit(1)
    say("no problems")


def _problems(path: Path) -> Iterator[Problem]:
    try:
        files = TriggerFiles(path)
    except TriggerFileError as error:
        yield from error.problems
        return
    for read in (files.ruleset, files.fixtures):
        try:
            read()
        except TriggerFileError as error:
            yield from error.problems
