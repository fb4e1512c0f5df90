"""What comes of events that were sent, among all that happens."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from tests.cli.test_happenings import FIRING, Logged, delivered, logged
from tests.core.records.test_deliveries import MATCH
from triggerstream.cli.happenings import Happening, happening_of
from triggerstream.cli.watching import Sent, Watching
from triggerstream.core.decisions import Action, GoalReached
from triggerstream.core.records.actions import records_of
from triggerstream.core.records.dead_letters import DeadLetter, dead_letter
from triggerstream.core.records.deliveries import suppressed_record
from triggerstream.core.records.record import POSITION, Produce

SENT = Sent(3, 42, "c1", "e7")
ACTION = FIRING.actions[0].action_id


def told(topic: str, record: Produce, position: int) -> Happening:
    happening = happening_of(topic, logged(record, (POSITION, b"%d" % position)))
    assert happening is not None
    return happening


def firing(position: int = 42, **more: Any) -> Happening:
    (record,) = records_of(replace(FIRING, **more), 7)
    return told("actions", record, position)


def suppressed(position: int = 42, **more: Any) -> Happening:
    return told("deliveries", suppressed_record(replace(MATCH, **more), 7), position)


def delivery(action_id: str = ACTION, firing_id: str = FIRING.firing_id) -> Happening:
    happening = happening_of("deliveries", delivered(action_id=action_id, firing_id=firing_id))
    assert happening is not None
    return happening


def letter(offset: int) -> Happening:
    found = DeadLetter("bad_json", "", 3, offset, 5, b"c1", b"{")
    return told("events.dlq", dead_letter(found, to="events.dlq", topic="t.events.v1"), -1)


@pytest.mark.covers("M7")
@pytest.mark.parametrize(
    ("happening", "is_theirs"),
    [
        pytest.param(firing(), True, id="decided at it"),
        pytest.param(firing(43), False, id="decided at the next record"),
        pytest.param(firing(customer_id="c2"), False, id="of another, whose timer it made due"),
        pytest.param(firing(99, events=("e1", "e7")), True, id="decided later, with it"),
        pytest.param(firing(99, customer_id="c2", events=("e7",)), False, id="another's event"),
        pytest.param(suppressed(), True, id="not fired, at it"),
        pytest.param(suppressed(43), False, id="not fired, at the next record"),
        pytest.param(suppressed(99, events=("e7",)), True, id="not fired later, with it"),
        pytest.param(
            told("actions", records_of(GoalReached("t", "c1", 0, 42), 7)[0], 42), True, id="a goal"
        ),
        pytest.param(letter(42), True, id="a dead letter"),
        pytest.param(letter(43), False, id="another dead letter"),
    ],
)
def test_a_decision_is_theirs_by_where_it_was_taken_or_by_what_matched(
    happening: Happening, is_theirs: bool
) -> None:
    watching = Watching([SENT])

    assert list(watching.take(3, happening)) == [happening] * is_theirs
    assert watching.found == is_theirs


def test_a_position_is_one_of_its_own_partition() -> None:
    assert list(Watching([SENT]).take(2, firing(events=()))) == []


def test_what_a_firing_asks_for_is_open_until_it_has_ended() -> None:
    watching = Watching([SENT])

    watching.take(3, firing())
    assert watching.open == ["cart: log", "cart: email in 6h"]
    assert watching.take(3, delivery())
    assert watching.open == ["cart: email in 6h"]
    assert watching.take(3, delivery("a2"))
    assert watching.open == []


def test_an_end_that_is_read_before_its_firing_is_told_behind_it() -> None:
    watching = Watching([SENT])
    early, fired = delivery(), firing()

    assert list(watching.take(3, early)) == []
    assert list(watching.take(3, fired)) == [fired, early]
    assert watching.open == ["cart: email in 6h"]


def test_an_end_of_another_firing_is_not_theirs() -> None:
    watching = Watching([SENT])
    watching.take(3, firing())

    assert list(watching.take(3, delivery("a9", "g" * 32))) == []


def test_a_firing_without_actions_leaves_nothing_open() -> None:
    watching = Watching([SENT])
    watching.take(3, firing(actions=()))

    assert (watching.open, watching.found) == ([], 1)


def test_the_last_of_each_partition_is_what_a_worker_must_have_decided() -> None:
    sent = [SENT, Sent(3, 40, "c1", "e5"), Sent(0, 7, "c2", "e6")]

    assert Watching(sent).last == {3: 42, 0: 7}


def test_many_events_are_watched_at_once() -> None:
    watching = Watching([SENT, Sent(0, 7, "c2", "e6")])
    other = firing(7, customer_id="c2", firing_id="g" * 32, actions=(Action("b1", "log"),))

    assert list(watching.take(0, other)) == [other]
    assert watching.take(3, firing())
    assert watching.open == ["cart: log", "cart: log", "cart: email in 6h"]


def test_a_letter_whose_place_is_unknown_is_nobodys() -> None:
    nameless = happening_of("events.dlq", Logged(b"x"))
    assert nameless is not None

    assert list(Watching([SENT]).take(3, nameless)) == []
