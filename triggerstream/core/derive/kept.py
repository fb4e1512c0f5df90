"""Which attributes of a profile somebody reads: under ``keep: read``, the others are not kept (87).

Whatever of a ruleset names ``profile.NAME`` reads it, wherever that stands; so what is new in the
language is found, too. Who reads the profile as a whole reads all of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

from triggerstream.core.conditions.expressions import read_by
from triggerstream.core.conditions.paths import PROFILE, reads_profile
from triggerstream.core.model import ActionSpec, Change, Expression, RulesetSource, Trigger

ALWAYS: Final = frozenset({"timezone", "country"})
"""What tells a customer's zone, which quiet hours and the calendar ask for. What customers allow
and prefer is always kept, too (`state.profile.kept`)."""


class Readers(NamedTuple):
    """Who reads what of a profile.

    Attributes:
        names: Of the attributes that are read by name.
        whole: Who reads it as a whole, in words.
    """

    names: frozenset[str]
    whole: tuple[str, ...]


def readers_of(source: RulesetSource) -> Readers:
    """Return who reads what; of triggers that are switched off, too, for they may come back."""
    names = set(ALWAYS)
    whole: list[str] = []

    def note(who: str, paths: Iterator[str]) -> None:
        for path in paths:
            if path == PROFILE:
                whole.append(who)
            else:
                names.add(path.split(".")[1])

    for trigger in source.triggers:
        note(f"trigger {trigger.id!r}, which reads 'profile' itself", _named(trigger))
        note(f"trigger {trigger.id!r}, whose webhook says no 'fields'", _sent(trigger))
    for segment in source.segments:
        note(f"segment {segment.name!r}, which reads 'profile' itself", _named(segment))
    for attribute in source.attributes:
        note(f"attribute {attribute.name!r}, which reads 'profile' itself", _named(attribute))
    note("", _named((source.changes, source.values)))
    names.update([each.attribute for each in source.dates])
    for name, parts in sorted(source.templates.items()):
        for part, text in parts.items():
            note(f"template {name}/{part}, which reads 'profile' itself", _in_template(text))
    return Readers(frozenset(names), tuple(dict.fromkeys(whole)))


def kept_of(source: RulesetSource) -> frozenset[str] | None:
    """Return the names of the attributes that are kept; ``None`` for all of them."""
    more = source.policy.keep
    if more is None:
        return None
    readers = readers_of(source)
    return None if readers.whole else readers.names.union(more)


def _named(value: Any) -> Iterator[str]:
    """Yield the paths of the profile that are named anywhere in *value*."""
    if isinstance(value, Expression):
        yield from filter(reads_profile, read_by(value.text))
    elif isinstance(value, Change) and value.of is None:
        yield f"{PROFILE}.{value.name}"
    elif isinstance(value, ActionSpec):
        return  # its settings are texts for others
    elif isinstance(value, msgspec.Struct):
        for field in value.__struct_fields__:
            yield from _named(getattr(value, field))
    elif isinstance(value, str):
        if value == PROFILE:
            yield value
        for dotted, quoted in _PROFILE.findall(value):
            if dotted or quoted:
                yield f"{PROFILE}.{dotted or quoted}"
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _named(each)


def _sent(trigger: Trigger) -> Iterator[str]:
    """Yield what the channels of its actions read themselves."""
    for action in trigger.actions:
        if action.channel == "email":
            yield f"{PROFILE}.email"
        elif action.channel == "webhook":
            fields = action.options.get("fields")
            yield from (
                [f"{PROFILE}.{each}" for each in fields] if isinstance(fields, list) else [PROFILE]
            )


_TAGS: Final = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
_TEXTS: Final = re.compile(r"""(?<!\[)(["']).*?\1""", re.DOTALL)
_PROFILE: Final = re.compile(
    r"""(?<![\w.])profile\b(?:\s*\.\s*([A-Za-z_][\w-]*)|\s*\[\s*["'](.+?)["']\s*\])?"""
)


def _in_template(text: str) -> Iterator[str]:
    for tags in _TAGS.findall(text):
        for dotted, quoted in _PROFILE.findall(_TEXTS.sub("", "".join(tags))):
            name = dotted or quoted
            yield f"{PROFILE}.{name}" if name else PROFILE
