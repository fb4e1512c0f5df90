"""``send``: events into the log, judged first, keyed right and acknowledged; and what comes of
them."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from triggerstream.cli.output import OutputClosedError, print_json, say, until_closed, writing
from triggerstream.cli.startup import Dir, ask, find
from triggerstream.cli.words import duration
from triggerstream.errors import UsageError

if TYPE_CHECKING:
    from triggerstream.cli.events import Events
    from triggerstream.cli.watching import Sent, Watching
    from triggerstream.core.detection.accept import Accepted
    from triggerstream.installation.port import Installation
    from triggerstream.replay.csv_rows import Columns
    from triggerstream.stream.following import Follower

EVENTS = "events"
WATCHED = ("actions", "deliveries", "events.dlq")
"""Short names of the topics on which stands what comes of events."""

INTERRUPTED = 130
"""The exit code of whoever was told to stop with Ctrl-C, by convention."""


def send(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="CUSTOMER TYPE [KEY=VALUE]... | FILE | -",
            help="One event in words, or a file of events, or - for stdin.",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="JSON", help="The event's data as one JSON object."),
    ] = None,
    event_id: Annotated[
        str | None,
        typer.Option("--id", metavar="ID", help="The event's id, by which a repeat is known."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="MOMENT",
            help="When it happened, such as 2026-03-01T10:00:00Z, or 10m for ten minutes ago; "
            "now, unless said.",
        ),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--source", metavar="NAME", help="Where it comes from; of CSV, too."),
    ] = None,
    mapped: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="COLUMN=PATH",
            help="The file is CSV, and this column is that field, such as who=customer_id or "
            "price=event_data.total; PATH:text keeps its cells as texts, no PATH leaves it out.",
        ),
    ] = None,
    event_type: Annotated[
        str | None,
        typer.Option("--type", metavar="TYPE", help="The type of CSV's events that bring none."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Judge the events, and send nothing.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show what comes of them, until all of it has ended.")
    ] = False,
    watch_for: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="Watch for so long at most.")
    ] = "30s",
    json: Annotated[
        bool,
        typer.Option("--json", help="Print what was sent, and what came of it, as lines of JSON."),
    ] = False,
    directory: Dir = None,
) -> None:
    """Send events to an installation, and watch what comes of them.

    A file is JSON Lines, JSON or CSV, gzipped or not, as is seen in it. Each event is judged as
    a worker judges it, and refused with its line and reason where it would
    become a dead letter; the others are sent, and the command exits 1. An event without an id that
    says when it happened gets one from its content and its line, so that sending a file again
    sends repeats; one that does not say when happens now, each time that it is sent.

    A VALUE is a number, true, false or null where it reads so, JSON where it begins with {, [ or
    ", and else a text.

    \b
    Examples:
      triggerstream send ada add_to_cart cart_id=k1 total=99.9 --watch
      triggerstream send ada identify email=ada@shop.example email_consent=true
      triggerstream send events.jsonl.gz
      triggerstream send orders.csv --map who=customer_id --type order_placed
      some-command | triggerstream send -
    """
    alone = len(words) == 1
    _check(alone=alone, data=data, event_id=event_id, at=at, mapped=mapped, event_type=event_type)
    seconds = duration(watch_for, "--for") / 1000
    settings, installation = find(directory)
    is_played = settings.clock == "header"
    if alone:
        from triggerstream.cli.events import open_events

        columns = _columns(mapped or (), event_type, source)
        events = open_events(words[0], columns, is_played=is_played)
    else:
        customer, kind, *pairs = words
        events = _one(
            customer, kind, pairs, data=data, event_id=event_id, at=at, source=source,
            is_played=is_played,
        )  # fmt: skip
    sending = Sending(events, json=json, keeps=watch)
    with until_closed():
        try:
            if dry_run:
                sending.judge()
            else:
                question = sending.run(installation, seconds if watch else None)
                ask(installation, question, EVENTS, *(WATCHED if watch else ()))
        except KeyboardInterrupt:
            sending.tell()
            raise typer.Exit(INTERRUPTED) from None
    if events.refused or sending.is_ignored:
        raise typer.Exit(1)


def _check(*, alone: bool, **given: Any) -> None:
    """Refuse options of a file where there is none, and of one event where there are many."""
    of_one = {"data": "--data", "event_id": "--id", "at": "--at"}
    of_files = {"mapped": "--map", "event_type": "--type"}
    for name, option in (of_one if alone else of_files).items():
        if given[name]:
            what = "CUSTOMER and TYPE" if alone else "a FILE of CSV"
            msg = f"{option}: required is {what} beside it; found {'one word' if alone else 'none'}"
            raise UsageError(msg)


def _columns(mapped: Iterable[str], event_type: str | None, source: str | None) -> Columns:
    from triggerstream.replay.csv_rows import Columns

    paths: dict[str, str] = {}
    for text in mapped:
        column, equals, path = text.rpartition("=")
        if not (equals and column):
            msg = f"--map: required is COLUMN=PATH, such as who=customer_id; found {text!r}"
            raise UsageError(msg)
        paths[column] = path
    return Columns(paths, event_type, source)


def _one(
    customer: str, event_type: str, pairs: list[str], *, is_played: bool, **more: Any
) -> Events:
    from triggerstream.cli.events import Events, event_of_words
    from triggerstream.replay.formats import Found

    now = int(time.time() * 1000)
    value = event_of_words(customer, event_type, pairs, now=now, **more)
    return Events([Found(1, value)], "", is_played=is_played)


class Sending:
    """Sends *events*, and tells what it has done.

    Attributes:
        is_ignored: Whether they were watched, and no worker had taken them in when time was up.
    """

    def __init__(self, events: Events, *, json: bool, keeps: bool) -> None:
        self._events = events
        self._json = json
        self._keeps = keeps
        self._sent: list[Sent] = []
        self._count = 0
        self._customers: set[str] = set()
        self.is_ignored = False

    def judge(self) -> None:
        """Only judge the events."""
        for event in self._events:
            self._count += 1
            if self._json:
                sys.stdout.buffer.write((event.record.value or b"") + b"\n")
        self._events.tell_the_rest()
        count = sum(self._events.refused.values())
        refused = f"; {count:,} would be refused" if count else ""
        say(f"{self._count:,} event{'' if self._count == 1 else 's'} would be sent{refused}")

    async def run(self, installation: Installation, watch: float | None) -> None:
        """Send the events; then follow for *watch* seconds at most what comes of them."""
        from triggerstream.stream.feed import feed
        from triggerstream.stream.following import Start

        self._topic = installation.topic_name(EVENTS)
        async with AsyncExitStack() as stack:
            follower = None
            if watch is not None:
                follower = await stack.enter_async_context(installation.follow(WATCHED))
                await follower.begin(Start())
            async with installation.entrance() as entrance:
                await feed(
                    entrance,
                    partial(entrance.place, EVENTS),
                    self._events,
                    lambda accepted: accepted.record,
                    self._on_sent,
                )
            self.tell()
            if follower is not None and watch is not None and self._sent:
                await self._watch(installation, follower, watch)

    def _on_sent(self, accepted: Accepted, partition: int, offset: int) -> None:
        from triggerstream.cli.watching import Sent

        event = accepted.event
        name = event.event_id if accepted.is_named else f"{self._topic}/{partition}/{offset}"
        self._count += 1
        self._customers.add(event.customer_id)
        if self._keeps or self._count == 1:
            self._sent.append(Sent(partition, offset, event.customer_id, name))
        if self._json:
            told = {
                "kind": "sent",
                "customer_id": event.customer_id,
                "event_type": event.event_type,
                "event_id": name,
                "topic": self._topic,
                "partition": partition,
                "offset": offset,
            }
            # Who closes the pipe has read enough; the events go out all the same.
            with suppress(OutputClosedError), writing():
                print_json(told)

    def tell(self) -> None:
        """Say what has been sent by now."""
        from triggerstream.cli.events import summary

        self._events.tell_the_rest()
        place = ""
        if self._count == 1:
            [sent] = self._sent
            place = f"{self._topic}, partition {sent.partition}, offset {sent.offset}"
        say(summary(self._count, len(self._customers), self._events.refused, place))

    # ── watching ────────────────────────────────────────────────────────────────────────────

    async def _watch(self, installation: Installation, follower: Follower, seconds: float) -> None:
        from triggerstream.cli.happenings import VIEWS, Lines, Wanted, as_object
        from triggerstream.cli.watching import Watching

        wanted, watching, out = Wanted(VIEWS), Watching(self._sent), Lines()
        until = time.monotonic() + seconds
        is_decided = False
        async with installation.detection() as detection:
            while True:
                for topic, record in await follower.coming():
                    happening = wanted.take(topic, record)
                    if happening is None:
                        continue
                    for each in watching.take(record.partition, happening):
                        with writing():
                            if self._json:
                                print_json(as_object(topic, record, each))
                            else:
                                out.write(each)
                is_decided = is_decided or await detection.has_committed(watching.last)
                if is_decided and not watching.open and await follower.has_read_all():
                    break
                if time.monotonic() >= until:
                    break
                await asyncio.sleep(0)
        self.is_ignored = not is_decided
        _conclude(watching, seconds, installation, is_decided=is_decided)


def _conclude(
    watching: Watching, seconds: float, installation: Installation, *, is_decided: bool
) -> None:
    """Say how watching ended."""
    if not is_decided:
        say(
            f"after {seconds:g} s nobody has decided all of it, which stands in "
            f"{installation.topic_name(EVENTS)}: is `{installation.engine}` running?"
        )
    elif watching.open:
        say(f"after {seconds:g} s these have not ended: {'; '.join(watching.open)}")
    elif watching.found:
        say("decided, and all that came of it has ended")
    else:
        say(
            "decided, and nothing came of it now: what waits for time, such as an absence, comes "
            "when it is due; an event that is late, or was there before, changes little"
        )
