"""Trigger files held against events: types and fields that the events never hold.

A warning is no error: the events may be a week's, and the type may come next month. It stands where
the word stands in the file, so the nodes are looked through and not the values read from them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from difflib import get_close_matches
from itertools import chain
from typing import NamedTuple

from triggerstream.authoring import observed as observing
from triggerstream.authoring.observed import Field, Observed
from triggerstream.authoring.walk import Walk
from triggerstream.core.conditions.paths import reads_profile
from triggerstream.core.events.decode import IDENTIFY
from triggerstream.core.parsing.source.nodes import Mapping, Node, Scalar, read_documents
from triggerstream.core.parsing.source.reader import show
from triggerstream.errors import Problem

_SHOWN = 40


class Warned(NamedTuple):
    """A warning: what it is about, and where.

    Attributes:
        code: ``unknown_type``, ``unknown_field``, ``not_a_number``, ``alias``,
            ``forbidden_field`` or ``keeps_all``.
    """

    code: str
    problem: Problem


def lint(file: str, text: str, observed: Observed) -> list[Warned]:
    """Return what is odd about the triggers in *text*, in order of place.

    Args:
        text: It has been read without a problem.
        observed: What the events hold; of none, nothing is odd.
    """
    if not observed.events:
        return []
    linter = _Linter(file, observed)
    for document in read_documents(text, lambda *_: None):
        if isinstance(document, Mapping):
            linter.trigger(document)
    return sorted(linter.found, key=lambda warned: warned.problem[1:3])


class _Linter(Walk):
    def __init__(self, file: str, observed: Observed) -> None:
        self._file = file
        self._observed = observed
        self.found: list[Warned] = []

    def types(self, what: str, scalars: Sequence[Scalar]) -> None:
        for scalar in scalars:
            self._type(what, scalar)

    def _type(self, what: str, scalar: Scalar) -> None:
        seen = self._observed.types
        if scalar.text not in seen:
            hint = _hint(scalar.text, seen)
            found = f"found {show(scalar)} in none of {self._observed.events:,}{hint}"
            self._warn("unknown_type", scalar, f"{what}: a type that the events have; {found}")

    def path(self, what: str, node: Scalar, types: Sequence[str]) -> None:
        said = f"{what}: " if what else ""
        if reads_profile(node.text):
            profile = self._observed.profile
            is_whole = _is_whole(self._observed.fields.get(IDENTIFY, {}))
            if profile and is_whole and node.text not in (*profile, "profile"):
                hint = _path_hint(node.text, profile)
                required = f"{said}an attribute that 'identify' events set"
                self._warn("unknown_field", node, f"{required}; found {show(node)} in none{hint}")
            return
        fields = [self._observed.fields[each] for each in types if each in self._observed.fields]
        number = sum(self._observed.types[each] for each in set(types))
        have = [each[node.text] for each in fields if node.text in each]
        listed = self._observed.listed
        if what == "per" and any(node.text in listed.get(each, ()) for each in types):
            return
        if not have and number and all(map(_is_whole, fields)):
            known = set(chain.from_iterable(fields))
            found = f"found {show(node)} in none of {number:,}{_path_hint(node.text, known)}"
            required = f"{said}a field that events of {_some(types)} have"
            self._warn("unknown_field", node, f"{required}; {found}")
        elif what in ("sum", "average"):
            self._number(what, node, have)

    def _number(self, what: str, node: Scalar, have: Sequence[Field]) -> None:
        odd = [field for field in have if field.odd]
        if odd:
            number = sum(field.number for field in have)
            example = repr(odd[0].example)[:_SHOWN]
            found = f"{example} and {sum(field.odd for field in odd):,} of {number:,} that are none"
            required = f"{what}: numbers, or texts that read as one"
            self._warn("not_a_number", node, f"{required}; found {found}: they are not counted")

    def _warn(self, code: str, node: Node, message: str) -> None:
        self.found.append(Warned(code, Problem(self._file, node.line, node.col, message)))


def _is_whole(fields: Collection[str]) -> bool:
    """Return whether these are all paths of a type, and not only the first that came."""
    return len(fields) < observing.MOST_PATHS


def _hint(found: str, known: Iterable[str]) -> str:
    near = get_close_matches(found, sorted(known), n=1)
    return f": did you mean {near[0]!r}?" if near else ""


def _path_hint(found: str, known: Iterable[str]) -> str:
    """Return a hint at a path like *found*: alike behind its root, which all have in common."""
    by_rest = {path.partition(".")[2]: path for path in sorted(known) if "." in path}
    near = get_close_matches(found.partition(".")[2], by_rest, n=1)
    return f": did you mean {by_rest[near[0]]!r}?" if near else ""


def _some(types: Sequence[str]) -> str:
    """Return the types in a few words."""
    return " or ".join(list(dict.fromkeys(types))[:3])
