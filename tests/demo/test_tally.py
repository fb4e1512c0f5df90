"""The tally: each id once, and both sides of the conservation law."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import orjson

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


def delivery(number: int, outcome: str, reason: str | None = None) -> SimpleNamespace:
    ended = {"outcome": outcome, "reason": reason, "channel": "email"}
    return record({"action_id": f"a{number}", "trigger": "cart", **ended})


async def tally(topics: dict[str, list[SimpleNamespace]]) -> Tally:
    async def read(short: str) -> AsyncIterator[Any]:
        for found in topics[short]:
            yield found

    return await take_tally(read, METRICS)


async def test_an_id_that_comes_twice_counts_once() -> None:
    found = await tally(
        {
            "actions": [firing(1), firing(2), firing(1)],
            "deliveries": [delivery(1, "sent"), delivery(1, "sent")],
        }
    )

    assert found.lines["cart"].firings == 2
    assert found.lines["cart"].sent == {"email": 1}


async def test_only_firings_of_the_actions_topic_are_firings() -> None:
    goal = record({"trigger": "cart", "customer_id": "c1"}, Kind.GOAL)

    found = await tally({"actions": [goal, firing(1)], "deliveries": []})

    assert found.lines["cart"].firings == 1


async def test_what_was_not_sent_is_told_with_its_reason() -> None:
    ends = [delivery(1, "suppressed", "consent"), delivery(2, "held_out")]

    found = await tally({"actions": [], "deliveries": ends})

    others = {"cooldown (match)": 1, "consent (suppressed)": 1, "held_out": 1}
    assert found.lines["cart"].others == others


async def test_both_sides_of_the_conservation_law_are_counted_in_actions() -> None:
    ends = [delivery(1, "sent"), delivery(2, "suppressed", "consent")]

    found = await tally({"actions": [], "deliveries": ends})

    assert found.matched_actions == 8
    assert found.ended_actions == Counter(suppressed=2 + 1, sent=1)
