"""``ingest``: the process that takes events in over HTTP; and making keys for it."""

from __future__ import annotations

from typing import Annotated

import typer

from triggerstream.cli.output import say
from triggerstream.cli.startup import prepare, reaching_kafka

app = typer.Typer(rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def ingest(context: typer.Context) -> None:
    """Take events in over HTTP: run until it is told to stop.

    Set up by the environment (TRIGGERSTREAM_…); docs/ingest.md tells of routes and keys.
    """
    if context.invoked_subcommand is not None:
        return
    import logging

    settings = prepare(libraries=logging.WARNING)
    from triggerstream.processes.ingest import run_ingest

    with reaching_kafka(settings):
        code = run_ingest(settings)
    raise typer.Exit(code)


@app.command()
def key(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is called.")],
    browser: Annotated[
        bool, typer.Option("--browser", help="A key that stands in a page, and is public.")
    ] = False,
    origin: Annotated[
        list[str] | None,
        typer.Option("--origin", metavar="URL", help="A page that may use it; again for more."),
    ] = None,
) -> None:
    """Make a key: print its entry for the file of keys.

    The key itself is told once, on stderr; the entry, on stdout, holds only its hash.
    """
    from triggerstream.ingest.keys import entry_of, new_key

    secret = new_key()
    print(entry_of(name, secret, is_public=browser, origins=origin or ()), end="")
    say(f"the key, which is told only now: {secret}")
