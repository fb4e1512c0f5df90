"""What came of everything that was asked for: deliveries against what the far sides saw."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from statistics import median
from typing import Any

from tests.chaos.rows import Row
from tests.chaos.senders.mailserver import MailServer
from tests.chaos.senders.receiver import Receiver
from tests.chaos.senders.story import Asked
from triggerstream.core.timestamps import parse_moment

DAY = 86_400_000
SENT = "sent"
UNKNOWN = "unknown ambiguous"
CAPPED = "suppressed frequency_cap"

Expect = Callable[[Asked, Mapping[str, Any]], Iterable[str]]
"""Which ends an action may have, each as its outcome, and its reason if there is one."""


class Reckoning:
    """Checks as it is made.

    Attributes:
        wrong: What must not be, in words.
        ends: The end of each action, by its id.
        doubled: Mails accepted again.
        repeated: Webhooks accepted again, with the same id.
        told_again: Records of ends that are there already, and say the same.
        unknown: How many ends are unknown.
        called: Of how many of these a far side heard.
    """

    def __init__(
        self,
        asked: Mapping[str, Asked],
        deliveries: Iterable[Mapping[str, Any]],
        receiver: Receiver,
        mail: MailServer,
        expect: Expect,
    ) -> None:
        self.wrong = list(receiver.wrong)
        self.ends: dict[str, Mapping[str, Any]] = {}
        self.told_again = 0
        self.compared = len(asked)
        self._asked = asked
        self._hooks = Counter(receiver.accepted)
        self._mails = Counter(mail.accepted)
        self._heard_of = {call.action_id for call in receiver.calls} | set(receiver.accepted)
        self._written_to = set(mail.tried)
        self._collect(deliveries)
        self._compare(expect)
        self._respect_caps()
        unknown = [action_id for action_id in self.ends if self._is_unknown(action_id)]
        self.unknown = len(unknown)
        self.called = self.unknown - self.never_called(unknown)
        self.doubled = self._mails.total() - len(self._mails)
        self.repeated = self._hooks.total() - len(self._hooks)

    def add(self, other: Reckoning) -> None:
        """Take in what came of another installation."""
        self.wrong += other.wrong
        self.compared += other.compared
        self.doubled += other.doubled
        self.repeated += other.repeated
        self.told_again += other.told_again
        self.unknown += other.unknown
        self.called += other.called

    def never_called(self, actions: Iterable[str]) -> int:
        """Return how many of *actions* ended as unknown though no far side ever heard of them."""
        unknown = filter(self._is_unknown, actions)
        return sum(not self._was_called(action_id) for action_id in unknown)

    def _is_unknown(self, action_id: str) -> bool:
        return action_id in self.ends and self.ends[action_id]["outcome"] == "unknown"

    def _was_called(self, action_id: str) -> bool:
        """Return whether a far side heard of it: the receiver of its id, or the mail server of the
        customer, who gets no more than one mail here."""
        if self._mails[action_id] or action_id in self._heard_of:
            return True
        asked = self._asked.get(action_id)
        return asked is None or (asked.channel == "email" and asked.customer_id in self._written_to)

    def _collect(self, deliveries: Iterable[Mapping[str, Any]]) -> None:
        """Take the ends in. A crash may write a record of one again, but never another one."""
        for delivery in deliveries:
            action_id = delivery["action_id"]
            if action_id not in self.ends:
                self.ends[action_id] = delivery
                continue
            self.told_again += 1
            if self.ends[action_id] != delivery:
                before = self.ends[action_id]
                told = {k: (before[k], v) for k, v in delivery.items() if before[k] != v}
                self.wrong.append(f"{self._name(action_id)} has two ends: {told}")
        self.wrong += [f"{self._name(a)} has no end" for a in self._asked.keys() - self.ends.keys()]
        self.wrong += [f"{a}: an end of nothing" for a in self.ends.keys() - self._asked.keys()]
        for accepted in (self._hooks, self._mails):
            self.wrong += [f"{a} was accepted, and not asked for" for a in accepted - self._keys()]

    def _keys(self) -> Counter[str]:
        return Counter(dict.fromkeys(self._asked, 1 << 30))

    def _compare(self, expect: Expect) -> None:
        for action_id, end in self.ends.items():
            asked = self._asked.get(action_id)
            if asked is None:
                continue
            outcome = " ".join(filter(None, (end["outcome"], end["reason"])))
            allowed = tuple(expect(asked, end))
            if outcome not in allowed:
                self.wrong.append(f"{self._name(action_id)}: {outcome}, not {' or '.join(allowed)}")
            self._compare_acceptance(asked, end["outcome"])

    def _compare_acceptance(self, asked: Asked, outcome: str) -> None:
        if asked.channel == "log":
            return
        seen = self._hooks if asked.channel == "webhook" else self._mails
        times = seen[asked.action_id]
        if outcome == "sent" and not times:
            self.wrong.append(f"{self._name(asked.action_id)} is sent, and was never accepted")
        elif outcome not in ("sent", "unknown") and times:
            self.wrong.append(f"{self._name(asked.action_id)} is {outcome}, and was accepted")

    def _respect_caps(self) -> None:
        """No customer has more than one mail in any 24 h: by what was reserved, and by what the
        mail server took in all the time, which is less than a day."""
        slots: defaultdict[str, list[int]] = defaultdict(list)
        for end in self.ends.values():
            if end["channel"] == "email" and end["outcome"] in ("sent", "unknown"):
                slots[end["customer_id"]].append(parse_moment(end["reserved_at"]))
        for customer, taken in slots.items():
            if any(after - before < DAY for before, after in pairwise(sorted(taken))):
                self.wrong.append(f"{customer}: over the cap, by reservations")
        got = Counter(self._asked[a].customer_id for a in self._mails if a in self._asked)
        self.wrong += [f"{c}: over the cap, by mails" for c, number in got.items() if number > 1]

    def _name(self, action_id: str) -> str:
        asked = self._asked.get(action_id)
        return action_id if asked is None else f"{asked.trigger} of {asked.customer_id}"

    def row(self, fault: str, injected: int, recoveries: list[float], *notes: str) -> Row:
        said = [note for note in notes if note]
        if recoveries:
            said.insert(0, f"worst recovery {max(recoveries):.1f} s")
        said.append(f"{self.repeated} webhooks accepted again with the same id")
        if self.unknown:
            said.append(f"unknown: {self.unknown}, of them called {self.called}")
        if self.told_again:
            said.append(f"{self.told_again} ends written again, identical")
        wrong = self.wrong + ["a mail was accepted twice"] * self.doubled
        if wrong:
            said = [f"WRONG: {'; '.join(wrong[:5])}", *said]
        return Row(
            fault=fault,
            injected=injected,
            compared=self.compared,
            wrong=len(wrong),
            doubled=self.doubled,
            recovery_s=median(recoveries) if recoveries else None,
            note="; ".join(said),
        )
