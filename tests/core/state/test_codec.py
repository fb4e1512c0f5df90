"""Stored states: every format that was ever written is read for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.core.detection.customers import Customer, ruleset_of
from triggerstream.core.detection.describe import describe
from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.state import codec
from triggerstream.errors import StateFormatError

GOLDEN = Path(__file__).parent / "golden"
START = 1_767_225_600_000
HOUR = 3_600_000

UNREADABLE = b"\x92\xc4\x00\x81\xc0\x01"
"""A slot whose progress is what no pattern's is."""

TRIGGERS = """
trigger: absence
when: {sequence: [{event: A}, {event: B}, {absent: X, for: 1h}], per: event_data.k}
---
trigger: all
when: {all: [{event: A}, {sequence: [{event: B}, {absent: Y, for: 2h}]}, {event: Z}], within: 1d}
---
trigger: any
when: {any: [{sequence: [{event: A}, {event: Z}]}, {count: B, at_least: 9}]}
---
trigger: distinct
when: {count: B, distinct: event_data.n, at_least: 9}
---
trigger: fired
when: {event: A}
limits: {cooldown: 1h, max_per_customer: 5}
until: P
---
trigger: window
when: {count: B, at_most: 5, within: 3h}
"""


def a_customer() -> Customer:
    """Return a customer with progress of every kind."""
    customer = Customer(ruleset_of(TRIGGERS))
    customer.happens("identify", START, name="Ä", tags=["x"], email_consent=True)
    customer.happens("A", START + 1, k="one", source="web")
    customer.happens("A", START + 2, k=2)
    for n in (1, 1.5, "1", True, 1):
        customer.happens("B", START + 3, k="one", n=n)
    return customer


def make_unreadable(customer: Customer) -> None:
    state = customer.state
    for by_name in (state.slots, *state.instances.values()):
        by_name.update(dict.fromkeys(by_name, UNREADABLE))


def decided_after(customer: Customer) -> list[Any]:
    """Return what is decided when nothing more happens to *customer*, but for one goal."""
    customer.happens("Z", START + 4)
    customer.waits_until(START + 10 * HOUR)
    customer.happens("P", START + 10 * HOUR)
    return customer.out


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


def test_progress_that_no_event_concerns_is_neither_decoded_nor_encoded() -> None:
    customer = a_customer()
    make_unreadable(customer)
    program, at = customer.program, START + 4
    goal = program.read(b'{"customer_id":"c","event_type":"P"}', at, 3, 99, None, ())

    program.on_message(customer.state, goal, customer.ruleset, at, at, 99, [])

    assert program.dump(customer.state, 99).count(UNREADABLE) == 6


@pytest.mark.parametrize(
    ("value", "found"),
    [
        pytest.param(b"", "at least 18 bytes; found 0", id="nothing"),
        pytest.param(header.pack(99, 0, 0, 0), "up to 3 are known; found 99", id="a later format"),
        pytest.param(header.pack(0, 0, 0, 0), "up to 3 are known; found 0", id="none at all"),
        pytest.param(header.pack(3, 0, 0, 0) + b"\xc1", "'c': ", id="no MessagePack"),
        pytest.param(header.pack(3, 0, 0, 0) + b"\x90", "'c': ", id="too short"),
        pytest.param(header.pack(1, 0, 0, 0) + b"\x90", "'c': ", id="too short, of an old format"),
    ],
)
def test_what_cannot_be_read_stops_the_process(value: bytes, found: str) -> None:
    with pytest.raises(StateFormatError, match=found):
        codec.load("c", value)


@pytest.mark.parametrize(
    ("event_type", "at"),
    [
        pytest.param("B", START + 4, id="for an event"),
        pytest.param("X", START - HOUR, id="for a late one"),
    ],
)
def test_progress_that_cannot_be_read_stops_the_process(event_type: str, at: int) -> None:
    customer = a_customer()
    make_unreadable(customer)

    with pytest.raises(StateFormatError, match="progress of a trigger cannot be read"):
        customer.happens(event_type, at, arrival=START + 4)
