"""The tally: each id once, and both sides of the conservation law."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import orjson

from triggerstream.core.decisions import Suppressed
from triggerstream.core.reasons import GateReason, Outcome, SuppressionReason
from triggerstream.core.records.deliveries import Delivery, delivery_record, suppressed_record
from triggerstream.core.records.record import KIND, Kind
from triggerstream.demo.tally import Tally, take_tally

METRICS = """\
# TYPE triggerstream_matches_total counter
triggerstream_matches_total{trigger="cart"} 4.0
# TYPE triggerstream_matched_actions_total counter
triggerstream_matched_actions_total{trigger="cart"} 8.0
# TYPE triggerstream_suppressed_total counter
triggerstream_suppressed_total{trigger="cart",reason="cooldown"} 1.0
triggerstream_suppressed_total{trigger="cart",reason="condition"} 0.0
# TYPE triggerstream_suppressed_actions_total counter
triggerstream_suppressed_actions_total{trigger="cart",reason="cooldown"} 2.0
"""


def record(value: dict[str, Any], kind: bytes | None = None) -> SimpleNamespace:
    headers = () if kind is None else ((KIND, kind),)
    return SimpleNamespace(value=orjson.dumps(value), headers=headers)


def firing(number: int) -> SimpleNamespace:
    return record({"firing_id": f"f{number}", "trigger": "cart"}, Kind.FIRING)


def delivery(number: int, outcome: Outcome, reason: GateReason | None = None) -> SimpleNamespace:
    ended = Delivery(
        action_id=f"a{number}",
        firing_id="f1",
        trigger="cart",
        customer_id="c1",
        channel="email",
        type="behavioral",
        mode="live",
        outcome=outcome,
        reason=reason,
        failing=(),
        at=0,
        attempts=1,
    )
    return SimpleNamespace(value=delivery_record(ended).value, headers=())


async def tally(topics: dict[str, list[Any]]) -> Tally:
    async def read(short: str) -> AsyncIterator[Any]:
        for found in topics[short]:
            yield found

    return await take_tally(read, METRICS)


async def test_an_id_that_comes_twice_counts_once() -> None:
    found = await tally(
        {
            "actions": [firing(1), firing(2), firing(1)],
            "deliveries": [delivery(1, Outcome.SENT), delivery(1, Outcome.SENT)],
        }
    )

    assert found.lines["cart"].firings == 2
    assert found.lines["cart"].sent == {"email": 1}


async def test_only_firings_of_the_actions_topic_are_firings() -> None:
    goal = record({"trigger": "cart", "customer_id": "c1"}, Kind.GOAL)

    found = await tally({"actions": [goal, firing(1)], "deliveries": []})

    assert found.lines["cart"].firings == 1


async def test_only_deliveries_of_their_topic_are_ends_of_actions() -> None:
    match = Suppressed(SuppressionReason.COOLDOWN, "cart", "c1", 0, None, (), 2, match_id="m1")
    suppressed = suppressed_record(match, 1)
    unknown = record({"action_id": "a1", "trigger": "cart"}, b"outcome")

    found = await tally(
        {"actions": [], "deliveries": [suppressed, delivery(1, Outcome.SENT), unknown]}
    )

    assert found.lines["cart"].sent == {"email": 1}
    assert found.ended_actions == Counter(suppressed=2, sent=1)


async def test_what_was_not_sent_is_told_with_its_reason() -> None:
    ends = [delivery(1, Outcome.SUPPRESSED, GateReason.CONSENT), delivery(2, Outcome.HELD_OUT)]

    found = await tally({"actions": [], "deliveries": ends})

    others = {"cooldown (match)": 1, "consent (suppressed)": 1, "held_out": 1}
    assert found.lines["cart"].others == others


async def test_both_sides_of_the_conservation_law_are_counted_in_actions() -> None:
    ends = [delivery(1, Outcome.SENT), delivery(2, Outcome.SUPPRESSED, GateReason.CONSENT)]

    found = await tally({"actions": [], "deliveries": ends})

    assert found.matched_actions == 8
    assert found.ended_actions == Counter(suppressed=2 + 1, sent=1)
