"""What `all` and `any` make of an event A and an absence, worked out case by case; and `not` of it.

The absence is *a, and no b for an hour*. a comes at 0, so it is due at 3600.
"""

from __future__ import annotations

import pytest

from tests.reference.stories import DECIDE, Decide, Json, log, ms, tell, trigger

pytestmark = pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE.keys())

ABSENCE = "{sequence: [{event: a}, {absent: b, for: 1h}]}"
CHILDREN = f"[{{event: A}}, {ABSENCE}]"

WHERE_A_IS = {"before": 1800, "at": 3600, "after": 5400}
"""The due, from which A is half an hour away."""

ALL = {
    # no b: with A half an hour before the due, at it, half an hour behind; `within` is a
    # millisecond more than half an hour, or half an hour.
    ("never", "before"): ("@3600", ""),
    ("never", "at"): ("@3600", "@3600"),
    ("never", "after"): ("@5400", ""),
    # b in the hour: nothing is absent.
    ("before", "before"): ("", ""),
    ("before", "at"): ("", ""),
    ("before", "after"): ("", ""),
    # b at the due, which goes first.
    ("at", "before"): ("@3600", ""),
    ("at", "at"): ("@3600", "@3600"),
    ("at", "after"): ("@5400", ""),
    # A late b of the hour kills; one from before a does not.
    ("late inside", "before"): ("", ""),
    ("late inside", "at"): ("", ""),
    ("late inside", "after"): ("", ""),
    ("late outside", "before"): ("@3600", ""),
    ("late outside", "at"): ("@3600", "@3600"),
    ("late outside", "after"): ("@5400", ""),
}

ANY = {
    # A before the due matches, which uses up the wait too.
    ("never", "before"): "@1800",
    ("never", "at"): "@3600 @3600",
    ("never", "after"): "@3600 @5400",
    ("before", "before"): "@1800",
    ("before", "at"): "@3600",
    ("before", "after"): "@5400",
    ("at", "before"): "@1800",
    ("at", "at"): "@3600 @3600",
    ("at", "after"): "@3600 @5400",
    ("late inside", "before"): "@1800",
    ("late inside", "at"): "@3600",
    ("late inside", "after"): "@5400",
    ("late outside", "before"): "@1800",
    ("late outside", "at"): "@3600 @3600",
    ("late outside", "after"): "@3600 @5400",
}


def story(b: str, a: str) -> list[Json]:
    """The log: q at 1200 makes late what comes behind it from before 1190."""
    said = {
        0: "a@0",
        600: "b@600" if b == "before" else "",
        1200: "q@1200",
        1800: "A@1800" if a == "before" else "",
        1900: {"late inside": "b@600", "late outside": "b@-0.001"}.get(b, ""),
        3600: f"{'b@3600' if b == 'at' else ''} {'A@3600' if a == 'at' else ''}",
        5400: "A@5400" if a == "after" else "",
    }
    return log(" ".join(said.values()))


def times(decisions: list[Json]) -> str:
    return " ".join(f"@{each.split('@')[1]}" for each in tell(decisions).split())


@pytest.mark.covers("B14")
@pytest.mark.parametrize(("within", "column"), [("1800001ms", 0), ("30m", 1)])
@pytest.mark.parametrize(("b", "a"), ALL)
def test_all_of_an_event_and_an_absence(
    decide: Decide, b: str, a: str, within: str, column: int
) -> None:
    both = trigger(f"{{all: {CHILDREN}, within: {within}}}")

    assert times(decide([both], story(b, a), until=ms(9000))) == ALL[b, a][column]


@pytest.mark.covers("B14")
@pytest.mark.parametrize(("b", "a"), ANY)
def test_any_of_an_event_and_an_absence(decide: Decide, b: str, a: str) -> None:
    either = trigger(f"{{any: {CHILDREN}}}")

    assert times(decide([either], story(b, a), until=ms(9000))) == ANY[b, a]


@pytest.mark.covers("B14")
@pytest.mark.parametrize(
    ("when", "b", "a", "matched"),
    [
        *[(f"{{all: {CHILDREN}, within: 1h}}", b, a, bool(ALL[b, a][0])) for b, a in ALL],
        *[(f"{{any: {CHILDREN}}}", b, a, True) for b, a in ANY],
        *[(ABSENCE, b, "after", b not in {"before", "late inside"}) for b, a in ALL if a == "at"],
    ],
)
def test_not_of_it_is_a_count_of_none_when_it_is_asked(
    decide: Decide, when: str, b: str, a: str, matched: bool
) -> None:
    """(69) At 7200 p asks whether it has matched in the two hours before."""
    asks = trigger("{event: p}", "u", if_={"count": {"fired": "t"}, "at_most": 0, "within": "2h"})
    nested = trigger("{event: p}", "v", if_={"not": asks["if"]})

    lines = decide([trigger(when), asks, nested], [*story(b, a), *log("p@7199#p")])

    asked = {line["trigger"]: line["kind"] for line in lines if line["at"] > "2026-01-01T01:59"}
    expected = ("suppressed", "firing") if matched else ("firing", "suppressed")
    assert (asked["u"], asked["v"]) == expected
