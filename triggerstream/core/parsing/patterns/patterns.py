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
    Number,
    Pattern,
    SequencePattern,
    TrendPattern,
)
from triggerstream.core.parsing.conditions import numbers
from triggerstream.core.parsing.conditions.activity import activity_of
from triggerstream.core.parsing.conditions.conditions import event_field, where_of
from triggerstream.core.parsing.patterns import behavior, check, happenings, lowering, scores
from triggerstream.core.parsing.patterns.behavior import KEYS as BEHAVIORS
from triggerstream.core.parsing.patterns.happenings import happening
from triggerstream.core.parsing.patterns.trend import DIRECTIONS, OF_TIME, trend_of
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Mapping, Node, Scalar
from triggerstream.core.parsing.source.reader import Fields, Reader
from triggerstream.core.parsing.source.use import replaced

COMPARATORS = ("at_least", "more_than", "at_most", "exactly")
AGGREGATES = ("sum", "average", "distinct")
KEYS = {
    "event": ("event", "where", "debounce"),
    "count": ("count", "where", *COMPARATORS, *AGGREGATES, "within"),
    "sequence": ("sequence", "within", "restart", "strict"),
    "trend": ("trend", "where", *DIRECTIONS, *OF_TIME, "min"),
    "all": ("all", "within"),
    "any": ("any",),
    "use": ("use",),
    "behavior": ("behavior", *dict.fromkeys(key for keys in BEHAVIORS.values() for key in keys)),
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
_NAMED_PER = {"per": "per: beside 'use', where the pattern is used; found it under a name"}
_NESTED_PER = {"per": "per: once, at the top of 'when'; found in a nested pattern"}


def when(reader: Reader, node: Node, what: str) -> tuple[Pattern, str | None] | None:
    """Read the top pattern and its ``per``."""
    pattern = _pattern(reader, node, what, level=0)
    if pattern is None:
        return None
    per = behavior.instances_of(reader, node) if isinstance(node, Mapping) else None
    if per is None or isinstance(per, str):
        return pattern, per
    return pattern, event_field(reader, per, "per")


def named_pattern(reader: Reader, node: Node) -> Pattern | None:
    """Read what a name stands for: a pattern, whose users say ``per``."""
    return _pattern(reader, node, "when", level=0, is_named=True)


def _pattern(
    reader: Reader, node: Node, what: str, *, level: int, is_named: bool = False
) -> Pattern | None:
    head = _head(reader, node, what, tuple(KEYS))
    if head is None:
        return None
    has_per = level == 0 and not is_named
    if head == "behavior" and isinstance(node, Mapping):
        return behavior.behavior_of(reader, node, is_top=has_per)
    keys = scores.KEYS if head == SCORE else KEYS.get(head, happenings.keys_of(head))
    known = (*keys, "per") if has_per else keys
    refused = _REFUSED.get(head, {}) | ({} if has_per else _NAMED_PER if is_named else _NESTED_PER)
    fields = reader.mapping(node, head, known, refused)
    if head == "use":

        def here(reader: Reader, node: Node) -> Pattern | None:
            return _pattern(reader, node, "when", level=level, is_named=True)

        return replaced(reader, fields["use"], "pattern", here)
    if head in {"all", "any"}:
        return _children(reader, fields, head, level=level)
    if head in happenings.HEADS:
        found = happenings.happening_of(fields, head)
        silence = fields.read("debounce", read.duration)
        return found if silence is None else lowering.debounced(found, silence)
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
    if key == "segment":
        return ": write {entered: SEGMENT} or {left: SEGMENT}; who is inside is asked under 'if'"
    return read.suggest(key, (*heads, *TOLD))


# ── count ───────────────────────────────────────────────────────────────────────────────────


def _count(reader: Reader, fields: Fields) -> Pattern:
    counted = fields.read("count", happening) or EventPattern(())
    aggregate = _only_one(reader, fields, AGGREGATES)
    comparator = _only_one(reader, fields, COMPARATORS)
    if comparator is None and not any(key in fields for key in COMPARATORS):
        required = f"count: exactly one of {read.one_of(COMPARATORS)}"
        reader.report(fields.node, f"{required}; found none")
    threshold = _threshold(reader, fields, comparator, aggregate) if comparator else None
    return CountPattern(
        types=counted.types,
        comparator=comparator or "at_least",  # type: ignore[arg-type]  # one of COMPARATORS
        threshold=threshold or 0,
        where=_where_of_head(reader, fields, "count", counted.where),
        within=fields.read("within", read.duration) or DAY,
        aggregate=aggregate,  # type: ignore[arg-type]  # one of AGGREGATES
        path=fields.read(aggregate, event_field) if aggregate else None,
    )


def _threshold(
    reader: Reader, fields: Fields, comparator: str, aggregate: str | None
) -> Number | None:
    node = fields[comparator]
    by = numbers.NOWHERE if comparator in {"at_most", "exactly"} else numbers.ANYWHERE
    threshold = numbers.number(reader, node, comparator, by)
    if threshold is not None:
        check.threshold(reader, node, comparator, threshold, aggregate)
    return threshold


def _where_of_head(
    reader: Reader, fields: Fields, head: str, inner: Condition | None
) -> Condition | None:
    if inner is not None and "where" in fields:
        message = f"{head}: one 'where', beside '{head}' or inside of it; found both"
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
    said = tuple(step for _, step in steps)
    if fields.read("strict", read.boolean):
        said = lowering.strict(said, activity_of(reader, fields.key("strict"), "strict"))
    return SequencePattern(said, within, restart)


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
    has_gap = head != happenings.DATE  # beside a date, these words are its own
    return EventStep(
        types=found.types,
        where=found.where,
        after=fields.read("after", read.duration) if has_gap else None,
        before=fields.read("before", read.duration) if has_gap else None,
        times=fields.read("times", read.whole(1, check.MOST_HELD)) or 1,
    )


def _items(of: str) -> read.Reading[tuple[Node, ...]]:
    return lambda reader, node, what: reader.items(node, what, of)


# ── trend ───────────────────────────────────────────────────────────────────────────────────


def _trend(reader: Reader, fields: Fields) -> Pattern:
    counted = fields.read("trend", happening) or EventPattern(())
    where = _where_of_head(reader, fields, "trend", counted.where)
    return trend_of(reader, fields, counted.types, where, TrendPattern((), "below", 0))


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
    "trend": _trend,
    SCORE: scores.score,
}
