"""Attributes (46-50): values of the events that a customer ever had, worked out anew each time.

`Fold` is one event at the time at which it is counted; everything here is a function of the list
of all of them, in the order in which they were handled.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Context, Decimal
from typing import Any

import msgspec

from tests.reference.conditions import EPOCH, Facts, as_number, equal, is_number, lookup, zone
from tests.reference.seen import Seen, Spec, duration, fits, is_happening

MOST_HELD = 1000
LONGEST_TEXT = 256
TOP_COUNTERS = 32
TOP_COUNTED = 256
STEPS = 64
"""Of `points`, a half-life (47)."""
PRECISE = Context(prec=60)
FACTORS = [
    float(PRECISE.power(Decimal(2), PRECISE.divide(Decimal(-step), Decimal(STEPS))))
    for step in range(STEPS)
]
"""The doubles nearest 2^(-i/64): `**` of floats may be one off."""
AGGREGATES = ("sum", "average", "distinct")


class Fold(msgspec.Struct, frozen=True):
    """An event that was folded at *at*; a late one at its own time (49)."""

    seen: Seen
    at: int
    late: bool = False


def happenings(spec: Spec) -> Iterator[Any]:
    """What an attribute, a ``count`` or a ``since_last`` listens to."""
    if "points" in spec:
        yield from spec["points"]
    elif "count" in spec:
        yield {"event": spec["count"]} if isinstance(spec["count"], str) else spec["count"]
    elif "on" in spec:
        yield spec["on"]
    elif "channel" in spec:
        yield {
            "event": "message_sent",
            "where": {"event_data.channel": {"equals": spec["channel"]}},
        }
    elif not spec.keys() & {"case", "expr", "of"}:
        yield {key: value for key, value in spec.items() if key not in ("at_least", "less_than")}
    if "minus" in spec:
        yield spec["minus"]


def listens(spec: Spec, seen: Seen) -> bool:
    return any(is_happening(each, seen.event) for each in happenings(spec))


def takes(spec: Spec, fold: Fold) -> bool:
    """(49) Whether the event is folded: a late one not into a window or a score."""
    in_condition = "count" in spec and "attribute" not in spec
    no_late = "points" in spec or in_condition or ("within" in spec and "last" not in spec)
    return listens(spec, fold.seen) and not (fold.late and no_late)


# ── windows ─────────────────────────────────────────────────────────────────────────────────


def held(spec: Spec, folds: list[Fold], at: int) -> list[tuple[int, Any]]:
    """(time, value) of the newest in ``(at - within, at]``; late events are in no window (49)."""
    within = duration(spec["within"])
    values = [
        (fold.at, value)
        for fold in folds
        if not fold.late and (value := _counted(spec, fold.seen)) is not None
    ]
    if "distinct" in spec:
        latest: dict[Any, tuple[int, Any]] = {}
        for moment, value in values:
            latest.pop(key_of(value), None)
            latest[key_of(value)] = (moment, value)
        values = list(latest.values())
    return [(time, value) for time, value in values[-MOST_HELD:] if at - within < time <= at]


def _counted(spec: Spec, seen: Seen) -> Any:
    """What one event adds; ``None`` where it is not counted."""
    head, listened = ("count", fits("count", spec, seen)) if "count" in spec else ("sum", False)
    if head == "sum":
        listened = is_happening(spec["on"], seen.event)
        taken_off = "minus" in spec and is_happening(spec["minus"], seen.event)
        number = as_number(lookup(spec["sum"], Facts(seen.event)))
        if number is None or not (listened or taken_off):
            return None
        return number * (listened - taken_off)
    if not listened:
        return None
    if "distinct" in spec:
        value = lookup(spec["distinct"], Facts(seen.event))
        return value if isinstance(value, str | bool | int | float) else None
    for name in ("sum", "average"):
        if name in spec:
            return as_number(lookup(spec[name], Facts(seen.event)))
    return 1


def key_of(value: Any) -> tuple[str, Any]:
    """What makes a value distinct: 1 is 1.0, but neither "1" nor true (17)."""
    return ("number", value) if is_number(value) else (type(value).__name__, value)


def window(spec: Spec, folds: list[Fold], at: int) -> float:
    """The value of ``count`` or ``sum`` with ``within``."""
    values = [value for _, value in held(spec, folds, at)]
    if "average" in spec:
        return math.fsum(values) / len(values) if values else 0
    if "sum" in spec:
        return math.fsum(values)
    return len(values)


# ── without a window ────────────────────────────────────────────────────────────────────────


def total(spec: Spec, folds: list[Fold], start: Any) -> float:
    """The Neumaier sum in the order in which events came."""
    found = as_number(start) or 0
    kept = 0.0
    for fold in folds:
        value = _counted(spec, fold.seen)
        if value is None:
            continue
        after = found + value
        if abs(found) >= abs(value):
            kept += (found - after) + value
        else:
            kept += (value - after) + found
        found = after
    return found + kept


def number_of(spec: Spec, folds: list[Fold], start: Any) -> float:
    return (as_number(start) or 0) + sum(_counted(spec, fold.seen) is not None for fold in folds)


def _valued(path: str, spec: Spec, folds: list[Fold], timezone: str) -> list[tuple[Fold, Any]]:
    """The events that have a value at *path*: null is none (46), and what (40) names is none."""
    listened = [fold for fold in folds if listens(spec, fold.seen)]
    if path == "at":
        return [(fold, moment_text(fold.at, spec.get("as"), timezone)) for fold in listened]
    values = [(fold, lookup(path, Facts(fold.seen.event))) for fold in listened]
    return [(fold, value) for fold, value in values if is_value(value)]


def first(spec: Spec, folds: list[Fold], start: Any, timezone: str) -> Any:
    """The earliest (49); of equal times, the one that came first."""
    if start is not None:
        return start
    valued = _valued(spec["first"], spec, folds, timezone)
    return min(valued, key=lambda pair: pair[0].at)[1] if valued else None


def newest(spec: Spec, folds: list[Fold]) -> tuple[Fold, Any] | None:
    """The latest (49) with a value; of equal times, the one that came last."""
    valued = _valued(spec.get("last", "at"), spec, folds, "UTC")
    return max(reversed(valued), key=lambda pair: pair[0].at) if valued else None


def last(spec: Spec, folds: list[Fold], start: Any, at: int, timezone: str) -> Any:
    found = newest(spec, folds)
    if found is None:
        return start
    fold, value = found
    if "within" in spec and fold.at <= at - duration(spec["within"]):
        return None
    return moment_text(fold.at, spec.get("as"), timezone) if spec["last"] == "at" else value


def top(spec: Spec, folds: list[Fold]) -> Any:
    """The most frequent, of 32 counters, which are halved when they have counted 256."""
    counters: list[list[Any]] = []  # [value, count], the one seen last at the end
    for fold in folds:
        value = lookup(spec["top"], Facts(fold.seen.event))
        if not listens(spec, fold.seen) or not is_value(value):
            continue
        known = next((each for each in counters if equal(each[0], value)), None)
        if known:
            counters.remove(known)
        elif len(counters) == TOP_COUNTERS:
            counters.remove(min(counters, key=lambda each: each[1]))  # of equals the oldest
        counters.append([value, known[1] + 1 if known else 1])
        if sum(count for _, count in counters) >= TOP_COUNTED:
            counters = [[kept, count // 2] for kept, count in counters if count // 2]
    return max(reversed(counters), key=lambda each: each[1])[0] if counters else None


def is_value(value: Any) -> bool:
    """(40) Null, lists, objects and texts over 256 bytes are no values."""
    if isinstance(value, str):
        return len(value.encode()) <= LONGEST_TEXT
    return isinstance(value, bool | int | float)


def moment_text(at: int, cut: str | None, timezone: str) -> str:
    """RFC 3339; cut, the day, the ISO week or the month in the policy's zone (46)."""
    moment = EPOCH + timedelta(milliseconds=at)
    if cut is None:
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    day = moment.astimezone(zone(timezone)).date()
    if cut == "week":
        day -= timedelta(days=day.weekday())  # its Monday
    return day.isoformat()[: len("2026-01") if cut == "month" else None]


def moment_of(value: Any) -> int | None:
    """Epoch milliseconds of a moment in a profile: those, or RFC 3339 text."""
    if is_number(value):
        return int(value)
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return None if moment.tzinfo is None else (moment - EPOCH) // timedelta(milliseconds=1)


# ── points (47) ─────────────────────────────────────────────────────────────────────────────


class Points:
    """A score that halves in 64 steps: `score` is what it was worth at step `step`."""

    def __init__(self, spec: Spec, folds: list[Fold], start: Any) -> None:
        self.half_life = duration(spec["half_life"])
        self.anchor: int | None = None
        number = as_number(start)
        self.score: float = 0.5 if number is None else number
        self.step = 0
        for fold in folds:
            deltas = [
                d for type_, d in spec["points"].items() if is_happening(type_, fold.seen.event)
            ]
            if fold.late or not deltas:
                continue
            if self.anchor is None:
                self.anchor = fold.at
            self.score = min(1.0, max(0.0, self.worth(fold.at) + deltas[0]))
            self.step = self.step_at(fold.at)

    def step_at(self, at: int) -> int:
        assert self.anchor is not None
        return (at - self.anchor) * STEPS // self.half_life

    def worth(self, at: int) -> float:
        if self.anchor is None:
            return self.score
        steps = self.step_at(at) - self.step
        return self.score * 2.0 ** -(steps // STEPS) * FACTORS[steps % STEPS]

    def next_step(self, at: int) -> int | None:
        """The first millisecond behind *at* at which it is worth less by itself."""
        if self.anchor is None or not self.worth(at):
            return None
        step = self.step_at(at) + 1
        return self.anchor - (-step * self.half_life // STEPS)
