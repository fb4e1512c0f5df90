"""What went wrong is said once by kind, then by number: no case is silent, and no flood is told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
import structlog
from structlog.testing import capture_logs

from tests.ops import test_metrics as of
from triggerstream.core.decisions import TriggerFailed
from triggerstream.core.keyed.control import RulesetMarked
from triggerstream.core.reasons import CancelReason, FailReason, GateReason, Outcome
from triggerstream.core.records.dead_letters import DeadLetter
from triggerstream.core.records.deliveries import Delivery
from triggerstream.ops.notices import AGAIN_AFTER, MOST, Notices


def delivery(outcome: Outcome, reason: str, *, trigger: str = "cart", detail: str = "") -> Delivery:
    return msgspec.structs.replace(of.delivery(outcome, reason), trigger=trigger, detail=detail)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Told:
    """Notices by a clock that stands still until it is set, and what they have said."""

    def __init__(self, lines: list[Any]) -> None:
        self.clock = Clock()
        self.notices = Notices("actions", self.clock)
        self.lines = lines

    def events(self) -> list[str]:
        return [line["event"] for line in self.lines]


@pytest.fixture(name="told")
def _told() -> Iterator[Told]:
    structlog.reset_defaults()
    with capture_logs() as lines:
        yield Told(lines)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (Outcome.FAILED, FailReason.TEMPLATE),
        (Outcome.SUPPRESSED, GateReason.CONSENT),
        (Outcome.UNKNOWN, FailReason.AMBIGUOUS),
    ],
)
def test_a_message_that_nobody_gets_is_told_as_a_warning(
    told: Told, outcome: Outcome, reason: Any
) -> None:
    told.notices.decided([delivery(outcome, reason, trigger="cart")])

    [line] = told.lines
    assert (line["event"], line["log_level"]) == (f"delivery {outcome}", "warning")
    assert (line["trigger"], line["channel"], line["reason"]) == ("cart", "email", reason)


@pytest.mark.parametrize(
    ("outcome", "reason"), [(Outcome.SENT, ""), (Outcome.CANCELLED, CancelReason.GOAL)]
)
def test_a_message_that_went_out_or_is_not_wanted_is_no_warning(
    told: Told, outcome: Outcome, reason: Any
) -> None:
    told.notices.decided([delivery(outcome, reason)])

    assert told.lines == []


def test_our_own_words_are_told_and_those_of_a_far_side_are_not(told: Told) -> None:
    told.notices.decided(
        [
            delivery(Outcome.FAILED, FailReason.TEMPLATE, detail="text: amount is undefined"),
            delivery(Outcome.FAILED, FailReason.REJECTED, detail="550 ann@example.com unknown"),
        ]
    )

    ours, theirs = told.lines
    assert ours["detail"] == "text: amount is undefined"
    assert "ann@example.com" not in str(theirs)


def test_the_same_again_is_counted_and_told_by_its_number(told: Told) -> None:
    one = delivery(Outcome.FAILED, FailReason.TEMPLATE)
    told.notices.decided([one])
    told.notices.decided([one, one, one])
    assert len(told.lines) == 1

    told.clock.now = AGAIN_AFTER - 0.001
    told.notices.flush()
    assert len(told.lines) == 1

    told.clock.now = AGAIN_AFTER
    told.notices.flush()
    assert (told.lines[1]["event"], told.lines[1]["number"]) == ("delivery failed: more", 3)


def test_what_has_ended_is_not_told_again(told: Told) -> None:
    told.notices.decided([delivery(Outcome.FAILED, FailReason.TEMPLATE)])

    told.clock.now = 10 * AGAIN_AFTER
    told.notices.flush()

    assert len(told.lines) == 1


def test_another_trigger_or_reason_is_told_by_itself(told: Told) -> None:
    told.notices.decided(
        [
            delivery(Outcome.FAILED, FailReason.TEMPLATE, trigger="a"),
            delivery(Outcome.FAILED, FailReason.TEMPLATE, trigger="b"),
            delivery(Outcome.FAILED, FailReason.REJECTED, trigger="b"),
        ]
    )

    assert len(told.lines) == 3


def test_a_dead_letter_is_told_with_where_to_look(told: Told) -> None:
    told.notices.decided([DeadLetter("bad_json", "", 3, 7, 0, None, b"{")])

    [line] = told.lines
    assert (line["event"], line["reason"]) == ("dead letter", "bad_json")
    assert (line["partition"], line["offset"]) == (3, 7)
    assert line["look"] == "triggerstream dlq show --of actions --reason bad_json"


def test_what_the_intake_rejects_is_told_and_counted(told: Told) -> None:
    told.notices.rejected("inbox", {"missing_field": 3})

    told.clock.now = AGAIN_AFTER
    told.notices.flush()

    assert told.events() == ["dead letter", "dead letter: more"]
    # They are among the letters of the input topic: the inbox has no topic of its own for them.
    assert told.lines[0]["look"] == "triggerstream dlq show --of actions --reason missing_field"
    assert told.lines[1]["number"] == 2


@pytest.mark.covers("B18")
def test_a_trigger_that_raises_is_an_error(told: Told) -> None:
    told.notices.decided([TriggerFailed("cart", "c1", 0, "ZeroDivisionError")])

    [line] = told.lines
    assert (line["log_level"], line["trigger"]) == ("error", "cart")
    assert "c1" not in str(line)


def test_a_trigger_that_raises_for_many_customers_is_one_kind(told: Told) -> None:
    told.notices.decided(
        [TriggerFailed("cart", f"c{n}", 0, f"ValueError: at most 9; found {n}") for n in range(99)]
    )
    told.notices.decided([TriggerFailed("cart", "c1", 0, "OverflowError: too large")])

    assert [line["error"].partition(":")[0] for line in told.lines] == [
        "ValueError",
        "OverflowError",
    ]


def test_a_ruleset_comes_into_force_once_however_many_partitions_it_is_marked_in(
    told: Told,
) -> None:
    told.notices.decided([RulesetMarked(2, "hash", before=1)])
    told.notices.decided([RulesetMarked(2, "hash", before=1)])

    assert [(line["event"], line["version"]) for line in told.lines] == [("ruleset is in force", 2)]


def test_so_many_kinds_are_told_and_no_more(told: Told) -> None:
    kinds = [delivery(Outcome.FAILED, FailReason.TEMPLATE, trigger=f"t{n}") for n in range(MOST)]
    told.notices.decided(kinds)
    assert len(told.lines) == MOST

    told.notices.decided([delivery(Outcome.FAILED, FailReason.TEMPLATE, trigger="one more")])

    assert len(told.lines) == MOST
