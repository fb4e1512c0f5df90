"""Random triggers and logs, aimed at boundaries: few types, two customers, and times on a grid of
minutes, so that ties and exact ends of windows are common.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.reference.stories import START, Json

MINUTE = 60_000
HOUR = 60 * MINUTE
YEAR = 365 * 24 * HOUR
TYPES = "aaaabbbbcd"
"""Of the events in a log; the frequent ones fill steps, and the rare ones are absent."""
PATH = "event_data.n"
NUMBERS: list[Any] = [0, 1, 2, 1.0, 0.1, 2.5, -1]
VALUES: list[Any] = [*NUMBERS, *NUMBERS, "1", "x", True, None, [1]]
KEYS: list[Any] = [
    "k",
    "k",
    "k",
    "l",
    "l",
    17,
    17.0,
    "17",
    1.5,
    True,
    None,
    [1],
    {"o": 1},
    ["l", "k", "l"],
]

Draw = Any
"""Hypothesis's draw function."""


# ── triggers ────────────────────────────────────────────────────────────────────────────────


def minutes(low: int, high: int) -> SearchStrategy[int]:
    return st.integers(low, high)


def text(duration: int) -> str:
    """A duration of whole minutes, as a trigger file writes it."""
    return f"{duration}m"


TESTS: SearchStrategy[Json] = st.sampled_from(
    [
        {"equals": 1},
        {"equals": "1"},
        {"not_equals": 1},
        {"greater_than": 1},
        {"less_than": 2},
        {"greater_than_or_equal": 1},
        {"less_than_or_equal": 1},
        {"between": [1, 2]},
        {"in_list": [1, "x"]},
        {"not_in_list": [1, "x"]},
        {"exists": True},
        {"exists": False},
        {"contains": 1},
        {"contains": "X"},
        {"not_contains": "x"},
        {"starts_with": "x"},
        {"matches": "[x1]"},
    ]
)


def conditions(leaves: SearchStrategy[Json]) -> SearchStrategy[Json]:
    """Mostly a leaf; sometimes ``all``, ``any`` and ``not`` of leaves."""
    both = st.lists(leaves, min_size=2, max_size=2)
    return st.one_of(
        leaves,
        leaves,
        leaves,
        st.builds(lambda leaf: {"not": leaf}, leaves),
        st.builds(lambda pair: {"any": pair}, both),
        st.builds(lambda pair: {"all": pair}, both),
    )


WHERE = conditions(st.builds(lambda test: {PATH: test}, TESTS))
IF = conditions(
    st.one_of(
        st.builds(lambda test: {PATH: test}, TESTS),
        st.builds(lambda test: {"profile.n": test}, TESTS),
        st.sampled_from(
            [
                {"profile.tier": {"equals": "gold"}},
                {"event_type": {"in_list": ["a", "b"]}},
                {"time_of_day": {"from": "00:03", "to": "00:07"}},
                {"time_of_day": {"from": "23:00", "to": "00:05", "zone": "UTC"}},
                {"time_of_day": {"from": "01:00", "to": "01:04", "zone": "customer"}},
                {"day_of_week": {"in": ["thu"], "zone": "Europe/Berlin"}},
                {"date_range": {"to": "2025-12-31", "zone": "America/New_York"}},
            ]
        ),
    )
)


@st.composite
def selections(draw: Draw, kind: str) -> Json:
    """``event``, ``absent`` or ``count``: a type or two, and now and then ``where``."""
    common = [*"ccdab"] if kind == "absent" else [*TYPES]
    types = draw(st.sampled_from([*common * 3, ["a", "b"], ["b", "c"], "identify"]))
    where = {"where": draw(WHERE)} if draw(st.integers(0, 9)) == 0 else {}
    return {kind: types, **where}


@st.composite
def counts(draw: Draw) -> Json:
    comparator = draw(st.sampled_from(["at_least", "more_than", "at_most", "exactly"]))
    aggregate = draw(st.sampled_from([None, None, None, "sum", "average", "distinct"]))
    threshold: Any = draw(st.integers(1, 4))
    said: Json = {}
    if aggregate:
        said = {aggregate: PATH}
    if aggregate in {"sum", "average"}:
        threshold = draw(st.sampled_from([1, 2, 0.5, 1.1, -1]))
    said |= {comparator: threshold}
    if draw(st.integers(0, 5)):
        said["within"] = text(draw(minutes(1, 6)))
    return {**draw(selections("count")), **said}


@st.composite
def sequences(draw: Draw, longest: int = 4) -> Json:
    """Any valid sequence: its gaps fit into its window."""
    steps: list[Json] = []
    least = 0  # minutes that the gaps take up
    for number in range(draw(st.sampled_from([1, 2, 2, 2, 3, 3, longest]))):
        silence = 0
        if number and draw(st.integers(0, 2)) == 0:
            absence = draw(selections("absent"))
            if draw(st.booleans()):
                silence = draw(minutes(1, 3))
                absence["for"] = text(silence)
            steps.append(absence)
        step = draw(selections("event"))
        if draw(st.integers(0, 7)) == 0:
            step["times"] = draw(st.integers(2, 3))
        if number:
            after = draw(minutes(1, 3)) if draw(st.integers(0, 3)) == 0 else 0
            gap = max(after, silence)
            if after:
                step["after"] = text(after)
            if draw(st.integers(0, 3)) == 0:
                step["before"] = text(gap + draw(minutes(1, 6)))
            least += gap
        steps.append(step)
    rest: Json = {}
    if len(steps) == 1 or draw(st.booleans()):
        steps.append({**draw(selections("absent")), "for": text(draw(minutes(1, 5)))})
        rest = draw(st.sampled_from([{}, {"restart": "on_repeat"}]))
    if draw(st.integers(0, 4)):
        rest["within"] = text(least + draw(minutes(2, 10)))
    return {"sequence": steps, **rest}


def patterns(levels: int) -> SearchStrategy[Json]:
    """Any pattern, at most *levels* levels deep (20)."""
    plain = [sequences(), counts(), sequences(), counts()]
    if levels == 1:
        return st.one_of(selections("event"), *plain)
    return st.one_of(selections("event"), *plain, groups(levels), groups(levels))


@st.composite
def groups(draw: Draw, levels: int) -> Json:
    """``all`` or ``any`` of different patterns."""
    children = st.lists(patterns(levels - 1), min_size=2, max_size=3, unique_by=json.dumps)
    if draw(st.booleans()):
        return {"any": draw(children)}
    within = {"within": text(draw(minutes(1, 8)))} if draw(st.integers(0, 4)) else {}
    return {"all": draw(children), **within}


@st.composite
def triggers(draw: Draw, when: SearchStrategy[Json], id_: str) -> Json:
    trigger: Json = {"trigger": id_, "when": draw(when)}
    if draw(st.integers(0, 2)) == 0:
        trigger["when"]["per"] = "event_data.k"
    if draw(st.integers(0, 4)) == 0:
        trigger["if"] = draw(IF)
    limits: Json = {}
    if draw(st.integers(0, 4)) == 0:
        limits["cooldown"] = text(draw(minutes(1, 5)))
    if draw(st.integers(0, 6)) == 0:
        limits["max_per_customer"] = draw(st.integers(1, 2))
    if limits:
        trigger["limits"] = limits
    if draw(st.integers(0, 3)) == 0:
        trigger["priority"] = draw(st.sampled_from(["critical", "high", "low"]))
    if draw(st.integers(0, 5)) == 0:
        trigger["then"] = [
            {"email": {"template": "hello"}},
            {"webhook": {"endpoint": "hook"}},
        ]
    return trigger


@st.composite
def trigger_sets(draw: Draw, when: SearchStrategy[Json] | None = None) -> list[Json]:
    """One to three triggers."""
    when = patterns(3) if when is None else when
    return [draw(triggers(when, id_)) for id_ in "tsu"[: draw(st.sampled_from([1, 1, 2, 3]))]]


@st.composite
def policies(draw: Draw) -> Json:
    policy: Json = {}
    if draw(st.integers(0, 3)) == 0:
        policy["allowed_lateness"] = draw(st.sampled_from(["1ms", "60s", "2m"]))
    if draw(st.integers(0, 5)) == 0:
        policy["max_skew"] = "2m"
    if draw(st.integers(0, 7)) == 0:
        policy["backfill_before"] = "2026-01-01T00:04:00Z"
    if draw(st.integers(0, 7)) == 0:
        policy["timezone"] = "Europe/Berlin"
    return policy


# ── logs ────────────────────────────────────────────────────────────────────────────────────

PACE = [0, 0, 0, 0, MINUTE, MINUTE, MINUTE, 2 * MINUTE]
STRAY = [
    -10_000,
    -10_001,
    -1,
    1,
    -MINUTE,
    -2 * MINUTE,
    -3 * MINUTE,
    -6 * MINUTE,
    MINUTE,
    3 * MINUTE,
    6 * MINUTE,
]


class Sequel:
    """Makes one event after another, by the choices of a `Random` that Hypothesis shrinks."""

    def __init__(
        self, random: Random, *, strays: bool, arrivals: bool, customers: str = "cd"
    ) -> None:
        self.random = random
        self.strays = strays
        self.arrivals = arrivals
        self.customers = customers
        self.now = START
        self.made: list[Json] = []

    def rarely(self, times: int) -> bool:
        return self.random.randrange(times) == times - 1

    def add(self, keys: list[Any]) -> None:
        pick = self.random.choice
        self.now += pick(PACE)
        event: Json = {
            "event_id": str(len(self.made)),
            "customer_id": pick(self.customers),
            "event_type": "identify" if self.rarely(12) else pick(TYPES),
            "timestamp": self.now + (pick(STRAY) if self.strays and self.rarely(4) else 0),
            "event_data": {"n": pick(VALUES), "k": pick(keys)},
        }
        if event["event_type"] == "identify" and self.rarely(2):
            event["event_data"] |= {
                "tier": pick(["gold", "gold", None]),
                "timezone": pick(["Europe/Berlin", "Nowhere", None]),
            }
        if self.arrivals and not self.rarely(6):
            event["received_at"] = self.now + (pick(STRAY) if self.rarely(6) else 0)
        if self.made and self.rarely(16):
            event["event_id"] = pick(self.made)["event_id"]
        if self.rarely(16):
            event["source"] = "web"
        if self.rarely(24):
            del event["event_id"]
            event["event_id"] = None
        self.made.append(event)


@st.composite
def logs(draw: Draw, longest: int = 40, *, orderly: bool = False) -> list[Json]:
    """A log of two customers; in half of the logs some stamps stray, and some arrive late.

    An *orderly* log is one in order of its timestamps.
    """
    random = draw(st.randoms(use_true_random=False))
    sequel = Sequel(
        random,
        strays=not orderly and draw(st.booleans()),
        arrivals=not orderly and draw(st.sampled_from([False, False, True])),
    )
    for _ in range(draw(st.sampled_from([3, 6, 12, 20, 30, longest]))):
        sequel.add(KEYS)
    return sequel.made


@st.composite
def wild_logs(draw: Draw) -> list[Json]:
    """Three customers, of whose stamps some are hours or decades off: of one, or of any of them."""
    random = draw(st.randoms(use_true_random=False))
    sequel = Sequel(random, strays=False, arrivals=draw(st.booleans()), customers="cde")
    bad = draw(st.sampled_from(["c", "cde"]))
    rarity = draw(st.sampled_from([2, 6, 12]))
    for _ in range(draw(st.sampled_from([3, 6, 12, 30, 150]))):
        sequel.add(KEYS)
        event = sequel.made[-1]
        if event["customer_id"] in bad and sequel.rarely(rarity):
            for name in ("timestamp", "received_at"):
                if name in event and sequel.rarely(2):
                    event[name] += random.choice([-50 * YEAR, -HOUR, 2 * HOUR, 70 * YEAR])
        if sequel.rarely(40):
            sequel.now += random.choice([HOUR, 2 * YEAR])
    return sequel.made


@st.composite
def stray_logs(draw: Draw) -> list[Json]:
    """One customer, of whose stamps many stray: moved up, late, or ahead."""
    random = draw(st.randoms(use_true_random=False))
    sequel = Sequel(random, strays=True, arrivals=draw(st.booleans()), customers="c")
    for _ in range(draw(st.sampled_from([12, 20, 30, 45]))):
        sequel.add(["k", "k", "l", None])
    return sequel.made


@st.composite
def ends(draw: Draw) -> int | None:
    """Where the clock runs on to: nowhere, or some minutes after the start."""
    end: int | None = draw(st.none() | st.integers(0, 60))
    return None if end is None else START + end * MINUTE


# Logs long enough to meet a bound. They are drawn from a seed: too long to be shrunk.

GAPPED: SearchStrategy[Json] = st.sampled_from(
    [
        {"sequence": [{"event": "a"}, {"event": "b", "after": "2m"}], "within": "30m"},
        {"sequence": [{"event": "a"}, {"event": "b", "after": "40m"}], "within": "50m"},
        {
            "sequence": [
                {"event": "a"},
                {"absent": "c", "for": "40m"},
                {"event": "b"},
                {"event": "d"},
            ]
        },
        {
            "sequence": [
                {"event": "a", "where": {PATH: {"equals": 1}}},
                {"event": "a"},
                {"event": "b", "after": "20m", "before": "45m"},
            ],
            "within": "1h",
        },
        {
            "sequence": [
                {"event": "a"},
                {"event": "a", "after": "20m"},
                {"event": "b", "after": "20m"},
            ],
            "within": "1h",
        },
    ]
)
PLAIN: SearchStrategy[Json] = st.sampled_from(
    [
        {"count": "a", "at_least": 2, "within": "2h"},
        {"count": "a", "at_least": 3, "within": "30m"},
        {"count": "a", "exactly": 1, "within": "1h"},
        {"sequence": [{"event": "a"}, {"absent": "b", "for": "90m"}]},
        {"sequence": [{"event": "a"}, {"absent": "b", "for": "20m"}], "restart": "on_repeat"},
        {"sequence": [{"event": "a"}, {"absent": "c"}, {"event": "b"}], "within": "1h"},
        {"all": [{"event": "a"}, {"event": "b"}], "within": "1h"},
    ]
)


@st.composite
def long_logs(draw: Draw, events: int = 90) -> list[Json]:
    """One customer, mostly ``a``."""
    random = Random(draw(st.integers(0, 1 << 32)))
    sequel = Sequel(random, strays=draw(st.booleans()), arrivals=False, customers="c")
    for _ in range(events):
        sequel.add(["k"])
        if sequel.made[-1]["event_type"] != "identify" and random.random() < 0.7:
            sequel.made[-1]["event_type"] = "a"
    return sequel.made


@st.composite
def crowded_logs(draw: Draw, events: int = 260) -> list[Json]:
    """One customer, with more instances than are kept."""
    random = Random(draw(st.integers(0, 1 << 32)))
    sequel = Sequel(random, strays=False, arrivals=False, customers="c")
    keys = [*range(80), None, [3, 81, 9], [81, 82, 5, 81]]
    for _ in range(events):
        sequel.add(keys)
        sequel.now -= random.choice([0, 0, MINUTE // 2])
    return sequel.made


@st.composite
def repeating_logs(draw: Draw, events: int = 400) -> list[Json]:
    """One customer, now busy and now not, of whom many events come again, from far back too."""
    random = Random(draw(st.integers(0, 1 << 32)))
    steps = random.choice([[0, 1000], [0, 1000, MINUTE], [MINUTE, 20 * MINUTE, 61 * MINUTE]])
    now, made = START, list[Json]()
    for number in range(events):
        now += random.choice(steps)
        again = random.random() < 0.4 and made
        first = (
            random.choice(made[-150:]) if again else {"event_id": str(number), "event_type": "a"}
        )
        made.append({"customer_id": "c", "timestamp": now, **first, "received_at": now})
    return made
