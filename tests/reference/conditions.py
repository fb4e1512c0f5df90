"""Conditions, from the words of rules 25, 26, 66 and of 0002: plain, nothing prepared."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from importlib.resources import files
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import msgspec

from tests.reference.expressions import Error, is_true, profile_names, roots
from tests.reference.expressions import value as value_of
from tests.reference.happenings import duration
from tests.reference.values import number

ENVELOPE = ("event_type", "event_id", "customer_id", "source", "session_id")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Known(Protocol):
    """What was found out about a customer (32-58), at a time."""

    def declares(self, name: str) -> bool: ...
    def value(self, name: str, at: int) -> Any: ...
    def is_member(self, segment: str) -> bool: ...
    def newest(self, spec: Mapping[str, Any], at: int) -> int | None:
        """The time of the newest event that ``since_last`` asks for."""
        ...

    def zones(self) -> list[str]:
        """Names, the first of which that names a zone is the customer's (85)."""
        ...

    def counted(self, spec: Mapping[str, Any], at: int, instance: str | None) -> float:
        """What a ``count`` with its window comes to; with ``per``, of that instance alone."""
        ...


class Facts(msgspec.Struct, frozen=True):
    """What a condition may look at. A ``where`` sees the event only (25).

    Attributes:
        at: The time of the calendar (25).
        timezone: The policy's: the zone of a customer whose profile names none.
        tau: The time at which attributes are read, where that is later than `at` (36).
        instance: Whose match is judged.
    """

    event: dict[str, Any]
    profile: dict[str, Any] = {}
    at: int = 0
    timezone: str = "UTC"
    known: Known | None = None
    tau: int = 0
    instance: str | None = None

    @property
    def read_at(self) -> int:
        return max(self.at, self.tau)

    def variables(self, text: str) -> dict[str, Any]:
        """What the expression *text* sees (70): declared attributes are there, be they null."""
        declared = {
            name: self.known.value(name, self.read_at)
            for name in profile_names(text)
            if self.known and self.known.declares(name)
        }
        return roots(self.event, self.profile | declared)


def holds(condition: Mapping[str, Any] | str, facts: Facts) -> bool:
    """Whether every entry of the mapping holds. A ``count`` takes its keys along (66). A bare text
    is an expression."""
    if isinstance(condition, str):
        return is_true(condition, facts.variables(condition))
    if "count" in condition:
        rest = {key: value for key, value in condition.items() if key not in OF_A_COUNT}
        return _count_holds(condition, facts) and holds(rest, facts)
    return all(_entry_holds(key, value, facts) for key, value in condition.items())


COMPARATORS: dict[str, Callable[[float, float], bool]] = {
    "at_least": operator.ge,
    "more_than": operator.gt,
    "at_most": operator.le,
    "exactly": operator.eq,
}
OF_A_COUNT = ("count", "within", "where", "sum", "average", "distinct", "per", *COMPARATORS)


def _count_holds(spec: Mapping[str, Any], facts: Facts) -> bool:
    assert facts.known is not None
    counted = facts.known.counted(spec, facts.read_at, facts.instance)
    return all(
        test(counted, resolved(spec[name], facts))
        for name, test in COMPARATORS.items()
        if name in spec
    )


def computed(text: str, facts: Facts) -> Any:
    """(46, 70) What the attribute ``expr: text`` is; an error, and what JSON has not, is null."""
    try:
        found = value_of(text, facts.variables(text))
    except Error:
        return None
    return None if isinstance(found, float) and not math.isfinite(found) else found


def _operand(name: str, said: Any, facts: Facts) -> Any:
    """What an operator compares with: of those that compare numbers, values and tables, too."""
    if name == "between":
        return [resolved(each, facts) for each in said]
    return resolved(said, facts) if name in COMPARISONS else said


def resolved(said: Any, facts: Facts) -> Any:
    """(74, 75) What stands in the place of a number, for these facts."""

    def subject(path: str) -> str | None:
        return as_text(lookup(path, facts))

    def is_member(segment: str) -> bool:
        return facts.known is not None and facts.known.is_member(segment)

    return number(said, subject, is_member)


def as_text(found: Any) -> str | None:
    """(21) Keys and cases are text; ``None`` where there is no such value."""
    if isinstance(found, str):
        return found
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int | float):
        return str(int(found)) if found == int(found) else repr(found)
    return None


def _since_last_holds(spec: Mapping[str, Any], facts: Facts) -> bool:
    """(66) Exactly as long ago is ``at_least``; never is, too."""
    assert facts.known is not None
    newest = facts.known.newest(spec, facts.read_at)
    if "at_least" in spec:
        return newest is None or facts.read_at - newest >= duration(spec["at_least"])
    return newest is not None and facts.read_at - newest < duration(spec["less_than"])


def _is_member(segments: str | list[str], facts: Facts) -> bool:
    assert facts.known is not None
    names = [segments] if isinstance(segments, str) else segments
    return any(map(facts.known.is_member, names))


def _entry_holds(key: str, value: Any, facts: Facts) -> bool:
    match key:
        case "all":
            held = all(holds(condition, facts) for condition in value)
        case "any":
            held = any(holds(condition, facts) for condition in value)
        case "not":
            held = not holds(value, facts)
        case "expr":
            held = is_true(value, facts.variables(value))
        case "segment":
            held = _is_member(value, facts)
        case "since_last":
            held = _since_last_holds(value, facts)
        case "time_of_day":
            held = _in_time_of_day(value, _local(value, facts).time())
        case "day_of_week":
            held = DAYS[_local(value, facts).weekday()] in value["in"]
        case "date_range":
            held = _in_date_range(value, _local(value, facts).date())
        case path:
            found = lookup(path, facts)
            held = all(
                _operator_holds(name, found, _operand(name, operand, facts))
                for name, operand in value.items()
            )
    return held


def lookup(path: str, facts: Facts) -> Any:
    """What stands at *path*; ``None`` where nothing does (26). A path walks mappings only."""
    head, *rest = path.split(".")
    found = facts.profile if head == "profile" else facts.event.get(head)
    if head == "profile" and rest and facts.known and facts.known.declares(rest[0]):
        found = facts.known.value(rest.pop(0), facts.read_at)
    for key in rest:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def instance_keys(path: str, event: dict[str, Any]) -> list[str]:
    """(21) The instances that an event concerns, by first occurrence. The entries of a list on the
    path are followed, but for lists."""
    found: list[Any] = [event]
    for key in path.split("."):
        inside: list[Any] = [each.get(key) for each in found if isinstance(each, dict)]
        found = []
        for each in inside:
            if isinstance(each, list):
                found += [entry for entry in each if not isinstance(entry, list)]
            else:
                found.append(each)
    keys = [as_text(each) for each in found]
    return list(dict.fromkeys(key for key in keys if key is not None))


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
    names = [name]
    if name == "customer":
        of_customer = facts.known.zones() if facts.known else [facts.profile.get("timezone")]
        names = [*of_customer, facts.timezone]
    found = next((each for each in map(zone_named, names) if each is not None), UTC)
    return (EPOCH + timedelta(milliseconds=facts.at)).astimezone(found)


def zone_named(name: Any) -> tzinfo | None:
    """The zone by its IANA name, from the package that pins the rules, not from the machine."""
    if name not in files("tzdata").joinpath("zones").read_text().split():
        return None
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as rules:
        return ZoneInfo.from_file(rules)


def zone(name: Any) -> tzinfo:
    """The zone of that name; UTC where there is none."""
    return zone_named(name) or UTC


def _in_time_of_day(spec: Mapping[str, str], now: time) -> bool:
    """``from`` is inside, ``to`` is outside; wraps midnight."""
    start, end = time.fromisoformat(spec["from"]), time.fromisoformat(spec["to"])
    return start <= now < end if start < end else now >= start or now < end


def _in_date_range(spec: Mapping[str, str], today: date) -> bool:
    """Both ends are inside, either may be open. Without years it is every year's, and may wrap."""
    if any(len(spec[end]) == len("12-01") for end in ("from", "to") if end in spec):
        day, start, end = today.strftime("%m-%d"), spec.get("from", ""), spec.get("to", "13")
        return start <= day <= end if start <= end else day >= start or day <= end
    first = date.fromisoformat(spec["from"]) if "from" in spec else date.min
    last = date.fromisoformat(spec["to"]) if "to" in spec else date.max
    return first <= today <= last
