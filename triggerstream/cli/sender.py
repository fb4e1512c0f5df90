"""``sender``: the process that delivers, actions in and deliveries out."""

from __future__ import annotations

import typer

from triggerstream.cli.startup import prepare_process, reaching_kafka


def sender() -> None:
    """Deliver: run until it is told to stop. Set up by the environment (TRIGGERSTREAM_…)."""
    settings = prepare_process()
    from triggerstream.processes.sender import run_sender

    with reaching_kafka(settings):
        code = run_sender(settings)
    raise typer.Exit(code)
