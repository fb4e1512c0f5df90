"""The messages of a fixture's firings: rendered as a sender would, and held against it."""

from __future__ import annotations

import pytest

from triggerstream.authoring.fixture_files import parse_fixtures
from triggerstream.authoring.fixture_runs import run_fixture
from triggerstream.authoring.fixtures import Result
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.errors import TriggerFileError

TRIGGERS = """
trigger: greet
name: Greeting
when: {event: seen}
then:
  - webhook: {endpoint: crm}
  - email: {template: hello, word: Dear}
---
trigger: twice
when: {event: twice}
then:
  - email: {template: hello, word: First}
  - email: {template: hello, word: Second}
    after: 1d
---
trigger: quiet
when: {event: quiet}
then: [{log: {}}]
"""
TEXT = "{{ action.word }} {{ profile.name }},\nyou saw {{ event.event_data.what }}.\n"
SENT = {"greet": 1, "twice": 2, "quiet": 0}


def run(expect: str, *, name: str = "Ada", event: str = "seen", **parts: str) -> Result:
    identify = f'{{at: 0m, customer: c1, event: identify, data: {{name: "{name}"}}}}'
    text = f"""\
- test: t
  events:
    - {identify if name else "{at: 0m, customer: c1, event: other}"}
    - {{at: 1m, customer: c1, event: {event}, data: {{what: Lamp & Co}}}}
    - {{at: 2m, customer: c1, event: identify, data: {{name: Later}}}}
  expect:
    {expect}
"""
    [fixture] = parse_fixtures("d/t.test.yaml", text, SENT)
    return run_fixture(fixture, ruleset(**parts), "d/")


def ruleset(**parts: str) -> Ruleset:
    sources = {"subject": "For {{ profile.name }}", "text": TEXT} | parts
    files = {f"templates/hello/{part}.liquid": source for part, source in sources.items()}
    return load_ruleset({"t.yaml": TRIGGERS, **files})


GREET = "- {trigger: greet, at: 1m, customer: c1}"


def greet(email: str) -> str:
    return f"- {{trigger: greet, at: 1m, customer: c1, email: {email}}}"


def test_a_message_that_is_rendered_is_counted() -> None:
    result = run(GREET)

    assert (result.is_ok, result.rendered) == (True, 1)


def test_what_a_customer_lacks_fails_the_test_and_says_where() -> None:
    result = run(GREET, name="")

    assert not result.is_ok
    assert result.problems == (
        (
            "d/t.test.yaml:7: the e-mail of greet cannot be rendered: "
            "d/templates/hello/subject.liquid:1:8: profile.name is undefined: give it a default, "
            "or ask for it in 'if'"
        ),
    )
    assert result.rendered == 0


@pytest.mark.parametrize(
    ("subject", "problem"),
    [
        (" {{ '' }} ", "hello/subject.liquid: an e-mail has a subject; found an empty one"),
        ("a{{ profile.name }}", "hello: Subject: text without control characters"),
    ],
)
def test_what_could_not_be_sent_fails_too(subject: str, problem: str) -> None:
    (found,) = run(GREET, name="\\e", subject=subject).problems

    assert problem in found


def test_a_firing_that_is_not_expected_is_not_rendered() -> None:
    result = run("[]", name="")

    assert (result.problems, result.rendered) == ((), 0)
    assert result.diff() == ["+ firing greet for c1 at 1m"]


def test_what_is_not_compared_is_not_rendered() -> None:
    result = run("[]\n  only: [quiet]", name="")

    assert (result.is_ok, result.rendered) == (True, 0)


def test_of_a_test_that_fails_what_was_right_is_rendered_all_the_same() -> None:
    more = "- {trigger: quiet, at: 1m, customer: c1}"
    result = run(f"{GREET}\n    {more}", name="")

    assert len(result.problems) == 1
    assert result.diff() == ["  firing greet for c1 at 1m", "- firing quiet for c1 at 1m"]


def test_a_decision_that_was_not_expected_does_not_shift_the_messages() -> None:
    text = """\
- test: t
  events:
    - {at: 0m, customer: c1, event: identify, data: {name: Ada}}
    - {at: 1m, customer: c1, event: twice, data: {what: Pot}}
    - {at: 2m, customer: c1, event: seen, data: {what: Lamp}}
  expect:
    - {trigger: greet, at: 2m, customer: c1, email: {contains: "Dear Ada"}}
"""
    result = run_fixture(parse_fixtures("d/t.test.yaml", text, SENT)[0], ruleset())

    assert result.diff() == ["+ firing twice for c1 at 1m", "  firing greet for c1 at 2m"]
    assert (result.problems, result.rendered) == ((), 1)


RIGHT = [
    "{}",
    "{subject: For Ada}",
    '{contains: "Dear Ada,\\nyou saw Lamp & Co."}',
    "{contains: [Dear, Lamp]}",
    "{lacks: [Later, dear]}",
    "[{subject: For Ada, contains: Lamp, lacks: Chair}]",
]


@pytest.mark.parametrize("email", RIGHT)
def test_what_an_email_says_may_be_expected(email: str) -> None:
    assert run(greet(email)).problems == ()


WRONG = [
    ("{subject: for Ada}", "the subject\n- expected: for Ada\n+ found:    For Ada"),
    (
        "{contains: [Dear, Chair]}",
        "not in the text\n- expected: Chair\n+ found:\n  Dear Ada,\n  you saw Lamp & Co.",
    ),
    ("{lacks: [Chair, saw]}", "in the text\n- lacks: saw\n+ found: you saw Lamp & Co."),
]


@pytest.mark.parametrize(("email", "problem"), WRONG)
def test_what_it_does_not_say_is_shown(email: str, problem: str) -> None:
    result = run(greet(email))

    assert not result.is_ok
    assert result.problems == (f"d/t.test.yaml:7: the e-mail of greet: {problem}",)
    assert result.rendered == 1


HTML = "<p>{{ event.event_data.what }}</p>"


def test_a_text_is_contained_that_is_in_one_part() -> None:
    assert run(greet("{contains: [Dear, <p>Lamp &amp; Co</p>]}"), html=HTML).is_ok
    (problem,) = run(greet("{contains: <b>}"), html=HTML).problems
    assert "neither in the text nor in the HTML" in problem


def test_a_text_is_lacked_that_is_in_neither() -> None:
    first, second = run(greet("{lacks: Lamp}"), html=HTML).problems

    assert "in the text\n- lacks: Lamp\n+ found: you saw Lamp & Co." in first
    assert "in the HTML\n- lacks: Lamp\n+ found: <p>Lamp &amp; Co</p>" in second


def test_several_emails_are_told_apart_by_their_order() -> None:
    expect = "- {trigger: twice, at: 1m, customer: c1, email: [{contains: First}, {contains: X}]}"

    result = run(expect, event="twice")

    assert result.rendered == 2
    assert [problem.splitlines()[3] for problem in result.problems] == ["  Second Ada,"]


@pytest.mark.parametrize(
    ("expect", "problem"),
    [
        (
            "- {trigger: quiet, at: 1m, customer: c1, email: {}}",
            "a trigger that sends an e-mail as 'quiet'; found a mapping",
        ),
        (
            "- {trigger: twice, at: 1m, customer: c1, email: {}}",
            "a list of 2 mappings, for 'twice' sends 2; found a mapping",
        ),
        (greet("[{}, {}]"), "a mapping, for 'greet' sends 1; found 2"),
        (greet("hello"), "a mapping with subject, contains, lacks; found 'hello'"),
        (greet("{subjct: a}"), "found 'subjct'; did you mean 'subject'?"),
        (greet("{subject: 12}"), "a text as 'subject'; found '12': put it in quotes"),
        (greet("{contains: [12]}"), "a text, or a list of texts, as 'contains'; found '12'"),
        (
            "- {trigger: greet, at: 1m, customer: c1, reason: cooldown, email: {}}",
            "an e-mail of a firing; found a mapping: what is suppressed sends none",
        ),
    ],
)
def test_what_no_email_can_be_is_a_problem_of_the_file(expect: str, problem: str) -> None:
    with pytest.raises(TriggerFileError) as raised:
        run(expect)

    assert problem in str(raised.value)
    assert str(raised.value).startswith("d/t.test.yaml:7:")
