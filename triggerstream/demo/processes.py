"""Workers, senders and engines as processes of their own, started as anybody would start them."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import aiohttp

from triggerstream.errors import TriggerstreamError
from triggerstream.ops.settings import PREFIX

_READY_LIMIT_S = 90.0
_STOP_LIMIT_S = 30.0


class ProcessEndedError(TriggerstreamError):
    """A process of the demo ended, or never got ready; its log says why."""


class Process:
    """One ``triggerstream`` command, with its log in a file.

    Args:
        name: What it is called in messages.
        command: The words behind ``triggerstream``.
        settings: Its own, names without the prefix ``TRIGGERSTREAM_``. Those that we were started
            with are kept from it: they are of another installation.
        directory: Where its log and its states go.
    """

    def __init__(
        self, name: str, command: Sequence[str], settings: Mapping[str, str], directory: Path
    ) -> None:
        self.name = name
        self.log = directory / f"{name}.log"
        self.http = f"http://127.0.0.1:{_free_port()}"
        own = {
            **settings,
            "DATA_DIR": str(directory / name),
            "HTTP__PORT": self.http.rpartition(":")[2],
            "HTTP__NAME": name,
        }
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(PREFIX)
        } | {f"{PREFIX}{key}": value for key, value in own.items()}
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "triggerstream", *command],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is ours to pass on, in order
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    async def wait_until_ready(self) -> None:
        """Return when it answers that it is ready.

        Raises:
            ProcessEndedError: It ended, or was not ready within a minute and a half.
        """
        loop = asyncio.get_running_loop()
        deadline = loop.time() + _READY_LIMIT_S
        async with aiohttp.ClientSession() as session:
            while loop.time() < deadline:
                self.check()
                with suppress(aiohttp.ClientError):
                    async with session.get(f"{self.http}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.1)
        raise ProcessEndedError(f"{self.name} was not ready in time; {self._log_tail()}")

    async def metrics(self) -> str:
        """Return what it answers at ``/metrics``."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.http}/metrics") as answer,
        ):
            return await answer.text()

    def check(self) -> None:
        """Raise `ProcessEndedError` if it has ended."""
        status = self._process.poll()
        if status is not None:
            raise ProcessEndedError(f"{self.name} ended with {status}; {self._log_tail()}")

    def stop(self) -> int:
        """End it in order (SIGTERM), and return its exit status. Blocks: what it sends last must be
        taken meanwhile, so that whoever takes it in this process calls this in a thread."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(_STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def _log_tail(self) -> str:
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return f"its log ({self.log}) ends:\n{text[-3000:]}"


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        return int(holder.getsockname()[1])
