"""A ruleset takes over what a customer's triggers hold: of another ruleset, or in an old form."""

from __future__ import annotations

import msgspec

from triggerstream.core.detection.membership import STANDS
from triggerstream.core.patterns.progress import TRIGGER, Progress
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.state import profile
from triggerstream.core.state.codec import dump_body
from triggerstream.core.state.customer import FIXED, CustomerState
from triggerstream.core.state.formats import Open, Slot, Stored3
from triggerstream.core.state.old_progress import Taking, type_of
from triggerstream.errors import StateFormatError


def adopt(state: CustomerState, ruleset: Ruleset) -> None:
    """Drop the progress of triggers that are gone, off, or detect something else by now, and what
    is not kept of the profile.

    Raises:
        StateFormatError: It cannot be read; the process must stop.
    """
    if state.old is not None:
        _take_over(state, state.old, ruleset)
        state.old = None
        state.weight = len(dump_body(state)) + FIXED
    elif state.detections and state.detections != ruleset.detections:
        _drop_strangers(state, ruleset)
    if ruleset.kept is not None:
        state.profile = profile.kept(state.profile, ruleset.kept)
    state.detections = ruleset.detections
    state.ruleset = ruleset
    state.lateness = ruleset.policy.allowed_lateness
    state.sleeps = state.derivations != ruleset.derivations
    if state.waits or state.derived:
        state.look_at_waits()


def adopt_derived(state: CustomerState, ruleset: Ruleset) -> None:
    """Forget what was derived under definitions that are not the ruleset's.

    At a record of the customer only, never at a timer: so it does not matter which timers an engine
    sleeps over.
    """
    if state.derivations != ruleset.derivations:
        known = ruleset.derived_keys
        for key in [key for key in state.derived if key not in known and key != STANDS]:
            del state.derived[key]
    state.derivations = ruleset.derivations
    if not state.derivations:
        state.tau = -1
    state.sleeps = False
    if state.derived:
        state.look_at_waits()


def _drop_strangers(progress: Progress, ruleset: Ruleset) -> None:
    known = ruleset.by_key
    for table in (progress.cells, progress.waits, progress.matches):
        for cell in [cell for cell in table if cell[:TRIGGER] not in known]:
            progress.remove(cell)
    for key in progress.instances.keys() - known.keys():
        del progress.instances[key]


def _take_over(progress: Progress, old: Stored3, ruleset: Ruleset) -> None:
    """Take what *old* says over into *progress*, as far as *ruleset* detects it still."""
    taking = Taking(progress)
    slots = [(name, "", slot) for name, slot in old.slots.items()]
    slots += [
        (name, instance, slot)
        for name, by_instance in old.instances.items()
        for instance, slot in by_instance.items()
    ]
    for name, instance, slot in slots:
        made_by, found = _open(slot)
        trigger = ruleset.triggers.get(name)
        if trigger is None or trigger.fingerprint != made_by:
            continue
        try:
            held = msgspec.msgpack.decode(found, type=type_of(trigger.matcher))
        except msgspec.DecodeError as error:
            raise _unreadable(error) from error
        taking.take(trigger.matcher, held, instance)
        if trigger.source.per is not None:
            progress.instances.setdefault(trigger.key, {})[instance] = None
    taking.taken()


def _open(slot: Slot) -> tuple[bytes, bytes]:
    """Return what made a slot, and the bytes of its progress."""
    try:
        found = msgspec.msgpack.decode(slot, type=Open) if isinstance(slot, bytes) else slot
    except msgspec.DecodeError as error:
        raise _unreadable(error) from error
    return found.made_by, bytes(found.progress)


def _unreadable(error: Exception) -> StateFormatError:
    return StateFormatError(f"progress of a trigger cannot be read: {error}")
