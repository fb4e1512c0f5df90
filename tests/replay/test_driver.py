"""Replay in virtual time: arrivals, the clock, rejected lines, the shape of decisions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from triggerstream.core.rulesets.ruleset import Ruleset, load_ruleset
from triggerstream.core.timestamps import parse_moment
from triggerstream.replay import driver
from triggerstream.replay.driver import Replay, replay_lines

START = parse_moment("2026-01-05T10:00:00Z")
HOUR = 3_600_000
DAY = 24 * HOUR

CART = """
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
trigger: ping
when: {event: ping}
"""


@pytest.fixture(name="ruleset", scope="module")
def _ruleset() -> Ruleset:
    return load_ruleset({"cart.yaml": CART})


def line(kind: str, at: int | str | None, customer: str = "c1", **rest: Any) -> bytes:
    stamp = START + at if isinstance(at, int) else at
    event = {"customer_id": customer, "event_type": kind, "timestamp": stamp, **rest}
    return json.dumps({k: v for k, v in event.items() if v is not None}).encode()


def told(decisions: Any) -> list[tuple[str, str, str]]:
    return [(d["kind"], d["customer_id"], d["at"][11:19]) for d in decisions]


class Rejections:
    """Hears of lines that are no events."""

    def __init__(self) -> None:
        self.heard: list[tuple[int, str]] = []
        self.details: list[str] = []

    def __call__(self, number: int, reason: str, detail: str) -> None:
        self.heard.append((number, reason))
        self.details.append(detail)


class TestDecisions:
    def test_a_firing_says_what_was_decided(self, ruleset: Ruleset) -> None:
        [firing] = replay_lines(ruleset, [line("add", 0, event_id="e1")], until=START + HOUR)

        assert set(firing) == {
            *("kind", "firing_id", "trigger", "customer_id"),
            *("at", "instance", "events", "actions"),
        }
        assert firing["at"] == "2026-01-05T11:00:00.000Z"
        assert list(firing["events"]) == ["e1"]
        assert firing["actions"][0]["channel"] == "log"

    def test_a_suppressed_match_says_its_reason(self, ruleset: Ruleset) -> None:
        events = [line("add", 0), line("add", 2 * HOUR)]

        [_, suppressed] = replay_lines(ruleset, events, until=START + 3 * HOUR)

        assert suppressed == {
            "kind": "suppressed",
            "reason": "cooldown",
            "trigger": "cart",
            "customer_id": "c1",
            "at": "2026-01-05T13:00:00.000Z",
        }

    def test_an_event_without_an_id_is_named_by_its_line_blank_ones_not_counted(
        self, ruleset: Ruleset
    ) -> None:
        events = [b"\n", line("other", 0), b"  \r\n", line("add", 1)]

        [firing] = replay_lines(ruleset, events, until=START + 2 * HOUR)

        assert list(firing["events"]) == ["triggerstream.events.v1/0/1"]

    def test_due_timers_of_all_customers_fire_before_the_record_that_passes_them(
        self, ruleset: Ruleset
    ) -> None:
        events = [line("add", 1, "b"), line("add", 0, "a"), line("x", 2 * HOUR, "z")]

        assert told(replay_lines(ruleset, events)) == [
            ("firing", "a", "11:00:00"),
            ("firing", "b", "11:00:00"),
        ]


class TestUntil:
    def test_a_due_exactly_at_the_end_fires(self, ruleset: Ruleset) -> None:
        assert told(replay_lines(ruleset, [line("add", 0)], until=START + HOUR)) == [
            ("firing", "c1", "11:00:00")
        ]

    def test_a_due_just_after_the_end_does_not_fire(self, ruleset: Ruleset) -> None:
        assert told(replay_lines(ruleset, [line("add", 0)], until=START + HOUR - 1)) == []

    def test_an_end_before_the_clock_changes_nothing(self, ruleset: Ruleset) -> None:
        assert told(replay_lines(ruleset, [line("add", 0)], until=START - HOUR)) == []

    def test_the_end_may_lie_further_than_the_largest_gap(self, ruleset: Ruleset) -> None:
        decisions = replay_lines(ruleset, [line("add", 0)], until=START + 500 * DAY)

        assert told(decisions) == [("firing", "c1", "11:00:00")]


class TestArrival:
    def test_it_is_received_at_where_there_is_one(self, ruleset: Ruleset) -> None:
        # Uploaded two hours later: the wait is over, but the rest of the upload may still come.
        events = [
            line("add", 0, received_at=START + 2 * HOUR),
            line("buy", 1000, received_at=START + 2 * HOUR),
        ]

        assert told(replay_lines(ruleset, events, until=START + 9 * HOUR)) == []

    def test_a_timestamp_ahead_of_it_becomes_it(self, ruleset: Ruleset) -> None:
        events = [line("add", 3 * HOUR, received_at="2026-01-05T10:00:00Z")]

        assert told(replay_lines(ruleset, events, until=START + HOUR)) == [
            ("firing", "c1", "11:00:00")
        ]

    def test_events_with_and_without_it_may_be_mixed(self, ruleset: Ruleset) -> None:
        events = [
            line("add", 0, "a"),
            line("add", 1, "c"),
            line("add", 3 * HOUR, "b", received_at=START),
            line("add", 2, "d"),
        ]

        assert told(replay_lines(ruleset, events, until=START + HOUR)) == [
            ("firing", "a", "11:00:00"),
            ("firing", "b", "11:00:00"),
        ]

    @pytest.mark.parametrize("received", ["yesterday", "2026-01-05T10:00:00", -1, [], True])
    def test_one_that_is_no_moment_rejects_the_line(self, ruleset: Ruleset, received: Any) -> None:
        rejections = Rejections()

        list(replay_lines(ruleset, [line("add", 0, received_at=received)], on_reject=rejections))

        assert rejections.heard == [(1, "bad_timestamp")]

    def test_an_event_that_does_not_say_when_is_rejected(self, ruleset: Ruleset) -> None:
        rejections = Rejections()

        list(replay_lines(ruleset, [line("add", None)], on_reject=rejections))

        assert rejections.heard == [(1, "missing_field")]
        assert rejections.details[0].startswith("timestamp or received_at")

    def test_a_cloud_event_arrives_at_its_time_whatever_else_it_says(
        self, ruleset: Ruleset
    ) -> None:
        event = (
            b'{"specversion": "1.0", "id": "e1", "source": "/shop", "type": "add", "subject": "c1",'
            b' "time": "2026-01-05T10:00:00Z", "timestamp": "2026-01-05T19:00:00Z", "data": {}}'
        )
        events = [event, line("x", 1, "z")]

        assert told(replay_lines(ruleset, events)) == []
        assert told(replay_lines(ruleset, events, until=START + HOUR)) == [
            ("firing", "c1", "11:00:00")
        ]


class TestTheLargestGap:
    def test_a_jump_of_exactly_the_gap_moves_the_clock_all_the_way(self, ruleset: Ruleset) -> None:
        replay = Replay(ruleset, max_gap=HOUR + 10_000)

        decisions = list(replay.decisions([line("add", 0), line("x", HOUR + 10_000, "z")]))

        assert told(decisions) == [("firing", "c1", "11:00:00")]
        assert replay.clamped == 0

    def test_a_longer_jump_is_clamped_and_counted(self, ruleset: Ruleset) -> None:
        replay = Replay(ruleset, max_gap=HOUR + 9_999)

        decisions = list(replay.decisions([line("add", 0), line("x", HOUR + 10_000, "z")]))

        assert told(decisions) == []
        assert replay.clamped == 1

    def test_what_jumps_happened_when_it_says_unless_it_says_when_it_was_received(
        self, ruleset: Ruleset
    ) -> None:
        events = [
            line("ping", 0),
            line("ping", 3 * HOUR, "b"),
            line("ping", 6 * HOUR, "c", received_at=START + 5 * HOUR),
            line("x", 1),
        ]

        decisions = replay_lines(ruleset, events, max_gap=HOUR)

        assert told(decisions) == [
            ("firing", "c1", "10:00:00"),
            ("firing", "b", "13:00:00"),
            ("firing", "c", "10:00:00"),
        ]

    def test_one_bad_stamp_disturbs_nobody_else(self, ruleset: Ruleset) -> None:
        honest = [
            line("add", 0),
            line("add", 1, "b"),
            line("buy", 300_000),
            line("x", HOUR, "z"),
            line("x", 2 * HOUR, "z"),
            line("x", 2 * HOUR, "y"),
        ]
        expected = told(replay_lines(ruleset, honest))
        assert expected == [("firing", "b", "11:00:00")]

        for stamp in ("2099-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2027-12-31T00:00:00Z"):
            for place in range(len(honest) + 1):
                events = [*honest[:place], *[line("x", stamp, "bot")] * 3, *honest[place:]]

                assert told(replay_lines(ruleset, events)) == expected, (stamp, place)

    def test_a_gap_in_the_log_moves_the_clock_all_the_way(self, ruleset: Ruleset) -> None:
        later = 3 * 365 * DAY
        events = [
            line("add", 0),
            line("add", later, "b"),
            line("x", later + 2 * HOUR, "c"),
            line("x", later + 2 * HOUR, "d"),
        ]
        replay = Replay(ruleset)

        decisions = list(replay.decisions(events))

        assert told(decisions) == [("firing", "c1", "11:00:00"), ("firing", "b", "11:00:00")]
        assert replay.clamped == 0

    def test_what_is_rejected_does_not_move_the_clock(self, ruleset: Ruleset) -> None:
        """Otherwise the second jump would be measured from the first, and pass."""
        replay = Replay(ruleset, max_gap=HOUR)
        nobody = line("x", HOUR - 1, customer="")

        list(replay.decisions([line("add", 0), nobody, line("x", 2 * HOUR - 1, "z")]))

        assert replay.clamped == 1

    def test_the_first_event_may_stand_anywhere(self, ruleset: Ruleset) -> None:
        replay = Replay(ruleset)

        list(replay.decisions([line("x", "2099-01-01T00:00:00Z")]))

        assert replay.clamped == 0


class TestBadLines:
    def test_each_is_told_with_its_number_and_the_rest_goes_on(self, ruleset: Ruleset) -> None:
        rejections = Rejections()
        lines = [
            b"nonsense\n",
            b"\n",
            line("add", 0),
            b'{"event_type": "add", "timestamp": 1}',
            b"\xff\xfe",
            line("add", "year 9999"),
        ]
        replay = Replay(ruleset, on_reject=rejections)

        decisions = [*replay.decisions(lines), *replay.run_until(START + HOUR)]

        assert told(decisions) == [("firing", "c1", "11:00:00")]
        assert [number for number, _ in rejections.heard] == [1, 4, 5, 6]
        assert dict(replay.statuses) == {"applied": 1, "rejected": 4}

    def test_lines_are_told_in_order(self, ruleset: Ruleset) -> None:
        rejections = Rejections()
        lines = [b"nonsense", line("add", 0, ""), b"{", line("add", 0, received_at="x")]

        list(replay_lines(ruleset, lines, on_reject=rejections))

        assert [number for number, _ in rejections.heard] == [1, 2, 3, 4]


def test_what_is_printed_is_the_decisions_as_lines(ruleset: Ruleset) -> None:
    lines = [line("add", n * 700_000, f"c{n % 7}", event_id=str(n)) for n in range(20)]
    decisions = list(replay_lines(ruleset, lines, until=START + 9 * DAY))

    printed = b"".join(Replay(ruleset).printed(lines, until=START + 9 * DAY))

    assert [json.loads(text) for text in printed.splitlines()] == decisions
    assert len(decisions) > 5


def test_decisions_do_not_depend_on_the_size_of_batches(
    ruleset: Ruleset, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line("add", n * 700_000, f"c{n % 7}", event_id=str(n)) for n in range(200)]
    whole = list(replay_lines(ruleset, lines, until=START + 9 * DAY))

    monkeypatch.setattr(driver, "BATCH", 3)

    assert list(replay_lines(ruleset, lines, until=START + 9 * DAY)) == whole
    assert len(whole) > 100
