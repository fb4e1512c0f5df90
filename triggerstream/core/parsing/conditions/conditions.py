"""Reading ``where`` and ``if``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from triggerstream.core.conditions.operators import OPERATORS
from triggerstream.core.conditions.paths import FIELDS, MAPPINGS, PROFILE, reads_profile
from triggerstream.core.model import (
    AllOf,
    AnyOf,
    Condition,
    InSegment,
    Negation,
    Number,
    Operator,
    Test,
)
from triggerstream.core.parsing.conditions import calendar
from triggerstream.core.parsing.conditions.activity import check_session
from triggerstream.core.parsing.conditions.expressions import expression_of
from triggerstream.core.parsing.source import reader as read
from triggerstream.core.parsing.source.nodes import Items, Mapping, Node, Scalar
from triggerstream.core.parsing.source.reader import Fields, Reader
from triggerstream.core.parsing.source.use import replaced
from triggerstream.core.regex import compile_regex

COMBINATIONS = ("all", "any", "not")
USE = "use"
ASKED = ("since_last", "count", "segment")
"""What has happened: asked of attributes without a name."""
COUNT_KEYS = (
    "count", "where", "at_least", "more_than", "at_most", "exactly", "sum", "distinct", "within",
    "per",
)  # fmt: skip
"""The keys of a `count`, which stand beside each other among the tests of a condition."""
EXPRESSION = "expr"
CALENDAR = tuple(calendar.READINGS)
_OF_THE_CALENDAR = ("month", "week", "weekday", "day", "date", "year", "hour", "time", "season")
"""What people ask of the calendar, and this version does not know by that word."""
MOST_TESTS = 50
DEEPEST = 8
"""Levels of ``all``, ``any`` and ``not`` within each other, the mapping under ``if`` the first."""
_OPERATOR_SLIPS = {
    **dict.fromkeys(("eq", "is", "=", "==", "equal"), "equals"),
    **dict.fromkeys(("ne", "neq", "!=", "is_not"), "not_equals"),
    **dict.fromkeys(("gt", ">", "more_than", "above"), "greater_than"),
    **dict.fromkeys(("gte", "ge", ">=", "at_least"), "greater_than_or_equal"),
    **dict.fromkeys(("lt", "<", "below"), "less_than"),
    **dict.fromkeys(("lte", "le", "<=", "at_most"), "less_than_or_equal"),
    **dict.fromkeys(("in", "one_of"), "in_list"),
    **dict.fromkeys(("nin", "not_in"), "not_in_list"),
    **dict.fromkeys(("regex", "match"), "matches"),
}


def where_of(fields: Fields) -> Condition | None:
    """Read ``where``: tests of one event, to which neither profile nor calendar is known."""
    if "where" not in fields:
        return None
    return _whole(fields.reader, fields["where"], "where", at_firing=False)


def if_of(fields: Fields) -> Condition | None:
    """Read ``if``: what must hold at the moment of firing."""
    if "if" not in fields:
        return None
    return _whole(fields.reader, fields["if"], "if", at_firing=True)


def condition(reader: Reader, node: Node, what: str) -> Condition | None:
    """Read a condition on all that is known at a moment."""
    return _whole(reader, node, what, at_firing=True)


def _whole(reader: Reader, node: Node, what: str, *, at_firing: bool) -> Condition | None:
    """Read a condition, and check that it is not too long to be understood (82)."""
    found = _condition(reader, node, what, at_firing=at_firing, level=1)
    number = 0 if found is None else tests_in(found)
    if number > MOST_TESTS:
        required = f"{what}: at most {MOST_TESTS} tests, those of named conditions among them"
        reader.refuse(node, f"{required}; found {number}")
    return found


def tests_in(condition: Condition) -> int:
    """Return how many tests *condition* has."""
    match condition:
        case AllOf(conditions) | AnyOf(conditions):
            return sum(map(tests_in, conditions))
        case Negation(inner):
            return tests_in(inner)
        case _:
            return 1


def _condition(
    reader: Reader, node: Node, what: str, *, at_firing: bool, level: int
) -> Condition | None:
    if isinstance(node, Scalar) and isinstance(node.value, str) and node.value.strip():
        return expression_of(reader, node, what, at_firing=at_firing)
    if not isinstance(node, Mapping) or not node.entries:
        form = "{event_data.total: {greater_than: 50}}"
        reader.report(node, f"{what}: a mapping of tests, such as {form}; found {read.show(node)}")
        return None
    if level == DEEPEST + 1:
        reader.refuse(node, f"all, any and not: at most {DEEPEST} levels deep; found a level more")
    asked = COUNT_KEYS if "count" in node.entries and at_firing else ()
    parts = [
        _entry(reader, node.keys[key], entry, at_firing=at_firing, level=level)
        for key, entry in node.entries.items()
        if key not in asked
    ]
    if asked:
        counted: Condition | None = _asked().count(reader, node)
        parts.append(counted)
    return _joined([part for part in parts if part is not None])


def _segment(reader: Reader, node: Node, what: str) -> Condition | None:
    """Read one segment, or a list of them, any of which will do."""
    names = read.texts(reader, node, what)
    for each in node.items if isinstance(node, Items) else (node,):
        if isinstance(each, Scalar):
            reader.name("segment", each)
    return None if names is None else InSegment(names)


def _asked() -> Any:
    """Return the readings of what has happened. It names events that have a ``where``, which is a
    condition: so one of the two comes later."""
    from triggerstream.core.parsing.conditions import asked  # noqa: PLC0415 - see above

    return asked


def _joined(conditions: list[Condition]) -> Condition | None:
    if len(conditions) > 1:
        return AllOf(tuple(conditions))
    return conditions[0] if conditions else None


def _entry(
    reader: Reader, key: Scalar, node: Node, *, at_firing: bool, level: int
) -> Condition | None:
    word = key.text
    if word in COMBINATIONS:
        return _combination(reader, word, node, at_firing=at_firing, level=level + 1)
    if word == USE:

        def here(reader: Reader, node: Node) -> Condition | None:
            return _condition(reader, node, "is", at_firing=at_firing, level=level)

        return replaced(reader, node, "condition", here)
    if word == EXPRESSION:
        return expression_of(reader, node, word, at_firing=at_firing)
    if (word in (*CALENDAR, *ASKED) or reads_profile(word)) and not at_firing:
        reader.report(key, f"where: tests of the event; found {word}: it belongs under 'if'")
        return None
    return _test(reader, key, node, at_firing=at_firing)


def _test(reader: Reader, key: Scalar, node: Node, *, at_firing: bool) -> Condition | None:
    word = key.text
    if word in ASKED:
        reading = _segment if word == "segment" else _asked().since_last
        found: Condition | None = reading(reader, node, word)
        return found
    if word in CALENDAR:
        return calendar.READINGS[word](reader, node, word)
    words = (*COMBINATIONS, USE, EXPRESSION, *((*ASKED, *CALENDAR) if at_firing else ()))
    if not path_is_right(reader, key, words):
        return None
    return _tests(reader, word, node, at_firing=at_firing)


def _combination(
    reader: Reader, word: str, node: Node, *, at_firing: bool, level: int
) -> Condition | None:
    if word == "not":
        negated = _condition(reader, node, word, at_firing=at_firing, level=level)
        return None if negated is None else Negation(negated)
    items = reader.items(node, word, "conditions")
    inner = [_condition(reader, item, word, at_firing=at_firing, level=level) for item in items]
    conditions = tuple(each for each in inner if each is not None)
    return AllOf(conditions) if word == "all" else AnyOf(conditions)


def _tests(reader: Reader, path: str, node: Node, *, at_firing: bool) -> Condition | None:
    """Read the operators on one path."""
    if not isinstance(node, Mapping) or not node.entries:
        form = f": write {{equals: {node.text}}}" if isinstance(node, Scalar) and node.text else ""
        required = f"{path}: a mapping of operators, such as {{greater_than: 50}}"
        reader.report(node, f"{required}; found {read.show(node)}{form}")
        return None
    tests: list[Condition] = []
    for operator, operand in node.entries.items():
        if operator in OPERATORS:
            value = _operand(reader, operator, operand, at_firing=at_firing)
            tests.append(Test(path, cast("Operator", operator), value))
        else:
            slip = _OPERATOR_SLIPS.get(operator)
            hint = f": did you mean {slip!r}?" if slip else read.suggest(operator, OPERATORS)
            required = f"{path}: an operator ({read.one_of(OPERATORS)})"
            reader.report(node.keys[operator], f"{required}; found {operator!r}{hint}")
    return _joined(tests)


# ── operands ────────────────────────────────────────────────────────────────────────────────


COMPARISONS = ("greater_than", "less_than", "greater_than_or_equal", "less_than_or_equal")


def _operand(reader: Reader, operator: str, node: Node, *, at_firing: bool) -> Any:
    """Read what an operator compares with."""
    if operator in COMPARISONS:
        return _number(reader, node, operator, at_firing=at_firing)
    if operator == "between":
        return _two_numbers(reader, node, operator, at_firing=at_firing)
    _OPERANDS.get(operator, _as_it_stands)(reader, node, operator)
    return read.plain(node)


def _number(reader: Reader, node: Node, what: str, *, at_firing: bool) -> Number | None:
    """Read a number, or what is looked up for one."""
    if not isinstance(node, Mapping):
        return read.number(reader, node, what)
    # What is looked up goes by a path: so one of the two comes later.
    from triggerstream.core.parsing.conditions import numbers  # noqa: PLC0415 - see above

    return numbers.number(reader, node, what, numbers.ANYWHERE if at_firing else numbers.OF_EVENT)


def _as_it_stands(reader: Reader, node: Node, what: str) -> None:
    """Equality takes every value, and looks none up: tell of what reads as a number that is."""
    if not isinstance(node, Mapping):
        return
    name = node.entries.get("value") if len(node.entries) == 1 else None
    is_named = isinstance(name, Scalar) and name.text in reader.defined.values
    if is_named or {"by", "default"} <= node.entries.keys():
        required = (
            f"{what}: a value as it stands, for numbers are looked up where they are compared"
        )
        remedy = "between, with it at both ends, asks for that number"
        reader.refuse(node, f"{required}; found {read.show(node)}: {remedy}")


def _list(reader: Reader, node: Node, what: str) -> None:
    if not isinstance(node, Items):
        reader.report(node, f"{what}: a list, such as [a, b]; found {read.show(node)}")
        return
    for item in node.items:
        _as_it_stands(reader, item, what)


def _two_numbers(
    reader: Reader, node: Node, what: str, *, at_firing: bool
) -> list[Number | None] | None:
    if not isinstance(node, Items) or len(node.items) != 2:
        found = f"a list of {len(node.items)}" if isinstance(node, Items) else read.show(node)
        reader.report(node, f"{what}: two numbers, [low, high]; found {found}")
        return None
    low, high = (_number(reader, item, what, at_firing=at_firing) for item in node.items)
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        reader.report(node, f"{what}: [low, high], the lower first; found [{low}, {high}]")
    return [low, high]


def _scalar(reader: Reader, node: Node, what: str) -> None:
    if not isinstance(node, Scalar) or node.value is None:
        reader.report(node, f"{what}: a text, number or boolean; found {read.show(node)}")


def _pattern(reader: Reader, node: Node, what: str) -> None:
    pattern = read.text(reader, node, what)
    if pattern is None:
        return
    try:
        compile_regex(pattern)
    except ValueError as error:
        required = f"{what}: a regular expression that RE2 knows"
        reader.report(node, f"{required}; found {read.show(node)}: {error}")


_OPERANDS: dict[str, Callable[[Reader, Node, str], Any]] = {
    "contains": _scalar,
    "not_contains": _scalar,
    "in_list": _list,
    "not_in_list": _list,
    "exists": read.boolean,
    "starts_with": read.text,
    "matches": _pattern,
}

# ── paths ───────────────────────────────────────────────────────────────────────────────────

ROOTS = (*MAPPINGS, PROFILE)


def event_field(reader: Reader, node: Node, what: str) -> str | None:
    """Read a path to one field of the event, as ``per`` and the aggregates want it."""
    path = read.text(reader, node, what)
    if path is None or not isinstance(node, Scalar) or not path_is_right(reader, node):
        return None
    if reads_profile(path):
        reader.report(node, f"{what}: a field of the event; found {path}")
        return None
    if path in MAPPINGS:
        reader.report(node, f"{what}: one field, such as {path}.id; found {path}, a mapping")
        return None
    return path


_NO_VALUE = {
    "session": "{session: started} and {session: ended} tell of it",
    "segments": "{entered: SEGMENT} and {left: SEGMENT} tell of them",
}
"""What the engine puts into a profile that is a mapping or a list, and what tells of it."""


def name_of_value(reader: Reader, node: Node, what: str, path: str, example: str) -> str | None:
    """Return the name of the value of the profile at *path*, whose coming can be watched."""
    root, _, name = path.partition(".")
    required = f"{what}: one value of the profile, such as {PROFILE}.{example}"
    if root != PROFILE or not name or "." in name:
        reader.report(node, f"{required}; found {path}")
        return None
    if name in _NO_VALUE:
        reader.refuse(node, f"{required}; found {path}: {_NO_VALUE[name]}")
    return name


def path_is_right(reader: Reader, node: Scalar, other_words: tuple[str, ...] = ()) -> bool:
    """Return whether *node* is a dot path; tell if it is not."""
    path = node.text
    root, dot, rest = path.partition(".")
    if (root in FIELDS and not dot) or (root in ROOTS and (not dot or all(rest.split(".")))):
        _refuse_numbers(reader, node, rest)
        check_session(reader, node, path)
        return True
    roots = f"{', '.join(f'{each}.…' for each in ROOTS)}, {read.one_of(FIELDS)}"
    required = f"a path that starts with {roots}"
    if other_words:
        required = f"{required}, or one of {', '.join(other_words)}"
    reader.report(node, f"{required}; found {path!r}{_path_hint(root, rest, path, other_words)}")
    return False


def _refuse_numbers(reader: Reader, node: Scalar, rest: str) -> None:
    """Tell of a path that would go into a list: it has no value, ever."""
    number = next((part for part in rest.split(".") if part.isdecimal()), None)
    if number is not None:
        remedy = "let whoever sends the event say it in a field of its own"
        reader.refuse(
            node,
            f"a path of names, for it cannot go into a list; found the number {number} in "
            f"{node.text!r}: {remedy}",
        )


def _path_hint(root: str, rest: str, path: str, other_words: tuple[str, ...]) -> str:
    if "since_last" in other_words and path in _asked().happenings.HEADS:
        return f": what happens stands under 'when', or in since_last: {{{path}: …, less_than: 7d}}"
    if path in _OF_THE_CALENDAR:
        field = f"a field of the event is 'event_data.{path}'"
        calendar = f"there is no {path!r} yet, but {', '.join(CALENDAR)} under 'if'"
        return f": {calendar}; {field}"
    if root in FIELDS:
        return f": {root} has no fields"
    if root in ROOTS:
        return ": no part of it may be empty"
    if rest:
        close = read.suggest(root, ROOTS)
        return (
            close.replace("'?", f".{rest}'?") if close else f": did you mean 'event_data.{path}'?"
        )
    return read.suggest(root, (*FIELDS, *other_words)) or f": did you mean 'event_data.{path}'?"
