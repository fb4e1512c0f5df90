"""What deciding costs: the engine alone, on decoded events, beside decoding them.

100 triggers of which 4 look at each event type, and one of these changes something: five to six
times what it costs to decode the event, everything included.

    python benchmarks/engine.py [--events N] [--json]

Decoding and deciding take turns, some events each; after each turn the customers that it touched
are dumped and loaded. The fastest fiftieth of the turns in the second half tells what it costs
where nobody disturbs, on a machine that others use too; the ratio is what travels. Times are the
process's CPU time, without the collector of cycles, which a worker tunes.
"""

from __future__ import annotations

import argparse
import gc
import json
import random
from collections.abc import Callable, Sequence
from time import process_time_ns
from typing import Any

from triggerstream.core.detection.detect import Detect
from triggerstream.core.events.decode import decode_event
from triggerstream.core.events.event import Event
from triggerstream.core.model import (
    AbsentStep,
    CountPattern,
    EventPattern,
    EventStep,
    Pattern,
    RulesetSource,
    SequencePattern,
    Test,
    Trigger,
)
from triggerstream.core.rulesets.ruleset import Ruleset, build_ruleset
from triggerstream.core.state.customer import CustomerState

TYPES = [f"type_{number}" for number in range(40)]
CUSTOMERS = 5_000
START = 1_767_225_600_000
TURN = 200
"""Events, or customers, of one turn."""


def a_trigger(number: int, draw: random.Random) -> Trigger:
    """One of a hundred: a fifth events, two fifths counts, a fifth sequences, a fifth absences."""
    one, two, three = draw.sample(TYPES, 3)
    rare = Test("event_data.total", "greater_than", 995)
    patterns: list[Pattern] = [
        EventPattern((one,), rare),
        CountPattern((one,), "at_least", 12, within=3_600_000),
        CountPattern((two,), "more_than", 20, within=600_000, where=rare),
        SequencePattern((EventStep((one,)), EventStep((two,)), EventStep((three,), rare))),
        SequencePattern((EventStep((one,), rare), AbsentStep((two,), None, 3_600_000))),
    ]
    return Trigger(f"trigger-{number}", patterns[number % len(patterns)], f"Trigger {number}")


def a_ruleset(triggers: int) -> Ruleset:
    draw = random.Random(1)
    return build_ruleset(RulesetSource(tuple(a_trigger(n, draw) for n in range(triggers))))


def some_events(number: int) -> list[bytes]:
    draw = random.Random(2)
    return [
        json.dumps(
            {
                "event_id": f"{draw.getrandbits(128):032x}",
                "customer_id": f"c{draw.randrange(CUSTOMERS)}",
                "event_type": draw.choice(TYPES),
                "timestamp": START + 20 * position,
                "event_data": {"total": draw.randrange(1000), "sku": "A-1", "currency": "EUR"},
                "session_id": "s1",
                "source": "web",
                "device_info": {"type": "mobile", "os": "android"},
                "location_data": {"country": "DE"},
            }
        ).encode()
        for position in range(number)
    ]


class Turns:
    """The turns of one kind of work."""

    def __init__(self) -> None:
        self._times: list[float] = []

    def take(self, work: Callable[[Sequence[Any]], None], on: Sequence[Any]) -> None:
        start = process_time_ns()
        work(on)
        self._times.append((process_time_ns() - start) / 1000 / max(1, len(on)))

    @property
    def micros(self) -> float:
        """Microseconds a piece, where nobody disturbs."""
        settled = self._times[len(self._times) // 2 :]
        return sorted(settled)[len(settled) // 50]


class Bench:
    """Decoding and deciding *values* under *ruleset*, and what comes of it."""

    def __init__(self, values: list[bytes], ruleset: Ruleset) -> None:
        self.values = values
        self.ruleset = ruleset
        self.program = Detect("events")
        self.states: dict[str, CustomerState] = {}
        self.stored: list[bytes] = []
        self.position = 0
        self.out: list[Any] = []
        self.turns = {name: Turns() for name in ("decode", "decide", "dump", "load")}

    def run(self) -> None:
        events = [decode_event(v, fallback_id="-", fallback_timestamp=START) for v in self.values]
        gc.collect()
        gc.freeze()
        gc.disable()
        for start in range(0, len(events), TURN):
            some = events[start : start + TURN]
            touched = [
                self.states[name] for name in {e.customer_id for e in some} if name in self.states
            ]
            self.turns["decode"].take(self.decode, self.values[start : start + TURN])
            self.turns["decide"].take(self.decide, some)
            self.turns["dump"].take(self.dump, touched)
            self.turns["load"].take(self.load, self.stored)

    def decode(self, values: Sequence[bytes]) -> None:
        for value in values:
            decode_event(value, fallback_id="-", fallback_timestamp=START)

    def decide(self, events: Sequence[Event]) -> None:
        on_message, ruleset, states, out = (
            self.program.on_message,
            self.ruleset,
            self.states,
            self.out,
        )
        for position, event in enumerate(events, start=self.position):
            customer = event.customer_id
            state = states.get(customer)
            if state is None:
                state = states[customer] = self.program.new_state(customer)
            at = event.timestamp
            on_message(state, event, ruleset, at, at, position, out)
        self.position += len(events)

    def dump(self, states: Sequence[CustomerState]) -> None:
        self.stored = [self.program.dump(state, 7) for state in states]

    def load(self, stored: Sequence[bytes]) -> None:
        for value in stored:
            self.program.load("c", value)

    @property
    def figures(self) -> dict[str, float]:
        micros = {name: round(turns.micros, 2) for name, turns in self.turns.items()}
        stored = [len(self.program.dump(state, 7)) for state in self.states.values()]
        return {
            **micros,
            "decide/decode": round(micros["decide"] / micros["decode"], 2),
            "bytes": round(sum(stored) / len(stored)),
            "decisions": len(self.out),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--events", type=int, default=60_000)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    values = some_events(arguments.events)
    found: dict[int, dict[str, float]] = {}
    for triggers in (0, 10, 100, 1000):
        bench = Bench(values, a_ruleset(triggers))
        bench.run()
        found[triggers] = bench.figures
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{'triggers':>8}", *(f"{name:>13}" for name in found[0]))
    for triggers, figures in found.items():
        print(f"{triggers:>8}", *(f"{figure:>13}" for figure in figures.values()))


if __name__ == "__main__":
    main()
