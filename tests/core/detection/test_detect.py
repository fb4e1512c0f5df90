"""Detecting as a program: reading records, and telling what was decided."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson
import pytest

from tests.core.detection.customers import Customer, ruleset_of
from triggerstream.core.decisions import (
    Bounded,
    Clamped,
    ConsentChanged,
    GoalReached,
    TriggerFailed,
    action_id,
    firing_id,
)
from triggerstream.core.detection.detect import Detect
from triggerstream.core.detection.failed import FailedDelivery
from triggerstream.core.detection.reading import LONGEST_ID
from triggerstream.core.events.event import Event
from triggerstream.core.keyed.program import Program
from triggerstream.core.records.record import Kind, Produce, Rejected
from triggerstream.core.state.customer import CustomerState
from triggerstream.replay.lines import decision_line

AT = 1_772_359_200_000
CART = """
trigger: cart
type: transactional
priority: critical
when: {event: A, per: event_data.k}
if: {event_data.n: {less_than: 5}}
limits: {holdout: 10%}
then:
  - webhook: {endpoint: shop}
  - log: {}
    after: 6h
"""


def read(value: bytes | None, kind: bytes | None = None, **settings: Any) -> Any:
    return Detect("events", **settings).read(value, AT, 3, 42, kind, ())


# ── reading ─────────────────────────────────────────────────────────────────────────────────


def test_it_is_a_program() -> None:
    program: Program[CustomerState, Event | FailedDelivery] = Detect("events")

    assert program.resume(program.new_state("c")) == ()


def test_a_cloud_event_may_stand_in_the_headers_of_a_record() -> None:
    attributes = {"specversion": "1.0", "id": "e", "source": "/s", "type": "A", "subject": "c"}
    headers = tuple((f"ce_{name}", text.encode()) for name, text in attributes.items())

    event = Detect("events").read(b'{"n": 1}', AT, 3, 42, None, headers)

    assert isinstance(event, Event)
    assert (event.customer_id, event.event_id, event.event_data) == ("c", "e", {"n": 1})


def test_an_event_without_an_id_is_named_by_its_place_in_the_log() -> None:
    event = read(b'{"customer_id": "c", "event_type": "A"}')

    assert event.event_id == "events/3/42"
    assert event.timestamp == AT


@pytest.mark.parametrize(
    ("value", "kind", "reason"),
    [
        pytest.param(None, None, "empty", id="nothing"),
        pytest.param(b"{", None, "bad_json", id="no JSON"),
        pytest.param(b"{}", b"sing", "unknown_kind", id="another kind"),
        pytest.param(b"{}", Kind.FIRING, "unknown_kind", id="a kind of another topic"),
        pytest.param(None, Kind.FAILED, "empty", id="a failure without a value"),
        pytest.param(b"{", Kind.FAILED, "bad_json", id="a failure that is no JSON"),
        pytest.param(
            b'{"trigger": "\xff"}', Kind.FAILED, "bad_utf8", id="a failure that is no text"
        ),
        pytest.param(b'{"trigger": "t"}', Kind.FAILED, "missing_field", id="half a failure"),
        pytest.param(
            b'{"more":' + b"[" * 100_000, Kind.FAILED, "too_deep", id="a failure without a bottom"
        ),
        pytest.param(
            b'{"trigger": "t", "firing_id": "xyz", "customer_id": "c"}',
            Kind.FAILED,
            "wrong_type",
            id="a failure of no firing",
        ),
    ],
)
def test_what_cannot_be_read_is_rejected(
    value: bytes | None, kind: bytes | None, reason: str
) -> None:
    with pytest.raises(Rejected) as rejected:
        read(value, kind)

    assert rejected.value.reason == reason


@pytest.mark.parametrize(
    ("length", "accepted"), [(LONGEST_ID, True), (LONGEST_ID + 1, False)], ids=["at", "over"]
)
def test_event_ids_have_a_longest_length(length: int, accepted: bool) -> None:
    value = orjson.dumps({"customer_id": "c", "event_type": "A", "event_id": "é" * length})
    if accepted:
        assert len(read(value).event_id) == length
        return

    with pytest.raises(Rejected, match="event_id: at most 256 characters; found 257"):
        read(value)


def test_customer_ids_have_a_longest_length() -> None:
    value = orjson.dumps({"customer_id": "c" * (LONGEST_ID + 1), "event_type": "A"})

    with pytest.raises(Rejected, match="customer_id: at most 256 characters; found 257"):
        read(value)


def test_events_have_a_largest_size() -> None:
    value = b'{"customer_id": "c", "event_type": "A"}'

    assert read(value, max_event_bytes=len(value)).customer_id == "c"
    with pytest.raises(Rejected, match="too_large"):
        read(value, max_event_bytes=len(value) - 1)


# ── telling ─────────────────────────────────────────────────────────────────────────────────


def told(outcome: Any) -> tuple[Produce, dict[str, Any]]:
    (record,) = Detect("events").encode(outcome, 7, AT)
    assert record.value is not None
    return record, orjson.loads(record.value)


@pytest.mark.covers("E5", "F1", "F6", "G16")
def test_a_firing_is_told_with_all_that_sending_needs() -> None:
    customer = Customer(CART)
    customer.happens("identify", AT, tier="gold")
    (firing,) = customer.happens("A", AT, k=17, n=3, event_id="e1", source="web")

    record, value = told(firing)

    name = firing_id("cart", "c", "17", "web", "e1", None)
    assert (record.topic, record.partition, record.key) == ("actions", None, b"c")
    assert value == {
        "firing_id": name,
        "trigger": "cart",
        "customer_id": "c",
        "at": "2026-03-01T10:00:00.000Z",
        "instance": "17",
        "events": ["e1"],
        "actions": [
            {
                "action_id": action_id(name, 0),
                "channel": "webhook",
                "options": {"endpoint": "shop"},
            },
            {"action_id": action_id(name, 1), "channel": "log", "after": 21_600_000},
        ],
        "mode": "live",
        "type": "transactional",
        "priority": "critical",
        "holdout": 0.1,
        "event": {
            "event_id": "e1",
            "customer_id": "c",
            "event_type": "A",
            "timestamp": "2026-03-01T10:00:00.000Z",
            "source": "web",
            "event_data": {"k": 17, "n": 3},
        },
        "profile": {"tier": "gold"},
        "ruleset": 7,
    }
    assert dict(record.headers) == {
        "ts-kind": b"firing",
        "ce_specversion": b"1.0",
        "ce_id": name.encode(),
        "ce_type": b"triggerstream.firing.v1",
        "ce_source": b"triggerstream",
        "ce_subject": b"c",
        "ce_time": b"2026-03-01T10:00:00.000Z",
        "content-type": b"application/json",
    }


def test_the_event_of_a_firing_is_told_in_the_native_form() -> None:
    customer = Customer("{trigger: t, when: {event: Order Completed}}")
    body = {"type": "track", "event": "Order Completed", "userId": "c", "properties": {"n": 1}}

    (firing,) = customer.receives(orjson.dumps({**body, "messageId": "m"}), arrival=AT)

    assert orjson.loads(bytes(firing.event)) == {
        "event_id": "m",
        "customer_id": "c",
        "event_type": "Order Completed",
        "timestamp": "2026-03-01T10:00:00.000Z",
        "source": "segment",
        "event_data": {"n": 1},
    }


def test_goals_and_consent_are_told_in_the_order_of_decisions() -> None:
    goal, said = told(GoalReached("t", "c", AT, 7))
    consent, allowed = told(ConsentChanged("c", AT, {"email_consent": False}))

    at = "2026-03-01T10:00:00.000Z"
    assert (goal.key, goal.headers) == (b"c", (("ts-kind", b"goal"),))
    assert said == {"trigger": "t", "customer_id": "c", "at": at, "position": 7}
    assert (consent.key, consent.headers) == (b"c", (("ts-kind", b"consent"),))
    assert allowed == {"customer_id": "c", "at": at, "consent": {"email_consent": False}}


@pytest.mark.covers("F1")
def test_a_suppressed_match_is_told_by_ids_and_reasons_alone() -> None:
    customer = Customer(CART)
    customer.happens("identify", AT, tier="gold")
    (suppressed,) = customer.happens("A", AT, k="x", n=5, event_id="e1", source="web")

    record, value = told(suppressed)

    assert (record.topic, record.partition, record.key) == ("deliveries", None, b"c")
    assert value == {
        "match_id": firing_id("cart", "c", "x", "web", "e1", None),
        "trigger": "cart",
        "customer_id": "c",
        "at": "2026-03-01T10:00:00.000Z",
        "instance": "x",
        "events": ["e1"],
        "reason": "condition",
        "detail": "event_data.n less_than 5; found 5",
        "actions": 2,
        "mode": "live",
        "type": "transactional",
        "ruleset": 7,
    }


def test_a_suppressed_match_that_the_policy_wants_no_record_of_is_told_nobody() -> None:
    customer = Customer(ruleset_of(CART, "record_suppressed: false"))
    (suppressed,) = customer.happens("A", AT, k="x", n=5)

    assert list(Detect("events").encode(suppressed, 7, AT)) == []


@pytest.mark.parametrize(
    "outcome",
    [Bounded("slot", "t", "c"), TriggerFailed("t", "c", AT, "x"), Clamped("c", 2, 1)],
    ids=lambda outcome: type(outcome).__name__,
)
def test_what_is_only_counted_is_told_nobody(outcome: Any) -> None:
    assert list(Detect("events").encode(outcome, 7, AT)) == []


def test_a_firing_is_one_line_of_replay() -> None:
    customer = Customer(CART)
    (firing,) = customer.happens("A", AT, k="x", n=3)

    assert decision_line(firing) == {
        "kind": "firing",
        "firing_id": firing.firing_id,
        "trigger": "cart",
        "customer_id": "c",
        "at": "2026-03-01T10:00:00.000Z",
        "instance": "x",
        "events": ["0"],
        "actions": [msgspec.to_builtins(action) for action in firing.actions],
    }


def test_a_suppressed_match_is_one_line_of_replay() -> None:
    customer = Customer(CART)
    (suppressed,) = customer.happens("A", AT, k="x", n=5)

    assert decision_line(suppressed) == {
        "kind": "suppressed",
        "reason": "condition",
        "trigger": "cart",
        "customer_id": "c",
        "at": "2026-03-01T10:00:00.000Z",
    }


def test_a_failed_trigger_is_one_line_of_replay() -> None:
    assert decision_line(TriggerFailed("t", "c", AT, "ValueError: x")) == {
        "kind": "error",
        "trigger": "t",
        "customer_id": "c",
        "at": "2026-03-01T10:00:00.000Z",
        "error": "ValueError: x",
    }


def test_no_other_outcome_is_a_line_of_replay() -> None:
    assert decision_line(GoalReached("t", "c", AT)) is None


# ── inspecting ──────────────────────────────────────────────────────────────────────────────


def test_a_state_is_described_for_people() -> None:
    customer = Customer(
        "{trigger: t, when: {sequence: [{event: A}, {event: B}, {absent: X, for: 1h}]}}\n---\n"
        "{trigger: f, when: {event: B}}"
    )
    customer.happens("identify", AT, tier="gold")
    customer.happens("A", AT)
    customer.happens("B", AT)

    assert customer.program.describe(customer.state, customer.ruleset) == {
        "customer_id": "c",
        "last": "2026-03-01T10:00:00.000Z",
        "wake": "2026-03-01T11:00:10.000Z",
        "profile": {"tier": "gold"},
        "progress": {
            "t": [{"instance": None, "waits": ["2026-03-01T11:00:00.000Z"], "events": ["1", "2"]}]
        },
        "fired": {"f": {"count": 1, "last": "2026-03-01T10:00:00.000Z"}},
    }


def test_who_is_described_is_not_changed_by_that() -> None:
    def orders(*, is_looked_at: bool) -> Any:
        customer = Customer(
            "{attribute: orders, count: A, start: profile.before}\n---\n"
            "{trigger: t, when: {event: A}, if: {profile.orders: {greater_than: 0}}}"
        )
        customer.happens("identify", AT, before=5)
        if is_looked_at:
            described = customer.program.describe(customer.state, customer.ruleset)
            assert described["attributes"] == {"orders": 5}
        customer.happens("identify", AT, before=10)
        (firing,) = customer.happens("A", AT)
        return firing.profile["orders"]

    assert orders(is_looked_at=True) == orders(is_looked_at=False) == 11


def test_a_stranger_is_described_too() -> None:
    customer = Customer("{trigger: t, when: {event: A}}")

    described = customer.program.describe(customer.state, customer.ruleset)

    assert (described["last"], described["wake"]) == (None, None)


def test_progress_of_another_ruleset_is_not_described() -> None:
    customer = Customer("{trigger: t, when: {count: A, at_least: 2}}")
    customer.happens("A", AT)
    other = Customer("{trigger: t, when: {count: A, at_least: 3}}")

    described = other.program.describe(customer.state, other.ruleset)

    assert described["progress"] == {}
