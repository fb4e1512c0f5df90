"""Rule 40, worked by hand: the reference and the engine must both agree."""

from __future__ import annotations

from typing import Any

import pytest

from tests.reference.stories import (
    DECIDE,
    Decide,
    Json,
    attribute,
    log,
    ms,
    segment,
    tell,
    trigger,
)

pytestmark = pytest.mark.parametrize("decide", DECIDE.values(), ids=DECIDE.keys())

NONE = object()
"""No event at all."""
LONG = "x" * 300
UMLAUT = "\N{LATIN SMALL LETTER U WITH DIAERESIS}"
SHOWN: list[Any] = [NONE, None, "x", "y", ["x"], LONG]

OF_PROFILE = "{changed: profile.v}"
OF_EVENTS = "{changed: event_data.v, on: identify}"


def shown(*values: Any) -> list[Json]:
    """An `identify` with each value, a second after the other."""
    events: list[Json] = [
        {**event, "event_type": "identify", "event_data": {"v": value}}
        for event, value in zip(
            log(" ".join(f"i@{n}" for n in range(len(values)))), values, strict=True
        )
    ]
    return [event for event in events if event["event_data"]["v"] is not NONE]


@pytest.mark.parametrize("when", [OF_PROFILE, OF_EVENTS])
@pytest.mark.parametrize("old", SHOWN)
@pytest.mark.parametrize("new", SHOWN)
def test_a_change_is_from_one_value_to_another(
    decide: Decide, when: str, old: Any, new: Any
) -> None:
    """Null, lists and texts over 256 bytes are no values, and the first value is no change: so
    only x and y, one after the other, make one."""
    is_change = (old, new) in [("x", "y"), ("y", "x")]

    assert len(decide([trigger(when)], shown(old, new))) == is_change


@pytest.mark.covers("I7")
@pytest.mark.parametrize(
    ("keys", "pair"),
    [
        ("from: x", ("x", "y")),
        ("from: y", ("y", "x")),
        ("to: x", ("y", "x")),
        ("to: y", ("x", "y")),
        ("up: [x, y]", ("x", "y")),
        ("down: [x, y]", ("y", "x")),
        ("from: z", None),
        ("to: z", None),
        ("up: [x, z]", None),
        ("down: [z, y]", None),
    ],
)
@pytest.mark.parametrize("path", ["profile.v", "event_data.v, on: identify"])
def test_keys_let_no_change_happen_that_is_none(
    decide: Decide, path: str, keys: str, pair: tuple[Any, Any] | None
) -> None:
    """Of all that may be shown before and then, at most one pair is asked for."""
    asked = trigger(f"{{changed: {path}, {keys}}}")

    found = [(old, new) for old in SHOWN for new in SHOWN if decide([asked], shown(old, new))]

    assert found == ([] if pair is None else [pair])


@pytest.mark.parametrize("when", [OF_PROFILE, OF_EVENTS])
@pytest.mark.parametrize(
    ("values", "at"),
    [
        pytest.param([1, 1.0, True, "1"], "@2 @3", id="typed (26)"),
        pytest.param(["x", None, "y"], "@2", id="null between is none"),
        pytest.param(["x", LONG, "x"], "", id="back again is none"),
        pytest.param(["x", "y", "x"], "@1 @2", id="there and back are two"),
        pytest.param(["x", "y" * 256], "@1", id="256 bytes are a value"),
        pytest.param(["x", "y" * 257, "y" * 254 + UMLAUT], "@2", id="257 are none"),
        pytest.param(["x", "y" * 255 + UMLAUT], "", id="in fewer letters"),
    ],
)
def test_what_differs(decide: Decide, when: str, values: list[Any], at: str) -> None:
    told = tell(decide([trigger(when)], shown(*values)))

    assert " ".join(f"@{each.split('@')[1]}" for each in told.split()) == at


@pytest.mark.parametrize(
    ("keys", "pairs"),
    [
        ("from: a", "ab ac"),
        ("to: b", "ab cb"),
        ("from: [a, b]", "ab ac ba bc"),
        ("to: [a, b]", "ab ba ca cb"),
        ("from: a, to: b", "ab"),
        ("up: [a, b]", "ab"),
        ("down: [a, b]", "ba"),
        ("up: [a, b, c]", "ab ac bc"),
        ("down: [a, b, c]", "ba ca cb"),
        ("up: [a, b, c], to: c", "ac bc"),
    ],
)
def test_keys(decide: Decide, keys: str, pairs: str) -> None:
    changes = [a + b for a in "abc" for b in "abc"]

    found = [
        pair
        for pair in changes
        if decide([trigger("{changed: profile.v, " + keys + "}")], shown(*pair))
    ]

    assert " ".join(found) == pairs


@pytest.mark.parametrize(
    ("values", "within", "changes"),
    [
        # x is seen at 0, and y at 1: x was last seen a second before.
        pytest.param(["x", "y"], "1s", 0, id="exactly within"),
        pytest.param(["x", "y"], "1001ms", 1, id="just within"),
        pytest.param(["x", "x", "y"], "1001ms", 1, id="seen again a second before"),
        # The attribute that is looked at is still x at 1, where the event says nothing.
        pytest.param(["x", None, "y"], "1001ms", 1, id="an event without a value leaves it"),
    ],
)
def test_within(decide: Decide, values: list[Any], within: str, changes: int) -> None:
    when = "{changed: event_data.v, on: identify, within: " + within + "}"

    assert len(decide([trigger(when)], shown(*values))) == changes


def test_an_attribute_that_goes_by_itself_is_a_change_at_that_time(decide: Decide) -> None:
    """At 10 the a of 0 leaves, so 1 is 0; the first value, 1, was no change."""
    documents = [attribute("v", "count: a\nwithin: 10s"), trigger("{changed: profile.v}")]

    assert tell(decide(documents, log("a@0 b@5"), until=ms(60))) == "$changed:v@10"


def test_a_change_comes_before_the_edges_of_segments(decide: Decide) -> None:
    """(34) Both are made by a@5, and both are heard of behind the triggers on it."""
    documents = [
        attribute("v", "count: a"),
        segment("s", "is: {profile.v: {greater_than: 1}}"),
        trigger("{entered: s}", "a"),
        trigger("{changed: profile.v}", "b"),
        trigger("{event: a}", "c", priority="low"),
    ]

    assert tell(decide(documents, log("a@0 a@5"))) == "0@0 +s@5 1@5 $changed:v@5 $entered:s@5"


def test_a_late_identify_is_remembered_and_tells_nothing(decide: Decide) -> None:
    """x at 0; y is late; then y once more is no other value, and x is."""
    events = shown("x", "y", "y", "x")
    for event, at in zip(events, (100, 10, 101, 102), strict=True):
        event["timestamp"] = ms(at)

    assert tell(decide([trigger(OF_PROFILE)], events)) == "$changed:v@102"


@pytest.mark.parametrize(
    ("on", "name"),
    [
        ("", "event_data.k"),
        (", on: a", "event_data.k~dbea35bc7f217521"),
        (
            ", on: {where: {event_data.k: {exists: true}}, event: a}",
            "event_data.k~c4fb499d59f366f4",
        ),
    ],
)
def test_a_change_in_events_is_called_by_its_path(decide: Decide, on: str, name: str) -> None:
    """(32, 40) With `on`, a hash of that behind it."""
    where = f"{{event_data.attribute: {{equals: '{name}'}}}}"
    heard = trigger(f"{{changed: event_data.k{on}, where: {where}}}")

    lines = decide([heard], log("a@0/x a@5/y"), policy={"activity": ["a"]})

    assert tell(lines) == f"$changed:{name}@5"


@pytest.mark.parametrize(
    ("path", "told"), [("session_id", "$changed:session_id~@5"), ("profile.session_id", "")]
)
def test_a_field_of_events_is_no_value_of_the_profile_of_that_name(
    decide: Decide, path: str, told: str
) -> None:
    events = [{**event, "session_id": event["event_id"]} for event in log("a@0 a@5")]

    lines = decide([trigger(f"{{changed: {path}}}")], events, policy={"activity": ["a"]})

    assert tell(lines) == told
