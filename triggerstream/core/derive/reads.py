"""Which attributes a trigger reads: in its ``if``, and in the templates of its actions (88)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from triggerstream.core.conditions.paths import PROFILE, reads_profile
from triggerstream.core.conditions.unnamed import paths_of
from triggerstream.core.derive.compile import CompiledAttribute
from triggerstream.core.model import Trigger


def reads_of(
    trigger: Trigger,
    templates: Mapping[str, Mapping[str, str]],
    attributes: Mapping[str, CompiledAttribute],
) -> tuple[CompiledAttribute, ...]:
    """Return the attributes that *trigger* reads, in order of their names."""
    if not attributes:
        return ()
    names = {*_in_condition(trigger, attributes), *_in_templates(trigger, templates)}
    return tuple([attributes[name] for name in sorted(names & attributes.keys())])


def _in_condition(trigger: Trigger, attributes: Mapping[str, CompiledAttribute]) -> Iterator[str]:
    for path in paths_of(trigger.condition):
        if path == PROFILE:  # an expression that computes which
            yield from [name for name in attributes if not name.startswith("~")]
        elif reads_profile(path):
            yield path.split(".")[1]


_READ = re.compile(r"""profile\s*(?:\.\s*|\[\s*["'])([A-Za-z_][A-Za-z0-9_-]*)""")


def _in_templates(trigger: Trigger, templates: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    for action in trigger.actions:
        for source in templates.get(action.template or "", {}).values():
            yield from _READ.findall(source)
