"""The engine: what an event, the clock or a failed delivery means for one customer.

The order is part of the language (``docs/decisions/0002``, *Customers, time*). For an accepted
event: the timers due by the clock; is it a duplicate; its effective time, or late; the profile;
the timers due by its effective time; the session; attributes; goals; then the triggers that its
type concerns, by priority and id. Behind it come the events that are derived from what was decided
(`advance.cascade`).

An exception inside one trigger's evaluation is a decision: `TriggerFailed`, and that trigger
begins anew for this customer. Everything else that is raised here stops the process.
"""

from __future__ import annotations

from triggerstream.core.decisions import Bounded, Clamped, ConsentChanged
from triggerstream.core.derive.attributes.compile import Taking
from triggerstream.core.derive.attributes.folds import GROWTH
from triggerstream.core.detection.adopt import adopt, adopt_derived
from triggerstream.core.detection.advance import advance, cascade, fold, reach
from triggerstream.core.detection.budget import BYTES, WAITS, enforce
from triggerstream.core.detection.dating import arm, arm_all, hear
from triggerstream.core.detection.derived import Out, Queue
from triggerstream.core.detection.failed import FailedDelivery
from triggerstream.core.detection.firing import FATAL, fail, tell_erred
from triggerstream.core.detection.membership import tell_again
from triggerstream.core.detection.timers import fire_due
from triggerstream.core.detection.watch import hear_of, meet, remember
from triggerstream.core.events.decode import IDENTIFY
from triggerstream.core.events.event import Event
from triggerstream.core.keyed.program import Dues
from triggerstream.core.patterns.progress import Now
from triggerstream.core.reasons import RecordStatus
from triggerstream.core.records.touch import Touch
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.state import profile
from triggerstream.core.state.customer import CustomerState

# Plain strings: an enum's member is hashed by a call in Python, and statuses are counted.
APPLIED = RecordStatus.APPLIED.value
LATE = RecordStatus.LATE.value
DUPLICATE = RecordStatus.DUPLICATE.value
UNTRACKED = RecordStatus.UNTRACKED.value

NOTHING = -1
"""Before every time: nothing is due by it."""


class Engine:
    """Decides for one customer after the other.

    Args:
        clamp_skew: Whether a timestamp too far ahead of its arrival is taken for it.
    """

    def __init__(self, *, clamp_skew: bool) -> None:
        self._clamp_skew = clamp_skew
        self._now = Now()
        self._queue: Queue = []

    # In one piece: a call per record would cost more than the branches.
    def on_message(  # noqa: PLR0912, PLR0915
        self,
        state: CustomerState,
        event: Event | FailedDelivery | Touch,
        ruleset: Ruleset,
        arrival: int,
        clock: int,
        position: int,
        out: Out,
    ) -> str:
        """Apply *event*, which may be the failure of a delivery or a touch instead; append what is
        decided to *out*, in order. Return what became of it."""
        if not isinstance(event, Event):
            if isinstance(event, Touch):
                return self._on_touch(state, ruleset, arrival, clock, position, out)
            on_clock(state, ruleset, clock, position, out)
            return on_failed_delivery(state, event.trigger, event.firing_id)
        if state.ruleset is not ruleset:
            adopt(state, ruleset)
        if state.wake <= clock:
            fire_due(state, ruleset, clock - state.lateness, NOTHING, position, out)
        if state.remember(event.source, event.event_id, arrival):
            return DUPLICATE

        at = event.timestamp
        if at > arrival and self._clamp_skew and at > arrival + ruleset.policy.max_skew:
            out.append(Clamped(event.customer_id, at, arrival))
            at = arrival
        if at < state.last:
            if state.last - at > state.lateness:
                if state.derivations is not ruleset.derivations:
                    self._adopt_derived(state, event, ruleset, state.last, arrival, position, out)
                _on_late_event(state, event, ruleset, at, arrival, position, out)
                return LATE
            at = state.last
        told: set[str] | None = None
        if state.derivations is not ruleset.derivations:
            told = self._adopt_derived(state, event, ruleset, at, arrival, position, out)
        before = state.last
        state.last = at
        if event.event_type == IDENTIFY:
            said = _identify(state, event, ruleset, out)
            told = said if told is None else told
            if said and ruleset.watched and before >= 0:
                # Whoever reads it hears of it at the next time that is not settled yet (34, 50).
                hear_of(state, ruleset, said, None, max(before, state.tau, clock - state.lateness))
        if at >= state.due:
            fire_due(state, ruleset, NOTHING, at, position, out)
        if ruleset.whereabouts is not None:
            told = hear(state, ruleset, event, max(at, state.tau), told)
        if ruleset.derives:
            state.next_record()
        interest = ruleset.interests.get(event.event_type)
        if interest is None:
            if told and ruleset.listens:
                fold(state, ruleset, event, at, arrival, None, told, self._queue, out)
        else:
            if interest.derives or told:
                fold(state, ruleset, event, at, arrival, interest, told, self._queue, out)
            if interest.goals:
                reach(state, event, interest.goals, at, position, out)
            now = self._now
            now.meet(state, event, at, arrival)
            advance(state, now, interest, ruleset, self._queue, out)
        if self._queue:
            cascade(state, ruleset, position, self._queue, out)
        if state.weight > BYTES or len(state.waits) > WAITS:
            enforce(state, ruleset, out)
        return APPLIED

    def _on_touch(
        self,
        state: CustomerState,
        ruleset: Ruleset,
        arrival: int,
        clock: int,
        position: int,
        out: Out,
    ) -> str:
        """Let a customer in silence adopt the ruleset (102), and tell again what they are in: what
        a former owner has told late is behind that."""
        if not state.ring:  # no event ever
            return UNTRACKED
        on_clock(state, ruleset, clock, position, out)
        if state.derivations == ruleset.derivations:
            tell_again(state, ruleset, out, len(out))
            return APPLIED
        if ruleset.derives:
            state.next_record()
        at = max(state.tau, state.last, arrival)
        self._adopt_derived(state, None, ruleset, at, arrival, position, out)
        if state.weight > BYTES or len(state.waits) > WAITS:
            enforce(state, ruleset, out)
        return APPLIED

    def _adopt_derived(
        self,
        state: CustomerState,
        event: Event | None,
        ruleset: Ruleset,
        at: int,
        arrival: int,
        position: int,
        out: Out,
    ) -> set[str] | None:
        """Take over the definitions of *ruleset*, before *event* is looked at (without: a touch).

        Who comes for the first time begins outside of everything, and has every value from now on:
        so all that is watched is to be asked, whose names are returned.
        """
        is_another = state.derivations != ruleset.derivations
        adopt_derived(state, ruleset)
        if not is_another:  # it was stored under the same ones: nothing is looked at for that
            return None
        if ruleset.session is not None:
            ruleset.session.adopt(state, max(at, state.tau))
        if state.last < 0:
            return set().union(*[each.reads for each in (*ruleset.watched, *ruleset.dates)])
        if event is None and state.derivations:  # what has waited for it is told no earlier
            at = state.tau = max(state.tau, at)
        begin = len(out)
        meet(state, ruleset, event, at, arrival, self._queue, out)
        arm_all(state, ruleset, at, arrival)
        tell_again(state, ruleset, out, begin)
        if self._queue:
            cascade(state, ruleset, position, self._queue, out)
        return None


def _on_late_event(
    state: CustomerState,
    event: Event,
    ruleset: Ruleset,
    at: int,
    arrival: int,
    position: int,
    out: Out,
) -> None:
    """Take from an event that comes too late what it still says: the profile, goals, and what
    must not happen (27, 28)."""
    if ruleset.derives:
        state.next_record()
    interest = ruleset.interests.get(event.event_type)
    folds = () if interest is None else interest.folds
    told, folded = _learn_late(state, event, ruleset, folds, at, arrival, out)
    if interest is not None:
        reach(state, event, interest.goals, state.last, position, out)
        for look, trigger in interest.looks:
            try:
                look.cancel(state, event, at, "")
            except FATAL:
                raise
            except Exception as error:  # noqa: BLE001 - one bad trigger is a decision, not a crash
                fail(state, trigger, at, error, out)
        if ruleset.erred:
            tell_erred(state, ruleset, out)
    if told and ruleset.watched and not state.sleeps:
        hear_of(state, ruleset, told, folded, max(state.last, state.tau))


def _learn_late(
    state: CustomerState,
    event: Event,
    ruleset: Ruleset,
    folds: tuple[Taking, ...],
    at: int,
    arrival: int,
    out: Out,
) -> tuple[set[str], int | None]:
    """Take what a late event says of the customer into the profile, and into what takes it in at
    its own time; dates go by it at once. Return the names of what has changed, and the arrival if
    anything was folded."""
    told: set[str] = set()
    if event.event_type == IDENTIFY:
        told = _identify(state, event, ruleset, out) or told
        if told and ruleset.watched and not state.sleeps:
            remember(state, ruleset, told)
        if state.weight > BYTES:
            enforce(state, ruleset, out)
    folded: int | None = None
    for taking in folds:
        if taking.fold.takes_late and taking.take(state, event, at):
            told = told | {taking.name}
            folded = arrival
            state.weight += GROWTH
    if ruleset.whereabouts is not None:
        told = hear(state, ruleset, event, at, told) or told
        if ruleset.dates and not state.sleeps:
            arm(state, ruleset, told, max(state.last, state.tau), arrival)
    return told, folded


def on_clock(state: CustomerState, ruleset: Ruleset, clock: int, position: int, out: Out) -> Dues:
    """Decide the waits that are due by *clock*; see `Program.on_clock`."""
    if state.ruleset is not ruleset:
        adopt(state, ruleset)
    dues: Dues = []
    fire_due(state, ruleset, clock - state.lateness, NOTHING, position, out, dues)
    if state.weight > BYTES or len(state.waits) > WAITS:
        enforce(state, ruleset, out)
    return dues


def on_failed_delivery(state: CustomerState, trigger: str, firing_id: str) -> str:
    """Take back a firing whose delivery failed for good: cooldown and maximum forget it.

    One that is not known (any more), or was taken back before, changes nothing.
    """
    memory = state.limits.get(trigger)
    without = None if memory is None else memory.taken_back(firing_id)
    if without is None:
        return DUPLICATE
    state.limits[trigger] = without
    return APPLIED


def _identify(state: CustomerState, event: Event, ruleset: Ruleset, out: Out) -> set[str] | None:
    """Merge what the event says into the profile, but for what the ruleset declares (51); return
    the names whose values are others now."""
    said = event.event_data
    if not said:
        return None
    before, declared = state.profile, 0
    if ruleset.declared and not ruleset.declared.isdisjoint(said):
        said = {name: value for name, value in said.items() if name not in ruleset.declared}
        declared = len(event.event_data or ()) - len(said)
    if ruleset.kept is not None:
        said = profile.kept(said, ruleset.kept)
    state.profile, left_out = profile.merge(before, said)
    left_out += declared
    state.weight += profile.GROWTH * len(event.raw)
    out.extend([Bounded("attribute", "", state.customer_id)] * left_out)
    consent = profile.consent_of(state.profile)
    if profile.differ(consent, profile.consent_of(before)):
        out.append(ConsentChanged(state.customer_id, state.last, consent))
    if not ruleset.listens:
        return None
    after = state.profile
    return {name for name in said if profile.differ({"": before.get(name)}, {"": after.get(name)})}
