"""Reading ``when``: the pattern of a trigger, and what it may not say (`check`)."""

from __future__ import annotations

from collections.abc import Callable

from triggerstream.core.model import (
    DAY,
    AbsentStep,
    AllPattern,
    AnyPattern,
    Condition,
    CountPattern,
    EventPattern,
    EventStep,
    Pattern,
    SequencePattern,
)
from triggerstream.core.parsing import check, happenings, scores
from triggerstream.core.parsing import reader as read
from triggerstream.core.parsing.conditions import event_field, where_of
from triggerstream.core.parsing.happenings import happening
from triggerstream.core.parsing.nodes import Mapping, Node, Scalar
from triggerstream.core.parsing.reader import Fields, Reader

COMPARATORS = ("at_least", "more_than", "at_most", "exactly")
AGGREGATES = ("sum", "average", "distinct")
KEYS = {
    "event": ("event", "where"),
    "count": ("count", "where", *COMPARATORS, *AGGREGATES, "within"),
    "sequence": ("sequence", "within", "restart"),
    "all": ("all", "within"),
    "any": ("any",),
}
"""The keys of each pattern; the first is the one that names it."""
_STEP = ("where", "after", "before", "times")
STEP_KEYS = {
    "event": ("event", *_STEP),
    "absent": ("absent", "where", "for"),
}
TOLD = tuple(head for head in happenings.HEADS if head != happenings.EVENT)
"""What stands where ``event`` may, for what the engine tells itself."""
SCORE = "score"

LATER = ("behavior", "segment", "date", "session")
"""Patterns of the language that this version does not know."""

_REFUSED = {
    "any": {"within": "any: no 'within', for its children match by themselves; found 'within'"},
}
_STEP_REFUSED = {
    "event": {
        "within": "event: 'within' beside 'sequence', or 'before' for this gap; found 'within'",
        "for": "event: 'for' belongs to an absent step; found 'for'",
    },
    "absent": {
        "within": "absent: 'for' says how long; found 'within'",
        "after": "absent: a gap belongs to the next event step; found 'after'",
        "before": "absent: a gap belongs to the next event step; found 'before'",
        "times": "absent: the first such event counts, 'times' has no meaning; found 'times'",
    },
}
_NESTED_PER = {"per": "per: once, at the top of 'when'; found in a nested pattern"}


def when(reader: Reader, node: Node, what: str) -> tuple[Pattern, str | None] | None:
    """Read the top pattern and its ``per``."""
    pattern = _pattern(reader, node, what, level=0)
    if pattern is None:
        return None
    per = node.entries.get("per") if isinstance(node, Mapping) else None
    return pattern, None if per is None else event_field(reader, per, "per")


def _pattern(reader: Reader, node: Node, what: str, *, level: int) -> Pattern | None:
    head = _head(reader, node, what, tuple(KEYS))
    if head is None:
        return None
    keys = scores.KEYS if head == SCORE else KEYS.get(head, happenings.keys_of(head))
    known = keys if level else (*keys, "per")
    refused = _REFUSED.get(head, {}) | (_NESTED_PER if level else {})
    fields = reader.mapping(node, head, known, refused)
    if head in {"all", "any"}:
        return _children(reader, fields, head, level=level)
    if head in happenings.HEADS:
        return happenings.happening_of(fields, head)
    if head == SCORE:
        return scores.score(reader, fields)
    return _READINGS[head](reader, fields)


def _head(reader: Reader, node: Node, what: str, heads: tuple[str, ...]) -> str | None:
    """Return which of *heads* the mapping *node* has; it must be exactly one."""
    if not isinstance(node, Mapping):
        is_text = isinstance(node, Scalar) and isinstance(node.value, str)
        form = f": write {{event: {node.text}}}" if is_text and isinstance(node, Scalar) else ""
        required = f"{what}: a mapping with {read.one_of(heads)}"
        reader.report(node, f"{required}; found {read.show(node)}{form}")
        return None
    more = TOLD if "absent" in heads else (*TOLD, SCORE)
    found = [head for head in (*heads, *more) if head in node.entries]
    if len(found) == 1:
        return found[0]
    if found:
        both = " and ".join(found)
        reader.report(
            node.keys[found[1]], f"{what}: only one of {read.one_of(heads)}; found {both}"
        )
        return None
    hints = (_hint(key, heads) for key in node.entries)
    hint = next(filter(None, hints), "")
    reader.report(node, f"{what}: one of {read.one_of(heads)}; found {read.show(node)}{hint}")
    return None


def _hint(key: str, heads: tuple[str, ...]) -> str:
    if key == "not":
        return ": for what must not happen, write a sequence with 'absent'"
    return f": there is no {key!r} yet" if key in LATER else read.suggest(key, heads)


# ── count ───────────────────────────────────────────────────────────────────────────────────


def _count(reader: Reader, fields: Fields) -> Pattern:
    counted = fields.read("count", happening) or EventPattern(())
    aggregate = _only_one(reader, fields, AGGREGATES)
    comparator = _only_one(reader, fields, COMPARATORS)
    if comparator is None and not any(key in fields for key in COMPARATORS):
        required = f"count: exactly one of {read.one_of(COMPARATORS)}"
        reader.report(fields.node, f"{required}; found none")
    threshold = fields.read(comparator, read.number) if comparator else None
    if comparator and threshold is not None:
        check.threshold(reader, fields[comparator], comparator, threshold, aggregate)
    return CountPattern(
        types=counted.types,
        comparator=comparator or "at_least",  # type: ignore[arg-type]  # one of COMPARATORS
        threshold=threshold or 0,
        where=_where_of_count(reader, fields, counted.where),
        within=fields.read("within", read.duration) or DAY,
        aggregate=aggregate,  # type: ignore[arg-type]  # one of AGGREGATES
        path=fields.read(aggregate, event_field) if aggregate else None,
    )


def _where_of_count(reader: Reader, fields: Fields, inner: Condition | None) -> Condition | None:
    if inner is not None and "where" in fields:
        message = "count: one 'where', beside 'count' or inside of it; found both"
        reader.report(fields.key("where"), message)
    return inner or where_of(fields)


def _only_one(reader: Reader, fields: Fields, keys: tuple[str, ...]) -> str | None:
    """Return which of *keys* is there; tell where there are several."""
    found = [key for key in keys if key in fields]
    if len(found) > 1:
        required = f"count: only one of {read.one_of(keys)}"
        reader.report(fields.key(found[1]), f"{required}; found {' and '.join(found)}")
        return None
    return found[0] if found else None


# ── sequence ────────────────────────────────────────────────────────────────────────────────


def _sequence(reader: Reader, fields: Fields) -> Pattern:
    nodes = fields.read("sequence", _items("steps")) or ()
    read_steps = [(node, _step(reader, node)) for node in nodes]
    steps = [(node, step) for node, step in read_steps if step is not None]
    within = fields.read("within", read.duration) or DAY
    restart = fields.read("restart", read.choice(("on_repeat",))) is not None
    if len(steps) == len(nodes):
        check.steps(reader, steps, within)
        if restart and not check.ends_with_absence(steps):
            required = "restart: a sequence that ends with an absent step"
            reader.report(fields["restart"], f"{required}; found none at its end")
    return SequencePattern(tuple(step for _, step in steps), within, restart)


def _step(reader: Reader, node: Node) -> EventStep | AbsentStep | None:
    head = _head(reader, node, "step", tuple(STEP_KEYS))
    if head is None:
        return None
    keys = STEP_KEYS.get(head, (*happenings.keys_of(head), *_STEP[1:]))
    fields = reader.mapping(node, head, keys, _STEP_REFUSED.get(head, _STEP_REFUSED["event"]))
    if head == "absent":
        inner = fields.need(head, happening) or happenings.NOBODY
        found = happenings.narrowed(inner, where_of(fields))
        return AbsentStep(found.types, found.where, fields.read("for", read.duration))
    found = happenings.happening_of(fields, head)
    return EventStep(
        types=found.types,
        where=found.where,
        after=fields.read("after", read.duration),
        before=fields.read("before", read.duration),
        times=fields.read("times", read.whole(1, check.MOST_HELD)) or 1,
    )


def _items(of: str) -> read.Reading[tuple[Node, ...]]:
    return lambda reader, node, what: reader.items(node, what, of)


# ── all, any ────────────────────────────────────────────────────────────────────────────────


def _children(reader: Reader, fields: Fields, head: str, *, level: int) -> Pattern | None:
    nodes = fields.read(head, _items("patterns")) or ()
    if level >= check.DEEPEST:
        check.too_deep(reader, fields.key(head))
        return None
    read_children = [(node, _pattern(reader, node, head, level=level + 1)) for node in nodes]
    children = [(node, child) for node, child in read_children if child is not None]
    check.children(reader, head, children)
    patterns = tuple(child for _, child in children)
    if head == "any":
        return AnyPattern(patterns)
    return AllPattern(patterns, fields.read("within", read.duration) or DAY)


_READINGS: dict[str, Callable[[Reader, Fields], Pattern]] = {
    "count": _count,
    "sequence": _sequence,
}
