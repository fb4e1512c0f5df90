"""Timers: the open waits whose time has come, in the order of (due, trigger, instance)."""

from __future__ import annotations

from bisect import insort
from typing import Any

from triggerstream.core.decisions import Decided
from triggerstream.core.detection import slots
from triggerstream.core.detection.firing import FATAL, fail, judge
from triggerstream.core.events.decode import decode_event
from triggerstream.core.rulesets.compile import CompiledTrigger
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.state.customer import CustomerState

Ripe = tuple[int, str, bool, str, int]
"""A wait to be decided: due, trigger, whether it has an instance, which, its number there. It
sorts as timers go: no instance before any."""


def fire_due(
    state: CustomerState, ruleset: Ruleset, settled: int, at: int, out: list[Decided]
) -> None:
    """Decide every open wait that is due by *at*, an effective time, or was settled by *settled*,
    the clock less the allowed lateness."""
    ripe: list[Ripe] = []
    for name, timer in state.timers.items():
        if timer.due <= at or timer.settled <= settled:
            trigger = ruleset.triggers[name]
            for instance in slots.instances(state, trigger):
                ripe.extend(_ripe(state, trigger, instance, settled, at))
    ripe.sort()
    while ripe:
        due, name, has_instance, text, index = ripe.pop(0)
        trigger = ruleset.triggers[name]
        instance = text if has_instance else None
        progress = slots.progress(state, trigger, instance)
        if progress is None:  # the trigger failed meanwhile
            continue
        _fire(state, trigger, instance, progress, index, due, ruleset, out)
        for each in _ripe(state, trigger, instance, settled, at):
            insort(ripe, each)


def _ripe(
    state: CustomerState, trigger: CompiledTrigger, instance: str | None, settled: int, at: int
) -> list[Ripe]:
    """Return the instance's first wait whose time has come, in file order among equals."""
    progress = slots.progress(state, trigger, instance)
    if progress is None:
        return []
    waits = [
        (due, index)
        for index, (due, arrival) in enumerate(trigger.matcher.waits(progress))
        if due <= at or max(due, arrival) <= settled
    ]
    if not waits:
        return []
    due, index = min(waits)
    return [(due, trigger.id, instance is not None, instance or "", index)]


def _fire(
    state: CustomerState,
    trigger: CompiledTrigger,
    instance: str | None,
    progress: Any,
    index: int,
    due: int,
    ruleset: Ruleset,
    out: list[Decided],
) -> None:
    try:
        step = trigger.matcher.on_timer(progress, index)
        slots.put_by_timer(state, trigger, instance, step.progress)
        match = step.match
        if match is not None:
            last = decode_event(
                match.raw,
                fallback_id=match.events[-1][1],
                fallback_timestamp=due,
                max_bytes=len(match.raw),
            )
            out.append(judge(state, trigger, instance, match, last, due, ruleset.policy))
    except FATAL:
        raise
    except Exception as error:  # noqa: BLE001 - one bad trigger is a decision, not a crash
        fail(state, trigger.id, due, error, out)
