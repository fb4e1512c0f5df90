"""Values whose numbers are computed: what is published in their place stops nobody."""

from __future__ import annotations

import pytest

from tests.core.parsing.files import problems_in
from triggerstream.core.parsing.directory import parse_ruleset

GROUPED = """
---
value: busy
percentile: 95
of: profile.orders
group: profile.tier
default: 2
---
attribute: orders
count: purchase
"""
NO_GROUPS = GROUPED.replace("group: profile.tier\n", "")

PUBLISHED = '{"busy": {"number": 3, "groups": {"gold": 5}}}'


@pytest.mark.parametrize(
    "when",
    [
        "{count: view, at_most: {value: busy}, within: 1d}",
        "{count: view, exactly: {value: busy}, within: 1d}",
        "{trend: view, below: {value: busy}}",
        "{event: view, where: {event_data.n: {greater_than: {value: busy}}}}",
    ],
)
def test_a_group_is_refused_before_its_numbers_are_published(when: str) -> None:
    trigger = f"trigger: t\nwhen: {when}\n"

    (problem,) = problems_in({"t.yaml": trigger + GROUPED})

    assert problem.endswith("; found one by profile.tier")
    assert problems_in({"t.yaml": trigger + NO_GROUPS}) == []
    files = {"t.yaml": trigger + NO_GROUPS, ".values.json": PUBLISHED}
    assert parse_ruleset(files, is_published=True).triggers


@pytest.mark.parametrize("bound", ["above", "below"])
def test_a_published_number_that_a_trend_does_not_take_stops_no_process(bound: str) -> None:
    trigger = f"trigger: t\nwhen: {{trend: view, {bound}: {{value: busy}}}}\n"
    files = {"t.yaml": trigger + NO_GROUPS, ".values.json": '{"busy": {"number": 0}}'}

    assert problems_in(files) == [
        f"2:28: {bound}: a number above 0, such as 0.5 for half as much; found 0"
    ]
    assert parse_ruleset(files, is_published=True).triggers


@pytest.mark.parametrize(("number", "is_right"), [("-1", False), ("0", True), ("1000.5", False)])
def test_a_count_of_a_condition_takes_a_value_that_it_can_reach(
    number: str, *, is_right: bool
) -> None:
    trigger = "{trigger: t, when: {event: a}, if: {count: b, within: 1d, at_least: {value: v}}}"

    problems = problems_in({"t.yaml": f"{trigger}\n---\n{{value: v, number: {number}}}"})

    assert (problems == []) == is_right
