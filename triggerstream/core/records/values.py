"""Values of records: JSON that is read as one kind requires, or rejected with its reason."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Rejected
from triggerstream.core.timestamps import parse_moment

Decoded = TypeVar("Decoded")


def decode(decoder: msgspec.json.Decoder[Decoded], value: bytes) -> Decoded:
    """Return what *decoder* reads in *value*.

    Raises:
        Rejected: It is not what the decoder requires.
    """
    try:
        return decoder.decode(value)
    except msgspec.ValidationError as error:
        missing = "missing required field" in str(error)
        reason = RejectReason.MISSING_FIELD if missing else RejectReason.WRONG_TYPE
        raise Rejected(reason, str(error)) from error
    except msgspec.DecodeError as error:
        raise Rejected(RejectReason.BAD_JSON, str(error)) from error
    except UnicodeDecodeError as error:
        raise Rejected(RejectReason.BAD_UTF8, str(error)) from error
    except RecursionError as error:
        raise Rejected(RejectReason.TOO_DEEP, str(error)) from error


def moment(text: str) -> int:
    """Return the epoch milliseconds of *text*.

    Raises:
        Rejected: It is no RFC 3339 moment with an offset.
    """
    try:
        return parse_moment(text)
    except ValueError as error:
        raise Rejected(RejectReason.BAD_TIMESTAMP, str(error)) from error
