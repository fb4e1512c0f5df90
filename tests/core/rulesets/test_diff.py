"""What a new ruleset changes against the one in force."""

from __future__ import annotations

import pytest

from triggerstream.core.rulesets.diff import Change, Effect, diff, tell
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset

CART = "{trigger: cart, when: {sequence: [{event: add}, {absent: buy, for: 1h}]}%s}"


def ruleset(*triggers: str, **files: str) -> Ruleset:
    return load_ruleset({"t.yaml": "\n---\n".join(triggers), **files})


def changed(before: str, after: str) -> list[str]:
    """Return what is told of one trigger that becomes another."""
    return tell(diff(ruleset(before), ruleset(after)))


def test_everything_is_new_where_nothing_is_in_force() -> None:
    difference = diff(None, ruleset(CART % ""))

    assert tell(difference) == ["+ trigger cart"]
    assert not difference.is_same


def test_the_same_content_is_the_same() -> None:
    difference = diff(ruleset(CART % ""), ruleset(CART % ""))

    assert (tell(difference), difference.is_same) == ([], True)


def test_a_comment_changes_the_content_and_nothing_else() -> None:
    difference = diff(ruleset(CART % ""), ruleset(f"# soon\n{CART % ''}"))

    assert (difference.triggers, difference.is_same) == ((), False)


@pytest.mark.parametrize(
    ("rest", "parts"),
    [
        (", name: Cart", "name"),
        (", type: lifecycle, priority: high", "type and priority"),
        (", mode: shadow", "mode"),
        (", if: {profile.x: {equals: 1}}", "if"),
        (", limits: {cooldown: 1h}", "limits"),
        (", then: [{log: {}}], until: buy, name: x", "name, then and until"),
    ],
)
def test_all_but_the_pattern_may_change_without_loss(rest: str, parts: str) -> None:
    assert changed(CART % "", CART % rest) == [
        f"~ trigger cart: {parts} changed; it keeps its progress"
    ]


@pytest.mark.parametrize(
    "after",
    [
        (CART % "").replace("1h", "2h"),
        (CART % "").replace("buy", "[buy, order]"),
        (CART % "").replace("1h}]", "1h}], per: event_data.x"),
        (CART % "").replace("1h}]", "2h}], per: event_data.x"),
    ],
)
def test_another_pattern_starts_anew(after: str) -> None:
    assert changed(CART % "", after) == [
        "~ trigger cart: when changed; it starts anew: progress and open waits are lost"
    ]


def test_one_is_not_true() -> None:
    where = "{trigger: t, when: {event: a, where: {event_data.x: {equals: %s}}}}"

    (change,) = diff(ruleset(where % "1"), ruleset(where % "true")).triggers

    assert change == Change("t", Effect.RESTARTS, ("when",))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (
            "",
            ", mode: off",
            (
                "~ trigger cart: mode changed; it is switched off: progress and open waits are "
                "lost, and what is not sent yet ends trigger_off"
            ),
        ),
        (
            ", mode: off",
            "",
            "~ trigger cart: mode changed; it is switched on, and starts anew",
        ),
        (", mode: off", ", mode: off, name: x", "~ trigger cart: name changed; it is off"),
    ],
)
def test_what_is_off_has_no_progress(before: str, after: str, told: str) -> None:
    assert changed(CART % before, CART % after) == [told]


def test_what_is_gone_is_told_with_what_is_lost() -> None:
    assert changed(CART % "", "{trigger: other, when: {event: a}}") == [
        (
            "- trigger cart: progress and open waits are lost, and what is not sent yet ends "
            "trigger_off"
        ),
        "+ trigger other",
    ]


def test_policy_and_templates_are_compared_by_what_they_say() -> None:
    before = ruleset(
        CART % "",
        **{
            "policy.yaml": "expiry: 1d",
            "templates/gone/text.liquid": "",
            "templates/hello/text.liquid": "Hello",
            "templates/same/text.liquid": "",
        },
    )
    after = ruleset(
        CART % "",
        **{
            "policy.yaml": "expiry: 24h\ncaps: []\nmax_skew: 1m",
            "templates/hello/text.liquid": "Hello!",
            "templates/new/text.liquid": "",
            "templates/same/text.liquid": "",
        },
    )

    assert tell(diff(before, after)) == [
        "~ policy: max_skew and caps",
        "- template gone",
        "~ template hello",
        "+ template new",
    ]


def test_what_is_asked_of_events_is_told_by_schema_and_key() -> None:
    before = ruleset(
        CART % "",
        **{"schemas.yaml": "unknown: flag", "schemas/add.json": "true", "schemas/buy.json": "{}"},
    )
    after = ruleset(
        CART % "",
        **{
            "schemas.yaml": "{types: {buy: {sources: server}}}",
            "schemas/add.json": '{"minimum": 1}',
            "schemas/out.json": "true",
        },
    )

    assert tell(diff(before, after)) == [
        "~ schema add",
        "- schema buy",
        "+ schema out",
        "~ schemas: unknown and types",
    ]
    assert tell(diff(ruleset(CART % ""), before))[-1] == "~ schemas: unknown"


# ── what is derived ─────────────────────────────────────────────────────────────────────────

ORDERS = "{attribute: orders, count: buy}"
FANS = "{segment: fans, is: {profile.orders: {greater_than: 3}}}"
ANEW = "it begins anew: what it has folded is lost"
ASKED = "it is asked anew, and who is inside"
ALONE = "{segment: fans, is: {profile.tier: {equals: gold}}%s}"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param(
            [],
            [ORDERS, FANS],
            [
                "+ attribute orders: it is folded from now on",
                "+ segment fans: who is inside is not told",
            ],
            id="both are new",
        ),
        pytest.param(
            [ORDERS, FANS],
            [],
            [
                "- attribute orders: what it has folded is lost",
                "- segment fans: its members leave untold",
            ],
            id="both are gone",
        ),
        pytest.param([ORDERS, FANS], [FANS, ORDERS], [], id="in another order"),
        pytest.param(
            [ORDERS],
            [ORDERS.replace("orders", "sales")],
            [
                "- attribute orders: sales goes on with what it has folded",
                "+ attribute sales: it goes on with what orders has folded",
            ],
            id="another name",
        ),
        pytest.param(
            [ORDERS, FANS],
            [ORDERS.replace("buy", "pay, within: 3d"), FANS],
            [
                f"~ attribute orders: on and within changed; {ANEW}",
                f"~ segment fans: what it reads changed; {ASKED} is not told",
            ],
            id="another attribute, and what reads it",
        ),
        pytest.param(
            [ALONE % ""],
            [(ALONE % ", existing: tell").replace("gold", "silver")],
            [
                f"~ segment fans: is and existing changed; {ASKED} enters",
            ],
            id="another segment",
        ),
        pytest.param(
            [ALONE % ""],
            [ALONE % ", existing: tell"],
            ["~ segment fans: existing changed; it keeps its members"],
            id="another word for those whom a deploy finds",
        ),
        pytest.param(
            [],
            ["{trigger: t, when: {score: churn, above: 0.5}}"],
            ["+ trigger t"],
            id="a segment that a pattern stands for",
        ),
    ],
)
def test_what_is_derived_is_told_beside_the_triggers(
    before: list[str], after: list[str], told: list[str]
) -> None:
    assert tell(diff(ruleset(CART % "", *before), ruleset(CART % "", *after))) == told


def test_what_an_if_newly_asks_for_is_counted_from_now_on() -> None:
    asks = ", if: {count: buy, at_most: 2, within: 30d}"
    begins = "it keeps its progress, and what its 'if' asks for is counted from now on"

    assert changed(CART % "", CART % asks) == [f"~ trigger cart: if changed; {begins}"]
    assert changed(CART % asks, CART % asks.replace("2", "3")) == [
        "~ trigger cart: if changed; it keeps its progress"
    ]
