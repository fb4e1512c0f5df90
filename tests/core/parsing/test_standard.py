"""The attributes that ship: asked for by the policy, kept where they are read."""

from __future__ import annotations

import pytest

from tests.core.derive.harness import DAY, START, value_of
from tests.core.detection.customers import Customer, ruleset_of
from tests.core.parsing.files import problems_in
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.core.parsing.documents.standard import names
from triggerstream.core.rulesets.ruleset import load_ruleset

POLICY = """
attributes: standard
activity: [view, search, buy]
purchase: {events: [buy, renew], value: event_data.total}
"""
ALL = "{trigger: all, when: {event: other}, if: 'profile[profile.which] == 1.0'}"


def read(path: str) -> str:
    return f"{{trigger: t, when: {{event: view}}, if: {{{path}: {{exists: true}}}}}}"


def kept(text: str, policy: str = POLICY) -> list[str]:
    source = parse_ruleset({"t.yaml": text, "policy.yaml": policy})
    return [each.name for each in source.attributes]


# ── which are kept ──────────────────────────────────────────────────────────────────────────


def test_only_what_is_read_is_kept_with_what_that_reads() -> None:
    assert kept("{trigger: t, when: {event: view}}") == []
    assert kept(read("profile.orders")) == ["orders"]
    assert kept(read("profile.lifecycle")) == ["orders", "last_order", "lifecycle"]


@pytest.mark.parametrize(
    "text",
    [
        "{segment: s, is: {profile.orders: {equals: 1}}}",
        "{segment: s, is: 'profile.orders > 1.0'}",
        "{trigger: t, when: {changed: profile.orders}}",
        "{trigger: t, when: {score: profile.orders, above: 3}}",
        "{attribute: mine, expr: profile.orders * 2.0}",
        "{attribute: mine, case: [{if: {profile.orders: {equals: 1}}, then: a}]}",
    ],
)
def test_whoever_reads_one_has_it_kept(text: str) -> None:
    assert "orders" in kept(text)


def test_a_template_reads_too() -> None:
    files = {
        "t.yaml": "{trigger: t, when: {event: a}, then: [{email: {template: m}}]}",
        "templates/m/subject.liquid": "{{ profile.orders }}",
        "templates/m/text.liquid": "x",
        "policy.yaml": POLICY,
    }
    assert [each.name for each in parse_ruleset(files).attributes] == ["orders"]


def test_who_computes_a_name_reads_all_of_them() -> None:
    policy = POLICY.replace("standard", f"[{', '.join(names())}]")

    assert sorted(kept(ALL, policy)) == sorted(names())


def test_a_document_of_that_name_is_taken_instead() -> None:
    text = f"{{attribute: orders, count: view}}\n---\n{read('profile.orders')}"
    (orders,) = parse_ruleset({"t.yaml": text, "policy.yaml": POLICY}).attributes

    assert orders.on.types == ("view",)


def test_only_those_of_the_list_are_known() -> None:
    policy = POLICY.replace("standard", "[orders]")

    assert kept(read("profile.lifetime_value"), policy) == []
    assert kept(read("profile.orders"), policy) == ["orders"]


# ── what they say ───────────────────────────────────────────────────────────────────────────


def customer() -> Customer:
    policy = POLICY.replace("standard", f"[{', '.join(names())}]")
    return Customer(ruleset_of(ALL, policy))


@pytest.mark.covers("D2")
def test_a_new_customer_begins_with_the_defaults() -> None:
    one = customer()
    one.happens("other", START)

    found = {name: value_of(one, name) for name in names()}
    assert found == {
        "first_seen": None,
        "last_activity": None,
        "cohort": None,
        "orders": 0,
        "orders_30d": 0,
        "orders_365d": 0,
        "first_order": None,
        "last_order": None,
        "lifetime_value": 0,
        "sales_365d": 0,
        "sessions_30d": 0,
        "engagement_score": 0.5,
        "favourite_category": None,
        "lifecycle": "new",
        "behavior_segment": "new",
    }


@pytest.mark.covers("D1", "I5")
def test_each_says_what_its_name_says() -> None:
    one = customer()
    one.happens("view", START, category="garden")
    for day in (40, 41):
        one.happens("buy", START + day * DAY, total=20)
    one.happens("renew", START + 50 * DAY, total="5.5")

    found = {name: value_of(one, name) for name in names()}
    assert found == {
        "first_seen": "2026-01-01T00:00:00.000Z",
        "last_activity": "2026-02-11T00:00:00.000Z",
        "cohort": "2026-01",
        "orders": 3,
        "orders_30d": 3,
        "orders_365d": 3,
        "first_order": "2026-02-10T00:00:00.000Z",
        "last_order": "2026-02-20T00:00:00.000Z",
        "lifetime_value": 45.5,
        "sales_365d": 45.5,
        "sessions_30d": 2,
        "engagement_score": pytest.approx(0.7583, abs=1e-4),
        "favourite_category": "garden",
        "lifecycle": "active",
        "behavior_segment": "active",
    }


@pytest.mark.covers("D13")
def test_the_class_of_a_customer_follows_from_their_orders() -> None:
    one = customer()
    found = []
    for day in range(5):
        one.happens("buy", START + day * DAY, total=20)
        found.append(value_of(one, "behavior_segment"))
    assert found == ["active"] * 4 + ["vip"]

    last = START + 4 * DAY
    assert value_of(one, "behavior_segment", last + 60 * DAY - 1) == "vip"
    assert value_of(one, "behavior_segment", last + 60 * DAY) == "at_risk"
    assert value_of(one, "behavior_segment", last + 180 * DAY - 1) == "at_risk"
    assert value_of(one, "behavior_segment", last + 180 * DAY) == "lapsed"


# ── what is wrong ───────────────────────────────────────────────────────────────────────────


def test_what_the_policy_does_not_say_is_told_where_it_asks() -> None:
    """Of all of them where one is read; of those that are named one by one in any case."""
    whole, one = "attributes: standard", "attributes: [orders, cohort]"
    nobody, text = "{trigger: t, when: {event: view}}", read("profile.lifetime_value")
    purchase = "attributes: 'purchase' in policy.yaml, the types of purchases, for"
    value = "attributes: the 'value' of 'purchase' in policy.yaml, the path of what a purchase is"
    activity = (
        "attributes: 'activity' in policy.yaml, the types of what customers do themselves, for"
    )

    assert problems_in({"t.yaml": nobody, "policy.yaml": whole}) == []
    assert problems_in({"t.yaml": text, "policy.yaml": whole}) == [
        f"policy.yaml:1:13: {purchase} 'lifetime_value'; found none",
        f"policy.yaml:1:13: {value} worth, for 'lifetime_value'; found none",
    ]
    assert problems_in({"t.yaml": nobody, "policy.yaml": one}) == [
        f"policy.yaml:1:14: {purchase} 'orders'; found none",
        f"policy.yaml:1:22: {activity} 'cohort'; found none",
    ]


def test_a_ring_through_one_is_told_at_the_authors_own() -> None:
    text = f"{{attribute: orders, expr: profile.lifecycle}}\n---\n{read('profile.orders')}"

    (problem,) = problems_in({"t.yaml": text, "policy.yaml": POLICY})
    ring = "orders -> lifecycle -> orders, each reading what the next tells"
    assert problem == f"1:13: attribute: nothing that leads back to it; found the ring {ring}"


def test_what_is_published_is_read_again_as_it_was() -> None:
    files = {"t.yaml": read("profile.lifecycle"), "policy.yaml": POLICY}

    again = load_ruleset(files, version=3)
    assert again.derivations == load_ruleset(files).derivations
    assert sorted(again.declared) == ["last_order", "lifecycle", "orders"]
