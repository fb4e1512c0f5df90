"""Triggers, compiled: the only place that knows both what an author wrote and what runs."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec

from triggerstream.core import model
from triggerstream.core.conditions.check import Check
from triggerstream.core.conditions.compile import compile_if, compile_where, counted_number
from triggerstream.core.conditions.expressions import Erred, unheard
from triggerstream.core.conditions.numbers import default_of
from triggerstream.core.conditions.operators import number_of
from triggerstream.core.conditions.paths import compile_event_path, compile_per
from triggerstream.core.derive.numbers import NO_NUMBERS, Numbers
from triggerstream.core.events.event import Event
from triggerstream.core.patterns.aggregates import Counting
from triggerstream.core.patterns.base import Keys, LookUp, Matcher, Predicate
from triggerstream.core.patterns.combine import AllMatcher, AnyMatcher
from triggerstream.core.patterns.count import ThresholdMatcher, WindowMatcher
from triggerstream.core.patterns.event import EventMatcher
from triggerstream.core.patterns.per import PerMatcher
from triggerstream.core.patterns.sequence import SequenceMatcher
from triggerstream.core.patterns.steps import Absence, EventStep
from triggerstream.core.patterns.trend import FallMatcher, RiseMatcher
from triggerstream.core.state.limits import RECENT

_FINGERPRINT = 8
"""Bytes: two detections are taken for one once in 10^19 edits."""

_KEY = 6
"""Bytes, as eight characters: progress of another detection is taken for ours once in 10^14 edits.
Two triggers of one ruleset with the same are refused."""

_canonical = msgspec.json.Encoder(order="deterministic", enc_hook=model.unfingerprinted).encode


class CompiledTrigger(msgspec.Struct, frozen=True):
    """A trigger, ready to run.

    Attributes:
        fingerprint: Of what it detects, whatever its texts, conditions and limits say.
        key: Of its id and its fingerprint: what its progress is kept under.
        check: Its ``if``.
        keep_recent: How many of its firings are kept by name.
        values: What its firings say of the numbers that it looks up: a name or a path, and the
            number or what finds it.
    """

    id: str
    source: model.Trigger
    matcher: Matcher
    fingerprint: bytes
    key: str
    check: Check | None
    keep_recent: int
    values: tuple[tuple[str, float, LookUp | None], ...] = ()


def compile_trigger(
    trigger: model.Trigger,
    policy: model.Policy,
    erred: Erred = unheard,
    numbers: Numbers = NO_NUMBERS,
) -> CompiledTrigger:
    """Return *trigger* compiled; it has been checked, so nothing can be wrong with it. *erred*
    hears of each of its expressions that had no value; *numbers* finds what it compares with."""
    detected = fingerprint(trigger)
    key = _key(trigger.id, detected)
    matcher = compile_pattern(trigger.when, Keys(key), erred, numbers)
    condition, limits = trigger.condition, trigger.limits
    is_limited = limits.cooldown is not None or limits.max_per_customer is not None
    return CompiledTrigger(
        id=trigger.id,
        source=trigger,
        matcher=matcher if trigger.per is None else PerMatcher(matcher, compile_per(trigger.per)),
        fingerprint=detected,
        key=key,
        check=None if condition is None else compile_if(condition, policy.timezone, erred),
        keep_recent=RECENT if is_limited else 1,
        values=tuple(
            [(_label(each), default_of(each), numbers.look_up(each)) for each in trigger.numbers]
        ),
    )


def _label(number: model.Table | model.Named) -> str:
    return number.name if isinstance(number, model.Named) else number.by


def fingerprint(trigger: model.Trigger) -> bytes:
    """Return what identifies a trigger's detection: with its id, what progress is kept under.

    Texts, conditions, limits and actions may be edited without losing progress.
    """
    detected = _canonical((trigger.when, trigger.per))
    return blake2b(detected, digest_size=_FINGERPRINT).digest()


def _key(trigger: str, detected: bytes) -> str:
    named = trigger.encode() + b"\xff" + detected
    return urlsafe_b64encode(blake2b(named, digest_size=_KEY).digest()).decode()


def compile_pattern(
    pattern: model.Pattern, keys: Keys, erred: Erred = unheard, numbers: Numbers = NO_NUMBERS
) -> Matcher:
    """Return the matcher of *pattern*, whose cells have the next of *keys*."""
    match pattern:
        case model.EventPattern(types, where):
            return EventMatcher(types, _predicate(where, erred))
        case model.CountPattern():
            return _count(pattern, keys, erred, numbers)
        case model.SequencePattern(steps, within, restart):
            fills, final = _event_steps(steps, erred)
            return SequenceMatcher(fills, within, keys, final=final, restart=restart)
        case model.AllPattern(children, within):
            parts = [compile_pattern(each, keys, erred, numbers) for each in children]
            return AllMatcher(parts, within, keys)
        case model.AnyPattern(children):
            return AnyMatcher([compile_pattern(each, keys, erred, numbers) for each in children])
        case model.TrendPattern():
            kind = FallMatcher if pattern.direction == "below" else RiseMatcher
            trend = kind(
                pattern.types,
                _predicate(pattern.where, erred),
                pattern.recent,
                pattern.baseline,
                pattern.least,
                default_of(pattern.factor),
                keys,
            )
            trend.look_up = numbers.look_up(pattern.factor)
            return trend


def compile_goal(goal: model.EventPattern, erred: Erred = unheard) -> Predicate:
    """Return whether an event of one of the goal's types reaches it."""
    return _predicate(goal.where, erred) or _always


def _predicate(where: model.Condition | None, erred: Erred) -> Predicate | None:
    return None if where is None else compile_where(where, erred)


def _always(_event: Event) -> bool:
    return True


def _count(pattern: model.CountPattern, keys: Keys, erred: Erred, numbers: Numbers) -> Matcher:
    threshold = counted_number(pattern.threshold, pattern.aggregate)
    counting = Counting(
        pattern.comparator,
        default_of(threshold),
        look_up=numbers.look_up(threshold),
        where=_predicate(pattern.where, erred),
        aggregate=pattern.aggregate,
        read=None if pattern.path is None else _aggregated(pattern),
    )
    looks_back = pattern.comparator in {"at_least", "more_than"}
    shape = ThresholdMatcher if looks_back else WindowMatcher
    return shape(pattern.types, pattern.within, counting, keys)


def _aggregated(pattern: model.CountPattern) -> Callable[[Event], Any]:
    """Return the reader of what is aggregated: of numbers, texts that read as one, too (16)."""
    read = compile_event_path(pattern.path or "")
    if pattern.aggregate == "distinct":
        return read
    return lambda event: number_of(read(event))


def _event_steps(
    steps: Sequence[model.EventStep | model.AbsentStep], erred: Erred
) -> tuple[list[EventStep], Absence | None]:
    """Return the event steps, ``times: n`` written n times (7), and the final absence."""
    fills: list[EventStep] = []
    absences: list[Absence] = []
    for step in steps:
        types = frozenset(step.types)
        where = _predicate(step.where, erred)
        if isinstance(step, model.AbsentStep):
            absences.append(Absence(types, where, step.duration))
            continue
        fills.append(EventStep(types, where, step.after or 0, step.before, tuple(absences)))
        fills.extend([EventStep(types, where)] * (step.times - 1))
        absences = []
    return fills, absences[0] if absences else None
