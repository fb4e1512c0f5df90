"""Old formats: their progress is read when a ruleset is there that tells what it means."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.core.detection.customers import LATENESS, Customer, ruleset_of
from tests.core.state.stored import (
    GOLDEN,
    HOUR,
    START,
    TRIGGERS,
    a_customer,
    decided_after,
    read,
)
from triggerstream.core.detection.adopt import adopt
from triggerstream.core.detection.budget import BYTES
from triggerstream.core.detection.describe import describe
from triggerstream.core.keyed import header
from triggerstream.core.keyed.program import NEVER
from triggerstream.core.state import codec
from triggerstream.core.state.formats import Slot, Stored3
from triggerstream.core.state.old_progress import Held, Partial, Steps, Wait, Window
from triggerstream.errors import StateFormatError

OLD = [GOLDEN / f"state-v{form}.bin" for form in (1, 2, 3)]
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


@pytest.mark.parametrize(("at", "fires"), [(START + 69_999, True), (START + 70_000, False)])
@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_when_an_event_was_is_known_if_anybody_has_noted_it(
    at: int, fires: bool, order: tuple[str, str]
) -> None:
    """A partial match has noted it of its first event and of its latest, and a count of each."""
    customer = Customer(
        "{trigger: a, when: {sequence: [{event: A}, {event: B}, {event: C}, {event: D}]}}\n---\n"
        "{trigger: b, when: {count: B, at_least: 2, within: 1m}}"
    )
    partial = Partial(START, START + 20_000, ((3, "x"), (4, "y"), (5, "z")))
    held = Held(START + 10_000, 4, "y")
    progress = {"a": Steps(((), (), (partial,))), "b": (held,)}
    slots: dict[str, Slot] = {
        name: msgspec.msgpack.encode((customer.ruleset.triggers[name].fingerprint, progress[name]))
        for name in order
    }
    old = Stored3(START + 20_000, bytearray(), {}, slots, {}, {}, b"", {})
    customer.state = codec.load("c", header.pack(3, 0, NEVER, 0) + msgspec.msgpack.encode(old))
    customer.offset = 6

    (*_, firing) = [*customer.happens("B", at), *customer.happens("D", at)]

    assert firing.events == ("x", "y", "z", "7")
    assert len(customer.out) == 1 + fires
    if fires:
        assert customer.out[0].events == ("y", "6")


@pytest.mark.parametrize(
    ("arrival", "settled"),
    [
        pytest.param(START, START + HOUR, id="in time"),
        pytest.param(START + HOUR, START + HOUR, id="at its due time"),
        pytest.param(START + HOUR + 1, START + HOUR + 1, id="behind it"),
    ],
)
@pytest.mark.parametrize("trigger", ["absence", "window"])
def test_an_old_wait_is_settled_when_its_opener_has_arrived(
    trigger: str, arrival: int, settled: int
) -> None:
    triggers = {
        "absence": "{trigger: absence, when: {sequence: [{event: A}, {absent: X, for: 1h}]}}",
        "window": "{trigger: window, when: {count: A, at_most: 1, within: 1h}}",
    }
    raw = b'{"customer_id":"c","event_type":"A","event_id":"x"}'
    progress = {
        "absence": Steps((), Wait(START + HOUR, arrival, ((3, "x"),), raw)),
        "window": Window(START + HOUR, arrival, 1, (Held(START, 3, "x"),), raw),
    }
    customer = Customer(triggers[trigger])
    made_by = customer.ruleset.triggers[trigger].fingerprint
    slots: dict[str, Slot] = {trigger: msgspec.msgpack.encode((made_by, progress[trigger]))}
    old = Stored3(START, bytearray(), {}, slots, {}, {}, b"", {})
    stored = header.pack(3, 0, settled + LATENESS, 0) + msgspec.msgpack.encode(old)
    customer.state = codec.load("c", stored)

    assert customer.waits_until(settled + LATENESS - 1) == []
    assert (customer.state.due, customer.state.wake) == (START + HOUR, settled + LATENESS)
    (firing,) = customer.waits_until(settled + LATENESS)
    assert (firing.at, firing.events) == (START + HOUR, ("x",))


def test_an_old_window_has_counted_more_events_than_it_holds() -> None:
    customer = Customer("{trigger: window, when: {count: A, exactly: 7, within: 1h}}")
    window = Window(START + HOUR, START, 7, (Held(START, 3, "x"),), b"{}")
    made_by = customer.ruleset.triggers["window"].fingerprint
    slots: dict[str, Slot] = {"window": msgspec.msgpack.encode((made_by, window))}
    old = Stored3(START, bytearray(), {}, slots, {}, {}, b"", {})
    customer.state = codec.load("c", header.pack(3, 0, NEVER, 0) + msgspec.msgpack.encode(old))
    adopt(customer.state, customer.ruleset)

    (wait,) = customer.state.waits.values()

    assert wait == (START + HOUR, 0, 7, 0)


@of_old_formats
@pytest.mark.parametrize("triggers", [TRIGGERS, "{trigger: t, when: {event: A}}"])
def test_who_waits_no_longer_is_not_woken(path: Path, triggers: str) -> None:
    customer = restored(path, triggers)
    assert customer.state.wake == START + 3 + HOUR + LATENESS

    customer.waits_until(START + 10 * HOUR)

    assert (customer.state.due, customer.state.wake, customer.state.waits) == (NEVER, NEVER, {})
