"""The filters of templates: Liquid's, within bounds, and our own for times.

Liquid bounds loops, variables and what is printed, and nothing inside of a filter. So each filter
is wrapped here: what it would make is refused before it is made where that can be far more than
what it is given (`_PREDICTED`), and afterwards everywhere else. And what is undefined is an error
where Liquid takes it for 0 or for an empty text, but in the two filters that are made for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from liquid.exceptions import FilterArgumentError, LiquidError
from liquid.filter import flatten, with_context
from liquid.undefined import is_undefined

from triggerstream.channels.templates import dates
from triggerstream.channels.templates.bounds import (
    WORK,
    BoundError,
    require_digits,
    require_size,
    size_of,
)

if TYPE_CHECKING:
    from triggerstream.channels.templates.environment import Context

Filter = Callable[..., Any]

TAKES_UNDEFINED = ("default", "in_zone")
"""The filters for values that may be missing: what is filtered, and the zone."""

_ESCAPED = 6
"""How many characters one of them can become where HTML is escaped, at most."""


def bounded(name: str, inner: Filter) -> Filter:
    """Return *inner*, the filter *name*, within the bounds of a template."""
    predicted = _PREDICTED.get(name)
    wants_environment = getattr(inner, "with_environment", False)
    wants_context = getattr(inner, "with_context", False)

    @with_context
    def call(left: object, *args: object, context: Context, **named: object) -> object:
        if name != "default":
            _require_defined(left)
            if name not in TAKES_UNDEFINED:
                for arg in args:
                    _require_defined(arg)
        if named and name != "default":
            # Liquid hands them to the function by their names, past what is predicted.
            raise FilterArgumentError(named_problem(name, next(iter(named))), token=None)
        taken = size_of(left) + sum(map(size_of, args))
        context.spend(taken)
        if predicted is not None:
            require_size(predicted(context, left, *args), name)
        if wants_environment:
            named["environment"] = context.env
        if wants_context:
            named["context"] = context
        try:
            made = inner(left, *args, **named)
        except (LiquidError, MemoryError):
            raise
        except Exception as error:
            # It met a value that its author did not foresee: that is the template's failure.
            message = f"{name}: this value cannot be taken ({type(error).__name__})"
            raise FilterArgumentError(message, token=None) from error
        size = size_of(made)
        require_size(size, name)
        require_digits(made, name)
        context.spend(size)
        return made

    return call


def named_problem(name: str, found: str) -> str:
    """Return what is wrong with giving the filter *name* a value by the name *found*."""
    return f"{name}: values without names; found {found!r}"


def _require_defined(value: object) -> None:
    if is_undefined(value):
        str(value)  # raises what says where, and what is missing


# ── what a filter will make, by what it is given ────────────────────────────────────────────


def _text(value: object) -> str:
    return "" if value is None else value if isinstance(value, str) else str(value)


def _replaced(context: Context, left: object, old: object, new: object = "", *_: object) -> int:
    text, old, new = _text(left), _text(old), _text(new)
    grown = len(new) * (_ESCAPED if context.autoescape else 1)
    return len(text) + text.count(old) * max(0, grown - len(old))


def _joined(context: Context, left: object, separator: object = " ", *_: object) -> int:
    items = flatten(left) if isinstance(left, list | tuple) else left
    count = len(items) if isinstance(items, list | range) else 1
    length = len(_text(separator)) * (_ESCAPED if context.autoescape else 1)
    return size_of(items) + count * length


def _split(_: Context, left: object, separator: object = None, *__: object) -> int:
    text, separator = _text(left), _text(separator)
    count = text.count(separator) + 1 if separator else len(text)
    return len(text) + 16 * count


def _compared(context: Context, left: object, *_: object) -> int:
    """Spend on comparing each item with each other, which is how Liquid finds equal ones."""
    count = len(left) if isinstance(left, list | tuple) else 1
    if count * count > WORK:
        raise BoundError("uniq: the items of a list", int(WORK**0.5), count)
    context.spend(count * count)
    return 0


_PREDICTED: dict[str, Callable[..., int]] = {
    "replace": _replaced,
    "join": _joined,
    "split": _split,
    "uniq": _compared,
}


# ── times ───────────────────────────────────────────────────────────────────────────────────


def date(left: object, form: object, *_: object) -> str:
    """Print a time; a text and a number are read as UTC."""
    if left is None:
        return ""
    return dates.print_time(dates.read_time(left), _text(form))


@with_context
def in_zone(left: object, zone: object = None, *_: object, context: Context) -> object:
    """Give a time the clocks of a zone, for ``date`` to print."""
    if left is None:
        return None
    return dates.in_zone(dates.read_time(left), zone, context.zone)


OWN: dict[str, Filter] = {"date": date, "in_zone": in_zone}
