"""What was sent, against what was decided and what arrived."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any

from tests.e2e.sinks import Sinks
from triggerstream.core.timestamps import parse_moment

DAY = 86_400_000
OUTSIDE = frozenset({"webhook", "email"})
"""Channels that hand actions to somebody else."""


class Sent:
    """Every action of every firing has one end, no mail came twice, no cap is exceeded, and what is
    sent has arrived. Checks as it is made.

    Attributes:
        wrong: What must not be, in words.
        unknown: How many ends are unknown.
        came: How many of these came all the same.
    """

    def __init__(
        self,
        firings: Iterable[Mapping[str, Any]],
        deliveries: Iterable[Mapping[str, Any]],
        sinks: Sinks,
    ) -> None:
        asked = {action["action_id"] for firing in firings for action in firing["actions"]}
        self._ends: dict[str, Mapping[str, Any]] = {}
        self._mails = Counter(name.strip("<>").partition("@")[0] for name in sinks.mails)
        self._hooks = Counter(sinks.webhooks)
        self.wrong = [
            f"{each['action_id']} has two ends"
            for each in deliveries
            if self._ends.setdefault(each["action_id"], each) != each
        ]
        self.wrong += [f"{each} has no end" for each in asked - self._ends.keys()]
        self.wrong += [f"{each}: an end of nothing" for each in self._ends.keys() - asked]
        self.wrong += [
            f"the mail {each} came {n} times" for each, n in self._mails.items() if n > 1
        ]
        self._compare()
        self._respect_caps()
        unknown = [each for each, end in self._ends.items() if end["outcome"] == "unknown"]
        self.unknown = len(unknown)
        self.came = sum(each in self._mails for each in unknown)

    def _compare(self) -> None:
        for action_id, end in self._ends.items():
            outcome, came = end["outcome"], action_id in self._mails or action_id in self._hooks
            if end["channel"] not in OUTSIDE:
                continue
            if outcome == "sent" and not came:
                self.wrong.append(f"{action_id} is sent, and never came")
            elif outcome not in ("sent", "unknown") and came:
                self.wrong.append(f"{action_id} is {outcome}, and came")
            elif outcome == "unknown" and end["channel"] == "webhook":
                self.wrong.append(f"{action_id}: a webhook is called again, and ended as unknown")

    def _respect_caps(self) -> None:
        """No customer has more than one mail in any 24 h."""
        slots: defaultdict[str, list[int]] = defaultdict(list)
        for end in self._ends.values():
            if end["channel"] == "email" and end["outcome"] in ("sent", "unknown"):
                slots[end["customer_id"]].append(parse_moment(end["reserved_at"]))
        self.wrong += [
            f"{customer}: over the cap"
            for customer, taken in slots.items()
            if any(after - before < DAY for before, after in pairwise(sorted(taken)))
        ]

    def __str__(self) -> str:
        again = self._hooks.total() - len(self._hooks)
        told = (
            f"{len(self._mails)} mails, {len(self._hooks)} webhooks, {again} with the same id again"
        )
        if self.unknown:
            told += f", {self.unknown} unknown, of them {self.came} came"
        return told
