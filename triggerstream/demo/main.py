"""The demo's composition: a world to play in, a directory to play in, and an end to both."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path

from triggerstream.demo.history import Played
from triggerstream.demo.run import read_shop, run_demo
from triggerstream.demo.sinks import open_mailbox, open_receiver
from triggerstream.demo.stage import Stage, delivering
from triggerstream.errors import TriggerstreamError


def main(*, shop: Path, bootstrap: str | None, keep: bool) -> None:
    """Run the demo on this machine alone, or on the Kafka at *bootstrap*; leave nothing behind.

    Raises:
        UsageError: The shop's files are not where they should be.
        UnreachableError: No broker answers at *bootstrap*.
        TriggerstreamError: What else `run_demo` raises.
    """
    records = read_shop(shop)
    with _directory() as directory:
        asyncio.run(_until_told(shop, directory, bootstrap, records, keep=keep))


@contextmanager
def _directory() -> Iterator[Path]:
    """Make a directory for states and logs; it stays only where the logs have to tell why."""
    directory = Path(tempfile.mkdtemp(prefix="triggerstream-demo-"))
    try:
        yield directory
    except TriggerstreamError:
        if not any(directory.iterdir()):
            directory.rmdir()
        else:
            _say(f"the logs stay in {directory}")
        raise
    except BaseException:
        shutil.rmtree(directory)
        raise
    shutil.rmtree(directory)


async def _until_told(
    shop: Path, directory: Path, bootstrap: str | None, records: Sequence[Played], *, keep: bool
) -> None:
    """Run the demo; SIGTERM ends it in order, as Ctrl-C does.

    Raises:
        SystemExit: SIGTERM came.
    """

    async def run() -> None:
        async with open_mailbox() as mailbox, open_receiver() as receiver:
            settings = delivering(mailbox, receiver)
            async with _open(shop, directory, bootstrap, settings) as stage:
                await run_demo(stage, records, mailbox, receiver, keep=keep)

    task = asyncio.ensure_future(run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel, signal.SIGTERM.name)
    try:
        await task
    except asyncio.CancelledError as error:
        if error.args != (signal.SIGTERM.name,):
            raise
        raise SystemExit(128 + signal.SIGTERM) from error


def _open(
    shop: Path, directory: Path, bootstrap: str | None, settings: Mapping[str, str]
) -> AbstractAsyncContextManager[Stage]:
    """Return the stage; the other world's libraries are not loaded."""
    if bootstrap is None:
        from triggerstream.demo.embedded import EmbeddedStage  # noqa: PLC0415 - as it says

        return EmbeddedStage(shop, directory, settings)
    from triggerstream.demo.kafka import KafkaStage  # noqa: PLC0415 - as it says

    return KafkaStage(bootstrap, shop, directory, settings)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
