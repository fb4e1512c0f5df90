"""`parse_ruleset`: what trigger files may say, and what it means."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.parsing.files import pattern_of, trigger_of
from triggerstream.core import model
from triggerstream.core.model import (
    DAY,
    HOUR,
    AbsentStep,
    ActionSpec,
    AllOf,
    AllPattern,
    AnyOf,
    AnyPattern,
    Cap,
    Condition,
    CountPattern,
    DateRange,
    DayOfWeek,
    EventPattern,
    EventStep,
    Limits,
    Negation,
    Operator,
    Pattern,
    Policy,
    QuietHours,
    RulesetSource,
    SequencePattern,
    TimeOfDay,
    TrendPattern,
    Trigger,
)
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.errors import TriggerFileError

MINUTE = 60_000


def compare(path: str, operator: Operator, operand: Any) -> model.Test:
    return model.Test(path, operator, operand)


@pytest.mark.covers("E1", "E2")
def test_a_whole_trigger() -> None:
    assert trigger_of(
        """
        trigger: cart-abandonment
        name: Cart abandoned for an hour
        type: transactional
        priority: critical
        mode: live

        when:
          sequence:
            - event: cart_added
              where: {event_data.total: {greater_than: 50}}
            - absent: purchase_completed
              for: 1h
          restart: on_repeat
          per: event_data.cart_id

        if:
          all:
            - profile.email_consent: {equals: true}
            - not: {time_of_day: {from: "22:00", to: "08:00", zone: customer}}

        limits: {cooldown: 24h, max_per_customer: 3, holdout: 10%}

        then:
          - email: {template: cart_recovery, list: carts}
          - webhook: {endpoint: cart_nudge}
            after: 6h
          - email: {template: cart_last_call}
            after: 24h
        until: purchase_completed
        """
    ) == Trigger(
        id="cart-abandonment",
        name="Cart abandoned for an hour",
        type="transactional",
        priority="critical",
        mode="live",
        when=SequencePattern(
            steps=(
                EventStep(("cart_added",), compare("event_data.total", "greater_than", 50)),
                AbsentStep(("purchase_completed",), duration=HOUR),
            ),
            restart=True,
        ),
        per="event_data.cart_id",
        condition=AllOf(
            (
                compare("profile.email_consent", "equals", True),
                Negation(TimeOfDay(22 * 60, 8 * 60, "customer")),
            )
        ),
        limits=Limits(cooldown=DAY, max_per_customer=3, holdout=0.1),
        actions=(
            ActionSpec("email", "cart_recovery", options={"list": "carts"}),
            ActionSpec("webhook", after=6 * HOUR, options={"endpoint": "cart_nudge"}),
            ActionSpec("email", "cart_last_call", after=DAY),
        ),
        goal=EventPattern(("purchase_completed",)),
    )


@pytest.mark.covers("E1")
def test_only_trigger_and_when_are_required() -> None:
    assert trigger_of("{trigger: t, when: {event: a}}") == Trigger(
        id="t",
        when=EventPattern(("a",)),
        name="t",
        type="behavioral",
        priority="medium",
        mode="live",
        limits=Limits(cooldown=None, max_per_customer=None, holdout=0.0),
    )


@pytest.mark.parametrize(
    ("when", "pattern"),
    [
        ("{event: a}", EventPattern(("a",))),
        ("{event: [a, b]}", EventPattern(("a", "b"))),
        (
            "{event: a, where: {source: {equals: web}}}",
            EventPattern(("a",), compare("source", "equals", "web")),
        ),
        ("{count: a, at_least: 3}", CountPattern(("a",), "at_least", 3, within=DAY)),
        (
            "{count: [a, b], at_most: 2, within: 90m}",
            CountPattern(("a", "b"), "at_most", 2, within=90 * MINUTE),
        ),
        (
            "{count: {event: a, where: {source: {exists: true}}}, exactly: 1}",
            CountPattern(("a",), "exactly", 1, compare("source", "exists", True)),
        ),
        (
            "{count: a, where: {source: {exists: true}}, more_than: 0}",
            CountPattern(("a",), "more_than", 0, compare("source", "exists", True)),
        ),
        (
            "{count: a, sum: event_data.total, more_than: 99.5}",
            CountPattern(("a",), "more_than", 99.5, aggregate="sum", path="event_data.total"),
        ),
        (
            "{count: a, average: event_data.total, at_most: -2}",
            CountPattern(("a",), "at_most", -2, aggregate="average", path="event_data.total"),
        ),
        (
            "{count: a, distinct: event_data.sku, at_least: 1000}",
            CountPattern(("a",), "at_least", 1000, aggregate="distinct", path="event_data.sku"),
        ),
        ("{count: a, more_than: 999}", CountPattern(("a",), "more_than", 999)),
        ("{count: a, exactly: 5000}", CountPattern(("a",), "exactly", 5000)),
        (
            "{sequence: [{event: a}, {absent: [x, y]}, {event: b, after: 1h, before: 2h}]}",
            SequencePattern(
                (
                    EventStep(("a",)),
                    AbsentStep(("x", "y")),
                    EventStep(("b",), after=HOUR, before=2 * HOUR),
                )
            ),
        ),
        (
            "{sequence: [{event: a, times: 3}, {event: b}], within: 7d}",
            SequencePattern((EventStep(("a",), times=3), EventStep(("b",))), within=7 * DAY),
        ),
        (
            "{sequence: [{event: a}, {event: b, after: 23h}, {event: c, after: 59m}]}",
            SequencePattern(
                (
                    EventStep(("a",)),
                    EventStep(("b",), after=23 * HOUR),
                    EventStep(("c",), after=59 * MINUTE),
                )
            ),
        ),
        (
            "{sequence: [{event: a}, {absent: b, for: 30d}]}",
            SequencePattern((EventStep(("a",)), AbsentStep(("b",), duration=30 * DAY))),
        ),
        (
            "{sequence: [{event: a}, {absent: x, for: 1h}, {event: b}, {event: c}], within: 90m}",
            SequencePattern(
                (
                    EventStep(("a",)),
                    AbsentStep(("x",), duration=HOUR),
                    EventStep(("b",)),
                    EventStep(("c",)),
                ),
                within=90 * MINUTE,
            ),
        ),
        (
            (
                "{any: [{event: a, where: {source: {equals: 1}}}, "
                "{event: a, where: {source: {equals: true}}}]}"
            ),
            AnyPattern(
                (
                    EventPattern(("a",), compare("source", "equals", 1)),
                    EventPattern(("a",), compare("source", "equals", True)),
                )
            ),
        ),
        ("{trend: [a, b], below: 0.5}", TrendPattern(("a", "b"), "below", 0.5)),
        (
            (
                "{trend: {event: a, where: {source: {exists: true}}}, above: 2, recent: 30d, "
                "baseline: 90d, min: 1}"
            ),
            TrendPattern(
                ("a",), "above", 2, compare("source", "exists", True), 30 * DAY, 90 * DAY, 1
            ),
        ),
        ("{trend: a, below: 1, baseline: 7d}", TrendPattern(("a",), "below", 1, baseline=7 * DAY)),
        (
            "{trend: a, below: 1, baseline: 84d}",
            TrendPattern(("a",), "below", 1, baseline=84 * DAY),
        ),
        (
            "{all: [{event: a}, {count: b, at_least: 2}], within: 1h}",
            AllPattern((EventPattern(("a",)), CountPattern(("b",), "at_least", 2)), HOUR),
        ),
        (
            "{any: [{all: [{any: [{event: a}]}]}, {event: b}]}",
            AnyPattern(
                (
                    AllPattern((AnyPattern((EventPattern(("a",)),)),)),
                    EventPattern(("b",)),
                )
            ),
        ),
    ],
)
def test_patterns(when: str, pattern: Pattern) -> None:
    assert pattern_of(when) == pattern


@pytest.mark.parametrize("path", ["event_data.cart_id", "session_id", "device_info.os.name"])
def test_per_is_a_field_of_the_event(path: str) -> None:
    assert trigger_of(f"{{trigger: t, when: {{event: a, per: {path}}}}}").per == path


@pytest.mark.parametrize(
    ("condition", "meaning"),
    [
        ("{source: {equals: web}}", compare("source", "equals", "web")),
        ("{source: {equals: null}}", compare("source", "equals", None)),
        ("{source: {equals: NO}}", compare("source", "equals", "NO")),
        ("{source: {equals: '1'}}", compare("source", "equals", "1")),
        (
            "{event_data.n: {greater_than: 1, less_than_or_equal: 2.5}}",
            AllOf(
                (
                    compare("event_data.n", "greater_than", 1),
                    compare("event_data.n", "less_than_or_equal", 2.5),
                )
            ),
        ),
        (
            "{event_data.n: {between: [1, 2]}, profile.x: {in_list: [a, 1, null]}}",
            AllOf(
                (
                    compare("event_data.n", "between", [1, 2]),
                    compare("profile.x", "in_list", ["a", 1, None]),
                )
            ),
        ),
        (
            "{any: [{source: {exists: false}}, {not: {source: {starts_with: w}}}]}",
            AnyOf(
                (
                    compare("source", "exists", False),
                    Negation(compare("source", "starts_with", "w")),
                )
            ),
        ),
        ("{event_data: {exists: true}}", compare("event_data", "exists", True)),
        ("{event_data.s: {matches: '^a+$'}}", compare("event_data.s", "matches", "^a+$")),
        ("{time_of_day: {from: 09:00, to: 24:00}}", TimeOfDay(540, 1440, "customer")),
        (
            "{day_of_week: {in: [sun, mon, sun], zone: Europe/Berlin}}",
            DayOfWeek((0, 6), "Europe/Berlin"),
        ),
        (
            "{date_range: {from: 2026-12-01, to: 2026-12-01, zone: UTC}}",
            DateRange("2026-12-01", "2026-12-01", "UTC"),
        ),
        (
            '{date_range: {from: 12-01, to: "01-06", zone: UTC}}',
            DateRange("12-01", "01-06", "UTC"),
        ),
        (
            "{date_range: {from: 02-29, to: 02-29}}",
            DateRange("02-29", "02-29", "customer"),
        ),
        ("{date_range: {to: 2026-12-24}}", DateRange(None, "2026-12-24", "customer")),
    ],
)
def test_conditions(condition: str, meaning: Condition) -> None:
    trigger = trigger_of(f"{{trigger: t, when: {{event: a}}, if: {condition}}}")

    assert trigger.condition == meaning


@pytest.mark.parametrize(
    ("until", "goal"),
    [
        ("a", EventPattern(("a",))),
        ("[a, b]", EventPattern(("a", "b"))),
        (
            "{event: a, where: {source: {equals: web}}}",
            EventPattern(("a",), compare("source", "equals", "web")),
        ),
    ],
)
def test_a_goal_is_an_event(until: str, goal: EventPattern) -> None:
    assert trigger_of(f"{{trigger: t, when: {{event: a}}, until: {until}}}").goal == goal


@pytest.mark.parametrize(
    ("action", "spec"),
    [
        ("{log: {}}", ActionSpec("log")),
        ("{log: }", ActionSpec("log")),
        ("{log: {message: hello}}", ActionSpec("log", options={"message": "hello"})),
        (
            "{webhook: {endpoint: crm, list: [1, {a: b}]}}",
            ActionSpec("webhook", options={"endpoint": "crm", "list": [1, {"a": "b"}]}),
        ),
        ("{email: {template: a}, after: 90s}", ActionSpec("email", "a", after=90_000)),
    ],
)
def test_actions(action: str, spec: ActionSpec) -> None:
    trigger = trigger_of(f"{{trigger: t, when: {{event: a}}, then: [{action}]}}")

    assert trigger.actions == (spec,)


@pytest.mark.parametrize(
    ("trigger", "spec"),
    [
        ("then: [{in_app: {template: a}}]", ActionSpec("in_app", "a")),
        ("then: [{segment: {add: vips}}]", ActionSpec("segment", options={"add": "vips"})),
        ('until: "order_*"', None),
        ("if: {event_data.items.0.price: {equals: 1}}", None),
    ],
)
def test_what_is_published_was_right_when_it_was(trigger: str, spec: ActionSpec | None) -> None:
    """Authors are told of it; a worker that finds it in force goes on."""
    files = {"t.yaml": f"{{trigger: t, when: {{event: a}}, {trigger}}}"}

    (read,) = parse_ruleset(files, is_published=True).triggers

    assert read.actions == (() if spec is None else (spec,))
    with pytest.raises(TriggerFileError):
        parse_ruleset(files)


def test_a_channel_is_a_word_of_the_language_before_it_is_built() -> None:
    assert set(model.BUILT) < set(model.CHANNELS)


def test_triggers_come_in_order_of_path_and_document() -> None:
    source = parse_ruleset(
        {
            "z.yaml": "{trigger: one, when: {event: a}}",
            "b/a.yaml": "{trigger: two, when: {event: a}}\n---\n{trigger: three, when: {event: a}}",
            "a.test.yaml": "- not: a trigger",
            "README.md": "not a trigger either",
        }
    )

    assert [trigger.id for trigger in source.triggers] == ["two", "three", "one"]


def test_nothing_is_a_ruleset_too() -> None:
    assert parse_ruleset({"a.yaml": "# to be written\n", "policy.yaml": ""}) == RulesetSource(())


def test_a_whole_policy() -> None:
    text = """
allowed_lateness: 0s
max_skew: 1m
backfill_before: 2026-01-01T00:00:00+01:00
timezone: Europe/Berlin
quiet_hours: {from: "22:00", to: "08:00"}
caps:
  - {channel: email, limit: 1, window: 1d, on_cap: defer}
  - {limit: 4, window: 7d, types: [lifecycle, transactional]}
consent: {email: opt_out, webhook: none}
expiry: 2d
record_suppressed: false
"""

    assert parse_ruleset({"policy.yaml": text}).policy == Policy(
        allowed_lateness=0,
        max_skew=MINUTE,
        backfill_before=1_767_222_000_000,
        timezone="Europe/Berlin",
        quiet_hours=QuietHours(22 * 60, 8 * 60, "customer"),
        caps=(
            Cap(limit=1, window=DAY, channel="email", on_cap="defer"),
            Cap(limit=4, window=7 * DAY, types=("lifecycle", "transactional")),
        ),
        consent={"email": "opt_out", "sms": "opt_in", "push": "opt_in", "webhook": "none"},
        expiry=2 * DAY,
        record_suppressed=False,
    )


def test_an_empty_list_of_caps_lifts_the_default() -> None:
    assert parse_ruleset({"policy.yaml": "caps: []"}).policy.caps == ()
    assert parse_ruleset({"policy.yaml": "expiry: 1d"}).policy.caps == Policy().caps


def test_templates_go_by_name_and_part() -> None:
    files = {
        "templates/hello/subject.liquid": "Hello",
        "templates/hello/text.liquid": "Hello, you",
        "t.yaml": "{trigger: t, when: {event: a}, then: [{email: {template: hello}}]}",
    }

    assert parse_ruleset(files).templates == {"hello": {"subject": "Hello", "text": "Hello, you"}}


def test_the_template_check_is_asked_about_every_part() -> None:
    asked = []

    def check(name: str, part: str, source: str) -> list[tuple[int, int, str]]:
        asked.append((name, part, source))
        return [(2, 5, "a filter that exists; found 'shout'")] if part == "text" else []

    with pytest.raises(TriggerFileError) as caught:
        parse_ruleset(
            {"templates/a/subject.liquid": "s", "templates/a/text.liquid": "t"},
            template_check=check,
        )

    assert asked == [("a", "subject", "s"), ("a", "text", "t")]
    assert str(caught.value) == ("templates/a/text.liquid:2:5: a filter that exists; found 'shout'")


ALPHABET = st.sampled_from(
    [
        *("trigger", "when", "if", "limits", "then", "until", "event", "count", "sequence", "all"),
        *("any", "absent", "for", "where", "within", "after", "not", "equals", "email", "template"),
        *(": ", "\n", "\n  ", "\n    ", "- ", "{", "}", "[", "]", ", ", "---\n", "'", '"', "#"),
        *("1h", "10%", "3", "true", "&a ", "*a", "!x ", "|", ">", "\t", "event_data.x", "\0", "?"),
    ]
)


@given(st.lists(ALPHABET, max_size=40).map("".join))
def test_any_text_is_a_ruleset_or_has_problems(text: str) -> None:
    for path in ("t.yaml", "policy.yaml"):
        try:
            parse_ruleset({path: text})
        except TriggerFileError as error:
            lines = text.count("\n") + 1
            assert all(1 <= problem.line <= lines + 1 for problem in error.problems)  # noqa: PT017
            assert all(problem.col >= 1 for problem in error.problems)  # noqa: PT017


def test_problems_of_one_file_or_document_hide_none_of_another() -> None:
    files = {
        "a.yaml": "trigger: [\n---\ntrigger: t\nwhen: {evnt: a}\n",
        "b.yaml": "trigger: t2",
        "policy.yaml": "expiry: soon",
    }

    with pytest.raises(TriggerFileError) as caught:
        parse_ruleset(files)

    places = [f"{problem.file}:{problem.line}:{problem.col}" for problem in caught.value.problems]
    assert places == ["a.yaml:2:1", "a.yaml:4:7", "b.yaml:1:1", "policy.yaml:1:9"]
    assert caught.value.exit_code == 1
