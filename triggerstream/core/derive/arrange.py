"""All that is derived of a customer, compiled: each behind what it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import msgspec

from triggerstream.core.conditions.calendar import ZONE, asks_zone
from triggerstream.core.conditions.expressions import Erred, read_by
from triggerstream.core.conditions.paths import PROFILE, name_in_profile
from triggerstream.core.conditions.unnamed import asked_of, named_segments, paths_of
from triggerstream.core.derive.attributes.compile import CompiledAttribute, compile_attribute
from triggerstream.core.derive.attributes.computed import COMPUTED, compile_computed
from triggerstream.core.derive.attributes.folds import Value
from triggerstream.core.derive.calendar.dated import CompiledDate
from triggerstream.core.derive.calendar.whereabouts import Whereabouts
from triggerstream.core.derive.changes import CompiledChange
from triggerstream.core.derive.reads import is_read
from triggerstream.core.derive.segments import SEGMENTS, CompiledSegment, Members
from triggerstream.core.derive.visit import SESSION, Visit
from triggerstream.core.events.derived import DATE, SESSION_ENDED, SESSION_STARTED
from triggerstream.core.model import (
    Attribute,
    Change,
    DateOf,
    EventPattern,
    Policy,
    RulesetSource,
    Segment,
    Trigger,
    types_of,
)
from triggerstream.core.zones import zone as zone_of

Watched = CompiledChange | CompiledSegment


class Derived(msgspec.Struct, frozen=True):
    """What is derived of a customer.

    Attributes:
        attributes: By name, also the unnamed ones; and the names of the customer's segments, where
            there are any.
        watched: The values and the segments, in the order in which they are asked: each behind what
            it reads, values before segments, then by name.
        members: Tells which segments a customer is in; ``None`` where there is none.
        session: Follows what belongs together; ``None`` where nobody asks for it.
        whereabouts: Where customers are, if anybody asks for their zones.
        dates: Those that anybody waits for, by name, ranked behind all that is watched.
    """

    attributes: dict[str, CompiledAttribute]
    watched: tuple[Watched, ...]
    members: Members | None
    session: Visit | None
    whereabouts: Whereabouts | None
    dates: tuple[CompiledDate, ...]


def arrange(
    source: RulesetSource, triggers: Iterable[Trigger], hears: Callable[[str], Erred]
) -> Derived:
    """Return what *source* says is derived, and what the conditions of *triggers* ask for. No ring
    leads through it.

    Errors of an expression in an attribute without a name are those of who asks for it, the first
    of several.
    """
    triggers = [*triggers]
    asking = [(each.condition, each.id) for each in triggers]
    for said_segment in source.segments:
        both = (said_segment.condition, said_segment.leave)
        asking += [(each, said_segment.name) for each in both]
    for attribute in source.attributes:
        asking += [(case.condition, _path(attribute.name)) for case in attribute.cases]
    asked = [(each, name) for condition, name in asking for each in asked_of(condition)]
    asked += [(change.of, change.name) for change in source.changes if change.of is not None]
    said = {each.name: (each, _path(each.name)) for each in source.attributes}
    for each, name in asked:
        said.setdefault(each.name, (each, name))
    zone = source.policy.timezone
    attributes: dict[str, CompiledAttribute] = {}
    taken: set[str] = set()
    for name, (attribute, who) in said.items():
        if attribute.head not in COMPUTED:
            attributes[name] = compile_attribute(attribute, zone, hears(who), taken)
            taken.add(attributes[name].fold.key)
    heard = _heard(triggers, attributes)
    session = _session(source, heard)
    if session is not None:
        attributes[SESSION] = _unfolded(SESSION, session)
    awaited = [each for each in source.dates if DATE + each.name in heard]
    awaited.sort(key=lambda each: each.name)
    whereabouts = _whereabouts(source.policy, triggers, awaited)
    if whereabouts is not None:
        attributes[ZONE] = _unfolded(ZONE, whereabouts)
    segments: dict[str, CompiledSegment] = {}
    watched: list[Watched] = []
    for one in _in_order(source):
        match one:
            case Attribute():
                found = compile_computed(one, attributes, segments, hears(_path(one.name)))
                attributes[one.name] = found
            case Change():
                watched.append(CompiledChange(one, attributes, len(watched)))
            case Segment():
                segment = CompiledSegment(one, attributes, segments, len(watched), hears(one.name))
                segments[one.name] = segment
                watched.append(segment)
    attributes = dict(sorted(attributes.items()))
    members = Members(segments) if segments else None
    if members is not None:
        attributes[SEGMENTS] = _unfolded(SEGMENTS, members)
    dates = [
        CompiledDate(date, attributes, len(watched) + number) for number, date in enumerate(awaited)
    ]
    return Derived(attributes, tuple(watched), members, session, whereabouts, tuple(dates))


def _heard(triggers: Iterable[Trigger], attributes: Mapping[str, CompiledAttribute]) -> set[str]:
    """Return the types of event that anybody hears of."""
    heard = {name for each in attributes.values() for name in each.takings}
    for trigger in triggers:
        heard.update(types_of(trigger.when))
        if trigger.goal is not None:
            heard.update(trigger.goal.types)
    return heard


def _session(source: RulesetSource, heard: set[str]) -> Visit | None:
    """Return the session, if the policy says what belongs to one, and anybody asks for it."""
    if not source.policy.activity:
        return None
    is_awaited = SESSION_ENDED in heard
    if is_awaited or SESSION_STARTED in heard or is_read(SESSION, source):
        return Visit(source.policy, is_awaited=is_awaited)
    return None


def _whereabouts(
    policy: Policy, triggers: Iterable[Trigger], dates: Iterable[DateOf]
) -> Whereabouts | None:
    """Return where customers are, if anybody asks for their zones."""
    if not any(True for _ in dates) and not any(asks_zone(each.condition) for each in triggers):
        return None
    default = zone_of(policy.timezone)
    if default is None:
        raise ValueError(f"a zone that there is; found {policy.timezone!r}")
    return Whereabouts(default)


def _unfolded(name: str, value: Value) -> CompiledAttribute:
    """Return a value of the profile that no document declares, and no event is folded into."""
    return CompiledAttribute(name, Attribute(name, "count", EventPattern(())), value, {})


_Computed = Attribute | Change | Segment


def _in_order(source: RulesetSource) -> list[_Computed]:
    """Return all that is no fold, each behind what it reads; of what may come next, values before
    what watches them, and that before segments, then by name."""
    waiting: dict[tuple[int, str], tuple[_Computed, set[str]]] = {}
    for attribute in source.attributes:
        if attribute.head in COMPUTED:
            waiting[0, attribute.name] = attribute, _read(attribute)
    for change in source.changes:
        waiting[1, change.name] = change, {_path(change.name)}
    for segment in source.segments:
        waiting[2, segment.name] = segment, _read(segment)
    found: list[_Computed] = []
    while waiting:
        there = {_told(kind, name) for kind, name in waiting}
        ready = [key for key, (_, read) in waiting.items() if there.isdisjoint(read)]
        if not ready:
            raise ValueError(f"what is derived without a ring; found {sorted(waiting)}")
        found.append(waiting.pop(min(ready))[0])
    return found


def _read(one: Attribute | Segment) -> set[str]:
    """Return what *one* reads of other definitions, in the words of `_told`."""
    conditions = (
        [case.condition for case in one.cases]
        if isinstance(one, Attribute)
        else [one.condition, one.leave]
    )
    paths = [path for condition in conditions for path in paths_of(condition)]
    if isinstance(one, Attribute) and one.text is not None:
        paths += read_by(one.text)
    read = {_path(name_in_profile(path)) for path in paths}
    for condition in conditions:
        read.update([_told(2, name) for name in named_segments(condition)])
    return read


def _told(kind: int, name: str) -> str:
    return (_path(name), f"changed:{name}", f"{SEGMENTS}:{name}")[kind]


def _path(name: str) -> str:
    return f"{PROFILE}.{name}"
