"""The sending program: firings and answers in, attempts and deliveries out.

It runs in the same keyed process as detection, over ``actions.v1``. Its state moves by records
only: firings, consent, goals, and the answers of channels. What becomes due is judged at the
instant at which it was due, not at the clock that happened to wake it, so that ticks change
latency and never a decision.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from triggerstream.core.decisions import ConsentChanged, GoalReached
from triggerstream.core.keyed.program import Dues
from triggerstream.core.policy import consent, ledger
from triggerstream.core.policy.ledger import Ledger, Pending
from triggerstream.core.policy.retries import REPEATABLE
from triggerstream.core.reasons import GateReason, Outcome, RecordStatus
from triggerstream.core.records import actions as records
from triggerstream.core.records.actions import Fired, Message, Result
from triggerstream.core.records.deliveries import Delivery, delivery_record
from triggerstream.core.records.record import KIND, Header, Kind, Produce
from triggerstream.core.rulesets.ruleset import Ruleset
from triggerstream.core.sending.deliveries import Attempt, FiringFailed
from triggerstream.core.sending.lifecycle import Turn, attempt_of
from triggerstream.core.timestamps import format_moment

_FAILED = ((KIND, Kind.FAILED),)


class Send:
    """The program of the sender (`core.keyed.program.Program`).

    Args:
        deadline: Seconds that a channel has to answer an attempt.
        repeatable: Channels that are called again when an answer is missing; the others deliver
            at most once. All senders of a topic must agree on both.
    """

    def __init__(self, *, deadline: float = 10.0, repeatable: frozenset[str] = REPEATABLE) -> None:
        self._deadline = deadline
        self._repeatable = repeatable

    # ── state ───────────────────────────────────────────────────────────────────────────────

    def read(
        self,
        value: bytes | None,
        timestamp: int,
        partition: int,
        offset: int,
        kind: bytes | None,
        headers: Sequence[Header],
    ) -> Message:
        return records.read(value, kind, headers)

    def new_state(self, customer_id: str, erased: int = -1) -> Ledger:
        return Ledger(erased=erased)

    def load(self, customer_id: str, value: bytes) -> Ledger:
        return ledger.load(value)

    def dump(self, state: Ledger, fence: int) -> bytes:
        return ledger.dump(state, fence)

    def transplant(self, value: bytes) -> bytes:
        return ledger.transplant(value)

    def wake_at(self, state: Ledger) -> int:
        return state.wake_at()

    # ── deciding ────────────────────────────────────────────────────────────────────────────

    def on_clock(
        self,
        state: Ledger,
        ruleset: Ruleset,
        clock: int,
        position: int,
        out: list[Any],
    ) -> Dues:
        """Judge what has come due: by due time, then priority, then arrival."""
        dues: Dues = []
        while state.wake_at() <= clock:
            waiting = (pending for pending in state.pending.values() if not pending.reserved)
            due = min(waiting, key=_urgency)
            dues.append((due.not_before, len(out)))
            self._turn(state, ruleset, due.not_before, out).consider(due)
        return dues

    def on_message(
        self,
        state: Ledger,
        message: Message,
        ruleset: Ruleset,
        arrival: int,
        clock: int,
        position: int,
        out: list[Any],
    ) -> str:
        turn = self._turn(state, ruleset, clock, out)
        if not isinstance(message, Result):
            if 0 <= message.position <= state.erased:
                turn.recall(message)
                return RecordStatus.DUPLICATE
            state.heard = max(state.heard, message.position)
        match message:
            case Fired():
                news = turn.admit(message, arrival) or not message.firing.actions
            case ConsentChanged(consent=attributes, at=at):
                consent.hear_record(state, attributes, at)
                news = True
            case GoalReached():
                news = turn.reach_goal(message)
            case _:
                news = turn.answer(message)
        return RecordStatus.APPLIED if news else RecordStatus.DUPLICATE

    def on_erase(
        self, state: Ledger, ruleset: Ruleset, clock: int, erased: int, out: list[Any]
    ) -> bool:
        """End all unfinished actions of a customer who is to be forgotten.

        An erasure may be heard late, after what was decided behind it, where its first append
        failed: that is told again too. So what tells a repeat stays then, and all else goes.
        """
        if 0 <= erased <= state.erased:
            return False
        turn = self._turn(state, ruleset, clock, out)
        while state.pending:
            turn.end(next(iter(state.pending.values())), Outcome.SUPPRESSED, GateReason.ERASED)
        if 0 <= erased < state.heard:
            state.forget(erased)
            return False
        return True

    def resume(self, state: Ledger) -> Sequence[Attempt]:
        """Return the calls that were reserved, and had no answer, when *state* was stored."""
        return [
            attempt_of(pending, records.read_firing(pending.firing).firing, self._deadline)
            for pending in state.pending.values()
            if pending.reserved
        ]

    # ── telling ─────────────────────────────────────────────────────────────────────────────

    def adopts(self, ruleset: Ruleset) -> tuple[bytes, bool]:
        """Nothing is derived here."""
        return b"", False

    def encode(self, outcome: Any, ruleset_version: int, clock: int) -> Sequence[Produce]:
        """Return the delivery's record, or the failure's, which goes back to detection."""
        match outcome:
            case Delivery():
                return (delivery_record(outcome),)
            case FiringFailed(firing_id=firing, trigger=trigger, customer_id=customer_id):
                value = orjson.dumps(
                    {"firing_id": firing, "trigger": trigger, "customer_id": customer_id}
                )
                return (Produce("events", None, customer_id.encode(), value, _FAILED),)
            case _:
                return ()

    def describe(self, state: Ledger, ruleset: Ruleset) -> dict[str, Any]:
        """Return *state* for people: what is pending, what counts under caps, what was said."""
        return {
            "consent": dict(state.consent),
            "pending": [_described(pending) for pending in state.pending.values()],
            "sends": [
                {"at": format_moment(sent.at), "channel": sent.channel, "type": sent.type}
                for sent in state.sends
            ],
            "goals": {trigger: format_moment(at) for trigger, at in state.goals.items()},
            "actions_remembered": len(state.marks),
        }

    def _turn(self, state: Ledger, ruleset: Ruleset, at: int, out: list[Any]) -> Turn:
        return Turn(state, ruleset, at, out, deadline=self._deadline, repeatable=self._repeatable)


def _urgency(pending: Pending) -> tuple[int, int]:
    """The order of what is due; `min` takes the first to arrive among equals."""
    return pending.not_before, pending.rank


def _described(pending: Pending) -> dict[str, Any]:
    return {
        "action_id": pending.action_id,
        "trigger": pending.trigger,
        "channel": pending.channel,
        "state": "reserved" if pending.reserved else "waiting",
        "not_before": format_moment(pending.not_before),
        "expires": format_moment(pending.expires),
        "attempts": pending.attempt,
    }
