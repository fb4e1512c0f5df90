"""A trigger's file, looked through for types and paths, each where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from triggerstream.core.parsing.conditions.conditions import (
    ASKED,
    CALENDAR,
    COUNT_KEYS,
    EXPRESSION,
    USE,
)
from triggerstream.core.parsing.conditions.expressions import paths_in
from triggerstream.core.parsing.patterns.happenings import EVENT
from triggerstream.core.parsing.patterns.patterns import AGGREGATES
from triggerstream.core.parsing.source.nodes import Items, Mapping, Node, Scalar

_GROUPS = ("sequence", "all", "any")
_TYPES = ("event", "count", "trend", "absent")


class Walk:
    """Calls `types` and `path` for what a trigger names; a subclass says what to make of it."""

    def types(self, what: str, scalars: Sequence[Scalar]) -> None:
        """Look at types that stand together, such as those of one step."""

    def path(self, what: str, node: Scalar, types: Sequence[str]) -> None:
        """Look at a path that is read of events of *types*, or of the profile."""

    def trigger(self, node: Mapping) -> None:
        """Look through a trigger, or what has a name: of which events that is read, its users say,
        so that no types are known of a condition's paths."""
        types: list[str] = []
        when = node.entries.get("when")
        if isinstance(when, Mapping):
            types = self._pattern(when)
            if "per" in when.entries:
                self._path("per", when.entries["per"], types)
        if "until" in node.entries:
            self._types("until", node.entries["until"], None)
        for head in ("if", "is"):
            if head in node.entries:
                self._condition(node.entries[head], types)

    def _pattern(self, node: Mapping) -> list[str]:
        """Look through a pattern or a step; return the types that it matches."""
        matched: list[str] = []
        for head in _GROUPS:
            for child in _items(node.entries.get(head)):
                if isinstance(child, Mapping):
                    matched += self._pattern(child)
        for head in _TYPES:
            if head in node.entries:
                types = self._types(head, node.entries[head], node.entries.get("where"))
                if head != "absent":
                    matched += types
        for aggregate in AGGREGATES:
            if aggregate in node.entries:
                self._path(aggregate, node.entries[aggregate], matched)
        return matched

    def _types(self, what: str, node: Node, where: Node | None) -> list[str]:
        """Look at types: a text, a list, or a mapping with them and ``where``."""
        if isinstance(node, Mapping):
            return self._happening(what, node, where)
        parts = _items(node) or (node,)
        scalars = [each for each in parts if isinstance(each, Scalar)]
        self.types(what, scalars)
        types = [scalar.text for scalar in scalars]
        for each in parts:
            if isinstance(each, Mapping):
                types += self._happening(what, each, None)
        if where is not None:
            self._condition(where, types)
        return types

    def _happening(self, what: str, node: Mapping, where: Node | None) -> list[str]:
        """Look at a type with its ``where``. What the engine tells itself has no type that any
        producer sends, and its fields are known."""
        if EVENT not in node.entries:
            return []
        return self._types(what, node.entries[EVENT], node.entries.get("where") or where)

    def _condition(self, node: Node, types: Sequence[str]) -> None:
        if isinstance(node, Scalar):
            for path in paths_in(node):
                self._path("", path, types)
        if not isinstance(node, Mapping):
            return
        for key, place in node.keys.items():
            inner = node.entries[key]
            if key in ("all", "any"):
                for each in _items(inner):
                    self._condition(each, types)
            elif key in ("not", EXPRESSION):
                self._condition(inner, types)
            elif key not in (*CALENDAR, *ASKED, *COUNT_KEYS, USE):
                self._path("", place, types)

    def _path(self, what: str, node: Node, types: Sequence[str]) -> None:
        if isinstance(node, Scalar):
            self.path(what, node, types)


def _items(node: Node | None) -> Iterable[Node]:
    return node.items if isinstance(node, Items) else ()
