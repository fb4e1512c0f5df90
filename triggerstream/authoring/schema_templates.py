"""What a template reads of an event, although the schema of its type rules it out."""

from __future__ import annotations

import re
from collections.abc import Iterator

from triggerstream.authoring.lint import Warned
from triggerstream.authoring.schema_lint import DATA, allowed, forbidden
from triggerstream.channels.templates.variables import variables_of
from triggerstream.core.model import (
    AbsentStep,
    AllPattern,
    AnyPattern,
    Pattern,
    RulesetSource,
    SchemaRules,
    SequencePattern,
)
from triggerstream.errors import Problem

_STEP = re.compile(r"[^.\[\]]+|\[\]")
_LAST = ("event", "events.last", "events[-1]")
"""What a template calls the last matched event, of which alone it has the data."""


def lint_templates(source: RulesetSource) -> list[Warned]:
    """Return a warning for each place where a template reads a field of the last event that no
    event of one of its triggers can have, by their schemas.

    Args:
        source: Whole, and its templates have been checked (`check_template`).
    """
    rules = source.schemas
    if rules is None:
        return []
    return sorted(
        (each for name in source.templates for each in _of_template(source, rules, name)),
        key=lambda warned: warned.problem[:3],
    )


def _of_template(source: RulesetSource, rules: SchemaRules, name: str) -> Iterator[Warned]:
    sent_for = [
        list(_last_types(trigger.when))
        for trigger in source.triggers
        if any(action.template == name for action in trigger.actions)
    ]
    for part, text in source.templates[name].items():
        for variable in variables_of(part, text):
            steps = _of_event(variable.path)
            types = next((each for each in sent_for if forbidden(rules, each, steps)), None)
            if steps and types is not None:
                message = f"{allowed(rules, types)}; found {variable.path}"
                file = f"templates/{name}/{part}.liquid"
                place = Problem(file, variable.line, variable.column, message)
                yield Warned("forbidden_field", place)


def _of_event(path: str) -> list[str]:
    """Return the steps into the data of the last event; none where *path* reads something else, or
    another value names a key of it."""
    for event in _LAST:
        root = f"{event}.{DATA}."
        if path.startswith(root) and "[*]" not in path:
            return _STEP.findall(path.removeprefix(root))
    return []


def _last_types(pattern: Pattern) -> Iterator[str]:
    """Yield the types of which the last event that *pattern* matches may be."""
    match pattern:
        case AllPattern(children=children) | AnyPattern(children=children):
            for child in children:
                yield from _last_types(child)
        case SequencePattern(steps=steps):
            yield from [step for step in steps if not isinstance(step, AbsentStep)][-1].types
        case _:
            yield from pattern.types
