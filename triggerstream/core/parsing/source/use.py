"""``use: NAME``: what stands under a name is read as if it stood there (81).

A definition is read once for itself, so that what is wrong with it is told once and at its place;
and again wherever it is used, because another place may not say all that it says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.defined import MOST_WITHIN, Definition
from triggerstream.core.parsing.source.nodes import Node
from triggerstream.core.parsing.source.reader import Reader
from triggerstream.errors import Problem

T = TypeVar("T")


def replaced(
    reader: Reader, node: Node, kind: str, reading: Callable[[Reader, Node], T]
) -> T | None:
    """Return what the name at *node* stands for, by *reading*; ``None`` after telling why not."""
    name = read.text(reader, node, "use")
    if name is None:
        return None
    names = reader.defined
    definition = names.definitions.get((kind, name))
    if definition is None:
        _unknown(reader, node, kind, name)
        return None
    if definition.is_being_read:
        required = "use: names that lead to an end"
        reader.report(node, f"{required}; found {name!r}, which leads back to here")
        return None
    settle(reader, definition)
    names.used.add((kind, name))
    names.height = max(names.height, definition.height)
    if not definition.is_sound:
        names.is_torn = True
        return None
    problems: list[Problem] = []
    inner = reader.beside(definition.file, problems)
    found = reading(inner, definition.node)
    reader.unnamed += inner.unnamed
    reader.numbers += inner.numbers
    reader.changes += inner.changes
    reader.dates += inner.dates
    if problems:
        required = f"use: a {kind} that may stand here"
        reader.report(node, f"{required}; found {name!r}, which says at {problems[0]}")
        return None
    return found


def settle(reader: Reader, definition: Definition) -> None:
    """Read *definition* for itself, if that has not been done."""
    if definition.is_sound is not None:
        return
    names = reader.defined
    outside = names.used, names.height, names.is_torn
    names.used, names.height, names.is_torn = set(), 0, False
    own = reader.beside(definition.file)
    names.readers.append(own)
    before = own.told
    definition.is_being_read = True
    definition.read_alone(own, definition.node)
    definition.is_being_read = False
    definition.height = names.height + 1
    if definition.height > MOST_WITHIN:
        required = f"{definition.kind}: at most {MOST_WITHIN} names within each other"
        own.refuse(definition.place, f"{required}; found {definition.height}")
    definition.is_sound = own.told == before and not names.is_torn
    names.used, names.height, names.is_torn = outside


def _unknown(reader: Reader, node: Node, kind: str, name: str) -> None:
    known = reader.defined.known(kind)
    there = ", ".join(known[:8]) if known else "there is none"
    required = f"use: a {kind} of this directory ({there})"
    reader.report(node, f"{required}; found {name!r}{read.suggest(name, known)}")
