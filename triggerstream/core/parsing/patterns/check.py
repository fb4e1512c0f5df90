"""What a pattern may not say although each of its values is right by itself.

Each check tells its problems at the node whose change would mend them, with what to write instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import msgspec

from triggerstream.core.conditions.numbers import possible
from triggerstream.core.durations import format_duration
from triggerstream.core.model import (
    AbsentStep,
    EventStep,
    Number,
    Pattern,
    Table,
    unfingerprinted,
)
from triggerstream.core.parsing.source.nodes import Mapping, Node
from triggerstream.core.parsing.source.reader import Reader

MOST_HELD = 1_000
"""Values that one count holds (semantics 17), and so the most that it can be asked for."""
DEEPEST = 3
"""Levels of ``all`` and ``any`` within each other (semantics 20)."""

Placed = tuple[Node, EventStep | AbsentStep]

# ── sequences ───────────────────────────────────────────────────────────────────────────────


def steps(reader: Reader, placed: Sequence[Placed], within: int) -> None:
    """Check the order of the steps, and that the gaps leave room for a match in *within*."""
    _order(reader, placed)
    _gaps(reader, placed, within)


def ends_with_absence(placed: Sequence[Placed]) -> bool:
    return bool(placed) and isinstance(placed[-1][1], AbsentStep)


def _order(reader: Reader, placed: Sequence[Placed]) -> None:
    previous: EventStep | AbsentStep | None = None
    for node, step in placed:
        if isinstance(step, AbsentStep) and previous is None:
            required = "sequence: an event as first step, from which the absence is measured"
            reader.report(_at(node, "absent"), f"{required}; found an absent step")
        elif isinstance(step, AbsentStep) and isinstance(previous, AbsentStep):
            remedy = "write both types in one, absent: [a, b]"
            reader.report(
                _at(node, "absent"),
                f"sequence: an event between two absent steps; found none: {remedy}",
            )
        previous = step
    if placed and isinstance(previous, AbsentStep) and previous.duration is None:
        node = placed[-1][0]
        if not (isinstance(node, Mapping) and "for" in node.entries):
            required = "absent: 'for' at the end of a sequence, such as for: 1h"
            reader.report(_at(node, "absent"), f"{required}; found none")


def _gaps(reader: Reader, placed: Sequence[Placed], within: int) -> None:
    """Check each gap, and their sum: the shortest match must take less than *within*."""
    shortest = 0
    absence = 0
    for index, (node, step) in enumerate(placed):
        if isinstance(step, AbsentStep):
            absence = step.duration or 0
            continue
        if index == 0:
            _no_gap(reader, node, step)
            continue
        least = max(step.after or 0, absence)
        _room(reader, node, step, least)
        if shortest < within <= shortest + least:
            key = "after" if step.after is not None and step.after >= absence else "event"
            reader.report(
                _value(node, key),
                f"sequence: gaps that fit in 'within' ({format_duration(within)}); found "
                f"{format_duration(shortest + least)} up to this step: say a longer 'within'",
            )
        shortest += least
        absence = 0


def _no_gap(reader: Reader, node: Node, step: EventStep) -> None:
    for key, gap in (("after", step.after), ("before", step.before)):
        if gap is not None:
            required = f"{key}: a step with another before it, for it measures from that one"
            reader.report(_at(node, key), f"{required}; found it on the first step")


def _room(reader: Reader, node: Node, step: EventStep, least: int) -> None:
    """Check that ``[after, before)`` has a moment in it, the absence before the step respected."""
    if step.before is not None and step.before <= least:
        why = "'after'" if step.after == least else "'for' of the absence before it"
        reader.report(
            _value(node, "before"),
            f"before: more than {why} ({format_duration(least)}); "
            f"found {format_duration(step.before)}",
        )


# ── counts ──────────────────────────────────────────────────────────────────────────────────

_LEAST = {"at_least": 1, "more_than": 0, "at_most": 1, "exactly": 1}
_MOST = {"at_least": MOST_HELD, "more_than": MOST_HELD - 1}


def threshold(
    reader: Reader, node: Node, comparator: str, number: Number, aggregate: str | None
) -> None:
    """Check the threshold of a count (semantics 14 to 16), whatever it comes to. Of what has a name
    another number may be in force at any time, so that it is moved to where it can be one."""
    if isinstance(number, Table):
        for each in dict.fromkeys(possible(number)):
            _threshold(reader, node, comparator, each, aggregate)
    elif isinstance(number, int | float):
        _threshold(reader, node, comparator, number, aggregate)
    else:
        for each in dict.fromkeys(possible(number)):
            if aggregate is None and not _LEAST[comparator] <= ceil(each) <= MOST_HELD:
                required = f"{comparator}: a value from {_LEAST[comparator]} to {MOST_HELD:,}"
                reader.refuse(node, f"{required}; found {number.name!r}, which is {each}")


def _threshold(
    reader: Reader, node: Node, comparator: str, value: float, aggregate: str | None
) -> None:
    if value == 0 and comparator != "more_than":
        remedy = "use absent for what must not happen"
        reader.report(node, f"{comparator}: a threshold other than 0; found 0: {remedy}")
        return
    if aggregate in {"sum", "average"}:
        return
    least = _LEAST[comparator]
    if not isinstance(value, int) or value < least:
        required = f"{comparator}: a whole number of at least {least}"
        reader.report(node, f"{required}; found {value}")
        return
    most = _MOST.get(comparator)
    if most is not None and value > most:
        required = f"{comparator}: at most {most}, for a count holds {MOST_HELD:,} events"
        reader.report(node, f"{required}; found {value}")


# ── all, any ────────────────────────────────────────────────────────────────────────────────


def too_deep(reader: Reader, node: Node) -> None:
    reader.report(node, f"all and any: at most {DEEPEST} levels deep; found a level more")


def children(reader: Reader, head: str, placed: Sequence[tuple[Node, Pattern]]) -> None:
    """Check that no child is written twice: it would match whenever the other does."""
    lines: dict[bytes, int] = {}
    for node, child in placed:
        # Compared as text: to Python, the numbers 1 and 1.0 and true are the same.
        canonical = msgspec.json.encode(child, enc_hook=unfingerprinted)
        if canonical in lines:
            first = lines[canonical]
            reader.report(
                node, f"{head}: children that differ; found the one of line {first} again"
            )
        else:
            lines[canonical] = node.line


# ── places ──────────────────────────────────────────────────────────────────────────────────


def _at(node: Node, key: str) -> Node:
    """Return where *key* stands in the mapping *node*."""
    return node.keys.get(key, node) if isinstance(node, Mapping) else node


def _value(node: Node, key: str) -> Node:
    """Return the value of *key* in the mapping *node*."""
    return node.entries.get(key, node) if isinstance(node, Mapping) else node
