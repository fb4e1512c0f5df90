"""``triggerstream demo``: a shop's half-year through a real worker and sender."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    shop: Annotated[
        Path, typer.Option(help="Directory with events.jsonl.gz and triggers/.")
    ] = Path("examples/shop"),
    bootstrap: Annotated[
        str | None,
        typer.Option(
            envvar="KAFKA_BOOTSTRAP",
            help="A Kafka to use; an in-memory stand-in if left out.",
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running until Ctrl-C.")
    ] = False,
) -> None:
    """See it work: play a shop's half-year, and show what was sent, and what was not and why."""
    from triggerstream.demo.main import main

    main(shop=shop, bootstrap=bootstrap, keep=keep)
