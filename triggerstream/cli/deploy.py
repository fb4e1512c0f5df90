"""``deploy``: put a directory of triggers in force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from triggerstream.cli.output import say
from triggerstream.cli.startup import ask_kafka, prepare
from triggerstream.cli.trigger_files import TriggerFiles


def deploy(
    directory: Annotated[Path, typer.Argument(help="A directory of trigger files.")],
    from_version: Annotated[
        int | None,
        typer.Option(
            "--from",
            metavar="VERSION",
            help="The version that this one was made from; refused if another is in force.",
        ),
    ] = None,
) -> None:
    """Check and publish a directory of triggers; the workers put it in force.

    Prints the new version.
    """
    files = TriggerFiles(directory)
    files.ruleset()
    settings = prepare()
    from triggerstream.stream.kafka.rulesets import publish

    version = ask_kafka(publish(settings, files.texts, from_version), settings)
    say(f"published {directory} as version {version}")
    print(version)
