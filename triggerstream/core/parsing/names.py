"""Checks over all files: what a document names must exist, and nothing may lead back to itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Node
from triggerstream.core.parsing.source.reader import Reader
from triggerstream.errors import Problem


class Told(msgspec.Struct, frozen=True):
    """What one document tells others by, and what it reads.

    Attributes:
        kind: ``trigger``, ``attribute`` or ``segment``.
        types: The types of event by which others hear of it.
        reads: Those that decide what it tells.
    """

    kind: str
    name: str
    file: str
    at: Node
    types: tuple[str, ...]
    reads: tuple[str, ...]


def check_names(
    readers: Iterable[Reader], known: Mapping[str, Iterable[str]], problems: list[Problem]
) -> None:
    """Tell of each name, by its kind, that no document has."""
    for reader in readers:
        for kind, node in reader.names:
            names = sorted(known.get(kind, ()))
            if node.text not in names:
                there = ", ".join(names[:8]) or "there are none"
                hint = read.suggest(node.text, names)
                reader.report(node, f"{kind}: one of those ({there}); found {node.text!r}{hint}")


def check_rings(told: Sequence[Told], problems: list[Problem]) -> None:
    """Tell of each document that what it tells leads back to (37)."""
    by_type = {name: each for each in told for name in each.types}
    done: set[int] = set()
    for start in told:
        ring = _ring(start, by_type, done)
        if ring:
            done.update([id(each) for each in ring])
            shown = " -> ".join([each.name for each in (*ring, ring[0])])
            required = f"{start.kind}: nothing that leads back to it"
            message = f"{required}; found the ring {shown}, each reading what the next tells"
            problems.append(Problem(start.file, start.at.line, start.at.col, message))


def _ring(start: Told, by_type: Mapping[str, Told], done: set[int]) -> list[Told]:
    """Return the documents from *start* to one that reads what it tells; none where none does."""
    if id(start) in done:
        return []
    behind: dict[int, Told] = {}
    seen = {id(start)}
    waiting = [start]
    while waiting:
        each = waiting.pop()
        for name in each.reads:
            following = by_type.get(name)
            if following is start:
                way = [each]
                while id(way[-1]) in behind:
                    way.append(behind[id(way[-1])])
                return way[::-1]
            if following is not None and id(following) not in seen:
                seen.add(id(following))
                behind[id(following)] = each
                waiting.append(following)
    return []
