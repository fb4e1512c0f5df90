"""Reading `score`: a segment without a name, with two thresholds, and who enters it."""

from __future__ import annotations

from typing import Final, cast

from triggerstream.core.conditions.paths import PROFILE, reads_profile
from triggerstream.core.conditions.unnamed import unnamed
from triggerstream.core.events.derived import ENTERED
from triggerstream.core.model import (
    DAY,
    AllOf,
    Attribute,
    Condition,
    EventPattern,
    Held,
    Negation,
    Number,
    Operator,
    Segment,
    Test,
)
from triggerstream.core.parsing.conditions import numbers
from triggerstream.core.parsing.conditions.conditions import path_is_right, where_of
from triggerstream.core.parsing.conditions.window import window
from triggerstream.core.parsing.patterns import happenings
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Node, Scalar
from triggerstream.core.parsing.source.reader import Fields, Reader

KEYS: Final = ("score", "above", "below", "back", "up_to", "down_to", "stale", "where")
EVENT: Final = "score"
"""The type of event that brings a score: ``{model, score}``."""
STALE: Final = 30 * DAY


def score(reader: Reader, fields: Fields) -> EventPattern:
    """Read the crossing of a threshold; the segment that it is goes to `Reader.unnamed`."""
    bounds = [key for key in ("above", "below") if key in fields]
    if len(bounds) != 1:
        found = " and ".join(bounds) or "none"
        reader.report(fields.node, f"score: exactly one of above or below; found {found}")
        return happenings.NOBODY
    (bound,) = bounds
    is_above = bound == "above"
    end = "up_to" if is_above else "down_to"
    other = "down_to" if is_above else "up_to"
    if other in fields:
        reader.report(fields.key(other), f"score: {end!r} beside {bound!r}; found {other!r}")
    threshold = _number(reader, fields, bound) or 0
    farthest, back = _number(reader, fields, end), _number(reader, fields, "back")
    _check(reader, fields, bound, threshold, farthest, back)
    subject = fields.need("score", read.text) or ""
    tests = _tests(reader, fields, subject)
    beyond, within, inside = (
        ("greater_than", "less_than_or_equal", "greater_than_or_equal")
        if is_above
        else ("less_than", "greater_than_or_equal", "less_than_or_equal")
    )
    band: list[Condition] = [] if farthest is None else [tests(within, farthest)]
    holds = _all([tests(beyond, threshold), *band])
    stays = None if back is None else _all([tests(inside, back), *band])
    leave = None if stays is None else Negation(stays)
    segment = Segment(f"~{read.hash_of(fields.node)}", holds, leave)
    reader.unnamed.append((segment, fields.node))
    return EventPattern((ENTERED + segment.name,))


def _number(reader: Reader, fields: Fields, key: str) -> Number | None:
    node = fields.node.entries.get(key)
    return None if node is None else numbers.number(reader, node, key, numbers.OF_CUSTOMER)


def _all(conditions: list[Condition]) -> Condition:
    return conditions[0] if len(conditions) == 1 else AllOf(tuple(conditions))


def _check(
    reader: Reader,
    fields: Fields,
    bound: str,
    threshold: Number,
    farthest: Number | None,
    back: Number | None,
) -> None:
    """Check that numbers that stand there are in order; of what is looked up nobody knows."""
    if not isinstance(threshold, int | float):
        return
    sign = 1 if bound == "above" else -1
    if isinstance(back, int | float) and sign * back > sign * threshold:
        side = "at most" if sign > 0 else "at least"
        required = f"back: {side} {bound!r} ({threshold}), for it is the way back"
        reader.report(fields["back"], f"{required}; found {back}")
    if isinstance(farthest, int | float) and sign * farthest <= sign * threshold:
        key, side = ("up_to", "more than") if sign > 0 else ("down_to", "less than")
        reader.report(fields[key], f"{key}: {side} {bound!r} ({threshold}); found {farthest}")


class _Tests:
    """Makes tests of the score that is meant."""

    def __init__(self, path: str, of: Attribute | None) -> None:
        self._path = path
        self._of = of

    def __call__(self, word: str, number: Number) -> Condition:
        operator = cast("Operator", word)
        if self._of is None:
            return Test(self._path, operator, number)
        return Held(self._path, self._of, number, operator)


def _tests(reader: Reader, fields: Fields, subject: str) -> _Tests:
    """Return what tests the score of the model *subject*, or at that path of the profile."""
    if reads_profile(subject):
        for key in ("stale", "where"):
            if key in fields:
                required = f"{key}: beside the name of a model, for a path is not an event's"
                reader.report(fields.key(key), f"{required}; found {subject}")
        node: Node = fields["score"]
        if isinstance(node, Scalar):
            path_is_right(reader, node)
        return _Tests(subject, None)
    model = EventPattern((EVENT,), Test("event_data.model", "equals", subject))
    on = happenings.narrowed(model, where_of(fields))
    within = fields.read("stale", window) or STALE
    of = unnamed(Attribute("", "last", on, "event_data.score", within))
    return _Tests(f"{PROFILE}.{of.name}", of)
