"""What templates print and may be missing: a problem, unless somebody has made sure of it."""

from __future__ import annotations

import pytest

from triggerstream.authoring.gaps import fewest_events, gaps, unsure
from triggerstream.core.parsing.directory import parse_ruleset

ONE = "when: {event: a}"


def trigger(rest: str = ONE, *, name: str = "t", options: str = "") -> str:
    return f"trigger: {name}\n{rest}\nthen: [{{email: {{template: m{options}}}}}]\n"


def found(text: str, *triggers: str) -> list[str]:
    files = {f"{number}.yaml": each for number, each in enumerate(triggers or (trigger(),))}
    files |= {"templates/m/subject.liquid": "S", "templates/m/text.liquid": text}
    return [str(problem) for problem in gaps(parse_ruleset(files))]


def test_a_gap_is_told_with_its_place_and_the_trigger_that_does_not_ask_for_it() -> None:
    assert found("Hello\n\n  total {{ event.event_data.amount }}", trigger(name="a")) == [
        (
            "templates/m/text.liquid:3:12: a default, or a condition of the trigger 'a' that asks "
            "for it; found event.event_data.amount, which an event may lack"
        )
    ]


def test_who_lacks_it_is_said() -> None:
    (problem,) = found("{{ profile.name }}")

    assert problem.endswith("found profile.name, which a customer may lack")


X = "{{ event.event_data.x }}"
P = "{{ profile.x }}"

SURE = [
    (X, "when: {event: a, where: {event_data.x: {exists: true}}}"),
    (X, "when: {event: a, where: {event_data.x: {greater_than: 3}}}"),
    (X, "when: {event: a, where: {not: {event_data.x: {exists: false}}}}"),
    (X, "when: {event: a, where: {event_data.x.y: {equals: 1}}}"),
    (X, "when: {event: a}\nif: {event_data.x: {equals: 1}}"),
    (X, "when: {event: a, per: event_data.x}"),
    (X, "when: {count: a, where: {event_data.x: {exists: true}}, at_least: 2, within: 1d}"),
    (X, "when: {count: a, sum: event_data.x, at_least: 2, within: 1d}"),
    (X, "when: {sequence: [{event: a}, {event: b, where: {event_data.x: {exists: true}}}]}"),
    (
        X,
        (
            "when: {sequence: [{event: a, where: {event_data.x: {exists: true}}}, "
            "{absent: b, for: 1h}]}"
        ),
    ),
    (
        X,
        (
            "when:\n  any:\n    - {event: a, where: {event_data.x: {equals: 1}}}\n"
            "    - {event: b, where: {event_data.x: {equals: 2}}}"
        ),
    ),
    (
        X,
        (
            "when:\n  within: 1d\n  all:\n    - {event: a, where: {event_data.x: {equals: 1}}}\n"
            "    - {event: b, where: {event_data.x: {equals: 2}}}"
        ),
    ),
    (P, f"{ONE}\nif: {{profile.x: {{exists: true}}}}"),
    (P, f"{ONE}\nif: {{all: [{{profile.x: {{equals: a}}}}, {{day_of_week: {{in: [mon]}}}}]}}"),
    ("{{ profile.x.size }}", f"{ONE}\nif: {{profile.x: {{exists: true}}}}"),
    ("{% for i in profile.x %}{{ i }}{% endfor %}", f"{ONE}\nif: {{profile.x: {{exists: true}}}}"),
    ("{{ event.event_type }}{{ event.source }}{{ customer.id }}{{ firing.at }}", ONE),
    ("{{ profile.x | default: 'y' }}{% if profile.x %}{{ profile.x }}{% endif %}", ONE),
    ("{{ events.size }}{{ events.last.event_id }}{{ events[0].event_id }}", ONE),
    ("{% for e in events %}{{ e.event_id }}{% endfor %}{{ events.first.event_id }}", ONE),
    ("{{ events[1].event_id }}", "when: {sequence: [{event: a}, {event: b}]}"),
    ("{{ events[1].event_id }}", "when: {sequence: [{event: a, times: 2}]}"),
    ("{{ events[1].event_id }}", "when: {count: a, at_least: 2, within: 1d}"),
    (
        "{{ events[0].event_data.x }}{{ events.last.event_data.x }}",
        "when: {event: a, where: {event_data.x: {exists: true}}}",
    ),
]


@pytest.mark.parametrize(("text", "when"), SURE)
def test_what_is_sure_to_be_there_may_be_printed(text: str, when: str) -> None:
    assert found(text, trigger(when)) == []


UNSURE = [
    (X, ONE),
    (X, "when: {event: a, where: {event_data.x: {not_equals: 1}}}"),
    (X, "when: {event: a, where: {event_data.x: {exists: false}}}"),
    (X, "when: {event: a, where: {event_data.xy: {exists: true}}}"),
    ("{{ event.event_data.x.y }}", "when: {event: a, where: {event_data.x: {exists: true}}}"),
    (X, "when: {sequence: [{event: a, where: {event_data.x: {exists: true}}}, {event: b}]}"),
    (
        X,
        "when:\n  any:\n    - {event: a, where: {event_data.x: {equals: 1}}}\n    - {event: b}",
    ),
    (
        X,
        (
            "when:\n  within: 1d\n  all:\n    - {event: a, where: {event_data.x: {equals: 1}}}\n"
            "    - {event: b}"
        ),
    ),
    (X, "when: {count: a, at_least: 2, within: 1d}"),
    (P, f"{ONE}\nif: {{any: [{{profile.x: {{exists: true}}}}, {{profile.y: {{exists: true}}}}]}}"),
    ("{{ profile.x.size }}", ONE),
    ("{% for i in profile.x %}{% endfor %}", ONE),
    (
        "{% for i in profile.x %}{{ i.y }}{% endfor %}",
        f"{ONE}\nif: {{profile.x: {{exists: true}}}}",
    ),
    ("{{ event[profile.x] }}", f"{ONE}\nif: {{profile.x: {{exists: true}}}}"),
    ("{{ events[1].event_id }}", ONE),
    ("{{ events[2].event_id }}", "when: {sequence: [{event: a}, {event: b}]}"),
    ("{{ events[0].event_data.x }}", "when: {sequence: [{event: a}, {event: b}]}"),
    ("{{ events.last.source }}", ONE),
]


@pytest.mark.parametrize(("text", "when"), UNSURE)
def test_what_may_be_missing_may_not_be_printed(text: str, when: str) -> None:
    assert len(found(text, trigger(when))) == 1


def test_each_trigger_that_sends_it_must_ask() -> None:
    asks = trigger("when: {event: a, where: {event_data.x: {exists: true}}}", name="asks")

    (problem,) = found(X, asks, trigger(name="b"), trigger(name="c"))

    assert "a condition of the triggers 'b' and 'c' that asks for it" in problem


def test_a_template_that_nobody_sends_is_left_alone() -> None:
    assert found(X, "trigger: t\nwhen: {event: a}\n") == []


def test_a_message_of_a_webhook_is_one_too() -> None:
    text = trigger().replace("email: {", "webhook: {endpoint: e, ")

    assert len(found(X, text)) == 1


class TestSettings:
    def test_one_that_each_action_has_is_there(self) -> None:
        options = ", a: {b: [{c: 1}]}"
        text = (
            "{{ action.a.b[0].c }}{{ action.options.a.b.first.c }}{{ action.a.b.size }}"
            "{% for i in action.a.b %}{{ i.c }}{% endfor %}{{ action.template }}{{ action.id }}"
        )

        assert found(text, trigger(options=options), trigger(name="u", options=options)) == []

    def test_one_that_no_action_has_is_none_with_a_default_either(self) -> None:
        assert found("{{ action.tempalte | default: 'x' }}", trigger(options=", list: l")) == [
            (
                "templates/m/text.liquid:1:4: a setting of an action that sends this template "
                "(list); found action.tempalte: did you mean 'action.template'?"
            )
        ]

    @pytest.mark.parametrize("path", ["action.a.c", "action.a.b[1]", "action.a.b[0].d"])
    def test_what_is_not_inside_of_one_is_none(self, path: str) -> None:
        assert len(found(f"{{{{ {path} }}}}", trigger(options=", a: {b: [{c: 1}]}"))) == 1

    def test_one_that_some_have_needs_a_default(self) -> None:
        triggers = (trigger(options=", x: 1"), trigger(name="u"))

        assert found("{{ action.x | default: 2 }}", *triggers) == []
        assert found("{{ action.x }}", *triggers) == [
            (
                "templates/m/text.liquid:1:4: a default, or a setting of each action that sends "
                "this template; found action.x, which that of the trigger 'u' lacks"
            )
        ]


def test_what_an_event_must_have_is_listed_also_where_the_trigger_asks_for_it() -> None:
    asks = trigger("when: {event: a, where: {event_data.x: {exists: true}}}")
    files = {"t.yaml": asks, "templates/m/subject.liquid": P, "templates/m/text.liquid": X + X}
    files["t.yaml"] = asks.replace("m}", "m, word: w}")
    files["templates/m/html.liquid"] = "{{ action.word }}{{ events[0].event_id }}"
    source = parse_ruleset(files)
    (only,) = source.triggers

    assert [str(each) for each in unsure(source, only, only.actions[0])] == [
        "templates/m/subject.liquid:1:4: profile.x",
        "templates/m/text.liquid:1:4: event.event_data.x",
        "templates/m/text.liquid:1:28: event.event_data.x",
    ]


@pytest.mark.parametrize(
    ("when", "number"),
    [
        ("{event: a}", 1),
        ("{count: a, at_least: 3, within: 1d}", 3),
        ("{count: a, exactly: 2, within: 1d}", 2),
        ("{count: a, at_most: 3, within: 1d}", 1),
        ("{count: a, sum: event_data.x, at_least: 3, within: 1d}", 1),
        ("{sequence: [{event: a, times: 2}, {event: b}, {absent: c, for: 1h}]}", 3),
        ("{any: [{event: a}, {count: b, at_least: 3, within: 1d}]}", 1),
        ("{all: [{event: a}, {count: b, at_least: 3, within: 1d}], within: 2d}", 3),
    ],
)
def test_so_many_events_match_at_least(when: str, number: int) -> None:
    (only,) = parse_ruleset({"t.yaml": f"trigger: t\nwhen: {when}\n"}).triggers

    assert fewest_events(only.when) == number


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        (X, "when: {event: a, where: event_data.x > 5}"),
        (X, "when: {event: a}\nif: event_data.y == 1 && event_data.x != null"),
        (P, "when: {event: a}\nif: {any: [profile.x > 5, profile.x == 1]}"),
    ],
)
def test_what_an_expression_makes_sure_of_is_no_gap(text: str, rest: str) -> None:
    assert found(text, trigger(rest)) == []


@pytest.mark.parametrize("test", ["has(event_data.x)", "event_data.x == event_data.y", "true"])
def test_a_field_that_may_be_null_is_one(test: str) -> None:
    assert len(found(X, trigger(f"when: {{event: a, where: '{test}'}}"))) == 1
