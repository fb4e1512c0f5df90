"""Rules 3, 17 and 22, worked by hand: the reference and the engine must both agree."""

from __future__ import annotations

import pytest
from hypothesis import given

from tests.reference import sequences as reference
from tests.reference.evaluator import evaluate
from tests.reference.stories import DECIDE, Decide, Json, log, ms, tell, trigger, yaml
from tests.reference.strategies import ends, logs, patterns, triggers

LAST = ms(100_000)

INSTANCES = " ".join(f"a@{number}/i{number}" for number in range(64))
"""A story in which 64 instances have progress; the first changed longest ago."""

both = pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE.keys())


@both
@pytest.mark.parametrize(
    ("within", "before", "openers", "taken"),
    [
        pytest.param("1000s", "900s", 32, 31, id="the 32nd stays"),
        pytest.param("1000s", "900s", 33, 30, id="the 33rd replaces the newest"),
        pytest.param("32s", "32s", 33, 31, id="an expired one takes no room"),
        pytest.param("33s", "33s", 33, 30, id="one that is about to expire does"),
        pytest.param("1000s", "32s", 33, 31, id="too old for the next step takes no room"),
        pytest.param("1000s", "33s", 33, 30, id="about to be too old for the next step does"),
    ],
)
def test_32_partial_matches_stand_at_a_step(
    decide: Decide, within: str, before: str, openers: int, taken: int
) -> None:
    """The last event fits openers up to second 31 only."""
    step = f"{{event: b, after: 5s, before: {before}}}"
    gapped = trigger(f"{{sequence: [{{event: a}}, {step}], within: {within}}}")
    story = " ".join(f"a@{second}" for second in range(openers)) + " b@36.5"

    decisions = decide([gapped], log(story))

    assert tell(decisions) == f"{taken},{openers}@36.5"


@both
@pytest.mark.parametrize(("threshold", "fires"), [(1000, True), (1001, False)])
def test_the_newest_1000_values_are_held(decide: Decide, threshold: int, fires: bool) -> None:
    summed = trigger(f"{{count: a, sum: event_data.n, at_least: {threshold}}}")
    story = " ".join(f"a@{second}=1" for second in range(1002))

    assert bool(decide([summed], log(story))) == fires


@both
def test_a_window_counts_beyond_the_ids_that_it_holds(decide: Decide) -> None:
    story = " ".join(f"a@{second}" for second in range(1003))

    (line,) = decide([trigger("{count: a, exactly: 1003, within: 1h}")], log(story), until=LAST)

    assert line["events"] == [str(number) for number in range(3, 1003)]


@both
@pytest.mark.parametrize(
    ("story", "decided"),
    [
        pytest.param("a@64/i0", "0,64@64/i0", id="64 instances"),
        pytest.param("a@64/new a@65/i0", "", id="a 65th evicts the one that changed first"),
        pytest.param("a@64/new a@65/i1", "1,65@65/i1", id="and no other"),
        pytest.param("a@64/i0 a@64/new a@65/i1", "0,64@64/i0 1,66@65/i1", id="a match makes room"),
        pytest.param("a@64 a@65/i0", "0,65@65/i0", id="an event of no instance takes no room"),
    ],
)
def test_64_instances_have_progress(decide: Decide, story: str, decided: str) -> None:
    twice = trigger("{count: a, at_least: 2, per: event_data.k}")

    assert tell(decide([twice], log(f"{INSTANCES} {story}"))) == decided


MANY = "+".join(f"m{number}" for number in range(66))
"""More values than there may be instances."""


@both
@pytest.mark.parametrize(
    ("condition", "story", "decided"),
    [
        pytest.param(
            "{count: {fired: t}, at_most: 0, within: 5s, per: event_data.instance}",
            "a@0/x a@1/y a@4.999/x a@5/x a@5.999/y a@6/y",
            "0@0/x 1@1/y condition@4.999 3@5/x condition@5.999 5@6/y",
            id="a cooldown for each",
        ),
        pytest.param(
            "{count: {fired: t}, at_most: 1, within: 5s, per: event_data.instance}",
            "a@0/x a@1/y a@2/x a@3/x+y a@4/y a@5/x",
            "0@0/x 1@1/y 2@2/x condition@3 3@3/y condition@4 5@5/x",
            id="so many for each",
        ),
        pytest.param(
            "{count: b, at_most: 0, within: 5s, per: event_data.k}",
            "b@0/x+z a@1/x+y a@2=3 b@2 a@3/z a@5/z",
            "condition@1 1@1/y condition@3 5@5/z",
            id="what others did",
        ),
    ],
)
def test_a_count_of_the_instance_at_hand(
    decide: Decide, condition: str, story: str, decided: str
) -> None:
    asking = trigger("{event: a, per: event_data.k}", if_=yaml(condition))

    assert tell(decide([asking], log(story), until=LAST)) == decided


@both
@pytest.mark.parametrize(
    ("when", "story", "decided"),
    [
        pytest.param(
            "{event: a, per: event_data.k}",
            f"a@0/{MANY}",
            " ".join(f"0@0/m{number}" for number in range(64)),
            id="it opens the first 64",
        ),
        pytest.param(
            "{sequence: [{event: a}, {absent: x, for: 5s}], per: event_data.k}",
            f"a@0/m65 a@0/y x@1/{MANY}",
            "1@5/y",
            id="and is heard by whoever has progress",
        ),
        pytest.param(
            "{count: a, at_least: 2, per: event_data.k}",
            f"{INSTANCES} a@64/new+i0+i2 a@65/i0 a@66/i1",
            "2,64@64/i2 64,65@65/i0",
            id="an instance that gave way to one before it begins anew",
        ),
    ],
)
def test_an_event_of_many_instances(decide: Decide, when: str, story: str, decided: str) -> None:
    assert tell(decide([trigger(when)], log(story), until=LAST)) == decided


@both
@pytest.mark.parametrize(("cancelled", "fired"), [("x@70/i5", "i0"), ("x@70/other", "i1")])
def test_an_instance_whose_wait_was_cancelled_takes_no_room(
    decide: Decide, cancelled: str, fired: str
) -> None:
    waiting = trigger("{sequence: [{event: a}, {absent: x, for: 1000s}], per: event_data.k}")

    first, *_ = decide([waiting], log(f"{INSTANCES} {cancelled} a@71/new"), until=LAST)

    assert first["instance"] == fired


@both
def test_what_changes_last_is_given_up_last(decide: Decide) -> None:
    """Instance 0 restarts its wait; so instance 1 goes for the newcomer."""
    restarted = trigger(
        "{sequence: [{event: a}, {absent: x, for: 1000s}], restart: on_repeat, per: event_data.k}"
    )

    decisions = decide([restarted], log(f"{INSTANCES} a@70/i0 a@71/new"), until=LAST)

    fired = [line["instance"] for line in decisions]
    assert fired == [*(f"i{number}" for number in range(2, 64)), "i0", "new"]


@both
def test_a_late_event_may_kill_what_was_kept(decide: Decide) -> None:
    """The one loss of keeping the newest only: events 1, 2, 6 would be a choice, had the partial
    match 0, 5 not replaced 1, 2 after the late event killed 1."""
    silence = "{sequence: [{event: a}, {absent: x, for: 5s}, {event: b}, {event: c}], within: 19s}"
    story = "a@0 a@1 b@7 z@17 x@5.5 b@18 c@19.5"

    assert tell(decide([trigger(silence)], log(story))) == ""


@given(triggers(patterns(2), "t"), logs(orderly=True), ends())
def test_without_late_events_keeping_the_newest_is_exact(
    trigger: Json, events: list[Json], until: int | None
) -> None:
    """(3) By exhaustion: whatever is kept beyond the newest makes no difference."""
    kept = evaluate([trigger], events, until=until)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference, "PLAIN_ROOM", len(events))
        assert evaluate([trigger], events, until=until) == kept
