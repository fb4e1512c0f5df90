"""Sessions in the engine: who pays for them, what a deploy makes of one, what a firing shows."""

from __future__ import annotations

import pytest

from tests.core.detection.customers import LATENESS, Customer, ruleset_of
from triggerstream.core.decisions import Firing
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.rulesets.ruleset import load_ruleset

START = 1_000_000
MINUTE = 60_000
GAP = 30 * MINUTE

POLICY = "activity: [view]"
ENDED = "{trigger: e, when: {session: ended}}"
STARTED = "{trigger: s, when: {session: started}}"
PLAIN = "{trigger: t, when: {event: view}}"


def customer_of(triggers: str, policy: str = POLICY) -> Customer:
    return Customer(ruleset_of(triggers, policy))


def test_who_asks_for_no_session_keeps_none() -> None:
    customer = customer_of(PLAIN)
    customer.happens("view", START)

    assert customer.ruleset.session is None
    assert not customer.ruleset.interests["view"].derives
    assert customer.state.derived == {}


@pytest.mark.parametrize("triggers", [STARTED, f"{PLAIN}\n---\n{STARTED}"])
def test_nobody_is_woken_up_for_an_end_that_nobody_hears_of(triggers: str) -> None:
    customer = customer_of(triggers)
    customer.happens("view", START)

    assert len(customer.state.derived) == 1
    assert customer.state.wake == NEVER


def test_the_end_wakes_the_customer_up_once() -> None:
    customer = customer_of(ENDED)
    customer.happens("view", START)
    customer.happens("view", START + MINUTE)

    assert customer.state.wake == START + MINUTE + GAP + LATENESS
    assert customer.waits_until(START + MINUTE + GAP + LATENESS - 1) == []
    (firing,) = customer.waits_until(START + MINUTE + GAP + LATENESS)
    assert firing.at == START + MINUTE + GAP
    assert (customer.state.wake, customer.state.derived) == (NEVER, {})


def test_a_deploy_that_asks_for_the_end_waits_for_the_one_that_is_open() -> None:
    customer = customer_of(STARTED)
    customer.happens("view", START)
    customer.ruleset = ruleset_of(f"{STARTED}\n---\n{ENDED}", POLICY)

    assert customer.happens("other", START + MINUTE) == []
    (firing,) = customer.waits_until(START + GAP + LATENESS)
    assert (firing.trigger, firing.at) == ("e", START + GAP)


def test_a_deploy_tells_nothing_of_one_that_was_over_by_then() -> None:
    customer = customer_of(STARTED)
    customer.happens("view", START)
    customer.ruleset = ruleset_of(f"{STARTED}\n---\n{ENDED}", POLICY)

    assert customer.happens("other", START + GAP) == []
    assert customer.waits_until(START + 10 * GAP) == []


def test_a_deploy_that_asks_for_the_end_no_longer_lets_the_customer_sleep() -> None:
    customer = customer_of(f"{STARTED}\n---\n{ENDED}")
    customer.happens("view", START)
    customer.ruleset = ruleset_of(STARTED, POLICY)
    customer.happens("other", START + MINUTE)

    assert customer.state.wake == NEVER
    # The session goes on: what follows does not begin another.
    assert customer.happens("view", START + 2 * MINUTE) == []


def test_an_edit_of_what_a_session_is_begins_anew() -> None:
    customer = customer_of(STARTED)
    customer.happens("view", START)
    customer.ruleset = ruleset_of(STARTED, f"{POLICY}\nsession: {{gap: 10m}}")

    (firing,) = customer.happens("view", START + MINUTE)

    assert firing.trigger == "s"


def test_a_firing_shows_the_open_session_to_whom_reads_it() -> None:
    files = {
        "policy.yaml": POLICY,
        "t.yaml": "{trigger: t, when: {event: view}, then: [{email: {template: hello}}]}\n---\n"
        "{trigger: u, when: {event: view}}",
        "templates/hello/subject.liquid": "Hello",
        "templates/hello/text.liquid": "{{ profile.session.depth | default: 0 }}",
    }
    customer = Customer(load_ruleset(files))
    customer.happens("view", START)

    reads, reads_not = customer.happens("view", START + 90_000)

    assert isinstance(reads, Firing)
    assert reads.profile["session"] == {
        "started": "1970-01-01T00:16:40.000Z",
        "depth": 2,
        "seconds": 90.0,
    }
    assert "session" not in reads_not.profile


def test_a_segment_may_read_the_open_session() -> None:
    """It enters at the event that makes it so, and leaves when the session is over."""
    customer = customer_of(
        "{segment: deep, is: {profile.session.depth: {greater_than: 1}}}\n---\n"
        "{trigger: t, when: {left: deep}}"
    )
    customer.happens("view", START)
    customer.happens("view", START + MINUTE)
    customer.waits_until(START + 2 * GAP)

    edges = customer.told.replace("1970-01-01T", "").split()
    assert edges[:4] == ["entered", "deep@00:17:40.000Z", "left", "deep@00:47:40.000Z"]
    assert edges[4].startswith("t:$left:deep")
