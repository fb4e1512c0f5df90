"""``validate --expand``: what is printed is the same trigger, said in full."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.authoring.fixtures.test_triggers_page import POLICIES, TRIGGERS
from triggerstream.authoring.expand import expand
from triggerstream.authoring.expand_attributes import attribute_said
from triggerstream.authoring.files import read_files
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.core.parsing.documents.standard import names

SHOP = Path(__file__).parents[2] / "examples/shop/triggers"

MORE = """
trigger: more
when:
  all:
    - {count: a, sum: event_data.n, more_than: 1.5, where: {source: {in_list: ["1", 1, no]}}}
    - {count: [a, b], distinct: event_data.n, at_least: 3, within: 90m}
    - sequence: [{event: a, times: 2}, {absent: b, for: 1s}, {event: c, after: 2s, before: 1d}]
    - {trend: a, above: 2}
  within: 3d
if:
  any:
    - {time_of_day: {from: "22:00", to: "24:00", zone: Europe/Berlin}}
    - {day_of_week: {in: [sun, mon]}}
    - not: {date_range: {to: 2026-12-24}, profile.x: {exists: false}}
    - {date_range: {from: 12-01, to: 01-06}}
    - event_data.n > 5
    - {since_last: {event: [a, b], where: {source: {equals: x}}, at_least: 3d}}
    - {since_last: {of: profile.seen, less_than: 3d}}
    - {count: {fired: other}, at_most: 2, within: 30d}
    - {count: a, sum: event_data.n, more_than: 2, within: 1d}
---
trigger: looked-up
when:
  all:
    - {count: a, at_least: {value: busy}}
    - {count: b, more_than: {by: profile.tier, gold: 5, "1": 2, default: 3}}
    - {trend: a, above: {by: profile.tier, gold: 2, default: 3}}
    - {event: a, where: {event_data.n: {between: [1, {by: event_data.k, x: 2, default: 3}]}}}
if: {count: a, within: 1d, at_least: {by: profile.tier, gold: 5, default: 3}}
---
{value: busy, number: 6}
---
trigger: other
when:
  any:
    - {fired: third}
    - {count: [a, {fired: third}, {event: c, where: {source: {equals: x}}}], at_least: 2}
    - sequence: [{fired: [third, fourth]}, {absent: [b, {fired: third}], for: 1h}]
---
trigger: dated
when:
  sequence:
    - {date: profile.day, every: month, before: 3d, at: "10:30"}
    - {event: [{date: profile.day, feb29: mar1}], after: 1d}
  within: 3d
---
trigger: third
when: {event: a}
---
trigger: fourth
when: {event: b}
"""


FILES = {
    **{f"example {n}": {**POLICIES, "t.yaml": each} for n, each in enumerate(TRIGGERS)},
    "shop": read_files(SHOP),
    "more": {"t.yaml": MORE},
    "changed": {
        "policy.yaml": "activity: [a]",
        "t.yaml": "{trigger: t, when: {changed: event_data.k, from: x, within: 1h}}\n---\n"
        "{trigger: u, when: {count: {changed: profile.k}, at_least: 2, within: 1h}}",
    },
}


@pytest.mark.parametrize("files", FILES.values(), ids=FILES)
def test_what_is_printed_is_the_same_trigger(files: dict[str, str]) -> None:
    source = parse_ruleset(files)

    policy = {name: text for name, text in files.items() if name == "policy.yaml"}
    values = "".join([f"---\n{{value: {each.name}, number: 6}}\n" for each in source.values])
    expanded = expand(source.triggers, source.dates)
    again = parse_ruleset({**policy, "t.yaml": expanded, "v.yaml": values})

    assert [each.id for each in again.triggers] == [each.id for each in source.triggers]
    for one, other in zip(source.triggers, again.triggers, strict=True):
        assert (one.when, one.per, one.condition) == (other.when, other.per, other.condition)


def test_a_shorter_word_is_printed_as_what_it_stands_for() -> None:
    files = {
        "policy.yaml": "activity: [view, buy]",
        "t.yaml": "{trigger: t, when: {behavior: content_interest}, if: {use: vip}}\n---\n"
        "{condition: vip, is: {profile.tier: {equals: gold}}}",
    }

    assert expand(parse_ruleset(files).triggers) == (
        "trigger: t\n"
        "when:\n"
        "  count: [view, buy]\n"
        "  at_least: 5\n"
        "  within: 7d\n"
        "  per: event_data.category\n"
        "if:\n"
        "  profile.tier: {equals: gold}\n"
    )


ATTRIBUTES = """
{attribute: a, count: {event: x, where: {source: {equals: y}}}, within: 3d, distinct: event_data.n}
---
{attribute: b, sum: event_data.n, on: [x, {fired: t}], minus: {event: y}, start: profile.before}
---
{attribute: c, first: at, on: {entered: s}, as: week}
---
{attribute: d, last: event_data.n, on: [x, {event: y, where: {source: {equals: z}}}], start: 5}
---
{attribute: e, expr: profile.a * 2.0}
---
{segment: s, is: {profile.orders: {equals: 1}}}
---
{trigger: t, when: {event: z}, if: 'profile[profile.which] == 1.0'}
"""
POLICY = "{attributes: standard, activity: [x, y], purchase: {events: [buy], value: event_data.n}}"


def test_attributes_are_printed_as_they_are_and_those_that_ship_too() -> None:
    named = POLICY.replace("standard", f"[{', '.join(names())}]")
    source = parse_ruleset({"t.yaml": ATTRIBUTES, "policy.yaml": named})

    text = expand([], more=map(attribute_said, source.attributes))
    again = parse_ruleset({"t.yaml": text, "policy.yaml": "activity: [x]"}).attributes

    assert {each.name for each in source.attributes} == {*"abcde", *names()}
    assert again == source.attributes


def test_what_would_go_into_one_line_has_a_line_for_each_key() -> None:
    text = "{attribute: orders, count: purchase}\n---\n{attribute: seen, last: at, on: view}\n"
    source = parse_ruleset({"t.yaml": text})

    assert expand([], more=map(attribute_said, source.attributes)) == (
        "attribute: orders\ncount: purchase\n---\nattribute: seen\nlast: at\non: view\n"
    )
