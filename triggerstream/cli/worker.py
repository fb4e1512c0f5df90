"""``worker``: the process that detects, events in and firings out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from triggerstream.cli.startup import prepare_process, reaching_kafka
from triggerstream.cli.trigger_files import TriggerFiles


def worker(
    triggers: Annotated[
        Path | None,
        typer.Option(
            "--triggers", help="Publish this directory's triggers where none are in force yet."
        ),
    ] = None,
) -> None:
    """Detect: run until it is told to stop. Set up by the environment (TRIGGERSTREAM_…)."""
    if triggers is not None:
        TriggerFiles(triggers, must_be_whole=True).sound_ruleset()
    settings = prepare_process()
    from triggerstream.processes.worker import run_worker

    with reaching_kafka(settings):
        code = run_worker(settings, triggers)
    raise typer.Exit(code)
