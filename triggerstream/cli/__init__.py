"""The command line: one command a file, each of them arguments, a call, an exit code.

stdout is data, stderr is talk. Exit codes: 0 fine, 1 findings, 2 usage, and from 69 on why a
process stopped (`triggerstream.errors`).
"""

from __future__ import annotations

import sys

from triggerstream.cli.signals import end_when_told
from triggerstream.errors import TriggerFileError, TriggerstreamError


def main() -> None:
    """Run the command that the process was called with, and exit.

    What a person can do something about ends in one message and its exit code; anything else is
    a defect, and keeps its traceback.
    """
    end_when_told(sys.argv[1] if len(sys.argv) > 1 else None)
    from triggerstream.cli.commands import app
    from triggerstream.cli.output import say

    try:
        app()
    except TriggerFileError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except TriggerstreamError as error:
        say(f"triggerstream: {error}")
        sys.exit(error.exit_code)
