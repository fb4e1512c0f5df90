"""``init``: a directory of triggers to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from triggerstream.cli.output import say


def init(
    directory: Annotated[Path, typer.Argument(help="Where to write it.")] = Path(),
    template: Annotated[
        str, typer.Option("--template", metavar="NAME", help="One of shop, saas, b2b, empty.")
    ] = "empty",
) -> None:
    """Begin a project: triggers, tests, templates, sample events.

    Nothing that is there already is touched. Prints the files that were written.
    """
    from triggerstream.authoring.project import write_project

    for path in write_project(directory, template):
        print(path)
    triggers = directory / "triggers"
    say(
        f"next: triggerstream validate {triggers} && triggerstream test {triggers}\n"
        f"then: triggerstream replay --triggers {triggers} {directory / 'events.jsonl'}"
    )
