"""The words of JSON Schema: which there are, and which of them hold schemas."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

Pointer = tuple[str | int, ...]
"""Where something stands in a schema: the keys and numbers that lead to it."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ONE: Final = _words(
    "additionalItems additionalProperties contains contentSchema else if items not propertyNames "
    "then unevaluatedItems unevaluatedProperties"
)
_LISTS: Final = _words("allOf anyOf items oneOf prefixItems")
_NAMED: Final = _words(
    "$defs definitions dependencies dependentSchemas patternProperties properties"
)
ASIDE: Final = _words("$defs definitions")
"""Hold schemas that are run only where something refers to them."""
BRANCHES: Final = _words("anyOf oneOf")
ANCHORS: Final = _words("$anchor $dynamicAnchor $dynamicRef $recursiveAnchor $recursiveRef")
NAMES: Final = _words("$id id")
"""What a schema is called, and what references in it are relative to."""
_OTHERS: Final = _words(
    "$comment $ref $schema $vocabulary const contentEncoding contentMediaType default "
    "dependentRequired deprecated description enum example examples exclusiveMaximum "
    "exclusiveMinimum format maxContains maxItems maxLength maxProperties maximum minContains "
    "minItems minLength minProperties minimum multipleOf pattern readOnly required title type "
    "uniqueItems writeOnly"
)
KEYWORDS: Final = _ONE | _LISTS | _NAMED | ANCHORS | NAMES | _OTHERS

FORMATS: Final = _words(
    "date date-time duration email hostname idn-email idn-hostname ipv4 ipv6 iri iri-reference "
    "json-pointer regex relative-json-pointer time uri uri-reference uri-template uuid"
)
"""What ``format`` may name: each is checked, whatever the draft says."""

NEWEST: Final = "https://json-schema.org/draft/2020-12/schema"
DRAFTS: Final = {
    "http://json-schema.org/draft-04/schema": "Draft4",
    "http://json-schema.org/draft-06/schema": "Draft6",
    "http://json-schema.org/draft-07/schema": "Draft7",
    "https://json-schema.org/draft/2019-09/schema": "Draft201909",
    NEWEST: "Draft202012",
}
"""By what ``$schema`` says, without an empty fragment. Without one, it is the newest."""


def inner(schema: dict[str, Any]) -> Iterator[tuple[Pointer, Any]]:
    """Yield the schemas that stand directly in *schema*, each with where."""
    for key, value in schema.items():
        if key in _LISTS and isinstance(value, list):
            yield from (((key, number), each) for number, each in enumerate(value))
        elif key in _NAMED and isinstance(value, dict):
            yield from (((key, name), each) for name, each in value.items())
        elif key in _ONE:
            yield (key,), value
