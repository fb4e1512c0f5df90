"""Checking a template when a ruleset is loaded: what is certainly wrong, with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from liquid.builtin.expressions import FilteredExpression, StringLiteral
from liquid.builtin.expressions.arguments import KeywordArgument
from liquid.exceptions import LiquidError
from liquid.static_analysis import Variable
from liquid.template import BoundTemplate

from triggerstream.channels.templates import dates
from triggerstream.channels.templates.environment import (
    PARTS,
    environment_of,
    expressions_of,
    line_col,
    message_of,
    nodes_of,
    parse,
    place_of,
)
from triggerstream.channels.templates.filters import named_problem
from triggerstream.channels.templates.syntax import syntax_errors
from triggerstream.channels.templates.values import KNOWN

Problem = tuple[int, int, str]
"""(line, column, what is required and what was found); both count from 1."""


def check_template(name: str, part: str, source: str) -> list[Problem]:
    """Return every problem of one part of a template, in order of position; none if it is sound.

    Found are mistakes of syntax, filters that do not exist, variables that can never have a value,
    and forms of dates and time zones that are none. What customers' own attributes hold is known
    only when it is rendered (`variables.variables_of` says what a template reads).
    """
    if part not in PARTS:
        return [(1, 1, f"template {name!r}: a part is one of {', '.join(PARTS)}; found {part!r}")]
    try:
        template = parse(part, source)
        analysis = template.analyze()
    except LiquidError as error:
        errors = syntax_errors(environment_of(part), source) or [error]
        # Liquid has no place for what should have come at the end of the text.
        end = line_col(source, len(source))
        return [(*(place_of(each) or end), message_of(each)) for each in errors]
    except RecursionError:
        return [(1, 1, "tags and conditions that nest less deeply; found more than can be read")]
    known = list(environment_of(part).filters)
    problems = [
        (*line_col(source, span.index), f"filter {each!r} does not exist{_hint(each, known)}")
        for each, spans in analysis.filters.items()
        if each not in known
        for span in spans
    ]
    for variables in analysis.globals.values():
        for variable in variables:
            problems.extend(
                (*line_col(source, variable.span.index), text) for text in _unknown(variable)
            )
    problems.extend((*line_col(source, index), text) for index, text in _arguments(template))
    return sorted(problems)


def _unknown(variable: Variable) -> Iterator[str]:
    """Yield what is wrong with a variable that can never have a value."""
    root, *rest = variable.segments
    if root in ("now", "today"):
        yield f"{root}: the moment of the firing is firing.at; a sender's clock is not to be read"
        return
    if root not in KNOWN:
        found = f"{root!r}{_hint(root, KNOWN)}"
        yield f"a variable begins with one of {', '.join(KNOWN)}; found {found}"
        return
    if root == "events":  # a list: its items have the fields
        rest = rest[1:]
    fields = KNOWN[str(root)]
    if fields is None or not rest or not isinstance(rest[0], str) or rest[0] in fields:
        return
    yield f"{root} has the fields {', '.join(fields)}; found {rest[0]!r}{_hint(rest[0], fields)}"


def _arguments(template: BoundTemplate) -> Iterator[tuple[int, str]]:
    """Yield what is wrong with what filters are given, and where it stands."""
    for node in nodes_of(template):
        for expression in expressions_of(node):
            if not isinstance(expression, FilteredExpression):
                continue
            before: object = expression.left
            for each in expression.filters or ():
                for text in _filter_problems(each.name, before, [arg.value for arg in each.args]):
                    yield each.token.start_index, text
                for arg in each.args:
                    if isinstance(arg, KeywordArgument) and each.name != "default":
                        yield arg.token.start_index, named_problem(each.name, arg.name)
                before = None


def _filter_problems(name: str, left: object, args: list[Any]) -> Iterator[str]:
    first = args[0].value if args and isinstance(args[0], StringLiteral) else None
    if name == "date":
        if not args:
            yield "date: a form such as '%Y-%m-%d'; found none"
        if isinstance(left, StringLiteral) and left.value in ("now", "today"):
            yield f"date: the moment of the firing is firing.at; found {left.value!r}"
        if first is not None and (problem := dates.form_problem(first)) is not None:
            yield problem
    if name == "in_zone" and first is not None and (problem := dates.zone_problem(first)):
        yield problem


def _hint(found: object, known: Mapping[str, Any] | tuple[str, ...] | list[str]) -> str:
    near = get_close_matches(str(found), list(known), n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""
