"""A ruleset: every trigger in force, compiled, and found by the event types that concern it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from hashlib import blake2b

import msgspec

from triggerstream.core.conditions.expressions import Erred
from triggerstream.core.conditions.unnamed import tests_of
from triggerstream.core.derive.arrange import Watched, arrange
from triggerstream.core.derive.attributes.compile import CompiledAttribute, Taking
from triggerstream.core.derive.calendar.dated import CompiledDate
from triggerstream.core.derive.kept import kept_of
from triggerstream.core.derive.numbers import Numbers, deciding
from triggerstream.core.derive.reads import reads_of
from triggerstream.core.derive.segments import SEGMENTS, CompiledSegment
from triggerstream.core.derive.visit import Visit
from triggerstream.core.events.derived import FIRED, SIGN
from triggerstream.core.model import (
    PRIORITIES,
    Policy,
    RulesetSource,
    SinceLast,
    Trigger,
)
from triggerstream.core.parsing.directory import TemplateCheck, parse_ruleset
from triggerstream.core.patterns.base import Look, Predicate
from triggerstream.core.rulesets.compile import CompiledTrigger, compile_goal, compile_trigger
from triggerstream.core.rulesets.named import named_types
from triggerstream.core.schemas.schemas import Schemas
from triggerstream.errors import Problem, TriggerFileError

_DETECTIONS = 8
"""Bytes: two rulesets are taken for one once in 10^19 deploys."""

TAU = "~tau"
"""Among the keys of slots where only the latest time is kept."""

_AWAITED = b"ended"

Timed = Watched | CompiledDate | Visit
"""What has a timer beside those of triggers."""

_canonical = msgspec.json.Encoder(order="deterministic").encode


class Goal(msgspec.Struct, frozen=True):
    """The goal of one trigger, for events of one type."""

    trigger: str
    is_reached: Predicate


@dataclass(slots=True, eq=False)
class Interest:
    """Who is concerned by an event type.

    Attributes:
        looks: What they do to which triggers, in the order of (priority, id).
        growth: How much one event adds to what they hold, at most, counted in rows that it names.
        folds: What they do to attributes, in the order of names.
        session: What they belong to as activity, where sessions are kept.
        derives: There is one of these.
        shadow: Of those concerned, the ones in shadow mode: all that see what such a one fired.
    """

    goals: tuple[Goal, ...]
    looks: tuple[tuple[Look, CompiledTrigger], ...]
    growth: int
    folds: tuple[Taking, ...] = ()
    session: Visit | None = None
    derives: bool = field(init=False)
    shadow: Interest = field(init=False)

    def __post_init__(self) -> None:
        self.derives = bool(self.folds) or self.session is not None
        self.shadow = self


class Ruleset:
    """The complete set of triggers in force. Immutable, and shared by all partitions.

    Attributes:
        version: In the log; 0 for a ruleset that was never published.
        hash: Of its content, as hex.
        triggers: Those that are evaluated, by id: all but the ones that are ``off``.
        by_key: The same, by what their progress is kept under.
        waits: Of each cell that may hold an open wait, whose it is, and its number among those of
            its trigger, in file order.
        interests: By event type.
        attributes: By name, also the unnamed ones.
        declared: The names of those that have a document.
        kept: The names of what is kept of profiles; ``None`` for all.
        reads: By trigger: the attributes that it reads, if it reads any.
        derives: Whether anything hears of derived events.
        derivations: Identifies what is derived; empty where nothing is.
        session: The session that customers are in, where somebody asks for it.
        watched: The values and the segments, in the order in which they are asked.
        dates: Those that are waited for, in the order of their names.
        listens: There is one of these.
        whereabouts: Where customers are, if anybody asks for their zones.
        by_timer: All that has a timer, by the keys of their slots.
        members: Tells which segments a customer is in; ``None`` where there is none.
        told: The triggers whose firings are events for others, or for goals (32).
        erred: Triggers, by id, and attributes, by path, with an expression that had no value: one
            entry for each time, since the engine last took them. All else is as it was built.
        detections: Identifies what is detected by which trigger, whatever their texts, conditions
            and limits say.
        schemas: What the doors ask of events; ``None`` where it asks nothing.
    """

    __slots__ = (
        "attributes", "by_key", "by_timer", "dates", "declared", "derivations", "derived_keys",
        "derives", "detections", "erred", "hash", "interests", "kept", "listens", "members",
        "policy", "reads", "schemas", "session", "source", "told", "triggers", "version", "waits",
        "watched", "whereabouts",
    )  # fmt: skip

    def __init__(self, source: RulesetSource, version: int, content_hash: str) -> None:
        self.version = version
        self.hash = content_hash
        self.source = source
        self.policy: Policy = source.policy
        self.erred: list[str] = []
        evaluated = sorted((t for t in source.triggers if t.mode != "off"), key=_order)
        derived = arrange(source, evaluated, self._hears)
        segments = {
            each.name: each for each in derived.watched if isinstance(each, CompiledSegment)
        }
        numbers = Numbers(derived.attributes, segments)
        self.triggers = {
            each.id: compile_trigger(each, source.policy, self._hears(each.id), numbers)
            for each in evaluated
        }
        self.by_key = _by_key(self.triggers.values())
        self.attributes = derived.attributes
        self.watched = derived.watched
        self.members = derived.members
        self.session = derived.session
        self.whereabouts = derived.whereabouts
        self.dates = derived.dates
        self.listens = bool(self.watched or self.dates)
        self.by_timer: dict[str, Timed] = {each.key: each for each in (*self.watched, *self.dates)}
        if self.session is not None:
            self.by_timer[self.session.key] = self.session
        self.kept = kept_of(source)
        self.declared = frozenset([each.name for each in source.attributes])
        found = {
            each.id: reads_of(each.source, source.templates, self.attributes)
            for each in self.triggers.values()
        }
        self.reads = {name: reads for name, reads in found.items() if reads}
        self.derived_keys = frozenset(
            [each.fold.key for each in self.attributes.values() if each.name != SEGMENTS]
            + [each.key for each in (*self.watched, *self.dates)]
            + [TAU for each in self.triggers.values() if _asks_when(each)]
        )
        named = {name: self.attributes[name].fold.key for name in self.declared}
        self.derivations = _derivations(self.derived_keys, named, self.session, deciding(source))
        self.waits = {
            key: (trigger, number)
            for trigger in self.triggers.values()
            for number, key in enumerate(trigger.matcher.waits)
        }
        self.interests = _interests(
            self.triggers.values(), self.attributes, self.session, self._hears
        )
        self.told = frozenset(
            [each.removeprefix(FIRED) for each in self.interests if each.startswith(FIRED)]
        )
        self.derives = any(each.startswith(SIGN) for each in self.interests)
        self.detections = _detections(self.triggers.values())
        rules = source.schemas
        self.schemas = None if rules is None else Schemas(rules, named_types(source.triggers))

    def _hears(self, trigger: str) -> Erred:
        return partial(self.erred.append, trigger)


def build_ruleset(source: RulesetSource, *, version: int = 0, content_hash: str = "") -> Ruleset:
    """Return *source* compiled."""
    return Ruleset(source, version, content_hash)


def load_ruleset(
    files: Mapping[str, str],
    *,
    version: int = 0,
    template_check: TemplateCheck | None = None,
    is_whole: bool = False,
) -> Ruleset:
    """Return the ruleset in *files*, text by path.

    Templates are checked where somebody writes them, who passes *template_check*; what has been
    published, and so has a *version*, is loaded without, and without what only authors are told.
    *is_whole* says that *files* are all of their directory (`parse_ruleset`).

    Raises:
        TriggerFileError: With every problem of every file; their authors correct them.
    """
    source = parse_ruleset(files, template_check, is_published=version > 0, is_whole=is_whole)
    return build_ruleset(source, version=version, content_hash=content_hash(files))


def content_hash(files: Mapping[str, str]) -> str:
    """Return the hash of *files*, text by path: hex BLAKE2b-128 of their canonical JSON."""
    return blake2b(_canonical(dict(files)), digest_size=16).hexdigest()


def _order(trigger: Trigger) -> tuple[int, str]:
    return PRIORITIES.index(trigger.priority), trigger.id


def _by_key(triggers: Iterable[CompiledTrigger]) -> dict[str, CompiledTrigger]:
    found: dict[str, CompiledTrigger] = {}
    for trigger in triggers:
        other = found.setdefault(trigger.key, trigger)
        if other is not trigger:
            message = f"{other.id} and {trigger.id} would keep progress under one key: rename one"
            raise TriggerFileError([Problem("", 1, 1, message)])
    return found


def _detections(triggers: Iterable[CompiledTrigger]) -> bytes:
    detected = sorted((trigger.id, trigger.fingerprint.hex()) for trigger in triggers)
    return blake2b(_canonical(detected), digest_size=_DETECTIONS).digest()


def _asks_when(trigger: CompiledTrigger) -> bool:
    """Return whether a trigger asks how long ago something was that nobody folds: it is asked at
    the latest time of anything, which is known only where something is derived (36)."""
    return any(
        isinstance(test, SinceLast) and test.of is None
        for test in tests_of(trigger.source.condition)
    )


def _derivations(
    keys: Iterable[str],
    names: Mapping[str, str],
    session: Visit | None,
    numbers: Mapping[str, object],
) -> bytes:
    """Return what identifies what is derived under *keys*; also the *names* that some of it has,
    whether the end of a session is waited for, and what the *numbers* that have a name come to,
    which no key covers: they are to be taken over like a definition."""
    named = _canonical(sorted(keys))
    if names:
        named += _canonical(sorted(names.items()))
    if session is not None and session.is_awaited:
        named += _AWAITED
    if numbers:
        named += _canonical(numbers)
    return blake2b(named, digest_size=_DETECTIONS).digest() if keys or numbers else b""


def _interests(
    triggers: Iterable[CompiledTrigger],
    attributes: Mapping[str, CompiledAttribute],
    session: Visit | None,
    hears: Callable[[str], Erred],
) -> dict[str, Interest]:
    activity = () if session is None else session.activity
    folds: dict[str, list[Taking]] = {}
    for attribute in attributes.values():
        for event_type, takings in attribute.takings.items():
            folds.setdefault(event_type, []).extend(takings)
    concerned: dict[str, list[CompiledTrigger]] = {}
    goals: dict[str, list[tuple[Goal, CompiledTrigger]]] = {}
    for trigger in triggers:
        for event_type in sorted(trigger.matcher.types):
            concerned.setdefault(event_type, []).append(trigger)
        goal = trigger.source.goal
        if goal is not None:
            is_reached = compile_goal(goal, hears(trigger.id))
            for event_type in goal.types:
                goals.setdefault(event_type, []).append((Goal(trigger.id, is_reached), trigger))
    return {
        event_type: _interest(
            event_type,
            goals.get(event_type, ()),
            concerned.get(event_type, ()),
            folds.get(event_type, ()),
            session if event_type in activity else None,
        )
        for event_type in {*concerned, *goals, *folds, *activity}
    }


def _interest(
    event_type: str,
    goals: Sequence[tuple[Goal, CompiledTrigger]],
    triggers: Sequence[CompiledTrigger],
    folds: Sequence[Taking],
    session: Visit | None,
) -> Interest:
    interest = Interest(
        goals=tuple([goal for goal, _ in goals]),
        looks=tuple([(trigger.matcher.look(event_type), trigger) for trigger in triggers]),
        growth=sum([_growth(trigger) for trigger in triggers]),
        folds=tuple(folds),
        session=session,
    )
    if event_type.startswith(SIGN):
        interest.shadow = Interest(
            goals=tuple([goal for goal, trigger in goals if _is_shadow(trigger)]),
            looks=tuple([each for each in interest.looks if _is_shadow(each[1])]),
            growth=interest.growth,
        )
    return interest


def _is_shadow(trigger: CompiledTrigger) -> bool:
    return trigger.source.mode == "shadow"


def _growth(trigger: CompiledTrigger) -> int:
    """Return how many rows one event names, with those that its instance takes the room of: its
    text stands in the keys of a cell and of the values, and among the instances."""
    return trigger.matcher.growth * (1 if trigger.source.per is None else 3)
