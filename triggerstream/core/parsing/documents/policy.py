"""Reading ``policy.yaml``: what holds for all triggers of a ruleset."""

from __future__ import annotations

from typing import Literal, cast

from triggerstream.core.model import (
    CHANNELS,
    MOST_TRIGGERS,
    TYPES,
    Cap,
    Most,
    Policy,
    Purchase,
    Quality,
    QuietHours,
    SessionPolicy,
)
from triggerstream.core.parsing.conditions.calendar import time_span
from triggerstream.core.parsing.conditions.conditions import event_field
from triggerstream.core.parsing.documents import standard
from triggerstream.core.parsing.documents.attributes import weights
from triggerstream.core.parsing.patterns.happenings import event_types
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Items, Mapping, Node, Scalar
from triggerstream.core.parsing.source.reader import Fields, Reader, Reading, T

KEYS = (
    "allowed_lateness",
    "max_skew",
    "backfill_before",
    "timezone",
    "quiet_hours",
    "caps",
    "consent",
    "expiry",
    "record_suppressed",
    "keep",
    "activity",
    "most",
    "purchase",
    "session",
    "attributes",
)
LATER = (
    "country", "unknown_zone", "arbitration", "deadlines", "topics", "engagement", "holdout",
    "holdout_takes_slot", "best_hour", "outcome_grace", "unsubscribe", "channels", "measure",
    "profiling", "identity", "max_events_per_minute",
)  # fmt: skip
"""Keys of the language that this version does not know."""
KEEP = ("all", "read")
MOST_KEYS = ("triggers",)
PURCHASE_KEYS = ("events", "value")
SESSION_KEYS = ("gap", "longest", "quality")
QUALITY_KEYS = ("depth", "seconds", "events")
CAP_KEYS = ("channel", "limit", "window", "types", "on_cap")
CONSENTS = ("opt_in", "opt_out", "none")


def read_policy(reader: Reader, node: Node) -> Policy:
    """Return the policy in the document *node*, after telling all its problems."""
    fields = reader.mapping(node, "policy", KEYS, read.later("policy", KEYS, LATER))
    default = Policy()
    return Policy(
        allowed_lateness=_or(
            fields, "allowed_lateness", read.duration_or_zero, default.allowed_lateness
        ),
        max_skew=_or(fields, "max_skew", read.duration_or_zero, default.max_skew),
        backfill_before=fields.read("backfill_before", read.moment),
        timezone=_or(fields, "timezone", read.zone, default.timezone),
        quiet_hours=fields.read("quiet_hours", _quiet_hours),
        caps=_or(fields, "caps", _caps, default.caps),
        consent=default.consent | (fields.read("consent", _consent) or {}),
        expiry=_or(fields, "expiry", read.duration, default.expiry),
        record_suppressed=_or(fields, "record_suppressed", read.boolean, default.record_suppressed),
        keep=fields.read("keep", _keep),
        activity=_or(fields, "activity", event_types, default.activity),
        purchase=fields.read("purchase", _purchase),
        most=_or(fields, "most", _most, default.most),
        session=_or(fields, "session", _session, default.session),
        attributes=_or(fields, "attributes", _attributes, ()),
    )


def _or(fields: Fields, key: str, reading: Reading[T], default: T) -> T:
    value = fields.read(key, reading)
    return default if value is None else value


def _purchase(reader: Reader, node: Node, what: str) -> Purchase:
    fields = reader.mapping(node, what, PURCHASE_KEYS)
    events = fields.need("events", event_types) or ()
    return Purchase(events, fields.read("value", event_field))


def _session(reader: Reader, node: Node, what: str) -> SessionPolicy:
    fields, default = reader.mapping(node, what, SESSION_KEYS), SessionPolicy()
    return SessionPolicy(
        gap=_or(fields, "gap", read.duration, default.gap),
        longest=_or(fields, "longest", read.duration, default.longest),
        quality=_or(fields, "quality", _quality, default.quality),
    )


def _quality(reader: Reader, node: Node, what: str) -> Quality:
    fields, default = reader.mapping(node, what, QUALITY_KEYS), Quality()
    events = fields.read("events", weights)
    return Quality(
        depth=_or(fields, "depth", read.whole(1), default.depth),
        seconds=_or(fields, "seconds", read.whole(1), default.seconds),
        events=default.events if events is None else dict(events),
    )


def _keep(reader: Reader, node: Node, what: str) -> tuple[str, ...] | None:
    """Read which attributes of profiles are kept: ``None`` for all."""
    if isinstance(node, Mapping):
        fields = reader.mapping(node, what, ("read",))
        return fields.need("read", read.texts) or ()
    if isinstance(node, Items):
        names = "{read: [names]}, for these besides what is read"
        reader.report(node, f"{what}: {read.one_of(KEEP)}, or {names}; found a list")
        return None
    found = read.choice(KEEP)(reader, node, what)
    return () if found == "read" else None


def _attributes(reader: Reader, node: Node, what: str) -> tuple[str, ...]:
    """Read which of the attributes that ship are asked for: ``standard`` for all of them."""
    known = standard.names()
    if isinstance(node, Scalar) and node.value == standard.ALL:
        return known
    if not isinstance(node, Items):
        required = f"{what}: {standard.ALL!r}, or a list of {read.one_of(known)}"
        reader.report(node, f"{required}; found {read.show(node)}")
        return ()
    reading = read.choice(known)
    found = [reading(reader, item, what) for item in reader.items(node, what, "names")]
    return tuple([each for each in found if each is not None])


def _most(reader: Reader, node: Node, what: str) -> Most:
    fields = reader.mapping(node, what, MOST_KEYS)
    return Most(triggers=_or(fields, "triggers", read.whole(1, MOST_TRIGGERS), Most().triggers))


def _quiet_hours(reader: Reader, node: Node, what: str) -> QuietHours | None:
    span = time_span(reader, node, what)
    return None if span is None else QuietHours(span.start, span.end, span.zone)


def _caps(reader: Reader, node: Node, what: str) -> tuple[Cap, ...]:
    """Read the caps; an empty list means that there is none, the default not either."""
    if isinstance(node, Items) and not node.items:
        return ()
    return tuple(_cap(reader, item) for item in reader.items(node, what, "caps"))


def _cap(reader: Reader, node: Node) -> Cap:
    fields = reader.mapping(node, "caps", CAP_KEYS)
    on_cap = fields.read("on_cap", read.choice(("drop", "defer"))) or "drop"
    default = Cap(limit=1, window=1)
    return Cap(
        limit=fields.need("limit", read.whole(1)) or 1,
        window=fields.need("window", read.duration) or 1,
        channel=fields.read("channel", read.choice(CHANNELS)),
        types=_or(fields, "types", _types, default.types),
        on_cap=cast("Literal['drop', 'defer']", on_cap),
    )


def _types(reader: Reader, node: Node, what: str) -> tuple[str, ...]:
    reading = read.choice(TYPES)
    found = [reading(reader, item, what) for item in reader.items(node, what, "trigger types")]
    return tuple(each for each in found if each is not None)


def _consent(reader: Reader, node: Node, what: str) -> dict[str, str]:
    fields = reader.mapping(node, what, CHANNELS)
    given = {channel: fields.read(channel, read.choice(CONSENTS)) for channel in CHANNELS}
    return {channel: mode for channel, mode in given.items() if mode is not None}
