"""What a customer's triggers hold, by instance: each ``per`` value, or the whole customer without.

Of a trigger with ``per`` the instances that have progress are known in the order in which they
changed, so that there are never too many (22).
"""

from __future__ import annotations

from triggerstream.core.patterns.progress import Progress
from triggerstream.core.rulesets.compile import CompiledTrigger

MOST_INSTANCES = 64
"""Per trigger and customer (semantics 22)."""


def instances(progress: Progress, trigger: CompiledTrigger) -> list[str]:
    """Return the trigger's instances that may have progress, changed longest ago first; without
    ``per`` the whole customer is the only one, an empty text."""
    if trigger.instance_of is None:
        return [""]
    return list(progress.instances.get(trigger.key, ()))


def has_progress(progress: Progress, trigger: CompiledTrigger, instance: str) -> bool:
    """Return whether anything is held of an instance."""
    cells, waits, matches = progress.cells, progress.waits, progress.matches
    return any(
        key + instance in cells or key + instance in waits or key + instance in matches
        for key in trigger.matcher.keys
    )


def changed(progress: Progress, trigger: CompiledTrigger, instance: str, at: int) -> bool:
    """Note that an event at *at* has changed what is held of an instance, which is the newest from
    now on. Return whether another had to be given up for it (22)."""
    if not has_progress(progress, trigger, instance):
        left(progress, trigger, instance)
        return False
    known = progress.instances.setdefault(trigger.key, {})
    is_new = instance not in known
    gave_up = is_new and _make_room(progress, trigger, known, at)
    known.pop(instance, None)
    known[instance] = None
    return gave_up


def left(progress: Progress, trigger: CompiledTrigger, instance: str) -> None:
    """Note that a timer or a match has changed what is held of an instance. It keeps its place:
    only events make it newer."""
    known = progress.instances.get(trigger.key)
    if known is not None and not has_progress(progress, trigger, instance):
        known.pop(instance, None)
        if not known:
            del progress.instances[trigger.key]


def forget(progress: Progress, trigger: CompiledTrigger, instance: str) -> None:
    """Forget what is held of an instance."""
    trigger.matcher.clear(progress, instance)
    left(progress, trigger, instance)


def drop(progress: Progress, trigger: CompiledTrigger) -> None:
    """Forget all that is held of a trigger."""
    # An event that failed half-way may have left cells of an instance that is not known yet.
    for key in trigger.matcher.keys:
        for cell in _with_prefix(progress, key):
            progress.remove(cell)
    progress.instances.pop(trigger.key, None)


def _with_prefix(progress: Progress, key: str) -> list[str]:
    tables = (progress.cells, progress.waits, progress.matches)
    return [cell for table in tables for cell in table if cell.startswith(key)]


def _make_room(
    progress: Progress, trigger: CompiledTrigger, known: dict[str, None], at: int
) -> bool:
    """Make room for one more instance; return whether one was given up for it.

    Those that can complete nothing any more go first; if there are none, the one whose progress
    changed longest ago.
    """
    if len(known) < MOST_INSTANCES:
        return False
    matcher = trigger.matcher
    expired = [name for name in known if matcher.is_expired(progress, name, at)]
    for name in expired or [next(iter(known))]:
        matcher.clear(progress, name)
        del known[name]
    return not expired
