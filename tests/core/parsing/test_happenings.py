"""Happenings: read as types wherever a type stands; what they name, and rings, are checked."""

from __future__ import annotations

import pytest

from tests.core.parsing.files import pattern_of, problems_of
from triggerstream.core.model import AllOf, AnyOf, EventPattern
from triggerstream.core.model import Test as OneTest
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.errors import TriggerFileError


def problems_of_all(text: str) -> list[str]:
    """Return the problems of a directory with one file."""
    with pytest.raises(TriggerFileError) as error:
        parse_ruleset({"t.yaml": text}, is_whole=True)
    return [str(problem) for problem in error.value.problems]


def test_a_firing_is_an_event_of_a_type_of_its_own() -> None:
    assert pattern_of("{fired: a}") == EventPattern(("$fired:a",))
    assert pattern_of("{fired: [a, b]}") == EventPattern(("$fired:a", "$fired:b"))


def test_happenings_of_a_list_are_joined_by_type() -> None:
    big = OneTest("event_data.total", "greater_than", 5)

    found = pattern_of("{event: [x, {event: y, where: {event_data.total: {greater_than: 5}}}]}")

    assert found == EventPattern(
        ("x", "y"),
        AnyOf(
            (
                OneTest("event_type", "in_list", ["x"]),
                AllOf((OneTest("event_type", "in_list", ["y"]), big)),
            )
        ),
    )


def test_a_list_of_types_alone_reads_as_ever() -> None:
    assert pattern_of("{event: [x, {event: y}]}") == pattern_of("{event: [x, y]}")


def test_a_name_that_no_trigger_has_is_told_with_those_that_there_are() -> None:
    text = "{trigger: cart, when: {event: a}}\n---\n{trigger: b, when: {fired: crat}}"

    assert problems_of_all(text) == [
        "t.yaml:3:28: trigger: one of those (b, cart); found 'crat': did you mean 'cart'?"
    ]


def test_a_file_alone_may_name_triggers_that_lie_beside_it() -> None:
    assert problems_of("{trigger: b, when: {fired: elsewhere}}") == []


@pytest.mark.parametrize(
    "text",
    [
        "{trigger: a, when: {fired: a}}",
        "{trigger: a, when: {fired: b}}\n---\n{trigger: b, when: {count: {fired: a}, at_least: 2}}",
        (
            "{trigger: a, when: {sequence: [{event: x}, {absent: {fired: c}, for: 1h}]}}\n---\n"
            "{trigger: b, when: {any: [{event: x}, {fired: a}]}}\n---\n"
            "{trigger: c, when: {event: [y, {fired: b}]}}"
        ),
    ],
)
def test_a_ring_is_told_once(text: str) -> None:
    (problem,) = problems_of(text)

    assert "trigger: nothing that leads back to it; found the ring a -> " in problem


def test_a_goal_makes_no_ring() -> None:
    assert problems_of("{trigger: a, when: {event: x}, until: {fired: a}}") == []


def test_who_writes_the_type_itself_is_told_how_it_is_said() -> None:
    (problem,) = problems_of("{trigger: a, when: {event: $fired:b}}")

    assert problem.endswith("found '$fired:b': write {fired: TRIGGER} for what a trigger does")


def test_a_segment_that_is_named_must_be_there() -> None:
    text = (
        "{segment: busy, list: true}\n---\n"
        "{trigger: t, when: {entered: bus}, if: {segment: [busy, idle]}}"
    )

    assert problems_of_all(text) == [
        "t.yaml:3:30: segment: one of those (busy); found 'bus': did you mean 'busy'?",
        "t.yaml:3:57: segment: one of those (busy); found 'idle'",
    ]
