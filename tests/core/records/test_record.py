"""What headers say, whoever wrote them and whatever stands in them; and how large a record is."""

from __future__ import annotations

import pytest
from aiokafka.record.default_records import DefaultRecordBatchBuilder

from triggerstream.core.records.record import (
    ARRIVAL,
    KIND,
    ORIGIN,
    Header,
    Kind,
    read_headers,
    read_kind,
    size_of,
)
from triggerstream.core.timestamps import LATEST

CAME = 1_700_000_000_000
PLAYED = 1_600_000_000_000


@pytest.mark.parametrize(
    ("headers", "kind"),
    [
        ((), None),
        (((KIND, b"tick"),), Kind.TICK),
        (((KIND, None),), None),
        (((KIND, b""),), b""),
        (((KIND, b"\xff\xfe"),), b"\xff\xfe"),
        (((KIND, b"erase"), (KIND, b"tick")), Kind.TICK),
        (((KIND, b"tick"), (KIND, None)), Kind.TICK),
        ((("traceparent", None), ("", b""), ("TS-KIND", b"tick")), None),
    ],
    ids=["none", "one", "null", "empty", "no text", "twice", "twice, then null", "others"],
)
def test_the_last_kind_with_a_value_counts(headers: tuple[Header, ...], kind: bytes | None) -> None:
    assert read_kind(headers) == kind
    assert read_headers(headers, CAME, None)[0] == kind


@pytest.mark.parametrize(
    ("value", "arrival"),
    [
        (b"1700000000001", 1_700_000_000_001),
        (b"0", 0),
        (b"%d" % (LATEST - 1), LATEST - 1),
        (b"%d" % LATEST, CAME),
        (b"9" * 18, CAME),
        (b"9" * 5000, CAME),
        (b"-1", CAME),
        (b"", CAME),
        (b"noon", CAME),
        ("\u0661\u0667".encode(), CAME),
        (None, CAME),
    ],
)
def test_where_time_is_data_only_a_time_is_an_arrival(value: bytes | None, arrival: int) -> None:
    assert read_headers(((ARRIVAL, value),), CAME, PLAYED)[1] == arrival
    assert read_headers(((ARRIVAL, value),), CAME, None)[1] == CAME


def test_where_time_is_data_a_control_record_without_an_arrival_moves_no_clock() -> None:
    headers: tuple[Header, ...] = ((KIND, Kind.TICK), (ARRIVAL, b"soon"))

    assert read_headers(headers, CAME, PLAYED)[1] == PLAYED


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        (b"3:9", (3, 9)),
        (b"9999:999999999999999999", (9_999, 10**18 - 1)),
        (b"10000:9", None),
        (b"3:1000000000000000000", None),
        (b"3:" + b"9" * 5000, None),
        (b"-1:9", None),
        (b"3:-9", None),
        (b"3", None),
        (b"3:", None),
        (b":9", None),
        (b"3:9:1", None),
        (b"", None),
        (None, None),
    ],
)
def test_an_origin_is_a_partition_and_an_offset(
    value: bytes | None, origin: tuple[int, int] | None
) -> None:
    assert read_headers(((ORIGIN, value),), CAME, None)[2] == origin


@pytest.mark.parametrize(
    ("key", "value", "headers"),
    [
        (None, None, []),
        (b"c1", b"v" * 200_000, [("traceparent", b"t" * 55)]),
        (b"", b"", [("", None), ("", b"")]),
        (b"c1", b"v", [("h", None)] * 10_000),
        (b"c1", b"v", [("\U0001f600" * 40, b"")] * 1000),
        (b"c1", b"v", [("n" * 70_000, b"h" * 70_000)] * 3),
    ],
    ids=["nothing", "usual", "empty", "thousands", "names beyond ASCII", "huge"],
)
def test_no_record_takes_more_than_is_counted_and_what_every_one_takes(
    key: bytes | None, value: bytes | None, headers: list[Header]
) -> None:
    counted = size_of(key, value, headers)

    taken = DefaultRecordBatchBuilder.estimate_size_in_bytes(key, value, headers)

    assert counted <= taken + 10 * len(headers)
    assert taken <= counted + 100
