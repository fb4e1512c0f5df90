"""Reading ``actions.v1``: what is one of its records, and what is a dead letter."""

from __future__ import annotations

import orjson
import pytest

from tests.core.sending.harness import NOON, Entry, firing
from triggerstream.core.records.record import POSITION, Kind, Rejected
from triggerstream.core.sending.messages import Fired, read


def test_a_firing_is_read_whole_and_kept_as_it_came() -> None:
    value = firing("f", ("a", "email", 5), holdout=0.1, priority="high")

    fired = read(Entry(value), Kind.FIRING)

    assert isinstance(fired, Fired)
    assert (fired.customer_id, fired.ruleset, fired.raw) == ("c1", 1, value)
    assert (fired.firing.at, fired.firing.priority, fired.firing.holdout) == (NOON, "high", 0.1)
    assert fired.firing.actions[0].after == 5
    assert orjson.loads(bytes(fired.firing.event)) == {"event_id": "e1", "event_type": "cart"}


@pytest.mark.parametrize(
    ("headers", "position"),
    [((), -1), (((POSITION, b"42"),), 42), (((POSITION, b"-1"),), -1), (((POSITION, b"x"),), -1)],
    ids=["untold", "told", "below zero", "no number"],
)
def test_a_firing_says_where_in_the_log_of_events_it_was_decided(
    headers: tuple[tuple[str, bytes], ...], position: int
) -> None:
    fired = read(Entry(firing("f"), headers=headers), Kind.FIRING)

    assert isinstance(fired, Fired)
    assert fired.position == position


def test_fields_that_a_newer_detection_adds_are_passed_over() -> None:
    assert isinstance(read(Entry(firing("f", news=1)), Kind.FIRING), Fired)


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (Kind.FIRING, None, "empty"),
        (Kind.FIRING, b"", "empty"),
        (Kind.FIRING, b"{", "bad_json"),
        (Kind.FIRING, b'{"firing_id": "\xff"}', "bad_utf8"),
        (Kind.FIRING, b"[" * 100_000, "wrong_type"),
        (Kind.FIRING, b'{"event": ' + b"[" * 100_000, "too_deep"),
        (Kind.FIRING, b"{}", "missing_field"),
        (Kind.FIRING, b"[]", "wrong_type"),
        (Kind.FIRING, firing("f", priority="urgent"), "wrong_type"),
        (Kind.FIRING, firing("f").replace(b"2026-03-01T", b"yesterday "), "bad_timestamp"),
        (Kind.CONSENT, b'{"customer_id": "c", "at": "now", "consent": {}}', "bad_timestamp"),
        (Kind.GOAL, b'{"customer_id": "c"}', "missing_field"),
        (Kind.RESULT, b'{"action_id": "a", "customer_id": "c", "attempt": "1"}', "wrong_type"),
        (
            Kind.RESULT,
            b'{"action_id": "a", "customer_id": "c", "attempt": 1, "outcome": "maybe"}',
            "wrong_type",
        ),
        (None, b"{}", "unknown_kind"),
        (b"surprise", b"{}", "unknown_kind"),
    ],
)
def test_what_cannot_be_read_is_rejected(
    kind: bytes | None, value: bytes | None, reason: str
) -> None:
    with pytest.raises(Rejected) as rejected:
        read(Entry(value), kind)

    assert rejected.value.reason == reason
