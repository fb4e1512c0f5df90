"""``triggerstream demo``: a shop's half-year through a real installation."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
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
            help="A Kafka to run it on; it runs on this machine alone if left out.",
        ),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave everything running until Ctrl-C.")
    ] = False,
) -> None:
    """See it work: play a shop's half-year.

    Shows what was sent, and what was not and why.
    """
    with needing_the_extra("the demo"):
        from triggerstream.demo.main import main

    main(shop=shop, bootstrap=bootstrap, keep=keep)


@contextmanager
def needing_the_extra(who: str) -> Iterator[None]:
    """Tell how to install what *who* needs, where the block cannot import it.

    Raises:
        UsageError: A library of the extra ``demo`` is missing.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("triggerstream"):
            raise
        message = (
            f"{who}: required are the libraries of an extra; not found is {error.name}: "
            "pip install 'triggerstream[demo]'"
        )
        raise UsageError(message) from error
