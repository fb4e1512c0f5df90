"""``erase``: have customers forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from triggerstream.cli.output import print_json, say
from triggerstream.cli.startup import Dir, ask, find
from triggerstream.cli.words import duration
from triggerstream.errors import UsageError

if TYPE_CHECKING:
    from triggerstream.installation.erase import Asked


def erase(
    customers: Annotated[
        list[str], typer.Argument(metavar="CUSTOMER...", help="Whom to forget, by customer_id.")
    ],
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until what detects has forgotten them.")
    ] = False,
    wait_for: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="Wait for so long at most.")
    ] = "60s",
    json: Annotated[
        bool, typer.Option("--json", help="Print who was asked for, as lines of JSON.")
    ] = False,
    directory: Dir = None,
) -> None:
    """Have an installation forget customers, for good.

    What is remembered of them goes: progress, waits, limits, sends that have not begun. What they
    do later is that of strangers. The order is in the log when the command ends; with --wait it
    has been carried out by what detects, or the command exits 1. Events that stand in the log go
    when their time there is over; those of a local installation go soon.

    \b
    Examples:
      triggerstream erase ada --wait
      triggerstream erase ada bob
    """
    _check(customers)
    seconds = duration(wait_for, "--for") / 1000
    _, installation = find(directory)
    from triggerstream.installation.erase import EVENTS, INBOX, erase

    topic = installation.topic_name(INBOX)

    def tell(asked: Asked) -> None:
        if json:
            place = {"topic": topic, "partition": asked.partition, "offset": asked.offset}
            print_json({"customer_id": asked.customer} | place)
        else:
            say(f"to be forgotten: {asked.customer} ({topic}/{asked.partition}/{asked.offset})")

    question = erase(installation, list(dict.fromkeys(customers)), tell, seconds if wait else None)
    open_ = ask(installation, question, INBOX, EVENTS)
    if not wait:
        return
    if open_:
        say(
            f"after {seconds:g} s it is not known that these are forgotten: {', '.join(open_)}. "
            f"The order stands in {topic}: is `{installation.engine}` running?"
        )
        raise typer.Exit(1)
    say("forgotten")


def _check(customers: list[str]) -> None:
    from triggerstream.core.detection.reading import LONGEST_ID

    for customer in customers:
        try:
            customer.encode()
        except UnicodeEncodeError as error:
            msg = f"CUSTOMER: required is a text in UTF-8; found {customer!r}"
            raise UsageError(msg) from error
        if not 0 < len(customer) <= LONGEST_ID:
            msg = f"CUSTOMER: required are 1 to {LONGEST_ID} characters; found {len(customer)}"
            raise UsageError(msg)
