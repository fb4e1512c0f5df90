"""Attributes without a name of their own: what a condition asks for where it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b

import msgspec

from triggerstream.core.conditions.expressions import read_by
from triggerstream.core.conditions.numbers import path_of, tables_in
from triggerstream.core.conditions.paths import PROFILE
from triggerstream.core.model import (
    SEGMENT,
    AllOf,
    AnyOf,
    Attribute,
    Condition,
    Counted,
    Expression,
    Held,
    InSegment,
    Negation,
    SinceLast,
    Table,
    Test,
    unfingerprinted,
)

UNNAMED = "~"
"""What the names of attributes and segments begin with that have none of their own."""

_canonical = msgspec.json.Encoder(order="deterministic", enc_hook=unfingerprinted).encode


def unnamed(attribute: Attribute) -> Attribute:
    """Return *attribute* under a name that follows from what it says: equal ones are one."""
    digest = blake2b(_canonical(attribute), digest_size=8).hexdigest()
    return msgspec.structs.replace(attribute, name=f"{UNNAMED}{digest}")


def tests_of(condition: Condition | None) -> Iterator[Condition]:
    """Yield each single test of *condition*, wherever it stands."""
    match condition:
        case None:
            return
        case AllOf(conditions) | AnyOf(conditions):
            for each in conditions:
                yield from tests_of(each)
        case Negation(inner):
            yield from tests_of(inner)
        case _:
            yield condition


def asked_of(condition: Condition | None) -> Iterator[Attribute]:
    """Yield the unnamed attributes that *condition* asks for."""
    for test in tests_of(condition):
        if isinstance(test, SinceLast | Counted | Held) and test.of is not None:
            yield test.of


def paths_of(condition: Condition | None) -> Iterator[str]:
    """Yield the paths that *condition* reads, of events and of the profile."""
    for test in tests_of(condition):
        yield from map(path_of, tables_of(test))
        if isinstance(test, Test | SinceLast | Counted | Held):
            yield test.path
        elif isinstance(test, InSegment):
            yield f"{PROFILE}.segments"
        elif isinstance(test, Expression):
            yield from read_by(test.text)


def tables_of(condition: Condition | None) -> Iterator[Table]:
    """Yield the tables that *condition* looks numbers up in."""
    for test in tests_of(condition):
        match test:
            case Test(_, _, operand) | Held(_, _, operand, _) | Counted(_, _, _, operand):
                yield from tables_in(operand)


def named_segments(condition: Condition | None) -> list[str]:
    """Return the segments that *condition* asks for, or looks numbers up by."""
    found = [
        name for test in tests_of(condition) if isinstance(test, InSegment) for name in test.names
    ]
    return found + [name for table in tables_of(condition) for name in segments_of(table)]


def segments_of(table: Table) -> list[str]:
    """Return the segments that *table* goes by."""
    return [name for name, _ in table.cases] if table.by == SEGMENT else []
