"""``sender``: the process that delivers, actions in and deliveries out."""

from __future__ import annotations

import typer

from triggerstream.cli.serving import prepare


def sender() -> None:
    """Deliver: run until it is told to stop. Set up by the environment (TRIGGERSTREAM_…)."""
    settings = prepare()
    from triggerstream.stream.sender import run_sender

    raise typer.Exit(run_sender(settings))
