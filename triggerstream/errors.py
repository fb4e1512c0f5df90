"""Every exception raised on purpose: one class per response, saying who acts and how it ends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class TriggerstreamError(Exception):
    """Base of all errors that a person can do something about.

    Attributes:
        exit_code: What a process that ends by it exits with; one code per response.
    """

    exit_code = 1


class UsageError(TriggerstreamError):
    """The command was called wrongly; its caller corrects the words."""

    exit_code = 2


class SettingsError(TriggerstreamError):
    """A setting is wrong or unknown; who deploys corrects it."""

    exit_code = 2


class ConflictError(TriggerstreamError):
    """Another ruleset was published in between; who deploys brings it in, and deploys again."""

    exit_code = 1


class UnreachableError(TriggerstreamError):
    """The brokers, or the process that was asked, do not answer; who operates them looks there."""

    exit_code = 69


class StateFormatError(TriggerstreamError):
    """Stored state cannot be read. Stop: to go on would be to forget a customer silently."""

    exit_code = 70


class ProtocolError(TriggerstreamError):
    """A record could not be appended, or an acknowledgement was not what it must be. Stop; the
    supervisor starts the process again, which decides again from the last checkpoint."""

    exit_code = 71


class TooLargeError(ProtocolError):
    """A record is larger than its topic takes. Saying it again does not help; whoever made it
    makes it smaller."""


class LeaseExpiredError(TriggerstreamError):
    """This process was paused, or the group did not hear it, for too long to be sure that it still
    owns its partitions. It exits instead of writing."""

    exit_code = 72


class WorldChangedError(TriggerstreamError):
    """The topic is not the one that the state was made from (another id, or offsets outside the
    log). A person must say what is meant; restarting does not help."""

    exit_code = 73


class StoreError(TriggerstreamError):
    """The local store failed (disk full, damaged files). Stop; never skip the event."""

    exit_code = 74


class DamagedError(StoreError):
    """A local store is damaged, and nothing is there to fill another one from. Who operates the
    installation puts it back from a backup; starting again does not help, as little as where the
    log is another one."""

    exit_code = WorldChangedError.exit_code


class DecisionError(TriggerstreamError):
    """Our own code raised outside of one trigger's evaluation: a defect. Stop; skip nothing."""

    exit_code = 75


class Problem(NamedTuple):
    """One thing that is wrong in a file, where it stands, and what to do about it.

    Attributes:
        line: From 1, as `col` is.
        message: What is required; what was found.
    """

    file: str
    line: int
    col: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.col}: {self.message}"


class TriggerFileError(TriggerstreamError):
    """Trigger files cannot be used; their author corrects them. Carries every problem at once.

    Attributes:
        problems: In order of file, line and column.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = sorted(problems)
        super().__init__("\n".join(map(str, self.problems)))
