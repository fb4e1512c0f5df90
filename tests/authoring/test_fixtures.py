"""Fixtures: what they say, what comes of them, and how their mistakes are told."""

from __future__ import annotations

import pytest

from triggerstream.authoring.fixture_files import parse_fixtures
from triggerstream.authoring.fixture_runs import run_fixture
from triggerstream.authoring.fixtures import BASE, Expected, Fixture, Result, show_time
from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.errors import TriggerFileError

TRIGGERS = """
trigger: cart
when:
  sequence:
    - event: add
    - absent: buy
      for: 1h
limits: {cooldown: 1d}
then:
  - log: {}
---
trigger: any-add
when: {event: add}
"""

ABANDONED = """
- test: fires an hour after the last cart event
  events:
    - {at: 0m, customer: c1, event: add}
  until: 3h
  only: [cart]
  expect:
    - {trigger: cart, at: 1h, customer: c1}
"""


@pytest.fixture(name="ruleset", scope="module")
def _ruleset() -> Ruleset:
    return load_ruleset({"t.yaml": TRIGGERS})


def parse(text: str) -> Fixture:
    [fixture] = parse_fixtures("t.test.yaml", text)
    return fixture


def problems(text: str) -> list[str]:
    with pytest.raises(TriggerFileError) as raised:
        parse_fixtures("t.test.yaml", text)
    return str(raised.value).splitlines()


class TestRunning:
    def test_what_is_expected_and_comes_is_ok(self, ruleset: Ruleset) -> None:
        assert run_fixture(parse(ABANDONED), ruleset).is_ok

    def test_the_decisions_of_all_triggers_count_unless_some_are_named(
        self, ruleset: Ruleset
    ) -> None:
        result = run_fixture(parse(ABANDONED.replace("only: [cart]", "")), ruleset)

        assert result.diff() == ["+ firing any-add for c1 at 0s", "  firing cart for c1 at 1h"]
        assert not result.is_ok

    def test_without_an_end_the_log_ends_with_the_last_event(self, ruleset: Ruleset) -> None:
        result = run_fixture(parse(ABANDONED.replace("until: 3h", "")), ruleset)

        assert result.diff() == ["- firing cart for c1 at 1h"]

    def test_a_suppressed_match_is_expected_by_its_reason(self, ruleset: Ruleset) -> None:
        fixture = parse("""
- test: once a day
  events:
    - {at: 0m, customer: c1, event: add}
    - {at: 2h, customer: c1, event: add}
  until: 3h
  only: [cart]
  expect:
    - {trigger: cart, at: 1h, customer: c1}
    - {trigger: cart, at: 3h, customer: c1, reason: cooldown}
""")

        assert run_fixture(fixture, ruleset).is_ok

    def test_order_is_compared(self) -> None:
        first, second = Expected("a", "c1", BASE), Expected("b", "c1", BASE)
        fixture = Fixture("f", "t.test.yaml", 1, (), (), (first, second))

        result = Result(fixture, (second, first), ())

        assert not result.is_ok
        assert len(result.diff()) == 3

    def test_only_another_order_is_one(self) -> None:
        first, second = Expected("a", "c1", BASE), Expected("b", "c1", BASE)
        fixture = Fixture("f", "t.test.yaml", 1, (), (), (first, second))

        assert Result(fixture, (second, first), ()).is_reordered
        assert not Result(fixture, (first, second), ("an event is refused",)).is_reordered
        assert not Result(fixture, (second, second), ()).is_reordered

    def test_an_event_that_is_refused_is_told_by_its_line(self, ruleset: Ruleset) -> None:
        fixture = parse("""
- test: out of range
  events:
    - {at: 0m, customer: c1, event: other}
    - {at: "2101-01-01T00:00:00Z", customer: c1, event: other}
  expect: []
""")

        result = run_fixture(fixture, ruleset)

        assert not result.is_ok
        assert result.problems[0].startswith("t.test.yaml:5: the event is refused")
        assert "timestamp_out_of_range" in result.problems[0]

    @pytest.mark.parametrize(
        ("offset", "shown"),
        [(0, "0s"), (90 * 60_000, "1h30m"), (1, "1ms"), (-1, "2026-01-05T09:59:59.999Z")],
    )
    def test_times_are_shown_as_they_are_written(self, offset: int, shown: str) -> None:
        assert show_time(BASE + offset) == shown


class TestReading:
    def test_all_that_an_event_may_say(self) -> None:
        fixture = parse("""
- test: all
  events:
    - at: 2026-01-05T10:00:00Z
      customer: c1
      event: add
      id: e1
      source: web
      received: 1d2h
      session: s1
      data: {total: 9.5, items: [a]}
      device: {type: mobile}
      location: {country: DE}
      metadata: {}
  expect: []
""")

        [event] = fixture.events
        assert event == (
            b'{"timestamp":"2026-01-05T10:00:00.000Z","customer_id":"c1","event_type":"add",'
            b'"event_id":"e1","source":"web","received_at":"2026-01-06T12:00:00.000Z",'
            b'"session_id":"s1","event_data":{"total":9.5,"items":["a"]},'
            b'"device_info":{"type":"mobile"},"location_data":{"country":"DE"},"metadata":{}}'
        )

    def test_every_problem_is_told_with_its_place(self) -> None:
        assert problems("""
- test: wrong
  events:
    - {at: soon, customer: 42, event: add}
    - {at: 1h, customer: c1, evnt: add}
  until: [3h]
  expct: []
""") == [
            "t.test.yaml:2:3: the key 'expect'; found none",
            "t.test.yaml:4:12: a time such as 0m, 1d2h or 2026-01-05T10:00:00Z; found 'soon'",
            "t.test.yaml:4:28: a text as 'customer'; found '42': put it in quotes",
            "t.test.yaml:5:7: the key 'event'; found none",
            (
                "t.test.yaml:5:30: one of customer, event, at, data, id, source, received, "
                "session, device, location, metadata; found 'evnt'; did you mean 'event'?"
            ),
            "t.test.yaml:6:10: a time such as 0m, 1d2h or 2026-01-05T10:00:00Z; found a list",
            (
                "t.test.yaml:7:3: one of test, events, until, expect, only; found 'expct'; "
                "did you mean 'expect'?"
            ),
        ]

    @pytest.mark.parametrize(
        ("decision", "problem"),
        [
            ("{trigger: a, at: 0m, customer: c, kind: fired}", "one of firing, suppressed"),
            ("{trigger: a, at: 0m, customer: c, reason: no}", "one of backfill, condition"),
            (
                "{trigger: a, at: 0m, customer: c, kind: firing, reason: cooldown}",
                "no reason where the kind is firing; found 'cooldown'",
            ),
            (
                "{trigger: a, at: 0m, customer: c, kind: suppressed}",
                "a reason where the kind is suppressed; found none",
            ),
        ],
    )
    def test_what_no_decision_can_be_is_refused(self, decision: str, problem: str) -> None:
        [found] = problems(f"[{{test: t, events: [], expect: [{decision}]}}]")

        assert problem in found

    def test_a_file_that_is_no_list_is_refused(self) -> None:
        assert problems("test: x\n") == [
            "t.test.yaml:1:1: a list of tests, each beginning with '- test:'; found a mapping"
        ]
