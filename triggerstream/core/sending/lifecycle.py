"""One instant of one customer: what becomes of an action.

An action waits until it is due, passes the gates, is reserved (which takes its slot under the
caps), is called by the channel, and ends with the answer. A retry goes the same way again, its
slot moving to the instant of the new call. `end` is the only way out, so that every action has
exactly one `Delivery`.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from triggerstream.core.decisions import Action, ConsentChanged, Firing, GoalReached
from triggerstream.core.model import DAY, PRIORITIES
from triggerstream.core.policy import consent
from triggerstream.core.policy.caps import longest_window
from triggerstream.core.policy.gates import Case, failing
from triggerstream.core.policy.holdout import is_held_out
from triggerstream.core.policy.ledger import Ledger, Pending, Sent
from triggerstream.core.policy.retries import MAX_FAILURES, backoff
from triggerstream.core.reasons import CancelReason, FailReason, GateReason, Outcome
from triggerstream.core.records.actions import Fired, Result, read_firing, read_named
from triggerstream.core.records.deliveries import Delivery, Failing, Reason
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.sending.deliveries import Admitted, Attempt, FiringFailed, Ignored

REPLAY_SLACK = DAY
"""How long after an action's expiry a repeat of it is still known for one. A repeat comes from a
worker that crashed and decided again, seconds later; a later one is suppressed as expired."""


class Turn:
    """Decides for one customer at the instant *at*, changing *ledger* and appending to *out*.

    Args:
        deadline: Seconds that a channel has to answer.
        repeatable: Channels that are called again when an answer is missing.
    """

    __slots__ = ("_deadline", "_ledger", "_out", "_repeatable", "_ruleset", "at")

    def __init__(
        self,
        ledger: Ledger,
        ruleset: Ruleset,
        at: int,
        out: list[Any],
        *,
        deadline: float,
        repeatable: frozenset[str],
    ) -> None:
        self._ledger = ledger
        self._ruleset = ruleset
        self.at = at
        self._out = out
        self._deadline = deadline
        self._repeatable = repeatable

    # ── what comes ──────────────────────────────────────────────────────────────────────────

    def admit(self, fired: Fired, arrival: int) -> bool:
        """Take on the actions of a firing; return whether any of them was new.

        A repeat, after a crash of detection, must change nothing. So it is recognised here,
        before anything is noted or judged, and the mark is set whatever becomes of the action.
        """
        ledger, firing, policy = self._ledger, fired.firing, self._ruleset.policy
        new = {a.action_id: a for a in firing.actions if a.action_id not in ledger.marks}
        repeats = len(firing.actions) - len(new)
        self._out.extend([Ignored("repeat", firing.customer_id, self.at)] * repeats)
        if not new:
            return False
        ledger.prune(self.at, window=longest_window(policy.caps), slack=REPLAY_SLACK)
        # A firing is read behind a backlog, or, where a timestamp ran ahead, before its moment.
        fired_at = min(firing.at, arrival)
        consent.hear_profile(ledger, firing.profile, firing.at)
        for action in new.values():
            self._out.append(Admitted(firing.trigger, action.channel))
            # Counted from the firing, not from its arrival, so that a repeat expires with it.
            expires = firing.at + action.after + policy.expiry
            ledger.marks[action.action_id] = max(expires, self.at) + REPLAY_SLACK
            pending = Pending(
                action_id=action.action_id,
                trigger=firing.trigger,
                channel=action.channel,
                type=firing.type,
                rank=PRIORITIES.index(firing.priority),
                expires=expires,
                not_before=max(fired_at + action.after, self.at),
                firing=fired.raw,
            )
            if pending.not_before > self.at:
                self._keep(pending, fired)
            else:
                self.consider(pending, fired)
        return True

    def recall(self, told: Fired | ConsentChanged | GoalReached) -> None:
        """Pass over what was decided before the customer was erased, and is told again since
        detection has crashed. All memory of the first time is gone."""
        number = len(told.firing.actions) if isinstance(told, Fired) else 1
        self._out.extend([Ignored("repeat", told.customer_id, self.at)] * number)

    def answer(self, result: Result) -> bool:
        """Take a channel's answer; return whether it was awaited.

        The first answer to an attempt counts. A later one, such as ``sent`` after the deadline
        had made it unknown, changes nothing and is counted: an action has one end.
        """
        pending = self._ledger.pending.get(result.action_id)
        if pending is None or not pending.reserved or pending.attempt != result.attempt:
            self._out.append(Ignored("late_result", result.customer_id, self.at))
            return False
        if result.outcome == "sent":
            self.end(pending, Outcome.SENT, None, result=result)
        elif result.outcome == "failed":
            self.end(pending, Outcome.FAILED, result.reason or FailReason.REJECTED, result=result)
        elif result.outcome == "unknown" and pending.channel not in self._repeatable:
            self.end(pending, Outcome.UNKNOWN, FailReason.AMBIGUOUS, result=result)
        else:
            self._try_again(pending, result)
        return True

    def reach_goal(self, goal: GoalReached) -> bool:
        """Call off what the goal's trigger has not sent yet; return whether the goal was news.

        A repeat after a crash must not call off what fired since: it is known by its place in
        the log of events, and there by its number.
        """
        ledger, trigger = self._ledger, goal.trigger
        if ledger.has_heard_goal(trigger, goal.position, goal.n):
            self._out.append(Ignored("repeat", goal.customer_id, self.at))
            return False
        ledger.note_goal(trigger, goal.position, goal.n)
        ledger.goals[trigger] = max(goal.at, ledger.goals.get(trigger, goal.at))
        for action_id in list(self._ledger.pending):
            pending = self._ledger.pending[action_id]
            if pending.trigger != trigger:
                continue
            if pending.reserved:
                self._ledger.pending[pending.action_id] = replace(pending, called_off=True)
            else:
                self.end(pending, Outcome.CANCELLED, CancelReason.GOAL)
        return True

    # ── the way of an action ────────────────────────────────────────────────────────────────

    def consider(self, pending: Pending, fired: Fired | None = None) -> None:
        """Ask all gates, from the top: reserve the action, keep it for later, or end it."""
        fired = fired or read_firing(pending.firing)
        firing, compiled = fired.firing, self._ruleset.triggers.get(pending.trigger)
        against = failing(
            Case(
                pending=pending,
                firing=firing,
                trigger=None if compiled is None else compiled.source,
                outdated=fired.ruleset > self._ruleset.version,
                policy=self._ruleset.policy,
                ledger=self._ledger,
                at=self.at,
            )
        )
        if not against:
            if is_held_out(firing.trigger, firing.customer_id, firing.holdout):
                self.end(pending, Outcome.HELD_OUT, None)
            else:
                self._reserve(pending, fired)
            return
        first = against[0]
        if first.until is not None and first.until < pending.expires:
            self._keep(replace(pending, not_before=first.until, reserved=False), fired)
        else:
            self.end(pending, Outcome.SUPPRESSED, first.reason, against)

    def end(
        self,
        pending: Pending,
        outcome: Outcome,
        reason: Reason | None,
        against: tuple[Failing, ...] = (),
        result: Result | None = None,
    ) -> None:
        """End an action.

        Its slot stays taken if it went out or may have; all other ends give it back. What may
        have gone out in an earlier call does not end as if it had not: it is unknown.
        """
        ledger, firing = self._ledger, read_named(pending.firing)
        detail = result.detail if result else against[0].detail if against else ""
        if pending.ambiguous and outcome is not Outcome.SENT:
            detail = f"an earlier call had no answer; then {outcome} ({reason}) {detail}".rstrip()
            outcome, reason = Outcome.UNKNOWN, FailReason.AMBIGUOUS
        ledger.pending.pop(pending.action_id, None)
        if outcome in (Outcome.SENT, Outcome.UNKNOWN) and pending.slot is not None:
            ledger.sends.append(Sent(pending.slot, pending.channel, pending.type))
        self._out.append(
            Delivery(
                action_id=pending.action_id,
                firing_id=firing.firing_id,
                trigger=pending.trigger,
                customer_id=firing.customer_id,
                channel=pending.channel,
                type=pending.type,
                mode=firing.mode,
                outcome=outcome,
                reason=reason,
                failing=against,
                at=self.at,
                attempts=pending.attempt,
                detail=detail,
                provider_id=result.provider_id if result else None,
                slot=pending.slot,
            )
        )
        if self._has_failed(pending, outcome) and reason is not GateReason.ERASED:
            self._out.append(
                FiringFailed(firing.firing_id, pending.trigger, firing.customer_id, self.at)
            )

    def _has_failed(self, ended: Pending, outcome: Outcome) -> bool:
        """Return whether with *ended* its firing has failed: no action of it is left, none went
        out, and one failed. Otherwise its other actions are told of the end."""
        so_far = ended.others
        if outcome in (Outcome.SENT, Outcome.UNKNOWN):
            so_far = "out"
        elif outcome is Outcome.FAILED and so_far != "out":
            so_far = "failed"
        pending = self._ledger.pending
        left = [other for other in pending.values() if other.firing == ended.firing]
        for other in left:
            pending[other.action_id] = replace(other, others=so_far)
        return so_far == "failed" and not left

    def _reserve(self, pending: Pending, fired: Fired) -> None:
        reserved = replace(
            pending,
            attempt=pending.attempt + 1,
            reserved=True,
            slot=self.at,
            ruleset=self._ruleset.version,
        )
        if self._keep(reserved, fired):
            self._out.append(attempt_of(reserved, fired.firing, self._deadline))

    def _keep(self, pending: Pending, fired: Fired) -> bool:
        """Keep an unfinished action; return whether there was room for it."""
        ledger = self._ledger
        if pending.action_id not in ledger.pending and not ledger.has_room(fired.raw):
            self.end(pending, Outcome.SUPPRESSED, GateReason.OVERFLOW)
            return False
        ledger.pending[pending.action_id] = pending
        return True

    def _try_again(self, pending: Pending, result: Result) -> None:
        """Wait for the next attempt, unless there is a reason not to have one.

        After a temporary no the pause grows with the failures. A missing answer is one step ahead
        of that, so that the first is followed by a new call at once, with the same id. A call
        that never began is no failure.
        """
        called = result.reason is not FailReason.NOT_CALLED
        unanswered = result.outcome == "unknown"
        failures = pending.failures + called
        pause = backoff(failures - unanswered) if called else 0
        pause = max(pause, round((result.retry_after or 0) * 1000))
        pending = replace(
            pending,
            failures=failures,
            reserved=False,
            ambiguous=pending.ambiguous or unanswered,
            not_before=self.at + pause,
        )
        if pending.called_off:
            self.end(pending, Outcome.CANCELLED, CancelReason.GOAL, result=result)
        elif failures >= MAX_FAILURES or pending.not_before >= pending.expires:
            self.end(pending, Outcome.FAILED, FailReason.EXHAUSTED, result=result)
        elif pause:
            self._ledger.pending[pending.action_id] = pending
        else:
            self.consider(pending)


def attempt_of(pending: Pending, firing: Firing, deadline: float) -> Attempt:
    """Return the call that *pending* is reserved for."""
    action = _action(firing, pending.action_id)
    return Attempt(
        action_id=pending.action_id,
        attempt=pending.attempt,
        customer_id=firing.customer_id,
        at=pending.slot or 0,
        trigger=pending.trigger,
        channel=pending.channel,
        template=action.template,
        options=action.options,
        ruleset=pending.ruleset,
        firing=pending.firing,
        deadline=deadline,
    )


def _action(firing: Firing, action_id: str) -> Action:
    return next(action for action in firing.actions if action.action_id == action_id)
