"""``deliveries.v1``: what is written by both programs, what is read, and what is passed over."""

from __future__ import annotations

import msgspec
import pytest

from tests.core.sending.harness import NOON, Entry
from triggerstream.core.decisions import Suppressed
from triggerstream.core.reasons import (
    CancelReason,
    FailReason,
    GateReason,
    Outcome,
    SuppressionReason,
)
from triggerstream.core.records.deliveries import (
    DELIVERIES,
    MOST_BYTES,
    Delivery,
    Failing,
    Reason,
    SuppressedMatch,
    delivery_record,
    read,
    suppressed_record,
)
from triggerstream.core.records.record import KIND, POSITION, Kind, Produce, Rejected

SENT = Delivery(
    action_id="a1",
    firing_id="f1",
    trigger="cart",
    customer_id="c1",
    channel="email",
    type="behavioral",
    mode="live",
    outcome=Outcome.SENT,
    reason=None,
    failing=(),
    at=NOON,
    attempts=2,
    provider_id="m-17",
    slot=NOON - 1000,
)
CAPPED = msgspec.structs.replace(
    SENT,
    outcome=Outcome.SUPPRESSED,
    reason=GateReason.EXPIRED,
    failing=(Failing(GateReason.EXPIRED, "late"), Failing(GateReason.FREQUENCY_CAP)),
    attempts=0,
    detail="late",
    provider_id=None,
    slot=None,
)
MATCH = Suppressed(
    reason=SuppressionReason.COOLDOWN,
    trigger="cart",
    customer_id="c1",
    at=NOON,
    instance="k1",
    events=("e1", "e2"),
    actions=2,
    detail="not before noon, by the cooldown",
    match_id="m1",
    mode="shadow",
    type="lifecycle",
)
BARE = Suppressed(SuppressionReason.BACKFILL, "t", "c1", NOON, None, (), 0, match_id="m2")


def read_back(record: Produce) -> Delivery | SuppressedMatch | None:
    return read(Entry(record.value, headers=(*record.headers, (POSITION, b"42"))))


def entry(value: bytes | None, kind: bytes) -> Entry:
    return Entry(value, headers=((KIND, kind),))


# ── written ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("record", "headers", "value"),
    [
        (
            delivery_record(SENT),
            (),
            (
                b'{"action_id":"a1","firing_id":"f1","trigger":"cart","customer_id":"c1",'
                b'"channel":"email","type":"behavioral","mode":"live","outcome":"sent",'
                b'"reason":null,"failing":[],"at":"2026-03-01T12:00:00.000Z","attempts":2,'
                b'"reserved_at":"2026-03-01T11:59:59.000Z","detail":"","provider_id":"m-17"}'
            ),
        ),
        (
            delivery_record(CAPPED),
            (),
            (
                b'{"action_id":"a1","firing_id":"f1","trigger":"cart","customer_id":"c1",'
                b'"channel":"email","type":"behavioral","mode":"live","outcome":"suppressed",'
                b'"reason":"expired","failing":[{"gate":"expired","detail":"late"},'
                b'{"gate":"frequency_cap","detail":""}],"at":"2026-03-01T12:00:00.000Z",'
                b'"attempts":0,"reserved_at":null,"detail":"late","provider_id":null}'
            ),
        ),
        (
            suppressed_record(MATCH, 7),
            ((KIND, Kind.SUPPRESSED),),
            (
                b'{"match_id":"m1","trigger":"cart","customer_id":"c1",'
                b'"at":"2026-03-01T12:00:00.000Z","instance":"k1","events":["e1","e2"],'
                b'"reason":"cooldown","detail":"not before noon, by the cooldown","actions":2,'
                b'"mode":"shadow","type":"lifecycle","ruleset":7}'
            ),
        ),
        (
            suppressed_record(BARE, 7),
            ((KIND, Kind.SUPPRESSED),),
            (
                b'{"match_id":"m2","trigger":"t","customer_id":"c1",'
                b'"at":"2026-03-01T12:00:00.000Z","reason":"backfill","mode":"live",'
                b'"type":"behavioral","ruleset":7}'
            ),
        ),
    ],
    ids=["sent", "not sent", "suppressed", "suppressed, with nothing more to say"],
)
def test_the_bytes_of_each_kind_stay(
    record: Produce, headers: tuple[tuple[str, bytes], ...], value: bytes
) -> None:
    assert (record.topic, record.partition, record.key) == (DELIVERIES, None, b"c1")
    assert record.headers == headers
    assert record.value == value


@pytest.mark.parametrize(("over", "told"), [(0, True), (1, False)], ids=["at", "over"])
def test_ids_of_events_that_would_not_fit_are_left_out(over: int, told: bool) -> None:
    without = len(suppressed_record(msgspec.structs.replace(MATCH, events=("",)), 7).value or b"")
    match = msgspec.structs.replace(MATCH, events=("e" * (MOST_BYTES - without + over),))

    found = read_back(suppressed_record(match, 7))

    assert isinstance(found, SuppressedMatch)
    assert found.suppressed.events == (match.events if told else ())


@pytest.mark.parametrize(("length", "kept"), [(1000, 1000), (1001, 1000)], ids=["at", "over"])
def test_what_was_found_is_told_in_a_thousand_characters(length: int, kept: int) -> None:
    match = msgspec.structs.replace(MATCH, detail="ü" * length)

    found = read_back(suppressed_record(match, 7))

    assert isinstance(found, SuppressedMatch)
    assert found.suppressed.detail == "ü" * kept


# ── read ────────────────────────────────────────────────────────────────────────────────────


def test_a_suppressed_match_that_was_written_is_read_as_it_was() -> None:
    assert read_back(suppressed_record(MATCH, 7)) == SuppressedMatch(MATCH, 7, 42)
    assert read_back(suppressed_record(BARE, 7)) == SuppressedMatch(BARE, 7, 42)


@pytest.mark.parametrize("delivery", [SENT, CAPPED], ids=["sent", "not sent"])
def test_a_delivery_that_was_written_is_read_as_it_was(delivery: Delivery) -> None:
    assert read_back(delivery_record(delivery)) == delivery


def test_a_delivery_may_say_what_it_is() -> None:
    value = delivery_record(SENT).value

    assert read(entry(value, Kind.DELIVERY)) == read(Entry(value)) == SENT


@pytest.mark.parametrize("reason", [*GateReason, *FailReason, *CancelReason])
def test_every_reason_is_read_as_the_one_that_it_was(reason: Reason) -> None:
    found = read_back(delivery_record(msgspec.structs.replace(SENT, reason=reason)))

    assert isinstance(found, Delivery)
    assert found.reason is reason


@pytest.mark.parametrize("value", [b"{}", b"", None], ids=["an object", "no bytes", "nothing"])
def test_a_kind_that_is_not_known_is_passed_over(value: bytes | None) -> None:
    assert read(entry(value, b"outcome")) is None


def test_fields_that_a_newer_program_adds_are_passed_over() -> None:
    for record in (delivery_record(SENT), suppressed_record(MATCH, 7)):
        newer = (record.value or b"").replace(b"{", b'{"news":{"a":[1]},', 1)

        known = Entry(record.value, headers=record.headers)
        assert read(Entry(newer, headers=record.headers)) == read(known)


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (Kind.DELIVERY, None, "empty"),
        (Kind.SUPPRESSED, b"", "empty"),
        (Kind.DELIVERY, b"{", "bad_json"),
        (Kind.SUPPRESSED, b'{"match_id": "\xff"}', "bad_utf8"),
        (Kind.DELIVERY, b'{"news": ' + b"[" * 100_000, "too_deep"),
        (Kind.DELIVERY, b"{}", "missing_field"),
        (Kind.SUPPRESSED, b"{}", "missing_field"),
        (Kind.SUPPRESSED, b"[]", "wrong_type"),
        (
            Kind.DELIVERY,
            (delivery_record(SENT).value or b"").replace(b"sent", b"lost"),
            "wrong_type",
        ),
        (
            Kind.DELIVERY,
            (delivery_record(CAPPED).value or b"").replace(b'"reason":"expired"', b'"reason":"x"'),
            "wrong_type",
        ),
        (
            Kind.SUPPRESSED,
            (suppressed_record(MATCH, 7).value or b"").replace(b"2026-03-01T", b"yesterday "),
            "bad_timestamp",
        ),
    ],
)
def test_what_cannot_be_read_is_rejected(kind: bytes, value: bytes | None, reason: str) -> None:
    with pytest.raises(Rejected) as rejected:
        read(entry(value, kind))

    assert rejected.value.reason == reason
