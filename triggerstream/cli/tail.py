"""``tail``: what is happening, as it happens: decisions, deliveries, dead letters."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triggerstream.cli.output import print_json, say, until_closed, writing
from triggerstream.cli.startup import Dir, ask, find
from triggerstream.cli.words import moment
from triggerstream.errors import UsageError

if TYPE_CHECKING:
    from triggerstream.cli.happenings import Happening, Wanted
    from triggerstream.installation.port import Installation
    from triggerstream.stream.following import Start

SHOWN = 10
"""How many lines of the past stand before what comes, unless said."""
LOOKED_AT = 1000
"""Records of each partition that are looked through for them, at least."""


def tail(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[decisions|deliveries|dead-letters]",
            help="What to show; all three, unless said.",
            show_default=False,
        ),
    ] = None,
    customer: Annotated[
        str | None, typer.Option("--customer", metavar="ID", help="Only of this customer.")
    ] = None,
    trigger: Annotated[
        str | None, typer.Option("--trigger", metavar="ID", help="Only of this trigger.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="10m",
            help="Begin so long ago, or at a moment such as 2026-03-01T10:00:00Z.",
        ),
    ] = None,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Begin with the first that is kept.")
    ] = False,
    lines: Annotated[
        int | None,
        typer.Option(
            "-n",
            "--lines",
            min=0,
            help=f"Begin with at most so many lines of the past; {SHOWN} without --since and "
            "--from-beginning, all with them.",
            show_default=False,
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow/--no-follow", help="Go on with what comes, until Ctrl-C.")
    ] = True,
    json: Annotated[
        bool, typer.Option("--json", help="Print each as one line of JSON, whole.")
    ] = False,
    directory: Dir = None,
) -> None:
    """Show what happens: decisions, deliveries, dead letters.

    Decisions are firings and matches that did not fire. One line each: when, which customer and
    trigger, what happened and why, and an id's beginning.

    \b
    Examples:
      triggerstream tail
      triggerstream tail --customer ada --since 1h
      triggerstream tail deliveries --trigger cart-abandonment --json --no-follow
    """
    from triggerstream.cli.happenings import VIEWS, Lines, Wanted, as_object

    if what is not None and what not in VIEWS:
        msg = f"required is decisions, deliveries or dead-letters; found {what!r}"
        raise UsageError(msg)
    if since is not None and from_beginning:
        msg = "--since or --from-beginning is required, not both"
        raise UsageError(msg)
    start, most = _start(since, from_beginning=from_beginning, lines=lines)
    views = VIEWS if what is None else (what,)
    wanted = Wanted(views, customer, trigger)
    out = Lines()

    def show(topic: str, record: Any, happening: Happening) -> None:
        with writing():
            if json:
                print_json(as_object(topic, record, happening))
            else:
                out.write(happening)

    with until_closed(), suppress(KeyboardInterrupt):
        topics = sorted({topic for view in views for topic in VIEWS[view]})
        _, installation = find(directory)
        question = _tail(installation, topics, customer, start, most, wanted, show, follow=follow)
        ask(installation, question, *topics)


async def _tail(
    installation: Installation,
    topics: Collection[str],
    customer: str | None,
    start: Start,
    most: int | None,
    wanted: Wanted,
    show: Callable[[str, Any, Happening], None],
    *,
    follow: bool,
) -> None:
    customers = None if customer is None else (customer,)
    past: deque[tuple[str, Any, Happening]] = deque(maxlen=most)
    async with installation.follow(topics, customers) as follower:
        await follower.begin(start)
        async for topic, record in follower.history():
            if (happening := wanted.take(topic, record)) is not None:
                past.append((topic, record, happening))
            if most is None and past:
                show(*past.pop())
        for each in past:
            show(*each)
        if follow and sys.stderr.isatty():
            say("... and what comes from now on; Ctrl-C ends")
        while follow:
            for topic, record in await follower.coming():
                if (happening := wanted.take(topic, record)) is not None:
                    show(topic, record, happening)


def _start(
    since: str | None, *, from_beginning: bool, lines: int | None
) -> tuple[Start, int | None]:
    """Return where to begin, and how many lines of the past are shown; ``None``: all."""
    from triggerstream.stream.following import Start

    if from_beginning:
        return Start(from_beginning=True), lines
    if since is not None:
        return Start(since=moment(since, int(time.time() * 1000), "--since")), lines
    most = SHOWN if lines is None else lines
    return Start(last=max(LOOKED_AT, 20 * most) if most else 0), most
