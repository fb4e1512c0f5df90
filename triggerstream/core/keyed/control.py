"""What a keyed process itself reads and tells, whatever its program: marks, ticks, dead letters."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected

LATEST_VERSION: Final = 1_000_000_000
"""Each version is a deployment: nobody gets so far. A partition waits for the content of a version
that is marked, and would wait for one beyond that for ever."""


class Mark(msgspec.Struct, frozen=True):
    """The value of a `Kind.RULESET` record."""

    version: Annotated[int, msgspec.Meta(le=LATEST_VERSION)]
    hash: str


class RulesetMarked(msgspec.Struct, frozen=True):
    """A ruleset has come into force; what stands downstream hears it in order.

    Attributes:
        before: The version that was in force until then.
    """

    version: int
    hash: str
    before: int


class ClockMoved(msgspec.Struct, frozen=True):
    """The clock as it stood for what follows; what stands downstream may be silent.

    Attributes:
        position: The record from which the following was decided, or -1.
    """

    clock: int
    position: int = -1


class Erased(msgspec.Struct, frozen=True):
    """A customer was forgotten here; what stands downstream forgets too."""

    customer_id: str


_decode_mark = msgspec.json.Decoder(Mark).decode


def read_mark(value: bytes | None) -> Mark:
    """Return the mark in *value*.

    Raises:
        Rejected: It is none.
    """
    try:
        return _decode_mark(value or b"")
    except msgspec.DecodeError as error:
        raise Rejected(RejectReason.BAD_JSON, f"{_MARK}; {error}") from error
    except UnicodeDecodeError as error:
        raise Rejected(RejectReason.BAD_UTF8, f"{_MARK}; {error}") from error
    except RecursionError as error:
        raise Rejected(RejectReason.TOO_DEEP, f"{_MARK}; {error}") from error


_MARK = (
    f"a ruleset mark is a JSON object with a whole 'version', {LATEST_VERSION} at most, and a "
    "'hash'"
)
