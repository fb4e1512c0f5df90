"""Timers: the open waits whose time has come, in the order of (due, trigger, instance)."""

from __future__ import annotations

from triggerstream.core.decisions import Decided
from triggerstream.core.derive.calendar.dated import CompiledDate
from triggerstream.core.derive.visit import Visit
from triggerstream.core.detection.advance import cascade, tell
from triggerstream.core.detection.dating import tell_date
from triggerstream.core.detection.derived import Queue
from triggerstream.core.detection.firing import FATAL, fail, held_event, judge, tell_erred
from triggerstream.core.detection.visiting import leave
from triggerstream.core.detection.watch import wake_up
from triggerstream.core.keyed.program import Dues
from triggerstream.core.patterns.progress import KEY
from triggerstream.core.rulesets.compile import CompiledTrigger
from triggerstream.core.rulesets.ruleset import Ruleset, Timed
from triggerstream.core.state.customer import CustomerState

Ripe = tuple[int, int, str, bool, str, int, str]
"""A wait to be decided: due, `_TRIGGERS`, trigger, whether it has an instance, which, its number
there, its key. It sorts as timers go: no instance before any. What is derived comes before triggers
at one due: due, its rank, nothing, and its key."""

_TRIGGERS = 1 << 30


def fire_due(
    state: CustomerState,
    ruleset: Ruleset,
    settled: int,
    at: int,
    position: int,
    out: list[Decided],
    dues: Dues | None = None,
) -> None:
    """Decide every open wait that is due by *at*, an effective time, or was settled by *settled*,
    the clock less the allowed lateness.

    What a timer derives is handled before the next one; and what has become ripe by that takes its
    place among those that are left (38).

    Args:
        dues: Is told when each was due, and where in *out* begins what it led to.
    """
    queue: Queue = []
    while _fire_ripe(state, ruleset, settled, at, queue, out, dues):
        if queue:
            cascade(state, ruleset, position, queue, out)
        if state.due > at and state.wake - state.lateness > settled:
            break  # nothing else is ripe
    if ruleset.erred:
        tell_erred(state, ruleset, out)
    if state.has_spare_bodies():
        state.trim()


def _fire_ripe(
    state: CustomerState,
    ruleset: Ruleset,
    settled: int,
    at: int,
    queue: Queue,
    out: list[Decided],
    dues: Dues | None,
) -> bool:
    """Decide the ripe waits, up to the first that derives something or waits again; return whether
    one does."""
    waits = state.waits
    ripe: list[Ripe] = []
    for cell, wait in waits.items():
        if wait[0] <= at or wait[0] + wait[1] <= settled:
            trigger, number = ruleset.waits[cell[:KEY]]
            has_instance = trigger.source.per is not None
            ripe.append(
                (wait[0], _TRIGGERS, trigger.id, has_instance, cell[KEY:], number, cell[:KEY])
            )
    if ruleset.by_timer and not state.sleeps:
        for key, slot in state.derived.items():
            if len(key) == KEY:
                due: int = slot[-1]
                if due <= at or max(due, slot[-2]) <= settled:
                    ripe.append((due, ruleset.by_timer[key].rank, "", False, "", 0, key))
    ripe.sort()
    for due, rank, name, _, instance, _, key in ripe:
        if dues is not None:
            dues.append((due, len(out)))
        if rank < _TRIGGERS:
            _wake_up(state, ruleset, ruleset.by_timer[key], queue, out)
            return True  # it may be due again
        if key + instance in waits:  # neither used up by a match nor dropped meanwhile
            _fire(state, ruleset.triggers[name], instance, key, due, ruleset, queue, out)
            if queue or key + instance in waits:
                return True
    return False


def _wake_up(
    state: CustomerState, ruleset: Ruleset, timed: Timed, queue: Queue, out: list[Decided]
) -> None:
    if isinstance(timed, Visit):
        leave(state, ruleset, timed, queue)
    elif isinstance(timed, CompiledDate):
        tell_date(state, ruleset, timed, queue)
    else:
        wake_up(state, ruleset, timed, queue, out)


def _fire(
    state: CustomerState,
    trigger: CompiledTrigger,
    instance: str,
    key: str,
    due: int,
    ruleset: Ruleset,
    queue: Queue,
    out: list[Decided],
) -> None:
    settled = due + state.waits[key + instance][1]
    if state.derivations and key not in trigger.matcher.quiet:
        state.tau = max(state.tau, due)
    try:
        match = trigger.matcher.on_timer(state, key, instance)
        if match is not None:
            if state.derivations:
                state.tau = max(state.tau, due)
            rows = state.in_order(match.rows)
            event = held_event(state, rows[-1])
            judged = judge(state, trigger, match, state.ids_of(rows, ""), event, due, ruleset)
            out.append(judged)
            if ruleset.told:
                tell(ruleset, trigger, judged, None, settled, queue)
    except FATAL:
        raise
    except Exception as error:  # noqa: BLE001 - one bad trigger is a decision, not a crash
        fail(state, trigger, due, error, out)
