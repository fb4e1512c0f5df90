"""Schedules of a worker and a sender: the real programs, in one world, up to the far side.

Beside what `Schedule` checks: I2, no action is accepted twice under one idempotency key; I3, no
frequency cap is ever exceeded; I9, every match has one end; I10, the table of segments says, by
position, who is in which; and I11, everybody hears of a ruleset that is for all.
"""

from __future__ import annotations

import orjson

from tests.simulation import shop
from tests.simulation.disk import Disk, is_grave
from tests.simulation.far_side import Accepted, FarSide
from tests.simulation.kernel import Loop
from tests.simulation.node import Node
from tests.simulation.oracle import Role
from tests.simulation.schedule import Place, Schedule, erasure
from tests.simulation.sender import SenderNode
from triggerstream.channels.base import Message
from triggerstream.core.detection.detect import Detect
from triggerstream.core.detection.for_all import is_for_all
from triggerstream.core.detection.membership import standing
from triggerstream.core.keyed.entry import KNOWN_FOR
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.model import Cap
from triggerstream.core.policy import caps, ledger
from triggerstream.core.policy.retries import REPEATABLE
from triggerstream.core.records.record import KIND, POSITION, Kind
from triggerstream.core.records.segments import SEGMENTS, Told, read_segment
from triggerstream.core.sending.send import Send

NOON = 1_772_366_400_000
HOUR = 3_600_000
DEADLINE = 10.0

DETECT = Role("detect", "events", "actions", lambda: Detect("t.events.v1"), marks=True)
SEND = Role(
    "send", "actions", None, lambda: Send(deadline=DEADLINE), marks=False, has_attempts=True
)


class PairSchedule(Schedule):
    """Customers of a small shop; a worker that detects, and a sender that delivers."""

    kind = "pair"
    ruleset = staticmethod(shop.ruleset)
    event = staticmethod(shop.event)
    steps = 180
    pace = 50

    def __init__(self, seed: int, *, traced: bool = False) -> None:
        self.far_side = FarSide()
        self._loop = Loop()  # type: ignore[abstract] # typeshed's word: at run time nothing is
        super().__init__(seed, [DETECT, SEND], self.ruleset, now=NOON, traced=traced)
        self.world.broker.topics.update({"deliveries": [], SEGMENTS: []})
        self._number = 0
        self._bodies: dict[str, list[bytes]] = {}

    def make_node(self, place: Place, disk: Disk, name: str) -> Node:
        if not place.role.has_attempts:
            return super().make_node(place, disk, name)
        return SenderNode(
            self.world, place.role, disk, lease=place.lease, capacity=place.capacity, name=name,
            far_side=self.far_side, loop=self._loop,
        )  # fmt: skip

    def run(self) -> None:
        with self._loop.running():
            try:
                super().run()
            finally:
                self.close()

    def produce(self, roll: float) -> None:
        world, random = self.world, self.random
        if roll < 0.30:
            self._number += 1
            customer, body = self.event(random, self._number, world.now)
            said = self._bodies.setdefault(customer, [])
            if said and random.random() < 0.05:
                body = random.choice(said)
                world.reach("producer", "event sent twice")
            said.append(body)
            world.say("events", body, customer.encode())
        elif roll < 0.36:
            world.now += random.choice([5, 50, 500])
        elif roll < 0.38:
            world.now += random.choice([3_000, 13_000])
        elif roll < 0.40:
            world.now += random.choice([60_000, 700_000])
        elif roll < 0.405:
            self.hours_pass(random.choice([1, 2, 20, 25]) * HOUR)
        elif roll < 0.41:
            world.say("events", b"{broken")
        elif roll < 0.418:
            customer = random.choice(shop.CUSTOMERS)
            # An event that comes again after that is a new one to everybody.
            self._bodies.pop(customer, None)
            world.say("events", *erasure(customer))

    def turn(self) -> None:
        super().turn()
        if self.far_side.late:
            self.far_side.receive_late(self.world.now)

    # ── coming to rest ──────────────────────────────────────────────────────────────────────

    def settle(self) -> None:
        super().settle()
        self.hours_pass(26 * HOUR)  # what waits for a slot gets one, or expires
        super().settle()

    def is_quiet(self) -> bool:
        """Also, no call is under way. When all wait for time alone, it passes."""
        if not super().is_quiet():
            return False
        sender = self.places[1].node
        assert isinstance(sender, SenderNode)
        if sender.is_busy and not sender.deck.ready:
            self.world.now = max(self.world.now, sender.deck.next_wake())
        return not sender.is_busy

    # ── the invariants ──────────────────────────────────────────────────────────────────────

    def check(self) -> None:
        super().check()
        self.check_matches()
        self.check_segments()
        self.check_sweep()
        self.check_answers()
        self.check_keys()
        policy = self.ruleset(1).policy
        for cap in policy.caps:
            self.check_cap(cap)

    def check_matches(self) -> None:
        """Every match has one end: it fired, or it did not, for one reason."""
        topics = self.world.broker.topics
        fired = {
            orjson.loads(line.value or b"")["firing_id"]
            for line in topics["actions"]
            if dict(line.headers).get(KIND) == Kind.FIRING
        }
        suppressed: dict[str, bytes | None] = {}
        for line in topics["deliveries"]:
            if dict(line.headers).get(KIND) != Kind.SUPPRESSED:
                continue
            self.world.reach("detect", "match suppressed")
            name = orjson.loads(line.value or b"")["match_id"]
            if suppressed.setdefault(name, line.value) != line.value:
                self.world.violated(f"I9: {name} is suppressed for two reasons")
        if both := fired & suppressed.keys():
            self.world.violated(f"I9: fired, and suppressed as well: {both}")

    def check_segments(self) -> None:
        """Who goes by position finds everybody in the segments that they are in, by what a single
        thread has told; and whoever was erased in none."""
        newest: dict[bytes, tuple[int, Told]] = {}
        for line in self.world.broker.topics[SEGMENTS]:
            assert line.key is not None
            told = read_segment(line.key, line.value, line.headers)
            before = newest.get(line.key)
            if before is not None and told.position < before[0]:
                self.world.reach("detect", "an older membership told again")
            else:
                newest[line.key] = told.position, told
            if told.change is None:
                self.world.reach("detect", "a membership taken back")
        found = {(told.customer_id, told.segment) for _, told in newest.values() if told.is_member}
        expected: set[tuple[str, str]] = set()
        stands: set[tuple[str, str]] = set()
        for customer, state in self.world.oracles["detect"].live():
            stands |= {(customer, name) for name in standing(state)}
            # By the definitions under which it was told: another ruleset may be in force.
            for version in shop.VERSIONS:
                for each in self.ruleset(version).watched:
                    if not each.is_unnamed and each.is_member(state):
                        expected.add((customer, each.name))
        if found != expected:
            self.world.violated(f"I10: members are {sorted(expected)}; found {sorted(found)}")
        rows = {(told.customer_id, told.segment) for _, told in newest.values() if told.change}
        if rows != stands:
            self.world.violated(f"I10: rows stand of {sorted(stands)}; found {sorted(rows)}")

    def check_sweep(self) -> None:
        """Whoever is known has heard of the last ruleset that is for all, also in silence."""
        partition = self.world.oracles["detect"].partition
        told: set[str] = set()
        for line in self.world.broker.topics["events"]:
            kind = dict(line.headers).get(KIND)
            if kind == Kind.TOUCH:
                self.world.reach("detect", "touched")
            elif kind == Kind.ERASE:
                told.discard((line.key or b"").decode())
            elif kind is None and line.key is not None:
                told.add(line.key.decode())
        if made := {customer for customer, _ in self.world.oracles["detect"].live()} - told:
            self.world.violated(f"I11: a record of ours alone makes {made}")
        ruleset = partition.ruleset
        if not is_for_all(ruleset) or partition.version == 1:
            return
        for customer, state in self.world.oracles["detect"].live():
            if state.derivations != ruleset.derivations:
                self.world.violated(f"I11: {customer} has not heard of ruleset {ruleset.version}")

    def check_answers(self) -> None:
        """No call is left without an answer."""
        for customer, value in self.places[1].node.disk.values.items():
            if not is_grave(value):
                for pending in ledger.load(value).pending.values():
                    if pending.reserved:
                        self.world.violated(f"{customer!r}: {pending.action_id} has no answer")

    def check_keys(self) -> None:
        first: dict[str, Accepted] = {}
        for accepted in self.far_side.accepted:
            message = accepted.message
            before = first.setdefault(message.action_id, accepted)
            if before is accepted:
                continue
            if self._told_again_late(message):
                self.world.reach("far side", "sent again, long after an erasure")
            elif message.channel not in REPEATABLE:
                self.world.violated(f"I2: {message.channel} {message.action_id} is accepted twice")
            elif before.message.firing != message.firing:
                self.world.violated(f"I2: {message.action_id} is repeated with another content")

    def check_cap(self, cap: Cap) -> None:
        """Every rolling window holds at most so many of a customer's accepted messages."""
        taken: dict[str, dict[str, int]] = {}
        for accepted in self.far_side.accepted:
            message = accepted.message
            if caps.limits(cap, message.channel, message.firing.type):
                by_action = taken.setdefault(message.firing.customer_id, {})
                by_action.setdefault(message.action_id, accepted.reserved_at)
        for customer, by_action in taken.items():
            slots = sorted(by_action.values())
            for start, end in zip(slots, slots[cap.limit :], strict=False):
                if end - start < cap.window and not self._was_erased(customer, start, end):
                    self.world.violated(
                        f"I3: {customer}: more than {cap.limit} by {cap.channel} "
                        f"between {start} and {end}"
                    )

    def _told_again_late(self, message: Message) -> bool:
        """Return whether detection has repeated *message*, or the erasure before it, when the
        sender did not know of the erasure any more."""
        key, action = message.firing.customer_id.encode(), message.action_id.encode()
        erased: dict[int, int] = {}
        clock = 0
        for line in self.world.broker.topics["actions"]:
            clock = max(clock, line.timestamp)
            headers = dict(line.headers)
            is_erasure = headers.get(KIND) == Kind.ERASE
            if line.key != key or not (is_erasure or action in (line.value or b"")):
                continue
            position = int(headers.get(POSITION) or NEVER)
            if is_erasure:
                erased.setdefault(position, clock)
            known = [at for where, at in erased.items() if position <= where]
            if known and clock >= min(known) + KNOWN_FOR:
                return True
        return False

    def _was_erased(self, customer: str, start: int, end: int) -> bool:
        """Return whether *customer* was forgotten in between, and the slots taken with it."""
        clock = 0
        for line in self.world.broker.topics["actions"]:
            clock = max(clock, line.timestamp)
            is_erasure = dict(line.headers).get(KIND) == Kind.ERASE
            if is_erasure and line.key == customer.encode() and start <= clock <= end:
                return True
        return False
