"""A character of a text is told where it stands in the file, whichever way it is written there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.parsing.files import problems_of
from triggerstream.core.parsing.source.nodes import Mapping, Scalar, read_documents
from triggerstream.core.parsing.source.places import place_in


def scalar_in(text: str) -> Scalar:
    (document,) = read_documents(text, lambda *found: pytest.fail(str(found)))
    assert isinstance(document, Mapping)
    scalar = document.entries["k"]
    assert isinstance(scalar, Scalar)
    return scalar


WRITTEN = {
    "plain": "k: ab xy\n",
    "plain, over two lines": "k: ab\n   xy\n",
    "after a comment": "# first\n\nk:   ab xy # last\n",
    "single quotes": "k: 'ab xy'\n",
    "double quotes": 'k: "ab xy"\n',
    "double quotes, over lines": 'k: "ab\n\n  xy"\n',
    "double quotes, a line that goes on": 'k: "ab \\\n  xy"\n',
    "double quotes, a space escaped": 'k: "ab\\nxy"\n',
    "folded": "k: >-\n  ab\n  xy\n",
    "folded, with a comment behind the sign": "k: > # why\n    ab\n\n    xy\n\n",
    "literal": "k: |\n  ab\n\n  xy\n",
    "literal, indented more": "k: |2-\n    ab\n      xy",
    "in a flow": "{k: ab xy, b: 1}\n",
    "behind a marker": "---\n---\nk: ab xy\n",
    "behind another document": "a: 1\n---\nk: >-\n  ab\n  xy\n",
}


@pytest.mark.parametrize("text", WRITTEN.values(), ids=list(WRITTEN))
def test_each_character_has_its_place(text: str) -> None:
    lines = text.split("\n")
    documents = read_documents(text, lambda *_: None)
    document = documents[-1]
    assert isinstance(document, Mapping)
    scalar = document.entries["k"]
    assert isinstance(scalar, Scalar)

    for char in "abxy":
        line, col, is_exact = place_in(scalar, scalar.text.index(char))
        assert is_exact
        assert lines[line - 1][col - 1] == char, (line, col)


@pytest.mark.parametrize("text", WRITTEN.values(), ids=list(WRITTEN))
def test_the_end_is_behind_the_last_character(text: str) -> None:
    lines = text.split("\n")
    document = read_documents(text, lambda *_: None)[-1]
    assert isinstance(document, Mapping)
    scalar = document.entries["k"]
    assert isinstance(scalar, Scalar)

    line, col, is_exact = place_in(scalar, len(scalar.text))

    assert is_exact
    assert lines[line - 1][: col - 1].endswith("xy")


@pytest.mark.parametrize(
    "text", ["k: 'it''s a x'", 'k: "\\"\\u00e4\\U0001F600\\x41\\\\ x"', "k: ä😀 x", 'k: "\\/ x"']
)
def test_behind_what_is_escaped_too(text: str) -> None:
    scalar = scalar_in(text)

    assert place_in(scalar, scalar.text.index("x")) == (1, text.index(" x") + 2, True)


def test_a_scalar_without_its_source_has_one_place() -> None:
    assert place_in(Scalar(3, 7, "a b", "a b"), 2) == (3, 7, False)


@given(st.text(alphabet="ab'\"\\\t \nä😀", min_size=1).filter(str.strip))
def test_what_is_escaped_in_whichever_way_is_found(value: str) -> None:
    escaped = value.encode("unicode_escape").decode().replace('"', '\\"')
    scalar = scalar_in(f'k: "{escaped}"')
    assert scalar.value == value

    for index, char in enumerate(value):
        if not char.isspace():
            line, col, is_exact = place_in(scalar, index)
            written = char.encode("unicode_escape").decode().replace('"', '\\"')
            assert (line, is_exact) == (1, True)
            assert f'k: "{escaped}"'[col - 1 :].startswith(written)


def test_a_text_that_is_not_found_in_the_file_is_told_with_its_column() -> None:
    scalar = Scalar(1, 1, "a b", "a b", "a c")

    assert place_in(scalar, 2) == (1, 1, False)


def test_problems_of_an_expression_stand_at_their_place() -> None:
    text = """\
        trigger: t
        when: {event: a}
        if: >-
          event_data.total > 50
          && event_dat.country == "DE"

          && profil.tier == "gold"
    """

    assert [problem.partition(" ")[0] for problem in problems_of(text)] == ["5:6:", "7:6:"]
