"""Dot paths, such as ``event_data.cart.total``: which there are, and how they are followed.

A path walks mappings only, but that of ``per`` lists, too. Whatever is missing on the way is
``None`` (semantics 26). A getter is total: it never raises, whatever the event holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

from triggerstream.core.events.event import Event

MAPPINGS = ("event_data", "device_info", "location_data", "metadata")
"""The event's mappings: a path goes on inside of them."""
FIELDS = ("event_type", "event_id", "customer_id", "source", "session_id")
"""The event's own fields: a path ends with them."""
PROFILE = "profile"
"""What is known of the customer; conditions at the moment of firing may read it."""

EventGetter = Callable[[Event], Any]
Getter = Callable[[Event, dict[str, Any]], Any]


def reads_profile(path: str) -> bool:
    """Return whether *path* starts with `PROFILE`."""
    return path.partition(".")[0] == PROFILE


def name_in_profile(path: str) -> str:
    """Return the name in the profile at which *path* begins: `PROFILE` itself for all of it, and
    nothing for a path of the event."""
    root, _, rest = path.partition(".")
    if root != PROFILE:
        return ""
    return rest.partition(".")[0] or PROFILE


def names_in_template(source: str) -> list[str]:
    """Return the names in the profile that a template reads."""
    return _IN_TEMPLATE.findall(source)


_IN_TEMPLATE = re.compile(r"""profile\s*(?:\.\s*|\[\s*["'])([A-Za-z_][A-Za-z0-9_-]*)""")


def compile_event_path(path: str) -> EventGetter:
    """Return the getter of a *path* that starts in the event."""
    root, *keys = path.split(".")
    start: EventGetter = attrgetter(root)
    if not keys:
        return start
    if len(keys) == 1:
        return _one_key(start, keys[0])
    if len(keys) == 2:
        return _two_keys(start, *keys)

    def follow(event: Event) -> Any:
        return _walk(start(event), keys)

    return follow


def compile_event_test(path: str, holds: Callable[[Any], bool]) -> Callable[[Event], bool]:
    """Return the test whether *holds* of what is at *path*.

    The same as calling *holds* on the getter, with one call less for the commonest paths
    (``benchmarks/conditions.py``).
    """
    root, *keys = path.split(".")
    start: EventGetter = attrgetter(root)
    if not keys:
        return lambda event: holds(start(event))
    if len(keys) == 1:
        return _one_key_test(start, keys[0], holds)
    get = compile_event_path(path)
    return lambda event: holds(get(event))


def _one_key_test(
    start: EventGetter, key: str, holds: Callable[[Any], bool]
) -> Callable[[Event], bool]:
    def test(event: Event) -> bool:
        mapping = start(event)
        return holds(mapping.get(key) if mapping else None)

    return test


def compile_path(path: str) -> Getter:
    """Return the getter of any *path*, from the event or the profile."""
    if not reads_profile(path):
        from_event = compile_event_path(path)
        return lambda event, _profile: from_event(event)
    keys = path.split(".")[1:]
    if len(keys) == 1:
        (key,) = keys
        return lambda _event, profile: profile.get(key)
    return lambda _event, profile: _walk(profile, keys)


def _one_key(start: EventGetter, key: str) -> EventGetter:
    def follow(event: Event) -> Any:
        mapping = start(event)
        return mapping.get(key) if mapping else None

    return follow


def _two_keys(start: EventGetter, first: str, second: str) -> EventGetter:
    def follow(event: Event) -> Any:
        mapping = start(event)
        if mapping:
            inner = mapping.get(first)
            if type(inner) is dict:
                return inner.get(second)
        return None

    return follow


def _walk(value: Any, keys: list[str]) -> Any:
    for key in keys:
        if type(value) is not dict:
            return None
        value = value.get(key)
    return value


# ── instances ───────────────────────────────────────────────────────────────────────────────


def compile_per(path: str) -> Callable[[Event], str | tuple[str, ...] | None]:
    """Return the reader of the instance at *path*, as text.

    ``17``, ``17.0`` and ``"17"`` are one instance. Where a list stands on the way or at the end,
    each of its entries is followed, but for lists; those that lead to no value are passed over.
    """
    read = compile_event_path(path)
    root, *keys = path.split(".")
    start = attrgetter(root)

    def instance_of(event: Event) -> str | tuple[str, ...] | None:
        value = read(event)
        if type(value) is str:
            return value
        if type(value) is not list and (value is not None or len(keys) < 2):
            return text_of(value)
        found = dict.fromkeys(_followed(start(event), keys))
        return tuple(found) if len(found) > 1 else next(iter(found), None)

    return instance_of


def _followed(value: Any, keys: list[str]) -> Iterator[str]:
    """Yield the values behind *keys*, also those of each entry of a list."""
    if type(value) is list:
        for each in value:
            if type(each) is not list:
                yield from _followed(each, keys)
    elif keys:
        if type(value) is dict:
            yield from _followed(value.get(keys[0]), keys[1:])
    else:
        found = text_of(value)
        if found is not None:
            yield found


def text_of(value: Any) -> str | None:
    """Return the text that *value* is told from others by; ``None`` for what is no such value."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value) if isinstance(value, int) else None
