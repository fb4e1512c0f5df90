"""What `identify` events say of a customer.

Attributes are merged key by key; a null removes one. The profile is bounded: what does not fit
is left out and counted. Consent and preferences are merged first, so that they are the last to
be left out.
"""

from __future__ import annotations

from typing import Any

import msgspec

MOST_BYTES = 128 * 1024
"""How many bytes the attributes may take in the state."""

GROWTH = 9
"""Stored bytes per byte of the event, at most: ``1.`` in JSON may become a 9-byte float."""

_CONSENT_SUFFIX = "_consent"
_PREFERENCES = frozenset({"preferences", "unsubscribed"})

_encode = msgspec.msgpack.Encoder().encode


def merge(profile: dict[str, Any], attributes: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Return *profile* with *attributes* merged in, and how many of them were left out."""
    merged = {key: value for key, value in (profile | attributes).items() if value is not None}
    if _size(merged) <= MOST_BYTES:
        return merged, 0
    return _merge_what_fits(profile, attributes)


def kept(profile: dict[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Return those of *profile* that are among *names*, or say what the customer allows and
    prefers: *profile* itself where that is all."""
    if all(key in names or _is_consent(key) for key in profile):
        return profile
    return {key: value for key, value in profile.items() if key in names or _is_consent(key)}


def consent_of(profile: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes that say what the customer allows and prefers."""
    return {key: value for key, value in profile.items() if _is_consent(key)}


def differ(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether two sets of attributes differ, typed: 1 is not true."""
    return one != other or _encode(one) != _encode(other)


def _merge_what_fits(
    profile: dict[str, Any], attributes: dict[str, Any]
) -> tuple[dict[str, Any], int]:
    removed = {key for key, value in attributes.items() if value is None}
    merged = {key: value for key, value in profile.items() if key not in removed}
    room = MOST_BYTES - _size(merged)
    left_out = 0
    for key in sorted(attributes.keys() - removed, key=lambda key: (not _is_consent(key), key)):
        replaced = {key: merged[key]} if key in merged else {}
        needed = _size({key: attributes[key]}) - _size(replaced)
        if needed <= room:
            merged[key] = attributes[key]
            room -= needed
        else:
            left_out += 1
    return merged, left_out


def _is_consent(key: str) -> bool:
    return key.endswith(_CONSENT_SUFFIX) or key in _PREFERENCES


def _size(attributes: dict[str, Any]) -> int:
    """Return the stored bytes, or too many where a value cannot be stored (an integer of more
    than 64 bits)."""
    try:
        return len(_encode(attributes))
    except OverflowError:
        return MOST_BYTES + 1
