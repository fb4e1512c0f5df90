"""The reference: what `replay` must print, worked out from the language's rules alone.

It is short, slow and obvious on purpose, and shares no code with the engine. Numbers in brackets
are the rules of the semantics and of the language; 0002 is the decision record about their corners.
`patterns`, `sequences` and `counts` say what a match is, `conditions` what a condition means,
`derivations` what is found out about a customer; here is the rest: the log, the clock, lateness,
derived events and their order, instances, timers, limits and ids.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec

from tests.reference.adopting import adopt, preview, under
from tests.reference.conditions import EPOCH, Facts, equal, holds, instance_keys, resolved
from tests.reference.definitions import Definitions
from tests.reference.derivations import Derivations, Derived
from tests.reference.happenings import DERIVED, short
from tests.reference.patterns import build
from tests.reference.seen import DAY, HOUR, Match, Pattern, Seen, Timer, duration

TOPIC = "triggerstream.events.v1"
PRIORITIES = ("critical", "high", "medium", "low")
FIRST_MOMENT = 0
LAST_MOMENT = int(datetime(2101, 1, 1, tzinfo=UTC).timestamp() * 1000)
REMEMBERED_IDS = 64
MOST_REMEMBERED_IDS = 1024
MOST_INSTANCES = 64
WINDOW = 100
NEVER = 1 << 62

Json = dict[str, Any]


def evaluate(
    documents: list[Json],
    events: list[Json],
    *,
    until: int | None = None,
    policy: Json | None = None,
    max_gap: int | None = 400 * DAY,
    published: Mapping[str, Json] | None = None,
) -> list[Json]:
    """Return the lines of ``replay`` over *events*, as JSON objects.

    Args:
        documents: Those of the files: triggers, attributes, segments.
        until: Epoch milliseconds. The clock runs on behind the last event, so that every due up
            to it fires.
        policy: The document of ``policy.yaml``.
        published: The content of ``.values.json``.
        max_gap: Milliseconds that one record may move the clock on its own word.
    """
    log = Log(documents, policy or {}, max_gap, published)
    for line, event in enumerate(events):
        log.take(event, line, events[line + 1 : line + 1 + WINDOW])
    if until is not None:
        log.advance(until + log.lateness)  # 29
    return log.decisions


class Customer(msgspec.Struct):
    """What is remembered about one customer.

    Attributes:
        last: The last effective time.
        recent: The newest (source, event_id) (30), those of the lot last.
        lot: The arrivals of those in the open lot.
        fired: By trigger: how many firings, and the last one's `at` (24).
        instances: By trigger and ``per`` value: the progress of its pattern.
        known: What was derived.
        under: Of which ruleset the progress is.
        record: The position of the last accepted event (35).
        tau: The latest time of what was decided or folded (36).
        derived: Made and not handled yet (34); of each, whether only shadow triggers see it.
    """

    id: str
    profile: Json
    last: int
    recent: list[tuple[str | None, str]]
    lot: list[int]
    fired: dict[str, tuple[int, int]]
    instances: dict[str, dict[str | None, Pattern]]
    known: Derivations
    under: Definitions
    record: int = -1
    tau: int = 0
    derived: list[tuple[Seen, bool]] = []


class Due(msgspec.Struct, frozen=True):
    """A timer of one customer: a trigger's, or, with a rank, one of a derivation."""

    timer: Timer
    name: str
    instance: str | None = None
    rank: int | None = None

    @property
    def order(self) -> tuple[Any, ...]:
        """(29, 38) By due; derivations in their order, then triggers by id, instance (null first)
        and file order (19)."""
        if self.rank is not None:
            return (self.timer.due, 0, self.rank)
        named = self.instance is not None
        return (self.timer.due, 1, self.name, named, self.instance or "", self.timer)


class Log:
    """The log read so far: the clock, the customers, and what was decided."""

    def __init__(
        self,
        documents: list[Json],
        policy: Json,
        max_gap: int | None,
        published: Mapping[str, Json] | None = None,
    ) -> None:
        self.definitions = Definitions(documents, policy, published)
        self.definitions.refuse_rings()
        self.triggers = self.definitions.triggers
        self.policy = policy
        self.lateness = duration(policy.get("allowed_lateness", "10s"))
        self.max_skew = duration(policy.get("max_skew", "5m"))
        self.max_gap = max_gap
        self.clock: int | None = None
        self.customers: dict[str, Customer] = {}
        self.wake: dict[str, int] = {}
        self.decisions: list[Json] = []
        self.handled = 0
        self.behind: Json | None = None
        """The real event behind what is being decided; none behind a timer."""
        self.arrival = 0
        """Of that event, or of the one that opened the timer."""

    # Rulesets.

    def put_in_force(
        self, documents: list[Json], published: Mapping[str, Json] | None = None
    ) -> None:
        """(96) Progress goes on where the pattern is the same; what is derived waits for the
        customer's next record or touch (settlement 41)."""
        self.definitions = Definitions(documents, self.policy, published)
        self.definitions.refuse_rings()
        self.triggers = self.definitions.triggers

    def conform(self, customer: Customer) -> None:
        """Drop the progress of what is gone, off or edited: at the customer's next record or timer,
        so that who slept through a version is judged by the last (97, 98)."""
        before, customer.under = customer.under, self.definitions
        if before is self.definitions:
            return
        kept = customer.instances
        customer.instances = {id_: {} for id_ in self.triggers}
        if customer.known.definitions.derived() == self.definitions.derived():
            customer.known.definitions = self.definitions
        for id_, trigger in self.triggers.items():
            if before.patterns.get(id_) == self.definitions.patterns[id_]:
                customer.instances[id_] = kept.get(id_, {})
                for pattern in customer.instances[id_].values():
                    under(pattern, trigger["when"])

    def touch(self, customer_id: str, arrival: int) -> None:
        """(102) The customer adopts the ruleset; nobody is made by it."""
        self.advance(arrival)
        if customer := self.customers.get(customer_id):
            self.conform(customer)
            self.behind, self.arrival = None, arrival
            if not self.has_adopted(customer):
                customer.tau = max(customer.tau, arrival)
            self.adopt(customer, arrival, short(["$touch", customer.tau]))
            self.drain(customer)
            self.wake[customer.id] = min(map(self.wakes_at, self.dues(customer)), default=NEVER)

    def has_adopted(self, customer: Customer) -> bool:
        return customer.known.definitions is self.definitions

    def adopt(self, customer: Customer, at: int, cause: str) -> None:
        if self.has_adopted(customer):
            return
        at = max(customer.tau, at)
        self.make(customer, adopt(customer.known, self.definitions, at), cause, at)

    # One record.

    def take(self, line: Json, number: int, behind: list[Json]) -> None:
        """Apply one line of the log, in the order of 0002 ("Per accepted event")."""
        event = dict(line)
        if event.get("event_id") is None:
            event["event_id"] = f"{TOPIC}/0/{number}"
        arrival, timestamp = moment(line.get("received_at")), moment(line.get("timestamp"))
        stamped = timestamp if timestamp is not None else arrival
        if stamped is None or not acceptable(event, stamped, arrival):
            return  # 31: before the clock moves
        arrival = stamped if arrival is None else arrival
        if self.believes(line, arrival, behind):
            self.advance(arrival)
        else:
            arrival = self.clock or 0
        if line.get("received_at") is not None and stamped > arrival + self.max_skew:
            stamped = arrival
        customer = self.customer(event["customer_id"], stamped)
        self.conform(customer)
        if self.seen_before(customer, event, arrival):
            return
        late = stamped < customer.last - self.lateness  # 27
        if not late:
            customer.last = max(customer.last, stamped)
        self.behind, self.arrival = event, arrival
        self.adopt(customer, customer.last, short([event.get("source"), event["event_id"]]))
        self.drain(customer)
        turns = customer.known.all_turns() if late else {}
        changed_keys = learn(customer.profile, event, self.definitions.attributes)
        if late:
            self.behind, self.arrival, customer.record = event, arrival, number
            seen = Seen(self.next(), number, stamped, arrival, event, fills=False)  # 28
            customer.known.fold(seen, stamped, late=True)  # 49
            at = max(customer.last, customer.tau)
            customer.known.after_late(at, turns)
            customer.known.arm(at, seen)  # 65: dates go by it at once
            self.offer_all(customer, seen)
        else:
            ripened = self.ripen(customer, lambda due: due.timer.due <= customer.last)  # 29
            self.decisions += [line for _, _, lines in ripened for line in lines]
            self.behind, self.arrival, customer.record = event, arrival, number
            seen = Seen(self.next(), number, customer.last, arrival, event)
            self.handle(customer, seen, changed_keys)
            self.drain(customer)
        self.wake[customer.id] = min(map(self.wakes_at, self.dues(customer)), default=NEVER)

    def next(self) -> int:
        self.handled += 1
        return self.handled

    def believes(self, line: Json, arrival: int, behind: list[Json]) -> bool:
        """(29) Whether the line may move the clock to its arrival, be that far ahead or the first:
        a majority of the others who come next are that far, or no further behind than a gap."""
        if self.max_gap is None or (
            self.clock is not None and arrival <= self.clock + self.max_gap
        ):
            return True
        if self.clock is None and line.get("received_at") is not None:
            return True
        others: dict[str, bool] = {}
        for other in behind:
            at = arrived(other)
            if at is not None and other["customer_id"] != line["customer_id"]:
                others.setdefault(other["customer_id"], arrival - at <= self.max_gap)
        if not others:
            return self.clock is None
        return sum(others.values()) > len(others) / 2

    def customer(self, customer_id: str, at: int) -> Customer:
        if customer_id not in self.customers:
            instances: dict[str, dict[str | None, Pattern]] = {id_: {} for id_ in self.triggers}
            profile: Json = {}
            known = Derivations(self.definitions, profile)
            self.customers[customer_id] = Customer(
                customer_id, profile, at, [], [], {}, instances, known, self.definitions
            )
        return self.customers[customer_id]

    def seen_before(self, customer: Customer, event: Json, arrival: int) -> bool:
        """(30) Whether it is known; if not, it is from now on."""
        identity = (event.get("source"), event["event_id"])
        if identity in customer.recent:
            return True
        is_over = bool(customer.lot) and arrival >= customer.lot[0] + HOUR
        if is_over:
            customer.recent = customer.recent[-max(len(customer.lot), REMEMBERED_IDS - 1) :]
            customer.lot = []
        customer.recent = [*customer.recent, identity][-MOST_REMEMBERED_IDS:]
        if len(customer.recent) > REMEMBERED_IDS:
            customer.lot.append(arrival)
        return False

    # Timers.

    def advance(self, arrival: int) -> None:
        """(29) Move the clock, if *arrival* is ahead of it, and fire what is due by it."""
        clock = self.clock = arrival if self.clock is None else max(self.clock, arrival)
        awake = [self.customers[id_] for id_, at in self.wake.items() if at <= clock]
        turns: list[tuple[int, str, list[Json]]] = []
        for customer in awake:
            self.conform(customer)
            turns += self.ripen(customer, lambda due: self.wakes_at(due) <= clock)
            self.wake[customer.id] = min(map(self.wakes_at, self.dues(customer)), default=NEVER)
        turns.sort(key=lambda turn: turn[:2])
        self.decisions += [line for _, _, lines in turns for line in lines]

    def wakes_at(self, due: Due) -> int:
        """(29) The clock at which a timer fires, whatever its customer does."""
        return max(due.timer.due, due.timer.arrival) + self.lateness

    def dues(self, customer: Customer) -> Iterator[Due]:
        """Every timer of *customer*."""
        derived = customer.known.dues() if self.has_adopted(customer) else ()
        for due, rank, name in derived:
            opener = customer.known.opener(name)
            arrival = opener.arrival if opener else due
            yield Due(Timer(due, (), arrival), name, rank=rank)
        for trigger, instances in customer.instances.items():
            for instance, pattern in instances.items():
                for timer in pattern.timers():
                    yield Due(timer, trigger, instance)

    def ripen(
        self, customer: Customer, is_ripe: Callable[[Due], bool]
    ) -> list[tuple[int, str, list[Json]]]:
        """Fire what is ripe, and what becomes ripe by that, until nothing is (29, 38).

        Returns:
            Of each timer (its due, or a later one before it; the customer; the lines), so that
            nothing that one customer's turn decided is reordered (settlement 5).
        """
        turns: list[tuple[int, str, list[Json]]] = []
        latest = 0
        while dues := [due for due in self.dues(customer) if is_ripe(due)]:
            due = min(dues, key=lambda due: due.order)
            before, self.decisions = self.decisions, []
            self.behind, self.arrival = None, due.timer.arrival
            self.fire(customer, due)
            self.drain(customer)
            latest = max(latest, due.timer.due)
            turns.append((latest, customer.id, self.decisions))
            self.decisions = before
        return turns

    def fire(self, customer: Customer, due: Due) -> None:
        at = max(customer.tau, due.timer.due)
        if due.rank is None:
            pattern = customer.instances[due.name][due.instance]
            match = pattern.on_timer(due.timer.path)
            if match or not due.timer.may_sleep:
                customer.tau = at
            if match:
                self.decide(self.triggers[due.name], customer, due.instance, match)
            return
        found = list(customer.known.on_timer(due.name, at))
        if found:
            customer.tau = at
        name = due.name.partition(" ")[2]
        self.make(customer, found, short([f"${name}", due.timer.due]))

    # What is derived (32-38).

    def handle(self, customer: Customer, seen: Seen, changed_keys: set[str]) -> None:
        """(34) The session; folds; ``$changed``; segments; dates; triggers."""
        at = customer.tau = max(customer.tau, seen.at)
        cause = short([seen.event.get("source"), seen.event["event_id"]])
        if not seen.derived:
            self.make(customer, customer.known.on_activity(seen, at), cause)
        customer.known.fold(seen, at)
        if self.has_adopted(customer):
            self.make(customer, customer.known.after_event(seen, at, changed_keys), cause)
            customer.known.arm(at, seen)
        else:
            customer.known.unheard.append(seen)
        self.offer_all(customer, seen)

    def drain(self, customer: Customer) -> None:
        """(34) The derived events made so far, first made first handled."""
        while customer.derived:
            seen, in_shadow = customer.derived.pop(0)
            if in_shadow:
                self.offer_all(customer, seen, only_shadow=True)
            else:
                self.handle(customer, seen, set())

    def make(
        self, customer: Customer, found: Iterable[Derived], cause: str, at: int | None = None
    ) -> None:
        for derived in found:
            at = customer.tau if at is None else at
            if derived.line:
                self.decisions.append(
                    {**derived.line, "customer_id": customer.id, "at": rfc3339(at)}
                )
            self.make_event(customer, derived.type, cause, at, derived.data)

    def make_event(
        self,
        customer: Customer,
        type_: str,
        cause: str,
        at: int,
        data: Json,
        *,
        in_shadow: bool = False,
    ) -> None:
        """(32, 33) A kind is made only where the ruleset names it."""
        if type_ not in self.definitions.kinds:
            return
        behind = self.behind
        if behind is not None:
            of_cause = {"event_type": behind["event_type"], "event_data": behind.get("event_data")}
            data = {**data, "cause": of_cause}
        event = {
            "event_id": f"{type_}@{cause}",
            "customer_id": customer.id,
            "event_type": type_,
            "source": DERIVED,
            "timestamp": at,
            "event_data": data,
        }
        for name in ("session_id", "device_info", "location_data"):
            if behind is not None and name in behind:
                event[name] = behind[name]
        seen = Seen(self.next(), customer.record, at, self.arrival, event, derived=True)
        customer.derived.append((seen, in_shadow))

    # Events and instances.

    def offer_all(self, customer: Customer, seen: Seen, *, only_shadow: bool = False) -> None:
        seen = msgspec.structs.replace(seen, sees=self.facts(customer, seen.event, seen.at))
        for trigger in sorted(self.triggers.values(), key=in_priority):
            if not only_shadow or trigger.get("mode") == "shadow":
                self.offer(trigger, customer, seen)

    def offer(self, trigger: Json, customer: Customer, seen: Seen) -> None:
        """Show the event to the instances it belongs to; without one, to every instance (21)."""
        instances = customer.instances[trigger["trigger"]]
        if "per" not in trigger["when"]:
            self.offer_to(None, trigger, customer, seen)
            return
        named = instance_keys(trigger["when"]["per"], seen.event)
        if not named:
            for pattern in instances.values():
                pattern.on_event(msgspec.structs.replace(seen, fills=False))
        for number, instance in enumerate(named):
            if number < MOST_INSTANCES or instance in instances:
                self.offer_to(instance, trigger, customer, seen)

    def offer_to(self, instance: str | None, trigger: Json, customer: Customer, seen: Seen) -> None:
        instances = customer.instances[trigger["trigger"]]
        pattern = instances.get(instance) or build(trigger["when"])
        before = pattern.changed
        match = pattern.on_event(seen)
        if instance in instances and pattern.changed != before:
            instances[instance] = instances.pop(instance)
        if instance not in instances and not match and pattern.changed is not None:
            self.make_room(instances, customer.last)
            instances[instance] = pattern
        if match:
            self.decide(trigger, customer, instance, match)

    def make_room(self, instances: dict[str | None, Pattern], at: int) -> None:
        """(22) Of 64 instances with progress, give up the one that changed longest ago."""
        if len(instances) < MOST_INSTANCES:
            return
        for instance in [i for i, pattern in instances.items() if not pattern.alive(at)]:
            del instances[instance]
        if len(instances) >= MOST_INSTANCES:
            # Of those that one event has changed, the first that it has named.
            del instances[min(instances, key=lambda i: instances[i].changed or 0)]

    # Matches.

    def decide(self, trigger: Json, customer: Customer, instance: str | None, match: Match) -> None:
        """(23) Every match is one line."""
        id_ = trigger["trigger"]
        match = msgspec.structs.replace(
            match,
            events=tuple(sorted(match.events, key=lambda seen: seen.place)),  # 35
        )
        last = match.events[-1].event
        line = {"trigger": id_, "customer_id": customer.id, "at": rfc3339(match.at)}
        facts = self.facts(customer, last, match.at, instance)
        if reason := self.reason_against(trigger, customer, match, facts):
            self.decisions.append({"kind": "suppressed", "reason": reason, **line})
            return
        count, _ = customer.fired.get(id_, (0, 0))
        customer.fired[id_] = (count + 1, match.at)
        firing = digest(
            [id_, customer.id, instance, last.get("source"), last["event_id"], match.due]
        )
        self.decisions.append(
            {
                "kind": "firing",
                "firing_id": firing,
                **line,
                "instance": instance,
                "events": [seen.event["event_id"] for seen in match.events],
                "actions": [
                    {"action_id": digest([firing, index]), **action(spec)}
                    for index, spec in enumerate(trigger.get("then", []))
                ],
                **self.values(trigger, facts),
            }
        )
        data = {"trigger": id_, "firing_id": firing, "instance": instance}
        in_shadow = trigger.get("mode") == "shadow"
        self.make_event(customer, f"$fired:{id_}", firing[:16], match.at, data, in_shadow=in_shadow)

    def facts(self, customer: Customer, event: Json, at: int, instance: str | None = None) -> Facts:
        timezone = self.policy.get("timezone", "UTC")
        known, tau = customer.known, customer.tau
        if not self.has_adopted(customer):
            known = preview(known, self.definitions)
        return Facts(event, customer.profile, at, timezone, known, tau, instance)

    def values(self, trigger: Json, facts: Facts) -> Json:
        """(78) The numbers of the values and tables that the trigger reads, where it reads one."""
        numbers = self.definitions.numbers[trigger["trigger"]]
        return (
            {"values": {name: resolved(said, facts) for name, said in numbers}} if numbers else {}
        )

    def reason_against(
        self, trigger: Json, customer: Customer, match: Match, facts: Facts
    ) -> str | None:
        """(23-25) The first failing reason."""
        limits = trigger.get("limits", {})
        count, last_at = customer.fired.get(trigger["trigger"], (0, 0))
        backfill = moment(self.policy.get("backfill_before"))
        if backfill is not None and match.at < backfill:
            return "backfill"
        if not holds(trigger.get("if", {}), facts):
            return "condition"
        if count and "cooldown" in limits and match.at < last_at + duration(limits["cooldown"]):
            return "cooldown"
        if count >= limits.get("max_per_customer", count + 1):
            return "max_per_customer"
        return None


# ── small words ─────────────────────────────────────────────────────────────────────────────


def acceptable(event: Json, timestamp: int, arrival: int | None) -> bool:
    """(31) Whether the record is accepted: it has its required fields, in the span of years."""
    times = [timestamp] if arrival is None else [timestamp, arrival]
    if event.get("source") == DERIVED or str(event.get("event_type")).startswith("$"):
        return False  # 33: reserved
    return all(
        isinstance(event.get(name), str) and event[name]
        for name in ("customer_id", "event_type", "event_id")
    ) and all(FIRST_MOMENT <= time < LAST_MOMENT for time in times)


def arrived(line: Json) -> int | None:
    """When a line arrived, if it is an event."""
    received, timestamp = moment(line.get("received_at")), moment(line.get("timestamp"))
    stamped = timestamp if timestamp is not None else received
    event = line | {"event_id": "-" if line.get("event_id") is None else line["event_id"]}
    if stamped is None or not acceptable(event, stamped, received):
        return None
    return stamped if received is None else received


def moment(value: Any) -> int | None:
    """Return epoch milliseconds, given those or RFC 3339 text."""
    if not isinstance(value, str):
        return value  # type: ignore[no-any-return] # JSON: a number or null
    return (datetime.fromisoformat(value) - EPOCH) // timedelta(milliseconds=1)


def rfc3339(at: int) -> str:
    text = (EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def learn(profile: Json, event: Mapping[str, Any], declared: Mapping[str, Any]) -> set[str]:
    """Merge what ``identify`` says, key by key; a null removes. Declared names are left out (51).

    Returns:
        The keys whose value is another one now.
    """
    changed: set[str] = set()
    if event["event_type"] == "identify":
        for key, value in (event.get("event_data") or {}).items():
            if key in declared:
                continue
            if not equal(profile.get(key), value):
                changed.add(key)
            profile[key] = value
            if value is None:
                del profile[key]
    return changed


def in_priority(trigger: Json) -> tuple[int, str]:
    return (PRIORITIES.index(trigger.get("priority", "medium")), trigger["trigger"])


def digest(decided: list[Any]) -> str:
    """(30) Hex BLAKE2b-128 of the compact JSON, in UTF-8 without escapes."""
    text = json.dumps(decided, separators=(",", ":"), ensure_ascii=False)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def action(spec: Json) -> Json:
    """What a firing line says of one action: only what was given."""
    (channel,) = spec.keys() - {"after"}
    options = dict(spec[channel])
    template = options.pop("template", None)
    said = {"template": template, "options": options, "after": duration(spec.get("after", "0s"))}
    return {"channel": channel, **{name: value for name, value in said.items() if value}}
