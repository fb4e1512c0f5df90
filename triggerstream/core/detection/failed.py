"""Deliveries that failed for good: what the sender tells of them on the events topic."""

from __future__ import annotations

from typing import Annotated

import msgspec

from triggerstream.core.reasons import RejectReason
from triggerstream.core.records.record import Kind, Rejected


class FailedDelivery(msgspec.Struct, frozen=True):
    """The value of a `Kind.FAILED` record: a firing whose delivery failed for good."""

    firing_id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    trigger: str
    customer_id: str


_decode_failed = msgspec.json.Decoder(FailedDelivery).decode


def read_failed(value: bytes | None, kind: bytes) -> FailedDelivery:
    """Return what *value*, of a record of *kind*, says.

    Raises:
        Rejected: It is no failed delivery.
    """
    if kind != Kind.FAILED:
        found = kind[:40].decode(errors="replace")
        detail = f"an event, or a record of kind failed or touch; found kind {found}"
        raise Rejected(RejectReason.UNKNOWN_KIND, detail)
    if not value:
        raise Rejected(RejectReason.EMPTY, "a failed delivery; found no bytes")
    try:
        return _decode_failed(value)
    except msgspec.ValidationError as error:
        is_missing = "missing required field" in str(error)
        reason = RejectReason.MISSING_FIELD if is_missing else RejectReason.WRONG_TYPE
        raise Rejected(reason, f"a failed delivery; {error}") from error
    except UnicodeDecodeError as error:
        raise Rejected(RejectReason.BAD_UTF8, f"a failed delivery; {error}") from error
    except msgspec.DecodeError as error:
        raise Rejected(RejectReason.BAD_JSON, f"a failed delivery; {error}") from error
    except RecursionError as error:
        raise Rejected(RejectReason.TOO_DEEP, f"a failed delivery; {error}") from error
