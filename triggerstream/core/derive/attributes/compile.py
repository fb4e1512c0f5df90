"""Attributes, compiled: from what an author wrote to folds."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Collection
from datetime import timedelta
from hashlib import blake2b
from typing import Any

import msgspec

from triggerstream.core.conditions.compile import Predicate, compile_where
from triggerstream.core.conditions.expressions import Erred, unheard
from triggerstream.core.conditions.operators import number_of
from triggerstream.core.conditions.paths import compile_event_path, compile_path, compile_per
from triggerstream.core.conditions.unnamed import UNNAMED
from triggerstream.core.derive.attributes.folds import (
    Begin,
    Cut,
    Edge,
    Ever,
    Fold,
    Instances,
    Read,
    Value,
)
from triggerstream.core.derive.attributes.points import Points, Top
from triggerstream.core.derive.attributes.windows import Count, Distinct, Sum
from triggerstream.core.events.event import Event
from triggerstream.core.model import AT, Attribute, unfingerprinted
from triggerstream.core.patterns.aggregates import held_whole, narrowed_reader
from triggerstream.core.state.customer import CustomerState
from triggerstream.core.zones import local_time
from triggerstream.core.zones import zone as zone_of

_KEY = 6
"""Bytes, as eight characters, as of triggers (`rulesets.compile`)."""

LONGEST_TEXT = 256
"""Bytes of a text that is a value."""

_canonical = msgspec.json.Encoder(order="deterministic", enc_hook=unfingerprinted).encode


class Taking:
    """What events of one type do to one fold."""

    __slots__ = ("_is_minus", "_where", "fold", "name")

    def __init__(
        self, name: str, fold: Fold, where: Predicate | None, *, is_minus: bool = False
    ) -> None:
        self.name = name
        self.fold = fold
        self._where = where
        self._is_minus = is_minus

    def take(self, state: CustomerState, event: Event, at: int) -> bool:
        """Fold *event* in; return whether it is one of those that are folded."""
        if self._where is not None and not self._where(event):
            return False
        self.fold.take(state, event, at, is_minus=self._is_minus)
        return True


class Hearing(Taking):
    """What events of one type do to a fold that another attribute of the same definition takes
    them into: both have one slot."""

    __slots__ = ()

    def take(self, state: CustomerState, event: Event, at: int) -> bool:
        """Return whether *event* is one of those that are folded."""
        return self._where is None or self._where(event)


class CompiledAttribute(msgspec.Struct, frozen=True):
    """An attribute, ready to run.

    Attributes:
        takings: By event type.
    """

    name: str
    source: Attribute
    fold: Value
    takings: dict[str, tuple[Taking, ...]]


def compile_attribute(
    attribute: Attribute, zone: str, erred: Erred = unheard, taken: Collection[str] = ()
) -> CompiledAttribute:
    """Return *attribute* compiled; *zone* is the one that its days are cut in. *erred* hears of
    each of its expressions that had no value.

    Args:
        taken: The keys of the folds that other attributes take events into.
    """
    fold = _fold(attribute, _key(attribute), zone)
    take = Hearing if fold.key in taken else Taking
    takings: dict[str, list[Taking]] = {}
    for pattern, is_minus in ((attribute.on, False), (attribute.minus, True)):
        if pattern is not None:
            where = None if pattern.where is None else compile_where(pattern.where, erred)
            for event_type in pattern.types:
                taking = take(attribute.name, fold, where, is_minus=is_minus)
                takings.setdefault(event_type, []).append(taking)
    return CompiledAttribute(
        attribute.name, attribute, fold, {name: tuple(each) for name, each in takings.items()}
    )


def key_of(definition: Any) -> str:
    """Return what a slot is kept under: another *definition* begins anew (51)."""
    return urlsafe_b64encode(blake2b(_canonical(definition), digest_size=_KEY).digest()).decode()


def _key(attribute: Attribute) -> str:
    """Return what the slot of *attribute* is kept under: another name is no other definition. One
    that has no name of its own tells a moment otherwise, so it stays apart."""
    is_unnamed = attribute.name.startswith(UNNAMED)
    return key_of(attribute if is_unnamed else msgspec.structs.replace(attribute, name=""))


def _fold(attribute: Attribute, key: str, zone: str) -> Fold:
    begin = _begin(attribute)
    read = _read(attribute)
    if attribute.head == "points":
        return Points(key, dict(attribute.points), attribute.half_life or 1, begin)
    if attribute.head == "top" and read is not None:
        return Top(key, read)
    if attribute.head in {"first", "last"}:
        return Edge(
            key,
            read,
            begin,
            is_first=attribute.head == "first",
            within=attribute.within,
            cut=None if attribute.cut is None else _cut(attribute.cut, zone),
            as_text=not attribute.name.startswith(UNNAMED),
            reads_start=attribute.start_path is not None,
        )
    if attribute.head == "instances" and attribute.within is not None:
        return Instances(key, attribute.within, compile_per(attribute.path or ""))
    if attribute.within is not None:
        return _window(key, attribute.within, read, attribute.head)
    return Ever(key, read, begin)


def _window(key: str, within: int, read: Read | None, head: str) -> Fold:
    if read is None:
        return Count(key, within)
    return Distinct(key, within, read) if head == "distinct" else Sum(key, within, read)


def _read(attribute: Attribute) -> Read | None:
    path = attribute.path
    if path is None or path == AT:
        return None
    read = compile_event_path(path)
    if attribute.head == "sum":
        return narrowed_reader("sum", lambda event: number_of(read(event)))
    return _short(narrowed_reader("distinct", read))


def _short(read: Read) -> Read:
    def short(event: Event) -> Any:
        value = read(event)
        if type(value) is str and len(value.encode()) > LONGEST_TEXT:
            return None
        return value

    return short


def _begin(attribute: Attribute) -> Begin:
    """Return what reads the start: of numbers, what is none is left out."""
    is_number = attribute.head in {"count", "sum", "points"}
    start, path = attribute.start, attribute.start_path
    if path is None:
        begun = _number(start) if is_number else start
        return lambda _state: begun
    get = compile_path(path)

    def begin(state: CustomerState) -> Any:
        value = get(_NO_EVENT, state.profile)
        if is_number:
            return _number(value)
        if type(value) is str and len(value.encode()) > LONGEST_TEXT:
            return None
        return value if isinstance(value, str | bool | int | float) else None

    return begin


def _number(value: Any) -> float | None:
    number: Any = number_of(value)
    return held_whole(number) if type(number) is int else number


_NO_EVENT = Event(customer_id="", event_type="")
"""For a path that starts in the profile."""


def _cut(to: str, zone: str) -> Cut:
    loaded = zone_of(zone)
    if loaded is None:
        raise ValueError(f"a zone that there is; found {zone!r}")

    def cut(at: int) -> str:
        day = local_time(at, loaded).date()
        if to == "week":
            day -= timedelta(days=day.weekday())
        return day.isoformat()[: 7 if to == "month" else 10]

    return cut
