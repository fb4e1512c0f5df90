"""Values and tables (74-80): what may stand in the place of a number.

When a ruleset is read, ``{value: NAME}`` is replaced by what the document says and what was
published for it: a `Named` number, or a table with that name. What a table comes to is found out
anew at each test (75).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

Json = dict[str, Any]


class Named(msgspec.Struct, frozen=True):
    """A value that is in force.

    Attributes:
        said: A number, or a table.
    """

    name: str
    said: Any


def in_force(document: Json, published: Mapping[str, Json]) -> Any:
    """The number of a value document, or its table (75, 77)."""
    if "number" in document:
        return document["number"]
    if "by" in document:
        return {key: each for key, each in document.items() if key != "value"}
    told = published.get(document["value"], {"number": document["default"]})
    if "group" not in document:
        return told["number"]
    return {"by": document["group"], **told.get("groups", {}), "default": told["number"]}


def resolved(said: Any, documents: Mapping[str, Json], published: Mapping[str, Json]) -> Any:
    """A document with what its ``{value: NAME}`` stand for."""
    if isinstance(said, list):
        return [resolved(each, documents, published) for each in said]
    if not isinstance(said, Mapping):
        return said
    if said.keys() == {"value"}:
        return Named(said["value"], in_force(documents[said["value"]], published))
    return {key: resolved(each, documents, published) for key, each in said.items()}


def is_table(said: Any) -> bool:
    return isinstance(said, Mapping) and {"by", "default"} <= said.keys()


def number(
    said: Any, subject: Callable[[str], str | None], is_member: Callable[[str], bool]
) -> Any:
    """What stands there, if it is no table; else the number of its case.

    Args:
        subject: The text at a path.
        is_member: Whether the customer is in a segment.
    """
    said = said.said if isinstance(said, Named) else said
    if not is_table(said):
        return said
    cases = {str(key): each for key, each in said.items() if key not in ("by", "default")}
    if said["by"] == "segment":
        return next((each for key, each in cases.items() if is_member(key)), said["default"])
    return cases.get(subject(said["by"]) or "", said["default"])


def numbers_in(said: Any) -> Iterator[tuple[str, Any]]:
    """Every value and table in a document: its name, or the path of its subject; and itself."""
    if isinstance(said, Named):
        yield said.name, said
    elif is_table(said):
        yield said["by"], said
    elif isinstance(said, Mapping):
        for each in said.values():
            yield from numbers_in(each)
    elif isinstance(said, list):
        for each in said:
            yield from numbers_in(each)


def subjects_in(said: Any) -> Iterator[tuple[str, list[str]]]:
    """What tables in a document go by, and their cases."""
    for _, each in numbers_in(said):
        table = each.said if isinstance(each, Named) else each
        if is_table(table):
            yield table["by"], [str(key) for key in table if key not in ("by", "default")]


# ── computed (76) ───────────────────────────────────────────────────────────────────────────


def percentile(numbers: list[float], p: float) -> float:
    """The nearest rank: the ceil(p/100 n)-th smallest."""
    return sorted(numbers)[math.ceil(p / 100 * len(numbers)) - 1]


def mean_and_sigma(numbers: list[float], k: float) -> float:
    """mean + k population standard deviations, both by `fsum`, in two passes."""
    mean = math.fsum(numbers) / len(numbers)
    return mean + k * math.sqrt(math.fsum((each - mean) ** 2 for each in numbers) / len(numbers))
