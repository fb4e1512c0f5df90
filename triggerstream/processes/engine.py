"""The engine: detecting, sending and taking in, in one process over one directory."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from triggerstream.core.rulesets.diff import diff, tell
from triggerstream.core.rulesets.ruleset import Ruleset, content_hash
from triggerstream.ops.build import version_line
from triggerstream.ops.settings import Settings
from triggerstream.processes.detecting import DETECTING, detect
from triggerstream.processes.door import build_server, keys_of
from triggerstream.processes.keyed import Keyed
from triggerstream.processes.local import LocalWorld
from triggerstream.processes.loop import run
from triggerstream.processes.sending import DRAIN, open_sending
from triggerstream.stream.local.directory import Directory, Engine
from triggerstream.stream.rulesets import publish_through

_log = logging.getLogger(__name__)

PATIENCE: Final = 10.0
"""Seconds to wait for a command that appends meanwhile. By the exit code of who has not got the
directory an engine stays down, and a command is no reason for that."""
_LIFELINE: Final = 0
"""stdin, where a supervisor holds the other end: it ends when the supervisor does."""


def run_engine(
    settings: Settings,
    directory: Directory,
    *,
    wanted: tuple[Mapping[str, str], Ruleset] | None,
    accept_clock: bool = False,
    is_supervised: bool = False,
    run_id: str | None = None,
) -> int:
    """Run the installation in *directory* until it is told to stop; return the exit code.

    Args:
        wanted: Files to be put in force, if others are, and the ruleset that they are; ``None`` to
            go on with what is.
        accept_clock: Whether whatever the machine's clock says is right.
        is_supervised: Whether to stop when stdin ends.
        run_id: Of the supervisor's run that has *wanted* put in force, once.

    Raises:
        SettingsError: Another process runs it.
    """

    async def main() -> int:
        async with (
            open_sending(settings) as sending,
            LocalWorld(settings, directory, accept_clock=accept_clock) as world,
        ):
            detecting = world.add(DETECTING)
            detect(detecting)
            calls = sending.send(world.add(sending.role))
            if is_supervised:
                _end_with_supervisor(world)
            if wanted is not None:
                await _put_in_force(world, *wanted)
                if run_id is not None:
                    directory.note_begun(run_id)
            try:
                return await world.serve(_open_door(world, detecting))
            finally:
                await calls.drain(DRAIN)

    directory.claim(patience=PATIENCE)
    try:
        return run(main)
    finally:
        directory.hush()
        directory.release()


@asynccontextmanager
async def _open_door(world: LocalWorld, detecting: Keyed) -> AsyncIterator[None]:
    """Take events in over HTTP, and say where."""
    ingest = world.settings.ingest
    server = build_server(
        ingest,
        keys_of(ingest, world.directory.path.parent),
        log=world.log,
        rulesets=world.rulesets,
        children=world.children,
        partitions=world.partitions,
        behind=detecting.behind,
    )
    await server.start()
    try:
        _tell(world, f"http://{ingest.host}:{server.port}")
        yield
    finally:
        await server.stop()


def _tell(world: LocalWorld, ingest: str) -> None:
    """Say where the engine listens, to commands and in the logs."""
    started = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    world.directory.tell(Engine(os.getpid(), world.health_url, ingest, started))
    _log.info(
        "ready: events come in on %s, health on %s; %s", ingest, world.health_url, version_line()
    )


async def _put_in_force(world: LocalWorld, files: Mapping[str, str], ruleset: Ruleset) -> None:
    """Publish *files*, unless they are in force, and say what changes."""
    rulesets = world.rulesets
    newest = rulesets.newest()
    base = 0 if newest is None else newest[0]
    content = rulesets.behind(base, files)
    if newest is not None and newest[1] == content_hash(content):
        return
    before = rulesets.get(base)
    version = await publish_through(world.log.append, rulesets, content, None)
    after = rulesets.get(version)
    for line in tell(diff(before, after)) if before is not None and after is not None else ():
        _log.info("ruleset %d: %s", version, line)
    _log.info("published %d triggers as ruleset %d", len(ruleset.source.triggers), version)


def _end_with_supervisor(world: LocalWorld) -> None:
    """Stop in order when whoever supervises this process is gone: it could not be stopped else."""

    def look() -> None:
        if not os.read(_LIFELINE, 1024):
            loop.remove_reader(_LIFELINE)
            world.shutdown.end("the supervisor has ended")

    loop = asyncio.get_running_loop()
    if not sys.stdin.closed:
        loop.add_reader(_LIFELINE, look)
