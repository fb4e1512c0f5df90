"""What a template prints, and nobody has made sure of: found before a customer gets no message.

A value may be missing unless the template thinks of it (``default``, ``if``), or the trigger asks
for it, in its ``if`` or in the ``where`` of the event that completes it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from difflib import get_close_matches

import msgspec

from triggerstream.channels.templates.environment import PARTS
from triggerstream.channels.templates.values import ACTION
from triggerstream.channels.templates.variables import Variable, variables_of
from triggerstream.core.conditions.demands import NOTHING, Paths, demanded, in_each, with_parents
from triggerstream.core.conditions.numbers import possible
from triggerstream.core.conditions.paths import reads_profile
from triggerstream.core.model import (
    ActionSpec,
    AllPattern,
    AnyPattern,
    CountPattern,
    EventPattern,
    EventStep,
    Pattern,
    RulesetSource,
    SequencePattern,
    TrendPattern,
    Trigger,
)
from triggerstream.errors import Problem

_ALWAYS = ("event_type", "event_id", "customer_id", "timestamp")
"""The fields that each event has."""


class _Use(msgspec.Struct, frozen=True):
    """An action that sends a template, and of what it can be sure."""

    trigger: Trigger
    action: ActionSpec
    known: Paths


def gaps(source: RulesetSource) -> list[Problem]:
    """Return a problem for each place where a template reads what may be missing.

    Templates that no action names are left alone: what they would be sent for is not known.

    Args:
        source: Whole, and its templates have been checked (`check_template`).
    """
    return [
        Problem(f"templates/{name}/{part}.liquid", variable.line, variable.column, message)
        for name, parts in sorted(source.templates.items())
        if (uses := _uses(source, name))
        for part, text in parts.items()
        for variable in variables_of(part, text)
        if (message := _problem(variable, uses)) is not None
    ]


def unsure(ruleset: RulesetSource, trigger: Trigger, action: ActionSpec) -> list[Problem]:
    """Return all that an event and a customer must have for the message of *action*, in the form of
    problems with a path as their message, in the order in which they are rendered."""
    parts = ruleset.templates.get(action.template or "", {})
    return [
        Problem(
            f"templates/{action.template}/{part}.liquid",
            variable.line,
            variable.column,
            variable.path,
        )
        for part in PARTS
        if part in parts
        for variable in variables_of(part, parts[part])
        if not variable.guarded
        and variable.can_be_missing
        and not _is_there(variable.path, trigger)
        and not _has_setting(variable.path, action)
    ]


def _uses(source: RulesetSource, template: str) -> list[_Use]:
    return [
        _Use(trigger, action, known_of(trigger))
        for trigger in source.triggers
        for action in trigger.actions
        if action.template == template
    ]


def _problem(variable: Variable, uses: Sequence[_Use]) -> str | None:
    """Return what is wrong with a place in a template that *uses* send, or ``None``."""
    if not variable.can_be_missing:
        return None
    setting = _setting(variable.path)
    if setting is not None:
        return _setting_problem(variable, setting, uses)
    if variable.guarded:
        return None
    lacking = [use.trigger.id for use in uses if not _is_known(variable.path, use)]
    if not lacking:
        return None
    if "[" in variable.path:
        return f"a default, or an 'if' around it; found {variable.path}, which may be missing"
    who = "a customer" if reads_profile(variable.path) else "an event"
    required = f"a default, or a condition of {_triggers(lacking)} that asks for it"
    return f"{required}; found {variable.path}, which {who} may lack"


# ── settings of actions ─────────────────────────────────────────────────────────────────────


_STEP = re.compile(r"\.([^.\[]+)|(\[-?\d*\])")


def _setting(path: str) -> list[str] | None:
    """Return the steps to a setting of the action, or ``None`` if *path* is none."""
    if not path.startswith("action.") or "[*]" in path:
        return None
    steps = [key or item for key, item in _STEP.findall(path.removeprefix("action"))]
    return steps[1:] if steps[0] == "options" else steps


def _setting_problem(variable: Variable, keys: list[str], uses: Sequence[_Use]) -> str | None:
    having = [use for use in uses if _has(use.action.options, keys)]
    if not having:
        known = sorted({key for use in uses for key in use.action.options})
        near = get_close_matches(keys[0], [*known, *ACTION], n=1)
        hint = f": did you mean 'action.{near[0]}'?" if near else ""
        told = ", ".join(known) or "there are none"
        required = f"a setting of an action that sends this template ({told})"
        return f"{required}; found {variable.path}{hint}"
    lacking = [use.trigger.id for use in uses if use not in having]
    if not lacking or variable.guarded:
        return None
    required = "a default, or a setting of each action that sends this template"
    return f"{required}; found {variable.path}, which that of {_triggers(lacking)} lacks"


def _has_setting(path: str, action: ActionSpec) -> bool:
    setting = _setting(path)
    return setting is not None and _has(action.options, setting)


def _has(value: object, steps: Sequence[str]) -> bool:
    """Return whether there is something behind *steps* from *value*, as a template goes them."""
    if not steps:
        return True
    step, *rest = steps
    if step == "[]":
        return isinstance(value, dict) or (
            isinstance(value, list) and all(_has(item, rest) for item in value)
        )
    if isinstance(value, list):
        at = {"first": 0, "last": -1}.get(step, step.strip("[]"))
        try:
            return _has(value[int(at)], rest)
        except (IndexError, ValueError):
            pass
    if isinstance(value, dict) and step in value:
        return _has(value[step], rest)
    return step == "size" and isinstance(value, str | list | dict)


# ── what a trigger has made sure of ─────────────────────────────────────────────────────────


def known_of(trigger: Trigger) -> Paths:
    """Return the paths of the last matched event and the profile that have a value whenever
    *trigger* fires: what its conditions demand."""
    known = demanded(trigger.condition) | _of_last(trigger.when)
    return known | with_parents(trigger.per) if trigger.per else known


def _of_last(pattern: Pattern) -> Paths:
    """Return what is known of the last event that *pattern* matches."""
    match pattern:
        case EventPattern(where=where) | TrendPattern(where=where):
            return demanded(where)
        case CountPattern(where=where, path=path):
            # An event without the field that is summed is not counted.
            return demanded(where) | (with_parents(path) if path else NOTHING)
        case SequencePattern(steps=steps):
            return demanded(_event_steps(steps)[-1].where)
        case AllPattern(children=children) | AnyPattern(children=children):
            return in_each(_of_last(child) for child in children)


def _event_steps(steps: Sequence[object]) -> list[EventStep]:
    return [step for step in steps if isinstance(step, EventStep)]


def _is_known(path: str, use: _Use) -> bool:
    if _is_there(path, use.trigger):
        return True
    asked = _of_the_last_event(path, use.trigger.when).removeprefix("event.")
    parent, _, last = asked.rpartition(".")
    return asked in use.known or (last == "size" and parent in use.known)


def _is_there(path: str, trigger: Trigger) -> bool:
    """Return whether *path* has a value in every firing of *trigger*, whatever it asks for."""
    if path.endswith("[]"):
        return True  # inside of the loop, its item
    found = _of_the_last_event(path, trigger.when)
    if found != path:
        return found in ("event", *(f"event.{field}" for field in _ALWAYS))
    event, _, field = path.replace("events.first", "events[0]", 1).partition(".")
    if not event.startswith("events"):
        return False
    if field == "size" and event == "events":
        return True
    numbers = range(fewest_events(trigger.when))
    return field in ("", "event_id") and event in ("events[]", *(f"events[{n}]" for n in numbers))


def _of_the_last_event(path: str, when: Pattern) -> str:
    """Return *path* as one of ``event``, where it says the same of the last of ``events``."""
    lasts = ["events.last", "events[-1]"]
    if isinstance(when, EventPattern):
        lasts += ["events.first", "events[0]"]  # there is one alone
    for last in lasts:
        if path == last or path.startswith((f"{last}.", f"{last}[")):
            return f"event{path.removeprefix(last)}"
    return path


def fewest_events(pattern: Pattern) -> int:
    """Return how many events *pattern* matches at least."""
    match pattern:
        case CountPattern(comparator="at_least" | "exactly", aggregate=None, threshold=threshold):
            return max(int(min(possible(threshold))), 1)
        case SequencePattern(steps=steps):
            return sum(step.times for step in _event_steps(steps))
        case AllPattern(children=children):
            return max(fewest_events(child) for child in children)  # one may serve several
        case AnyPattern(children=children):
            return min(fewest_events(child) for child in children)
        case _:
            return 1


def _triggers(ids: Collection[str]) -> str:
    *others, last = dict.fromkeys(map(repr, ids))
    return f"the triggers {', '.join(others)} and {last}" if others else f"the trigger {last}"
