"""Attributes as a file would say them: also those that ship, with what the policy says for them."""

from __future__ import annotations

from triggerstream.authoring.expand import Said, condition_said, durations, selected
from triggerstream.core.events.derived import SIGN
from triggerstream.core.model import Attribute, Case, EventPattern


def attribute_said(attribute: Attribute) -> Said:
    """Return the document of *attribute*."""
    head, path, on = attribute.head, attribute.path, attribute.on
    said: Said = {"attribute": attribute.name}
    if head == "case":
        return said | {"case": [_case(each) for each in attribute.cases]}
    if head == "expr":
        return said | {"expr": attribute.text}
    if head == "points":
        said["points"] = dict(attribute.points)
    elif head in {"count", "distinct"}:
        said |= selected("count", on.types, on.where)
        if path is not None:
            said["distinct"] = path
    else:
        said |= {head: path, "on": _happenings(on)}
    if attribute.minus is not None:
        said["minus"] = _happenings(attribute.minus)
    said |= durations({"within": attribute.within, "half_life": attribute.half_life})
    start = attribute.start if attribute.start_path is None else attribute.start_path
    others = {"as": attribute.cut, "start": start}
    return said | {key: value for key, value in others.items() if value is not None}


def _case(case: Case) -> Said:
    said: Said = {} if case.condition is None else {"if": condition_said(case.condition)}
    return said | {"then": case.then}


def _happenings(on: EventPattern) -> object:
    """Return types, or one happening with what is asked of it; of several, each."""
    if on.where is None:
        return selected("on", on.types, None)["on"]
    if not any(name.startswith(SIGN) for name in on.types):
        return selected("event", on.types, on.where)
    found = [selected("event", (name,), on.where) for name in on.types]
    return found[0] if len(found) == 1 else found
