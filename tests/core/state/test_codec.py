"""Stored states: every format that was ever written is read for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.core.detection.customers import Customer, ruleset_of
from tests.core.state.stored import (
    GOLDEN,
    HOUR,
    START,
    TRIGGERS,
    a_customer,
    decided_after,
    read,
    written,
)
from triggerstream.core.detection.describe import describe
from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.state import codec
from triggerstream.errors import StateFormatError


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("state-v*.bin")), ids=lambda path: path.name)
def test_golden_bytes_decode_for_ever_and_decide_as_they_did(path: Path) -> None:
    fresh, restored = a_customer(), Customer(ruleset_of(TRIGGERS))
    restored.offset = fresh.offset
    fresh.out.clear()
    restored.state = restored.program.load("c", path.read_bytes())

    assert describe(restored.state, restored.ruleset) == describe(fresh.state, fresh.ruleset)
    assert decided_after(restored) == decided_after(fresh)


def test_the_present_format_has_a_golden_file() -> None:
    customer = a_customer()

    stored = customer.program.dump(customer.state, customer.offset - 1)

    assert stored == (GOLDEN / f"state-v{codec.FORMAT}.bin").read_bytes()


def test_the_header_says_when_to_wake_and_what_is_contained() -> None:
    customer = a_customer()

    form, flags, wake, fence = header.unpack(customer.program.dump(customer.state, 77))

    assert (form, flags, fence) == (codec.FORMAT, 0, 77)
    assert wake == customer.state.wake == START + 3 + HOUR + 10_000


def test_a_state_that_waits_for_nothing_never_wakes() -> None:
    customer = Customer("{trigger: t, when: {event: A}}")

    assert header.unpack(customer.program.dump(customer.state, 0))[2] == NEVER


def test_what_is_stored_is_the_tables_as_they_are() -> None:
    customer = Customer(
        "{trigger: t, when: {sequence: [{event: A}, {absent: X, for: 1h}], per: event_data.k}}"
    )
    customer.happens("A", START, k="one", event_id="Ä")

    fields = read(customer.program.dump(customer.state, 0))

    key = customer.ruleset.triggers["t"].key
    assert fields["times"] == START.to_bytes(8, "little")
    assert fields["ids"] == "Ä".encode() + b"\xff"
    assert list(fields["bodies"]) == [0]
    assert fields["waits"] == {f"{key}0one": [START + HOUR, 0, 0, 0]}
    assert fields["instances"] == {key: ["one"]}
    assert (fields["cells"], fields["matches"], fields["values"]) == ({}, {}, {})
    assert written(fields)[header.SIZE :] == codec.dump_body(customer.state)


# ── what is derived ─────────────────────────────────────────────────────────────────────────


def test_where_nothing_is_derived_a_state_takes_no_byte_more_than_in_format_4() -> None:
    before = (GOLDEN / "state-v4.bin").read_bytes()
    customer = a_customer()

    stored = customer.program.dump(customer.state, customer.offset - 1)

    assert stored[header.SIZE :] == before[header.SIZE :]


def test_what_is_derived_stands_behind_the_tables_and_comes_back() -> None:
    state = a_customer().state
    state.derived, state.derivations = {"key": (1, 2.5, "text")}, b"12345678"
    state.position, state.tau = 7, START

    loaded = codec.load("c", codec.dump(state, 0))

    assert loaded.derived == {"key": (1, 2.5, "text")}
    assert (loaded.derivations, loaded.position, loaded.tau) == (b"12345678", 7, START)


def test_a_time_that_was_decided_is_known_although_nothing_is_held() -> None:
    state = a_customer().state
    state.derivations, state.tau = b"12345678", 0

    assert codec.load("c", codec.dump(state, 0)).tau == 0


# ── what cannot be read ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "found"),
    [
        pytest.param(b"", "at least 18 bytes; found 0", id="nothing"),
        pytest.param(header.pack(99, 0, 0, 0), "up to 5 are known; found 99", id="a later format"),
        pytest.param(header.pack(0, 0, 0, 0), "up to 5 are known; found 0", id="none at all"),
        *(
            pytest.param(header.pack(form, 0, 0, 0) + body, "'c': ", id=f"{said}, of format {form}")
            for form in range(1, codec.FORMAT + 1)
            for body, said in ((b"\xc1", "no MessagePack"), (b"\x90", "too short"))
        ),
    ],
)
def test_what_cannot_be_read_stops_the_process(value: bytes, found: str) -> None:
    with pytest.raises(StateFormatError, match=found):
        codec.load("c", value)


def test_a_field_too_few_stops_the_process() -> None:
    fields = read((GOLDEN / "state-v4.bin").read_bytes())
    assert codec.load("c", written(fields)).room == fields.pop("room")

    with pytest.raises(StateFormatError, match=r"'c': .*14"):
        codec.load("c", written(fields))


@pytest.mark.parametrize(
    ("field", "broken"),
    [
        ("last", "1"),
        ("ring", "text"),
        ("profile", []),
        ("limits", {"t": ["1"]}),
        ("detections", None),
        ("times", [1, 2, 3]),
        ("times", b"1234567"),
        ("times", b""),
        ("ids", "text"),
        ("ids", b""),
        ("ids", b"none has an end"),
        ("bodies", {"0": b""}),
        ("bodies", {0: "text"}),
        ("cells", []),
        ("cells", {"testtest0": []}),
        ("cells", {"testtest0": [-1]}),
        ("cells", {"testtest0": ["0"]}),
        ("cells", {"testtest0": 0}),
        ("cells", {0: [0]}),
        ("waits", {"testtest0": [1, 2, 0]}),
        ("waits", {"testtest0": [1, 2, 0, -1]}),
        ("waits", {"testtest0": [1, -2, 0, 0]}),
        ("waits", {"testtest0": [1.5, 2, 0, 0]}),
        ("matches", {"testtest0": [1]}),
        ("matches", {"testtest0": [1, -1]}),
        ("matches", {"testtest0": None}),
        ("values", {"testtest0": [[1]]}),
        ("values", {"testtest0": [None]}),
        ("instances", {"testtest": [1]}),
        ("instances", {"testtest": {"one": None}}),
        ("room", "16"),
    ],
)
def test_a_field_that_is_no_such_stops_the_process(field: str, broken: Any) -> None:
    fields = read((GOLDEN / "state-v4.bin").read_bytes())
    fields[field] = broken

    with pytest.raises(StateFormatError, match="customer 'c'"):
        codec.load("c", written(fields))
