"""Reading the conditions that ask what has happened: ``since_last`` and ``count``."""

from __future__ import annotations

from math import ceil
from typing import Final, cast

from triggerstream.core.conditions.numbers import possible
from triggerstream.core.conditions.paths import PROFILE
from triggerstream.core.conditions.unnamed import asked_of, unnamed
from triggerstream.core.model import (
    AT,
    CHANNELS,
    Attribute,
    Comparator,
    Condition,
    Counted,
    EventPattern,
    Head,
    Named,
    Number,
    SinceLast,
    Table,
    Test,
)
from triggerstream.core.parsing.conditions import numbers
from triggerstream.core.parsing.conditions.conditions import COUNT_KEYS, event_field, where_of
from triggerstream.core.parsing.conditions.window import window
from triggerstream.core.parsing.patterns import happenings
from triggerstream.core.parsing.patterns.check import MOST_HELD
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Mapping, Node
from triggerstream.core.parsing.source.reader import Fields, Reader

COMPARATORS: Final = ("at_least", "more_than", "at_most", "exactly")
SENT: Final = "message_sent"
"""The type of the event that says so."""
_BOUNDS: Final = ("at_least", "less_than")
_SINCE_HEADS: Final = (*happenings.HEADS, "channel", "of")


def since_last(reader: Reader, node: Node, what: str) -> Condition | None:
    """Read how long ago something happened last: at least, or less than, so long."""
    fields = reader.mapping(node, what, _since_keys(node))
    heads = [head for head in _SINCE_HEADS if head in fields]
    bounds = [bound for bound in _BOUNDS if bound in fields]
    for found, words in ((heads, _SINCE_HEADS), (bounds, _BOUNDS)):
        if len(found) != 1 and isinstance(node, Mapping):
            required = f"{what}: exactly one of {read.one_of(words)}"
            reader.report(node, f"{required}; found {' and '.join(found) or 'none'}")
    if len(heads) != 1 or len(bounds) != 1:
        return None
    (head,), (bound,) = heads, bounds
    duration = fields.read(bound, read.duration) or 0
    is_least = bound == "at_least"
    if head == "of":
        name = fields.read("of", _profile_path)
        return None if name is None else SinceLast(name, None, duration, is_least)
    on = _sent(fields) if head == "channel" else happenings.happening_of(fields, head)
    of = unnamed(Attribute("", "last", on, AT))
    return SinceLast(f"{PROFILE}.{of.name}", of, duration, is_least)


def _since_keys(node: Node) -> tuple[str, ...]:
    """Return the keys that may stand in *node*: those of what happened, and how long ago."""
    head = happenings.head_of(node) if isinstance(node, Mapping) else happenings.EVENT
    rest = [key for key in happenings.keys_of(head) if key not in _SINCE_HEADS]
    if isinstance(node, Mapping) and "of" in node.entries and head not in node.entries:
        rest = []
    return (*_SINCE_HEADS, *rest, *_BOUNDS)


def _sent(fields: Fields) -> EventPattern:
    """Read a channel: what is asked for is that a message went out by it."""
    channel = fields.read("channel", read.choice(CHANNELS))
    by_channel = EventPattern((SENT,), Test("event_data.channel", "equals", channel))
    return happenings.narrowed(by_channel, where_of(fields))


def _profile_path(reader: Reader, node: Node, what: str) -> str | None:
    path = read.text(reader, node, what)
    if path is not None and not path.startswith(f"{PROFILE}."):
        required = f"{what}: a moment of the profile, such as profile.last_order"
        reader.report(node, f"{required}; found {path!r}")
    return path


def count(reader: Reader, node: Mapping) -> Condition | None:
    """Read a count among the tests of *node*: how many there were up to the moment it is asked."""
    entries = {key: node.entries[key] for key in COUNT_KEYS if key in node.entries}
    keys = {key: node.keys[key] for key in entries}
    fields = reader.mapping(Mapping(node.line, node.col, entries, keys), "count", COUNT_KEYS)
    inner = fields.read("count", happenings.happening) or EventPattern(())
    on = happenings.narrowed(inner, where_of(fields))
    aggregates = [key for key in ("sum", "distinct", "per") if key in fields]
    comparators = [key for key in COMPARATORS if key in fields]
    if len(aggregates) > 1:
        both = " and ".join(aggregates)
        required = "count: only one of sum, distinct or per"
        reader.report(fields.key(aggregates[1]), f"{required}; found {both}")
    if len(comparators) != 1:
        required = f"count: exactly one of {read.one_of(COMPARATORS)}"
        reader.report(
            fields.key("count"), f"{required}; found {' and '.join(comparators) or 'none'}"
        )
    if "within" not in fields:
        reader.report(fields.key("count"), "count: 'within' is required in a condition; found none")
    head = aggregates[0] if aggregates else "count"
    path = fields.read(head, event_field) if aggregates else None
    within = fields.read("within", window)
    threshold = _threshold(reader, fields, comparators, head)
    if len(comparators) != 1 or within is None or threshold is None:
        return None
    head = "instances" if head == "per" else head
    of = unnamed(Attribute("", cast("Head", head), on, path, within))
    return Counted(f"{PROFILE}.{of.name}", of, cast("Comparator", comparators[0]), threshold)


def check_instances(reader: Reader, condition: Condition | None, place: Node, found: str) -> None:
    """Tell of a count of the instance at hand where there is none."""
    if any(each.head == "instances" for each in asked_of(condition)):
        required = "per: under 'if' of a trigger with 'per', for it counts what its instance had"
        reader.report(place, f"{required}; found {found}")


def _threshold(reader: Reader, fields: Fields, comparators: list[str], head: str) -> Number | None:
    if len(comparators) != 1:
        return None
    (comparator,) = comparators
    node = fields[comparator]
    most = MOST_HELD - (comparator in {"more_than", "at_most"})
    if head != "sum" and not isinstance(node, Mapping):
        return read.whole(0, most)(reader, node, comparator)
    found = numbers.number(reader, node, comparator)
    if head != "sum" and isinstance(found, Table):
        for each in dict.fromkeys(possible(found)):
            if type(each) is not int or not 0 <= each <= most:
                required = f"{comparator}: a whole number from 0 to {most:,} in every case"
                reader.report(node, f"{required}; found {each}")
    elif head != "sum" and isinstance(found, Named):
        for each in dict.fromkeys(possible(found)):
            if not 0 <= ceil(each) <= most:
                required = f"{comparator}: a value from 0 to {most:,}"
                reader.refuse(node, f"{required}; found {found.name!r}, which is {each}")
    return found
