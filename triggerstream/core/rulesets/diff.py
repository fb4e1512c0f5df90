"""What a new ruleset changes against the one in force, and what that costs customers.

Progress is kept under a fingerprint of what is detected (`compile.fingerprint`): texts, conditions,
limits and actions may be edited under way, a pattern may not. What is derived is kept under a
fingerprint of its whole definition.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Any

import msgspec

from triggerstream.core.conditions.unnamed import UNNAMED, asked_of
from triggerstream.core.derive.attributes.computed import COMPUTED
from triggerstream.core.model import (
    Attribute,
    Name,
    Named,
    Policy,
    SchemaRules,
    Segment,
    Trigger,
    unfingerprinted,
)
from triggerstream.core.rulesets.ruleset import Ruleset


class Effect(StrEnum):
    """What becomes of what customers have behind them with a trigger."""

    NEW = "new"
    KEEPS = "keeps"
    RESTARTS = "restarts"
    STARTS = "starts"
    STOPS = "stops"
    REMOVED = "removed"
    STAYS_OFF = "stays_off"


class Change(msgspec.Struct, frozen=True):
    """One trigger that is not as it was.

    Attributes:
        parts: The keys of its file that say something else, in the order of a file.
        begins: Its ``if`` asks for what nobody has counted so far.
    """

    trigger: str
    effect: Effect
    parts: tuple[str, ...] = ()
    begins: bool = False


class Derived(msgspec.Struct, frozen=True):
    """One attribute or segment that is not as it was.

    Attributes:
        kind: ``attribute`` or ``segment``.
        effect: `Effect.NEW`, `Effect.REMOVED`, `Effect.RESTARTS` or `Effect.KEEPS`.
        parts: The keys of its document that say something else; none where only what it reads does.
        is_told: Of a segment, whom it finds inside is told, and enters (``existing: tell``).
        is_computed: Of an attribute, it follows from others, and folds nothing.
        same: Of an attribute that is new or removed, one that has the same definition on the other
            side, and so shares what is folded.
    """

    kind: str
    name: str
    effect: Effect
    parts: tuple[str, ...] = ()
    is_told: bool = False
    is_computed: bool = False
    same: str = ""


class Difference(msgspec.Struct, frozen=True):
    """All that differs between two rulesets.

    Attributes:
        triggers: Those that are not as they were, by id.
        policy: The keys of the policy that say something else.
        templates: By name: ``+`` for a new one, ``-`` for one that is gone, ``~`` for one that
            says something else.
        schemas: The same, by event type.
        rules: The keys of ``schemas.yaml`` that say something else.
        is_same: The content is the same to the letter.
        names: Conditions, patterns and values that say something else: the sign, the kind and the
            name, and the triggers that use it.
        derived: Attributes and segments that are not as they were, by kind and name.
    """

    triggers: tuple[Change, ...]
    policy: tuple[str, ...]
    templates: dict[str, str]
    schemas: dict[str, str]
    rules: tuple[str, ...]
    is_same: bool
    names: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    derived: tuple[Derived, ...] = ()


def diff(old: Ruleset | None, new: Ruleset) -> Difference:
    """Return what *new* changes against *old*, which is in force, if any is."""
    before = {} if old is None else {each.id: each for each in old.source.triggers}
    after = {each.id: each for each in new.source.triggers}
    templates = {} if old is None else old.source.templates
    asked = (None if old is None else old.source.schemas) or SchemaRules()
    asks = new.source.schemas or SchemaRules()
    changes = (
        _change(name, before.get(name), after.get(name), old, new)
        for name in sorted(before | after)
    )
    return Difference(
        triggers=tuple(change for change in changes if change is not None),
        policy=tuple(_differing(Policy() if old is None else old.policy, new.policy)),
        templates=_signs(templates, new.source.templates),
        schemas=_signs(asked.schemas, asks.schemas),
        rules=tuple(key for key in _differing(asked, asks) if key != "schemas"),
        is_same=old is not None and old.hash == new.hash,
        names=(
            *_names(() if old is None else old.source.names, new.source.names),
            *_values(old, new),
        ),
        derived=(*_attributes(old, new), *_segments(old, new)),
    )


def _names(
    before: Iterable[Name], after: Iterable[Name]
) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    was = {f"{each.kind} {each.name}": each for each in before}
    becomes = {f"{each.kind} {each.name}": each for each in after}
    signs = _signs(
        {name: each.says for name, each in was.items()},
        {name: each.says for name, each in becomes.items()},
    )
    return tuple(
        (sign, name, (becomes.get(name) or was[name]).users) for name, sign in signs.items()
    )


def _values(old: Ruleset | None, new: Ruleset) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield the values that say something else; what is computed for them is no author's."""
    before = {} if old is None else {each.name: each for each in old.source.values}
    after = {each.name: each for each in new.source.values}
    for name, sign in _signs(before, after).items():
        triggers = (new if name in after or old is None else old).source.triggers
        users = [
            each.id
            for each in triggers
            if any(isinstance(number, Named) and number.name == name for number in each.numbers)
        ]
        yield sign, f"value {name}", tuple(sorted(users))


def _attributes(old: Ruleset | None, new: Ruleset) -> Iterator[Derived]:
    before = {} if old is None else {each.name: each for each in old.source.attributes}
    after = {each.name: each for each in new.source.attributes}
    for name in sorted(before | after):
        was, becomes = before.get(name), after.get(name)
        if was is None or becomes is None:
            effect = Effect.NEW if was is None else Effect.REMOVED
            same = _same(name, new, old) if was is None else _same(name, old, new)
            is_computed = _is_computed(becomes or was)
            yield Derived("attribute", name, effect, is_computed=is_computed, same=same)
        elif parts := _parts(was, becomes):
            is_computed = _is_computed(becomes)
            yield Derived("attribute", name, Effect.RESTARTS, parts, is_computed=is_computed)


def _same(name: str, ruleset: Ruleset | None, other: Ruleset | None) -> str:
    """Return the first attribute of *other* that keeps what *name* does in *ruleset*."""
    if ruleset is None or other is None:
        return ""
    key = ruleset.attributes[name].fold.key
    return min(
        (each for each in other.declared if other.attributes[each].fold.key == key), default=""
    )


def _is_computed(attribute: Attribute | None) -> bool:
    return attribute is not None and attribute.head in COMPUTED


def _segments(old: Ruleset | None, new: Ruleset) -> Iterator[Derived]:
    before = {} if old is None else {each.name: each for each in old.source.segments}
    after = {each.name: each for each in new.source.segments}
    keys = [{} if each is None else {w.name: w.key for w in each.watched} for each in (old, new)]
    for name in sorted(before | after):
        was, becomes = before.get(name), after.get(name)
        if name.startswith(UNNAMED):
            continue  # of a pattern, whose trigger is told
        if becomes is None:
            yield Derived("segment", name, Effect.REMOVED)
            continue
        is_told = becomes.existing == "tell"
        if was is None:
            yield Derived("segment", name, Effect.NEW, is_told=is_told)
            continue
        parts = _parts(was, becomes)
        if keys[0][name] != keys[1][name]:
            yield Derived("segment", name, Effect.RESTARTS, parts, is_told)
        elif parts:
            yield Derived("segment", name, Effect.KEEPS, parts)


def _parts(before: Attribute | Segment, after: Attribute | Segment) -> tuple[str, ...]:
    found = _differing(before, after)
    return tuple(dict.fromkeys(_DERIVED_KEYS.get(part, part) for part in found))


_DERIVED_KEYS = {
    "condition": "is", "path": "head", "cut": "as", "start_path": "start", "cases": "case",
    "text": "expr",
}  # fmt: skip
"""What is called otherwise in a document."""

_KEYS = {"per": "when", "condition": "if", "actions": "then", "goal": "until"}
"""What is called otherwise in a file."""


def _change(
    name: str, before: Trigger | None, after: Trigger | None, old: Ruleset | None, new: Ruleset
) -> Change | None:
    if after is None:
        return Change(name, Effect.REMOVED)
    if before is None or old is None:
        return Change(name, Effect.NEW)
    differing = [part for part in _differing(before, after) if part != "numbers"]
    parts = dict.fromkeys(_KEYS.get(part, part) for part in differing)
    if not parts:
        return None
    asked = {each.name for each in asked_of(after.condition)}
    begins = not asked <= old.attributes.keys() and name in old.triggers
    return Change(name, _effect(name, old, new), tuple(parts), begins)


def _effect(name: str, old: Ruleset, new: Ruleset) -> Effect:
    was, becomes = old.triggers.get(name), new.triggers.get(name)
    if was is None:
        return Effect.STAYS_OFF if becomes is None else Effect.STARTS
    if becomes is None:
        return Effect.STOPS
    return Effect.KEEPS if was.fingerprint == becomes.fingerprint else Effect.RESTARTS


def _differing(before: msgspec.Struct, after: msgspec.Struct) -> Iterator[str]:
    """Yield the fields that differ, compared as text: to Python, 1 and 1.0 and true are one."""
    for name in before.__struct_fields__:
        if _encode(getattr(before, name)) != _encode(getattr(after, name)):
            yield name


def _signs(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: "+" if name not in before else "-" if name not in after else "~"
        for name in sorted({*before, *after})
        if _encode(before.get(name)) != _encode(after.get(name))
    }


_encode = msgspec.json.Encoder(order="deterministic", enc_hook=unfingerprinted).encode

_LOST = "progress and open waits are lost"
_MEANINGS = {
    Effect.KEEPS: "it keeps its progress",
    Effect.RESTARTS: f"it starts anew: {_LOST}",
    Effect.STARTS: "it is switched on, and starts anew",
    Effect.STOPS: f"it is switched off: {_LOST}, and what is not sent yet ends trigger_off",
    Effect.STAYS_OFF: "it is off",
}


def tell(difference: Difference) -> list[str]:
    """Return *difference* for people, a line each: ``+`` is new, ``-`` is gone, ``~`` changes."""
    lines = [_told(change) for change in difference.triggers]
    lines += [_told_derived(each) for each in difference.derived]
    lines += [
        f"{sign} {name}" + (f", used by {_and(users)}" if users else "")
        for sign, name, users in difference.names
    ]
    lines += [f"~ policy: {_and(difference.policy)}"] if difference.policy else []
    lines += [f"{sign} template {name}" for name, sign in difference.templates.items()]
    lines += [f"{sign} schema {name}" for name, sign in difference.schemas.items()]
    lines += [f"~ schemas: {_and(difference.rules)}"] if difference.rules else []
    return lines


def _told(change: Change) -> str:
    if change.effect is Effect.NEW:
        return f"+ trigger {change.trigger}"
    if change.effect is Effect.REMOVED:
        return f"- trigger {change.trigger}: {_LOST}, and what is not sent yet ends trigger_off"
    parts, meaning = _and(change.parts), _MEANINGS[change.effect]
    if change.begins:
        meaning += ", and what its 'if' asks for is counted from now on"
    return f"~ trigger {change.trigger}: {parts} changed; {meaning}"


def _told_derived(change: Derived) -> str:
    named = f"{change.kind} {change.name}"
    effect, same = change.effect, change.same
    if change.is_computed:
        new, gone = "it follows from others", "it is known no more"
        anew = "what it comes to by now is told to nobody"
    elif change.kind == "attribute":
        new = f"it goes on with what {same} has folded" if same else "it is folded from now on"
        gone = f"{same} goes on with what it has folded" if same else "what it has folded is lost"
        anew = "it begins anew: what it has folded is lost"
    else:
        found = "who is inside " + ("enters" if change.is_told else "is not told")
        new, gone = found, "its members leave untold"
        anew = f"it is asked anew, and {found}"
    if effect is Effect.NEW:
        return f"+ {named}: {new}"
    if effect is Effect.REMOVED:
        return f"- {named}: {gone}"
    parts = _and(change.parts) if change.parts else "what it reads"
    meaning = anew if effect is Effect.RESTARTS else "it keeps its members"
    return f"~ {named}: {parts} changed; {meaning}"


def _and(words: Iterable[str]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
