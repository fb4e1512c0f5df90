"""The attributes that ship with the language: documents like any author's, asked for by the policy.

They stand in ``standard.yaml`` beside this module. What each is about, such as which events are a
purchase, the policy says.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Final

import msgspec

from triggerstream.core.conditions.expressions import read_by
from triggerstream.core.conditions.paths import PROFILE, name_in_profile
from triggerstream.core.conditions.unnamed import paths_of
from triggerstream.core.model import Attribute, Policy
from triggerstream.core.parsing.documents.attributes import PlacedAttribute, read_attribute
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Items, Mapping, Node, Scalar, read_documents
from triggerstream.core.parsing.source.reader import Reader

FILE: Final = "standard.yaml"
ALL: Final = "standard"
"""What a policy says instead of a list of all names."""
_ACTIVITY: Final = "$activity"
_PURCHASE: Final = "$purchase"
_VALUE: Final = "$value"
_OF_SESSIONS: Final = ("sessions_30d",)
"""Names of what the policy's activity makes, without being said."""
_WANTED: Final = {
    _ACTIVITY: "'activity' in policy.yaml, the types of what customers do themselves",
    _PURCHASE: "'purchase' in policy.yaml, the types of purchases",
    _VALUE: "the 'value' of 'purchase' in policy.yaml, the path of what a purchase is worth",
}


def names() -> tuple[str, ...]:
    """Return the names of all of them, in the order of the file."""
    return tuple(_documents())


def names_in(attribute: Attribute) -> Iterator[str]:
    """Yield the names in the profile that *attribute* follows from, or begins with; `PROFILE` for
    any of them."""
    paths = [path for case in attribute.cases for path in paths_of(case.condition)]
    if attribute.text is not None:
        paths += read_by(attribute.text)
    if attribute.start_path is not None:
        paths.append(attribute.start_path)
    yield from map(name_in_profile, paths)


def standard(
    reader: Reader, place: Node, wanted: Iterable[str], own: Collection[str], is_read: set[str]
) -> list[PlacedAttribute]:
    """Return those of *wanted* that are read, after telling at *place*, where the policy asks for
    them, what it does not say of what they are about.

    Args:
        own: The names that have a document of their author's, which stands instead.
        is_read: The names in the profile that are read; `PROFILE` where any may be.
    """
    waiting = [name for name in wanted if name not in own]
    if isinstance(place, Items):  # asked for one by one: each is to be right
        places = {item.text: item for item in place.items if isinstance(item, Scalar)}
        found = {name: _read(reader, places[name], name) for name in waiting}
    else:
        found = {}
    kept: set[str] = set()
    reading = [*is_read]
    while reading:
        name = reading.pop()
        if name == PROFILE:
            reading += [each for each in waiting if each in _documents()]
        elif name in waiting and name not in kept:
            kept.add(name)
            if name not in found:
                found[name] = _read(reader, place, name)
            placed = found[name]
            if placed is not None:
                reading += names_in(placed.attribute)
    return [each for name in waiting if name in kept and (each := found[name]) is not None]


def _read(reader: Reader, place: Node, name: str) -> PlacedAttribute | None:
    missing: dict[str, None] = {}
    if name in _OF_SESSIONS:
        _types(reader.policy, _ACTIVITY, missing)
    node = _filled(_documents()[name], reader.policy, missing)
    for word in missing:
        required = f"attributes: {_WANTED[word]}, for {name!r}"
        reader.report(place, f"{required}; found none")
    if missing:
        return None
    return read_attribute(reader.beside(FILE), node)


@cache
def _documents() -> dict[str, Node]:
    text = files(__package__).joinpath(FILE).read_text(encoding="utf-8")
    documents = read_documents(text, _nothing_is_wrong)
    return {read.plain(node)["attribute"]: node for node in documents}


def _filled(node: Node, policy: Policy, missing: dict[str, None]) -> Node:
    """Return *node* with what the policy says for each word; note in *missing* of which it says
    nothing."""
    match node:
        case Scalar(value=str() as word) if word in _WANTED:
            return _said(node, policy, word, missing)
        case Items(items=items):
            filled = tuple([_filled(item, policy, missing) for item in items])
            return msgspec.structs.replace(node, items=filled)
        case Mapping(entries=entries, keys=keys):
            said: dict[str, Node] = {}
            for key, entry in entries.items():
                filled_in = _filled(entry, policy, missing)
                for each in _types(policy, key, missing) if key in _WANTED else (key,):
                    said[each] = filled_in
            places = {key: keys.get(key, next(iter(keys.values()))) for key in said}
            return msgspec.structs.replace(node, entries=said, keys=places)
        case _:
            return node


def _said(node: Scalar, policy: Policy, word: str, missing: dict[str, None]) -> Node:
    found = _types(policy, word, missing)
    scalars = [Scalar(node.line, node.col, each, each) for each in found]
    return scalars[0] if len(scalars) == 1 else Items(node.line, node.col, tuple(scalars))


def _types(policy: Policy, word: str, missing: dict[str, None]) -> tuple[str, ...]:
    purchase = policy.purchase
    if word == _ACTIVITY:
        found = policy.activity
    elif word == _PURCHASE:
        found = () if purchase is None else purchase.events
    else:
        found = () if purchase is None or purchase.value is None else (purchase.value,)
    if not found:
        missing[word] = None
    return found


def _nothing_is_wrong(line: int, col: int, message: str) -> None:
    raise ValueError(f"{FILE} without a problem; found at {line}:{col}: {message}")
