"""Where keys lie: as Kafka's Java clients and aiokafka place them."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import murmur2 as of_aiokafka
from hypothesis import given
from hypothesis import strategies as st

from triggerstream.core.records.placement import murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "partitions", "placed"),
    [("100:48069", 12, 9), ("TT0124", 15, 10), ("wu", 10, 0), ("thingäöüÄÖÜ", 10, 2)],
)
def test_keys_lie_where_java_clients_place_them(key: str, partitions: int, placed: int) -> None:
    assert partition_of(key.encode(), partitions) == placed


@given(st.binary(max_size=70))
def test_any_key_is_hashed_as_aiokafka_does(key: bytes) -> None:
    assert murmur2(key) == of_aiokafka(key) & 0xFFFFFFFF


@given(st.binary(max_size=20), st.integers(1, 100))
def test_a_key_lies_in_one_of_the_partitions(key: bytes, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions
