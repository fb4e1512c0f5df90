"""Reading `changed`: a value that is watched, and what is asked of the change."""

from __future__ import annotations

from typing import Any, Final

from triggerstream.core.conditions.paths import reads_profile
from triggerstream.core.conditions.unnamed import unnamed
from triggerstream.core.events.derived import CHANGED
from triggerstream.core.model import (
    AllOf,
    AnyOf,
    Attribute,
    Change,
    Condition,
    EventPattern,
    Test,
)
from triggerstream.core.parsing.conditions.activity import activity_of
from triggerstream.core.parsing.conditions.conditions import event_field, name_of_value, where_of
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Items, Node, Scalar
from triggerstream.core.parsing.source.reader import Fields, Reader, Reading

KEYS: Final = ("changed", "on", "from", "to", "up", "down", "within", "where")
_FROM: Final = "event_data.from"
_TO: Final = "event_data.to"


def changed(fields: Fields, happening: Reading[EventPattern]) -> EventPattern:
    """Read the change of a value; what is watched for it goes to `Reader.changes`."""
    reader = fields.reader
    node = fields.node.entries.get("changed", fields.node)
    path = fields.need("changed", read.text) or ""
    tests: list[Condition | None] = [_one_of(fields, "from", _FROM), _one_of(fields, "to", _TO)]
    tests += [_order(fields, key) for key in ("up", "down")]
    if reads_profile(path):
        for key in ("on", "within"):
            if key in fields:
                required = f"{key}: beside a field of events"
                reader.report(fields.key(key), f"{required}; found {path}, of the profile")
        change = Change(name_of_value(reader, node, "changed", path, "tier") or "", None)
    else:
        fields.read("changed", event_field)
        on = EventPattern(())
        if "on" in fields:
            on = fields.read("on", happening) or on
        else:
            on = EventPattern(activity_of(reader, node, "changed without 'on'"))
        change = Change(_named(fields, path), unnamed(Attribute("", "last", on, path)))
        gap = fields.read("within", read.duration)
        if gap is not None:
            tests.append(Test("event_data.gap", "less_than", gap))
    reader.changes.append((change, fields.node))
    asked = [each for each in (*tests, where_of(fields)) if each is not None]
    where = None if not asked else asked[0] if len(asked) == 1 else AllOf(tuple(asked))
    return EventPattern((CHANGED + change.name,), where)


def _named(fields: Fields, path: str) -> str:
    """Return what the value of events at *path* is called (32): where ``on`` is said, with a hash
    of it; and where a value of the profile could have that name."""
    if "on" in fields:
        return f"{path}~{read.hash_of(fields['on'])}"
    return path if "." in path else f"{path}~"


def _one_of(fields: Fields, key: str, path: str) -> Condition | None:
    """Read a value, or a list of them, any of which will do."""
    if key not in fields:
        return None
    values = _values(fields.reader, fields[key], key)
    return Test(path, "in_list", values)


def _values(reader: Reader, node: Node, what: str) -> list[Any]:
    items = node.items if isinstance(node, Items) and node.items else (node,)
    for item in items:
        if not isinstance(item, Scalar) or item.value is None:
            reader.report(item, f"{what}: a value, or a list of them; found {read.show(item)}")
    return [read.plain(item) for item in items]


def _order(fields: Fields, key: str) -> Condition | None:
    """Read a list in which both are, the new one later (``up``), or earlier."""
    if key not in fields:
        return None
    node = fields[key]
    values = _values(fields.reader, node, key)
    if len(values) < 2:
        required = f"{key}: a list of at least two values in order"
        fields.reader.report(node, f"{required}; found {read.show(node)}")
        return None
    if key == "down":
        values.reverse()
    steps: list[Condition] = [
        AllOf((Test(_FROM, "equals", value), Test(_TO, "in_list", values[number + 1 :])))
        for number, value in enumerate(values[:-1])
    ]
    return AnyOf(tuple(steps))
