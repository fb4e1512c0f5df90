"""Reading happenings: what may stand wherever the type of an event may.

A happening is a type (`event`), or something that the engine finds out and tells as an event of its
own: a trigger `fired`, a segment was `entered` or `left`, a value has `changed`, a `session` has
started or ended, a `date` has come. It stands alone, as a mapping, or in a list beside types, with
a ``where`` of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from triggerstream.core.events.derived import (
    ENTERED,
    FIRED,
    LEFT,
    SESSION_ENDED,
    SESSION_STARTED,
    SIGN,
)
from triggerstream.core.model import AllOf, AnyOf, Condition, EventPattern, Test
from triggerstream.core.parsing.conditions.activity import activity_of
from triggerstream.core.parsing.conditions.conditions import where_of
from triggerstream.core.parsing.patterns import changes, dates
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Items, Mapping, Node, Scalar
from triggerstream.core.parsing.source.reader import Fields, Reader

EVENT: Final = "event"
CHANGED: Final = "changed"
DATE: Final = "date"
HEADS: Final[tuple[str, ...]] = (EVENT, "fired", "entered", "left", CHANGED, DATE, "session")
"""What names a happening; `event` comes first."""

_BESIDE: Final = {
    "count": (
        "at_least", "more_than", "at_most", "exactly", "sum", "average", "distinct", "within",
    ),
    "trend": ("below", "above", "recent", "baseline", "min"),
    "absent": ("for",),
}  # fmt: skip
"""By what takes a happening: what people write into that, and belongs beside it."""

NOBODY = EventPattern(())


def happening(reader: Reader, node: Node, what: str) -> EventPattern | None:
    """Read a type, a list of types and happenings, or one happening, such as ``{fired: t}``."""
    if isinstance(node, Mapping):
        return _mapping(reader, node, what)
    if not isinstance(node, Items) or not any(isinstance(each, Mapping) for each in node.items):
        types = event_types(reader, node, what)
        return None if types is None else EventPattern(types)
    parts = [
        _mapping(reader, item, what) if isinstance(item, Mapping) else _plain(reader, item, what)
        for item in node.items
    ]
    return joined([part for part in parts if part is not None])


def happening_of(fields: Fields, head: str) -> EventPattern:
    """Read the happening that *head* names in *fields*, with the ``where`` beside it."""
    if head == CHANGED:
        return changes.changed(fields, happening)
    if head == DATE:
        return dates.date(fields)
    reading = _READINGS[head]
    if head not in fields:
        fields.need(head, reading)
        return NOBODY
    found = fields.read(head, reading) or NOBODY
    return narrowed(found, where_of(fields))


def keys_of(head: str) -> tuple[str, ...]:
    """Return the keys of the happening that *head* names."""
    return {CHANGED: changes.KEYS, DATE: dates.KEYS}.get(head, (head, "where"))


def head_of(node: Mapping) -> str:
    """Return what names the happening in *node*; `event` where nothing does."""
    return next((head for head in HEADS if head in node.entries), EVENT)


def narrowed(found: EventPattern, where: Condition | None) -> EventPattern:
    """Return those of *found* for which *where* holds, too."""
    if where is None or found.where is None:
        return EventPattern(found.types, where or found.where)
    return EventPattern(found.types, AllOf((found.where, where)))


def joined(parts: list[EventPattern]) -> EventPattern:
    """Return what any of *parts* is: what each asks for is asked of its own types only."""
    types = tuple(dict.fromkeys([name for part in parts for name in part.types]))
    if len(parts) == 1 or all(part.where is None for part in parts):
        return EventPattern(types, parts[0].where if parts else None)
    plain = [name for part in parts if part.where is None for name in part.types]
    some: list[Condition] = [_is_one_of(plain)] if plain else []
    some += [
        AllOf((_is_one_of(part.types), part.where)) for part in parts if part.where is not None
    ]
    return EventPattern(types, AnyOf(tuple(some)))


def _is_one_of(types: list[str] | tuple[str, ...]) -> Condition:
    return Test("event_type", "in_list", list(types))


def _mapping(reader: Reader, node: Mapping, what: str) -> EventPattern:
    head = head_of(node)
    keys = keys_of(head)
    outside = [key for key in _BESIDE.get(what, ()) if key not in keys]
    refused = {key: f"{key}: beside {what!r}, not inside of it; found it inside" for key in outside}
    return happening_of(reader.mapping(node, what, keys, refused), head)


def _plain(reader: Reader, node: Node, what: str) -> EventPattern | None:
    types = event_types(reader, node, what)
    return None if types is None else EventPattern(types)


def _event(reader: Reader, node: Node, what: str) -> EventPattern | None:
    """Read what stands under ``event``: types, and happenings beside them in a list."""
    if isinstance(node, Items):
        return happening(reader, node, what)
    return _plain(reader, node, what)


def event_types(reader: Reader, node: Node, what: str) -> tuple[str, ...] | None:
    """Read types of events; of a pattern for several, such as ``page_*``, there is none."""
    types = read.texts(reader, node, what)
    for each in node.items if isinstance(node, Items) else (node,):
        if isinstance(each, Scalar) and any(sign in each.text for sign in "*?"):
            required = f"{what}: the name of a type, or a list of them, such as [a, b]"
            reader.refuse(each, f"{required}; found {read.show(each)}: no sign stands for others")
        elif isinstance(each, Scalar) and each.text.startswith(SIGN):
            required = f"{what}: a type that does not begin with {SIGN!r}, which are the engine's"
            remedy = ": write {fired: TRIGGER} for what a trigger does"
            reader.refuse(each, f"{required}; found {read.show(each)}{remedy}")
    return types


def _named(kind: str, prefix: str) -> read.Reading[EventPattern]:
    """Return the reading of names of *kind*, which other files may say, to types with *prefix*."""

    def reading(reader: Reader, node: Node, what: str) -> EventPattern | None:
        names = read.texts(reader, node, what)
        if names is None:
            return None
        for each in node.items if isinstance(node, Items) else (node,):
            if isinstance(each, Scalar):
                reader.name(kind, each)
        return EventPattern(tuple([prefix + name for name in names]))

    return reading


_EDGES: Final = {"started": SESSION_STARTED, "ended": SESSION_ENDED}


def _session(reader: Reader, node: Node, what: str) -> EventPattern | None:
    activity_of(reader, node, what)
    edge = read.choice(_EDGES)(reader, node, what)
    return None if edge is None else EventPattern((_EDGES[edge],))


_READINGS: dict[str, Callable[[Reader, Node, str], EventPattern | None]] = {
    EVENT: _event,
    "fired": _named("trigger", FIRED),
    "entered": _named("segment", ENTERED),
    "left": _named("segment", LEFT),
    "session": _session,
}
