"""Starting again what has ended, as whoever operates senders lets something do."""

from __future__ import annotations

import asyncio
import signal
from collections import Counter

from tests.chaos.trial import RESTARTABLE
from tests.e2e.deployment import Deployment


class Supervisor:
    """Looks after the processes of one installation.

    Attributes:
        ended: How often a process ended by itself, by exit code.
        wrong: Ends that nobody asked for, in words.
    """

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self.ended: Counter[int] = Counter()
        self.wrong: list[str] = []
        self.moments: list[int] = []

    def look(self) -> None:
        """Start again whatever has ended since."""
        for name, process in list(self._deployment.processes.items()):
            code = process.poll()
            if code is None:
                continue
            self.ended[code] += 1
            if code not in RESTARTABLE:
                self.wrong.append(f"{name} ended with {code}: {self._last_word(name)}")
            if name == "worker":
                self._deployment.worker(name)
            else:
                self._deployment.sender(name)

    def _last_word(self, name: str) -> str:
        """Return what a process said of its failure, or else the end of its log."""
        lines = self._deployment.log(name).read_text(errors="replace").splitlines()
        said = [line for line in lines if '"stopping: ' in line or '"level": "critical"' in line]
        return said[-1][:300] if said else " ".join(lines[-3:])[-300:]

    async def leave(self, name: str, seconds: float = 60) -> None:
        """Ask a process to end (SIGTERM), and return when it has; anything but 0 is wrong."""
        process = self._deployment.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(seconds):
            while process.poll() is None:  # noqa: ASYNC110 - a process tells nobody of its end
                await asyncio.sleep(0.05)
        if process.returncode != 0:
            self.wrong.append(f"{name} was asked to end, and ended with {process.returncode}")

    def note(self) -> str:
        return told(self.ended)


def told(ended: Counter[int]) -> str:
    """Return what ended by itself, in words; nothing where nothing did."""
    codes = ", ".join(f"{number} times {code}" for code, number in sorted(ended.items()))
    return f"ended by themselves: {codes}" if codes else ""
