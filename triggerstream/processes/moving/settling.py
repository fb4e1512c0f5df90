"""Before a move: all that came in is taken in and decided, as `up` would, and nothing is sent.

After it the states contain all of ``events`` and ``inbox``, and no event is decided twice, or under
another id, wherever the installation goes on.
"""

from __future__ import annotations

import asyncio
from typing import Final

from triggerstream.errors import ProtocolError, SettingsError, TriggerstreamError
from triggerstream.ops.settings import Settings
from triggerstream.processes.detecting import DETECTING, INBOX, detect
from triggerstream.processes.keyed import Keyed
from triggerstream.processes.local import LocalWorld
from triggerstream.stream.local.directory import Directory

_LOOK: Final = 0.02
"""Seconds between two looks at whether all is decided."""
_LOOKS: Final = 3
"""Looks in a row that must find nothing left: what is taken in is read as events a moment later."""


async def settle(settings: Settings, directory: Directory, *, accept_clock: bool) -> None:
    """Return when the states in *directory*, whose lock this process holds, contain all that came.

    What is decided is appended to ``actions``, for the sender to read wherever it goes on.

    Raises:
        SettingsError: No ruleset is in force, so that nothing can be decided.
        TriggerstreamError: What else ends an engine.
    """
    async with LocalWorld(settings, directory, accept_clock=accept_clock) as world:
        keyed = world.add(DETECTING)
        detect(keyed)
        if world.rulesets.newest() is None:
            raise SettingsError(
                f"{directory.path}: required is an installation with a ruleset in force; found "
                "none: run `triggerstream up` once"
            )
        watching = asyncio.create_task(_end_when_settled(world, keyed))
        try:
            await world.serve()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
    if isinstance(world.shutdown.error, TriggerstreamError):
        raise world.shutdown.error
    if world.shutdown.error is not None or not watching.done() or watching.cancelled():
        message = f"{directory.path}: not all was decided; nothing was moved, and it can be again"
        raise ProtocolError(message) from world.shutdown.error


async def _end_when_settled(world: LocalWorld, keyed: Keyed) -> None:
    try:
        await _wait_until_settled(world, keyed)
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process
        world.shutdown.fail(error)
    else:
        world.shutdown.end("all is decided")


async def _wait_until_settled(world: LocalWorld, keyed: Keyed) -> None:
    log, looks = world.log, 0
    while looks < _LOOKS:
        await asyncio.sleep(_LOOK)
        is_taken_in = log.position(DETECTING.name, INBOX) >= log.end_offset(INBOX)
        process = keyed.process
        is_decided = process is not None and [left for _, left, _ in process.lags()] == [0]
        looks = looks + 1 if is_taken_in and is_decided else 0
