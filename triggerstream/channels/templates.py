"""Liquid templates: checked when a ruleset is loaded, rendered when an action is sent.

Templates come from a ruleset's authors and values from customers: values cannot become markup
(HTML is escaped), headers (a subject is one line) or code, and no template can run away (limits).
Only a variable that exists can be printed. One that may be missing is asked for with ``default``
or ``if``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

import orjson
from liquid import Environment
from liquid.exceptions import LiquidError
from liquid.static_analysis import Variable
from liquid.template import BoundTemplate
from liquid.undefined import FalsyStrictUndefined

from triggerstream.channels.base import Content
from triggerstream.channels.syntax import syntax_errors
from triggerstream.core.conditions.paths import FIELDS, MAPPINGS
from triggerstream.core.decisions import Action, Firing
from triggerstream.core.timestamps import format_moment
from triggerstream.errors import TriggerstreamError

PARTS = ("subject", "text", "html")

_EVENT = (*FIELDS, *MAPPINGS, "timestamp")
KNOWN: Mapping[str, tuple[str, ...] | None] = {
    "customer": ("id",),
    "event": _EVENT,
    "profile": None,
    "trigger": ("id", "type", "priority"),
    "firing": ("id", "at", "instance", "events"),
    "action": ("id", "channel", "template"),
}
"""What a template may ask for: by root, its fields, or ``None`` where they are the customer's."""

Problem = tuple[int, int, str]
"""(line, column, what is required and what was found); both count from 1."""


class TemplateError(TriggerstreamError):
    """A template cannot be rendered for this firing; its author corrects it."""


class _Environment(Environment):
    """Liquid with its limits on; without them one template could hang or fill a process."""

    loop_iteration_limit = 10_000
    local_namespace_limit = 1_000_000
    output_stream_limit = 200_000

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        # There is nothing to include: a template's parts stand alone.
        del self.tags["include"], self.tags["render"]


_PLAIN = _Environment(undefined=FalsyStrictUndefined)
_HTML = _Environment(undefined=FalsyStrictUndefined, autoescape=True)


def check_template(name: str, part: str, source: str) -> list[Problem]:
    """Return every problem of one part of a template, in order of position; none if it is sound.

    Found are mistakes of syntax, filters that do not exist, and variables that can never have a
    value. What customers' own attributes hold is known only when it is rendered.
    """
    if part not in PARTS:
        return [(1, 1, f"template {name!r}: a part is one of {', '.join(PARTS)}; found {part!r}")]
    try:
        analysis = _environment(part).from_string(source).analyze()
    except LiquidError as error:
        errors = syntax_errors(_environment(part), source) or [error]
        return [(*_position(each, source), _message(each)) for each in errors]
    problems = [
        (
            *_line_col(source, span.index),
            f"filter {filter_!r} does not exist{_hint(filter_, known)}",
        )
        for known in [list(_environment(part).filters)]
        for filter_, spans in analysis.filters.items()
        if filter_ not in known
        for span in spans
    ]
    for variables in analysis.globals.values():
        for variable in variables:
            problems.extend(
                (*_line_col(source, variable.span.index), text) for text in _unknown(variable)
            )
    return sorted(problems)


class Templates:
    """The templates of one ruleset, each parsed when it is first needed."""

    def __init__(self, sources: Mapping[str, Mapping[str, str]]) -> None:
        self._sources = sources
        self._parsed: dict[tuple[str, str], BoundTemplate] = {}

    def render(self, name: str, firing: Firing, action: Action) -> Content:
        """Return template *name*, filled in for one action of *firing*.

        Raises:
            TemplateError: There is no such template, a variable that it prints has no value, or
                it went over a limit.
        """
        parts = self._sources.get(name)
        if parts is None:
            raise TemplateError(f"template {name!r}: the ruleset has none of this name")
        values = variables_of(firing, action)
        rendered = {part: self._render(name, part, values) for part in PARTS if part in parts}
        if not (rendered.get("text") or rendered.get("html")):
            raise TemplateError(f"template {name!r}: a text or an html part is required")
        subject = rendered.get("subject")
        return Content(
            subject=None if subject is None else " ".join(subject.split()),
            text=rendered.get("text"),
            html=rendered.get("html"),
        )

    def _render(self, name: str, part: str, values: Mapping[str, Any]) -> str:
        try:
            parsed = self._parsed.get((name, part))
            if parsed is None:
                parsed = _environment(part).from_string(self._sources[name][part])
                self._parsed[name, part] = parsed
            return parsed.render(**values)
        except LiquidError as error:
            raise TemplateError(f"template {name}/{part}: {_message(error)}") from error
        except Exception as error:
            # A filter met a value that its author did not foresee: that is the template's failure.
            kind = type(error).__name__
            raise TemplateError(f"template {name}/{part}: a filter raised {kind}") from error


def variables_of(firing: Firing, action: Action) -> dict[str, Any]:
    """Return what a template can ask for, by root (`KNOWN`).

    Raises:
        TemplateError: The event's JSON cannot be read.
    """
    try:
        event = orjson.loads(bytes(firing.event)) or {}
    except orjson.JSONDecodeError as error:
        # A field that no trigger reads may hold a number beyond what readers take, such as 1e999.
        raise TemplateError(f"the event: JSON that can be read; found {error}") from error
    return {
        "customer": {"id": firing.customer_id},
        "event": dict.fromkeys(_EVENT) | event,
        "profile": firing.profile,
        "trigger": {"id": firing.trigger, "type": firing.type, "priority": firing.priority},
        "firing": {
            "id": firing.firing_id,
            "at": format_moment(firing.at),
            "instance": firing.instance,
            "events": list(firing.events),
        },
        "action": {
            "id": action.action_id,
            "channel": action.channel,
            "template": action.template,
        },
    }


def _environment(part: str) -> Environment:
    return _HTML if part == "html" else _PLAIN


def _unknown(variable: Variable) -> Iterator[str]:
    """Yield what is wrong with a variable that can never have a value."""
    root, *rest = variable.segments
    if root not in KNOWN:
        found = f"{root!r}{_hint(root, KNOWN)}"
        yield f"a variable begins with one of {', '.join(KNOWN)}; found {found}"
        return
    fields = KNOWN[str(root)]
    if fields is None or not rest or not isinstance(rest[0], str) or rest[0] in fields:
        return
    yield f"{root} has the fields {', '.join(fields)}; found {rest[0]!r}{_hint(rest[0], fields)}"


def _hint(found: object, known: Mapping[str, Any] | tuple[str, ...] | list[str]) -> str:
    near = get_close_matches(str(found), list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _message(error: LiquidError) -> str:
    return " ".join(str(error.message).split())


def _position(error: LiquidError, source: str) -> tuple[int, int]:
    """Return where *error* is; Liquid misses what should have come at the end of the text."""
    context = error.context()
    return (context[0], context[1] + 1) if context else _line_col(source, len(source))


def _line_col(source: str, index: int) -> tuple[int, int]:
    line = source.count("\n", 0, index) + 1
    return line, index - (source.rfind("\n", 0, index) + 1) + 1
