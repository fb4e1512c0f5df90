"""Triggers beside events: what these never hold is told at its place."""

from __future__ import annotations

import gzip
from pathlib import Path
from textwrap import dedent
from typing import Any

import orjson
import pytest

from triggerstream.authoring import observed as observing
from triggerstream.authoring.files import read_files
from triggerstream.authoring.lint import lint
from triggerstream.authoring.observed import Observed, observe
from triggerstream.core.parsing.directory import parse_ruleset

SHOP = Path(__file__).parents[2] / "examples" / "shop"


def event(event_type: str, **fields: Any) -> bytes:
    body = {"customer_id": "c1", "event_type": event_type, "timestamp": 1_767_225_600_000}
    return orjson.dumps(body | fields)


SEEN = observe(
    [
        event("purchase", event_data={"total": "409.94", "cart": {"id": 7}}, source="web"),
        event("purchase", event_data={"total": "1,234.50", "note": None}),
        event("add_to_cart", event_data={"cart": {"id": "7"}, "items": [{"price": 5}]}),
        event("identify", event_data={"tier": "gold"}),
        b"nonsense",
        b"",
    ]
)


def warned(text: str, seen: Observed = SEEN) -> list[str]:
    """Return the warnings about *text*, which has no problem: ``line:col [code] message``."""
    text = dedent(text)
    parse_ruleset({"t.yaml": text})
    return [
        f"{each.problem.line}:{each.problem.col} [{each.code}] {each.problem.message}"
        for each in lint("t.yaml", text, seen)
    ]


def test_what_the_events_hold_is_not_warned_of() -> None:
    assert (
        warned("""
        trigger: t
        when:
          sequence:
            - event: [purchase, add_to_cart]
              where: {event_data.cart.id: {exists: true}, source: {equals: web}}
            - absent: identify
              for: 1h
          per: event_data.cart.id
        if:
          profile.tier: {equals: gold}
          any: [{event_data.total: {equals: 1}}, {not: {event_type: {equals: purchase}}}]
          time_of_day: {from: "08:00", to: "20:00"}
        until: purchase
        """)
        == []
    )


@pytest.mark.covers("E8")
@pytest.mark.parametrize(
    ("when", "place"),
    [
        ("{event: purchse}", "2:15 [unknown_type] event"),
        ("{event: [purchase, purchse]}", "2:26 [unknown_type] event"),
        ("{count: purchse, at_least: 2}", "2:15 [unknown_type] count"),
        ("{count: {event: purchse}, at_least: 2}", "2:23 [unknown_type] count"),
        ("{all: [{event: purchase}, {any: [{event: purchse}]}]}", "2:48 [unknown_type] event"),
        (
            "{sequence: [{event: purchase}, {absent: purchse, for: 1h}]}",
            "2:47 [unknown_type] absent",
        ),
        ("{event: purchase}\nuntil: {event: purchse}", "3:16 [unknown_type] until"),
    ],
)
def test_a_type_that_never_comes_is_told_wherever_it_stands(when: str, place: str) -> None:
    (one,) = warned(f"trigger: t\nwhen: {when}")

    assert one == (
        f"{place}: a type that the events have; found 'purchse' in none of 4: did you mean "
        "'purchase'?"
    )


@pytest.mark.parametrize(
    ("trigger", "told"),
    [
        pytest.param(
            "when: {event: purchase, where: {event_data.totl: {equals: 1}}}",
            "2:33 [unknown_field] a field that events of purchase have; found 'event_data.totl' in "
            "none of 2: did you mean 'event_data.total'?",
            id="where",
        ),
        pytest.param(
            "when: {event: add_to_cart, where: {not: {event_data.total: {equals: 1}}}}",
            "2:42 [unknown_field] a field that events of add_to_cart have; found "
            "'event_data.total' in none of 1",
            id="which another type has",
        ),
        pytest.param(
            "when: {event: purchase, per: event_data.card.id}",
            "2:30 [unknown_field] per: a field that events of purchase have; found "
            "'event_data.card.id' in none of 2: did you mean 'event_data.cart.id'?",
            id="per",
        ),
        pytest.param(
            "when: {event: [purchase, add_to_cart]}\nif: {any: [{session_id: {exists: true}}]}",
            "3:13 [unknown_field] a field that events of purchase or add_to_cart have; found "
            "'session_id' in none of 3",
            id="if",
        ),
        pytest.param(
            "when: {sequence: [{event: add_to_cart}, {absent: purchase, for: 1h}]}\n"
            "if: {event_data.total: {equals: 1}}",
            "3:6 [unknown_field] a field that events of add_to_cart have; found "
            "'event_data.total' in none of 1",
            id="if after an absence, of which there is no event",
        ),
        pytest.param(
            "when: {event: purchase, where: {event_data.note: {exists: true}}}",
            "2:33 [unknown_field] a field that events of purchase have; found 'event_data.note' in "
            "none of 2",
            id="what is only ever null",
        ),
        pytest.param(
            "when: {event: purchase}\nif: {profile.teir: {equals: gold}}",
            "3:6 [unknown_field] an attribute that 'identify' events set; found 'profile.teir' in "
            "none: did you mean 'profile.tier'?",
            id="the profile",
        ),
        pytest.param(
            "when: {count: purchase, sum: event_data.total, more_than: 500}",
            "2:30 [not_a_number] sum: numbers, or texts that read as one; found '1,234.50' and 1 "
            "of 2 that are none: they are not counted",
            id="a sum of what is no number",
        ),
        pytest.param(
            "when: {count: purchase, average: event_data.cart, more_than: 5}",
            "2:34 [not_a_number] average: numbers, or texts that read as one; found {'id': 7} and "
            "1 of 1 that are none: they are not counted",
            id="an average of mappings",
        ),
    ],
)
def test_a_field_that_the_events_lack_is_told(trigger: str, told: str) -> None:
    assert warned(f"trigger: t\n{trigger}") == [told]


def test_different_values_may_be_of_any_kind() -> None:
    assert (
        warned("{trigger: t, when: {count: purchase, distinct: event_data.total, at_least: 2}}")
        == []
    )


def test_of_a_type_that_never_comes_no_field_is_missed() -> None:
    text = "{trigger: t, when: {event: refund, where: {event_data.x: {equals: 1}}}}"

    (one,) = warned(text)

    assert "[unknown_type]" in one


def test_a_profile_is_known_only_where_customers_are_identified() -> None:
    text = "{trigger: t, when: {event: purchase}, if: {profile.x: {equals: 1}}}"

    assert warned(text, observe([event("purchase")])) == []


def test_without_events_nothing_is_odd() -> None:
    assert warned("{trigger: t, when: {event: purchse}}", observe([b"nonsense"])) == []


def test_all_is_told_in_order_of_place() -> None:
    text = """
        trigger: t
        until: b
        when: {all: [{event: c}, {event: d}]}
        """

    assert [one.partition(" ")[0] for one in warned(text)] == ["3:8", "4:22", "4:34"]


ORDERS = observe([event("order", event_data={"items": [{"sku": 1, "parts": [{"no": 2}]}]})])


@pytest.mark.parametrize(
    ("when", "is_told"),
    [
        ("{event: order, per: event_data.items.sku}", False),
        ("{event: order, per: event_data.items.parts.no}", False),
        ("{event: order, per: event_data.items.skuu}", True),
        ("{event: order, where: {event_data.items.sku: {exists: true}}}", True),
    ],
)
def test_through_lists_leads_per_alone(when: str, is_told: bool) -> None:
    assert bool(warned(f"{{trigger: t, when: {when}}}", ORDERS)) is is_told


def test_paths_of_a_type_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observing, "MOST_PATHS", 10)

    seen = observe([event("a", event_data={str(n): n}) for n in range(20)])

    assert len(seen.fields["a"]) == 10
    assert warned("{trigger: t, when: {event: a, where: {event_data.x: {equals: 1}}}}", seen) == []


def test_of_a_profile_with_more_paths_than_are_noted_nothing_is_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(observing, "MOST_PATHS", 10)
    text = "{trigger: t, when: {event: a}, if: {profile.x: {equals: 1}}}"

    def seen(attributes: int) -> Observed:
        data = {f"k{n}": n for n in range(attributes)}
        return observe([event("a"), event("identify", event_data=data)])

    # Beside the attributes stand the event's type and ids, and the mapping itself.
    assert len(warned(text, seen(10 - 4 - 1))) == 1
    assert warned(text, seen(10 - 4)) == []


def test_the_shop_and_its_events_agree() -> None:
    files = read_files(SHOP / "triggers")
    with gzip.open(SHOP / "events.jsonl.gz") as lines:
        seen = observe(lines)

    assert seen.events > 30_000
    assert [lint(name, text, seen) for name, text in files.items() if "test" not in name] == [
        [] for name in files if "test" not in name
    ]
