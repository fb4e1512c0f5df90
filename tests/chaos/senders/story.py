"""What customers do in the rows of senders, and what must come of it.

A customer's name begins with how the far side is going to treat them: ``greylist-7``. Every event
of interest fires one trigger with one action, so that what is asked for is known beforehand.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import orjson

from triggerstream.authoring.files import read_files
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.core.timestamps import format_moment
from triggerstream.replay.driver import replay_lines

TRIGGERS = Path(__file__).parent / "triggers"


class Asked(msgspec.Struct, frozen=True):
    """An action that a firing asks for, as `replay` decides it."""

    action_id: str
    trigger: str
    channel: str
    customer_id: str

    @property
    def kind(self) -> str:
        """How the far side treats this customer."""
        return kind_of(self.customer_id)


def kind_of(customer_id: str) -> str:
    return customer_id.rpartition("-")[0]


class Story:
    """Everything that was told, and every action that it asks for."""

    def __init__(self) -> None:
        self.asked: dict[str, Asked] = {}
        self._ruleset = load_ruleset(read_files(TRIGGERS), version=1)
        self._known: dict[str, list[bytes]] = {}

    def tell(self, kind: str, *types: str) -> tuple[list[bytes], list[Asked]]:
        """Return the events of a new customer of *kind* who does *types*, and what they ask for."""
        customer, events = self.meet(kind)
        news, asked = self.go_on(customer, *types)
        return events + news, asked

    def meet(self, kind: str) -> tuple[str, list[bytes]]:
        """Return a new customer of *kind*, and the events that tell who it is."""
        customer = f"{kind}-{len(self._known) + 1}"
        profile = {"email": f"{customer}@example.com", "email_consent": True, "first_name": "Jo"}
        events = [self._event(customer, "identify", 0, profile)]
        self._known[customer] = list(events)
        return customer, events

    def go_on(self, customer: str, *types: str) -> tuple[list[bytes], list[Asked]]:
        """Return what *customer* does now, and what that asks for."""
        past = self._known[customer]
        news = [self._event(customer, type_, len(past) + n, {}) for n, type_ in enumerate(types)]
        past.extend(news)
        # Decided over the customer's whole log: a firing depends on nothing else.
        fresh = [each for each in self._decide(past) if each.action_id not in self.asked]
        self.asked |= {each.action_id: each for each in fresh}
        return news, fresh

    def _decide(self, events: Iterable[bytes]) -> list[Asked]:
        return [
            Asked(action["action_id"], line["trigger"], action["channel"], line["customer_id"])
            for line in replay_lines(self._ruleset, events)
            if line["kind"] == "firing"
            for action in line["actions"]
        ]

    def _event(self, customer: str, type_: str, number: int, data: dict[str, Any]) -> bytes:
        return orjson.dumps(
            {
                "event_id": f"{customer}-{number}",
                "customer_id": customer,
                "event_type": type_,
                "timestamp": format_moment(int(time.time() * 1000)),
                "source": "chaos",
                "event_data": data,
            }
        )
