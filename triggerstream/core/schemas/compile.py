"""A JSON Schema to what checks data by it.

``jsonschema-rs`` does the checking. What it would do by itself, and what is asked of it here:

- It fetches references over HTTP and from files. Here none is ever followed out of the file: such
  ones are refused before it sees them (`bounds`), and it is told to be offline.
- It checks ``format`` in some drafts and not in others, and takes unknown ones for granted. Here
  each is checked, in every draft.
- Its regular expressions follow ECMA 262, with look-around and back-references, which cost
  exponential time on some texts, up to a limit. Here they are those of a linear engine, of bounded
  size: a pattern that wants more is refused when the schema is read.
"""

from __future__ import annotations

from typing import Any, Final

import jsonschema_rs
import msgspec
from jsonschema_rs import RegexOptions, ValidationError

from triggerstream.core.schemas.bounds import Cost, Fault, TooMuchError, cost, faults
from triggerstream.core.schemas.keywords import DRAFTS, NEWEST

PATTERN: Final = 1 << 20
"""Bytes that a compiled regular expression may take, and again as many for its running."""
_TYPES: Final = ("array", "boolean", "integer", "null", "number", "object", "string")


class Compiled(msgspec.Struct, frozen=True):
    """A schema, ready to run.

    Attributes:
        cost: What running it costs at most.
    """

    validator: jsonschema_rs.Validator
    cost: Cost


def compile_schema(schema: dict[str, Any] | bool) -> Compiled | list[Fault]:
    """Return *schema* compiled; or what is wrong with it, which its author corrects.

    Args:
        schema: As decoded from JSON.
    """
    if found := list(faults(schema)):
        return found
    try:
        bounded = cost(schema)  # before: the library would follow every reference
        return Compiled(_validator(schema), bounded)
    except TooMuchError as error:
        return [error.fault]
    except ValidationError as error:
        return [_fault(error)]


def _validator(schema: dict[str, Any] | bool) -> jsonschema_rs.Validator:
    draft = schema.get("$schema", NEWEST) if isinstance(schema, dict) else NEWEST
    kind = getattr(jsonschema_rs, f"{DRAFTS[draft.removesuffix('#')]}Validator")
    validator: jsonschema_rs.Validator = kind(
        schema,
        validate_formats=True,
        ignore_unknown_formats=False,
        pattern_options=RegexOptions(size_limit=PATTERN, dfa_size_limit=PATTERN),
        offline=True,
    )
    return validator


def _fault(error: ValidationError) -> Fault:
    """Return what the library says of a schema, in our words where the commonest are wrong."""
    at = tuple(error.instance_path)
    keyword = next((str(step) for step in reversed(at) if isinstance(step, str)), "")
    found = repr(error.instance)[:80]
    if at[-2:-1] == ("patternProperties",):
        keyword = "patternProperties"
    if keyword in ("pattern", "patternProperties"):
        required = "a regular expression of bounded size, without look-around and back-references"
    elif keyword == "type":
        required = f"one of {', '.join(_TYPES)}, or a list of them"
    else:
        return Fault(at, f"a JSON Schema; {keyword}: {error.message[:200]}")
    return Fault(at, f"{keyword}: {required}; found {found}")
