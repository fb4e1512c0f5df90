"""Triggers as they are once all is replaced that has a shorter name: what ``--expand`` prints.

What is printed may be read again, and is the same trigger; but where ``strict`` stands beside an
absence with a duration, of which two stand side by side then, where a ``score`` is told by what has
no name, and where a change is looked for ``on`` events, which its name has a hash of.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

from ruamel.yaml import YAML

from triggerstream.core.conditions.calendar import DAYS
from triggerstream.core.conditions.paths import PROFILE
from triggerstream.core.conditions.unnamed import UNNAMED
from triggerstream.core.durations import format_duration
from triggerstream.core.events.derived import (
    CHANGED,
    DATE,
    ENTERED,
    FIRED,
    LEFT,
    SESSION_ENDED,
    SESSION_STARTED,
)
from triggerstream.core.model import (
    AbsentStep,
    AllOf,
    AllPattern,
    AnyOf,
    AnyPattern,
    Condition,
    Counted,
    CountPattern,
    DateOf,
    DateRange,
    DayOfWeek,
    EventPattern,
    EventStep,
    Expression,
    Held,
    InSegment,
    Named,
    Negation,
    Pattern,
    SequencePattern,
    Series,
    SinceLast,
    Table,
    Test,
    TimeOfDay,
    Trigger,
)

Said = dict[str, Any]


def expand(
    triggers: Iterable[Trigger], dates: Iterable[DateOf] = (), more: Iterable[Said] = ()
) -> str:
    """Return the ``when`` and the ``if`` of *triggers* as a file would say them in full; *dates*
    are those that they wait for. *More* documents stand behind them."""
    by_name = {each.name: _date(each) for each in dates}
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # a switch
    yaml.width = 100
    yaml.representer.ignore_aliases = lambda _data: True  # files have none
    written = io.StringIO()
    said = [_with(_trigger(trigger), by_name) for trigger in triggers]
    yaml.representer.add_representer(_Document, _Document.represented)
    yaml.dump_all(map(_Document, [*said, *more]), written)
    return written.getvalue()


class _Document(dict[str, object]):
    """A document: each of its keys has a line of its own, also where they would go into one."""

    @staticmethod
    def represented(representer: Any, document: _Document) -> Any:
        """Return the node of *document*."""
        node = representer.represent_dict(document)
        node.flow_style = False
        return node


def _date(date: DateOf) -> Said:
    series, default = date.series, Series()
    said: Said = {"date": f"{PROFILE}.{date.attribute}"}
    if series.every != default.every:
        said["every"] = series.every
    if series.shift:
        said["before" if series.shift < 0 else "after"] = f"{abs(series.shift)}d"
    if series.at != default.at:
        said["at"] = _clock(series.at)
    return said if series.feb29 == default.feb29 else said | {"feb29": series.feb29}


def _with(said: Any, dates: Mapping[str, Said]) -> Any:
    """Return *said* with what stands for the names of dates."""
    if isinstance(said, list):
        return [_with(each, dates) for each in said]
    if not isinstance(said, dict):
        return said
    found = {key: _with(value, dates) for key, value in said.items() if key != "date"}
    return dates.get(said["date"], {"date": said["date"]}) | found if "date" in said else found


def _trigger(trigger: Trigger) -> Said:
    when = _pattern(trigger.when)
    if trigger.per is not None:
        when["per"] = trigger.per
    said: Said = {"trigger": trigger.id, "when": when}
    if trigger.condition is not None:
        said["if"] = condition_said(trigger.condition)
    return said


def _pattern(pattern: Pattern) -> Said:
    match pattern:
        case EventPattern(types, where):
            return selected("event", types, where)
        case CountPattern():
            said = selected("count", pattern.types, pattern.where)
            if pattern.aggregate is not None:
                said[pattern.aggregate] = pattern.path
            said[pattern.comparator] = _number(pattern.threshold)
            return said | {"within": format_duration(pattern.within)}
        case SequencePattern(steps, within, restart):
            said = {"sequence": [_step(step) for step in steps], "within": format_duration(within)}
            return said | {"restart": "on_repeat"} if restart else said
        case AllPattern(children, within):
            return {"all": [_pattern(each) for each in children], "within": format_duration(within)}
        case AnyPattern(children):
            return {"any": [_pattern(each) for each in children]}
        case _:
            return selected("trend", pattern.types, pattern.where) | {
                pattern.direction: _number(pattern.factor),
                "recent": format_duration(pattern.recent),
                "baseline": format_duration(pattern.baseline),
                "min": pattern.least,
            }


def _step(step: EventStep | AbsentStep) -> Said:
    if isinstance(step, AbsentStep):
        said = selected("absent", step.types, step.where)
        return said | durations({"for": step.duration})
    said = selected("event", step.types, step.where)
    gaps = durations({"after": step.after, "before": step.before})
    if gaps and "date" in said:  # beside a date, these words are its own
        said = {"event": [{"date": said.pop("date")}]} | said
    said |= gaps
    return said | {"times": step.times} if step.times > 1 else said


def durations(said: dict[str, int | None]) -> Said:
    """Return those of *said* that there are, as files have durations."""
    return {key: format_duration(value) for key, value in said.items() if value is not None}


def selected(head: str, types: tuple[str, ...], where: Condition | None) -> Said:
    """Return *types* under *head*, with what is asked of them."""
    found = [_happening(name) for name in types]
    said: Said = {head: found[0] if len(found) == 1 else found}
    if head == "event" and len(found) == 1 and isinstance(found[0], dict):
        said = found[0]
    if where is not None:
        said["where"] = condition_said(where)
    return said


def _happening(name: str) -> str | Said:
    for head, prefix in (("fired", FIRED), ("entered", ENTERED), ("left", LEFT)):
        if name.startswith(prefix):
            return {head: name.removeprefix(prefix)}
    if name in (SESSION_STARTED, SESSION_ENDED):
        return {"session": name.removeprefix("$session_")}
    if name.startswith(DATE):
        return {"date": name.removeprefix(DATE)}
    if name.startswith(CHANGED):
        path = name.removeprefix(CHANGED)
        is_of_events = "." in path or UNNAMED in path
        return {"changed": path if is_of_events else f"{PROFILE}.{path}"}
    return name


def condition_said(condition: Condition) -> Said:
    """Return *condition* as a file would say it."""
    match condition:
        case Test(path, operator, operand):
            return {path: {operator: _number(operand)}}
        case AllOf(conditions):
            return {"all": [condition_said(each) for each in conditions]}
        case AnyOf(conditions):
            return {"any": [condition_said(each) for each in conditions]}
        case Negation(inner):
            return {"not": condition_said(inner)}
        case Expression(text):
            return {"expr": text}
        case _:
            return _asked_or_dated(condition)


def _asked_or_dated(
    condition: InSegment | Held | SinceLast | Counted | TimeOfDay | DayOfWeek | DateRange,
) -> Said:
    match condition:
        case InSegment(names):
            return {"segment": list(names)}
        case Held(path, _, value, operator):
            return {path: {operator: _number(value)}}
        case SinceLast() | Counted():
            return _asked(condition)
        case _:
            return _calendar(condition)


def _asked(condition: SinceLast | Counted) -> Said:
    of = condition.of
    if isinstance(condition, SinceLast):
        asked: Said = {"of": condition.path}
        if of is not None:
            asked = selected("event", of.on.types, of.on.where)
        bound = "at_least" if condition.is_least else "less_than"
        return {"since_last": asked | {bound: format_duration(condition.duration)}}
    counted = condition.of
    said = selected("count", counted.on.types, counted.on.where)
    if counted.path is not None:
        said["per" if counted.head == "instances" else counted.head] = counted.path
    said[condition.comparator] = _number(condition.threshold)
    return said | durations({"within": condition.of.within})


def _number(operand: Any) -> Any:
    """Return what is compared with, as a file would say it."""
    match operand:
        case Named(name=name):
            return {"value": name}
        case Table(by=by, cases=cases, default=default):
            return {"by": by, **dict(cases), "default": default}
        case list():
            return [_number(each) for each in operand]
        case _:
            return operand


def _calendar(condition: TimeOfDay | DayOfWeek | DateRange) -> Said:
    match condition:
        case TimeOfDay(start, end, zone):
            return {"time_of_day": {"from": _clock(start), "to": _clock(end), "zone": zone}}
        case DayOfWeek(days, zone):
            return {"day_of_week": {"in": [DAYS[day] for day in days], "zone": zone}}
        case DateRange(first, last, zone):
            ends = {"from": first, "to": last}
            said: Said = {key: day for key, day in ends.items() if day is not None}
            return {"date_range": said | {"zone": zone}}


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"
