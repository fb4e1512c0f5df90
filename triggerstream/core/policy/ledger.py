"""What sending remembers of one customer, and its stored form.

The state that follows the header (`core.keyed.header`) is a MessagePack array of `Ledger`'s
fields, in their order; its structs are arrays too. New fields go to the end, with a default:
bytes of format 1 decode for ever (`tests/core/policy/golden`).
"""

from __future__ import annotations

from typing import Literal

import msgspec

from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER, NO_FENCE
from triggerstream.core.records.record import MOVED
from triggerstream.errors import StateFormatError

FORMAT = 1

MAX_MARKS = 4_000
"""Marks of one customer (45 bytes each): the oldest give way, long after any repeat."""
MAX_SENDS = 1_000
"""Sends of one customer (30 bytes each) that caps can see; a cap's limit is far below it."""
MAX_PENDING = 200
MAX_PENDING_BYTES = 256 * 1024
"""Unfinished actions of one customer, and the bytes of their firings: further ones are
suppressed as ``overflow``, so that a state always fits a changelog record."""


class Sent(msgspec.Struct, frozen=True, array_like=True):
    """A slot that an ended action took: it was sent, or may have been."""

    at: int
    channel: str
    type: str


class Pending(msgspec.Struct, frozen=True, array_like=True):
    """An action that has not ended.

    Attributes:
        rank: Of its trigger's priority, 0 for critical: what is due together goes by it.
        expires: From then on it is not sent: epoch milliseconds.
        not_before: When it is to be decided (again), unless it is reserved.
        firing: The firing's JSON.
        attempt: The number of calls reserved so far.
        failures: How many of them had a temporary no, or no answer.
        reserved: Whether the last call has not been answered.
        slot: The instant at which it takes its place under the caps; ``None`` for none.
        ambiguous: Whether an unanswered call may have delivered it: from then on it cannot end
            as anything but sent or unknown, and it keeps its slot.
        called_off: Whether the goal was reached while it was reserved: there is no retry.
        ruleset: The version under which the last call was reserved.
        others: The best end so far of its firing's other actions: one is ``out``, which is to
            say sent or perhaps sent, or else one has ``failed``; or neither.
    """

    action_id: str
    trigger: str
    channel: str
    type: str
    rank: int
    expires: int
    not_before: int
    firing: bytes
    attempt: int = 0
    failures: int = 0
    reserved: bool = False
    slot: int | None = None
    ambiguous: bool = False
    called_off: bool = False
    ruleset: int = 0
    others: Literal["", "failed", "out"] = ""


class Ledger(msgspec.Struct, array_like=True):
    """One customer's state. Dictionaries keep their order, which decides among equals.

    Attributes:
        consent: What the customer last said, by name (`consent.said`).
        consent_at: The moment of the last record of a change; -1 for none.
        sends: Of ended actions, as far back as a cap looks.
        marks: By action id: until when a repeat of it must be known for one.
        goals: By trigger: the moment of the last goal heard.
        goal_positions: By trigger: its place in the log of events, which tells it from a repeat.
        erased: Where in the log of events the customer was erased before they came back, or -1:
            what was decided up to there is a repeat, whose marks are gone.
        heard: The last place in the log of events from which anything was heard, or -1.
        goal_numbers: By trigger: the number of that goal within its place, where it is not 0.
        pending: By action id, in order of arrival.
    """

    consent: dict[str, bool] = {}
    consent_at: int = -1
    sends: list[Sent] = []
    marks: dict[str, int] = {}
    goals: dict[str, int] = {}
    pending: dict[str, Pending] = {}
    goal_positions: dict[str, int] = {}
    erased: int = -1
    heard: int = -1
    goal_numbers: dict[str, int] = {}

    def has_heard_goal(self, trigger: str, position: int, n: int) -> bool:
        """Return whether a goal of *trigger*, or one behind it, was heard already."""
        known = self.goal_positions.get(trigger)
        return known is not None and (position, n) <= (known, self.goal_numbers.get(trigger, 0))

    def note_goal(self, trigger: str, position: int, n: int) -> None:
        """Note the goal number *n* of the record at *position*."""
        self.goal_positions[trigger] = position
        if n:
            self.goal_numbers[trigger] = n
        else:
            self.goal_numbers.pop(trigger, None)

    def wake_at(self) -> int:
        """Return when the next waiting action is due, or `NEVER`."""
        waiting = (p.not_before for p in self.pending.values() if not p.reserved)
        return min(waiting, default=NEVER)

    def has_room(self, firing: bytes) -> bool:
        """Return whether one more unfinished action with *firing* may be kept."""
        held = sum(len(pending.firing) for pending in self.pending.values())
        return len(self.pending) < MAX_PENDING and held + len(firing) <= MAX_PENDING_BYTES

    def forget(self, erased: int) -> None:
        """Keep no more than what tells a repeat: the customer was erased at *erased*, but what was
        decided after that was heard before."""
        self.consent, self.consent_at, self.sends, self.erased = {}, -1, [], erased
        self.goal_positions = {t: at for t, at in self.goal_positions.items() if at > erased}
        self.goals = {t: at for t, at in self.goals.items() if t in self.goal_positions}
        self._drop_numbers()

    def prune(self, at: int, *, window: int, slack: int) -> None:
        """Forget what no decision from *at* on can need.

        *window* is the longest cap's; a repeat comes less than *slack* after the first.
        """
        oldest = at - window
        self.sends = [sent for sent in self.sends if sent.at > oldest]
        del self.sends[:-MAX_SENDS]
        self.marks = {action: until for action, until in self.marks.items() if until > at}
        for action in list(self.marks)[:-MAX_MARKS]:
            del self.marks[action]
        self.goals = {trigger: heard for trigger, heard in self.goals.items() if heard > at - slack}
        self.goal_positions = {
            trigger: position
            for trigger, position in self.goal_positions.items()
            if trigger in self.goals
        }
        self._drop_numbers()

    def _drop_numbers(self) -> None:
        if self.goal_numbers:
            known = self.goal_positions
            self.goal_numbers = {t: n for t, n in self.goal_numbers.items() if t in known}

    def transplant(self) -> None:
        """Let the positions be those of a log of events that was left for another one.

        Goals keep their order, below all of the new log. The rest tells repeats of what was decided
        over the old one, and there will be none: it was decided and stored to its end.
        """
        self.goal_positions = {t: at + MOVED for t, at in self.goal_positions.items() if at >= 0}
        self._drop_numbers()
        self.erased = self.heard = -1


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Ledger).decode


def dump(ledger: Ledger, fence: int) -> bytes:
    """Return the stored form of *ledger*, which contains the input up to offset *fence*."""
    flags = header.PENDING if ledger.pending else 0
    return header.pack(FORMAT, flags, ledger.wake_at(), fence) + _encode(ledger)


def transplant(value: bytes) -> bytes:
    """Return the stored form over another log of the ledger in *value* (`Ledger.transplant`).

    Raises:
        StateFormatError: As `load`.
    """
    moved = load(value)
    moved.transplant()
    return dump(moved, NO_FENCE)


def load(value: bytes) -> Ledger:
    """Return the ledger in *value*.

    Raises:
        StateFormatError: It is of another format, or damaged; the process must stop.
    """
    found, _, _, _ = header.unpack(value)
    if found != FORMAT:
        raise StateFormatError(f"a sender's state is of format {FORMAT}; found {found}")
    try:
        return _decode(memoryview(value)[header.SIZE :])
    except (msgspec.ValidationError, msgspec.DecodeError) as error:
        raise StateFormatError(f"a sender's state of format {FORMAT}: {error}") from error
