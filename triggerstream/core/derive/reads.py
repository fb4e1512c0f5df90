"""Which values of the profile are read: by a trigger in its ``if``, and in the templates of its
actions (88); or by anybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from triggerstream.core.conditions.calendar import ZONE, asks_zone
from triggerstream.core.conditions.expressions import read_by
from triggerstream.core.conditions.numbers import path_of, tables_in
from triggerstream.core.conditions.paths import PROFILE, names_in_template, reads_profile
from triggerstream.core.conditions.unnamed import paths_of
from triggerstream.core.derive.attributes.compile import CompiledAttribute
from triggerstream.core.model import RulesetSource, Trigger


def reads_of(
    trigger: Trigger,
    templates: Mapping[str, Mapping[str, str]],
    attributes: Mapping[str, CompiledAttribute],
) -> tuple[CompiledAttribute, ...]:
    """Return the attributes that *trigger* reads, in order of their names."""
    if not attributes:
        return ()
    names = {*_in_condition(trigger, attributes), *_in_templates(trigger, templates)}
    if asks_zone(trigger.condition):
        names.add(ZONE)
    return tuple([attributes[name] for name in sorted(names & attributes.keys())])


def _in_condition(trigger: Trigger, attributes: Mapping[str, CompiledAttribute]) -> Iterator[str]:
    tables = [path_of(table) for each in trigger.numbers for table in tables_in(each)]
    for path in [*paths_of(trigger.condition), *tables]:
        if path == PROFILE:  # an expression that computes which
            yield from [name for name in attributes if not name.startswith("~")]
        elif reads_profile(path):
            yield path.split(".")[1]


def is_read(name: str, source: RulesetSource) -> bool:
    """Return whether anything of *source* that is in force reads ``profile.NAME``."""
    triggers = [each for each in source.triggers if each.mode != "off"]
    conditions = [each.condition for each in triggers]
    for segment in source.segments:
        conditions += [segment.condition, segment.leave]
    for attribute in source.attributes:
        conditions += [case.condition for case in attribute.cases]
    paths = {path for condition in conditions for path in paths_of(condition)}
    for attribute in source.attributes:
        paths.update(read_by(attribute.text) if attribute.text is not None else ())
    for trigger in triggers:
        paths.update([path_of(table) for each in trigger.numbers for table in tables_in(each)])
    if any(path == PROFILE or path.split(".")[:2] == [PROFILE, name] for path in paths):
        return True
    return any(name in _in_templates(each, source.templates) for each in triggers)


def _in_templates(trigger: Trigger, templates: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for action in trigger.actions:
        fields = action.options.get("fields")
        yield from fields if isinstance(fields, list) else ()
        for source in templates.get(action.template or "", {}).values():
            yield from names_in_template(source)
