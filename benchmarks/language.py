"""What each construct of the language costs an event that it concerns, and a wake-up in silence.

    python benchmarks/language.py [--rounds N] [--only TEXT] [--json]

Each construct is a ruleset, and stands beside the same ruleset without it. Both decide the same
events of 370 bytes, some at a time, in turn, each in a partition of its own over a store in memory;
what is told is by how much they differ, in microseconds of this thread's CPU an event. The median
of a round's turns is one figure; of the rounds the median is told, with the least and the greatest.

Each of 20 customers has an event every ten minutes, whose clock is that of the log: so a window
that holds 100 loses an event with each that comes, and what watches it is asked for both.

- **folds**: an attribute that nobody reads;
- **read**: a value in an ``if``;
- **segments**: one more segment over an attribute, which is there in both;
- **events**: a value that is watched, a firing that is told to another trigger, a trend.

A **wake-up** is measured by itself: so many customers are in a segment that all leave by one tick.

Aims: a fold 1 us; a windowed segment 3 us; a wake-up 30 us. Few customers are in the caches of any
machine: where there are many, what a slot costs is to find it in memory, too (`many.py`).
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Iterator, Mapping, Sequence
from time import thread_time_ns
from typing import Any, Final, NamedTuple

from benchmarks.load import Line, events
from benchmarks.rounds import Found, say, show, summary, surroundings, told, without_collector
from triggerstream.core.detection.detect import Detect
from triggerstream.core.keyed.memory_store import MemoryStore
from triggerstream.core.keyed.partition import Partition
from triggerstream.core.records.columns import in_columns
from triggerstream.core.records.record import KIND, Kind
from triggerstream.core.rulesets.ruleset import load_ruleset

CUSTOMERS: Final = 20
APART: Final = 600_000
"""Milliseconds between two events of one customer."""
TURN: Final = 100
TURNS: Final = 12
"""Of a round."""
START: Final = 1_700_000_000_000
AIMS: Final = {"fold": 1.0, "segment": 3.0, "wake": 30.0}

BASE: Final = """
trigger: looks
when: {event: e, where: {event_data.amount: {less_than: 0}}}
"""
"""Looks at each event, and never fires."""


class Construct(NamedTuple):
    """What is measured.

    Attributes:
        kind: What its aim stands under.
        text: The ruleset with it.
        without: The same without it.
        held: How many events of a customer come before what is measured.
        policy: What stands in the policy of both.
    """

    kind: str
    text: str
    without: str = BASE
    held: int = 20
    policy: str = "activity: [e]\n"


def constructs() -> dict[str, Construct]:
    """Return all that is measured, by name."""
    return {**dict(_folds()), **dict(_reads()), **dict(_segments()), **dict(_events())}


def _attribute(text: str) -> str:
    return f"attribute: a\n{text}\n---{BASE}"


def _within(held: int) -> str:
    return f"within: {held * APART // 60_000}m"


def _folds() -> Iterator[tuple[str, Construct]]:
    of = "on: e"
    for name, text in {
        "count": "count: e",
        "sum": f"sum: event_data.amount\n{of}",
        "first of a field": f"first: event_data.sku\n{of}",
        "last of a field": f"last: event_data.sku\n{of}",
        "last moment": f"last: at\n{of}",
        "last day": f"last: at\nas: day\n{of}",
        "top of 4": f"top: event_data.category\n{of}",
        "top of many": f"top: event_data.sku\n{of}",
        "points": "points: {e: 0.01}\nhalf_life: 14d",
    }.items():
        yield f"fold: {name}", Construct("fold", _attribute(text), held=60)
    for held in (10, 100, 1_000):
        for name, text in {
            "count": "count: e",
            "sum": f"sum: event_data.amount\n{of}",
            "distinct of 4": "count: e\ndistinct: event_data.category",
            "distinct of many": "count: e\ndistinct: event_data.sku",
        }.items():
            yield (
                f"fold: {name}, window of {held:,}",
                Construct("fold", _attribute(f"{text}\n{_within(held)}"), held=held),
            )


def _reads() -> Iterator[tuple[str, Construct]]:
    def reading(attribute: str, path: str) -> str:
        when = f"trigger: reads\nwhen: {{event: e}}\nif: {{profile.{path}: {{less_than: -1}}}}"
        return f"attribute: a\n{attribute}\n---\n{when}\n"

    kept = {
        "sum": ("sum: event_data.amount\non: e", 20),
        "points": ("points: {e: 0.01}\nhalf_life: 14d", 20),
        "count, window of 100": (f"count: e\n{_within(100)}", 100),
        "count, window of 1,000": (f"count: e\n{_within(1_000)}", 1_000),
        "sum, window of 1,000": (f"sum: event_data.amount\non: e\n{_within(1_000)}", 1_000),
    }
    for name, (text, held) in kept.items():
        yield f"read: {name}", Construct("read", reading(text, "a"), reading(text, "b"), held)

    def asking(condition: str) -> str:
        return f"trigger: asks\nwhen: {{event: e}}\nif: {condition}\n"

    plain = asking("{profile.b: {less_than: -1}}")
    since = asking("{since_last: {event: f, less_than: 7d}}")
    yield "read and fold: since_last", Construct("read", since, plain)
    since = asking("{since_last: {event: e, at_least: 7d}}")
    yield "read and fold: since_last, of this event", Construct("read", since, plain)
    count = asking(f"{{count: {{event: e}}, at_most: 0, {_within(100)}}}")
    yield "read and fold: count, window of 100", Construct("read", count, plain, 100)


def _segments() -> Iterator[tuple[str, Construct]]:
    def over(attribute: str, test: str) -> tuple[str, str]:
        text = f"attribute: a\n{attribute}\n---{BASE}"
        return f"{text}---\nsegment: s\nis: {{profile.a: {test}}}\n", text

    amount = "sum: event_data.amount\non: e"
    for held in (10, 100, 1_000):
        for name, attribute, test in (
            ("count", "count: e", "{greater_than: 2}"),
            ("sum", amount, "{greater_than: 400}"),
        ):
            yield (
                f"segment: {name}, window of {held:,}",
                Construct("segment", *over(f"{attribute}\n{_within(held)}", test), held),
            )
    for name, attribute, test in (
        ("sum", amount, "{greater_than: 400}"),
        ("points", "points: {e: 0.01}\nhalf_life: 14d", "{greater_than: 0.6}"),
    ):
        yield f"segment: {name}", Construct("segment", *over(attribute, test))
    both = over("count: e\nwithin: 5m", "{greater_than: 0}")
    yield "segment: in, and out by a wake-up", Construct("wake", *both)


def _events() -> Iterator[tuple[str, Construct]]:
    def last(field: str) -> str:
        return f"attribute: a\nlast: event_data.{field}\non: e\n---{BASE}"

    changed = "---\ntrigger: c\nwhen: {changed: profile.a, to: nothing}\n"
    for name, field in (("none", "currency"), ("a value that does", "sku")):
        yield f"changed: {name}", Construct("event", last(field) + changed, last(field))
    fires = "trigger: a\nwhen: {event: e}\nthen: [{log: {}}]\n"
    tells = "---\ntrigger: b\nwhen: {event: f}\n"
    heard = "---\ntrigger: b\nwhen: {fired: a, where: {event_data.instance: {equals: x}}}\n"
    yield "fired, told to one trigger", Construct("event", fires + heard, fires + tells)
    for name, gap in (("that goes on", "30m"), ("each", "5m")):
        policy = f"activity: [e]\nsession: {{gap: {gap}}}\n"
        ended = (
            "---\ntrigger: v\nwhen: {session: ended, where: {event_data.depth: {less_than: 0}}}\n"
        )
        yield f"session: {name}", Construct("event", BASE + ended, policy=policy)
    for way, factor in (("below", 0.5), ("above", 1.5)):
        trend = f"---\ntrigger: t\nwhen: {{trend: e, {way}: {factor}, recent: 8h, baseline: 24h}}\n"
        yield f"trend: {way}", Construct("event", BASE + trend, held=200)


class Side:
    """A partition under one ruleset.

    Args:
        policy: Its policy.
        lines: Whose turns it takes.
    """

    def __init__(self, text: str, policy: str, lines: Sequence[Line]) -> None:
        ruleset = load_ruleset({"bench.yaml": text, "policy.yaml": policy})
        self.partition: Partition[Any, Any] = Partition(
            Detect("events"), MemoryStore(), rulesets=lambda _: ruleset
        )
        self._lines = lines
        self._next = 0

    def decide(self, count: int) -> int:
        """Decide the next *count* events; return the nanoseconds that it took."""
        some = in_columns(self._lines[self._next : self._next + count])
        self._next += count
        started = thread_time_ns()
        applied = self.partition.apply(some)
        took = thread_time_ns() - started
        assert applied == len(some) == count
        self.partition.outcomes.clear()
        return took


def lines_of(count: int) -> list[Line]:
    """Return *count* events of `CUSTOMERS`, who take turns; all are of the type ``e``."""
    found = []
    for number, (key, value) in enumerate(events(count, until=START)):
        said, at = START - 10 * (count - number - 1), START + number * APART // CUSTOMERS
        timed = value.replace(b'"timestamp":%d' % said, b'"timestamp":%d' % at, 1)
        renamed = timed.replace(key, b"customer-%06d" % (number % CUSTOMERS), 1)
        head, _, rest = renamed.partition(b'"event_type":"')
        found.append(Line(number, at, head + b'"event_type":"e' + rest[rest.index(b'"') :]))
    return found


def measure(some: Mapping[str, Construct], rounds: int) -> Found:
    """Return what each construct costs an event, one figure for each round."""
    longest = max(each.held for each in some.values()) * CUSTOMERS
    lines = lines_of(longest + 10 * TURN + rounds * TURNS * TURN)
    found: Found = {}
    for name, each in some.items():
        sides = [Side(text, each.policy, lines) for text in (each.text, each.without)]
        for side in sides:
            side.decide(each.held * CUSTOMERS + 10 * TURN)
        with without_collector():
            found[name] = [_round(*sides) for _ in range(rounds)]
        say(f"{name}: {told(found[name], 2)}")
    return found


def _round(given: Side, without: Side) -> float:
    differences = []
    for number in range(TURNS):
        order = (given, without) if number % 2 else (without, given)
        took = {side: side.decide(TURN) for side in order}
        differences.append((took[given] - took[without]) / TURN / 1000)
    return statistics.median(differences)


# ── wake-ups ────────────────────────────────────────────────────────────────────────────────

WAKES: Final = {
    "wake: out of a segment": "segment: s\nis: {count: e, at_least: 1, within: 1h}\n",
    "wake: out of a segment, told to a trigger": (
        "segment: s\nis: {count: e, at_least: 1, within: 1h}\n"
        "---\ntrigger: t\nwhen: {left: s}\nthen: [{log: {}}]\n"
    ),
    "wake: an absence, to compare": (
        "trigger: t\nwhen: {sequence: [{event: e}, {absent: f, for: 1h}]}\nthen: [{log: {}}]\n"
    ),
}
SLEEPERS: Final = 2_000


def measure_wakes(rounds: int) -> Found:
    """Return what it costs to wake a customer, one figure for each round."""
    found: Found = {}
    for name, text in WAKES.items():
        with without_collector():
            found[name] = [_wake(text) for _ in range(rounds)]
        say(f"{name}: {told(found[name], 2)}")
    return found


def _wake(text: str) -> float:
    ruleset = load_ruleset({"bench.yaml": text})
    partition: Partition[Any, Any] = Partition(
        Detect("events"), MemoryStore(), rulesets=lambda _: ruleset
    )
    body = b'{"customer_id":"c-%05d","event_type":"e","timestamp":%d,"event_id":"%d"}'
    lines = [Line(number, START, body % (number, START, number)) for number in range(SLEEPERS)]
    partition.apply(in_columns(lines))
    partition.outcomes.clear()
    late = Line(SLEEPERS, START + 7_200_000, None, ((KIND, Kind.TICK),))
    started = thread_time_ns()
    partition.apply(in_columns([late]))
    took = thread_time_ns() - started
    assert len(partition.outcomes) >= SLEEPERS
    return took / 1000 / SLEEPERS


# ── the result ──────────────────────────────────────────────────────────────────────────────


def misses(found: Found, kinds: Mapping[str, str]) -> dict[str, float]:
    """Return the medians that are above the aim of their kind."""
    medians = {name: statistics.median(all_) for name, all_ in found.items()}
    return {
        name: round(figure, 2)
        for name, figure in medians.items()
        if kinds[name] in AIMS and figure > AIMS[kinds[name]]
    }


def tell(found: Found, kinds: Mapping[str, str]) -> None:
    """Print what was found, for people."""
    show(
        "what it costs an event, us",
        ("construct", "median (least-greatest)", "aim"),
        [(name, told(all_, 2), str(AIMS.get(kinds[name], ""))) for name, all_ in found.items()],
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="constructs with this text in their names")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    some = {name: each for name, each in constructs().items() if asked.only in name}
    kinds = {name: each.kind for name, each in some.items()}
    found = measure(some, asked.rounds) if some else {}
    if asked.only in "wake":
        found |= measure_wakes(asked.rounds)
        kinds |= dict.fromkeys(WAKES, "wake")
    if asked.json:
        print(
            json.dumps(
                {
                    "us": {name: summary(all_) for name, all_ in found.items()},
                    "above_the_aim": misses(found, kinds),
                    "with": surroundings("msgspec", "orjson"),
                }
            )
        )
    else:
        tell(found, kinds)


if __name__ == "__main__":
    main()
