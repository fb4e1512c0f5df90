"""``triggerstream demo``: a shop's half-year through a real worker and sender."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from triggerstream.errors import UsageError


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
    """See it work: play a shop's half-year.

    Shows what was sent, and what was not and why.
    """
    try:
        from triggerstream.demo.main import main
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("triggerstream"):
            raise
        message = (
            f"the demo's own libraries are required; not found is {error.name}: "
            "pip install 'triggerstream[demo]'"
        )
        raise UsageError(message) from error

    main(shop=shop, bootstrap=bootstrap, keep=keep)
