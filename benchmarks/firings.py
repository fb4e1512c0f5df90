"""The load of a sender: firings as a worker writes them, under a policy that asks everything."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from benchmarks.plain import PlainSender
from triggerstream.core.decisions import Action, Firing, action_id, firing_id
from triggerstream.core.policy.ledger import Ledger
from triggerstream.core.records.actions import records_of
from triggerstream.core.records.deliveries import Delivery
from triggerstream.core.records.record import Kind
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.core.sending.send import Send

CUSTOMERS = 5_000
_TRIGGER = """\
trigger: bench
when: {event: cart_added}
then:
  - log: {message: hello}
"""


def policy(now: float) -> str:
    """Return a policy whose every gate asks something, and lets pass: it is not night *now*."""
    hour = int(now // 3600)
    night, morning = (hour + 11) % 24, (hour + 13) % 24
    return (
        f'quiet_hours: {{from: "{night:02}:00", to: "{morning:02}:00", zone: customer}}\n'
        "caps:\n"
        "  - {channel: log, limit: 900, window: 24h}\n"
        "  - {limit: 900, window: 7d}\n"
        "consent: {log: opt_in}\n"
    )


def files(now: float) -> dict[str, str]:
    return {"bench.yaml": _TRIGGER, "policy.yaml": policy(now)}


def firings(count: int, at: int, start: int = 0) -> Iterator[Firing]:
    """Yield *count* firings at *at* (epoch ms), of one action each, numbered from *start*."""
    for number in range(start, start + count):
        customer = f"customer-{number % CUSTOMERS:06d}"
        event = orjson.dumps(
            {
                "event_id": f"e{number}",
                "customer_id": customer,
                "event_type": "cart_added",
                "timestamp": at,
                "event_data": {"total": 99.9, "sku": "sku-00042", "page": "/products/000042"},
                "session_id": "session-000007",
                "source": "web",
            }
        )
        found = firing_id("bench", customer, None, "web", f"e{number}", None)
        yield Firing(
            firing_id=found,
            trigger="bench",
            customer_id=customer,
            at=at,
            instance=None,
            events=(f"e{number}",),
            actions=(Action(action_id(found, 0), "log", options={"message": "hello"}),),
            event=msgspec.Raw(event),
            profile={
                "email": f"{customer}@shop.example",
                "timezone": "Europe/Berlin",
                "log_consent": True,
                "preferences": {"lifecycle": False},
            },
        )


def values_of(count: int, at: int) -> tuple[list[bytes], list[bytes]]:
    """Return the values of the records of *count* firings at *at*, and of their answers."""
    fired = list(firings(count, at))
    values = [record.value or b"" for firing in fired for record in records_of(firing, 1)]
    answers = [
        orjson.dumps(
            {
                "action_id": action.action_id,
                "customer_id": firing.customer_id,
                "attempt": 1,
                "outcome": "sent",
            }
        )
        for firing in fired
        for action in firing.actions
    ]
    return values, answers


class EndedPlainly:
    """What `Ended` is compared with: a small sender of nobody's, some firings a turn."""

    def __init__(self, count: int, turn: int) -> None:
        self._turn = turn
        self._at = int(time.time() * 1000)
        self._sender = PlainSender()
        self._values, self._answers = values_of(count, self._at)
        self._offset = 0

    def turn(self) -> int:
        """Take the next firings to their ends."""
        some = slice(self._offset, self._offset + self._turn)
        for value, answer in zip(self._values[some], self._answers[some], strict=True):
            self._sender.fire(value, self._at)
            self._sender.end(answer, self._at)
        self._offset += self._turn
        return self._turn


class Ended:
    """The program alone: firings in, reserved, answered and ended, some a turn."""

    def __init__(self, count: int, turn: int) -> None:
        now = time.time()
        self._turn = turn
        self._at = int(now * 1000)
        self._ruleset = load_ruleset(files(now), version=1)
        self._send = Send()
        self._ledgers: dict[str, Ledger] = {}
        self._offset = 0
        self._values, self._answers = values_of(count, self._at)

    def turn(self) -> int:
        """Take the next firings to their ends."""
        send = self._send
        out: list[Any] = []
        for position in range(self._offset, self._offset + self._turn):
            self._take(self._values[position], Kind.FIRING, out)
            self._take(self._answers[position], Kind.RESULT, out)
        ended = [outcome for outcome in out if isinstance(outcome, Delivery)]
        assert len(ended) == self._turn, "an action was suppressed"
        for delivery in ended:
            send.encode(delivery, 1, self._at)
        self._offset += self._turn
        return self._turn

    def _take(self, value: bytes, kind: bytes, out: list[Any]) -> None:
        message = self._send.read(value, self._at, 0, 0, kind, ())
        ledger = self._ledgers.get(message.customer_id)
        if ledger is None:
            ledger = self._ledgers[message.customer_id] = Ledger()
        self._send.on_message(ledger, message, self._ruleset, self._at, self._at, 0, out)
