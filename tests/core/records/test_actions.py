"""``actions.v1``: what is one of its records, what is a dead letter, and what is written."""

from __future__ import annotations

import msgspec
import orjson
import pytest

from tests.core.sending.harness import NOON, firing
from triggerstream.core.decisions import Action, ConsentChanged, Firing, GoalReached, Suppressed
from triggerstream.core.reasons import FailReason, SuppressionReason
from triggerstream.core.records.actions import (
    ACTIONS,
    Fired,
    Message,
    Result,
    read,
    records_of,
    result_record,
)
from triggerstream.core.records.record import KIND, POSITION, Header, Kind, Produce, Rejected


def test_a_firing_is_read_whole_and_kept_as_it_came() -> None:
    value = firing("f", ("a", "email", 5), holdout=0.1, priority="high")

    fired = read(value, Kind.FIRING, ())

    assert isinstance(fired, Fired)
    assert (fired.customer_id, fired.ruleset, fired.raw) == ("c1", 1, value)
    assert (fired.firing.at, fired.firing.priority, fired.firing.holdout) == (NOON, "high", 0.1)
    assert fired.firing.actions[0].after == 5
    assert orjson.loads(bytes(fired.firing.event)) == {"event_id": "e1", "event_type": "cart"}


@pytest.mark.parametrize(
    ("headers", "position"),
    [
        ((), -1),
        (((POSITION, b"42"),), 42),
        (((POSITION, b"-1"),), -1),
        (((POSITION, b"x"),), -1),
        (((POSITION, None),), -1),
        (((POSITION, b""),), -1),
        (((POSITION, b"9" * 18),), 10**18 - 1),
        (((POSITION, b"9" * 19),), -1),
        (((POSITION, b"9" * 5000),), -1),
        (((POSITION, b"1"), (POSITION, b"2"), (POSITION, b"x")), 2),
    ],
    ids=[
        "untold",
        "told",
        "below zero",
        "no number",
        "null",
        "empty",
        "as long as it may be",
        "longer",
        "longer than Python reads",
        "more than once",
    ],
)
def test_a_firing_says_where_in_the_log_of_events_it_was_decided(
    headers: tuple[Header, ...], position: int
) -> None:
    fired = read(firing("f"), Kind.FIRING, headers)

    assert isinstance(fired, Fired)
    assert fired.position == position


def test_fields_that_a_newer_detection_adds_are_passed_over() -> None:
    assert isinstance(read(firing("f", news=1), Kind.FIRING, ()), Fired)


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
        read(value, kind, ())

    assert rejected.value.reason == reason


# ── written and read ────────────────────────────────────────────────────────────────────────

FIRING = Firing(
    firing_id="f1",
    trigger="cart",
    customer_id="c1",
    at=NOON,
    instance="k1",
    events=("e1", "e2"),
    actions=(Action("a1", "email", "hi", 5000, {"discount": "10%"}), Action("a2", "log")),
    holdout=0.1,
    event=msgspec.Raw(b'{"event_id":"e2"}'),
    profile={"tier": "gold"},
)
RESULT = Result("a1", "c1", 2, "retry", FailReason.UNAVAILABLE, "no answer", 1.5)


def written(decision: object) -> Produce:
    (record,) = records_of(decision, 7)
    return record


def read_back(record: Produce) -> Message:
    assert record.value is not None
    headers = (*record.headers, (POSITION, b"42"))
    return read(record.value, dict(record.headers)[KIND], headers)


def test_a_firing_that_was_written_is_read_as_it_was() -> None:
    record = written(FIRING)

    assert read_back(record) == Fired(FIRING, 7, record.value or b"", 42)
    assert (record.topic, record.partition, record.key) == (ACTIONS, None, b"c1")


def test_a_goal_that_was_written_is_read_as_it_was() -> None:
    for goal in (GoalReached("cart", "c1", NOON, 41), GoalReached("cart", "c1", NOON, 41, 2)):
        assert read_back(written(goal)) == goal


def test_a_change_of_consent_that_was_written_is_read_with_its_position() -> None:
    change = ConsentChanged("c1", NOON, {"email_consent": False})

    assert read_back(written(change)) == msgspec.structs.replace(change, position=42)


def test_a_result_that_was_written_is_read_as_it_was() -> None:
    record = result_record(3, RESULT)

    assert read_back(record) == RESULT
    assert (record.topic, record.partition, record.key) == (ACTIONS, 3, b"c1")


@pytest.mark.covers("G16")
@pytest.mark.parametrize(
    ("record", "value"),
    [
        (
            written(FIRING),
            (
                b'{"firing_id":"f1","trigger":"cart","customer_id":"c1","at":"2026-03-01T12:00:00.000Z",'
                b'"instance":"k1","events":["e1","e2"],"actions":[{"action_id":"a1","channel":"email",'
                b'"template":"hi","after":5000,"options":{"discount":"10%"}},{"action_id":"a2",'
                b'"channel":"log"}],"mode":"live","type":"behavioral","priority":"medium",'
                b'"holdout":0.1,"event":{"event_id":"e2"},"profile":{"tier":"gold"},"ruleset":7}'
            ),
        ),
        (
            written(GoalReached("cart", "c1", NOON, 41)),
            b'{"trigger":"cart","customer_id":"c1","position":41,"at":"2026-03-01T12:00:00.000Z"}',
        ),
        (
            written(ConsentChanged("c1", NOON, {"email_consent": False})),
            b'{"customer_id":"c1","consent":{"email_consent":false},"at":"2026-03-01T12:00:00.000Z"}',
        ),
        (
            result_record(3, RESULT),
            (
                b'{"action_id":"a1","customer_id":"c1","attempt":2,"outcome":"retry",'
                b'"reason":"unavailable","detail":"no answer","retry_after":1.5}'
            ),
        ),
    ],
    ids=["firing", "goal", "consent", "result"],
)
def test_the_bytes_of_each_kind_stay(record: Produce, value: bytes) -> None:
    assert record.value == value


@pytest.mark.parametrize(
    "counted", [Suppressed(SuppressionReason.COOLDOWN, "t", "c", 0, None, (), 1)]
)
def test_what_is_only_counted_is_no_record(counted: Suppressed) -> None:
    assert records_of(counted, 7) == ()
