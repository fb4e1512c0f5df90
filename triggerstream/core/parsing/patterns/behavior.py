"""Reading ``behavior``: patterns of which only the name, and what differs, is said.

Each is replaced by a trend or a count of what the policy says that customers do.
"""

from __future__ import annotations

from collections.abc import Callable

from triggerstream.core.events.derived import SESSION_STARTED
from triggerstream.core.model import DAY, MINUTE, CountPattern, Number, Pattern, TrendPattern
from triggerstream.core.parsing.conditions import numbers
from triggerstream.core.parsing.conditions.activity import activity_of
from triggerstream.core.parsing.conditions.conditions import event_field
from triggerstream.core.parsing.patterns import check
from triggerstream.core.parsing.patterns.trend import trend_of
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Mapping, Node, Scalar
from triggerstream.core.parsing.source.reader import Fields, Reader

KEYS = {
    "engagement_decline": ("below", "recent", "baseline", "min"),
    "purchase_frequency": ("above", "recent", "baseline", "min"),
    "browsing_intensity": ("at_least", "within"),
    "repeat_visits": ("at_least", "within"),
    "content_interest": ("by", "of", "at_least", "within"),
}
"""What may be said beside each name."""
BY = "event_data.category"
"""What ``content_interest`` tells apart, unless it says another."""

_BY_ITSELF = {"per": "per: 'by' says which instances there are; found 'per'"}


def behavior_of(reader: Reader, node: Mapping, *, is_top: bool) -> Pattern | None:
    """Return the pattern that the name under ``behavior`` stands for.

    Args:
        is_top: It is the whole pattern of a trigger, which may say ``per`` beside it.
    """
    name = read.choice(KEYS)(reader, node.entries["behavior"], "behavior")
    if name is None:
        return None
    has_instances = name == "content_interest"
    if has_instances and not is_top:
        required = f"behavior: {name!r} as the whole of a trigger's 'when', for it has instances"
        reader.report(node.entries["behavior"], f"{required}; found it elsewhere")
        return None
    known = ("behavior", *KEYS[name])
    if is_top and not has_instances:
        known = (*known, "per")
    fields = reader.mapping(node, name, known, _BY_ITSELF if has_instances else None)
    return _READINGS[name](reader, fields)


def instances_of(reader: Reader, node: Mapping) -> Node | str | None:
    """Return where ``per`` stands, or the path that stands for it, which is checked as ``by``."""
    behavior = node.entries.get("behavior")
    if isinstance(behavior, Scalar) and behavior.value == "content_interest":
        by = node.entries.get("by")
        return by.text if isinstance(by, Scalar) else BY
    return node.entries.get("per")


def _engagement_decline(reader: Reader, fields: Fields) -> Pattern:
    types = activity_of(reader, fields["behavior"], "engagement_decline")
    return trend_of(reader, fields, types, None, TrendPattern((), "below", 0.5))


def _purchase_frequency(reader: Reader, fields: Fields) -> Pattern:
    purchase = reader.policy.purchase
    if purchase is None:
        required = "purchase_frequency: 'purchase' in policy.yaml, the types of purchases"
        example = "purchase: {events: [purchase_completed]}"
        reader.report(fields["behavior"], f"{required}, such as {example}; found none")
    month = TrendPattern((), "above", 1.5, None, 30 * DAY, 30 * DAY, 2)
    return trend_of(reader, fields, purchase.events if purchase else (), None, month)


def _browsing_intensity(reader: Reader, fields: Fields) -> Pattern:
    return CountPattern(
        ("product_view",),
        "at_least",
        _at_least(reader, fields, 10, None),
        within=fields.read("within", read.duration) or 30 * MINUTE,
    )


def _repeat_visits(reader: Reader, fields: Fields) -> Pattern:
    activity_of(reader, fields["behavior"], "repeat_visits")
    return CountPattern(
        (SESSION_STARTED,),
        "at_least",
        _at_least(reader, fields, 3, None),
        within=fields.read("within", read.duration) or 7 * DAY,
    )


def _content_interest(reader: Reader, fields: Fields) -> Pattern:
    fields.read("by", event_field)  # which becomes ``per``: who has none is not counted
    of = fields.read("of", event_field)
    return CountPattern(
        activity_of(reader, fields["behavior"], "content_interest"),
        "at_least",
        _at_least(reader, fields, 5, None if of is None else "sum"),
        within=fields.read("within", read.duration) or 7 * DAY,
        aggregate=None if of is None else "sum",
        path=of,
    )


def _at_least(reader: Reader, fields: Fields, default: int, aggregate: str | None) -> Number:
    node = fields.node.entries.get("at_least")
    threshold = None if node is None else numbers.number(reader, node, "at_least")
    if node is None or threshold is None:
        return default
    check.threshold(reader, node, "at_least", threshold, aggregate)
    return threshold


_READINGS: dict[str, Callable[[Reader, Fields], Pattern]] = {
    "engagement_decline": _engagement_decline,
    "purchase_frequency": _purchase_frequency,
    "browsing_intensity": _browsing_intensity,
    "repeat_visits": _repeat_visits,
    "content_interest": _content_interest,
}
