"""Numbers that are looked up where they are compared with: by name, or in a table (74, 75)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import msgspec

from triggerstream.core.conditions.paths import PROFILE, compile_path, reads_profile, text_of
from triggerstream.core.events.event import Event
from triggerstream.core.model import SEGMENT, Named, Number, Table

LookUp = Callable[[Event, dict[str, Any]], float]
"""Takes the event and the profile."""

SEGMENTS = f"{PROFILE}.segments"


def in_force(number: Any) -> Any:
    """Return *number*, and of one that has a name what that comes to: a number or a table. What is
    no number stays as it is."""
    if isinstance(number, Named):
        return number.in_force.said
    if isinstance(number, list):
        return [in_force(each) for each in number]
    return number


def tables_in(operand: Any) -> Iterator[Table]:
    """Yield the tables that *operand*, a number or a list of some, is looked up in."""
    for each in operand if isinstance(operand, list) else (operand,):
        found = in_force(each)
        if isinstance(found, Table):
            yield found


def path_of(table: Table) -> str:
    """Return the path of what *table* goes by."""
    return SEGMENTS if table.by == SEGMENT else table.by


def possible(operand: Any) -> list[Any]:
    """Return what *operand*, a number, may come to, in the order of its cases. What is no number
    stays as it is."""
    found = in_force(operand)
    if isinstance(found, Table):
        return [*[each for _, each in found.cases], found.default]
    return [found]


def default_of(operand: Any) -> Any:
    """Return *operand* with the default of each table in its place."""
    if isinstance(operand, list):
        return [default_of(each) for each in operand]
    found = in_force(operand)
    return found.default if isinstance(found, Table) else found


def compile_number(number: Number) -> LookUp:
    """Return what looks *number* up."""
    found = in_force(number)
    if not isinstance(found, Table):
        constant = cast("float", found)
        return lambda _event, _profile: constant
    cases, default = dict(found.cases), found.default
    if found.by == SEGMENT:

        def of_segment(event: Event, profile: dict[str, Any]) -> float:
            inside = profile.get("segments") or ()
            return next((cases[name] for name in cases if name in inside), default)

        return of_segment
    get = compile_path(found.by)

    def of_text(event: Event, profile: dict[str, Any]) -> float:
        text = text_of(get(event, profile))
        return default if text is None else cases.get(text, default)

    return of_text


def compile_operand(operand: Any) -> Callable[[Event, dict[str, Any]], Any]:
    """Return what looks an operand up that is a number, or a list of some."""
    if not isinstance(operand, list):
        return compile_number(operand)
    parts = [compile_number(each) for each in operand]
    return lambda event, profile: [look(event, profile) for look in parts]


def knows_customer(table: Table) -> bool:
    """Return whether *table* goes by what is known of the customer, not by the event."""
    return table.by == SEGMENT or reads_profile(table.by)


def numbers_in(said: Any) -> Iterator[Table | Named]:
    """Yield the numbers that are looked up, wherever they stand in a definition."""
    if isinstance(said, Table | Named):
        yield said
    elif isinstance(said, msgspec.Struct):
        for name in said.__struct_fields__:
            yield from numbers_in(getattr(said, name))
    elif isinstance(said, tuple | list):
        for each in said:
            yield from numbers_in(each)
