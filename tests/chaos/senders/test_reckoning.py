"""The reckoning of senders must be able to find what it looks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.chaos.senders.mailserver import MailServer
from tests.chaos.senders.receiver import Receiver
from tests.chaos.senders.reckoning import SENT, UNKNOWN, Reckoning
from tests.chaos.senders.story import Asked

MAIL = Asked("m", "letter", "email", "plain-1")
RIVAL = Asked("r", "reminder", "email", "plain-1")
HOOK = Asked("h", "order", "webhook", "plain-2")
MORNING, MORROW = (f"2026-03-0{day}T08:00:00.000Z" for day in (1, 2))


def end(asked: Asked, outcome: str = "sent", **fields: Any) -> dict[str, Any]:
    return {
        "action_id": asked.action_id,
        "customer_id": asked.customer_id,
        "channel": asked.channel,
        "outcome": outcome,
        "reason": "ambiguous" if outcome == "unknown" else None,
        "reserved_at": MORNING,
        **fields,
    }


def reckoned(
    *ends: Mapping[str, Any],
    asked: tuple[Asked, ...] = (MAIL, HOOK),
    mails: str = "m",
    hooks: str = "h",
    allowed: tuple[str, ...] = (SENT,),
) -> Reckoning:
    mail, receiver = MailServer(think=lambda: 0.0), Receiver({}, think=lambda: 0.0)
    mail.accepted, receiver.accepted = list(mails), list(hooks)
    return Reckoning(
        {each.action_id: each for each in asked}, ends, receiver, mail, lambda *_: allowed
    )


def test_what_is_as_it_must_be_is_not_wrong() -> None:
    found = reckoned(end(MAIL), end(HOOK), end(HOOK), hooks="hh")

    assert (found.wrong, found.doubled, found.repeated, found.told_again) == ([], 0, 1, 1)


def test_a_mail_that_was_accepted_twice_is_doubled_and_wrong() -> None:
    found = reckoned(end(MAIL), end(HOOK), mails="mm")

    assert found.doubled == 1
    assert found.row("F", 1, []).wrong > 0


@pytest.mark.parametrize(
    ("found", "says"),
    [
        pytest.param(reckoned(end(MAIL)), "order of plain-2 has no end", id="no end"),
        pytest.param(
            reckoned(end(MAIL), end(HOOK, attempts=1), end(HOOK, attempts=2)),
            "order of plain-2 has two ends: {'attempts': (1, 2)}",
            id="two ends",
        ),
        pytest.param(
            reckoned(end(MAIL), end(HOOK), asked=(HOOK,), mails=""),
            "m: an end of nothing",
            id="an end of nothing",
        ),
        pytest.param(
            reckoned(end(MAIL), end(HOOK), hooks="hx"),
            "x was accepted, and not asked for",
            id="accepted for nothing",
        ),
        pytest.param(
            reckoned(end(MAIL, "unknown"), end(HOOK)),
            "letter of plain-1: unknown ambiguous, not sent",
            id="unknown without a cause",
        ),
        pytest.param(
            reckoned(end(MAIL), end(HOOK), hooks=""),
            "order of plain-2 is sent, and was never accepted",
            id="sent to nobody",
        ),
        pytest.param(
            reckoned(end(MAIL, "failed"), end(HOOK), allowed=(SENT, "failed")),
            "letter of plain-1 is failed, and was accepted",
            id="failed, and accepted",
        ),
        pytest.param(
            reckoned(end(MAIL), end(RIVAL), asked=(MAIL, RIVAL), mails="m", hooks=""),
            "plain-1: over the cap, by reservations",
            id="over the cap",
        ),
        pytest.param(
            reckoned(end(MAIL), end(RIVAL, reserved_at=MORROW), asked=(MAIL, RIVAL), mails="mr"),
            "plain-1: over the cap, by mails",
            id="over the cap at the mail server",
        ),
    ],
)
def test_it_finds(found: Reckoning, says: str) -> None:
    assert says in found.wrong


def test_a_slot_is_free_again_a_day_later() -> None:
    ends = (end(MAIL), end(RIVAL, "unknown", reserved_at=MORROW))
    found = reckoned(*ends, asked=(MAIL, RIVAL), hooks="", allowed=(SENT, UNKNOWN))

    assert found.wrong == []


def test_of_the_unknown_it_says_how_many_a_far_side_heard_of() -> None:
    asked = tuple(Asked(name, "letter", "email", f"plain-{name}") for name in "abc")
    mail, receiver = MailServer(think=lambda: 0.0), Receiver({}, think=lambda: 0.0)
    mail.accepted = ["a"]  # and never b, of whom it heard, nor c, of whom it did not
    mail.tried.update(["plain-a", "plain-b"])
    ends = [end(each, "unknown") for each in asked] + [end(HOOK, "unknown")]
    found = Reckoning(
        {each.action_id: each for each in (*asked, HOOK)},
        ends,
        receiver,
        mail,
        lambda *_: [UNKNOWN],
    )

    assert (found.unknown, found.called) == (4, 2)
    assert [found.never_called(name) for name in "abch"] == [0, 0, 1, 1]
    assert "unknown: 4, of them called 2" in found.row("F", 1, []).note
