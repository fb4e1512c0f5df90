"""A small sender in plain Python: what the real one's turn is compared with.

It does to an action what a sender does, in kind and in about the same amounts, with nothing of
ours: a firing and an answer decoded into structs, a ledger for each new customer, consent, the time
of day in the customer's zone, caps over the moments that are kept, an id hashed, moments as text, a
record of headers and JSON. So what makes the interpreter, the allocator or the caches slower makes
both slower, which a loop in C hardly feels.

It is a measure: whoever changes it, records the guard's baseline anew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

DAY_MS = 86_400_000
_CAPS = (("log", 900, DAY_MS), (None, 900, 7 * DAY_MS))
_NIGHT = (23 * 60, 23 * 60 + 30)


class _Action(msgspec.Struct, frozen=True, gc=False):
    action_id: str
    channel: str
    template: str | None = None
    options: dict[str, Any] = msgspec.field(default_factory=dict)


class _Firing(msgspec.Struct, gc=False):
    firing_id: str
    trigger: str
    customer_id: str
    at: str
    events: list[str]
    actions: list[_Action]
    profile: dict[str, Any] = msgspec.field(default_factory=dict)
    event: msgspec.Raw = msgspec.Raw(b"")


class _Answer(msgspec.Struct, gc=False):
    action_id: str
    customer_id: str
    attempt: int
    outcome: str
    reason: str | None = None


class _Sent(msgspec.Struct, gc=False):
    at: int
    channel: str
    trigger: str


class _UnderWay:
    """An action that has been reserved."""

    __slots__ = ("action", "attempt", "channel", "deadline", "firing", "reserved_at")

    def __init__(self, firing: _Firing, action: str, channel: str, at: int) -> None:
        self.firing = firing
        self.action = action
        self.channel = channel
        self.attempt = 1
        self.reserved_at = at
        self.deadline = at + 30_000


class _Ledger:
    """What is kept of a customer."""

    __slots__ = ("consent", "done", "sent", "under_way", "zone")

    def __init__(self) -> None:
        self.zone: str | None = None
        self.consent: dict[str, bool] = {}
        self.sent: list[_Sent] = []
        self.under_way: dict[str, _UnderWay] = {}
        self.done: list[bytes] = []


class PlainSender:
    """Takes firings to their ends."""

    def __init__(self) -> None:
        self._firing = msgspec.json.Decoder(_Firing).decode
        self._answer = msgspec.json.Decoder(_Answer).decode
        self._encode = msgspec.json.Encoder().encode
        self._ledgers: dict[str, _Ledger] = {}
        self._gates: tuple[Callable[[_Ledger, _UnderWay, int], str | None], ...] = (
            self._without_consent,
            self._at_night,
            self._above_caps,
        )

    def fire(self, value: bytes, at: int) -> None:
        """Reserve the action that *value* fires."""
        firing = self._firing(value)
        ledger = self._ledger(firing.customer_id)
        self._take_profile(ledger, firing.profile)
        self._forget(ledger, at)
        asked = firing.actions[0]
        action = asked.action_id
        under_way = _UnderWay(firing, action, asked.channel, at)
        if self._digest(action) in ledger.done or action in ledger.under_way:
            return
        problem = next(filter(None, self._problems(ledger, under_way, at)), None)
        if problem is not None:
            raise AssertionError(problem)
        ledger.under_way[action] = under_way
        ledger.sent.append(_Sent(at, under_way.channel, firing.trigger))

    def end(self, value: bytes, at: int) -> tuple[bytes, list[tuple[str, bytes]]]:
        """Take the answer *value*; return the record of what became of its action."""
        answer = self._answer(value)
        ledger, action = self._ledger(answer.customer_id), answer.action_id
        under_way = ledger.under_way.pop(action)
        ledger.done.append(self._digest(action))
        del ledger.done[:-64]
        firing = under_way.firing
        headers = [
            ("kind", b"delivery"),
            ("ce_id", f"{action}:{answer.attempt}".encode()),
            ("ce_source", b"plain"),
            ("ce_type", b"delivery.%b" % answer.outcome.encode()),
            ("ce_time", _moment(at).encode()),
        ]
        told = {
            "action_id": action,
            "customer_id": answer.customer_id,
            "trigger": firing.trigger,
            "channel": under_way.channel,
            "outcome": answer.outcome,
            "attempts": under_way.attempt,
            "fired_at": firing.at,
            "reserved_at": _moment(under_way.reserved_at),
            "events": firing.events,
        }
        return self._encode(dict(sorted(told.items()))), headers

    def _ledger(self, customer: str) -> _Ledger:
        ledger = self._ledgers.get(customer)
        if ledger is None:
            ledger = self._ledgers[customer] = _Ledger()
        return ledger

    def _take_profile(self, ledger: _Ledger, profile: dict[str, Any]) -> None:
        zone = profile.get("timezone")
        if isinstance(zone, str) and _zone(zone) is not None:
            ledger.zone = zone
        for name, value in sorted(profile.items()):
            if name.endswith("_consent") and isinstance(value, bool):
                ledger.consent[name.removesuffix("_consent")] = value
        preferences = profile.get("preferences")
        if isinstance(preferences, dict):
            for name, value in preferences.items():
                if isinstance(name, str) and isinstance(value, bool):
                    ledger.consent[f"category:{name}"] = value

    def _forget(self, ledger: _Ledger, at: int) -> None:
        oldest = at - max(window for _, _, window in _CAPS)
        if ledger.sent and ledger.sent[0].at < oldest:
            ledger.sent = [sent for sent in ledger.sent if sent.at >= oldest]
        late = [name for name, each in ledger.under_way.items() if each.deadline < at]
        for name in late:
            del ledger.under_way[name]

    def _digest(self, action: str) -> bytes:
        return hashlib.sha256(action.encode()).digest()[:16]

    def _problems(self, ledger: _Ledger, under_way: _UnderWay, at: int) -> Iterator[str | None]:
        return (gate(ledger, under_way, at) for gate in self._gates)

    def _without_consent(self, ledger: _Ledger, under_way: _UnderWay, at: int) -> str | None:
        del at
        agreed = ledger.consent.get(under_way.channel, False)
        wanted = ledger.consent.get(f"category:{under_way.firing.trigger}", True)
        return None if agreed and wanted else "no consent"

    def _at_night(self, ledger: _Ledger, under_way: _UnderWay, at: int) -> str | None:
        del under_way
        local = datetime.fromtimestamp(at / 1000, _zone(ledger.zone or "UTC") or UTC)
        minute = local.hour * 60 + local.minute
        return "night" if _NIGHT[0] <= minute < _NIGHT[1] and ledger.zone is None else None

    def _above_caps(self, ledger: _Ledger, under_way: _UnderWay, at: int) -> str | None:
        for channel, limit, window in _CAPS:
            if channel is not None and channel != under_way.channel:
                continue
            taken = sum(1 for sent in ledger.sent if sent.at > at - window)
            if taken >= limit:
                return "above a cap"
        return None


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError):
        return None


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
