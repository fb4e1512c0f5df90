"""The demo from beginning to end, in either world: play, wait, show."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final

from triggerstream.core.records.record import Rejected
from triggerstream.demo.history import DAY, HOUR, Played, read_history, with_ticks
from triggerstream.demo.page import open_page
from triggerstream.demo.show import Board, show_letter, show_tally
from triggerstream.demo.sinks import HOST, Mailbox, Receiver
from triggerstream.demo.stage import Progress, Stage
from triggerstream.demo.tally import Tally, take_tally
from triggerstream.errors import TriggerstreamError, UsageError

TAIL: Final = 45 * DAY
"""How long the clock runs on after the last event: what waits longest has come due by then."""
CHUNK: Final = 500
"""Records that are appended at once."""
MOST_BEHIND: Final = 5000
"""Records that who decides or who sends may be behind: history waits for them, as a day does."""
_LOOK: Final = 0.3
"""Seconds between two looks at how far they are."""
SETTLE: Final = 3.0
"""Both have nothing to do for so long: they are done, also where an action has not ended."""
LIMIT: Final = 600.0
"""Seconds in which all must be over."""


class DemoError(TriggerstreamError):
    """The demo did not come to its end; the message says how far it came."""


async def run_demo(
    stage: Stage, records: Sequence[Played], mailbox: Mailbox, receiver: Receiver, *, keep: bool
) -> None:
    """Play *records* on *stage*, and show what came of them; with *keep*, then wait for Ctrl-C.

    Raises:
        DemoError: It was not done in time, or there was nothing to tell.
        ProcessEndedError: A process ended.
    """
    await stage.wait_until_ready()
    _say("ready; playing the shop's half-year")
    with Board() as board:
        tally = await play(stage, records, board)
    show_tally(tally)
    if not tally.matched_actions:
        raise DemoError(f"nothing matched, and much should have; {_told(stage)}")
    _show_messages(mailbox, receiver)
    if stage.elsewhere:
        _say(f"\n{stage.elsewhere}")
    if keep:
        await _wait_for_the_end(stage, mailbox, receiver)
    elif stage.elsewhere:
        _say("KEEP=1 leaves everything running, with a page of all the mails.")


def read_shop(shop: Path) -> list[Played]:
    """Return the shop's history as the records that play it.

    Raises:
        UsageError: It is not where it should be, or is none.
    """
    path = shop / "events.jsonl.gz"
    try:
        events = read_history(path)
    except (OSError, Rejected) as error:
        message = f"{path}: required are gzipped events, one a line; found: {error}"
        raise UsageError(message) from error
    return list(with_ticks(events, every=HOUR, tail=TAIL))


async def play(
    stage: Stage,
    records: Sequence[Played],
    board: Board,
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> Tally:
    """Append *records* as fast as they are worked off; return what came of them when all is.

    Raises:
        DemoError: That took longer than ten minutes.
    """
    deadline = monotonic() + LIMIT
    settled_at = monotonic()
    before: Progress | None = None
    played = 0
    while True:
        now = await stage.progress()
        board.decided(now.decided, now.events)
        board.sent(now.sent, now.actions)
        if now.behind or now != before or played < len(records):
            before, settled_at = now, monotonic()
        if played == len(records) and not now.behind:
            tally = await take_tally(stage.read, await stage.metrics())
            if not tally.pending or monotonic() - settled_at >= SETTLE:
                return tally
        if monotonic() > deadline:
            raise DemoError(
                f"not done after {LIMIT:.0f} s: {played} of {len(records)} records are played, "
                f"{now.decided} of {now.events} decided, {now.sent} of {now.actions} actions and "
                f"answers worked off; {_told(stage)}"
            )
        room = MOST_BEHIND - now.behind
        while room >= CHUNK and played < len(records):
            chunk = records[played : played + CHUNK]
            await stage.append(chunk)
            played += len(chunk)
            room -= len(chunk)
            board.played(played, len(records), chunk[-1].arrival)
        await sleep(_LOOK)


def _show_messages(mailbox: Mailbox, receiver: Receiver) -> None:
    if (letter := mailbox.letters.newest) is not None:
        show_letter(letter)
    hooks, repeated = len(receiver.accepted), receiver.accepted.total() - len(receiver.accepted)
    print(
        f"\nThe mail server took {mailbox.letters.count:,} e-mails. The webhook receiver took "
        f"{hooks:,} webhooks with valid signatures, {repeated:,} of them more than once; "
        f"{receiver.refused:,} were refused."
    )


async def _wait_for_the_end(stage: Stage, mailbox: Mailbox, receiver: Receiver) -> None:
    async with open_page(mailbox, receiver) as page:
        places = {
            "the mails": page,
            **stage.places,
            "mail server": f"smtp://{HOST}:{mailbox.port}",
            "webhooks": receiver.url,
        }
        lines = [f"  {name:<14}{place}" for name, place in places.items()]
        _say("\n".join(["\nleft running; Ctrl-C ends it and removes everything", *lines]))
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, ended.set)
        await ended.wait()


def _told(stage: Stage) -> str:
    return ", ".join(f"{name}: {place}" for name, place in stage.places.items())


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
