"""What a log of events holds: its types, and the fields of each. Trigger files are held against it
(`authoring.lint`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from triggerstream.core.conditions.operators import number_of
from triggerstream.core.conditions.paths import FIELDS, MAPPINGS, PROFILE
from triggerstream.core.events.decode import IDENTIFY
from triggerstream.core.events.event import Event
from triggerstream.core.records.record import Rejected
from triggerstream.replay.lines import read_line

MOST_PATHS = 5_000
"""Paths of one type that are noted. Data whose keys are ids would have one for each of them."""


class Field(msgspec.Struct):
    """What stands at one path of the events of one type.

    Attributes:
        number: How many of them have a value there.
        odd: How many of these do not read as a number.
        example: The first that does not.
    """

    number: int = 0
    odd: int = 0
    example: Any = None


class Observed(msgspec.Struct):
    """What a log holds.

    Attributes:
        types: How many events of each type there are.
        fields: By type, what stands at each path, such as ``event_data.cart.total``; of a type with
            more than `MOST_PATHS`, the first that came.
        rejected: How many lines are no events.
        listed: By type, the paths that lead through a list, such as ``event_data.items.sku``: only
            ``per`` follows them. As many as of the others.
    """

    types: Counter[str]
    fields: dict[str, dict[str, Field]]
    rejected: int = 0
    listed: dict[str, set[str]] = {}

    @property
    def events(self) -> int:
        return self.types.total()

    @property
    def profile(self) -> dict[str, Field]:
        """What ``identify`` events say of a customer, by path such as ``profile.tier``."""
        said = self.fields.get(IDENTIFY, {})
        return {
            f"{PROFILE}.{path.removeprefix('event_data.')}": field
            for path, field in said.items()
            if path.startswith("event_data.")
        }


def observe(lines: Iterable[bytes]) -> Observed:
    """Return what *lines*, an event each, hold. Blank ones are passed over."""
    observed = Observed(Counter(), {})
    for offset, line in enumerate(lines):
        text = line.strip()
        if not text:
            continue
        try:
            event, _, _ = read_line(text, offset)
        except Rejected:
            observed.rejected += 1
            continue
        observed.types[event.event_type] += 1
        _note(observed.fields.setdefault(event.event_type, {}), event)
        _note_listed(observed.listed.setdefault(event.event_type, set()), event)
    return observed


def _note(fields: dict[str, Field], event: Event) -> None:
    for path, value in _values(event):
        field = fields.get(path)
        if field is None:
            if len(fields) >= MOST_PATHS:
                continue
            field = fields[path] = Field()
        field.number += 1
        if number_of(value) is None:
            field.odd += 1
            if field.odd == 1:
                field.example = value


def _note_listed(paths: set[str], event: Event) -> None:
    for name in MAPPINGS:
        for path, value in _inside(name, getattr(event, name)):
            if type(value) is not list:
                continue
            waiting = [(path, each) for each in value if type(each) is dict]
            while waiting:
                at, entry = waiting.pop()
                for below, inner in _inside(at, entry):
                    if below != at and len(paths) < MOST_PATHS:
                        paths.add(below)
                    if type(inner) is list:
                        waiting += [(below, each) for each in inner if type(each) is dict]


def _values(event: Event) -> Iterator[tuple[str, Any]]:
    for name in FIELDS:
        value = getattr(event, name)
        if value is not None:
            yield name, value
    for name in MAPPINGS:
        yield from _inside(name, getattr(event, name))


def _inside(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what can be reached from *path*, without recursion: events may nest deeply."""
    waiting = [(path, value)]
    while waiting:
        path, value = waiting.pop()
        if value is None:
            continue
        yield path, value
        if type(value) is dict:
            waiting.extend((f"{path}.{key}", inner) for key, inner in value.items())
