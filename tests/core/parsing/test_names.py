"""Conditions and patterns that have a name: replaced when the files are read (81 to 83)."""

from __future__ import annotations

import pytest

from tests.core.parsing.files import problems_in
from triggerstream.core.model import Name, Trigger
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.core.rulesets.compile import fingerprint
from triggerstream.core.rulesets.diff import diff, tell
from triggerstream.core.rulesets.ruleset import load_ruleset
from triggerstream.errors import TriggerFileError


def trigger_in(**files: str) -> Trigger:
    (trigger,) = parse_ruleset({f"{name}.yaml": text for name, text in files.items()}).triggers
    return trigger


VIP = "{condition: vip, is: {event_data.total: {greater_than: 50}}}"
CARTS = "{pattern: carts, when: {sequence: [{event: add}, {absent: buy, for: 1h}]}}"


@pytest.mark.covers("B19")
@pytest.mark.parametrize(
    ("by_name", "by_hand"),
    [
        ("if: {use: vip}", "if: {event_data.total: {greater_than: 50}}"),
        (
            "if: {use: vip, source: {exists: true}}",
            "if: {event_data.total: {greater_than: 50}, source: {exists: true}}",
        ),
        ("if: {not: {use: vip}}", "if: {not: {event_data.total: {greater_than: 50}}}"),
        (
            "if: {any: [{use: vip}, {use: vip}]}",
            (
                "if: {any: [{event_data.total: {greater_than: 50}}, "
                "{event_data.total: {greater_than: 50}}]}"
            ),
        ),
    ],
)
def test_a_condition_stands_where_its_name_is_used(by_name: str, by_hand: str) -> None:
    start = "trigger: t\nwhen: {event: a}\n"

    assert trigger_in(a=start + by_name, b=VIP) == trigger_in(a=start + by_hand)


def test_where_may_use_what_says_nothing_of_profile_and_calendar() -> None:
    count = "{trigger: t, when: {count: {event: a, where: {use: vip}}, at_least: 2}}"
    used = trigger_in(z=VIP, a=count)

    assert used == trigger_in(
        a="{trigger: t, when: {count: a, where: {event_data.total: {greater_than: 50}}, "
        "at_least: 2}}"
    )


@pytest.mark.covers("B19")
@pytest.mark.parametrize(
    ("by_name", "by_hand"),
    [
        (
            "{use: carts, per: session_id}",
            "{sequence: [{event: add}, {absent: buy, for: 1h}], per: session_id}",
        ),
        (
            "{all: [{use: carts}, {event: c}]}",
            "{all: [{sequence: [{event: add}, {absent: buy, for: 1h}]}, {event: c}]}",
        ),
    ],
)
def test_a_pattern_stands_where_its_name_is_used(by_name: str, by_hand: str) -> None:
    used = trigger_in(a=f"trigger: t\nwhen: {by_name}", b=CARTS)

    assert used == trigger_in(a=f"trigger: t\nwhen: {by_hand}")


def test_names_may_stand_anywhere_and_be_used_by_others_before_they_are_read() -> None:
    chain = "{condition: a, is: {use: b}}\n---\n{condition: b, is: {use: vip}}"
    files = {"a.yaml": chain, "sub/deep/z.yaml": VIP}
    files["b.yaml"] = "{trigger: t, when: {event: e}, if: {use: a}}"

    source = parse_ruleset(files)

    assert [(each.kind, each.name, each.users) for each in source.names] == [
        ("condition", "a", ("t",)),
        ("condition", "b", ("t",)),
        ("condition", "vip", ("t",)),
    ]
    assert source.names[2] == Name(
        "condition", "vip", b'{"event_data.total":{"greater_than":50}}', ("t",)
    )


def test_a_condition_and_a_pattern_may_have_one_name() -> None:
    both = "{condition: x, is: {source: {exists: true}}}\n---\n{pattern: x, when: {event: e}}"

    assert problems_in({"a.yaml": both}) == []


def test_what_nobody_uses_is_checked_too() -> None:
    assert problems_in({"t.yaml": "{pattern: x, when: {evnt: e}}"}) != []


def test_what_a_named_pattern_names_must_be_there_too() -> None:
    files = {"t.yaml": "{pattern: x, when: {fired: nobody}}\n---\n{trigger: t, when: {use: x}}"}

    with pytest.raises(TriggerFileError) as raised:
        parse_ruleset(files, is_whole=True)

    assert list(map(str, raised.value.problems)) == [
        "t.yaml:1:28: trigger: one of those (t); found 'nobody'"
    ]


def test_a_score_in_a_named_pattern_is_a_segment_where_it_is_used() -> None:
    named = "{pattern: churning, when: {score: churn, above: 0.7, back: 0.6}}\n---\n"
    used = parse_ruleset({"t.yaml": named + "{trigger: t, when: {use: churning}}"})
    by_hand = "{trigger: t, when: {score: churn, above: 0.7, back: 0.6}}"
    said = parse_ruleset({"t.yaml": by_hand})

    assert (used.triggers, used.segments) == (said.triggers, said.segments)
    assert len(used.segments) == 1
    assert parse_ruleset({"t.yaml": named}).segments == ()


def test_a_change_in_a_named_pattern_is_watched_where_it_is_used() -> None:
    named = "{pattern: moved, when: {changed: location_data.country, on: view}}\n---\n"
    used = parse_ruleset({"t.yaml": named + "{trigger: t, when: {use: moved}}"})
    by_hand = "{trigger: t, when: {changed: location_data.country, on: view}}"
    said = parse_ruleset({"t.yaml": by_hand})

    assert (used.triggers, used.changes) == (said.triggers, said.changes)
    assert len(used.changes) == 1


# ── fingerprints ────────────────────────────────────────────────────────────────────────────

USER = "{trigger: t, when: {use: %s}, if: {use: vip}}"


def test_another_name_restarts_nobody_and_another_pattern_does() -> None:
    before = trigger_in(a=USER % "carts", b=f"{CARTS}\n---\n{VIP}")
    renamed = trigger_in(a=USER % "baskets", b=f"{CARTS.replace('carts', 'baskets')}\n---\n{VIP}")
    edited = trigger_in(a=USER % "carts", b=f"{CARTS.replace('1h', '2h')}\n---\n{VIP}")

    assert fingerprint(renamed) == fingerprint(before)
    assert fingerprint(edited) != fingerprint(before)


def told(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return tell(diff(load_ruleset(before), load_ruleset(after)))


def test_a_diff_names_those_who_use_what_was_edited() -> None:
    users = "\n---\n".join(
        ["{trigger: s, when: {use: carts}}", USER % "carts", "{trigger: u, when: {event: e}}"]
    )
    before = {"a.yaml": users, "b.yaml": f"{CARTS}\n---\n{VIP}"}

    assert told(before, {**before, "b.yaml": f"{CARTS.replace('1h', '2h')}\n---\n{VIP}"}) == [
        "~ trigger s: when changed; it starts anew: progress and open waits are lost",
        "~ trigger t: when changed; it starts anew: progress and open waits are lost",
        "~ pattern carts, used by s and t",
    ]
    assert told(before, {**before, "b.yaml": f"{CARTS}\n---\n{VIP.replace('50', '60')}"}) == [
        "~ trigger t: if changed; it keeps its progress",
        "~ condition vip, used by t",
    ]


def test_a_diff_says_that_another_name_changes_nothing_else() -> None:
    before = {"a.yaml": USER % "carts", "b.yaml": f"{CARTS}\n---\n{VIP}"}
    after = {
        "a.yaml": USER % "baskets",
        "b.yaml": f"{CARTS.replace('carts', 'baskets')}\n---\n{VIP}",
    }

    assert told(before, after) == ["+ pattern baskets, used by t", "- pattern carts, used by t"]


# ── bounds ──────────────────────────────────────────────────────────────────────────────────


def chain(length: int) -> str:
    links = [f"{{condition: c{n}, is: {{use: c{n + 1}}}}}" for n in range(1, length)]
    last = f"{{condition: c{length}, is: {{source: {{exists: true}}}}}}"
    return "\n---\n".join([*links, last, "{trigger: t, when: {event: a}, if: {use: c1}}"])


def test_eight_names_may_be_within_each_other() -> None:
    assert problems_in({"t.yaml": chain(8)}) == []
    assert problems_in({"t.yaml": chain(9)}) == [
        "1:13: condition: at most 8 names within each other; found 9"
    ]


def any_of(number: int) -> str:
    return f"{{any: [{', '.join(['{source: {exists: true}}'] * number)}]}}"


@pytest.mark.covers("B19")
def test_a_condition_has_at_most_fifty_tests_with_those_of_named_ones() -> None:
    named = f"{{condition: c, is: {any_of(25)}}}"
    user = "{trigger: t, when: {event: a}, if: {all: [{use: c}, %s]}}"

    assert problems_in({"a.yaml": named, "t.yaml": user % any_of(25)}) == []
    assert problems_in({"a.yaml": named, "t.yaml": user % any_of(26)}) == [
        "1:36: if: at most 50 tests, those of named conditions among them; found 51"
    ]
    where = "{trigger: t, when: {event: a, where: %s}}"
    assert problems_in({"t.yaml": where % any_of(50)}) == []
    assert problems_in({"t.yaml": where % any_of(51)}) == [
        "1:38: where: at most 50 tests, those of named conditions among them; found 51"
    ]


def test_names_that_would_grow_without_end_are_refused_at_once() -> None:
    more = "{condition: c%d, is: {any: [%s]}}"
    grown = [more % (n, ", ".join([f"{{use: c{n - 1}}}"] * 40)) for n in range(1, 8)]
    text = "\n---\n".join(["{condition: c0, is: {source: {exists: true}}}", *grown])

    assert problems_in({"t.yaml": text}) == [
        "5:21: is: at most 50 tests, those of named conditions among them; found 1600"
    ]


def deep(levels: int) -> str:
    """Return a condition of so many levels, the mapping that it is the first."""
    return "{not: " * (levels - 1) + "{source: {exists: true}}" + "}" * (levels - 1)


def test_a_condition_has_at_most_eight_levels() -> None:
    trigger = "{trigger: t, when: {event: a}, if: %s}"

    assert problems_in({"t.yaml": trigger % deep(8)}) == []
    assert problems_in({"t.yaml": trigger % deep(9)}) == [
        "1:84: all, any and not: at most 8 levels deep; found a level more"
    ]


def test_what_is_in_force_already_may_be_longer() -> None:
    text = f"{{trigger: t, when: {{event: a, where: {any_of(51)}}}, if: {deep(9)}}}"

    assert len(parse_ruleset({"t.yaml": text}, is_published=True).triggers) == 1


def many(number: int, off: int = 0) -> str:
    modes = ["off" if each < off else "live" for each in range(number)]
    return "\n---\n".join(
        f"{{trigger: t{number}, mode: {mode}, when: {{event: a}}}}"
        for number, mode in enumerate(modes)
    )


def test_a_directory_has_at_most_as_many_triggers_as_it_allows_itself() -> None:
    files = {"policy.yaml": "most: {triggers: 3}", "t.yaml": many(3)}

    assert problems_in(files) == []
    assert problems_in({**files, "t.yaml": many(4)}) == [
        "7:11: trigger: at most 3 in a directory ('most' in policy.yaml); found 4"
    ]
    (found,) = problems_in({**files, "t.yaml": many(24, off=22)})
    named = ", ".join(f"t{n}" for n in range(20))
    assert found.endswith(f"found 24; switched off are {named} and 2 more")
    assert len(parse_ruleset({**files, "t.yaml": many(4)}, is_published=True).triggers) == 4


@pytest.mark.covers("E9")
def test_a_directory_has_a_thousand_triggers_unless_it_says_more() -> None:
    assert problems_in({"t.yaml": many(1000)}) == []
    assert len(problems_in({"t.yaml": many(1001)})) == 1
    assert problems_in({"t.yaml": many(1001), "policy.yaml": "most: {triggers: 1001}"}) == []


@pytest.mark.covers("E9")
def test_five_thousand_is_the_end() -> None:
    parse_ruleset({"policy.yaml": "most: {triggers: 5000}"})
    with pytest.raises(TriggerFileError, match="a whole number from 1 to 5,000; found the number"):
        parse_ruleset({"policy.yaml": "most: {triggers: 5001}"})
