"""Conditions, from the words of semantics 25, 26 and decisions 0002: plain, nothing prepared."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

ENVELOPE = ("event_type", "event_id", "customer_id", "source", "session_id")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Facts(msgspec.Struct, frozen=True):
    """What a condition may look at. A ``where`` sees the event only (25)."""

    event: dict[str, Any]
    profile: dict[str, Any] = {}
    at: int = 0
    timezone: str = "UTC"
    """The policy's: the zone of a customer whose profile names none."""


def holds(condition: Mapping[str, Any], facts: Facts) -> bool:
    """Whether every entry of the mapping holds."""
    return all(_entry_holds(key, value, facts) for key, value in condition.items())


def _entry_holds(key: str, value: Any, facts: Facts) -> bool:
    match key:
        case "all":
            held = all(holds(condition, facts) for condition in value)
        case "any":
            held = any(holds(condition, facts) for condition in value)
        case "not":
            held = not holds(value, facts)
        case "time_of_day":
            held = _in_time_of_day(value, _local(value, facts).time())
        case "day_of_week":
            held = DAYS[_local(value, facts).weekday()] in value["in"]
        case "date_range":
            held = _in_date_range(value, _local(value, facts).date())
        case path:
            found = lookup(path, facts)
            held = all(_operator_holds(name, found, operand) for name, operand in value.items())
    return held


def lookup(path: str, facts: Facts) -> Any:
    """What stands at *path*; ``None`` where nothing does (26). A path walks mappings only."""
    head, *rest = path.split(".")
    found = facts.profile if head == "profile" else facts.event.get(head)
    for key in rest:
        found = found.get(key) if isinstance(found, dict) else None
    return found


# ── operators ───────────────────────────────────────────────────────────────────────────────


def _operator_holds(name: str, found: Any, operand: Any) -> bool:
    if name in NEGATED:  # 26: negative operators negate the positive
        return not _operator_holds(NEGATED[name], found, operand)
    if name in COMPARISONS:
        number = as_number(found)
        return number is not None and COMPARISONS[name](number, operand)
    return TESTS[name](found, operand)


NEGATED = {"not_equals": "equals", "not_contains": "contains", "not_in_list": "in_list"}

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "greater_than": operator.gt,
    "less_than": operator.lt,
    "greater_than_or_equal": operator.ge,
    "less_than_or_equal": operator.le,
    "between": lambda number, ends: ends[0] <= number <= ends[1],
}


def is_number(value: Any) -> bool:
    """A finite number; a boolean is none."""
    return type(value) in (int, float) and math.isfinite(value)


def equal(left: Any, right: Any) -> bool:
    """Typed equality (26): 1 is 1.0, but neither "1" nor true."""
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(left[key], right[key]) for key in left)
    same_kind = type(left) is type(right) or (is_number(left) and is_number(right))
    return same_kind and left == right


def as_number(value: Any) -> int | float | None:
    """The number that a comparison and a sum see: a number, or ASCII text that `float` reads."""
    if is_number(value):
        return value  # type: ignore[no-any-return] # narrowed by is_number
    if isinstance(value, str) and value.isascii():
        try:
            number = float(value)
        except ValueError:
            return None
        return number if math.isfinite(number) else None
    return None


def _contains(found: Any, operand: Any) -> bool:
    if isinstance(found, str):
        return isinstance(operand, str) and operand.casefold() in found.casefold()
    if isinstance(found, list):
        return any(equal(_folded(element), _folded(operand)) for element in found)
    return False


def _folded(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value


TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": equal,
    "contains": _contains,
    "in_list": lambda found, operand: any(equal(found, element) for element in operand),
    "exists": lambda found, operand: (found is not None) == operand,
    "starts_with": lambda found, prefix: isinstance(found, str) and found.startswith(prefix),
    "matches": lambda found, regex: isinstance(found, str) and bool(re.search(regex, found)),
}


# ── the calendar ────────────────────────────────────────────────────────────────────────────


def _local(spec: Mapping[str, Any], facts: Facts) -> datetime:
    """The time `facts.at` in the zone of *spec*; left out is the customer's."""
    name = spec.get("zone", "customer")
    names = [facts.profile.get("timezone"), facts.timezone] if name == "customer" else [name]
    zone = next((zone for zone in map(_zone, names) if zone is not None), UTC)
    return (EPOCH + timedelta(milliseconds=facts.at)).astimezone(zone)


def _zone(name: Any) -> tzinfo | None:
    """The zone by its IANA name, from the package that pins the rules, not from the machine."""
    if name not in files("tzdata").joinpath("zones").read_text().split():
        return None
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules)


def _in_time_of_day(spec: Mapping[str, str], now: time) -> bool:
    """``from`` is inside, ``to`` is outside; wraps midnight."""
    start, end = time.fromisoformat(spec["from"]), time.fromisoformat(spec["to"])
    return start <= now < end if start < end else now >= start or now < end


def _in_date_range(spec: Mapping[str, str], today: date) -> bool:
    """Both ends are inside, either may be open."""
    first = date.fromisoformat(spec["from"]) if "from" in spec else date.min
    last = date.fromisoformat(spec["to"]) if "to" in spec else date.max
    return first <= today <= last
