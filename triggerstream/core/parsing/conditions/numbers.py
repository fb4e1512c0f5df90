"""Reading what may stand in the place of a number: its name, or a table of cases (74)."""

from __future__ import annotations

from typing import Final

from triggerstream.core.conditions.numbers import SEGMENTS, knows_customer, tables_in
from triggerstream.core.conditions.paths import MAPPINGS, PROFILE
from triggerstream.core.model import SEGMENT, Named, Number, Table
from triggerstream.core.parsing.conditions.conditions import path_is_right
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Mapping, Node, Scalar
from triggerstream.core.parsing.source.reader import Fields, Reader

BY: Final = "by"
DEFAULT: Final = "default"
VALUE: Final = "value"
VARIANT: Final = "variant"
MOST_CASES: Final = 50

ANYWHERE: Final = "anywhere"
OF_EVENT: Final = "of_event"
OF_CUSTOMER: Final = "of_customer"
NOWHERE: Final = "nowhere"
"""What a table may go by: whatever is known; the event alone, or the customer; or nothing."""


def number(reader: Reader, node: Node, what: str, by: str = ANYWHERE) -> Number | None:
    """Read a number, the name of one, or a table."""
    if not isinstance(node, Mapping):
        return read.number(reader, node, what)
    if VALUE in node.entries and BY not in node.entries:
        found: Table | Named | None = _named(reader, node, what)
    elif BY in node.entries:
        found = table_of(reader.mapping(node, what, tuple(node.entries)))
    else:
        required = f"{what}: a number, {{value: NAME}} or {{by: …, default: …}}"
        reader.report(node, f"{required}; found {read.show(node)}")
        return None
    if found is None:
        return None
    _check_place(reader, node, what, found, by)
    reader.numbers.append(found)
    return found


def _named(reader: Reader, node: Mapping, what: str) -> Named | None:
    fields = reader.mapping(node, what, (VALUE,))
    name = fields.read(VALUE, read.text)
    if name is None:
        return None
    known = reader.defined.values
    if name not in known:
        there = ", ".join(sorted(known)[:8]) or "there is none"
        hint = read.suggest(name, known)
        required = f"{what}: a value of this directory ({there})"
        reader.report(fields[VALUE], f"{required}; found {name!r}{hint}")
        return None
    return Named(name, known[name])


def table_of(fields: Fields, beside: tuple[str, ...] = ()) -> Table | None:
    """Read a table; the keys *beside* it are none of its cases."""
    reader, entries = fields.reader, fields.node.entries
    subject = fields.read(BY, _subject)
    default = fields.need(DEFAULT, read.number)
    cases = [key for key in entries if key not in (BY, DEFAULT, *beside)]
    if not 1 <= len(cases) <= MOST_CASES:
        found = len(cases) or "none"
        reader.report(fields.key(BY), f"by: 1 to {MOST_CASES} cases beside it; found {found}")
    numbers = [(case, fields.read(case, read.number)) for case in cases]
    if subject == SEGMENT:
        for case in cases:
            reader.name("segment", fields.node.keys[case])
    if subject is None or default is None or any(each is None for _, each in numbers):
        return None
    said = tuple([(case, each) for case, each in numbers if each is not None])
    return Table(subject, said, default)


def _subject(reader: Reader, node: Node, what: str) -> str | None:
    """Read what a table goes by: a path, or ``segment``."""
    name = read.text(reader, node, what)
    if name is None or name == SEGMENT or not isinstance(node, Scalar):
        return name
    if name == VARIANT:
        required = f"{what}: a path or {SEGMENT!r}"
        reader.report(node, f"{required}; found 'variant': there are no experiments yet")
        return None
    if not path_is_right(reader, node, (SEGMENT,)):
        return None
    if name in (*MAPPINGS, PROFILE):
        reader.report(node, f"{what}: one field, such as {name}.tier; found {name}, a mapping")
        return None
    if name == SEGMENTS:
        reader.refuse(node, f"{what}: {SEGMENT!r}, by which the first case counts; found {name}")
    return name


def _check_place(reader: Reader, node: Node, what: str, found: Number, by: str) -> None:
    """Check that what the number goes by is known where it is compared with."""
    for table in tables_in(found):
        if by == NOWHERE:
            required = f"{what}: a number that goes by nothing, for a timer asks for it"
            reader.report(node, f"{required}; found one by {table.by}")
        elif by == OF_EVENT and knows_customer(table):
            required = f"{what}: under 'where' a number by a field of the event"
            reader.report(node, f"{required}; found one by {table.by}")
        elif by == OF_CUSTOMER and not knows_customer(table):
            required = f"{what}: a number by what is known of the customer"
            reader.report(node, f"{required}; found one by {table.by}")
