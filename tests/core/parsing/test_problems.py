"""Every rule that a file may break: told at its place, with what is required and what was found.

The cases stand in ``problems.txt`` beside this file, as an author would see them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.core.parsing.files import problems_in
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.errors import TriggerFileError

CASES = Path(__file__).with_name("problems.txt")
BAR = "|"


def cases() -> Iterator[tuple[str, list[str]]]:
    """Yield each case's text and problems."""
    for block in CASES.read_text(encoding="utf-8").split("\n\n")[1:]:
        lines = block.strip().split("\n")
        text = [line.removeprefix(BAR).removeprefix(" ") for line in lines if line[0] == BAR]
        if text:
            yield "\n".join(text), [line for line in lines if line[0] != BAR]


@pytest.mark.covers("B6", "E1", "G7", "B11")
@pytest.mark.parametrize(("text", "problems"), list(cases()))
def test_a_broken_rule_is_told_at_its_place(text: str, problems: list[str]) -> None:
    named = ("policy.yaml", "schemas.yaml")
    path = next((each for each in named if problems[0].startswith(each)), "t.yaml")

    assert problems_in({path: text}) == problems


def test_every_problem_says_what_is_required_and_what_was_found() -> None:
    problems = [problem for _, told in cases() for problem in told]

    assert len(problems) > 120
    assert [problem for problem in problems if "; " not in problem] == []


def test_a_trigger_id_is_unique_over_all_files() -> None:
    text = "{trigger: t, when: {event: a}}"

    assert problems_in({"a.yaml": text, "sub/b.yaml": f"# second\n{text}"}) == [
        "sub/b.yaml:2:11: trigger: an id of its own; found 't', as in a.yaml:1"
    ]


def test_there_is_one_policy_in_the_directory_itself() -> None:
    (problem,) = problems_in({"sub/policy.yaml": "expiry: 1d"})

    assert problem == (
        "sub/policy.yaml:1:1: policy.yaml: in the directory itself, for there is one; "
        "found it below"
    )


EMAIL = "trigger: t\nwhen: {event: a}\nthen: [{email: {template: welcome}}]"


def test_templates_are_checked_only_where_there_are_any() -> None:
    assert problems_in({"t.yaml": EMAIL}) == []


def test_the_template_of_an_email_must_be_there() -> None:
    parts = {f"templates/welcom/{part}.liquid": "" for part in ("subject", "text")}

    assert problems_in({"t.yaml": EMAIL} | parts) == [
        (
            "3:27: template: one of those in templates/ (welcom); found 'welcome': "
            "did you mean 'welcom'?"
        )
    ]


def test_a_template_that_is_not_there_is_told_with_those_that_are() -> None:
    parts = {
        f"templates/{name}/{part}.liquid": ""
        for name in ("order", "cart_recovery")
        for part in ("subject", "text")
    }

    assert problems_in({"t.yaml": EMAIL} | parts) == [
        (
            "3:27: template: one of those in templates/ (cart_recovery, order); found 'welcome': "
            "make templates/welcome/subject.liquid, and text.liquid or html.liquid beside it"
        )
    ]


def test_of_a_whole_directory_every_template_is_asked_for() -> None:
    with pytest.raises(TriggerFileError) as raised:
        parse_ruleset({"t.yaml": EMAIL}, is_whole=True)

    (problem,) = raised.value.problems
    assert str(problem) == (
        "t.yaml:3:27: template: one of those in templates/ (there are none); found 'welcome': make "
        "templates/welcome/subject.liquid, and text.liquid or html.liquid beside it"
    )


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        (["text", "html"], "html.liquid and text.liquid"),
        (["subject"], "subject.liquid"),
        (["subject", "text"], None),
        (["subject", "html"], None),
    ],
)
def test_an_email_needs_a_subject_and_a_body(parts: list[str], found: str | None) -> None:
    templates = {f"templates/welcome/{part}.liquid": "" for part in parts}
    required = "subject.liquid, and text.liquid or html.liquid, in templates/welcome, for an e-mail"
    expected = [] if found is None else [f"3:27: template: {required}; found {found}"]

    assert problems_in({"t.yaml": EMAIL} | templates) == expected


@pytest.mark.parametrize(
    ("name", "meant"), [("subjct.liquid", "subject.liquid"), ("hmtl.liquid", "html.liquid")]
)
def test_a_template_has_known_parts(name: str, meant: str) -> None:
    (problem,) = problems_in({f"templates/a/{name}": ""})

    assert problem == (
        f"templates/a/{name}:1:1: templates: files named subject.liquid, text.liquid or "
        f"html.liquid; found {name!r}: did you mean {meant!r}?"
    )


def test_a_file_has_at_most_a_mebibyte() -> None:
    assert problems_in({"t.yaml": "#" * 1_048_576}) == []
    assert problems_in({"t.yaml": "#" * 1_048_577}) == [
        "1:1: a file of at most 1048576 bytes; found 1048577"
    ]


def test_an_unprintable_character_is_found_where_it_stands() -> None:
    assert problems_in({"t.yaml": "trigger: t\nname: a\x07"}) == [
        "2:8: printable characters; found '\\x07'"
    ]
