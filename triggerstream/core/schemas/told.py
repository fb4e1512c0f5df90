"""What is wrong with an event's data, in words for its producer: path, required, found.

The words end in a dead letter and in an HTTP answer. They show one value at most, cut short, and
never a body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

from jsonschema_rs import ValidationError
from jsonschema_rs import ValidationErrorKind as Kind
from msgspec.json import encode

from triggerstream.core.events.fields import SHOWN, seen

LONGEST: Final = 400
"""Characters of a detail."""

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}", re.ASCII)
_DEEPEST_SHOWN: Final = 6

_TYPES: Final[dict[str, str]] = {
    "array": "a list", "boolean": "true or false", "integer": "a whole number", "null": "null",
    "number": "a number", "object": "an object", "string": "a text",
}  # fmt: skip
_LIMITS: Final[dict[type[Any], Callable[[Any], str]]] = {
    Kind.Minimum: lambda kind: f"at least {_json(kind.limit)}",
    Kind.Maximum: lambda kind: f"at most {_json(kind.limit)}",
    Kind.ExclusiveMinimum: lambda kind: f"more than {_json(kind.limit)}",
    Kind.ExclusiveMaximum: lambda kind: f"less than {_json(kind.limit)}",
    Kind.MultipleOf: lambda kind: f"a multiple of {_json(kind.multiple_of)}",
    Kind.MinLength: lambda kind: f"at least {kind.limit} characters",
    Kind.MaxLength: lambda kind: f"at most {kind.limit} characters",
    Kind.MinItems: lambda kind: f"a list of at least {kind.limit}",
    Kind.MaxItems: lambda kind: f"a list of at most {kind.limit}",
    Kind.MinProperties: lambda kind: f"at least {kind.limit} fields",
    Kind.MaxProperties: lambda kind: f"at most {kind.limit} fields",
    Kind.UniqueItems: lambda _: "items that differ",
    Kind.Type: lambda kind: " or ".join(_TYPES.get(each, each) for each in kind.types),
    Kind.Enum: lambda kind: f"one of {_some(kind.options)}",
    Kind.Constant: lambda kind: _json(kind.expected_value),
    Kind.Pattern: lambda kind: f"a text that matches {kind.pattern[:SHOWN]!r}",
    Kind.Format: lambda kind: f"the format {kind.format[:SHOWN]}",
}
"""By kind of error: what is required."""


def tell(error: ValidationError, root: str = "event_data") -> str:
    """Return where *error* is in what is called *root*, what is required, and what was found.

    At most `LONGEST` characters.
    """
    where = path_of(error.instance_path, root)
    kind = error.kind
    match kind:
        case Kind.Required():
            said = f"{where}.{_step(kind.property)}: required; found nothing"
        case Kind.AdditionalProperties() | Kind.UnevaluatedProperties():
            said = f"{where}: no other fields than its schema names; found {_some(kind.unexpected)}"
        case Kind.FalseSchema():
            is_other = error.schema_path[-1:] == ["additionalProperties"]
            required = "no field, by its schema; found one with" if is_other else "nothing; found"
            said = f"{where}: {required} {_found(error.instance)}"
        case _:
            words = _LIMITS.get(type(kind))
            required = words(kind) if words else f"what '{kind.name}' of its schema asks for"
            said = f"{where}: {required}; found {_found(error.instance)}"
    return said if len(said) <= LONGEST else f"{said[: LONGEST - 1]}…"


def path_of(steps: Iterable[str | int], root: str) -> str:
    """Return a path as conditions write it, with numbers in brackets; a deep one is cut short."""
    path = root
    for number, step in enumerate(steps):
        if number == _DEEPEST_SHOWN:
            return f"{path}.…"
        path += f"[{step}]" if isinstance(step, int) else f".{_step(step)}"
    return path


def _step(name: str) -> str:
    """Return the name of a field. Whoever sent it may have named it after a customer, or so that
    it steers a terminal."""
    return name if _PLAIN.fullmatch(name) else repr(name[:40])


def _some(values: list[Any]) -> str:
    shown = ", ".join(repr(each[:40]) if type(each) is str else _json(each) for each in values[:5])
    return f"{shown} …" if len(values) > 5 else shown


def _found(value: Any) -> str:
    return f"{_json(value)}" if isinstance(value, bool) else seen(value)


def _json(value: Any) -> str:
    return encode(value)[:SHOWN].decode(errors="replace")
