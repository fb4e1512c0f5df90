"""The intake: placed by customer, stamped once, acknowledged when it has arrived."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Sequence
from typing import Any

import msgspec
import pytest

from triggerstream.core.records.record import ARRIVAL, KIND, ORIGIN, Kind, Produce
from triggerstream.errors import ProtocolError
from triggerstream.stream.intake import LARGEST, Intake, place
from triggerstream.stream.ports import Acknowledged

INBOX = "triggerstream.inbox.v1"
WHOLE = b'{"event_id":"e1","customer_id":"c1","event_type":"seen","timestamp":1700000000000}'


class Came(msgspec.Struct, frozen=True):
    """A record of the inbox."""

    offset: int = 0
    value: bytes | None = WHOLE
    headers: tuple[tuple[str, bytes], ...] = ()
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
