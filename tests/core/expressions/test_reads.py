"""What an expression reads, and what it makes sure of."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.expressions import corpus
from tests.core.expressions.evaluating import tree_of
from triggerstream.core.conditions.expressions import demanded_by
from triggerstream.core.expressions.reads import reads

D = "event_data"


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        ("event_data.total > 50", [(0, "event_data.total")]),
        ("5 < event_data.a.total && source == 'x'", [(4, "event_data.a.total"), (26, "source")]),
        ('event_data["cart"].total == 1', [(0, "event_data.cart.total")]),
        ('event_data["a.b"].c == 1', [(0, "event_data")]),
        ('event_data[""] == 1', [(0, "event_data")]),
        ("event_data.items[0].price > 5", [(0, "event_data.items.[].price")]),
        (
            "event_data.l.exists(i, i.x > profile.y)",
            [(0, "event_data.l"), (23, "event_data.l.[].x"), (29, "profile.y")],
        ),
        ("[event_data].all(i, i.x > 1 && has(i.y))", [(1, "event_data")]),
        ("event_data[profile.key] == 1", [(0, "event_data"), (11, "profile.key")]),
        ("has(event_data.a.b) || has(profile.x)", [(4, "event_data.a.b"), (27, "profile.x")]),
        ('"k" in event_data', [(7, "event_data")]),
        ("(event_data.x) == -event_data.x", [(1, "event_data.x"), (19, "event_data.x")]),
        (
            "event_data.l.all(i, i.k.exists(j, j == i.x) && has(i.y))",
            [
                (0, "event_data.l"),
                (20, "event_data.l.[].k"),
                (39, "event_data.l.[].x"),
                (51, "event_data.l.[].y"),
            ],
        ),
        ("true", []),
    ],
)  # fmt: skip
def test_the_paths_that_are_read_with_their_places(text: str, paths: list[tuple[int, str]]) -> None:
    assert reads(tree_of(text)) == paths


@pytest.mark.parametrize(
    ("text", "sure"),
    [
        ("event_data.x > 5", "x"),
        ("event_data.x.y > 5", "x x.y"),
        ("event_data.x == 5", "x"),
        ("event_data.x == null", ""),
        ("event_data.x != null", "x"),
        ("event_data.x != 5", ""),
        ("event_data.x.y != 5", "x"),
        ("event_data.x == event_data.y", ""),
        ("!(event_data.x == null)", "x"),
        ("!(event_data.x != 5)", "x"),
        ("!(event_data.x > 5)", "x"),
        ("has(event_data.x)", ""),
        ("has(event_data.x.y)", "x"),
        ("!has(event_data.x.y)", "x"),
        ("event_data.x > 5 && event_data.y > 5", "x y"),
        ("event_data.x > 5 || event_data.y > 5", ""),
        ("event_data.x > 5 || event_data.x < 1", "x"),
        ("!(event_data.x > 5 || event_data.y > 5)", "x y"),
        ("!(event_data.x > 5 && event_data.y > 5)", ""),
        ("event_data.x", "x"),
        ("!event_data.x", "x"),
        ("event_data.x in [1, 2]", ""),
        ("1 in event_data.x", "x"),
        ("event_data.x.contains('a')", "x"),
        ("size(event_data.x) > 1", "x"),
        ("event_data.x + event_data.y > 1", "x y"),
        ("event_data.x[0] > 1", "x"),
        ("event_data[event_data.x] > 1", "x"),
        ("event_data.x.exists(i, i > event_data.y)", "x"),
        ("event_data.x > 1 ? event_data.y > 1 : event_data.y < 1", "x y"),
        ("event_data.x > 1 ? event_data.y > 1 : true", "x"),
        ("(event_data.x == 1) == true", ""),
        ("(event_data.x > 1) == true", "x"),
        ("(event_data.x > 1 && event_data.y > 1) == true", ""),
        ("size(event_data) == 0", None),
        ("true", None),
    ],
)
def test_what_is_there_wherever_it_holds(text: str, sure: str | None) -> None:
    found = {f"{D}.{path}" for path in (sure or "").split()}

    assert demanded_by(text, holds=True) == (found | {D} if found else set())


def test_where_it_does_not_hold_nothing_is_sure_for_it_may_have_erred() -> None:
    assert demanded_by("!has(event_data.x.y)", holds=False) == set()


def test_it_is_there_in_all_data_of_which_a_thousand_hold() -> None:
    asked = 0
    for text, data, answer in corpus.cases():
        if answer is True:
            for path in demanded_by(text, holds=True) - {D}:
                asked += 1
                assert _walk(data, path.split(".")[1:]) is not None, (text, path)

    assert asked > 500


def _walk(value: Any, keys: list[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
