"""Ends a broker and removes its data when whoever started it is gone, however it went.

Run as a process of its own: ``guard.py DIRECTORY``, with the starter's end of a pipe as standard
input. Each line names the broker's process id, 0 for none. The end of the input means that the
starter has ended, were it by ``kill -9``.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from contextlib import suppress


def main(directory: str) -> None:
    """Wait for the end of the input, then clean up."""
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)  # it outlives the starter; that is its purpose
    pid = 0
    for line in sys.stdin:
        pid = int(line)
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(directory, ignore_errors=True)


if __name__ == "__main__":
    main(sys.argv[1])
