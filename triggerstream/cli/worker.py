"""``worker``: the process that detects, events in and firings out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from triggerstream.cli.serving import prepare


def worker(
    triggers: Annotated[
        Path | None,
        typer.Option(
            "--triggers", help="Publish this directory's triggers where none are in force yet."
        ),
    ] = None,
) -> None:
    """Detect: run until it is told to stop. Set up by the environment (TRIGGERSTREAM_…)."""
    settings = prepare()
    from triggerstream.stream.worker import run_worker

    raise typer.Exit(run_worker(settings, triggers))
