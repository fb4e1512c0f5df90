"""Rules 1-21, worked by hand: the reference and the engine must both agree with these tables."""

from __future__ import annotations

import pytest

from tests.reference.stories import DECIDE, Decide, log, ms, tell, yaml

LAST = ms(100_000)
"""How far the clock runs on behind each story."""

Table = list[tuple[str, dict[str, str]]]
"""Patterns, and for each of them: what story leads to what decisions."""

# fmt: off
SEQUENCE: Table = [
    # 1: the window
    ("{sequence: [{event: a}, {event: b}, {event: c}], within: 30s}", {
        "a@0 b@1 c@29.999": "0,1,2@29.999",
        "a@0 b@1 c@30": "",
    }),
    ("{sequence: [{event: a}, {event: b}]}", {
        "a@0 b@86399.999": "0,1@86400",
        "a@0 b@86400": "",
    }),
    ("{sequence: [{event: a}, {event: b}, {absent: x, for: 60s}], within: 30s}", {
        "a@0 b@29": "0,1@89",
    }),
    # 7: an absence behind `times`
    ("{sequence: [{event: a, times: 2}, {absent: x, for: 10s}]}", {
        "a@0 x@0.5 a@1": "0,2@11",
        "a@0 a@1 x@2 a@3": "1,3@13",
        "a@0 a@1 a@5": "0,1@11",
    }),
    ("{sequence: [{event: a, times: 2}, {absent: x, for: 10s}], restart: on_repeat}", {
        "a@0 a@1 a@5": "0,2@15",
    }),
    # 27: an event that comes a little late is taken at its customer's last time
    ("{sequence: [{event: a}, {event: b, before: 5s}]}", {
        "a@0 b@4 z@6": "0,1@4",
        "a@0 z@6 b@4": "",
    }),
    ("{sequence: [{event: a}, {event: b, after: 5s}]}", {
        "a@0 z@6 b@4": "0,2@6",
    }),
    ("{sequence: [{event: a}, {absent: b, for: 5s}]}", {
        "a@0 z@4.999 b@4": "",
        "a@0 z@5 b@4": "0@5",
        "a@0 z@6 b@4": "0@5",
    }),
    ("{count: a, at_least: 2, within: 5s}", {
        "a@0 a@4 z@6": "0,1@4",
        "a@0 z@6 a@4": "",
    }),
    # 2: any choice; the latest first step is preferred, then the latest second
    ("{sequence: [{event: a}, {event: b}, {event: c}]}", {
        "a@0 b@1 a@2 b@3 c@4": "2,3,4@4",
        "a@0 b@1 a@2 c@4": "0,1,3@4",
        "a@0 b@1 b@2 c@3": "0,2,3@3",
    }),
    ("{sequence: [{event: a}, {event: b, after: 5s}]}", {
        "a@0 a@3 b@6": "0,2@6",
        "a@0 a@1 b@6": "1,2@6",
    }),
    ("{sequence: [{event: a}, {event: b}, {event: c, after: 5s}]}", {
        "a@0 b@1 a@2 b@4 c@6": "0,1,4@6",
        "a@0 b@1 b@2 c@7 c@8": "0,2,3@7",
    }),
    # 4: one step at a time, and a completed match starts nothing
    ("{sequence: [{event: a}, {event: a}]}", {
        "a@0 a@1 a@2 a@3 a@4": "0,1@1 2,3@3",
    }),
    ("{sequence: [{event: [a, b]}, {event: b}]}", {
        "b@0": "",
        "b@0 b@1 b@2": "0,1@1",
    }),
    ("{sequence: [{event: a}, {event: [a, b]}, {event: c}]}", {
        "a@0 a@1 b@2 c@3": "1,2,3@3",
    }),
    # 5: a match discards all progress
    ("{sequence: [{event: a}, {event: b}]}", {
        "a@0 a@1 b@2 b@3": "1,2@2",
    }),
    ("{sequence: [{event: a}, {event: b}, {absent: x, for: 10s}]}", {
        "a@0 b@1 a@2 b@12": "0,1@11",
        "a@0 b@1 a@12 b@13": "0,1@11 2,3@23",
    }),
    # 6: gaps
    ("{sequence: [{event: a}, {event: b, after: 5s, before: 10s}]}", {
        "a@0 b@4.999": "",
        "a@0 b@5": "0,1@5",
        "a@0 b@9.999": "0,1@9.999",
        "a@0 b@10 b@11": "",
        "a@0 b@4 b@6": "0,2@6",
    }),
    ("{sequence: [{event: a}, {event: b, before: 5s}, {event: c, before: 5s}]}", {
        "a@0 b@4 c@8": "0,1,2@8",
    }),
    # 7: times
    ("{sequence: [{event: a, times: 3}, {event: b}]}", {
        "a@0 a@1 b@2 a@3 b@4": "0,1,3,4@4",
    }),
    ("{sequence: [{event: a, times: 2}, {event: b}]}", {
        "a@0 a@1 a@2 b@3": "1,2,3@3",
    }),
    ("{sequence: [{event: a}, {event: b, times: 2, after: 5s}]}", {
        "a@0 b@5 b@5.001": "0,1,2@5.001",
        "a@0 b@4 b@5": "",
    }),
    ("{sequence: [{event: a}, {absent: x}, {event: b, times: 2}]}", {
        "a@0 b@1 x@2 b@3": "0,1,3@3",
        "a@0 x@1 b@2 b@3": "",
    }),
    # 8: a middle absence without for
    ("{sequence: [{event: a}, {absent: x}, {event: b}]}", {
        "a@0 b@1": "0,1@1",
        "a@0 x@0 b@0": "",
        "x@0 a@0 b@0": "1,2@0",
        "a@0 x@1 a@2 b@3": "2,3@3",
    }),
    ("{sequence: [{event: a}, {absent: [x, b]}, {event: b}]}", {
        "a@0 b@1 b@2": "",
    }),
    ("{sequence: [{event: a}, {absent: b, where: {event_data.n: {equals: 1}}}, {event: b}]}", {
        "a@0 b@1=1 b@2=2": "",
        "a@0 b@1=2": "0,1@1",
    }),
    ("{sequence: [{event: a}, {event: b}, {absent: x}, {event: c}]}", {
        "a@0 x@1 b@2 c@3": "0,2,3@3",
        "a@0 b@1 x@2 b@3 c@4": "0,3,4@4",
    }),
    ("{sequence: [{event: a}, {absent: a}, {event: b}]}", {
        "a@0 a@1 b@2": "1,2@2",
    }),
    # 9: a middle absence with for
    ("{sequence: [{event: a}, {absent: x, for: 10s}, {event: b}]}", {
        "a@0 b@9.999": "",
        "a@0 b@10": "0,1@10",
        "a@0 b@9 b@11": "0,2@11",
        "a@0 x@9.999 b@11": "",
        "a@0 x@10 b@11": "0,2@11",
        "x@0 a@0 b@11": "1,2@11",
        "a@0 x@0 b@11": "",
        "a@0 a@5 x@12 b@20": "0,3@20",
    }),
    ("{sequence: [{event: a}, {absent: x, for: 10s}, {event: b, before: 20s}]}", {
        "a@0 b@20": "",
    }),
    # 10: a final absence
    ("{sequence: [{event: a}, {absent: x, for: 10s}]}", {
        "a@0": "0@10",
        "a@0 x@9.999": "",
        "a@0 x@10": "0@10",
        "a@0 x@0": "",
        "x@0 a@0": "1@10",
    }),
    ("{sequence: [{event: a}, {event: b}, {absent: x, for: 10s}]}", {
        "a@0 b@1 x@2 b@3": "0,3@13",
        "a@0 x@1 b@2": "0,2@12",
    }),
    ("{sequence: [{event: a}, {event: a}, {absent: x, for: 10s}]}", {
        "a@0 a@1 x@2 a@3": "1,3@13",
    }),
    # 11: one wait
    ("{sequence: [{event: a}, {absent: x, for: 10s}]}", {
        "a@0 a@5": "0@10",
        "a@0 a@5 x@6": "",
        "a@0 a@10": "0@10 1@20",
    }),
    ("{sequence: [{event: a}, {event: b}, {absent: x, for: 10s}]}", {
        "a@0 b@1 a@2 x@3 b@4": "2,4@14",
    }),
    # 12: restart
    ("{sequence: [{event: a}, {absent: x, for: 10s}], restart: on_repeat}", {
        "a@0 a@9.999": "1@19.999",
        "a@0 a@10": "0@10 1@20",
        "a@0 a@5 x@14.999": "",
    }),
    ("{sequence: [{event: a}, {event: b}, {absent: x, for: 9s}], restart: on_repeat, within: 6s}", {
        "a@0 b@5 b@9": "0,2@18",
    }),
    ("{sequence: [{event: a, times: 2}, {absent: x, for: 10s}], restart: on_repeat}", {
        "a@0 a@1 a@2": "0,2@12",
    }),
    ("{sequence: [{event: [a, b]}, {event: b}, {absent: x, for: 10s}], restart: on_repeat}", {
        "a@0 b@1 a@2 b@3 a@4": "0,3@13",
    }),
    ("{sequence: [{event: a}, {event: b}, {absent: x, for: 10s}], restart: on_repeat}", {
        "a@0 b@1 a@2 b@3 x@4 b@5": "2,5@15",
    }),
    # 13: what cancels
    ("{sequence: [{event: a}, {absent: x, where: {event_data.n: {equals: 1}}, for: 10s}]}", {
        "a@0 x@1=2": "0@10",
        "a@0 x@1=1": "",
    }),
    ("{sequence: [{event: a}, {absent: [x, y], for: 10s}]}", {
        "a@0 y@1": "",
    }),
    ("{sequence: [{event: a}, {absent: [x, a], for: 10s}]}", {
        "a@0 a@5": "1@15",
    }),
    ("{sequence: [{event: a}, {absent: [x, a], for: 10s}], restart: on_repeat}", {
        "a@0 a@5": "1@15",
    }),
    ("{sequence: [{event: a}, {event: b}, {absent: b, for: 10s}]}", {
        "a@0 b@1 b@2": "0,2@12",
    }),
]

COUNT: Table = [
    # 14: at_least, more_than
    ("{count: a, at_least: 3, within: 10s}", {
        "a@0 a@1 a@9.999": "0,1,2@9.999",
        "a@0 a@1 a@10": "",
        "a@0 a@1 a@10 a@10.999": "1,2,3@10.999",
    }),
    ("{count: a, at_least: 2, within: 10s}", {
        "a@0 a@1 a@2 a@3 a@4": "0,1@1 2,3@3",
    }),
    ("{count: a, more_than: 2, within: 10s}", {
        "a@0 a@1 a@2": "0,1,2@2",
        "a@0 a@1": "",
    }),
    ("{count: [a, b], at_least: 2}", {
        "a@0 c@1 b@86399.999": "0,2@86400",
        "a@0 c@1 b@86400": "",
    }),
    ("{count: {event: a, where: {event_data.n: {equals: 1}}}, at_least: 1}", {
        "a@0 a@1=1": "1@1",
    }),
    # 15: at_most, exactly
    ("{count: a, at_most: 2, within: 10s}", {
        "a@0 a@9.999": "0,1@10",
        "a@0 a@1 a@9.999": "",
        "a@0 a@1 a@10": "0,1@10 2@20",
    }),
    ("{count: a, at_most: 1, within: 10s}", {
        "a@0 a@1 a@11": "2@21",
    }),
    ("{count: a, exactly: 2, within: 10s}", {
        "a@0 a@1": "0,1@10",
        "a@0": "",
        "a@0 a@1 a@2": "",
    }),
    # 16: what is counted
    ("{count: a, sum: event_data.n, at_least: 10}", {
        "a@0=5 a@1=5": "0,1@1",
        "a@0=5 a@1 a@2/7 a@3=5": "0,3@3",
    }),
    ("{count: a, sum: event_data.n, more_than: 10}", {
        "a@0=5 a@1=5": "",
        "a@0=5 a@1=5 a@2=0.5": "0,1,2@2",
    }),
    ("{count: a, sum: event_data.n, at_least: 10, within: 10s}", {
        "a@0=10": "0@0",
    }),
    ("{count: a, sum: event_data.n, at_least: -1}", {
        "a@0=-2 a@1=1": "0,1@1",
    }),
    ("{count: a, average: event_data.n, at_least: 4}", {
        "a@0=1 a@1=6 a@2 a@3=5": "0,1,3@3",
    }),
    ("{count: a, average: event_data.n, more_than: 4}", {
        "a@0=1 a@1=6 a@3=5": "",
    }),
    ("{count: a, distinct: event_data.k, at_least: 3}", {
        "a@0/x a@1/y a@2/x a@3 a@4/z": "1,2,4@4",
    }),
    ("{count: a, distinct: event_data.k, at_least: 2, within: 10s}", {
        "a@0/x a@10/y": "",
        "a@0/x a@1/x a@10/y": "1,2@10",
    }),
    ("{count: a, sum: event_data.n, at_most: 3, within: 10s}", {
        "a@0=1 a@1=2": "0,1@10",
    }),
    ("{count: a, sum: event_data.n, exactly: 3, within: 10s}", {
        "a@0=1 a@1=1": "",
    }),
    ("{count: a, distinct: event_data.k, exactly: 2, within: 10s}", {
        "a@0/x a@1/y a@2/x": "1,2@10",
    }),
    ("{count: a, distinct: event_data.k, at_most: 1, within: 10s}", {
        "a@0/x a@1/y": "",
    }),
    # 17: exact sums, typed values
    ("{count: a, sum: event_data.n, at_least: 1}", {
        " ".join(f"a@{i}=0.1" for i in range(10)): "0,1,2,3,4,5,6,7,8,9@9",
    }),
    ("{count: a, sum: event_data.n, at_least: 1, within: 9s}", {
        "a@0=10000000000000000 a@9=0.5 a@10=0.5": "0@0 1,2@10",
    }),
    ("{count: a, distinct: event_data.n, at_least: 2}", {
        "a@0=1 a@1=1.0": "",
    }),
]

GROUPS: Table = [
    # 18: all
    ("{all: [{event: a}, {event: b}], within: 10s}", {
        "a@0 b@9.999": "0,1@9.999",
        "a@0 b@10": "",
        "b@0 a@1": "0,1@1",
        "a@0 a@5 b@10": "1,2@10",
        "a@0 b@10 a@11": "1,2@11",
    }),
    ("{all: [{event: a}, {event: b}]}", {
        "a@0 b@86399.999": "0,1@86400",
        "a@0 b@86400": "",
    }),
    ("{all: [{event: [a, b]}, {event: b}], within: 10s}", {
        "b@0": "0@0",
    }),
    ("{all: [{event: a}, {count: a, at_least: 2}], within: 10s}", {
        "a@0 a@1": "0,1@1",
    }),
    ("{all: [{event: b}, {count: a, at_least: 2}], within: 10s}", {
        "a@0 a@1 a@2 b@3 a@4 b@5": "0,1,3@3",
    }),
    ("{all: [{event: a}, {sequence: [{event: b}, {absent: x, for: 5s}]}], within: 10s}", {
        "a@0 b@4.999": "0,1@9.999",
        "a@0 b@5": "",
        "b@0 a@14.999": "0,1@14.999",
        "b@0 a@15": "",
        "b@0 a@3 x@4": "",
    }),
    # 5: a match of all discards the children's progress
    ("{all: [{event: a}, {event: b}], within: 10s}", {
        "a@0 b@1 a@2": "0,1@1",
        "a@0 b@1 a@2 b@3": "0,1@1 2,3@3",
    }),
    ("{all: [{event: b}, {any: [{event: a}, {count: c, at_least: 2}]}]}", {
        "c@0 a@1 b@2 c@3 c@4 b@5": "1,2@2 3,4,5@5",
    }),
    # 19: any
    ("{any: [{event: a}, {event: b}]}", {
        "a@0 b@1": "0@0 1@1",
    }),
    ("{any: [{count: a, at_least: 2}, {event: a}]}", {
        "a@0 a@1": "0@0 1@1",
    }),
    ("{any: [{count: a, at_least: 2}, {event: b}]}", {
        "a@0 b@1 a@2": "1@1",
    }),
    ("{any: [{count: a, at_least: 2}, {count: [a, b], at_least: 2}]}", {
        "a@0 a@1": "0,1@1",
    }),
    ("{any: [{count: a, at_least: 2}, {sequence: [{event: b}, {event: a}]}]}", {
        "a@0 b@1 a@2": "0,2@2",
    }),
    ("{any: [{sequence: [{event: b}, {event: a}]}, {count: a, at_least: 2}]}", {
        "a@0 b@1 a@2": "1,2@2",
    }),
    ("{any: [{count: a, exactly: 1, within: 5s}, {count: b, exactly: 1, within: 5s}]}", {
        "b@0 a@0": "1@5",
        "b@0 a@1": "0@5",
    }),
    # 20: three levels
    ("{all: [{event: c}, {any: [{event: a}, {all: [{event: b}, {event: d}]}]}], within: 9s}", {
        "b@0 c@1 d@2": "0,1,2@2",
    }),
    ("{any: [{event: c}, {all: [{event: a}, {any: [{event: b}, {event: d}]}], within: 10s}]}", {
        "d@0 b@1 a@2 c@3": "1,2@2 3@3",
    }),
]

PER: Table = [
    # 21: instances
    ("{count: a, at_least: 2, per: event_data.k}", {
        "a@0/x a@1/y a@2/y a@3/x": "1,2@2/y 0,3@3/x",
        "a@0 a@1": "",
    }),
    ("{count: a, at_least: 2, per: event_data.n}", {
        "a@0=17 a@1=17.0": "0,1@1/17",
        "a@0=1.5 a@1=1.5": "0,1@1/1.5",
    }),
    ("{sequence: [{event: a}, {absent: x, for: 5s}], per: event_data.k}", {
        "a@0/p a@0/q x@1": "",
        "a@0/p a@0/q x@1/q": "0@5/p",
    }),
    ("{sequence: [{event: a}, {absent: x}, {event: b}], per: event_data.k}", {
        "a@0/p x@1 b@2/p": "",
        "a@0/p b@1 b@2/p": "0,2@2/p",
    }),
    # 21: an event that concerns several
    ("{sequence: [{event: a}, {absent: x, for: 5s}], per: event_data.k}", {
        "a@0/p a@0/q a@0/r x@1/q+p": "2@5/r",
        "a@0/q+p+q x@1/q": "0@5/p",
        "a@0/q+p": "0@5/p 0@5/q",
    }),
    ("{count: a, at_least: 2, per: event_data.k}", {
        "a@0/p+q a@1/q+r+p": "0,1@1/q 0,1@1/p",
        "a@0/p+p a@1/p": "0,1@1/p",
    }),
    ("{event: a, per: event_data.k}", {
        "a@0/q+p": "0@0/q 0@0/p",
    }),
    # 29: timers of several instances
    ("{sequence: [{event: a}, {absent: x, for: 5s}], per: event_data.k}", {
        "a@0/q a@0/p a@0/10": "2@5/10 1@5/p 0@5/q",
    }),
]

# fmt: on


@pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE.keys())
@pytest.mark.parametrize(
    ("when", "story", "decided"),
    [
        (when, story, decided)
        for when, stories in [*SEQUENCE, *COUNT, *GROUPS, *PER]
        for story, decided in stories.items()
    ],
)
def test_decides(decide: Decide, when: str, story: str, decided: str) -> None:
    trigger = {"trigger": "t", "when": yaml(when)}

    assert tell(decide([trigger], log(story), until=LAST)) == decided
