"""Batches are taken apart as they came: in order, nothing judged, each item in its own bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from triggerstream.core.events.batches import MOST, MOST_BYTES, split
from triggerstream.core.records.record import Rejected

EVENT = b'{"customer_id": "c1",  "event_type": "view", "n": 1.10, "big": 89014103211118510720}'
CALL = b'{"type": "track", "event": "seen", "userId": "u1"}'


def test_the_items_of_an_array_keep_their_bytes_and_their_order() -> None:
    assert split(b" [%b,\n%b, 7, []]" % (EVENT, CALL)) == [EVENT, CALL, b"7", b"[]"]


def test_a_call_inherits_what_its_batch_says_and_its_own_word_wins() -> None:
    own = b'{"type": "page", "sentAt": "own", "n": 1.10}'

    items = split(
        b'{"batch": [%b, %b, %b], "sentAt": "s", "context": {"a": 1}}' % (CALL, own, EVENT)
    )

    assert items is not None
    assert [json.loads(item) for item in items] == [
        json.loads(CALL) | {"sentAt": "s", "context": {"a": 1}},
        json.loads(own) | {"context": {"a": 1}},
        json.loads(EVENT),
    ]
    assert b'"n":1.10' in items[1]
    assert items[2] == EVENT


def test_a_byte_order_mark_and_half_a_character_do_not_cost_the_batch() -> None:
    items = split(b'\xef\xbb\xbf[{"customer_id": "a\\ud83d"}]')

    assert items == [b'{"customer_id": "a\\ufffd"}']


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(None, id="null"),
        pytest.param(b"", id="no bytes"),
        pytest.param(EVENT, id="an event"),
        pytest.param(b'{"batch": 7}', id="no list"),
        pytest.param(b'{"customer_id": "c", "batch": [{}]}', id="an event with a batch"),
        pytest.param(b"[", id="cut off"),
        pytest.param(b"[" * 300 + b"]" * 300, id="deep"),
        pytest.param(b'["\xff"]', id="not UTF-8"),
    ],
)
def test_what_is_no_batch_is_none(value: bytes | None) -> None:
    assert split(value) is None


@pytest.mark.parametrize("value", [b"[]", b'{"batch": []}'])
def test_a_batch_of_nothing_is_told(value: bytes) -> None:
    with pytest.raises(Rejected, match="empty: a batch of at least one event"):
        split(value)


def test_a_batch_has_a_bound_including_its_end() -> None:
    def batch(number: int) -> Any:
        return split(b"[" + b",".join([b"{}"] * number) + b"]")

    assert len(batch(MOST)) == MOST
    with pytest.raises(
        Rejected, match=f"too_large: at most {MOST} events in a batch; found {MOST + 1}"
    ):
        batch(MOST + 1)


def test_what_a_batch_says_once_does_not_make_one_record_many_times_its_size() -> None:
    def sizes(context: int) -> list[int]:
        said = b'{"context":"%b"}' % (b"x" * context)
        items = split(b'{"batch":[%b],%b' % (b",".join([CALL] * MOST), said[1:]))
        assert items is not None
        return [len(item) for item in items]

    longest = MOST_BYTES // MOST - 2 * len(CALL)

    assert MOST_BYTES * 9 // 10 < sum(sizes(longest)) <= MOST_BYTES
    with pytest.raises(Rejected, match="too_large: at most 8388608 bytes with the batch's context"):
        sizes(MOST_BYTES // MOST)
