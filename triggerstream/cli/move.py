"""``move``: an installation on one machine goes on elsewhere."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from triggerstream.cli.output import PATIENCE, print_json, say
from triggerstream.cli.startup import BOOTSTRAP, prepare, reaching_kafka
from triggerstream.cli.up import AcceptClock, read_env
from triggerstream.errors import UsageError

if TYPE_CHECKING:
    from triggerstream.stream.local.directory import Directory


def move(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="The directory that `up` was run on.")
    ] = Path(),
    to_kafka: Annotated[
        bool, typer.Option("--to-kafka", help="Move to the Kafka of TRIGGERSTREAM_KAFKA__….")
    ] = False,
    abandon: Annotated[
        bool,
        typer.Option(
            "--abandon", help="Give up a move that has not come to its end, and go on in DIR."
        ),
    ] = False,
    accept_clock: AcceptClock = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Move a directory's installation to Kafka.

    It goes on there with workers and senders. It must not run, and the topics under
    TRIGGERSTREAM_KAFKA__TOPIC_PREFIX must be empty.

    All that came in is decided first. Then the states, what has not been sent yet and the rulesets
    go to TRIGGERSTREAM_KAFKA__PARTITIONS partitions. Broken off, it goes on when it is called
    again. Afterwards nothing starts on DIR any more; its log stays there, as its past.
    """
    from triggerstream.stream.local.directory import NAME, Directory

    if to_kafka == abandon:
        msg = "required is --to-kafka or --abandon; found " + ("both" if abandon else "neither")
        raise UsageError(msg)
    if not (directory / NAME).is_dir():
        msg = f"DIR: required is an installation without Kafka; found no {directory / NAME}"
        raise UsageError(msg)
    read_env(directory / ".env")
    installation = Directory(directory)
    installation.claim(to_move=True)
    try:
        if abandon:
            _abandon(installation)
        else:
            _move(installation, accept_clock=accept_clock, json=json)
    finally:
        installation.release()


def _move(installation: Directory, *, accept_clock: bool, json: bool) -> None:
    settings = prepare()
    if BOOTSTRAP not in os.environ:
        msg = f"{BOOTSTRAP}: required are the brokers to move to; it is not set"
        raise UsageError(msg)
    from triggerstream.processes.moving.move import move

    with reaching_kafka(settings):
        report = asyncio.run(
            move(settings, installation, accept_clock=accept_clock, on_progress=_Progress().tell)
        )
    if json:
        print_json(report)
        return
    states = report.states
    print(
        f"moved to {report.to.place()}: {states['detect']} customers' states, {states['send']} of "
        f"the sender, {report.actions} actions that were not sent yet, in {report.to.partitions} "
        "partitions"
    )
    say(
        "start `triggerstream worker` and `triggerstream sender` there, or `up` with that Kafka set"
    )


def _abandon(installation: Directory) -> None:
    moved = installation.moved()
    if moved is None:
        say("no move was begun")
        raise typer.Exit(1)
    if moved.is_done:
        msg = f"required is a move that has not come to its end; it has: to {moved.place()}"
        raise UsageError(msg)
    installation.move_to(None)
    say(f"given up; what has been appended to {moved.place()} stays there, and is of no use")


class _Progress:
    """Says what is being moved: each thing when it begins, and how far it is every two seconds."""

    def __init__(self) -> None:
        self._what = ""
        self._said = 0.0

    def tell(self, what: str, count: int) -> None:
        now = time.monotonic()
        if what == self._what and now - self._said < PATIENCE:
            return
        say(f"{what}: {count}" if count else what)
        self._what, self._said = what, now
