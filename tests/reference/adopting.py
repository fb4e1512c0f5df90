"""A customer takes up another ruleset (51, 56, 57, 65): what it defines anew begins here."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from tests.reference.attributes import is_value
from tests.reference.conditions import holds
from tests.reference.definitions import Definitions, key_of
from tests.reference.derivations import Derivations, Derived, Remembered, edge
from tests.reference.patterns import Group, build
from tests.reference.seen import Pattern, Spec


def begin(known: Derivations, new: Definitions) -> None:
    """What is defined anew begins at none of the events so far."""
    old, known.definitions = known.definitions, new
    added = new.keys() - old.keys()
    for key in added:
        known.begun[key] = len(known.folds)
    stays = {key_of(spec) for spec in new.attributes.values()} - added
    known.starts = {key: start for key, start in known.starts.items() if key in stays}


def preview(known: Derivations, new: Definitions) -> Derivations:
    """The customer as a condition of *new* sees them before they have adopted it."""
    seen = copy.copy(known)
    seen.begun, seen.starts = {**known.begun}, {**known.starts}
    begin(seen, new)
    return seen


def adopt(known: Derivations, new: Definitions, at: int) -> Iterator[Derived]:
    """What it makes of the customer: told only by a segment that says so, or by what stays and has
    heard of a firing in the meantime."""
    old = known.definitions
    begin(known, new)
    kept = {
        watcher
        for watcher in new.reads
        if watcher in old.reads and old.fingerprint(watcher) == new.fingerprint(watcher)
    }
    known.asked = {watcher: asked for watcher, asked in known.asked.items() if watcher in kept}
    known.armed = {name: armed for name, armed in known.armed.items() if name in new.dates}
    for name in [*known.remembered]:
        if f"changed {name}" not in kept:
            del known.remembered[name]
    for name in new.changes:
        if f"changed {name}" not in kept:
            _remember(known, name, at)
    members = known.members
    known.members = {n: since for n, since in members.items() if f"segment {n}" in kept}
    for name in new.order:
        if f"segment {name}" not in kept:
            yield from _begin(known, name, members.get(name), at)
    unheard, known.unheard = known.unheard, []

    def has_heard(watcher: str) -> bool:
        return watcher in kept and any(new.concerns(watcher, seen, set()) for seen in unheard)

    yield from known.evaluate(at, has_heard)
    known.arm(at, None)


def _remember(known: Derivations, name: str, at: int) -> None:
    known.asked[f"changed {name}"] = at
    value = known.watched(known.definitions.changes[name], at)
    if is_value(value):
        known.remembered[name] = Remembered(value, at)


def _begin(known: Derivations, name: str, since: int | None, at: int) -> Iterator[Derived]:
    """(56) Set without an edge; ``existing: tell`` tells it, where it is another than before."""
    segment = known.definitions.segments[name]
    facts = known.facts(at)
    inside = (
        not segment.get("list")
        and holds(segment["is"], facts)
        and not ("leave" in segment and holds(segment["leave"], facts))
    )
    known.asked[f"segment {name}"] = at
    if inside:
        known.members[name] = at
    if segment.get("existing") == "tell" and inside is (since is None):
        yield edge(name, since)


def under(pattern: Pattern, when: Spec) -> None:
    """Let the pattern go on with the numbers that are in force now."""
    _take_over(pattern, build(when))


def _take_over(mine: Any, new: Any) -> None:
    for name in ("when", "steps", "final", "absences"):
        if hasattr(new, name):
            setattr(mine, name, getattr(new, name))
    if isinstance(mine, Group):
        for child, other in zip(mine.children, new.children, strict=True):
            _take_over(child, other)
