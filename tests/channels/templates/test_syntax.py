"""Every syntax error of a template is found, each at its own place."""

from __future__ import annotations

import pytest
from liquid import Environment

from triggerstream.channels.templates import check_template
from triggerstream.channels.templates.syntax import syntax_errors


def found(source: str) -> list[tuple[int, str]]:
    """Return the line and the message of each error; line 0 where there is no place."""
    errors = syntax_errors(Environment(), source)
    return [((each.context() or (0,))[0], str(each.message)) for each in errors]


def test_all_errors_are_found_in_order() -> None:
    assert found("{{ a | }}\n{% foo %}\nfine {{ a }}\n{{ b b }}") == [
        (1, "expected word, found end of expression"),
        (2, "unexpected tag 'foo'"),
        (4, "expected end of expression, found word"),
    ]


@pytest.mark.parametrize(
    "block", ["{% if %}x{% else %}y{% endif %}", "{% for x in %}{{ x }}{% endfor %}"]
)
def test_the_end_of_a_block_that_cannot_be_read_is_no_error_of_its_own(block: str) -> None:
    assert len(found(block)) == 1
    assert [line for line, _ in found(f"{block}\n{{{{ b b }}}}")] == [1, 2]


def test_an_end_without_a_beginning_is_one() -> None:
    assert found("{% endif %}") == [(1, "unexpected tag 'endif'")]


def test_what_is_missing_at_the_end_has_no_place() -> None:
    assert found("{% if a %}x") == [(0, "expected tag endif, found end of expression")]


def test_where_there_is_no_telling_parts_apart_that_is_the_only_error() -> None:
    assert found("{% foo %}\n{{ a") == [(2, "expected '}}', found end of file")]


def test_a_right_template_has_none_and_its_environment_goes_on_as_before() -> None:
    environment = Environment()

    assert syntax_errors(environment, "{% if a %}{{ b | upcase }}{% endif %}") == []
    assert "error" not in vars(environment)


def test_all_of_them_are_told_of_a_template_with_their_places() -> None:
    problems = check_template("hello", "text", "Hello\n{{ customer.id | }}\n{% foo %}\n")

    assert problems == [
        (2, 4, "expected word, found end of expression"),
        (3, 4, "unexpected tag 'foo'"),
    ]
