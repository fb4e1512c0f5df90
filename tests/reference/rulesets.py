"""Random rulesets of the language: triggers, attributes and segments that hear of one another.

A document hears only of those that were made before it, so there are no rings; names are drawn, so
that their order is not the order of hearing. Times are on the grid of minutes of `strategies`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.reference.stories import Json
from tests.reference.strategies import (
    KEYS,
    MINUTE,
    PATH,
    WHERE,
    Draw,
    Sequel,
    minutes,
    patterns,
    text,
    triggers,
)

ATTRIBUTES = ("count", "sum", "first", "last")
MORE_ATTRIBUTES = (*ATTRIBUTES, "top", "points", "case", "expr")
STEP_1 = frozenset({"fired", "condition", *ATTRIBUTES})
TREND = frozenset({"fired", "trend"})
SESSIONS = STEP_1 | {"segment", "session"}
STEP_2 = STEP_1 | {"segment", "changed", "score", "top", "points", "case"}
NUMBERS = STEP_2 | {"expr", "value"}
NAMES = ("g", "h", "i", "m", "o", "p", "q", "v", "w", "y")
TYPES = "aaabbc"

NUMBER_TESTS: list[Json] = [
    {"greater_than": 1},
    {"greater_than_or_equal": 2},
    {"less_than": 2},
    {"less_than_or_equal": 1},
    {"equals": 0},
    {"equals": 2},
    {"between": [1, 3]},
]
VALUE_TESTS: list[Json] = [
    {"equals": 1},
    {"exists": True},
    {"exists": False},
    {"in_list": [1, "x", 2]},
    {"greater_than": 0},
]
SCORE_TESTS: list[Json] = [
    {"greater_than": 0.5},
    {"less_than": 0.5},
    {"less_than": 0.3},
    {"greater_than_or_equal": 0.25},
    {"equals": 0.25},
    {"between": [0.25, 1]},
]
SESSION_TESTS: list[Json] = [
    {"profile.session.depth": {"greater_than": 1}},
    {"profile.session.seconds": {"less_than": 120}},
    {"profile.session": {"exists": False}},
]
CASE_TESTS: list[Json] = [{"equals": "x"}, {"equals": 1}, {"exists": False}]
CHANGES: list[Json] = [
    {},
    {},
    {"from": 1},
    {"to": [1, 2]},
    {"from": 0, "to": 1},
    {"up": [0, 1, 2]},
    {"down": [0, 1, 2]},
]


TRUTHS = [
    "profile.{x} > 1",
    "!(profile.{x} > 1)",
    "profile.{x} == 1 || profile.{y} == 2",
    "has(profile.{x}) && profile.{x} != null",
    "profile.{x} >= profile.{y}",
    'profile.{x} == "x" ? true : profile.{y} > 0.5',
    "profile.{x} in [1, 2, profile.{y}]",
]
WORTHS = [
    "profile.{x} + profile.{y}",
    "profile.{x} - 1",
    "profile.{x} / profile.{y}",
    'profile.{x} > 1 ? "x" : profile.{y}',
    "profile.{x} == profile.{y}",
    "[profile.{x}]",
]
CASES = ["0", "1", "2", "x", "gold", "true"]


class Made:
    """What was drawn so far, and what may be drawn: heads of attributes and of happenings."""

    def __init__(self, allowed: Iterable[str]) -> None:
        self.allowed = frozenset(allowed)
        self.triggers: list[str] = []
        self.attributes: dict[str, str] = {}
        self.segments: list[str] = []
        self.values: list[str] = []

    def may(self, *what: str) -> bool:
        return self.allowed.issuperset(what)


def perhaps_by(draw: Draw, made: Made, number: float) -> Any:
    """*number*, or a value or a table in its place (74), which comes to about as much."""
    if not made.may("value") or draw(st.integers(0, 2)) == 0:
        return number
    if made.values and draw(st.booleans()):
        return {"value": draw(st.sampled_from(made.values))}
    return draw(tables(made, number))


@st.composite
def tables(draw: Draw, made: Made, number: float) -> Json:
    others = st.sampled_from([number, number, number + 1, number + 2])
    if made.segments and draw(st.booleans()):
        cases = draw(st.lists(st.sampled_from(made.segments), min_size=1, unique=True))
        return {"by": "segment", **{case: draw(others) for case in cases}, "default": number}
    subject = draw(st.sampled_from(["n", "n", "tier", *made.attributes]))
    cases = draw(st.lists(st.sampled_from(CASES), min_size=1, max_size=3, unique=True))
    return {
        "by": f"profile.{subject}",
        **{case: draw(others) for case in cases},
        "default": draw(others),
    }


@st.composite
def expressions(draw: Draw, made: Made, shapes: list[str]) -> str:
    names = st.sampled_from(["n", "n", *made.attributes, *made.attributes])
    return str(draw(st.sampled_from(shapes))).format(x=draw(names), y=draw(names))


@st.composite
def happenings(draw: Draw, made: Made) -> Any:
    """A type, or something derived that was made before."""
    derived: list[SearchStrategy[Any]] = []
    if made.triggers and made.may("fired"):
        derived.append(st.sampled_from(made.triggers).map(lambda name: {"fired": name}))
    if made.segments and made.may("segment"):
        name = st.sampled_from(made.segments)
        derived += [
            name.map(lambda name: {"entered": name}),
            name.map(lambda name: {"left": name}),
        ]
    if made.may("session"):
        derived += [st.sampled_from(["started", "ended"]).map(lambda edge: {"session": edge})] * 2
    if made.may("changed"):
        paths = ["profile.n", *(f"profile.{name}" for name in made.attributes)]
        change = st.tuples(st.sampled_from(paths), st.sampled_from(CHANGES))
        derived.append(change.map(lambda pair: {"changed": pair[0], **pair[1]}))
    if not derived or draw(st.integers(0, 2)) == 0:
        return draw(st.sampled_from(TYPES))
    return draw(st.one_of(*derived))


@st.composite
def simple(draw: Draw, made: Made) -> Json:
    """A pattern of a happening or two, that matches often."""
    one, other = draw(happenings(made)), draw(happenings(made))
    first, then = ({"event": each} if isinstance(each, str) else each for each in (one, other))
    window = {"within": text(draw(minutes(1, 6)))}
    absent = {"absent": draw(happenings(made)), "for": text(draw(minutes(1, 5)))}
    restart: Json = draw(st.sampled_from([{}, {"restart": "on_repeat"}]))
    shapes: list[Json] = [
        first,
        {"count": one, draw(st.sampled_from(["at_least", "exactly", "at_most"])): 1, **window},
        {
            "count": one,
            draw(st.sampled_from(["at_least", "more_than"])): perhaps_by(draw, made, 2),
            **window,
        },
        {"sequence": [first, then], **window},
        {"sequence": [first, {"absent": draw(st.sampled_from("bcd"))}, then]},
        {"sequence": [first, absent], **restart},
        {"sequence": [first, then, absent], **restart},
    ]
    if made.may("trend"):
        shapes += [draw(trends(one))] * 8
    if made.may("value"):
        trend = draw(trends(one))
        if "above" in trend:
            trend["above"] = perhaps_by(draw, made, trend["above"])
        shapes.append(trend)
    if first != then:
        shapes += [{"all": [first, then], **window}, {"any": [first, then]}]
    shape: Json = draw(st.sampled_from([first, *shapes]))
    return shape


@st.composite
def trends(draw: Draw, happening: Any) -> Json:
    """Buckets of one minute, or of half a minute."""
    recent, baseline = draw(st.sampled_from([("8m", "8m"), ("8m", "11m"), ("4m", "5m")]))
    factor = draw(st.sampled_from([{"below": 0.5}, {"below": 1}, {"above": 1}, {"above": 1.5}]))
    return {
        "trend": happening,
        **factor,
        "recent": recent,
        "baseline": baseline,
        "min": draw(st.integers(1, 3)),
    }


def hearing(draw: Draw, when: Any, made: Made) -> Any:
    """*when* with some of its types replaced by what was made before."""
    if isinstance(when, list):
        heard = [hearing(draw, each, made) for each in when]
        said = [json.dumps(each, sort_keys=True) for each in heard]
        return heard if len(set(said)) == len(said) else when
    if not isinstance(when, dict):
        return when
    if "sequence" in when:
        return {**when, "sequence": [hearing(draw, step, made) for step in when["sequence"]]}
    for kind in ("event", "absent", "count"):
        if kind in when and draw(st.booleans()):
            return _hearing(draw, when, kind, made)
    return {key: hearing(draw, value, made) for key, value in when.items()}


def _hearing(draw: Draw, when: Json, kind: str, made: Made) -> Json:
    """The step or pattern with another happening under *kind*."""
    happening = draw(happenings(made))
    if isinstance(happening, str):
        return {**when, kind: happening}
    rest = {key: value for key, value in when.items() if key not in (kind, "where")}
    if kind == "event":
        return when if rest.keys() & happening.keys() else {**happening, **rest}
    if kind == "absent" and draw(st.booleans()):
        happening = [draw(st.sampled_from("bcd")), happening]
    return {kind: happening, **rest}


@st.composite
def silent_logs(draw: Draw) -> list[Json]:
    """Of two customers, with silences long enough for windows, buckets and sessions to end; times
    lie on the grid, or a millisecond beside it."""
    random = draw(st.randoms(use_true_random=False))
    sequel = Sequel(random, strays=False, arrivals=False)
    for _ in range(draw(st.sampled_from([6, 12, 20, 30]))):
        if sequel.rarely(6):
            sequel.now += random.choice([3, 5, 9, 10, 16, 17, 20]) * MINUTE
        beside = random.choice([0, 0, 0, 0, -1, 1, MINUTE // 2, 7_500])
        sequel.now += beside if sequel.made else 0
        sequel.add(KEYS)
    return sequel.made


# ── conditions (53, 66) ─────────────────────────────────────────────────────────────────────


def plain_tests(made: Made) -> SearchStrategy[Json]:
    """Of what `identify` says, and of the open session."""
    plain: list[Json] = [{"profile.n": test} for test in VALUE_TESTS]
    return st.sampled_from(plain + (SESSION_TESTS * 3 if made.may("session") else []))


@st.composite
def tests(draw: Draw, made: Made) -> Json:
    """One test that a condition of a segment, a ``case`` or an ``if`` may have."""
    kinds = ["plain"]
    if made.may("condition"):
        kinds += ["count", "count", "since_last"]
    if made.attributes:
        kinds += ["attribute"] * 5
    if made.segments:
        kinds += ["segment"]
    if made.may("expr"):
        kinds += ["expr", "expr"]
    kind = draw(st.sampled_from(kinds))
    if kind == "plain":
        plain: Json = draw(plain_tests(made))
        return plain
    if kind == "expr":
        return {"expr": draw(expressions(made, TRUTHS))}
    if kind == "segment":
        return {"segment": draw(st.sampled_from(made.segments))}
    if kind == "attribute":
        name = draw(st.sampled_from(sorted(made.attributes)))
        choices: list[Json] = {
            "count": NUMBER_TESTS,
            "sum": NUMBER_TESTS,
            "points": SCORE_TESTS,
            "case": CASE_TESTS,
        }.get(made.attributes[name], VALUE_TESTS)
        test: Json = draw(st.sampled_from(choices))
        for operator in ("greater_than", "less_than", "less_than_or_equal"):
            if operator in test:
                test = {operator: perhaps_by(draw, made, test[operator])}
        return {f"profile.{name}": test}
    happening = draw(happenings(made))
    if kind == "since_last":
        asked = {"event": happening} if isinstance(happening, str) else happening
        if "changed" in asked:
            asked = {"changed": asked["changed"]}
        key = draw(st.sampled_from(["at_least", "less_than"]))
        return {"since_last": {**asked, key: text(draw(minutes(1, 5)))}}
    comparator = draw(st.sampled_from(["at_least", "more_than", "at_most", "exactly"]))
    aggregate = draw(st.sampled_from([{}, {}, {}, {"sum": PATH}, {"distinct": PATH}]))
    threshold = draw(st.integers(0 if comparator in ("at_most", "more_than") else 1, 3))
    within = {"within": text(draw(minutes(1, 6)))}
    asked_for = perhaps_by(draw, made, threshold)
    return {"count": happening, **aggregate, comparator: asked_for, **within}


@st.composite
def conditions(draw: Draw, made: Made) -> Json:
    """A test or two, now and then under ``not``, ``any`` or ``all``."""
    one: Any = draw(tests(made))
    if one.keys() == {"expr"} and draw(st.booleans()):
        one = one["expr"]
    match draw(st.sampled_from(["one", "one", "one", "not", "any", "all"])):
        case "not":
            return {"not": one}
        case "any":
            return {"any": [one, draw(tests(made))]}
        case "all":
            return {"all": [one, draw(tests(made))]}
    return {"expr": one} if isinstance(one, str) else one


# ── documents ───────────────────────────────────────────────────────────────────────────────


@st.composite
def attributes(draw: Draw, name: str, made: Made) -> Json:
    head = draw(st.sampled_from([each for each in MORE_ATTRIBUTES if made.may(each)]))
    document: Json = {"attribute": name}
    happening = draw(happenings(made))
    if isinstance(happening, str) and draw(st.integers(0, 4)) == 0:
        happening = {"event": happening, "where": draw(WHERE)}
    window = {"within": text(draw(minutes(1, 6)))}
    may_have_window = draw(st.sampled_from([{}, window]))
    if head == "count":
        distinct = {"distinct": PATH} if may_have_window and draw(st.booleans()) else {}
        document |= {"count": happening, **may_have_window, **distinct}
    elif head == "sum":
        minus = {"minus": draw(st.sampled_from("cd"))} if draw(st.integers(0, 3)) == 0 else {}
        document |= {"sum": PATH, "on": happening, **may_have_window, **minus}
    elif head == "first":
        document |= {"first": draw(st.sampled_from([PATH, "at"])), "on": happening}
    elif head == "last":
        path = draw(st.sampled_from([PATH, PATH, "at"]))
        document |= {"last": path, "on": happening, **may_have_window}
    elif head == "top":
        document |= {"top": PATH, "on": happening}
    elif head == "points":
        deltas = st.sampled_from([0.2, 0.5, 1, -0.3, -1])
        types = draw(st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True))
        document |= {
            "points": {type_: draw(deltas) for type_ in types},
            "half_life": text(draw(st.sampled_from([8, 32, 64]))),
        }
    elif head == "expr":
        document["expr"] = draw(expressions(made, [*WORTHS, *TRUTHS[:3]]))
    else:
        cases: list[Json] = [
            {"if": draw(conditions(made)), "then": draw(st.sampled_from(["x", 1, 2]))}
            for _ in range(draw(st.integers(1, 2)))
        ]
        document["case"] = [*cases, *draw(st.sampled_from([[], [{"then": 0}]]))]
    if head in ("count", "sum") and "within" not in document and draw(st.integers(0, 3)) == 0:
        document["start"] = draw(st.sampled_from([1, 2, "profile.n"]))
    made.attributes[name] = head
    return document


@st.composite
def segments(draw: Draw, name: str, made: Made) -> Json:
    document: Json = {"segment": name, "is": draw(conditions(made))}
    if draw(st.integers(0, 2)) == 0:
        document["leave"] = draw(conditions(made))
    made.segments.append(name)
    return document


@st.composite
def scores(draw: Draw) -> Json:
    path = draw(st.sampled_from(["profile.n", "m"]))
    stale = {"stale": text(draw(minutes(2, 6)))} if path == "m" else {}
    score: Json = draw(
        st.sampled_from(
            [
                {"score": path, "above": 1, **stale},
                {"score": path, "above": 1, "back": 0, **stale},
                {"score": path, "above": 0, "up_to": 1, **stale},
                {"score": path, "below": 1, **stale},
                {"score": path, "below": 1, "back": 2, **stale},
            ]
        )
    )
    return score


@st.composite
def heard_triggers(draw: Draw, name: str, made: Made) -> Json:
    trigger: Json = {"trigger": name, "when": draw(simple(made))}
    if draw(st.integers(0, 3)) == 0:
        trigger = draw(triggers(patterns(2), name))
        trigger["when"] = hearing(draw, trigger["when"], made)
    if made.may("score") and draw(st.integers(0, 7)) == 0:
        trigger["when"] = draw(scores())
    if draw(st.integers(0, 3)) == 0:
        trigger["if"] = draw(conditions(made))
    if draw(st.integers(0, 7)) == 0:
        trigger["mode"] = "shadow"
    made.triggers.append(name)
    return trigger


@st.composite
def probes(draw: Draw, name: str, made: Made) -> Json:
    """A trigger that asks something at every event, or some time after one: each of its lines says
    what the condition made of what is known by then."""
    when: Json = draw(
        st.sampled_from(
            [
                {"event": [*"abcd"]},
                {"event": [*"abcd"]},
                {"sequence": [{"event": "a"}, {"absent": "z", "for": "2m"}]},
            ]
        )
    )
    return {"trigger": name, "when": when, "if": draw(conditions(made))}


@st.composite
def rulesets(draw: Draw, allowed: Iterable[str] = NUMBERS, most: int = 4) -> list[Json]:
    """Some documents, and two probes."""
    made = Made(allowed)
    names = draw(st.permutations(NAMES))
    documents: list[Json] = []
    kinds = ["trigger", "trigger"]
    if made.allowed & {*MORE_ATTRIBUTES}:
        kinds += ["attribute", "attribute", "attribute"]
    if made.may("segment"):
        kinds += ["segment", "segment", "segment"]
    if made.may("value"):
        documents.append({"value": "b", "number": draw(st.integers(1, 2))})
        documents.append({"value": "c", **draw(tables(made, 1))})
        made.values += ["b", "c"]
    for name in names[: draw(st.integers(1, most))]:
        match draw(st.sampled_from(kinds)):
            case "attribute":
                documents.append(draw(attributes(name, made)))
            case "segment":
                documents.append(draw(segments(name, made)))
            case _:
                documents.append(draw(heard_triggers(name, made)))
    documents.append(draw(heard_triggers("r", made)))
    if made.may("condition"):
        documents += [draw(probes("x", made)), draw(probes("z", made))]
    return documents
