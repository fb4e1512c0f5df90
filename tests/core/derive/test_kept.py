"""``keep: read``: of profiles only what somebody reads is kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from tests.core.derive.harness import HOUR, START
from tests.core.detection.customers import Customer
from tests.reference.rulesets import rulesets
from tests.reference.stories import Json, by_engine
from tests.reference.strategies import ends, logs
from triggerstream.core.decisions import Firing
from triggerstream.core.derive.kept import ALWAYS, kept_of, readers_of
from triggerstream.core.parsing.directory import parse_ruleset
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset

T = "{trigger: t, when: {event: A}%s}"
SAID: dict[str, Any] = {
    "tier": "gold",
    "name": "Ada",
    "email": "a@b.c",
    "email_consent": True,
    "timezone": "UTC",
}


def those(*names: str) -> dict[str, Any]:
    return {name: SAID[name] for name in names}


def ruleset(text: str, keep: str = "read", **files: str) -> Ruleset:
    return load_ruleset({"policy.yaml": f"keep: {keep}", "t.yaml": text, **files})


def names(text: str, templates: dict[str, str] | None = None) -> set[str] | None:
    """Return what is kept besides what always is; ``None`` for all."""
    files = {"policy.yaml": "keep: read", "t.yaml": text}
    for part, source in (templates or {}).items():
        files[f"templates/hi/{part}.liquid"] = source
    kept = kept_of(parse_ruleset(files))
    return None if kept is None else set(kept - ALWAYS)


@pytest.mark.covers("N2")
@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (T % "", set()),
        (T % ", if: {profile.tier: {equals: gold}}", {"tier"}),
        (T % ", if: {not: {any: [{profile.a.b: {equals: 1}}, {expr: profile.c > 1}]}}", {"a", "c"}),
        (T % ", if: {since_last: {of: profile.seen, at_least: 1h}}", {"seen"}),
        (T % ", if: {event_data.tier: {equals: profile.x}}", {"x"}),  # rather one too many
        ("{trigger: t, when: {changed: profile.tier}}", {"tier"}),
        ("{trigger: t, when: {score: profile.churn, above: 0.5}}", {"churn"}),
        (
            "{segment: s, is: {profile.a: {exists: true}}, leave: {profile.b: {exists: true}}}",
            {"a", "b"},
        ),
        ("{attribute: n, count: A, start: profile.before}", {"before"}),
        ("{attribute: n, expr: profile.a / profile.b}", {"a", "b"}),
        ("{attribute: n, case: [{if: {profile.a: {equals: 1}}, then: 1}, {then: 2}]}", {"a"}),
        ("{trigger: t, when: {count: A, at_least: {by: profile.a, x: 5, default: 3}}}", {"a"}),
        ("{value: n, by: profile.a, x: 5, default: 3}", {"a"}),
        ("{trigger: t, when: {date: profile.birthday}}", {"birthday"}),
        (T % ", mode: off, if: {profile.tier: {equals: gold}}", {"tier"}),
        (T % ", then: [{webhook: {endpoint: crm, fields: [name]}}]", {"name"}),
        (T % ", then: [{log: {message: profile.name}}]", set()),
        (T % ", then: [{webhook: {endpoint: crm}}]", None),
        (T % ", then: [{webhook: {endpoint: crm, fields: all}}]", None),
        (T % ", if: 'profile[event_data.which] == 1'", None),
        (T % ", if: {profile: {exists: true}}", None),
    ],
)
def test_what_a_ruleset_reads_is_kept(text: str, kept: set[str] | None) -> None:
    assert names(text) == kept


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("profile {{ profile.name | default: 'profile' }}", {"email", "name"}),
        ('{% if profile["first name"] %}{{ event.profile.x }}{% endif %}', {"email", "first name"}),
        ("{% for each in profile %}{% endfor %}", None),
        ("{{ profile[event.event_data.which] }}", None),
        ("{% assign p = profile %}", None),
    ],
)
def test_what_a_template_reads_is_kept(source: str, kept: set[str] | None) -> None:
    text = T % ", then: [{email: {template: hi}}]"

    assert names(text, {"subject": "Hi", "text": source}) == kept


def test_who_reads_the_whole_profile_is_told() -> None:
    text = T % ", if: {profile: {exists: true}}, then: [{webhook: {endpoint: crm}}]"

    assert readers_of(parse_ruleset({"t.yaml": text})).whole == (
        "trigger 't', which reads 'profile' itself",
        "trigger 't', whose webhook says no 'fields'",
    )


READS_TIER = T % ", if: {profile.tier: {equals: gold}}"


@pytest.mark.covers("N2")
@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ("all", SAID),
        ("read", those("tier", "email_consent", "timezone")),
        (
            "{read: name}",
            those("tier", "name", "email_consent", "timezone"),
        ),
    ],
)
def test_of_an_identify_that_is_stored_which_is_read(keep: str, kept: dict[str, Any]) -> None:
    customer = Customer(ruleset(READS_TIER, keep))
    customer.happens("identify", START, **SAID)

    assert customer.state.profile == kept
    (firing,) = customer.happens("A", START)
    assert isinstance(firing, Firing)
    assert firing.profile == kept


def test_what_is_read_no_more_goes_at_the_next_record_or_timer() -> None:
    wait = "{trigger: t, when: {sequence: [{event: A}, {absent: B, for: 1h}]}}"
    customer = Customer(ruleset(wait, "all"))
    customer.happens("identify", START, **SAID)
    customer.happens("A", START)
    customer.ruleset = ruleset(wait)

    (firing,) = customer.happens("C", START + 2 * HOUR)

    assert isinstance(firing, Firing)  # by the timer, before the event
    kept = those("email_consent", "timezone")
    assert firing.profile == customer.state.profile == kept


@pytest.mark.covers("N2")
@given(rulesets(), logs(), ends())
def test_what_is_not_kept_decides_nothing(
    documents: list[Json], events: list[Json], until: int | None
) -> None:
    decided = [
        by_engine(documents, events, until=until, policy={"activity": ["a", "b"], "keep": keep})
        for keep in ("all", "read")
    ]

    assert decided[0] == decided[1]
