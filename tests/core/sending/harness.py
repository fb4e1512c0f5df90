"""One customer before the sender: records in, in words; what was decided, out."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import orjson

from triggerstream.core.model import ActionSpec, EventPattern, Policy, RulesetSource, Trigger
from triggerstream.core.policy.ledger import Ledger
from triggerstream.core.records.deliveries import Delivery
from triggerstream.core.records.record import POSITION, Header, Kind
from triggerstream.core.rulesets.ruleset import Ruleset, build_ruleset
from triggerstream.core.sending.deliveries import Attempt, FiringFailed, Ignored
from triggerstream.core.sending.send import Send
from triggerstream.core.timestamps import format_moment

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
NOON = 1_772_366_400_000
"""2026-03-01T12:00:00Z, a Sunday."""
CUSTOMER = "c1"
WILLING = {"email": "a@shop.example", "email_consent": True, "sms_consent": True}


class Entry(msgspec.Struct):
    """A record as the log would give it."""

    value: bytes | None
    offset: int = 0
    partition: int = 0
    timestamp: int = 0
    key: bytes | None = CUSTOMER.encode()
    headers: tuple[Header, ...] = ()


def ruleset_of(policy: Policy | None = None, version: int = 1, **modes: str) -> Ruleset:
    """Return a ruleset with the triggers ``cart`` and ``other``, live unless *modes* says more."""
    triggers = tuple(
        Trigger(
            id=name,
            when=EventPattern((name,)),
            name=name,
            mode=modes.get(name, "live"),
            actions=(ActionSpec("log"),),
        )
        for name in ("cart", "other")
        if modes.get(name) != "gone"
    )
    source = RulesetSource(triggers=triggers, policy=policy or Policy())
    return build_ruleset(source, version=version)


def firing(
    name: str,
    *actions: tuple[str, str] | tuple[str, str, int],
    at: int = NOON,
    trigger: str = "cart",
    ruleset: int = 1,
    profile: dict[str, Any] | None = None,
    **fields: Any,
) -> bytes:
    """Return the JSON of a firing whose *actions* are (id, channel, after)."""
    return orjson.dumps(
        {
            "firing_id": name,
            "trigger": trigger,
            "customer_id": CUSTOMER,
            "at": format_moment(at),
            "instance": None,
            "events": ["e1"],
            "ruleset": ruleset,
            "actions": [
                {"action_id": a[0], "channel": a[1], "template": "t", "after": (*a, 0)[2]}
                for a in actions or [(f"{name}-0", "email")]
            ],
            "event": {"event_id": "e1", "event_type": trigger},
            "profile": WILLING if profile is None else profile,
            **fields,
        }
    )


class Customer:
    """The sender's view of one customer; the clock moves as it is told.

    Attributes:
        out: Everything decided so far.
    """

    def __init__(self, ruleset: Ruleset | None = None, send: Send | None = None) -> None:
        self.send = send or Send()
        self.ruleset = ruleset or ruleset_of()
        self.state: Ledger = self.send.new_state(CUSTOMER)
        self.out: list[Any] = []
        self.offset = 0

    def hears(self, kind: bytes, value: bytes, at: int = NOON, position: int | None = None) -> str:
        """Apply one record that arrives at *at*, told from *position*; return its status."""
        headers = () if position is None else ((POSITION, b"%d" % position),)
        message = self.send.read(value, at, 0, self.offset, kind, headers)
        self.clock(at)
        self.offset += 1
        return self.send.on_message(
            self.state, message, self.ruleset, at, at, self.offset, self.out
        )

    def fires(
        self,
        name: str,
        *actions: Any,
        arrival: int = NOON,
        position: int | None = None,
        **fields: Any,
    ) -> str:
        fields.setdefault("at", arrival)
        return self.hears(Kind.FIRING, firing(name, *actions, **fields), arrival, position)

    def consents(
        self,
        at: int = NOON,
        arrival: int | None = None,
        position: int | None = None,
        **consent: Any,
    ) -> str:
        value = {"customer_id": CUSTOMER, "at": format_moment(at), "consent": consent}
        arrival = at if arrival is None else arrival
        return self.hears(Kind.CONSENT, orjson.dumps(value), arrival, position)

    def comes_back(self, erased: int) -> None:
        """Begin anew after an erasure at *erased* in the log of events."""
        self.state = self.send.new_state(CUSTOMER, erased)

    def reaches_goal(
        self,
        at: int,
        trigger: str = "cart",
        arrival: int | None = None,
        position: int | None = None,
        n: int = 0,
    ) -> str:
        """Hear of a goal, by default of one whose place in the log is told by its moment."""
        place = at if position is None else position
        value: dict[str, Any] = {"customer_id": CUSTOMER, "at": format_moment(at)}
        value |= {"trigger": trigger, "position": place, "n": n}
        return self.hears(Kind.GOAL, orjson.dumps(value), at if arrival is None else arrival)

    def answers(self, action: str, outcome: str, at: int, attempt: int = 1, **more: Any) -> str:
        value = {"action_id": action, "customer_id": CUSTOMER, "attempt": attempt}
        return self.hears(Kind.RESULT, orjson.dumps({**value, "outcome": outcome, **more}), at)

    def clock(self, at: int) -> None:
        """Let the clock come to *at*."""
        if self.send.wake_at(self.state) <= at:
            self.send.on_clock(self.state, self.ruleset, at, self.offset, self.out)

    def crashes(self) -> None:
        """Go on from the stored state."""
        self.state = self.send.load(CUSTOMER, self.send.dump(self.state, self.offset))

    # ── what was decided ────────────────────────────────────────────────────────────────────

    @property
    def attempts(self) -> list[tuple[str, int, int]]:
        """(action, attempt, at) of every call."""
        return [(a.action_id, a.attempt, a.at) for a in self._of(Attempt)]

    @property
    def ends(self) -> list[tuple[str, str, str | None]]:
        """(action, outcome, reason) of every delivery."""
        return [(d.action_id, str(d.outcome), d.reason and str(d.reason)) for d in self.deliveries]

    @property
    def deliveries(self) -> list[Delivery]:
        return list(self._of(Delivery))

    @property
    def failed(self) -> list[str]:
        return [f.firing_id for f in self._of(FiringFailed)]

    @property
    def ignored(self) -> list[str]:
        return [i.what for i in self._of(Ignored)]

    def _of(self, kind: type[Any]) -> Iterable[Any]:
        return (outcome for outcome in self.out if isinstance(outcome, kind))
