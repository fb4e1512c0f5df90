"""Stored states: every format that was ever written is read for ever."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.core.detection.customers import Customer, ruleset_of
from triggerstream.core.detection.budget import BYTES
from triggerstream.core.detection.describe import describe
from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.state import codec
from triggerstream.errors import StateFormatError

GOLDEN = Path(__file__).parent / "golden"
START = 1_767_225_600_000
HOUR = 3_600_000

FIELDS = [
    "last", "ring", "profile", "limits", "detections", "times", "ids", "bodies", "cells", "waits",
    "matches", "values", "instances", "room",
]  # fmt: skip
"""Of the present format, in their order."""

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


def read(value: bytes) -> dict[str, Any]:
    """Return the fields of a stored state."""
    return dict(zip(FIELDS, msgspec.msgpack.decode(value[header.SIZE :]), strict=True))


def written(fields: dict[str, Any]) -> bytes:
    return header.pack(codec.FORMAT, 0, NEVER, 0) + msgspec.msgpack.encode(list(fields.values()))


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


# ── what cannot be read ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "found"),
    [
        pytest.param(b"", "at least 18 bytes; found 0", id="nothing"),
        pytest.param(header.pack(99, 0, 0, 0), "up to 4 are known; found 99", id="a later format"),
        pytest.param(header.pack(0, 0, 0, 0), "up to 4 are known; found 0", id="none at all"),
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


# ── old formats ─────────────────────────────────────────────────────────────────────────────

OLD = sorted(set(GOLDEN.glob("state-v*.bin")) - {GOLDEN / "state-v4.bin"})
of_old_formats = pytest.mark.parametrize("path", OLD, ids=lambda path: path.name)

UNREADABLE = b"\x92\xc4\x00\x81\xc0\x01"
"""A slot whose progress is what no pattern's is."""


def restored(path: Path, triggers: str = TRIGGERS) -> Customer:
    """Return the customer in a golden file."""
    customer = Customer(ruleset_of(triggers))
    customer.offset = a_customer().offset
    customer.state = customer.program.load("c", path.read_bytes())
    return customer


@of_old_formats
@pytest.mark.parametrize("slot", [UNREADABLE, UNREADABLE[:-1], b"\x90", b"", b"\xc1"])
@pytest.mark.parametrize("kind", ["slot", "instance"])
@pytest.mark.parametrize("event_type", ["B", "P", "X"])
def test_progress_that_cannot_be_read_stops_the_process_at_the_next_record(
    path: Path, slot: bytes, kind: str, event_type: str
) -> None:
    """Whichever it is, and whether or not it concerns the trigger."""
    customer = restored(path)
    old = customer.state.old
    assert old is not None
    if kind == "slot":
        old.slots["window"] = _with_fingerprint(slot, customer, "window")
    else:
        old.instances["absence"]["one"] = _with_fingerprint(slot, customer, "absence")

    with pytest.raises(StateFormatError, match="progress of a trigger cannot be read"):
        customer.happens(event_type, START + 4)


def _with_fingerprint(slot: bytes, customer: Customer, trigger: str) -> bytes:
    """Return *slot* as what today's *trigger* has made, so that it is not passed over."""
    made_by = customer.ruleset.triggers[trigger].fingerprint
    return slot.replace(b"\xc4\x00", b"\xc4\x08" + made_by)


@of_old_formats
def test_progress_that_cannot_be_read_stops_the_process_when_it_wakes(path: Path) -> None:
    customer = restored(path)
    assert customer.state.old is not None
    customer.state.old.slots["window"] = b"\xc1"

    with pytest.raises(StateFormatError, match="progress of a trigger cannot be read"):
        customer.waits_until(START + 4)


@of_old_formats
def test_what_another_detection_has_made_is_passed_over(path: Path) -> None:
    customer = restored(path)
    assert customer.state.old is not None
    customer.state.old.slots["window"] = UNREADABLE

    customer.happens("P", START + 4)

    assert customer.holders == {"absence", "all", "any", "distinct"}


OTHER = TRIGGERS.replace("for: 1h", "for: 3h").replace("at_most: 5", "at_most: 6")


@of_old_formats
@pytest.mark.parametrize("triggers", [TRIGGERS, OTHER], ids=["its own", "another ruleset"])
def test_who_is_looked_at_in_an_old_format_takes_nothing_over(path: Path, triggers: str) -> None:
    looked_at, usual = restored(path), restored(path)
    before = codec.dump_body(looked_at.state)

    described = describe(looked_at.state, ruleset_of(triggers))

    assert codec.dump_body(looked_at.state) == before
    assert looked_at.state.old is not None
    assert described == describe(looked_at.state, ruleset_of(triggers))
    assert ("window" in described["progress"]) is (triggers == TRIGGERS)
    assert decided_after(looked_at) == decided_after(usual)


@of_old_formats
def test_what_is_taken_over_is_as_if_it_had_been_decided_today(path: Path) -> None:
    taken, fresh = restored(path), a_customer()
    for customer in (taken, fresh):
        customer.waits_until(START + 3)

    one, other = (read(customer.program.dump(customer.state, 0)) for customer in (taken, fresh))
    for table in ("waits", "matches", "cells", "values", "ids"):
        assert one[table] == other[table], table
    assert one["instances"] == other["instances"]
    assert taken.state.weight >= len(codec.dump_body(taken.state))


@pytest.mark.parametrize("length", [3_000, 9_000], ids=["within the budget", "over it"])
def test_what_is_taken_over_is_weighed_again(length: int) -> None:
    """The text of an instance stands more often in the present format."""
    old = restored(GOLDEN / "state-v3.bin").state.old
    assert old is not None
    (slot, *_) = old.instances["absence"].values()
    instances = {"absence": {f"{number:0{length}}": slot for number in range(50)}}
    stored = msgspec.msgpack.encode(msgspec.structs.replace(old, instances=instances))
    customer = Customer(ruleset_of(TRIGGERS))
    customer.state = codec.load("c", header.pack(3, 0, NEVER, 0) + stored)
    state = customer.state
    message = customer.program.read(
        b'{"customer_id":"c","event_type":"A","event_data":{"k":1}}', START + 4, 3, 99, None, ()
    )

    customer.program.on_message(state, message, customer.ruleset, START + 4, START + 4, 99, [])

    assert len(codec.dump_body(state)) <= min(state.weight, BYTES)
    assert (len(customer.instances("absence")) == 51) is (length == 3_000)
