"""``per``: instances know nothing of each other, and there are never too many (21, 22)."""

from __future__ import annotations

import pytest

from tests.core.patterns.harness import Story, absent, count, event, matches, one, sequence
from triggerstream.core.model import AllPattern, AnyPattern, Pattern
from triggerstream.core.patterns.per import MOST_INSTANCES

N = "event_data.n"
A_WITHOUT_X = sequence("A", absent("X", 10))


def story_of(pattern: Pattern) -> Story:
    return Story(pattern, N)


def instances(story: Story) -> list[str]:
    """Return the instances that are known, changed longest ago first."""
    return story.matcher.instances(story.state)


def full(pattern: Pattern) -> Story:
    """Return a story with as many instances as there may be: 0, 1 and so on, in this order."""
    return story_of(pattern).tell(" ".join(f"A={n}@{n}" for n in range(MOST_INSTANCES)))


@pytest.mark.parametrize(
    ("pattern", "story", "expected"),
    [
        pytest.param(count("at_least", 2), "A=1@0 A=2@1 A=1@2", "A0,A2@2/1", id="a count"),
        pytest.param(count("at_most", 1), "A=1@0 A=2@1 A=1@2", "A1@31/2", id="a window"),
        pytest.param(sequence("A", "B"), "A=1@0 B=2@1 B=1@2", "A0,B2@2/1", id="a sequence"),
        pytest.param(A_WITHOUT_X, "A=1@0 A=2@1 X=1@2", "A1@11/2", id="an absence"),
        pytest.param(
            AllPattern((one("A"), one("B")), 30), "A=1@0 B=2@1 B=1@2", "A0,B2@2/1", id="all"
        ),
        pytest.param(one("A"), "A=1@0 A=2@1 A@2", "A0@0/1 A1@1/2", id="an event"),
    ],
)
def test_instances_know_nothing_of_each_other(pattern: Pattern, story: str, expected: str) -> None:
    assert matches(pattern, story, per=N) == expected


@pytest.mark.parametrize(
    ("one_", "other", "is_same"),
    [
        ("17", "17.0", True),
        ("17", '"17"', True),
        ("true", '"true"', True),
        ("1e300", str(10**300), False),  # the float is not that number, but near it
        ("1e300", str(int(1e300)), True),
        ('""', '"0"', False),
        ('"0"', '"00"', False),
        ('"ä"', '"a"', False),
    ],
)
def test_an_instance_is_a_text(one_: str, other: str, is_same: bool) -> None:
    told = matches(count("at_least", 2), f"A={one_}@0 A={other}@1", per=N)

    assert bool(told) is is_same


def test_the_empty_text_is_an_instance() -> None:
    story = story_of(A_WITHOUT_X).tell('A=""@0')

    assert instances(story) == [""]
    assert story.wait_until(10).told == "A0@10/"
    assert story.is_empty


# ── which are known ─────────────────────────────────────────────────────────────────────────


def test_an_instance_that_holds_nothing_is_not_known() -> None:
    story = story_of(sequence("A", "B")).tell("B=1@0 A=2@1 A=3@2")
    assert instances(story) == ["2", "3"]

    story.tell("B=2@3")

    assert instances(story) == ["3"]
    assert story.tell("B=3@4").is_empty


def test_an_instance_that_an_event_changes_is_the_newest() -> None:
    story = story_of(count("at_least", 3)).tell("A=1@0 A=2@1 A=3@2 A=1@3")

    assert instances(story) == ["2", "3", "1"]


def test_an_event_that_only_cancels_changes_an_instance_too() -> None:
    story = story_of(AnyPattern((sequence("A", "B", "C"), A_WITHOUT_X)))

    story.tell("A=1@0 A=2@1 X=1@2")

    assert instances(story) == ["2", "1"]


def test_an_event_of_no_account_changes_no_instance() -> None:
    story = story_of(sequence("A", "B", "C")).tell("A=1@0 A=2@1 C=1@2")

    assert instances(story) == ["1", "2"]


def test_a_timer_makes_no_instance_newer() -> None:
    story = story_of(AllPattern((A_WITHOUT_X, one("C")), 30)).tell("A=1@0 A=2@1")

    story.wait_until(10)

    assert (instances(story), story.waits) == (["1", "2"], [11])


def test_a_timer_that_leaves_nothing_forgets_the_instance() -> None:
    story = story_of(count("at_most", 1)).tell("A=1@0 A=1@1 A=2@2")

    story.wait_until(30)

    assert (story.told, instances(story)) == ("", ["2"])


# ── without an instance ─────────────────────────────────────────────────────────────────────


NO_INSTANCE = ["", "=null", "=[]", "=[null,[1]]", '={"a":1}']


@pytest.mark.parametrize("n", NO_INSTANCE)
def test_an_event_that_names_no_instance_cancels_in_every_one(n: str) -> None:
    story = story_of(A_WITHOUT_X).tell("A=1@0 A=2@1 A=3@9")

    assert story.changes(f"X{n}@9")

    assert story.is_empty
    assert story.now.has_cancelled


@pytest.mark.parametrize("n", NO_INSTANCE)
def test_an_event_that_names_no_instance_fills_nothing(n: str) -> None:
    story = story_of(count("at_least", 2)).tell("A=1@0")

    assert not story.changes(f"A{n}@1")
    assert not story.now.is_held


def test_of_an_event_that_names_no_instance_those_are_newer_that_it_has_changed() -> None:
    story = story_of(sequence("A", "B", absent("X", 10))).tell("A=1@0 B=1@1 A=2@2 A=3@3 B=3@4")

    story.tell("X@5")

    assert instances(story) == ["2", "1", "3"]
    assert story.waits == []


def test_a_late_event_cancels_in_the_instance_that_it_names() -> None:
    story = story_of(A_WITHOUT_X).tell("A=1@0 A=2@0")

    assert story.cancel("X=1@5")
    assert not story.cancel("X=1@5")
    assert not story.cancel("X=7@5")

    assert instances(story) == ["2"]


def test_a_late_event_that_names_none_cancels_in_every_one_whose_time_it_hits() -> None:
    story = story_of(A_WITHOUT_X).tell("A=1@0 A=2@5 A=3@6")

    assert story.cancel("X@5")

    assert instances(story) == ["3"]


# ── several at once ─────────────────────────────────────────────────────────────────────────


def test_an_event_of_several_opens_each_once_in_their_order() -> None:
    story = story_of(A_WITHOUT_X).tell("A=[3,1,3,2]@0")

    assert instances(story) == ["3", "1", "2"]
    assert story.wait_until(10).told == "A0@10/1 A0@10/2 A0@10/3"


def test_an_event_of_several_cancels_in_each_and_in_no_other() -> None:
    story = story_of(A_WITHOUT_X).tell("A=1@0 A=2@0 A=3@0 X=[3,1]@9")

    assert instances(story) == ["2"]


def test_a_late_event_of_several_cancels_in_each() -> None:
    story = story_of(A_WITHOUT_X).tell("A=1@0 A=2@0 A=3@0")

    assert story.cancel("X=[3,1]@5")

    assert instances(story) == ["2"]


def test_what_one_event_matches_in_several_is_told_in_their_order() -> None:
    pattern = count("at_least", 2)
    story = story_of(pattern).tell("A=[1,2,3]@0")

    now = story.now
    now.gave_up = []
    happened = event("A=[3,4,1]@5", 1)
    now.meet(story.state, happened, 5, 5)
    match = story.looks["A"].on_event(story.state, now, "")

    found = []
    while match is not None:
        found.append((match.instance, match.rows))
        match = match.next
    assert found == [("3", (0, 1)), ("1", (0, 1))]
    assert instances(story) == ["2", "4"]


def test_what_several_hold_is_counted_until_somebody_has_asked() -> None:
    story = story_of(A_WITHOUT_X).tell("A=[1,2,3]@0")

    assert story.now.more == 2


# ── bounds ──────────────────────────────────────────────────────────────────────────────────


def test_a_65th_instance_gives_up_the_one_that_changed_longest_ago() -> None:
    story = full(count("at_least", 3, within=1000))
    assert story.gave_up == []

    story.tell("A=0@100 A=64@101")

    assert story.gave_up == ["instance"]
    assert instances(story) == [*map(str, range(2, MOST_INSTANCES)), "0", "64"]
    assert story.tell("A=0@102").told == "A0,A64,A66@102/0"


def test_one_event_opens_no_more_instances_than_there_may_be() -> None:
    many = str([*range(MOST_INSTANCES + 2)]).replace(" ", "")
    story = story_of(count("at_least", 3, within=1000)).tell(f"A={many}@0")

    assert story.gave_up == ["instance"]
    assert instances(story) == [str(n) for n in range(MOST_INSTANCES)]


def test_one_event_gives_up_what_is_older_than_what_it_opens() -> None:
    story = full(count("at_least", 3, within=1000)).tell("A=[64,65]@100")

    assert story.gave_up == ["instance", "instance"]
    assert instances(story) == [str(n) for n in range(2, MOST_INSTANCES + 2)]


def test_an_event_that_opens_nothing_loses_none_of_its_values() -> None:
    many = str([*range(MOST_INSTANCES + 2)]).replace(" ", "")
    story = story_of(A_WITHOUT_X).tell(f"A={MOST_INSTANCES + 1}@0 X={many}@1")

    assert (story.gave_up, instances(story)) == ([], [])


def test_who_is_known_already_needs_no_room() -> None:
    story = full(count("at_least", 3, within=1000)).tell("A=5@100")

    assert story.gave_up == []
    assert len(instances(story)) == MOST_INSTANCES


def test_an_event_that_matches_at_once_needs_no_room() -> None:
    pattern = AnyPattern((count("at_least", 3, within=1000), one("B")))

    story = full(pattern).tell("B=64@100")

    assert story.gave_up == []
    assert len(instances(story)) == MOST_INSTANCES


def test_an_instance_that_is_given_up_waits_no_longer() -> None:
    story = full(sequence("A", absent("X", 1000))).tell("A=64@100")

    assert len(story.waits) == MOST_INSTANCES
    assert (story.state.due, story.state.wake) == (1001, 1001)
    assert story.wait_until(2000).matches[0].instance == "1"


@pytest.mark.parametrize(
    ("at", "gave_up", "left"),
    [
        pytest.param(99, ["instance"], MOST_INSTANCES, id="the oldest is just inside"),
        pytest.param(100, [], MOST_INSTANCES, id="one is over"),
        pytest.param(110, [], MOST_INSTANCES - 10, id="eleven are over"),
    ],
)
def test_expired_instances_make_room_first_and_are_not_counted(
    at: int, gave_up: list[str], left: int
) -> None:
    story = full(count("at_least", 3, within=100)).tell(f"A=64@{at}")

    assert story.gave_up == gave_up
    assert len(instances(story)) == left


def test_expired_instances_stay_until_there_is_no_room() -> None:
    story = story_of(count("at_least", 3, within=10)).tell("A=1@0 A=2@100")

    assert instances(story) == ["1", "2"]
