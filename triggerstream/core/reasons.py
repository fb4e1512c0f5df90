"""The closed sets of reasons, shared by logs, metrics, dead letters, deliveries and `explain`.

A reason is a label: it never carries a value of the input. What was found stands in the text
beside it.
"""

from __future__ import annotations

from enum import StrEnum


class RejectReason(StrEnum):
    """Why a record became a dead letter."""

    EMPTY = "empty"
    """The value is null or has no bytes."""
    TOO_LARGE = "too_large"
    """The value is over the accepted size."""
    BAD_UTF8 = "bad_utf8"
    BAD_JSON = "bad_json"
    TOO_DEEP = "too_deep"
    """JSON nested deeper than the decoder follows."""
    MISSING_FIELD = "missing_field"
    WRONG_TYPE = "wrong_type"
    BAD_TIMESTAMP = "bad_timestamp"
    """Neither RFC 3339 with an offset nor epoch milliseconds."""
    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"
    """Outside of the years 1970 to 2100 (semantics 31)."""
    MISPLACED = "misplaced"
    """Not in the partition that murmur2 of the customer id names: send it through the inbox."""
    STATE_TOO_LARGE = "state_too_large"
    """The customer's state would not fit a changelog record, whatever is evicted."""
    UNKNOWN_KIND = "unknown_kind"
    """The record's kind header is not one that this process knows."""
    SCHEMA = "schema"
    """Its data are not what the schema of its type asks for."""
    UNKNOWN_TYPE = "unknown_type"
    """Nobody knows its type, and `schemas.yaml` says to reject such events."""
    FORBIDDEN_SOURCE = "forbidden_source"
    """Its source is none of those that `schemas.yaml` lets write its type."""
    FORBIDDEN_CUSTOMER = "forbidden_customer"
    """Its key may not write for this customer."""
    RESERVED = "reserved"
    """Its type or its source is one of those that only the engine writes."""
    BAD_ENCODING = "bad_encoding"
    """A body that is not in the encoding that it claims."""


class RecordStatus(StrEnum):
    """What became of a record that was read: each ends in exactly one of these, or rejected."""

    APPLIED = "applied"
    LATE = "late"
    """Too far behind its customer (semantics 27, 28)."""
    DUPLICATE = "duplicate"
    """Its (source, event_id) is among the customer's newest 64 (semantics 30)."""
    UNTRACKED = "untracked"
    """Of a customer of whom nothing is known, and who is made none by it: a touch."""
    SKIPPED = "skipped"
    """At or below the fence: contained in the state already."""


class SuppressionReason(StrEnum):
    """Why a match did not fire (semantics 23), in the order in which they are tested."""

    BACKFILL = "backfill"
    CONDITION = "condition"
    COOLDOWN = "cooldown"
    MAX_PER_CUSTOMER = "max_per_customer"


class GateReason(StrEnum):
    """Why an action was not sent: the failing gate, in the order of `docs/architecture.md`."""

    ERASED = "erased"
    CONSENT = "consent"
    TRIGGER_OFF = "trigger_off"
    SHADOW = "shadow"
    """Its trigger runs in shadow mode: decided, never delivered."""
    EXPIRED = "expired"
    PREFERENCE = "preference"
    QUIET_HOURS = "quiet_hours"
    """The quiet hours outlast the action's expiry."""
    FREQUENCY_CAP = "frequency_cap"
    DUPLICATE = "duplicate"
    OVERFLOW = "overflow"
    """The customer has as many unfinished actions as one state may hold."""


class CancelReason(StrEnum):
    """Why an action was called off before it was sent."""

    GOAL = "goal"
    """The customer reached the trigger's goal."""


class FailReason(StrEnum):
    """Why a delivery failed for good, or may be tried again."""

    NO_ADDRESS = "no_address"
    NO_PROVIDER = "no_provider"
    """The channel is not configured in this sender."""
    TEMPLATE = "template"
    REJECTED = "rejected"
    """The provider's definite no (SMTP 5xx; HTTP 3xx, and 400 and others about the request)."""
    GONE = "gone"
    """HTTP 410: the endpoint wants no more."""
    FORBIDDEN_ADDRESS = "forbidden_address"
    """The endpoint's address is not one that we may dial (SSRF guard)."""
    UNAVAILABLE = "unavailable"
    """The provider's temporary no (SMTP 4xx, other HTTP 4xx, 5xx, a refused connection)."""
    AMBIGUOUS = "ambiguous"
    """The connection ended after the message may have been accepted."""
    EXHAUSTED = "exhausted"
    """Every attempt failed temporarily, or the next one would come after the action's expiry."""
    NOT_CALLED = "not_called"
    """The call never began (a full queue, a shutdown, an old decision): it is decided again."""


class Outcome(StrEnum):
    """How an action ended: the recorded end of every action, in `deliveries.v1`."""

    SENT = "sent"
    SUPPRESSED = "suppressed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    UNKNOWN = "unknown"
    HELD_OUT = "held_out"
