"""Documents that give a name to a condition or a pattern; and which document is of which kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import msgspec

from triggerstream.core.model import Name
from triggerstream.core.parsing.conditions.conditions import condition
from triggerstream.core.parsing.documents.triggers import KEYS as TRIGGER_KEYS
from triggerstream.core.parsing.documents.triggers import OTHER_WORDS, PlacedTrigger, trigger_id
from triggerstream.core.parsing.patterns.patterns import named_pattern
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.defined import Definition
from triggerstream.core.parsing.source.nodes import Mapping, Node
from triggerstream.core.parsing.source.reader import Reader
from triggerstream.core.parsing.source.use import settle

TRIGGER = "trigger"
KEYS = {"condition": ("condition", "is"), "pattern": ("pattern", "when")}
"""The keys of each kind of definition: its name, and what that stands for."""
ATTRIBUTE = "attribute"
SEGMENT = "segment"
VALUE = "value"
KINDS = (TRIGGER, ATTRIBUTE, SEGMENT, VALUE, *KEYS)
"""The first keys of documents."""

_READINGS: dict[str, Callable[[Reader, Node], object]] = {
    "condition": lambda reader, node: condition(reader, node, "is"),
    "pattern": named_pattern,
}


def kind_of(node: Node) -> str:
    """Return what a document defines, told by its first key; all else is meant as a trigger."""
    if not isinstance(node, Mapping) or TRIGGER in node.entries:
        return TRIGGER
    first = next(iter(node.entries), TRIGGER)
    return first if first in KINDS else TRIGGER


def is_misplaced(reader: Reader, node: Node) -> bool:
    """Return whether *node* is meant as a document of another kind than a trigger; tell why it is
    none."""
    if not isinstance(node, Mapping) or not node.entries or TRIGGER in node.entries:
        return False
    first = next(iter(node.entries))
    required = f"a document that begins with {read.one_of(KINDS)}"
    behind = next((kind for kind in KINDS if kind in node.entries), None)
    if behind is not None:
        reader.report(node.keys[behind], f"{required}; found {behind!r} behind {first!r}")
        return True
    hint = read.suggest(first, KINDS[1:])
    if not hint or first in TRIGGER_KEYS or first in OTHER_WORDS:
        return False
    reader.report(node.keys[first], f"{required}; found {first!r}{hint}")
    return True


def define(reader: Reader, node: Mapping, kind: str) -> None:
    """Note the name that the document *node* defines, after telling what is wrong with it."""
    before = reader.told
    fields = reader.mapping(node, kind, KEYS[kind])
    name = fields.need(kind, trigger_id)
    _, body = KEYS[kind]
    fields.need(body, _anything)
    says: Node | None = fields.node.entries.get(body)
    if name is None:
        return
    is_whole = says is not None and reader.told == before
    definition = Definition(kind, name, reader.file, says or node, fields[kind], _READINGS[kind])
    if not is_whole:
        definition.is_sound = False
    known = reader.defined.definitions.setdefault((kind, name), definition)
    if known is not definition:
        where = f"{known.file}:{known.place.line}"
        reader.report(definition.place, f"{kind}: a name of its own; found {name!r}, as in {where}")


def _anything(_reader: Reader, _node: Node, _what: str) -> None:
    """It is read when the names of all files are known."""


def settle_all(reader: Reader) -> None:
    """Read every definition for itself, also those that nobody uses."""
    for definition in reader.defined.definitions.values():
        settle(reader, definition)


def names_of(reader: Reader, triggers: Iterable[PlacedTrigger]) -> tuple[Name, ...]:
    """Return what is said by name, and by whom it is used."""
    users: dict[tuple[str, str], list[str]] = {key: [] for key in reader.defined.definitions}
    for placed in triggers:
        for key in placed.names:
            users[key].append(placed.trigger.id)
    return tuple(
        Name(kind, name, _encode(read.plain(definition.node)), tuple(sorted(users[kind, name])))
        for (kind, name), definition in sorted(reader.defined.definitions.items())
    )


_encode = msgspec.json.Encoder(order="deterministic").encode
