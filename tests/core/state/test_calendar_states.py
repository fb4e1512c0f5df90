"""A stored state with a session, dates and whereabouts: read for ever, and decided on as it was."""

from __future__ import annotations

import msgspec

from tests.core.detection.customers import Customer, ruleset_of
from tests.core.state.stored import GOLDEN, HOUR, START
from triggerstream.core.derive import sessions
from triggerstream.core.derive.calendar import dates
from triggerstream.core.detection.describe import describe

PATH = GOLDEN / "calendar-v5.bin"

POLICY = "activity: [A, B]"
TRIGGERS = """
trigger: visit
when: {session: ended}
---
trigger: birthday
when: {date: profile.birthday, every: month}
---
trigger: since
when: {date: profile.since, every: once, after: 1d}
---
attribute: since
first: at
on: A
"""


def a_customer() -> Customer:
    customer = Customer(ruleset_of(TRIGGERS, POLICY))
    where = {"timezone": "Asia/Tokyo", "country": "JP"}
    customer.happens("identify", START, birthday="1990-01-31")
    customer.receives(
        msgspec.json.encode(
            {
                "customer_id": "c",
                "event_type": "A",
                "event_id": "1",
                "timestamp": START + HOUR,
                "event_data": {"url": "https://shop.example/"},
                "location_data": where,
            }
        ),
        arrival=START + HOUR,
    )
    customer.happens("B", START + HOUR + 60_000, url="https://shop.example/cart")
    return customer


def decided_after(customer: Customer) -> str:
    customer.happens("B", START + HOUR + 120_000)
    customer.waits_until(START + 2000 * HOUR)
    return customer.told


def test_what_is_known_of_the_calendar_is_stored_as_ever() -> None:
    customer = a_customer()

    assert customer.program.dump(customer.state, 0) == PATH.read_bytes()


def test_what_was_stored_decides_as_it_did() -> None:
    fresh, restored = a_customer(), Customer(ruleset_of(TRIGGERS, POLICY))
    restored.offset, restored.clock = fresh.offset, fresh.clock
    restored.state = restored.program.load("c", PATH.read_bytes())

    assert describe(restored.state, restored.ruleset) == describe(fresh.state, fresh.ruleset)
    assert decided_after(restored) == decided_after(fresh)
    assert len(fresh.told.split()) == 4


def test_slots_are_small() -> None:
    """With the arrival, which is 9 bytes more."""
    customer = a_customer()
    size = {key: len(msgspec.msgpack.encode(slot)) for key, slot in customer.state.derived.items()}
    ruleset = customer.ruleset
    assert ruleset.session is not None

    assert size[ruleset.session.key] <= sessions.MOST_BYTES + 18
    assert all(size[date.key] <= dates.MOST_BYTES + 9 for date in ruleset.dates)
