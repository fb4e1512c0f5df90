"""The commands, under the names by which they are called.

What a command needs is imported when it runs, so that ``--help`` and ``validate`` answer at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from triggerstream.cli import (
    demo,
    deploy,
    dlq,
    erase,
    ingest,
    init,
    inspect,
    move,
    render,
    replay,
    send,
    sender,
    tail,
    test,
    topics,
    up,
    validate,
    worker,
)
from triggerstream.ops.build import version_line

app = typer.Typer(
    name="triggerstream",
    help="A real-time behavioural trigger engine on Kafka.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(init.init)
app.command()(validate.validate)
app.command("test")(test.run_tests)
app.command()(render.render)
app.command()(replay.replay)
app.command()(up.up)
app.command(hidden=True)(up.engine)
app.command()(worker.worker)
app.command()(sender.sender)
app.add_typer(ingest.app, name="ingest")
app.command()(deploy.deploy)
app.command()(send.send)
app.command()(tail.tail)
app.command()(inspect.inspect)
app.command()(erase.erase)
app.add_typer(dlq.app, name="dlq")
app.add_typer(topics.app, name="topics")
app.command()(move.move)
app.command()(demo.demo)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(version_line())
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version, and whether the engine is compiled, and end.",
            callback=_show_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """A real-time behavioural trigger engine on Kafka."""
