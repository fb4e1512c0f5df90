"""Which fields a JSON Schema rules out: for authors, who read one that can never be there.

Where it is not certain, a field is not ruled out: a pattern of names may let it in, or a condition
of the schema.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from triggerstream.core.schemas.bounds import follow


def rules_out(schema: Any, path: Sequence[str], *, through_lists: bool = False) -> bool:
    """Return whether no value that *schema* holds of has anything at *path*.

    Args:
        schema: Of a schema file; it has been compiled.
        path: Keys, or ``[]`` for an item of a list.
        through_lists: Where a list stands on the way, its items are followed, as ``per`` does.
    """
    return _rules_out(schema, schema, path, through_lists)


def fields_of(schema: Any) -> list[str]:
    """Return the fields that *schema* names, in the order of its file."""
    named = schema.get("properties") if isinstance(schema, dict) else None
    return list(named) if isinstance(named, dict) else []


def _rules_out(root: Any, schema: Any, path: Sequence[str], through_lists: bool) -> bool:
    if schema is False:
        return True
    if schema is True or not path:
        return False
    step, *rest = path
    inner = _item(schema) if step == "[]" else _property(schema, step)
    if not _may_be(schema, "array" if step == "[]" else "object"):
        return True
    if _rules_out(root, inner, rest, through_lists) and not (
        through_lists and rest and _is_let_in(root, inner, rest)
    ):
        return True
    more = list(schema.get("allOf", ()))
    if "$ref" in schema:
        more.append(follow(root, schema["$ref"]))
    return any(_rules_out(root, each, path, through_lists) for each in more)


def _is_let_in(root: Any, schema: Any, path: Sequence[str]) -> bool:
    """Return whether an item of the list that *schema* may be may have something at *path*."""
    if not isinstance(schema, dict) or not _may_be(schema, "array"):
        return False
    return not _rules_out(root, _item(schema), path, through_lists=True)


def _may_be(schema: dict[str, Any], kind: str) -> bool:
    types = schema.get("type", kind)
    return types == kind or (isinstance(types, list) and kind in types)


def _property(schema: dict[str, Any], name: str) -> Any:
    """Return the schema of a field; ``True`` where any may be meant."""
    if name in schema.get("properties", {}):
        return schema["properties"][name]
    return True if schema.get("patternProperties") else schema.get("additionalProperties", True)


def _item(schema: dict[str, Any]) -> Any:
    items = schema.get("items", True)
    is_plain = isinstance(items, (dict, bool)) and "prefixItems" not in schema
    return items if is_plain else True
