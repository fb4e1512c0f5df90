"""The intake: placed by customer, stamped once, acknowledged when it has arrived."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Mapping, Sequence
from math import inf
from typing import Any

import msgspec
import pytest

from triggerstream.core.events.decode import MAX_BYTES, decode_event
from triggerstream.core.events.event import Event
from triggerstream.core.model import SchemaRules, TypeRule
from triggerstream.core.records.record import ARRIVAL, KIND, ORIGIN, POSITION, Header, Kind, Produce
from triggerstream.core.schemas.admit import admit
from triggerstream.core.schemas.schemas import Schemas
from triggerstream.core.timestamps import LATEST
from triggerstream.errors import ProtocolError
from triggerstream.stream.intake import LARGEST, LOOK, SPREAD, Intake, place
from triggerstream.stream.ports import Acknowledged

INBOX = "triggerstream.inbox.v1"
WHOLE = b'{"event_id":"e1","customer_id":"c1","event_type":"seen","timestamp":1700000000000}'


class Came(msgspec.Struct, frozen=True):
    """A record of the inbox."""

    offset: int = 0
    value: bytes | None = WHOLE
    headers: tuple[Header, ...] = ()
    key: bytes | None = None
    partition: int = 3
    timestamp: int = 1_700_000_000_500


def placed(record: Came) -> Produce:
    (found,) = place(record, INBOX, {})
    return found


def test_an_event_goes_to_its_customer_unchanged_with_its_origin() -> None:
    found = placed(Came(offset=9, key=b"any", headers=(("traceparent", b"t"), (ARRIVAL, b"5"))))

    assert found == Produce(
        "events",
        None,
        b"c1",
        WHOLE,
        (("traceparent", b"t"), (ARRIVAL, b"5"), (ORIGIN, b"3:9")),
    )


def test_an_origin_that_it_brought_is_not_believed() -> None:
    assert placed(Came(offset=9, headers=((ORIGIN, b"0:1"),))).headers == ((ORIGIN, b"3:9"),)


def test_an_event_without_id_and_time_is_stamped_with_its_place() -> None:
    body = b'{"customer_id":"c1","event_type":"seen","event_data":{"n":123456789012345678901234}}'

    found = placed(Came(offset=9, value=body))

    assert json.loads(found.value or b"") == {
        "customer_id": "c1",
        "event_type": "seen",
        "event_data": {"n": 123456789012345678901234},
        "event_id": f"{INBOX}/3/9",
        "timestamp": 1_700_000_000_500,
    }


@pytest.mark.parametrize("time", [-1, -(1 << 63)], ids=["none", "far below"])
def test_an_event_in_a_record_without_a_time_gets_its_time_where_it_is_appended(time: int) -> None:
    body = b'{"customer_id":"c1","event_type":"seen"}'

    found = placed(Came(offset=9, value=body, timestamp=time))

    assert json.loads(found.value or b"") == {
        "customer_id": "c1",
        "event_type": "seen",
        "event_id": f"{INBOX}/3/9",
    }


def test_an_event_with_a_time_of_its_own_keeps_it_in_a_record_without_one() -> None:
    assert placed(Came(value=WHOLE, timestamp=-1)).value == WHOLE


def test_the_earliest_time_is_a_time() -> None:
    body = b'{"customer_id":"c1","event_type":"seen","event_id":"e1"}'

    assert json.loads(placed(Came(value=body, timestamp=0)).value or b"")["timestamp"] == 0


@pytest.mark.parametrize(
    ("time", "topic"),
    [(LATEST - 1, "events"), (LATEST, "events.dlq"), ((1 << 63) - 1, "events.dlq")],
    ids=["the last millisecond", "the next one", "as far as it goes"],
)
def test_a_record_from_beyond_the_calendar_gives_its_event_no_time(time: int, topic: str) -> None:
    body = b'{"customer_id":"c1","event_type":"seen"}'

    found = placed(Came(value=body, timestamp=time))

    assert found.topic == topic
    if topic == "events.dlq":
        assert dict(found.headers)["x-dlq-reason"] == b"timestamp_out_of_range"


@pytest.mark.parametrize(
    "headers",
    [
        (("traceparent", None),),
        ((KIND, None), (ARRIVAL, None), (POSITION, b"x" * 5000)),
        (("a", b"1"), ("a", None), ("a", b"2"), ("", b"")),
        (("h", None),) * 10_000,
    ],
    ids=["null", "ours", "twice", "thousands"],
)
def test_headers_pass_as_they_are(headers: tuple[Header, ...]) -> None:
    found = placed(Came(offset=9, headers=headers))

    assert found == Produce("events", None, b"c1", WHOLE, (*headers, (ORIGIN, b"3:9")))


@pytest.mark.parametrize(("more", "topic"), [(0, "events"), (1, "events.dlq")])
def test_headers_count_with_their_lengths(more: int, topic: str) -> None:
    """As many as fit: ten bytes each for the lengths, and the one that says where it came from."""
    left = LARGEST - len(b"c1") - len(WHOLE) - (10 + len(ORIGIN) + len(b"3:9"))
    count, rest = divmod(left, 11)
    headers: tuple[Header, ...] = (("h", None),) * (count - 1) + (("h" * (1 + rest + more), None),)

    found = placed(Came(offset=9, headers=headers))

    assert found.topic == topic
    assert found.headers[-2 if topic == "events" else -1] == headers[-1]


def test_with_its_stamps_an_event_is_no_longer_than_its_owner_reads() -> None:
    def body(text: int) -> bytes:
        return b'{"customer_id":"c1","event_type":"seen","x":"%b"}' % (b"x" * text)

    stamps = len(placed(Came(value=body(0))).value or b"") - len(body(0))
    longest = MAX_BYTES - len(body(0)) - stamps

    fitting, longer = placed(Came(value=body(longest))), placed(Came(value=body(longest + 1)))

    assert (fitting.topic, len(fitting.value or b"")) == ("events", MAX_BYTES)
    assert (longer.topic, longer.value) == ("events.dlq", body(longest + 1))
    assert dict(longer.headers)["x-dlq-reason"] == b"too_large"


def test_stamping_twice_gives_the_same_record() -> None:
    record = Came(offset=9, value=b'{"customer_id":"c1","event_type":"seen"}')

    assert placed(record) == placed(record)


def test_an_erasure_passes_by_its_key() -> None:
    found = placed(Came(offset=9, key=b"c1", value=None, headers=((KIND, Kind.ERASE),)))

    assert (found.topic, found.key, found.value) == ("events", b"c1", None)
    assert (KIND, Kind.ERASE) in found.headers


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param(Came(value=b"{"), "bad_json", id="no JSON"),
        pytest.param(Came(value=None), "empty", id="null"),
        pytest.param(Came(value=b'{"event_type":"x"}'), "missing_field", id="no customer"),
        pytest.param(Came(headers=((KIND, Kind.TICK),)), "unknown_kind", id="a tick"),
        pytest.param(Came(value=None, headers=((KIND, Kind.ERASE),)), "missing_field", id="no key"),
        pytest.param(Came(headers=(("x", b"h" * LARGEST),)), "too_large", id="huge headers"),
    ],
)
def test_what_cannot_be_placed_is_a_dead_letter(record: Came, reason: str) -> None:
    rejected: dict[str, int] = {}

    (found,) = place(record, INBOX, rejected)

    headers = dict(found.headers)
    assert found.topic == "events.dlq"
    assert headers["x-dlq-reason"] == reason.encode()
    assert headers["x-dlq-topic"] == INBOX.encode()
    assert found.value == record.value
    assert rejected == {reason: 1}


BINARY = (
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e1"),
    ("ce_source", b"/shop"),
    ("ce_type", b"seen"),
    ("ce_subject", b"c1"),
    ("content-type", b"application/json"),
    ("traceparent", b"t"),
)


def test_a_cloud_event_in_headers_becomes_a_body_and_its_headers_go() -> None:
    found = placed(Came(offset=9, value=b'{"n":1}', headers=BINARY))

    assert found.key == b"c1"
    assert json.loads(found.value or b"") == {
        "customer_id": "c1",
        "event_type": "seen",
        "event_id": "e1",
        "source": "/shop",
        "event_data": {"n": 1},
        "timestamp": 1_700_000_000_500,
    }
    assert found.headers == (("traceparent", b"t"), (ORIGIN, b"3:9"))


def test_a_number_of_any_length_does_not_end_the_intake() -> None:
    digits = b"9" * 5000

    found = placed(Came(value=b'{"customer_id":"c1","event_type":"seen","x":%b}' % digits))

    assert b'"x":%b' % digits in (found.value or b"")


class TestBatches:
    def test_each_item_is_a_record_of_its_customer_in_order(self) -> None:
        value = b'[%b, {"customer_id": 7, "event_type": "seen"}]' % WHOLE

        first, second = place(Came(offset=9, value=value, headers=(("x", b"y"),)), INBOX, {})

        assert (first.key, first.value) == (b"c1", WHOLE)
        assert json.loads(second.value or b"") == {
            "customer_id": "7",
            "event_type": "seen",
            "event_id": f"{INBOX}/3/9/2",
            "timestamp": 1_700_000_000_500,
        }
        assert second.key == b"7"
        # They share one place in the inbox: with it the second would be dropped as a repeat.
        assert first.headers == second.headers == (("x", b"y"),)

    def test_a_call_is_corrected_by_when_its_batch_was_sent_and_received(self) -> None:
        call = {"type": "track", "event": "seen", "userId": "u1", "messageId": "m1"}
        call["timestamp"] = "2020-01-01T00:00:00Z"
        batch = {"batch": [call], "sentAt": "2020-01-01T00:00:01Z"}

        (found,) = place(Came(value=json.dumps(batch).encode()), INBOX, {})

        event = decode_event(found.value, fallback_id="-", fallback_timestamp=0)
        assert event.timestamp == 1_700_000_000_500 - 1000

    def test_an_item_that_is_no_event_is_a_letter_and_the_others_go_on(self) -> None:
        rejected: dict[str, int] = {}
        cloud = (("content-type", b"application/cloudevents-batch+json"),)
        value = b"[%b,7,%b]" % (WHOLE, WHOLE)

        found = place(Came(offset=9, value=value, headers=cloud), INBOX, rejected)

        assert [one.topic for one in found] == ["events", "events.dlq", "events"]
        letter = dict(found[1].headers)
        assert found[1].value == b"7"
        assert letter["x-dlq-reason"] == b"wrong_type"
        assert letter["x-dlq-error"] == b"item 2 of a batch: a JSON object; found 7"
        assert letter["x-dlq-offset"] == b"9"
        assert rejected == {"wrong_type": 1}
        assert found[0].headers == ()

    def test_a_batch_in_a_batch_is_not_taken_apart(self) -> None:
        (found,) = place(Came(value=b"[[%b]]" % WHOLE), INBOX, {})

        assert found.topic == "events.dlq"

    @pytest.mark.parametrize(
        ("value", "reason"),
        [
            (b"[]", b"empty"),
            (b"[" + b",".join([b"1"] * 501) + b"]", b"too_large"),
            (b"[", b"bad_json"),
        ],
    )
    def test_what_cannot_be_taken_apart_is_one_letter(self, value: bytes, reason: bytes) -> None:
        (found,) = place(Came(value=value), INBOX, {})

        assert (found.topic, found.value) == ("events.dlq", value)
        assert dict(found.headers)["x-dlq-reason"] == reason

    def test_a_batch_may_be_larger_than_an_event(self) -> None:
        wide = WHOLE[:-1] + b',"x":"' + b"x" * 200_000 + b'"}'

        found = place(Came(value=b"[%b,%b]" % (wide, wide)), INBOX, {})

        assert [one.value for one in found] == [wide, wide]

    def test_a_batch_with_a_null_kind_and_null_attributes_is_taken_apart(self) -> None:
        headers: tuple[Header, ...] = ((KIND, None), ("content-type", None), ("ce_id", None))

        found = place(Came(value=b"[%b,%b]" % (WHOLE, WHOLE), headers=headers), INBOX, {})

        assert [(each.topic, each.headers) for each in found] == [("events", ((KIND, None),))] * 2

    def test_the_events_of_a_batch_without_a_time_get_theirs_where_they_are_appended(self) -> None:
        body = b'{"customer_id":"c1","event_type":"seen","event_id":"e1"}'
        call = {"type": "track", "userId": "u1", "event": "Seen", "messageId": "m1"}
        value = b"[%b,%b]" % (body, json.dumps(call).encode())

        native, segment = place(Came(value=value, timestamp=-1), INBOX, {})

        assert native.value == body
        assert segment.topic == "events"
        assert "timestamp" not in json.loads(segment.value or b"")

    @pytest.mark.parametrize(("more", "topics"), [(0, ["events"] * 20), (1, ["events.dlq"])])
    def test_headers_that_every_event_of_a_batch_bears_are_bounded(
        self, more: int, topics: list[str]
    ) -> None:
        headers: tuple[Header, ...] = (("h", b"x" * (SPREAD // 20 - 11 + more)),)
        value = b"[%b]" % b",".join([WHOLE] * 20)

        found = place(Came(value=value, headers=headers), INBOX, {})

        assert [each.topic for each in found] == topics

    def test_a_record_of_another_kind_is_no_batch(self) -> None:
        (found,) = place(Came(value=b"[%b]" % WHOLE, headers=((KIND, Kind.TICK),)), INBOX, {})

        assert found.topic == "events.dlq"

    def test_a_repeat_is_the_same_records(self) -> None:
        record = Came(offset=9, value=b'[{"customer_id":"c","event_type":"a"},{}]')

        assert place(record, INBOX, {}) == place(record, INBOX, {})


RULES = Schemas(
    SchemaRules(
        unknown="flag",
        types={"paid": TypeRule(sources=("server",))},
        aliases={"order": "bought"},
        schemas={"bought": {"required": ["id"]}},
    ),
    ("seen",),
)


def let_in(event: Event) -> bytes:
    return admit(event, RULES)


class TestDoor:
    """What the ruleset asks of events is asked of those of the inbox."""

    def test_an_event_as_it_should_be_stays_byte_for_byte(self) -> None:
        (found,) = place(Came(), INBOX, {}, let_in)

        assert (found.topic, found.value) == ("events", WHOLE)

    def test_an_alias_is_replaced_before_the_event_is_stamped(self) -> None:
        body = b'{"customer_id":"c1","event_type":"order","event_data":{"id":1}}'

        (found,) = place(Came(offset=9, value=body), INBOX, {}, let_in)

        assert json.loads(found.value or b"") == {
            "customer_id": "c1",
            "event_type": "bought",
            "event_data": {"id": 1},
            "event_id": f"{INBOX}/3/9",
            "timestamp": 1_700_000_000_500,
        }

    def test_a_flag_goes_with_the_event(self) -> None:
        (found,) = place(Came(value=WHOLE.replace(b"seen", b"sen")), INBOX, {}, let_in)

        assert found.topic == "events"
        assert json.loads(found.value or b"")["metadata"] == {"ts_flags": ["unknown_type"]}

    @pytest.mark.parametrize(
        ("event_type", "reason", "detail"),
        [
            (b"order", b"schema", b"event_data.id: required; found nothing"),
            (b"paid", b"forbidden_source", b"source: server, for paid; found 'web'"),
        ],
    )
    def test_what_is_refused_is_a_letter_with_all_that_came(
        self, event_type: bytes, reason: bytes, detail: bytes
    ) -> None:
        rejected: dict[str, int] = {}
        value = WHOLE.replace(b"seen", event_type)[:-1] + b',"source":"web","batch":[]}'

        (found,) = place(Came(value=value), INBOX, rejected, let_in)

        letter = dict(found.headers)
        assert (found.topic, found.value) == ("events.dlq", value)
        assert (letter["x-dlq-reason"], letter["x-dlq-error"]) == (reason, detail)
        assert rejected == {reason.decode(): 1}

    def test_an_event_that_is_refused_is_not_taken_for_a_batch(self) -> None:
        call = {"type": "track", "event": "bought", "userId": "u1", "batch": [{}]}

        (found,) = place(Came(value=json.dumps(call).encode()), INBOX, {}, let_in)

        assert dict(found.headers)["x-dlq-reason"] == b"schema"

    def test_each_event_of_a_batch_is_looked_at(self) -> None:
        value = b"[%b,%b]" % (WHOLE, WHOLE.replace(b"seen", b"bought"))

        first, second = place(Came(value=value), INBOX, {}, let_in)

        assert (first.topic, first.value) == ("events", WHOLE)
        assert dict(second.headers)["x-dlq-error"] == (
            b"item 2 of a batch: event_data.id: required; found nothing"
        )

    def test_an_erasure_is_asked_nothing(self) -> None:
        headers: tuple[Header, ...] = ((KIND, Kind.ERASE),)

        (found,) = place(Came(value=None, key=b"c1", headers=headers), INBOX, {}, let_in)

        assert (found.topic, found.key) == ("events", b"c1")

    async def test_the_newest_rules_are_asked_for_once_a_batch_and_failures_are_told(self) -> None:
        log, asked = HeldLog(), iter([None, RULES])
        told: list[Mapping[tuple[str, str, str], int]] = []
        intake = Intake(
            log, Acks(), inbox=INBOX, schemas=lambda: next(asked), count_failed=told.append
        )
        await intake.open(3)
        odd = [Came(value=WHOLE.replace(b"seen", name)) for name in (b"sen", b"see", b"bought")]

        await intake.on_batch(3, odd)
        assert [each.value for each in log.appended] == [each.value for each in odd]
        assert told == []

        await intake.on_batch(3, odd)
        assert [each.topic for each in log.appended[3:]] == ["events", "events", "events.dlq"]
        assert told == [{("other", "other", "unknown_type"): 2, ("other", "bought", "schema"): 1}]


class HeldLog:
    """A log that acknowledges when the test says so."""

    def __init__(self) -> None:
        self.appended: list[Produce] = []
        self.answers: list[asyncio.Future[Sequence[Acknowledged]]] = []

    async def append(self, records: Sequence[Produce]) -> Awaitable[Sequence[Acknowledged]]:
        self.appended.extend(records)
        self.answers.append(asyncio.get_running_loop().create_future())
        return self.answers[-1]


class Acks:
    """An `Input` that keeps what was acknowledged."""

    def __init__(self) -> None:
        self.acks: list[tuple[int, int]] = []

    def done(self, partition: int, offset: int) -> None:
        self.acks.append((partition, offset))

    async def commit(self) -> None: ...

    def end_offset(self, partition: int) -> int | None:
        return None

    def still_ours(self) -> bool:
        return True


async def opened() -> tuple[Intake, HeldLog, Acks]:
    log, acks = HeldLog(), Acks()
    intake = Intake(log, acks, inbox=INBOX)
    await intake.open(3)
    return intake, log, acks


async def test_offsets_are_acknowledged_in_order_when_their_records_have_arrived() -> None:
    intake, log, acks = await opened()
    await intake.on_batch(3, [Came(0), Came(1)])
    await intake.on_batch(3, [Came(2)])

    log.answers[1].set_result([])
    await intake.turn(3)
    assert acks.acks == []

    log.answers[0].set_result([])
    await intake.turn(3)
    assert acks.acks == [(3, 1), (3, 2)]


async def test_what_is_passed_over_is_acknowledged_in_its_turn() -> None:
    intake, log, acks = await opened()
    await intake.on_batch(3, [Came(0), Came(1)])
    intake.pass_over(3, 1)
    intake.pass_over(3, 4)

    await intake.turn(3)
    assert acks.acks == []

    log.answers[0].set_result([])
    await intake.turn(3)
    assert acks.acks == [(3, 4)]

    intake.pass_over(3, 6)
    assert acks.acks == [(3, 4), (3, 6)]


async def test_what_is_passed_over_does_not_pile_up_behind_what_is_on_its_way() -> None:
    intake, log, acks = await opened()
    await intake.on_batch(3, [Came(0)])
    await intake.on_batch(3, [Came(1)])
    for offset in range(2, 100):
        intake.pass_over(3, offset)

    # So one more batch waits for none of those before it (`OUTSTANDING`).
    await intake.on_batch(3, [Came(100)])
    for answer in log.answers:
        answer.set_result([])
    await intake.turn(3)

    assert acks.acks == [(3, 0), (3, 99), (3, 100)]


async def test_a_partition_that_is_not_ours_passes_nothing_over() -> None:
    intake, _, acks = await opened()
    intake.pass_over(5, 4)

    await intake.turn(5)

    assert acks.acks == []


async def test_closing_waits_for_what_is_on_its_way() -> None:
    intake, log, acks = await opened()
    await intake.on_batch(3, [Came(0)])
    asyncio.get_running_loop().call_soon(log.answers[0].set_result, [])

    await intake.close(3)

    assert acks.acks == [(3, 0)]


async def test_a_record_that_did_not_arrive_is_never_acknowledged() -> None:
    intake, log, acks = await opened()
    await intake.on_batch(3, [Came(0)])
    log.answers[0].set_exception(ProtocolError("lost"))

    with pytest.raises(ProtocolError):
        await intake.turn(3)

    assert acks.acks == []


async def test_a_partition_given_away_is_not_read() -> None:
    intake, log, acks = await opened()
    intake.drop()

    batch: list[Any] = [Came(0)]
    await intake.on_batch(3, batch)

    assert (log.appended, acks.acks) == ([], [])


async def test_an_offset_is_acknowledged_when_all_items_of_its_batch_have_arrived() -> None:
    intake, log, acks = await opened()

    await intake.on_batch(3, [Came(0, b"[%b,%b]" % (WHOLE, WHOLE)), Came(1)])
    assert len(log.appended) == 3

    log.answers[0].set_result([])
    await intake.turn(3)
    assert acks.acks == [(3, 1)]


async def test_a_silent_partition_is_looked_at_while_something_of_it_is_on_its_way() -> None:
    intake, log, _ = await opened()
    silences = [await intake.turn(3)]
    await intake.on_batch(3, [Came(0)])
    silences.append(await intake.turn(3))

    log.answers[0].set_result([])
    silences.append(await intake.turn(3))

    assert silences == [inf, LOOK, inf]
