"""What went wrong, said in the logs: the first of a kind at once, the rest by their number.

The metrics count everything, and a topic holds each case. But who looks at a process first looks
at its logs, and a message that nobody gets must not be a silence there. A kind is a reason and
whom it concerns, so there are as many lines as reasons, however many customers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import structlog

from triggerstream.core.decisions import TriggerFailed
from triggerstream.core.keyed.control import RulesetMarked
from triggerstream.core.reasons import FailReason, Outcome
from triggerstream.core.records.dead_letters import DeadLetter
from triggerstream.core.records.deliveries import Delivery

AGAIN_AFTER: Final = 60.0
"""Seconds after which a kind that has gone on is told again, with how many there were."""
MOST: Final = 1000
"""Kinds that are told apart; those beyond are counted in the metrics only."""

_ENDS: Final = frozenset({Outcome.FAILED, Outcome.SUPPRESSED, Outcome.UNKNOWN})
"""Ends of an action after which somebody waits for a message."""
_OUR_WORDS: Final = frozenset(
    {FailReason.TEMPLATE, FailReason.NO_PROVIDER, FailReason.FORBIDDEN_ADDRESS}
)
"""Reasons whose detail is ours. Another's may quote what the far side said of a customer."""

_log = structlog.get_logger(__name__)

_Kind = tuple[str, ...]


class Notices:
    """Tells the first of a kind, and from then on how many more, at most once in `AGAIN_AFTER`.

    Args:
        topic: Short name of the input topic, whose dead letters are told.
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, topic: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._topic = topic
        self._clock = clock
        # By kind: when it was told last, and how many have come since.
        self._kinds: dict[_Kind, tuple[float, int]] = {}
        self._ruleset: int | None = None

    def decided(self, outcomes: Iterable[object]) -> None:
        """Take what one batch led to; outcomes of no kind told here are left alone."""
        for outcome in outcomes:
            match outcome:
                case Delivery(outcome=end) if end in _ENDS:
                    self._take_delivery(outcome)
                case DeadLetter():
                    self._take_letter(outcome)
                case TriggerFailed(trigger=trigger, error=error):
                    # What follows the error's class may be another text for each customer.
                    if self._is_new(("trigger_failed", trigger, error.partition(":")[0])):
                        _log.error("a trigger raised", trigger=trigger, error=error)
                case RulesetMarked(version=version, before=before) if version != self._ruleset:
                    self._ruleset = version
                    _log.info("ruleset is in force", version=version, before=before or None)
                case _:
                    pass

    def rejected(self, topic: str, reasons: Mapping[str, int]) -> None:
        """Take records of *topic* (short name) that became dead letters among those of this
        process's input topic, by reason."""
        for reason, number in reasons.items():
            if self._is_new(("dead_letter", topic, reason), number):
                _log.warning("dead letter", topic=topic, reason=reason, look=self._look(reason))

    def flush(self) -> None:
        """Tell of the kinds that have gone on since they were told last."""
        now = self._clock()
        for kind, (told, more) in list(self._kinds.items()):
            if more and now - told >= AGAIN_AFTER:
                self._kinds[kind] = (now, 0)
                what, *about = kind
                _log.warning(f"{what.replace('_', ' ')}: more", about=" ".join(about), number=more)

    def _take_delivery(self, ended: Delivery) -> None:
        reason = str(ended.reason or "")
        if not self._is_new((f"delivery_{ended.outcome}", ended.trigger, ended.channel, reason)):
            return
        detail = ended.detail if ended.reason in _OUR_WORDS else None
        _log.warning(
            f"delivery {ended.outcome}",
            trigger=ended.trigger,
            channel=ended.channel,
            reason=reason,
            **({"detail": detail} if detail else {}),
        )

    def _take_letter(self, letter: DeadLetter) -> None:
        if self._is_new(("dead_letter", self._topic, letter.reason)):
            _log.warning(
                "dead letter",
                topic=self._topic,
                reason=letter.reason,
                partition=letter.partition,
                offset=letter.offset,
                look=self._look(letter.reason),
            )

    def _look(self, reason: str) -> str:
        """Return the command that shows the letters with this reason."""
        return f"triggerstream dlq show --of {self._topic} --reason {reason}"

    def _is_new(self, kind: _Kind, number: int = 1) -> bool:
        """Note *number* more of *kind*; return whether it is to be told now."""
        found = self._kinds.get(kind)
        if found is not None:
            told, more = found
            self._kinds[kind] = (told, more + number)
            return False
        if len(self._kinds) >= MOST:
            return False
        self._kinds[kind] = (self._clock(), number - 1)
        return True
