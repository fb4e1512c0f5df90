"""What trigger files say by name, to be used in other places: conditions and patterns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from triggerstream.core.model import InForce
from triggerstream.core.parsing.source.nodes import Node

MOST_WITHIN = 8
"""Names within each other (81)."""


@dataclass(slots=True, eq=False)
class Definition:
    """One name, and what it stands for.

    Attributes:
        kind: ``condition`` or ``pattern``.
        node: What stands for it, read anew at each place that uses it.
        place: Where the name stands.
        read_alone: Reads *node* where everything may be said that such a definition may say.
        is_sound: Nothing is wrong with it by itself; ``None`` until it has been read.
        height: How many names are within each other in it, itself the first.
    """

    kind: str
    name: str
    file: str
    node: Node
    place: Node
    read_alone: Callable[[Any, Node], object]
    is_sound: bool | None = None
    is_being_read: bool = False
    height: int = 0


@dataclass(slots=True, eq=False)
class Defined:
    """All names of a directory.

    Attributes:
        used: Those that have been replaced, by kind and name, since somebody emptied it.
        height: The greatest of theirs.
        readers: Those that have read each definition for itself.
        is_torn: One of them is wrong, which was told at its own place.
        values: What each number comes to that has a name.
    """

    definitions: dict[tuple[str, str], Definition] = field(default_factory=dict)
    used: set[tuple[str, str]] = field(default_factory=set)
    height: int = 0
    is_torn: bool = False
    readers: list[Any] = field(default_factory=list)
    values: dict[str, InForce] = field(default_factory=dict)

    def known(self, kind: str) -> list[str]:
        """Return the names of a kind, in alphabetical order."""
        return sorted(name for each, name in self.definitions if each == kind)
