"""Where Google's evaluator of CEL gives a value, ours gives the same; where it errs, we err.

Which version answered, the corpus says itself; ``make_corpus.py`` asks it again.
"""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.core.expressions import corpus


def _as_text(answer: object) -> str:
    """Return *answer* to be compared: to Python, 1.0 and true and -0.0 and 0.0 are the same."""
    return json.dumps(answer, sort_keys=True)


@pytest.mark.covers("B17")
def test_every_case_has_the_answer_of_the_official_evaluator() -> None:
    differing = [
        (text, data, answer, ours)
        for text, data, answer in corpus.cases()
        if _as_text(ours := corpus.answer_of(text, data)) != _as_text(answer)
    ]

    assert differing == []


def test_the_cases_are_thousands_and_of_each_word() -> None:
    words = (
        *(".exists(", ".all(", ".exists_one(", "has(", "size(", ".contains(", ".startsWith("),
        *(".endsWith(", ".matches(", " in ", " && ", " || ", " ? ", " == ", " != ", " < ", " <= "),
        *(" > ", " >= ", " + ", " - ", " * ", " / ", "!", "(-", "['", '["', "null", "true"),
    )
    with_a_value = Counter[str]()
    errors = 0
    for text, _, answer in corpus.cases():
        if answer == corpus.ERROR:
            errors += 1
        else:
            with_a_value.update(word for word in words if word in text)

    assert corpus.head()["by"].startswith("cel-expr-python ")
    assert errors > 1_000
    assert {word: number for word in words if (number := with_a_value[word]) < 40} == {}
