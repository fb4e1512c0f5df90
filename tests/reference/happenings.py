"""Happenings (39, 40): what stands wherever a type of event may stand, and whether an event is it.

A happening is a type; a list of happenings, any of which will do; or a mapping of one head of
`HEADS` with ``where`` and, for some heads, more keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from typing import Any

HEADS = ("event", "fired", "entered", "left", "changed", "date", "session")
DERIVED = "triggerstream/derived"
UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
DATE_DEFAULTS = {"every": "year", "at": "09:00", "feb29": "feb28"}

Spec = Mapping[str, Any]


def duration(text: str) -> int:
    """Return milliseconds: a positive integer and a unit."""
    digits = text.rstrip("mshdw")
    return int(digits) * UNITS[text[len(digits) :]]


def alternatives(entry: Any) -> Iterator[tuple[str, Spec]]:
    """The plain forms of a happening: a type of event, and the mapping that it stood in."""
    if isinstance(entry, str):
        yield entry, {}
    elif isinstance(entry, list):
        for each in entry:
            yield from alternatives(each)
    else:
        (head,) = [name for name in HEADS if name in entry]
        named = entry[head] if isinstance(entry[head], list) else [entry[head]]
        for name in named:
            yield from (
                [(type_, entry) for type_, _ in alternatives(name)]
                if head == "event"
                else [(derived_type(head, name, entry), entry)]
            )


def derived_type(head: str, name: str, spec: Spec) -> str:
    """The type of the derived event that a happening waits for (32)."""
    if head == "session":
        return f"$session_{name}"
    if head == "changed":
        return f"$changed:{watched(name, spec)}"
    if head == "date":
        return f"$date:{date_name(name, spec)}"
    return f"${head}:{name}"


def watched(path: str, spec: Spec) -> str:
    """What the value that ``changed`` looks at is called; of `spec`, only `on` belongs to it."""
    if path.startswith("profile."):
        return path.removeprefix("profile.")
    if "on" in spec:
        text = json.dumps(spec["on"], separators=(",", ":"), sort_keys=True)
        return f"{path}~{blake2b(text.encode(), digest_size=16).hexdigest()[:16]}"
    return path if "." in path else f"{path}~"  # a name of the profile has no dot


def date_name(path: str, spec: Spec) -> str:
    """The name of a date: other keys than the defaults add a hash of them (32)."""
    name = path.removeprefix("profile.")
    keys = ("every", "before", "after", "at", "feb29")
    others = {key: spec[key] for key in keys if key in spec and spec[key] != DATE_DEFAULTS.get(key)}
    return f"{name}~{short(others)}" if others else name


def short(value: Any) -> str:
    """The first 16 hex digits of BLAKE2b-128 of the compact JSON (33)."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return blake2b(text.encode(), digest_size=16).hexdigest()[:16]


def is_change(spec: Spec, data: Mapping[str, Any], equal: Any) -> bool:
    """Whether a change is the one that the keys of ``changed`` ask for (40).

    Args:
        equal: Typed equality.
    """
    old, new = data["from"], data["to"]

    def is_one_of(value: Any, wanted: Any) -> bool:
        return any(
            equal(value, each) for each in (wanted if isinstance(wanted, list) else [wanted])
        )

    def place(value: Any, ladder: list[Any]) -> int | None:
        return next((n for n, each in enumerate(ladder) if equal(value, each)), None)

    if "from" in spec and not is_one_of(old, spec["from"]):
        return False
    if "to" in spec and not is_one_of(new, spec["to"]):
        return False
    for key, sign in (("up", 1), ("down", -1)):
        if key in spec:
            below, above = place(old, spec[key]), place(new, spec[key])
            if below is None or above is None or (above - below) * sign <= 0:
                return False
    return "within" not in spec or data["gap"] < duration(spec["within"])


def happenings_in(value: Any) -> Iterator[tuple[str, Any, Spec]]:
    """Every (head, name, mapping) of a derived happening anywhere in a document."""
    if isinstance(value, Mapping):
        for head in HEADS[1:]:
            named = value.get(head)
            for name in named if isinstance(named, list) else [named]:
                if isinstance(name, str):
                    yield head, name, value
        for each in value.values():
            yield from happenings_in(each)
    elif isinstance(value, list):
        for each in value:
            yield from happenings_in(each)
