"""One customer under a ruleset, told in a few words what happens; the outcomes as they come."""

from __future__ import annotations

from textwrap import dedent
from typing import Any

import msgspec
import orjson

from triggerstream.core.detection.detect import Detect
from triggerstream.core.detection.failed import FailedDelivery
from triggerstream.core.patterns.progress import TRIGGER
from triggerstream.core.records.record import Kind
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.core.state.customer import CustomerState
from triggerstream.replay.lines import decision_line

LATENESS = 10_000


def ruleset_of(triggers: str, policy: str = "", version: int = 0) -> Ruleset:
    """Return the ruleset of trigger documents, and perhaps of a policy document."""
    files = {"t.yaml": dedent(triggers)}
    if policy:
        files["policy.yaml"] = dedent(policy)
    return load_ruleset(files, version=version)


class Customer:
    """A customer ``c`` of `Detect`. Each record is read, decided, stored, and loaded again.

    Attributes:
        out: Every outcome so far.
        statuses: What became of every event so far.
    """

    def __init__(self, ruleset: Ruleset | str, *, clamp_skew: bool = True) -> None:
        self.ruleset = ruleset_of(ruleset) if isinstance(ruleset, str) else ruleset
        self.program = Detect("events", clamp_skew=clamp_skew)
        self.state: CustomerState = self.program.new_state("c")
        self.offset = 0
        self.clock = 0
        self.out: list[Any] = []
        self.statuses: list[str] = []

    def happens(
        self, event_type: str, at: int, *, arrival: int | None = None, **fields: Any
    ) -> list[Any]:
        """Let an event happen at *at*, arriving then or at *arrival*; return what it led to.

        Its id is its number, unless *fields* name another; fields that are none of an event's are
        its data.
        """
        body: dict[str, Any] = {"customer_id": "c", "event_type": event_type, "timestamp": at}
        body["event_id"] = fields.pop("event_id", str(self.offset))
        if "source" in fields:
            body["source"] = fields.pop("source")
        body["event_data"] = fields
        return self.receives(orjson.dumps(body), arrival=at if arrival is None else arrival)

    def fails(self, firing_id: str, trigger: str = "t") -> list[Any]:
        """Let the delivery of a firing have failed for good."""
        failed = FailedDelivery(firing_id, trigger, "c")
        return self.receives(orjson.dumps(msgspec.to_builtins(failed)), Kind.FAILED)

    def receives(
        self, value: bytes, kind: bytes | None = None, *, arrival: int | None = None
    ) -> list[Any]:
        """Let a record come; return what it led to."""
        arrival = self.clock if arrival is None else arrival
        self.clock = max(self.clock, arrival)
        message = self.program.read(value, arrival, 3, self.offset, kind, ())
        out: list[Any] = []
        status = self.program.on_message(
            self.state, message, self.ruleset, arrival, self.clock, self.offset, out
        )
        self.statuses.append(status)
        self.offset += 1
        self._note(out)
        return out

    def waits_until(self, clock: int) -> list[Any]:
        """Let the clock run on; return what that led to."""
        self.clock = clock
        out: list[Any] = []
        self.program.on_clock(self.state, self.ruleset, clock, self.offset, out)
        self._note(out)
        return out

    @property
    def holders(self) -> set[str]:
        """The triggers that hold anything of this customer; of this ruleset, all of them."""
        state, known = self.state, self.ruleset.by_key
        cells = {*state.cells, *state.waits, *state.matches, *state.values, *state.instances}
        return {known[cell[:TRIGGER]].id for cell in cells}

    def instances(self, trigger: str) -> list[str]:
        """Return the instances of *trigger* that hold anything, changed longest ago first."""
        return self.ruleset.triggers[trigger].matcher.instances(self.state)

    @property
    def told(self) -> str:
        """The decisions so far: ``trigger:events@at``, or ``reason@at``."""
        return " ".join(map(_told, filter(None, map(decision_line, self.out))))

    def _note(self, out: list[Any]) -> None:
        self.out.extend(out)
        stored = self.program.dump(self.state, self.offset)
        wake = self.program.wake_at(self.state)
        self.state = self.program.load("c", stored)
        assert self.program.wake_at(self.state) == wake
        assert self.program.dump(self.state, self.offset) == stored


def kinds(out: list[Any]) -> list[str]:
    """Return the kinds of *out*."""
    return [type(each).__name__ for each in out]


def _told(line: dict[str, Any]) -> str:
    at = orjson.loads(orjson.dumps(line))["at"]
    seconds = at[17:23] if at.startswith("1970-01-01T00:00") else at
    if line["kind"] == "segment":
        return f"{line['change']} {line['segment']}@{seconds}"
    if line["kind"] == "firing":
        instance = "" if line["instance"] is None else f"/{line['instance']}"
        return f"{line['trigger']}:{','.join(line['events'])}@{seconds}{instance}"
    return f"{line.get('reason', line['kind'])}@{seconds}"
