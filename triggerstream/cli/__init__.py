"""The command line: one command a file, each of them arguments, a call, an exit code.

stdout is data, stderr is talk. Exit codes: 0 fine, 1 findings, 2 usage, and from 70 on why a
process stopped (`triggerstream.errors`). What a command needs is imported when it runs, so that
``--help`` and ``validate`` answer at once.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from triggerstream import __version__
from triggerstream.cli import (
    demo,
    deploy,
    dlq,
    inspect,
    replay,
    sender,
    test,
    validate,
    worker,
)
from triggerstream.errors import TriggerFileError, TriggerstreamError

app = typer.Typer(
    name="triggerstream",
    help="A real-time behavioural trigger engine on Kafka.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(validate.validate)
app.command("test")(test.run_tests)
app.command()(replay.replay)
app.command()(worker.worker)
app.command()(sender.sender)
app.command()(deploy.deploy)
app.command()(inspect.inspect)
app.add_typer(dlq.app, name="dlq")
app.command()(demo.demo)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"triggerstream {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and end.", callback=_show_version, is_eager=True
        ),
    ] = False,
) -> None:
    """A real-time behavioural trigger engine on Kafka."""


def main() -> None:
    """Run the command that the process was called with, and exit.

    What a person can do something about ends in one message and its exit code; anything else is
    a defect, and keeps its traceback.
    """
    try:
        app()
    except TriggerFileError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
    except TriggerstreamError as error:
        print(f"triggerstream: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
