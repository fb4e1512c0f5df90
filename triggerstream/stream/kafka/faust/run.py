"""Running a process to its end, which always comes, with an exit code that says which it was."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import cast

from faust.exceptions import ConsumerNotStarted

from triggerstream.stream.kafka.faust.recovery import RecoveringApp
from triggerstream.stream.kafka.faust.transport import Consumer
from triggerstream.stream.kafka.faust.watchdog import watch
from triggerstream.stream.shutdown import STOP_LIMIT, STUCK, limited


async def serve(app: RecoveringApp) -> int:
    """Run *app* until SIGTERM, SIGINT or a failure, and return the exit code.

    On a signal it stops fetching, checkpoints, commits, leaves the group and returns 0. After a
    failure it writes nothing any more, and returns the failure's code (`errors`). Where even
    stopping fails, the process ends hard after `STOP_LIMIT`.
    """
    shutdown = app.edge.shutdown
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, shutdown.end, f"{number.name} came")
    starting = asyncio.create_task(_start(app))
    watching = asyncio.create_task(watch(app))
    try:
        await shutdown.wait()
        with limited(STOP_LIMIT, lambda: shutdown.exit_code or STUCK):
            await _stop(app)
    except Exception as error:  # noqa: BLE001 - the first failure decides, and it may be this
        shutdown.fail(error)
    finally:
        for task in (watching, starting):
            task.cancel()
        for ended in await asyncio.gather(watching, starting, return_exceptions=True):
            if isinstance(ended, Exception):
                shutdown.fail(ended)
    return shutdown.exit_code


async def _start(app: RecoveringApp) -> None:
    """Start *app*; returns when the first partitions are being read."""
    try:
        await app.start()
    except Exception as error:  # noqa: BLE001 - whatever it is, it ends the process
        app.edge.shutdown.fail(error)


async def _stop(app: RecoveringApp) -> None:
    consumer = cast("Consumer", app.consumer)
    consumer.stop_flow()
    with suppress(ConsumerNotStarted):
        # After a failure nothing is written: what is in memory may be the reason for it.
        await consumer.give_up(consumer.assignment(), are_lost=app.edge.shutdown.error is not None)
    # Faust's fetcher takes being stopped for a crash while there is a rebalance.
    app.rebalancing = False
    try:
        await app.stop()
    finally:
        await app.standbys.stop()
        app.stores.close_others()
