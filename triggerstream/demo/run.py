"""The demo from beginning to end: start, play, wait, show, clean up."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import msgspec
import orjson

from triggerstream.core.records.record import Record, Rejected
from triggerstream.demo.history import DAY, HOUR, Played, read_history, with_ticks
from triggerstream.demo.lag import Lag
from triggerstream.demo.player import play
from triggerstream.demo.processes import Process
from triggerstream.demo.show import Board, show_letter, show_tally
from triggerstream.demo.sinks import HOST, SECRET, Mailbox, Receiver, open_mailbox, open_receiver
from triggerstream.demo.tally import read_topic, take_tally
from triggerstream.errors import TriggerstreamError, UsageError
from triggerstream.stream.kafka.topics import Topics

ENDPOINTS = ("crm", "support")
"""Where the shop's triggers send webhooks: here, all to one receiver."""

_PLAY_RATE = 1250.0
"""Records a second: a half-year, its ticks included, in half a minute."""
TAIL = 45 * DAY
"""How long the clock runs on after the last event: what waits longest has come due by then."""
_SETTLE_SECONDS = 3.0
"""Both processes have nothing to do for so long: they are done."""
_LIMIT_SECONDS = 600.0


class DemoError(TriggerstreamError):
    """The demo did not come to its end; the message says how far it came."""


class Stage(msgspec.Struct, frozen=True):
    """Where the demo plays.

    Attributes:
        shop: A directory with ``events.jsonl.gz`` and ``triggers/``.
        directory: For states and logs.
        settings: What worker and sender have in common, without the prefix of settings.
    """

    bootstrap: str
    shop: Path
    directory: Path
    topics: Topics
    partitions: int
    settings: Mapping[str, str]


class Cast(msgspec.Struct, frozen=True):
    """Who plays: the two processes, and where their messages go."""

    worker: Process
    sender: Process
    mailbox: Mailbox
    receiver: Receiver


async def run_demo(stage: Stage, records: Sequence[Played], *, keep: bool) -> None:
    """Play *records*, and show what came of them; with *keep*, then wait for Ctrl-C.

    Raises:
        DemoError: Worker or sender did not come to the end of their topics in time, or had
            nothing to tell.
        ProcessEndedError: One of them ended.
    """
    async with open_mailbox() as mailbox, open_receiver() as receiver:
        with _processes(stage, mailbox, receiver) as cast:
            await asyncio.gather(cast.worker.wait_until_ready(), cast.sender.wait_until_ready())
            _say("worker and sender are ready; playing the shop's half-year")
            await _play_and_wait(stage, cast, records)
            await _show(stage, cast)
            if keep:
                await _wait_for_the_end(stage, cast)


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


@contextmanager
def _processes(stage: Stage, mailbox: Mailbox, receiver: Receiver) -> Iterator[Cast]:
    endpoints = {name: {"url": receiver.url, "secrets": [SECRET]} for name in ENDPOINTS}
    delivering = {
        "SENDER__SMTP__HOST": HOST,
        "SENDER__SMTP__PORT": str(mailbox.port),
        "SENDER__SMTP__SECURITY": "none",
        "SENDER__SMTP__SENDER": "shop@example.com",
        "SENDER__WEBHOOKS": orjson.dumps(endpoints).decode(),
        "SENDER__ALLOW_NETWORKS": "127.0.0.0/8",
    }
    common = {
        **stage.settings,
        "KAFKA__BOOTSTRAP": stage.bootstrap,
        "KAFKA__TOPIC_PREFIX": stage.topics.prefix,
        "KAFKA__PARTITIONS": str(stage.partitions),
        "CLOCK": "header",
    }
    with ExitStack() as cleanup:
        triggers = ["--triggers", str(stage.shop / "triggers")]
        worker = Process("worker", ["worker", *triggers], common, stage.directory)
        cleanup.callback(worker.stop)
        sender = Process("sender", ["sender"], common | delivering, stage.directory)
        cleanup.callback(sender.stop)
        yield Cast(worker, sender, mailbox, receiver)


async def _play_and_wait(stage: Stage, cast: Cast, records: Sequence[Played]) -> None:
    events, actions = stage.topics.name("events"), stage.topics.name("actions")
    detect, send = stage.topics.process("detect"), stage.topics.process("send")
    with Board() as board:
        async with (
            Lag(stage.bootstrap, detect, events, stage.partitions) as decided,
            Lag(stage.bootstrap, send, actions, stage.partitions) as sent,
        ):
            playing = asyncio.create_task(
                play(
                    stage.bootstrap,
                    events,
                    records,
                    seconds=len(records) / _PLAY_RATE,
                    on_progress=lambda done, arrival: board.played(done, len(records), arrival),
                )
            )
            try:
                await _wait_until_done(cast, playing, decided, sent, board)
            finally:
                playing.cancel()
                with suppress(asyncio.CancelledError):
                    await playing


async def _wait_until_done(
    cast: Cast, playing: asyncio.Task[None], decided: Lag, sent: Lag, board: Board
) -> None:
    """Return when all is played, both topics are committed to their ends, and stay so."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _LIMIT_SECONDS
    settled_at = loop.time()
    before: tuple[tuple[int, int], tuple[int, int]] | None = None
    while True:
        cast.worker.check()
        cast.sender.check()
        now = await decided.read(), await sent.read()
        board.decided(*now[0])
        board.sent(*now[1])
        if playing.done():
            await playing
        caught_up = playing.done() and all(done == total for done, total in now)
        if now != before or not caught_up:
            before, settled_at = now, loop.time()
        elif loop.time() - settled_at >= _SETTLE_SECONDS:
            return
        if loop.time() > deadline:
            raise DemoError(
                f"not done after {_LIMIT_SECONDS:.0f} s: the worker has decided {now[0][0]} of "
                f"{now[0][1]} records, the sender has worked off {now[1][0]} of {now[1][1]}; "
                f"their logs: {cast.worker.log}, {cast.sender.log}"
            )
        await asyncio.sleep(0.3)


async def _show(stage: Stage, cast: Cast) -> None:
    def read(short: str) -> AsyncIterator[Record]:
        return read_topic(stage.bootstrap, stage.topics.name(short), stage.partitions)

    tally = await take_tally(read, await cast.worker.metrics())
    show_tally(tally)
    if not tally.matched_actions:
        found = f"nothing matched, and much should have; the worker's log: {cast.worker.log}"
        raise DemoError(found)
    mailbox, receiver = cast.mailbox, cast.receiver
    if mailbox.letters:
        show_letter(mailbox.letters[-1])
    hooks, repeated = len(receiver.accepted), receiver.accepted.total() - len(receiver.accepted)
    print(
        f"\nThe mail server took {mailbox.count:,} e-mails. The webhook receiver took {hooks:,} "
        f"webhooks with valid signatures, {repeated:,} of them more than once; "
        f"{receiver.refused:,} were refused."
    )


async def _wait_for_the_end(stage: Stage, cast: Cast) -> None:
    _say(
        f"\nleft running; Ctrl-C ends it and removes everything\n"
        f"  Kafka     {stage.bootstrap}  (KAFKA_BOOTSTRAP)\n"
        f"  worker    {cast.worker.http}/metrics   log {cast.worker.log}\n"
        f"  sender    {cast.sender.http}/metrics   log {cast.sender.log}\n"
        f"  mail      smtp://{HOST}:{cast.mailbox.port}\n"
        f"  webhooks  {cast.receiver.url}"
    )
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    await ended.wait()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
