"""What a dead letter says of a body that is no event: what it looks like, and the remedy."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from triggerstream.core.events.decode import decode_event
from triggerstream.core.records.record import Rejected

EVENT = {"customer_id": "c1", "event_type": "view"}
CHANGE = {"before": None, "after": {"id": 1}, "op": "c", "source": {"db": "shop"}}
ROW = {"id": 1, "name": "Kim"}
INBOX = "send batches to the inbox topic, which takes them apart: here a record is one event"
DEBEZIUM = "it is a change event of Debezium: unwrap it (ExtractNewRecordState)"
CONNECT = "it is wrapped by Kafka Connect: set value.converter.schemas.enable=false"


def js(value: Any) -> bytes:
    return json.dumps(value).encode()


def detail(value: bytes) -> str:
    with pytest.raises(Rejected) as caught:
        decode_event(value, fallback_id="-", fallback_timestamp=0)
    assert len(caught.value.detail) < 300
    return f"{caught.value.reason}: {caught.value.detail}"


@pytest.mark.parametrize(
    ("value", "reason", "look"),
    [
        pytest.param(
            js({"batch": [EVENT]}), "missing_field", f"it is a batch: {INBOX}", id="batch"
        ),
        pytest.param(js([EVENT, EVENT]), "wrong_type", f"it is a batch: {INBOX}", id="array"),
        pytest.param(js(CHANGE), "missing_field", DEBEZIUM, id="debezium"),
        pytest.param(
            js({"schema": {}, "payload": CHANGE}), "missing_field", DEBEZIUM, id="with one"
        ),
        pytest.param(js({"schema": {}, "payload": ROW}), "missing_field", CONNECT, id="connect"),
        pytest.param(js({"schema": None, "payload": "x"}), "missing_field", CONNECT, id="a text"),
        pytest.param(
            b"\0\0\0\0\x0c" + js(EVENT),
            "bad_json",
            "it looks like JSON framed by a schema registry (schema id 12): use a plain JSON",
            id="framed JSON",
        ),
        pytest.param(
            b"\0\0\0\0\x0c\x02\x06abc",
            "bad_json",
            "it looks like Avro or Protobuf framed by a schema registry (schema id 12)",
            id="framed Avro",
        ),
        pytest.param(b"Obj\x01\x04", "bad_json", "it looks like an Avro file", id="Avro file"),
        pytest.param(b"\x0a\x02c1\x12\x04view", "bad_json", "a binary format", id="Protobuf"),
        pytest.param(b"\x82\xabcustomer_id\x01", "bad_utf8", "a binary format", id="MessagePack"),
        pytest.param(
            gzip.compress(js(EVENT)), "bad_utf8", "it looks like gzip: send it", id="gzip"
        ),
        pytest.param(b"\x28\xb5\x2f\xfd\x04", "bad_utf8", "it looks like zstd", id="zstd"),
        pytest.param(
            "\ufeff{}".encode("utf-16-le"),
            "bad_utf8",
            "it looks like UTF-16: send UTF-8",
            id="UTF-16",
        ),
        pytest.param(b"\n<event/>", "bad_json", "it looks like XML: send JSON", id="XML"),
        pytest.param(
            js(js(EVENT).decode()), "wrong_type", "encoded twice: send the object", id="twice"
        ),
        pytest.param(
            js(EVENT) + b"\n" + js(EVENT),
            "bad_json",
            "several lines of JSON: send one",
            id="NDJSON",
        ),
    ],
)
def test_a_letter_says_what_the_body_looks_like(value: bytes, reason: str, look: str) -> None:
    told = detail(value)

    assert told.startswith(f"{reason}: ")
    assert look in told


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"nonsense", id="a word"),
        pytest.param(b'{"customer_id": "c', id="cut off"),
        pytest.param(b'{"customer_id": "\xe9"}', id="another code page"),
        pytest.param(b'"text"', id="a text"),
        pytest.param(js({"event_type": "view"}), id="nobody"),
        pytest.param(js({"op": "c", "source": "web", "event_type": "view"}), id="no change"),
        pytest.param(b"line\nline", id="lines of something else"),
    ],
)
def test_what_nobody_can_tell_is_not_guessed_at(value: bytes) -> None:
    assert "it is" not in detail(value)
    assert "it looks like" not in detail(value)


def test_a_native_event_may_have_members_of_these_names() -> None:
    value = js(EVENT | CHANGE | {"source": "web", "batch": [], "schema": 1, "payload": 2})

    assert decode_event(value, fallback_id="-", fallback_timestamp=0).customer_id == "c1"
