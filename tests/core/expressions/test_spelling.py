"""One spelling of all texts that differ in spaces, quotes and the writing of numbers only."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.expressions import corpus
from triggerstream.core.expressions.tokens import Token, spell, tokenize


def _refuse(at: int, message: str) -> None:
    raise AssertionError(f"{at}: {message}")


def spelled(text: str) -> str:
    return spell(tokenize(text, _refuse))


def said(tokens: list[Token]) -> list[tuple[str, object]]:
    return [(token.kind, token.value) for token in tokens]


@pytest.mark.parametrize(
    ("text", "one"),
    [
        ("event_data.total>50.0&&source=='web'", 'event_data.total > 50 && source == "web"'),
        (" event_data . total\n  >5e1 ", "event_data.total > 50"),
        ("!( a.b ( 1 , 2 ) [ 0 ] )", "!(a.b(1, 2)[0])"),
        ("a in [ 1,'x' ]", 'a in [1, "x"]'),
        ("(a)in(b)", "(a) in (b)"),
        ("-a - -1", "- a - - 1"),
        ("a?b:c", "a ? b : c"),
        (
            "r'\\d' == '\\\\d' && \"\\t'\\u00e4\" != 'a\"b'",
            '"\\\\d" == "\\\\d" && "\\t\'ä" != "a\\"b"',
        ),
        (".5 < 0.50", "0.5 < 0.5"),
        (
            "1e15 1000000000000000.0 123456789012345 1e-7",
            "1000000000000000.0 1000000000000000.0 123456789012345 1e-07",
        ),
        ("a [0]", "a[0]"),
        ("a && [0] == b", "a && [0] == b"),
        ("x ? [1] : (2)", "x ? [1] : (2)"),
    ],
)
def test_the_spelling(text: str, one: str) -> None:
    assert spelled(text) == one


def test_a_spelling_says_the_same_and_is_its_own() -> None:
    for text, _, _ in corpus.cases():
        one = spelled(text)

        assert said(tokenize(one, _refuse)) == said(tokenize(text, _refuse))
        assert spelled(one) == one


@given(st.floats(min_value=0, allow_nan=False, allow_infinity=False), st.text())
def test_so_it_does_of_any_number_and_any_text(number: float, word: str) -> None:
    tokens = [Token("number", number, 0, 0), Token("text", word, 0, 0), Token("end", "", 0, 0)]

    assert said(tokenize(spell(tokens), _refuse)) == said(tokens)
